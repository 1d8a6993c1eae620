/* Reading low-water rows, and remembering which buckets may hold what was deleted. */
#include "gossip/spread/water.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/trace.h"
#include "gossip/spread/lives.h"
#include "gossip/table/stored.h"

static const char prefix[] = "water/";
static const char stale_prefix[] = "stale/";

/* A hostile generation would take everybody the room to write above it. */
#define GENERATION_MAX ((uint64_t)1 << 40)

enum { VALUE_MAX = 48, STALE_WORD = 64 };

/* ---- rows ---- */

bool water_is_row(struct bytes key)
{
    return bytes_start_with(key, bytes_of_text(prefix));
}

bool water_is_kept(struct bytes key)
{
    return water_is_row(key) || grave_is_row(key);
}

static bool own_row(const struct gossip *g, struct node_id writer,
                    char key[static KEY_LEN_MAX], struct entry *ret_entry)
{
    char id[NODE_ID_TEXT];
    int len = snprintf(key, KEY_LEN_MAX, "%s%s", prefix, node_id_text(writer, id));
    struct bytes whole = {(const uint8_t *)key, (size_t)len};
    return table_find(&g->table, whole, ret_entry) && ret_entry->value.at;
}

static struct water read_row(const struct entry *e)
{
    char text[VALUE_MAX] = "", *end;
    struct water w = {.epoch = e->epoch};
    if (!e->value.at || e->value.len >= sizeof(text))
        return w;
    memcpy(text, e->value.at, e->value.len);
    uint64_t number = strtoull(text, &end, 10);
    uint64_t generation = *end == ' ' ? strtoull(end + 1, NULL, 10) : 0;
    /* Nobody can speak of what it had not written by then. */
    if (number >= e->number || generation > GENERATION_MAX)
        return w;
    w.number = number;
    w.generation = generation;
    return w;
}

struct bytes water_encode(const struct water *w, struct arena *arena)
{
    char text[VALUE_MAX];
    int len = snprintf(text, sizeof(text), "%llu %llu", (unsigned long long)w->number,
                       (unsigned long long)w->generation);
    return arena_bytes(arena, (struct bytes){(const uint8_t *)text, (size_t)len});
}

/* Its grave says more than its row. */
static bool has_grave_above(const struct gossip *g, struct node_id writer,
                            const struct water *w, struct grave *ret_grave)
{
    return grave_of(g, writer, ret_grave) &&
           (w->number == 0 || seen_compare(w->epoch, w->number, ret_grave->line.epoch,
                                           ret_grave->line.number) < 0);
}

struct water water_of(const struct gossip *g, struct node_id writer)
{
    char key[KEY_LEN_MAX];
    struct entry row;
    struct grave grave;
    struct water w = {0};
    if (own_row(g, writer, key, &row))
        w = read_row(&row);
    return has_grave_above(g, writer, &w, &grave)
               ? (struct water){grave.line.epoch, grave.line.number, grave.generation}
               : w;
}

bool water_row(const struct gossip *g, struct node_id writer,
               char key[static KEY_LEN_MAX], struct entry *ret_entry)
{
    struct grave grave;
    struct water w = {0};
    bool has_row = own_row(g, writer, key, ret_entry);
    if (has_row)
        w = read_row(ret_entry);
    return has_grave_above(g, writer, &w, &grave) ? grave_row(g, writer, key, ret_entry)
                                                  : has_row;
}

bool water_covers(const struct gossip *g, const struct entry *e)
{
    if (grave_covers(g, e))
        return true;
    if (e->value.at)
        return false;
    struct water w = water_of(g, e->writer);
    return w.number > 0 && e->epoch == w.epoch && e->number <= w.number;
}

/* ---- staleness ---- */

static bool is_below(const struct seen_number *seen, const struct water *w)
{
    return w->number > 0 &&
           (!seen || !seen_line_covers(seen, w->epoch, w->number));
}

void water_restore(struct gossip *g, const struct entry *e)
{
    struct water w = read_row(e);
    struct collect *c = &g->collect;
    if (w.generation > c->generation)
        c->generation = w.generation;
    water_is_due(g, e->writer);
}

void water_is_due(struct gossip *g, struct node_id writer)
{
    struct collect *c = &g->collect;
    if (c->n_due < COLLECT_DUE_MAX)
        c->due[c->n_due++] = writer;
}

static struct bytes stale_key(struct node_id writer, struct arena *arena)
{
    uint8_t key[sizeof(stale_prefix) - 1 + sizeof(writer.at)];
    memcpy(key, stale_prefix, sizeof(stale_prefix) - 1);
    memcpy(key + sizeof(stale_prefix) - 1, writer.at, sizeof(writer.at));
    return arena_bytes(arena, BYTES_OF(key));
}

void water_persist(struct gossip *g, struct gossip_effects *fx)
{
    const struct collect *c = &g->collect;
    struct bytes key = arena_bytes(&fx->arena, bytes_of_text(stale_prefix));
    struct bytes value = stored_number_encode(c->stale[0], c->stale[1], &fx->arena);
    bool is_over = !water_is_stale(g);
    if (value.at)
        batch_add(&g->batch, fx, STORE_LOCAL, key, is_over ? (struct bytes){0} : value);
    for (size_t i = 0; i < g->seen.n && is_over; i++) {
        if (g->seen.spans[i].is_stale)
            batch_add(&g->batch, fx, STORE_LOCAL,
                      stale_key(g->seen.numbers[i].writer, &fx->arena),
                      (struct bytes){0});
    }
    if (is_over && c->has_missed_graves)
        batch_add(&g->batch, fx, STORE_LOCAL, stale_key((struct node_id){0}, &fx->arena),
                  (struct bytes){0});
    if (is_over)
        seen_clear_stale(&g->seen);
    g->collect.has_missed_graves = c->has_missed_graves && !is_over;
}

/* Deletions of a writer, or of all that have graves (the writer is zero), never came. */
static void become_stale(struct gossip *g, struct node_id writer, bool is_new,
                         struct gossip_effects *fx)
{
    struct bytes value = stored_number_encode(0, 0, &fx->arena);
    if (is_new && value.at)
        batch_add(&g->batch, fx, STORE_LOCAL, stale_key(writer, &fx->arena), value);
    g->collect.n_marks += is_new;
    memset(g->collect.stale, 0xff, sizeof(g->collect.stale));
    water_persist(g, fx);
}

static void hear_grave(struct gossip *g, const struct entry *e, struct gossip_effects *fx)
{
    struct collect *c = &g->collect;
    bool has_missed = grave_raise(g, e), is_new = !c->has_missed_graves;
    if (machine_is_self(g, e->writer))
        has_missed = !lives_know(g, e->epoch, e->number);
    water_is_due(g, e->writer);
    if (!has_missed)
        return;
    c->has_missed_graves = true;
    become_stale(g, (struct node_id){0}, is_new, fx);
}

void water_hear(struct gossip *g, const struct entry *e, struct gossip_effects *fx)
{
    if (grave_is_row(e->key)) {
        hear_grave(g, e, fx);
        return;
    }
    struct water w = read_row(e);
    struct collect *c = &g->collect;
    c->n_rows++;
    water_restore(g, e);
    bool is_own = machine_is_self(g, e->writer);
    if (is_own ? w.number == 0 || lives_know(g, w.epoch, w.number)
               : !is_below(seen_find(&g->seen, e->writer), &w))
        return;
    become_stale(g, e->writer, seen_mark_stale(&g->seen, e->writer) > 0, fx);
}

int water_restore_stale(struct gossip *g, struct bytes key, struct bytes value)
{
    struct node_id writer;
    uint64_t words[2];
    size_t prefix_len = sizeof(stale_prefix) - 1;
    if (stored_number_decode(value, &words[0], &words[1]) < 0)
        return ERR_DAMAGED;
    if (key.len == prefix_len) {
        memcpy(g->collect.stale, words, sizeof(words));
        return 0;
    }
    if (key.len != prefix_len + sizeof(writer.at))
        return ERR_DAMAGED;
    memcpy(writer.at, key.at + prefix_len, sizeof(writer.at));
    if (node_id_is_zero(writer)) {
        g->collect.has_missed_graves = true;
        return 0;
    }
    int err = seen_mark_stale(&g->seen, writer);
    return err < 0 ? err : 0;
}

bool water_is_stale(const struct gossip *g)
{
    return g->collect.stale[0] != 0 || g->collect.stale[1] != 0;
}

bool water_is_stale_bucket(const struct gossip *g, uint32_t bucket)
{
    return g->collect.stale[bucket / STALE_WORD] >> bucket % STALE_WORD & 1;
}

void water_clean_bucket(struct gossip *g, uint32_t bucket)
{
    g->collect.stale[bucket / STALE_WORD] &= ~((uint64_t)1 << bucket % STALE_WORD);
}

static bool has_missed(const struct gossip *g, const struct stream *s,
                       struct node_id writer)
{
    struct water w = water_of(g, writer);
    struct seen_number theirs = grave_their_seen(g, s, writer);
    return stream_is_stale(s, writer) || is_below(&theirs, &w);
}

bool water_can_clean(const struct gossip *g, const struct stream *s)
{
    /* Of itself a node says that it is stale for the graves' sake. */
    if (g->collect.has_missed_graves && (!grave_is_same(g, s) || stream_is_stale(s, s->peer)))
        return false;
    for (size_t i = 0; i < g->seen.n; i++) {
        if (g->seen.spans[i].is_stale && has_missed(g, s, g->seen.numbers[i].writer))
            return false;
    }
    return true;
}

/* ---- beyond help ---- */

/* The i-th writer for whose sake we are stale, those under graves first (zeros); false when there is none
 * from *i on. */
static bool next_mark(const struct gossip *g, size_t *i, struct node_id *ret_writer)
{
    if (*i == 0 && g->collect.has_missed_graves) {
        *ret_writer = (struct node_id){0};
        ++*i;
        return true;
    }
    size_t k = *i > 0 ? *i - 1 : 0;
    while (k < g->seen.n && !g->seen.spans[k].is_stale)
        k++;
    if (k == g->seen.n)
        return false;
    *ret_writer = g->seen.numbers[k].writer;
    *i = k + 2;
    return true;
}

static bool has_missed_too(const struct gossip *g, const struct stream *s, struct node_id writer)
{
    if (node_id_is_zero(writer))
        return grave_is_same(g, s) && stream_is_stale(s, s->peer);
    return stream_speaks_of(s, writer) && has_missed(g, s, writer);
}

void water_hear_greeting(struct gossip *g, const struct stream *s)
{
    struct peer *peer = members_peer(&g->members, s->peer);
    struct heard *heard = peer && water_is_stale(g) ? peer_hear(peer) : NULL;
    struct node_id writer;
    size_t n = 0;
    if (!heard)
        return;
    for (size_t i = 0; next_mark(g, &i, &writer);)
        n += has_missed_too(g, s, writer);
    struct node_id *missed = n ? calloc(n, sizeof(*missed)) : NULL;
    free(heard->missed);
    heard->missed = missed;
    heard->n_missed = 0;
    heard->n_marks = g->collect.n_marks;
    for (size_t i = 0; missed && next_mark(g, &i, &writer);) {
        if (has_missed_too(g, s, writer))
            missed[heard->n_missed++] = writer;
    }
}

static bool knows_nobody(const struct gossip *g, struct node_id writer)
{
    for (size_t i = 0; i < g->members.all.n; i++) {
        const struct peer *peer = members_nth(&g->members, i);
        const struct heard *heard = peer_heard(peer);
        bool has_missed_it = false;
        for (size_t k = 0; k < heard->n_missed && heard->n_marks == g->collect.n_marks; k++)
            has_missed_it = has_missed_it || node_id_equal(heard->missed[k], writer);
        if (peer != g->self && !has_missed_it)
            return false;
    }
    return true;
}

void water_give_up(struct gossip *g, struct gossip_effects *fx)
{
    struct node_id writer;
    bool has_mark = false, has_given_up = false;
    for (size_t i = 0; water_is_stale(g) && next_mark(g, &i, &writer);) {
        if (!knows_nobody(g, writer)) {
            has_mark = true;
            continue;
        }
        has_given_up = true;
        batch_add(&g->batch, fx, STORE_LOCAL, stale_key(writer, &fx->arena), (struct bytes){0});
        if (node_id_is_zero(writer))
            g->collect.has_missed_graves = false;
        else
            g->seen.spans[seen_at_least(&g->seen, writer)].is_stale = false;
    }
    if (!has_given_up)
        return;
    trace(g->tracer, "nobody knows any more what was deleted");
    if (!has_mark)
        memset(g->collect.stale, 0, sizeof(g->collect.stale));
    water_persist(g, fx);
}

static bool has_missed_nothing(const struct gossip *g, const struct stream *s)
{
    struct table_walk walk;
    struct entry e;
    table_from_key(&g->table, bytes_of_text(prefix), &walk);
    while (table_next(&g->table, &walk, &e) && water_is_row(e.key)) {
        if (stream_speaks_of(s, e.writer) && has_missed(g, s, e.writer))
            return false;
    }
    return true;
}

bool water_is_clean_peer(const struct gossip *g, struct stream *s)
{
    if (s->n_stale == 0 && s->clean_at != g->collect.n_rows + 1) {
        s->is_clean = has_missed_nothing(g, s);
        s->clean_at = g->collect.n_rows + 1;
    }
    return s->n_stale == 0 && s->is_clean && grave_is_same(g, s);
}
