/* Pushing ranges of entries, in datagrams where they fit, else on a stream of their own.
 */
#include "gossip/push.h"

#include "core/trace.h"
#include "gossip/entries.h"

enum {
    COALESCE_MS = 10, /* writes of one moment share a datagram */
    RETRY_MS = 100,   /* more than a round trip nearly anywhere; doubled each time */
    RETRIES_MAX = 4,
    RETRY_NUMBERS_MAX = 2000, /* who lacks more than this is a case for a comparison */
    DATAGRAMS_MAX = 16,       /* a range that needs more of them goes by stream */
    PUSH_BYTES_MAX = 2 << 20, /* and one larger than this waits for a comparison */
    FRAME_BYTES = 128 << 10,
    FANOUT = 3,
    ROUNDS = 2, /* 3 * 2 tellings each: all but e^-6 of the members hear it */
};

static const size_t datagram_room =
    MESSAGE_DATAGRAM_MAX - MESSAGE_HEADER_SIZE - MESSAGE_RANGE_SIZE;

static bool is_direct(const struct gossip *g)
{
    return machine_n_live(g) <= DIRECT_MEMBERS;
}

/* ---- cutting a range into messages ---- */

/* The next entry of the range; false after its last. */
static bool next_in(const struct gossip *g, struct table_walk *walk,
                    const struct push_range *range, struct entry *ret_entry)
{
    return table_next(&g->table, walk, ret_entry) &&
           node_id_equal(ret_entry->writer, range->writer) &&
           ret_entry->epoch == range->epoch && ret_entry->number <= range->through;
}

struct route {
    struct peer *to;
    uint32_t stream; /* 0: datagrams */
};

static void send_part(struct gossip *g, uint64_t now_ms, struct route where,
                      struct message_range *part, struct gossip_effects *fx)
{
    struct message m = machine_message(g, now_ms, MESSAGE_PUSH, where.to);
    m.ranges = part;
    m.n_ranges = 1;
    struct stream *s = stream_find(g, where.stream);
    if (s) {
        s->credit++;
        machine_send_frame(g, where.stream, &m, fx);
        return;
    }
    machine_send(g, where.to->member.endpoint, where.to, &m, false, fx);
}

/* Send the range in parts of at most `room` bytes, more only for a single entry. */
static void send_parts(struct gossip *g, uint64_t now_ms, struct route where,
                       const struct push_range *range, size_t room,
                       struct gossip_effects *fx)
{
    struct table_walk walk;
    struct entry e;
    table_from(&g->table, range->writer, range->epoch, range->after + 1, &walk);
    struct message_range part = {
        .writer = range->writer, .epoch = range->epoch, .after = range->after};
    size_t left = room, cap = 0;
    part.entries = NULL;
    while (next_in(g, &walk, range, &e)) {
        size_t size = message_entry_size(e.key, e.value);
        if (part.n_entries > 0 && size > left) {
            part.through = part.entries[part.n_entries - 1].number;
            send_part(g, now_ms, where, &part, fx);
            part = (struct message_range){
                .writer = range->writer, .epoch = range->epoch, .after = part.through};
            left = room;
            cap = 0;
        }
        if (arena_grow(&g->scratch, (void **)&part.entries, part.n_entries, &cap,
                       sizeof(*part.entries)) < 0)
            return;
        struct bytes key = arena_bytes(&g->scratch, e.key);
        if (!key.at)
            return;
        part.entries[part.n_entries++] = (struct message_entry){
            .key = key,
            .value = e.value,
            .number = e.number,
            .generation = e.generation,
            .stamp = e.stamp,
        };
        left -= size < left ? size : left;
    }
    part.through = range->through;
    send_part(g, now_ms, where, &part, fx);
}

static void push_to(struct gossip *g, uint64_t now_ms, struct peer *to,
                    const struct push_range *range, struct gossip_effects *fx)
{
    size_t total = 0, largest = 0;
    struct table_walk walk;
    struct entry e;
    table_from(&g->table, range->writer, range->epoch, range->after + 1, &walk);
    while (next_in(g, &walk, range, &e)) {
        size_t size = message_entry_size(e.key, e.value);
        total += size;
        largest = size > largest ? size : largest;
        if (total > PUSH_BYTES_MAX)
            return;
    }
    if (largest <= datagram_room && total <= DATAGRAMS_MAX * datagram_room) {
        send_parts(g, now_ms, (struct route){.to = to}, range, datagram_room, fx);
        return;
    }
    /* One at a time: the answer to the first tells what is still missing. */
    struct stream *s = stream_to(g, to->member.id, USE_PUSH)
                           ? NULL
                           : stream_connect(g, now_ms, to, USE_PUSH, fx);
    if (s)
        s->range = *range;
}

void push_stream_opened(struct gossip *g, uint64_t now_ms, struct stream *s,
                        struct gossip_effects *fx)
{
    struct peer *to = members_peer(&g->members, s->peer);
    if (!to) {
        stream_close(s, fx);
        return;
    }
    send_parts(g, now_ms, (struct route){to, s->id}, &s->range, FRAME_BYTES, fx);
}

void push_hear_seen(struct stream *s, struct gossip_effects *fx)
{
    if (s->use == USE_PUSH && s->credit > 0 && --s->credit == 0)
        stream_close(s, fx);
}

/* ---- hearing ---- */

static void pass_on(struct gossip *g, uint64_t now_ms, const struct push_range *range)
{
    struct push *p = &g->push;
    if (p->due_ms == 0)
        p->due_ms = now_ms + COALESCE_MS;
    for (size_t i = 0; i < p->n; i++) {
        struct push_range *waiting = &p->ranges[i];
        if (waiting->rounds == range->rounds && waiting->epoch == range->epoch &&
            waiting->through == range->after &&
            node_id_equal(waiting->writer, range->writer)) {
            waiting->through = range->through;
            return;
        }
    }
    if (p->n == PUSHES_MAX) {
        g->metrics->drop_bound++;
        return;
    }
    p->ranges[p->n++] = *range;
}

/* Merge, and pass on what was news.  True when the teller waits for an answer. */
static bool hear_range(struct gossip *g, uint64_t now_ms, struct node_id teller,
                       const struct message_range *in, struct gossip_effects *fx)
{
    int news = entries_hear(g, now_ms, in, fx);
    struct push_range range = {
        .writer = in->writer,
        .from = teller,
        .epoch = in->epoch,
        .after = in->after,
        .through = in->through,
        .rounds = ROUNDS,
    };
    if (news > 0 && in->through != 0 && !is_direct(g))
        pass_on(g, now_ms, &range);
    return node_id_equal(in->writer, teller);
}

void push_hear(struct gossip *g, uint64_t now_ms, struct endpoint from, struct stream *s,
               const struct message *m, struct gossip_effects *fx)
{
    bool is_awaited = s != NULL;
    for (size_t i = 0; i < m->n_ranges; i++)
        is_awaited = hear_range(g, now_ms, m->sender.id, &m->ranges[i], fx) || is_awaited;
    struct peer *peer = members_peer(&g->members, m->sender.id);
    if (!peer || !is_awaited)
        return;
    struct message answer = machine_message(g, now_ms, MESSAGE_SEEN, peer);
    if (s)
        machine_send_frame(g, s->id, &answer, fx);
    else
        machine_send(g, from, peer, &answer, false, fx);
}

/* ---- time ---- */

void push_fresh(struct gossip *g, uint64_t now_ms)
{
    if (g->push.due_ms == 0)
        g->push.due_ms = now_ms + COALESCE_MS;
}

static void tell_everyone(struct gossip *g, uint64_t now_ms,
                          const struct push_range *range, struct gossip_effects *fx)
{
    const struct peer_list *live = &g->members.roles[ROLE_LIVE];
    for (size_t i = 0; i < live->n; i++)
        push_to(g, now_ms, live->at[i], range, fx);
    g->push.retry_ms = live->n ? now_ms + RETRY_MS : 0;
    g->push.n_retries = 0;
}

static void tell_some(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct push *p = &g->push;
    size_t n_left = 0;
    for (size_t i = 0; i < p->n; i++) {
        struct peer *to[FANOUT];
        struct push_range *range = &p->ranges[i];
        size_t n = members_draw(&g->members, ROLE_LIVE, &g->rng,
                                members_peer(&g->members, range->from), to, FANOUT);
        for (size_t k = 0; k < n; k++)
            push_to(g, now_ms, to[k], range, fx);
        if (--range->rounds > 0)
            p->ranges[n_left++] = *range;
    }
    p->n = n_left;
}

static void tick_due(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct push *p = &g->push;
    struct push_range own = {
        .writer = g->self->member.id,
        .from = g->self->member.id,
        .epoch = g->epoch,
        .after = p->told,
        .through = g->number,
        .rounds = ROUNDS,
    };
    bool has_own = g->number > p->told;
    p->told = g->number;
    p->due_ms = 0;
    if (is_direct(g)) {
        p->n = 0;
        if (has_own)
            tell_everyone(g, now_ms, &own, fx);
        return;
    }
    if (has_own)
        pass_on(g, now_ms, &own);
    tell_some(g, now_ms, fx);
    p->due_ms = p->n ? now_ms + g->profile.gossip_period_ms / 4 + 1 : 0;
}

static void tick_retry(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct push *p = &g->push;
    const struct peer_list *live = &g->members.roles[ROLE_LIVE];
    size_t n_behind = 0;
    p->retry_ms = 0;
    if (!is_direct(g))
        return;
    for (size_t i = 0; i < live->n; i++) {
        struct peer *peer = live->at[i];
        uint64_t known = peer->known_epoch == g->epoch ? peer->known_number : 0;
        if (known >= p->told || p->told - known > RETRY_NUMBERS_MAX)
            continue;
        n_behind++;
        struct push_range range = {
            .writer = g->self->member.id,
            .epoch = g->epoch,
            .after = known,
            .through = p->told,
        };
        push_to(g, now_ms, peer, &range, fx);
    }
    if (n_behind > 0 && p->n_retries < RETRIES_MAX)
        p->retry_ms = now_ms + ((uint64_t)RETRY_MS << ++p->n_retries);
}

void push_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    if (g->push.due_ms != 0 && now_ms >= g->push.due_ms)
        tick_due(g, now_ms, fx);
    if (g->push.retry_ms != 0 && now_ms >= g->push.retry_ms)
        tick_retry(g, now_ms, fx);
}

uint64_t push_deadline_ms(const struct gossip *g)
{
    uint64_t due = g->push.due_ms ? g->push.due_ms : UINT64_MAX;
    uint64_t retry = g->push.retry_ms ? g->push.retry_ms : UINT64_MAX;
    return due < retry ? due : retry;
}
