/* The tree.  Links, then payload, then ids and repair. */
#include "gossip/spread/tree.h"

#include <stdlib.h>
#include <string.h>

#include "core/trace.h"
#include "gossip/machine/family.h"
#include "gossip/machine/trip.h"
#include "gossip/spread/unanswered.h"

enum {
    STRIDE = 3,
    TELL_BYTES = 128 << 10, /* to one link at one time; what is more than that has to be repaired */
    ITEMS_MAX = 16,         /* of a HAVE or GRAFT: 45 bytes each beside the header */
    GRAFTS_MAX = 6,         /* for one gap; then it is a case for a comparison */
    LOOKS = 4,              /* members looked at for one link */
    AGAIN_PERIODS = 30,     /* between two looks for nearer ones */
};

static uint64_t beat_ms(const struct gossip *g)
{
    return g->profile.gossip_period_ms / 2 + 1;
}

/* ---- links ---- */

static struct tree_link *find_link(struct tree *t, struct node_id peer)
{
    for (size_t i = 0; i < t->n_links; i++) {
        if (node_id_equal(t->links[i].peer, peer))
            return &t->links[i];
    }
    return NULL;
}

static void keep_link(const struct tree *old, struct tree *t, const struct peer *peer)
{
    if (t->n_links == TREE_LINKS_MAX || find_link(t, peer->member.id))
        return;
    bool is_eager = true;
    for (size_t i = 0; i < old->n_links; i++) {
        if (node_id_equal(old->links[i].peer, peer->member.id))
            is_eager = old->links[i].is_eager;
    }
    t->links[t->n_links++] = (struct tree_link){peer->member.id, is_eager};
}

/* Who stands so many places away, or somewhat more, and is nearest to us in the network.  Next neighbours
 * are what holds the ring together and are never passed over. */
static const struct peer *nearest_at(const struct gossip *g, size_t stride, size_t n,
                                     bool is_forward)
{
    size_t self = members_rank(&g->members, g->self);
    const struct peer *best = NULL;
    unsigned best_class = 0;
    for (size_t look = 0; look < LOOKS; look++) {
        size_t step = stride + stride * (STRIDE - 1) * look / LOOKS;
        const struct peer *peer =
            members_ranked(&g->members, is_forward ? (self + step) % n : (self + n - step) % n);
        unsigned class = trip_class(g, peer);
        if (!best || class < best_class) {
            best = peer;
            best_class = class;
        }
        if (stride == 1 || step >= n / 2 || !machine_has(g, GOSSIP_NEAR_LINKS))
            break;
    }
    return best;
}

/* The members have changed, or it is time to look for nearer ones: stand on the ring anew.  Links that
 * stay keep what they are. */
static void build_links(struct gossip *g, uint64_t now_ms)
{
    struct tree *t = &g->push.tree;
    bool is_time = t->again_ms != 0 && now_ms >= t->again_ms;
    if (t->is_built && t->members_digest == g->members.digest && !is_time)
        return;
    size_t n = machine_n_live(g);
    unsigned farthest = 0;
    struct tree old = *t;
    t->n_links = 0;
    for (size_t stride = 1; stride <= n / 2; stride *= STRIDE) {
        for (int direction = 0; direction < 2; direction++) {
            const struct peer *peer = nearest_at(g, stride, n, direction == 0);
            unsigned class = trip_class(g, peer);
            farthest = class > farthest ? class : farthest;
            keep_link(&old, t, peer);
        }
    }
    t->members_digest = g->members.digest;
    t->again_ms =
        farthest > 0 ? now_ms + AGAIN_PERIODS * (uint64_t)g->profile.probe_period_ms : 0;
    t->is_built = true;
}

/* ---- payload ---- */

static void note_have(struct gossip *g, uint64_t now_ms, struct node_id writer)
{
    struct tree *t = &g->push.tree;
    for (size_t i = t->n_have; i-- > 0;) {
        if (node_id_equal(t->have[i].writer, writer))
            return;
    }
    if (t->n_have == TREE_HAVE_MAX) {
        g->metrics->drop_bound++;
        return;
    }
    t->have[t->n_have++] = (struct tree_have){.writer = writer};
    if (t->have_ms == 0)
        t->have_ms = now_ms + beat_ms(g);
}

static bool has_room(struct push *p)
{
    size_t cap = p->cap ? 2 * p->cap : 16;
    if (p->n < p->cap)
        return true;
    struct push_range *ranges = realloc(p->ranges, cap * sizeof(*ranges));
    if (!ranges)
        return false;
    p->ranges = ranges;
    p->cap = cap;
    return true;
}

/* Some link was told of this writer's news in a way that nobody looks after. */
static void note_unkept(struct gossip *g, struct node_id writer)
{
    struct tree *t = &g->push.tree;
    for (size_t i = 0; i < t->n_have; i++)
        t->have[i].is_unkept = t->have[i].is_unkept || node_id_equal(t->have[i].writer, writer);
}

void tree_add(struct gossip *g, uint64_t now_ms, const struct push_range *range)
{
    struct push *p = &g->push;
    note_have(g, now_ms, range->writer);
    for (size_t i = 0; i < p->n; i++) {
        struct push_range *waiting = &p->ranges[i];
        if (waiting->epoch == range->epoch && waiting->through == range->after &&
            node_id_equal(waiting->writer, range->writer)) {
            waiting->through = range->through;
            return;
        }
    }
    if (p->n == PUSHES_MAX || !has_room(p)) {
        g->metrics->drop_bound++;
        return;
    }
    p->ranges[p->n++] = *range;
}

static void flush_link(struct gossip *g, uint64_t now_ms, struct peer *to,
                       const struct tell_size *sizes, struct gossip_effects *fx)
{
    struct push *p = &g->push;
    struct parcel parcel = tell_parcel(0);
    size_t left = TELL_BYTES;
    for (size_t i = 0; i < p->n; i++) {
        const struct push_range *range = &p->ranges[i];
        if (node_id_equal(range->from, to->member.id) ||
            node_id_equal(range->writer, to->member.id))
            continue;
        if (sizes[i].needs_stream || sizes[i].is_too_large) {
            tell_range(g, now_ms, to, range, fx);
            note_unkept(g, range->writer);
            continue;
        }
        if (sizes[i].bytes > left) {
            g->metrics->drop_bound++;
            note_unkept(g, range->writer);
            continue;
        }
        left -= sizes[i].bytes;
        tell_packed(g, now_ms, to, &parcel, range, fx);
    }
    tell_rest(g, now_ms, to, &parcel, fx);
    for (size_t i = 0; parcel.has_unkept && i < p->n; i++)
        note_unkept(g, p->ranges[i].writer);
}

void tree_flush(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct push *p = &g->push;
    struct tree *t = &p->tree;
    struct tell_size *sizes = arena_array(&g->scratch, p->n, sizeof(*sizes));
    build_links(g, now_ms);
    for (size_t i = 0; sizes && i < p->n; i++)
        sizes[i] = tell_measure(g, &p->ranges[i]);
    for (size_t i = 0; sizes && i < t->n_links; i++) {
        struct peer *to = members_peer(&g->members, t->links[i].peer);
        if (t->links[i].is_eager && to && peer_is_live(to))
            flush_link(g, now_ms, to, sizes, fx);
    }
    p->n = 0;
}

static void send_plain(struct gossip *g, uint64_t now_ms, enum message_kind kind,
                       struct peer *to, struct message_seen *items, size_t n,
                       struct gossip_effects *fx)
{
    struct message m = machine_message(g, now_ms, kind, to);
    m.seen = items;
    m.n_seen = n;
    machine_send(g, family_endpoint(g, to), to, &m, false, fx);
}

static void send_prune(struct gossip *g, uint64_t now_ms, struct peer *to, uint32_t sequence,
                       struct gossip_effects *fx)
{
    struct message m = machine_message(g, now_ms, MESSAGE_PRUNE, to);
    m.sequence = sequence;
    machine_send(g, family_endpoint(g, to), to, &m, false, fx);
}

bool tree_hear_push(struct gossip *g, uint64_t now_ms, struct peer *from, uint32_t sequence,
                    bool was_news, struct gossip_effects *fx)
{
    if (!was_news && (sequence & PUSH_AGAIN))
        return false;
    struct tree_link *link = find_link(&g->push.tree, from->member.id);
    if (link)
        link->is_eager = was_news;
    if (!was_news)
        send_prune(g, now_ms, from, sequence, fx);
    return !was_news;
}

/* ---- ids ---- */

static void send_ids(struct gossip *g, uint64_t now_ms, bool is_eager,
                     struct gossip_effects *fx)
{
    struct tree *t = &g->push.tree;
    for (size_t i = 0; i < t->n_have;) {
        struct message_seen items[ITEMS_MAX];
        size_t n = 0;
        for (; i < t->n_have && n < ITEMS_MAX; i++) {
            const struct seen_number *seen = seen_find(&g->seen, t->have[i].writer);
            if (seen && (!is_eager || t->have[i].is_unkept))
                items[n++] = (struct message_seen){seen->writer, seen->epoch, seen->number, false, 0, 0, {{0}}};
        }
        for (size_t k = 0; k < t->n_links && n > 0; k++) {
            struct peer *peer = members_peer(&g->members, t->links[k].peer);
            if (t->links[k].is_eager == is_eager && peer && peer_is_live(peer))
                send_plain(g, now_ms, MESSAGE_HAVE, peer, items, n, fx);
        }
    }
}

/* Lazy links hear of it after a beat; eager ones only of what they were not told, or not so that its
 * loss would be noticed. */
static void send_have(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct tree *t = &g->push.tree;
    build_links(g, now_ms);
    send_ids(g, now_ms, true, fx);
    send_ids(g, now_ms, false, fx);
    t->n_have = 0;
    t->have_ms = 0;
}

static bool has_seen(const struct gossip *g, struct node_id writer, uint64_t epoch,
                     uint64_t number)
{
    const struct seen_number *seen = seen_find(&g->seen, writer);
    return seen && seen_compare(seen->epoch, seen->number, epoch, number) >= 0;
}

/* Somebody has what we have not; it may be under way. */
void tree_miss(struct gossip *g, uint64_t now_ms, struct node_id from, struct node_id writer,
               uint64_t epoch, uint64_t number)
{
    struct tree *t = &g->push.tree;
    if (has_seen(g, writer, epoch, number) || machine_is_self(g, writer) ||
        now_ms < g->full_ms)
        return;
    for (size_t i = 0; i < t->n_missing; i++) {
        struct tree_missing *m = &t->missing[i];
        if (!node_id_equal(m->writer, writer))
            continue;
        if (seen_compare(epoch, number, m->epoch, m->number) > 0) {
            m->epoch = epoch;
            m->number = number;
        }
        if (!node_id_equal(m->from[0], from))
            m->from[1] = from;
        return;
    }
    if (t->n_missing == TREE_MISSING_MAX) {
        g->metrics->drop_bound++;
        return;
    }
    t->missing[t->n_missing++] = (struct tree_missing){
        .writer = writer,
        .from = {from, from},
        .epoch = epoch,
        .number = number,
        .due_ms = now_ms + beat_ms(g),
    };
}

/* ---- repair ---- */

static void graft(struct gossip *g, uint64_t now_ms, struct tree_missing *m,
                  struct gossip_effects *fx)
{
    struct peer *from = members_peer(&g->members, m->from[0]);
    const struct seen_number *seen = seen_find(&g->seen, m->writer);
    struct message_seen item = {.writer = m->writer};
    if (seen)
        item = (struct message_seen){m->writer, seen->epoch, seen->number, false, 0, 0, {{0}}};
    struct node_id next = m->from[1];
    m->from[1] = m->from[0];
    m->from[0] = next;
    m->n_tries++;
    m->due_ms = now_ms + beat_ms(g) / 2 * (m->n_tries + 1);
    if (!from || !peer_is_live(from))
        return;
    struct tree_link *link = find_link(&g->push.tree, from->member.id);
    if (link)
        link->is_eager = true;
    send_plain(g, now_ms, MESSAGE_GRAFT, from, &item, 1, fx);
}

static void tick_missing(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct tree *t = &g->push.tree;
    size_t n_left = 0;
    for (size_t i = 0; i < t->n_missing; i++) {
        struct tree_missing *m = &t->missing[i];
        if (has_seen(g, m->writer, m->epoch, m->number))
            continue;
        if (now_ms >= m->due_ms) {
            if (m->n_tries == GRAFTS_MAX)
                continue;
            graft(g, now_ms, m, fx);
        }
        t->missing[n_left++] = *m;
    }
    t->n_missing = n_left;
}

static void hear_graft(struct gossip *g, uint64_t now_ms, struct peer *from,
                       const struct message_seen *item, struct gossip_effects *fx)
{
    const struct seen_number *seen = seen_find(&g->seen, item->writer);
    if (!seen || seen_compare(seen->epoch, seen->number, item->epoch, item->number) <= 0)
        return;
    struct push_range range = {
        .writer = seen->writer,
        .from = g->self->member.id,
        .epoch = seen->epoch,
        .after = seen->epoch == item->epoch ? item->number : 0,
        .through = seen->number,
    };
    if (unanswered_hasten(g, now_ms, from->member.id, &range))
        return;
    struct tell_size size = tell_measure(g, &range);
    if (size.needs_stream || size.is_too_large) {
        tell_range(g, now_ms, from, &range, fx);
        return;
    }
    struct parcel parcel = tell_parcel(0);
    tell_packed(g, now_ms, from, &parcel, &range, fx);
    tell_rest(g, now_ms, from, &parcel, fx);
}

void tree_hear(struct gossip *g, uint64_t now_ms, struct peer *from, const struct message *m,
               struct gossip_effects *fx)
{
    struct tree_link *link = find_link(&g->push.tree, from->member.id);
    if (link && m->kind != MESSAGE_HAVE)
        link->is_eager = m->kind == MESSAGE_GRAFT;
    for (size_t i = 0; i < m->n_seen && i < ITEMS_MAX; i++) {
        const struct message_seen *item = &m->seen[i];
        if (m->kind == MESSAGE_HAVE)
            tree_miss(g, now_ms, from->member.id, item->writer, item->epoch, item->number);
        else if (m->kind == MESSAGE_GRAFT)
            hear_graft(g, now_ms, from, item, fx);
    }
}

/* ---- time ---- */

/* A link that has become lazy meanwhile was still told it as an eager one. */
static void tell_unanswered(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct push_range *ranges;
    struct node_id id;
    uint32_t sequence;
    size_t n;
    while ((n = unanswered_take(g, now_ms, &ranges, &id, &sequence)) > 0) {
        struct peer *to = members_peer(&g->members, id);
        struct parcel parcel = tell_parcel(sequence);
        for (size_t i = 0; to && peer_is_live(to) && i < n; i++) {
            if (!tell_measure(g, &ranges[i]).is_too_large)
                tell_packed(g, now_ms, to, &parcel, &ranges[i], fx);
        }
        if (to)
            tell_rest(g, now_ms, to, &parcel, fx);
    }
}

void tree_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct tree *t = &g->push.tree;
    tell_unanswered(g, now_ms, fx);
    if (t->have_ms != 0 && now_ms >= t->have_ms)
        send_have(g, now_ms, fx);
    tick_missing(g, now_ms, fx);
}

uint64_t tree_deadline_ms(const struct gossip *g)
{
    const struct tree *t = &g->push.tree;
    uint64_t deadline = unanswered_deadline_ms(g);
    if (t->have_ms && t->have_ms < deadline)
        deadline = t->have_ms;
    for (size_t i = 0; i < t->n_missing; i++)
        deadline = t->missing[i].due_ms < deadline ? t->missing[i].due_ms : deadline;
    return deadline;
}
