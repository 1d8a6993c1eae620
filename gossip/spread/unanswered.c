/* A short array in the order of sending: the parts of one datagram are neighbours, and it is empty
 * a round trip after the last push, so looking through all of it is cheap. */
#include "gossip/spread/unanswered.h"

enum {
    TELLINGS_MAX = 6, /* again; at 15 % of loss one datagram in 600,000 is lost so often */
    SEQUENCE_STEP = 2, /* the lowest bit is PUSH_AGAIN */
    SEQUENCE_MAX = 1 << 20, /* three bytes on the wire */
};

/* The n-th pause: a round trip as last measured, which says little of a host that was busy then, and
 * a quarter of a gossip period more each time. */
static uint64_t pause_ms(const struct gossip *g, const struct peer *to, unsigned n)
{
    uint64_t period = g->profile.gossip_period_ms;
    uint64_t trip = to ? (uint64_t)to->member.rtt_us / 1000 : 0;
    return n * (period / 4 + 1) + (trip < period ? trip : period);
}

uint32_t unanswered_add(struct gossip *g, uint64_t now_ms, const struct peer *to,
                        const struct message_range *ranges, size_t n)
{
    struct unanswered *u = &g->push.tree.unanswered;
    if (n > UNANSWERED_MAX - u->n) {
        g->metrics->drop_bound++;
        return 0;
    }
    u->sequence = (u->sequence + SEQUENCE_STEP) % SEQUENCE_MAX;
    if (u->sequence == 0)
        u->sequence = SEQUENCE_STEP;
    for (size_t i = 0; i < n; i++) {
        u->at[u->n++] = (struct unanswered_range){
            .peer = to->member.id,
            .sequence = u->sequence,
            .n_tellings = 1,
            .sent_ms = now_ms,
            .due_ms = now_ms + pause_ms(g, to, 1),
            .writer = ranges[i].writer,
            .epoch = ranges[i].epoch,
            .after = ranges[i].after,
            .through = ranges[i].through,
        };
    }
    return u->sequence;
}

/* Who was told once and answers has shown how long the way is.  Probes measure it better, but in a large
 * cluster two members seldom meet so. */
static void learn_trip(struct gossip *g, uint64_t now_ms, const struct unanswered_range *r)
{
    struct peer *peer = r->n_tellings == 1 ? members_peer(&g->members, r->peer) : NULL;
    if (peer && peer->member.rtt_us == 0)
        peer->member.rtt_us = (uint32_t)(now_ms - r->sent_ms) * 1000 + 1;
}

void unanswered_hear(struct gossip *g, uint64_t now_ms, struct node_id peer,
                     uint32_t sequence)
{
    const struct unanswered *u = &g->push.tree.unanswered;
    for (size_t i = 0; sequence != 0 && (sequence & PUSH_AGAIN) == 0 && i < u->n; i++)
        if (u->at[i].sequence == sequence && node_id_equal(u->at[i].peer, peer))
            learn_trip(g, now_ms, &u->at[i]);
    unanswered_clear(g, peer, sequence);
}

void unanswered_clear(struct gossip *g, struct node_id peer, uint32_t sequence)
{
    struct unanswered *u = &g->push.tree.unanswered;
    size_t n_left = 0;
    if (sequence == 0)
        return;
    for (size_t i = 0; i < u->n; i++) {
        if (u->at[i].sequence != (sequence & ~(uint32_t)PUSH_AGAIN) ||
            !node_id_equal(u->at[i].peer, peer))
            u->at[n_left++] = u->at[i];
    }
    u->n = n_left;
}

bool unanswered_hasten(struct gossip *g, uint64_t now_ms, struct node_id peer,
                       const struct push_range *range)
{
    struct unanswered *u = &g->push.tree.unanswered;
    for (size_t i = 0; i < u->n; i++) {
        struct unanswered_range *r = &u->at[i];
        if (node_id_equal(r->peer, peer) && node_id_equal(r->writer, range->writer) &&
            r->epoch == range->epoch && r->after <= range->after &&
            r->through >= range->through) {
            r->due_ms = now_ms;
            return true;
        }
    }
    return false;
}

static const struct unanswered_range *first_due(const struct unanswered *u, uint64_t now_ms)
{
    for (size_t i = 0; i < u->n; i++) {
        if (now_ms >= u->at[i].due_ms)
            return &u->at[i];
    }
    return NULL;
}

size_t unanswered_take(struct gossip *g, uint64_t now_ms, struct push_range **ret_ranges,
                       struct node_id *ret_peer, uint32_t *ret_sequence)
{
    struct unanswered *u = &g->push.tree.unanswered;
    const struct unanswered_range *due = first_due(u, now_ms);
    if (!due)
        return 0;
    struct node_id peer = due->peer;
    uint32_t sequence = due->sequence;
    unsigned n_tellings = due->n_tellings;
    const struct peer *to = members_peer(&g->members, peer);
    struct push_range *ranges = arena_array(&g->scratch, u->n, sizeof(*ranges));
    size_t n = 0;
    for (size_t i = 0; i < u->n; i++) {
        struct unanswered_range *r = &u->at[i];
        if (r->sequence != sequence || !node_id_equal(r->peer, peer))
            continue;
        r->n_tellings = n_tellings + 1;
        r->due_ms = now_ms + pause_ms(g, to, r->n_tellings);
        if (ranges)
            ranges[n++] = (struct push_range){
                .writer = r->writer, .epoch = r->epoch, .after = r->after, .through = r->through};
    }
    if (n_tellings == TELLINGS_MAX || !to || !peer_is_live(to))
        unanswered_clear(g, peer, sequence);
    *ret_ranges = ranges;
    *ret_peer = peer;
    *ret_sequence = sequence | PUSH_AGAIN;
    return n;
}

uint64_t unanswered_deadline_ms(const struct gossip *g)
{
    const struct unanswered *u = &g->push.tree.unanswered;
    uint64_t deadline = UINT64_MAX;
    for (size_t i = 0; i < u->n; i++)
        deadline = u->at[i].due_ms < deadline ? u->at[i].due_ms : deadline;
    return deadline;
}
