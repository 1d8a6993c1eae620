/* Publishing the own low-water number, dropping what lies below those of all. */
#include "gossip/spread/collect.h"

#include <stdio.h>

#include "core/trace.h"
#include "gossip/spread/entries.h"
#include "gossip/spread/retire.h"
#include "gossip/spread/water.h"

enum {
    HURRY_PERCENT = 50, /* of a bound of the table: then nobody is waited for who is gone */
    SETTLE_LAGS = 16,
};

/* ---- dropping ---- */

/* The first tombstone of the writer with a number in [from, through]. */
static bool next_tombstone(const struct gossip *g, struct node_id writer, uint64_t epoch,
                           uint64_t from, uint64_t through, struct table_walk *ret_walk,
                           struct entry *ret_entry)
{
    table_from(&g->table, writer, epoch, from, ret_walk);
    while (table_next(&g->table, ret_walk, ret_entry)) {
        if (!node_id_equal(ret_entry->writer, writer) || ret_entry->epoch != epoch ||
            ret_entry->number > through)
            return false;
        if (!ret_entry->value.at)
            return true;
    }
    return false;
}

/* False when there was more than may be dropped in this step. */
static bool drop_below(struct gossip *g, struct node_id writer, size_t *left,
                       struct gossip_effects *fx)
{
    struct water w = water_of(g, writer);
    struct table_walk walk;
    struct entry e;
    uint64_t from = 1;
    while (w.number > 0 &&
           next_tombstone(g, writer, w.epoch, from, w.number, &walk, &e)) {
        if (*left == 0)
            return false;
        from = e.number + 1;
        entries_drop(g, &e, fx);
        g->metrics->tombstones_dropped++;
        --*left;
    }
    return retire_drop_below(g, writer, left, fx);
}

void collect_init(struct gossip *g)
{
    g->collect.n_marks = 1;
}

void collect_run(struct gossip *g, struct gossip_effects *fx)
{
    struct collect *c = &g->collect;
    bool are_all_due = c->n_due == COLLECT_DUE_MAX, is_done = true;
    size_t left = COLLECT_STEP, n_left = 0;
    for (size_t i = 0; i < g->seen.n && are_all_due; i++)
        is_done = drop_below(g, g->seen.numbers[i].writer, &left, fx) && is_done;
    if (are_all_due)
        is_done = retire_drop_all(g, &left, fx) && is_done;
    for (size_t i = 0; i < c->n_due && !are_all_due; i++) {
        if (!drop_below(g, c->due[i], &left, fx))
            c->due[n_left++] = c->due[i];
    }
    c->n_due = are_all_due && !is_done ? COLLECT_DUE_MAX : n_left;
}

/* ---- the own number ---- */

/* Who is gone for longer finds a low water above what it has seen when it comes back, and is cleaned. */
static bool is_waited_for(const struct gossip *g, uint64_t now_ms,
                          const struct peer *peer)
{
    bool is_gone = peer->member.state == MEMBER_DEAD || peer->member.state == MEMBER_LEFT;
    return !is_gone || (now_ms - peer->member.changed_ms < g->profile.collect_hold_ms &&
                        table_percent(&g->table) < HURRY_PERCENT);
}

/* How far everyone has seen us who is waited for.  Who has come back and has not said anything since may
 * have lost what it had. */
static uint64_t known_by_all(const struct gossip *g, uint64_t now_ms)
{
    uint64_t number = g->number;
    for (size_t i = 0; i < g->members.all.n; i++) {
        const struct peer *peer = members_nth(&g->members, i);
        bool has_said = peer_heard(peer)->known_incarnation == peer->member.incarnation;
        uint64_t known = has_said ? peer_known(peer, g->epoch) : 0;
        if (peer != g->self && known < number && is_waited_for(g, now_ms, peer))
            number = known;
    }
    return number;
}

/* A member may have a deletion and not yet have seen what it deleted.  When that is told it by somebody who
 * was away, it takes it as news, and nobody takes it out again.  So deletions stay until each live member
 * has shown a digest that was ours at that time or later: it has seen all that we had seen.  Where all
 * write all the time it may never show one, and is trusted after a while. */
static bool have_seen_all_since(const struct gossip *g, uint64_t now_ms, uint64_t since_ms)
{
    uint64_t patience_ms =
        g->profile.collect_hold_ms + (uint64_t)SETTLE_LAGS * g->profile.collect_lag_ms;
    bool is_hurried = table_percent(&g->table) >= HURRY_PERCENT;
    for (size_t i = 0; i < g->members.all.n && !is_hurried; i++) {
        const struct peer *peer = members_nth(&g->members, i);
        uint64_t came_ms = peer->member.changed_ms;
        uint64_t from_ms = came_ms > since_ms ? came_ms : since_ms;
        if (peer != g->self && peer_is_live(peer) && peer_heard(peer)->same_ms < from_ms &&
            now_ms - from_ms < patience_ms)
            return false;
    }
    return true;
}

static void publish(struct gossip *g, uint64_t now_ms, uint64_t through,
                    struct gossip_effects *fx)
{
    struct water was = water_of(g, g->self->member.id);
    struct water next = {.number = through, .generation = g->collect.generation};
    struct table_walk walk;
    struct entry e;
    uint64_t from = was.epoch == g->epoch ? was.number + 1 : 1;
    bool has_any = false;
    while (next_tombstone(g, g->self->member.id, g->epoch, from, through, &walk, &e)) {
        has_any = true;
        from = e.number + 1;
        next.generation = e.generation > next.generation ? e.generation : next.generation;
    }
    char key[KEY_LEN_MAX], id[NODE_ID_TEXT];
    (void)snprintf(key, sizeof(key), "water/%s", node_id_text(g->self->member.id, id));
    struct bytes value = water_encode(&next, &g->scratch);
    if (!has_any || !value.at ||
        entries_write(g, now_ms, bytes_of_text(key), value, NULL, fx) < 0)
        return;
    g->collect.generation = next.generation; /* our own next records begin above them, too */
    trace(g->tracer, "tombstones up to %llu are with everyone",
          (unsigned long long)through);
    machine_wake_push(g, now_ms);
    g->collect.n_rows++;
    water_is_due(g, g->self->member.id);
}

static void ripen(struct gossip *g, uint64_t now_ms, uint64_t known)
{
    g->collect.ripe = known;
    g->collect.ripe_epoch = g->epoch;
    g->collect.ripe_ms = now_ms;
}

void collect_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct collect *c = &g->collect;
    if (!g->is_ready || g->is_leaving || now_ms < c->next_ms)
        return;
    c->next_ms = now_ms + g->profile.collect_lag_ms;
    water_give_up(g, fx);
    uint64_t known = known_by_all(g, now_ms);
    if (c->ripe == 0 || c->ripe_epoch != g->epoch || known < c->ripe) {
        ripen(g, now_ms, known);
    } else if (have_seen_all_since(g, now_ms, c->ripe_ms)) {
        /* A stale node may still hold entries that others have deleted, so it must not say that no node
         * does. */
        if (!water_is_stale(g))
            publish(g, now_ms, c->ripe, fx);
        ripen(g, now_ms, known);
    }
    if (!water_is_stale(g) && have_seen_all_since(g, now_ms, c->looked_ms))
        retire_look(g, now_ms, fx);
}

uint64_t collect_deadline_ms(const struct gossip *g)
{
    bool is_idle = !g->is_ready || g->is_leaving || (g->number == 0 && g->seen.n < 2);
    return is_idle ? UINT64_MAX : g->collect.next_ms;
}
