/* Counting and naming who has a write.  See reach.h. */
#include "agent/reach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

enum {
    NAMES_SAID_MAX = 8, /* in a sentence */
    SILENT_MS = 2000,   /* who was heard later than that is only not done yet */
};

struct reach reach_of(const struct gossip *g)
{
    const struct members *m = gossip_members(g);
    const struct member *self = members_find(m, gossip_id(g));
    size_t within = members_count_state(m, MEMBER_ALIVE) +
                    members_count_state(m, MEMBER_SUSPECT) +
                    (self->state == MEMBER_LEFT); /* it still speaks */
    return (struct reach){within, within + members_count_state(m, MEMBER_DEAD)};
}

void holding_add(struct holding *h, const struct entry *e)
{
    for (size_t i = 0; i < h->n_marks; i++) {
        struct holding_mark *mark = &h->marks[i];
        if (!node_id_equal(mark->writer, e->writer))
            continue;
        if (e->epoch > mark->epoch ||
            (e->epoch == mark->epoch && e->number > mark->number))
            *mark = (struct holding_mark){e->writer, e->epoch, e->number};
        return;
    }
    if (h->n_marks == HOLDING_MARKS_MAX)
        h->is_overfull = true;
    else
        h->marks[h->n_marks++] = (struct holding_mark){e->writer, e->epoch, e->number};
}

/* ---- how many are wanted ---- */

size_t reach_wanted(int ack, struct reach r)
{
    if (ack > 0)
        return (size_t)ack;
    if (ack == ACK_ALL)
        return r.total;
    if (ack == ACK_MAJORITY)
        return r.total / 2 + 1;
    return r.within < 2 ? r.within : 2;
}

size_t reach_expected(int ack, struct reach r)
{
    /* Half of the sample: it is drawn by chance, and some of it is slow. */
    size_t sample = ANSWER_SAMPLE / 2;
    bool is_sampled = r.within > ANSWER_MEMBERS && reach_wanted(ack, r) <= sample;
    return is_sampled ? sample : r.within;
}

int reach_check(const struct gossip *g, int ack, struct err *err)
{
    struct reach r = reach_of(g);
    size_t wanted = reach_wanted(ack, r);
    if (wanted > r.total)
        return err_set(err, ERR_INVALID, "%zu wanted: the cluster has %zu member%s",
                       wanted, r.total, r.total == 1 ? "" : "s");
    if (wanted > r.within)
        return err_set(
            err, ERR_NOT_READY, "%zu wanted, %zu within reach: --ack %zu to write %s",
            wanted, r.within, r.within, r.within == 1 ? "here alone" : "to those alone");
    return 0;
}

int reach_check_lone(const struct gossip *g, uint64_t now_ms, uint64_t until_ms, int ack,
                     struct err *err)
{
    struct reach r = reach_of(g);
    if (r.within > 1 || r.total < 2 || ack == 1 || now_ms >= until_ms)
        return 0;
    return err_set(err, ERR_NOT_READY,
                   "this node has just started, remembers %zu other member%s and hears "
                   "none: it takes orders in %llu s; --ack 1 to write here alone",
                   r.total - 1, r.total == 2 ? "" : "s",
                   (unsigned long long)((until_ms - now_ms + 999) / 1000));
}

/* ---- who has it ---- */

static bool covers(const struct peer_view *peer, const struct holding_mark *mark)
{
    for (size_t i = 0; i < peer->n_seen; i++)
        if (node_id_equal(peer->seen[i].writer, mark->writer))
            return seen_line_covers(&peer->seen[i], mark->epoch, mark->number);
    return false;
}

static bool has_marks(const struct gossip *g, struct node_id id,
                      const struct peer_view *peer, const struct holding *h)
{
    if (peer->digest == gossip_digest(g))
        return true;
    for (size_t i = 0; i < h->n_marks; i++) {
        const struct holding_mark *mark = &h->marks[i];
        bool is_ours = node_id_equal(mark->writer, gossip_id(g));
        bool has_it = node_id_equal(mark->writer, id) ||
                      (is_ours && mark->epoch == gossip_epoch(g) &&
                       peer->has_ours >= mark->number) ||
                      covers(peer, mark);
        if (!has_it)
            return false;
    }
    return !h->is_overfull;
}

/* Is it known that this member, who is within reach, has it? */
static bool has_it(const struct gossip *g, const struct member *m,
                   const struct holding *h)
{
    struct peer_view peer;
    if (node_id_equal(m->id, gossip_id(g)))
        return true;
    if ((m->state != MEMBER_ALIVE && m->state != MEMBER_SUSPECT) ||
        !gossip_peer(g, m->id, &peer))
        return false;
    return h->number ? h->epoch == gossip_epoch(g) && peer.has_ours >= h->number
                     : has_marks(g, m->id, &peer, h);
}

size_t reach_known_by(const struct gossip *g, const struct holding *h)
{
    const struct members *members = gossip_members(g);
    size_t n = 0;
    if (h->number && h->epoch != gossip_epoch(g))
        return 1; /* it is told under another number now: see renumber.h of gossip */
    if (h->number)
        return gossip_known_by(g, h->number);
    for (size_t i = 0; i < members_count(members); i++)
        n += has_it(g, members_at(members, i), h);
    return n;
}

static int compare_names(const void *a, const void *b)
{
    return strverscmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_missing(const void *a, const void *b)
{
    const struct node_missing *x = a, *y = b;
    return strverscmp(x->name, y->name);
}

static uint64_t silent_ms(const struct gossip *g, struct node_id id, uint64_t now_ms)
{
    struct peer_view peer;
    return gossip_peer(g, id, &peer) ? now_ms - peer.heard_ms : SILENT_SINCE_START;
}

static const char *text_or(const char *text, const char *other)
{
    return text ? text : other;
}

static size_t at_most(size_t n, size_t bound)
{
    return n < bound ? n : bound;
}

void reach_fill(const struct gossip *g, const struct holding *h, uint64_t now_ms,
                struct arena *arena, struct node_result *result)
{
    const struct members *members = gossip_members(g);
    struct reach r = reach_of(g);
    size_t known = reach_known_by(g, h), n_live_missing = 0;
    size_t has_max = at_most(known, NAMES_TOLD_MAX);
    size_t missing_max = at_most(r.total - known, NAMES_TOLD_MAX);
    const char **has = arena_array(arena, has_max, sizeof(*has));
    struct node_missing *missing = arena_array(arena, missing_max, sizeof(*missing));
    result->known_by = known;
    result->members = r.within;
    result->total = r.total;
    for (size_t i = 0; has && missing && i < members_count(members); i++) {
        const struct member *m = members_at(members, i);
        bool is_self = node_id_equal(m->id, gossip_id(g)),
             is_dead = m->state == MEMBER_DEAD;
        if (m->state == MEMBER_LEFT && !is_self)
            continue;
        /* Of thousands only as many are looked at closely as there is something to find. */
        bool is_looked_at =
            is_dead || result->n_has < has_max || n_live_missing < r.within - known;
        bool is_had = is_looked_at && has_it(g, m, h);
        bool is_missing = is_looked_at && !is_had;
        n_live_missing += is_missing && !is_dead;
        if (is_had && result->n_has < has_max)
            has[result->n_has++] = text_or(arena_text(arena, m->name), "");
        else if (is_missing && result->n_missing < missing_max)
            missing[result->n_missing++] =
                (struct node_missing){text_or(arena_text(arena, m->name), ""), m->state,
                                      silent_ms(g, m->id, now_ms)};
        if (result->n_has == has_max && result->n_missing == missing_max)
            break;
    }
    if (result->n_has > 0)
        qsort(has, result->n_has, sizeof(*has), compare_names);
    if (result->n_missing > 0)
        qsort(missing, result->n_missing, sizeof(*missing), compare_missing);
    result->has = has;
    result->missing = missing;
}

/* ---- the words ---- */

static const char *state_text(const struct node_missing *m, struct arena *arena)
{
    if (m->state == MEMBER_DEAD)
        return "dead";
    if (m->silent_ms == SILENT_SINCE_START)
        return "not heard yet";
    if (m->silent_ms < SILENT_MS)
        return "not yet";
    return arena_printf(arena, "silent %llus", (unsigned long long)m->silent_ms / 1000);
}

const char *reach_missing_text(const struct node_result *result, struct arena *arena)
{
    size_t n = at_most(result->n_missing, NAMES_SAID_MAX);
    size_t n_more = result->total - result->known_by - n;
    const char *text = "";
    for (size_t i = 0; i < n && text; i++) {
        const struct node_missing *m = &result->missing[i];
        const char *state = state_text(m, arena), *next = NULL;
        if (i + 1 < n)
            next = state_text(&result->missing[i + 1], arena);
        bool is_shared = next && state && strcmp(next, state) == 0;
        text = arena_printf(arena, "%s%s%s%s%s", text, i ? ", " : "", m->name,
                            is_shared ? "" : " ",
                            is_shared ? ""
                            : state   ? state
                                      : "");
    }
    if (n_more > 0 && text)
        text = arena_printf(arena, "%s and %zu more", text, n_more);
    return text ? text : "";
}

const char *reach_told_text(const struct node_result *result, bool is_unchanged,
                            struct arena *arena)
{
    const char *missing = reach_missing_text(result, arena);
    double took_s = (double)result->took_ms / 1000;
    const char *text;
    if (is_unchanged && result->known_by == result->total)
        text = arena_printf(arena, "unchanged: %zu/%zu members have it", result->known_by,
                            result->total);
    else if (is_unchanged)
        text = arena_printf(arena, "unchanged: %zu of %zu have it (%s)", result->known_by,
                            result->total, missing);
    else if (result->known_by == result->total)
        text = arena_printf(arena, "told %zu/%zu members, %.2fs", result->known_by,
                            result->total, took_s);
    else if (result->known_by == 1)
        text = arena_printf(arena, "told 1 of %zu (%s): on this disk only", result->total,
                            missing);
    else if (result->members > ANSWER_MEMBERS)
        text = arena_printf(arena, "told %zu of %zu so far, %.2fs", result->known_by,
                            result->total, took_s);
    else
        text = arena_printf(arena, "told %zu of %zu (%s), %.2fs", result->known_by,
                            result->total, missing, took_s);
    return text ? text : "";
}
