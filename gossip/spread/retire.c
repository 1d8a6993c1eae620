/* Looking for writers to be retired.  See retire.h. */
#include "gossip/spread/retire.h"

#include <string.h>

#include "core/trace.h"
#include "gossip/spread/entries_inner.h"
#include "gossip/spread/water.h"

/* ---- dropping ---- */

/* The first entry of the writer, from this number of its on, in whose place its grave stands. */
static bool next_covered(const struct gossip *g, const struct seen_number *line,
                         struct life *from, struct table_walk *walk, struct entry *ret_entry)
{
    table_from(&g->table, line->writer, from->epoch, from->number, walk);
    while (table_next(&g->table, walk, ret_entry)) {
        if (!node_id_equal(ret_entry->writer, line->writer) ||
            seen_compare(ret_entry->epoch, ret_entry->number, line->epoch, line->number) > 0)
            return false;
        if (grave_covers(g, ret_entry))
            return true;
    }
    return false;
}

bool retire_drop_below(struct gossip *g, struct node_id writer, size_t *left,
                       struct gossip_effects *fx)
{
    struct grave grave;
    struct table_walk walk;
    struct entry e;
    struct life from = {0};
    char key[64];
    if (!grave_of(g, writer, &grave))
        return true;
    while (next_covered(g, &grave.line, &from, &walk, &e)) {
        if (*left == 0)
            return false;
        from = (struct life){e.epoch, e.number + 1};
        g->metrics->tombstones_dropped += !e.value.at;
        entries_drop(g, &e, fx);
        --*left;
    }
    bool has_record = table_find(&g->table, entries_forget_key(writer, key), &e) &&
                      grave_covers(g, &e);
    if (has_record && *left > 0) {
        entries_drop(g, &e, fx);
        --*left;
        return true;
    }
    return !has_record;
}

bool retire_drop_all(struct gossip *g, size_t *left, struct gossip_effects *fx)
{
    struct table_walk walk;
    struct entry e;
    uint8_t key[KEY_LEN_MAX];
    bool is_done = true;
    table_from_key(&g->table, bytes_of_text("grave/"), &walk);
    while (is_done && table_next(&g->table, &walk, &e) && grave_is_row(e.key)) {
        size_t was = *left, len = e.key.len;
        memcpy(key, e.key.at, len);
        is_done = retire_drop_below(g, e.writer, left, fx);
        if (*left != was) /* what is dropped moves what is walked over */
            table_from_key(&g->table, (struct bytes){key, len}, &walk);
    }
    return is_done;
}

/* ---- looking ---- */

/* Of its entries nothing stands, and nothing is known to be missing. */
static bool has_only_deletions(const struct gossip *g, size_t i)
{
    const struct seen_number *line = &g->seen.numbers[i];
    struct table_walk walk;
    struct entry e;
    for (size_t k = 0; k < SEEN_SPANS; k++) {
        if (g->seen.spans[i].at[k].through != 0)
            return false;
    }
    table_from(&g->table, line->writer, 0, 0, &walk);
    while (table_next(&g->table, &walk, &e) && node_id_equal(e.writer, line->writer)) {
        bool is_covered = seen_line_covers(line, e.epoch, e.number);
        bool is_kept = e.value.at && !water_is_row(e.key) && !grave_is_row(e.key);
        if (is_kept || !is_covered)
            return false;
    }
    return true;
}

static bool can_be_retired(const struct gossip *g, size_t i)
{
    const struct seen_number *line = &g->seen.numbers[i];
    return line->number > 0 && !g->seen.spans[i].is_stale &&
           !members_peer(&g->members, line->writer) &&
           entries_incarnation_after(g, line->writer) > 0 && has_only_deletions(g, i);
}

/* Its deletions were of no greater generation. */
static uint64_t generation_of(const struct gossip *g, struct node_id writer)
{
    uint64_t generation = water_of(g, writer).generation;
    struct table_walk walk;
    struct entry e;
    table_from(&g->table, writer, 0, 0, &walk);
    while (table_next(&g->table, &walk, &e) && node_id_equal(e.writer, writer))
        generation = e.generation > generation ? e.generation : generation;
    return generation;
}

static void bury(struct gossip *g, const struct seen_number *line, struct gossip_effects *fx)
{
    struct grave grave = {
        .line = *line,
        .generation = generation_of(g, line->writer),
        .incarnation = entries_incarnation_after(g, line->writer) - 1,
    };
    char key[KEY_LEN_MAX], id[NODE_ID_TEXT];
    struct entry e = {
        .kind = ENTRY_ROW,
        .key = grave_key(line->writer, key),
        .value = grave_encode(&grave, &g->scratch),
        .writer = line->writer,
        .epoch = line->epoch,
        .number = line->number,
    };
    if (!e.value.at || table_merge(&g->table, &e, NULL) != MERGE_NEW)
        return;
    entries_persist(g, &e, fx);
    effect_table(fx, e.key);
    (void)grave_raise(g, &e);
    water_is_due(g, line->writer);
    trace(g->tracer, "retire %s", node_id_text(line->writer, id));
}

/* Whether it was to be retired at the last look, too, and has not said anything since. */
static bool is_ripe(const struct collect *c, const struct seen_number *line)
{
    for (size_t i = 0; i < c->n_looked; i++) {
        if (node_id_equal(c->looked[i].writer, line->writer))
            return c->looked[i].epoch == line->epoch && c->looked[i].number == line->number;
    }
    return false;
}

/* The grave says it all. */
static bool can_be_let_go(const struct gossip *g, size_t i)
{
    return g->seen.spans[i].is_retired && !g->seen.spans[i].is_stale &&
           !members_peer(&g->members, g->seen.numbers[i].writer) && has_only_deletions(g, i);
}

void retire_look(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct collect *c = &g->collect;
    struct seen_number ripening[RETIRE_MAX];
    size_t n = 0;
    for (size_t i = g->seen.n; i-- > 0;) {
        struct seen_number line = g->seen.numbers[i];
        if (machine_is_self(g, line.writer))
            continue;
        if (can_be_let_go(g, i)) {
            entries_forget_line(g, line.writer, fx);
            seen_remove(&g->seen, i);
        } else if (n < RETIRE_MAX && !g->seen.spans[i].is_retired && can_be_retired(g, i)) {
            ripening[n++] = line;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (is_ripe(c, &ripening[i]))
            bury(g, &ripening[i], fx);
    }
    for (size_t i = 0; i < n; i++)
        c->looked[i] = (struct retire_mark){ripening[i].writer, ripening[i].epoch,
                                            ripening[i].number};
    c->n_looked = n;
    c->looked_ms = now_ms;
}
