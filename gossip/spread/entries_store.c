/* The entries and what was seen, to the local store and back. */
#include <string.h>

#include "core/err.h"
#include "gossip/spread/entries_inner.h"
#include "gossip/spread/lives.h"
#include "gossip/table/stored.h"
#include "gossip/spread/water.h"

static const char seen_prefix[] = "seen/";

void entries_persist(struct gossip *g, const struct entry *e, struct gossip_effects *fx)
{
    struct arena *a = &fx->arena;
    struct bytes key = arena_bytes(a, e->key);
    struct bytes stored = stored_entry_encode(e, a);
    if (!stored.at || !key.at) {
        fx->n_lost++;
        return;
    }
    batch_add(&g->batch, fx, STORE_TABLE, key, stored);
}

static struct bytes line_key(struct node_id writer, struct arena *arena)
{
    char key[sizeof(seen_prefix) - 1 + sizeof(writer.at)];
    memcpy(key, seen_prefix, sizeof(seen_prefix) - 1);
    memcpy(key + sizeof(seen_prefix) - 1, writer.at, sizeof(writer.at));
    return arena_bytes(arena, BYTES_OF(key));
}

void entries_persist_line(struct gossip *g, struct node_id writer,
                          struct gossip_effects *fx)
{
    const struct seen_number *seen = seen_find(&g->seen, writer);
    if (seen->number == 0)
        return; /* of spans, and that it is stale, nothing is kept here */
    struct bytes value = stored_seen_encode(seen, &fx->arena);
    if (value.at)
        batch_add(&g->batch, fx, STORE_LOCAL, line_key(writer, &fx->arena), value);
}

void entries_forget_line(struct gossip *g, struct node_id writer, struct gossip_effects *fx)
{
    batch_add(&g->batch, fx, STORE_LOCAL, line_key(writer, &fx->arena), (struct bytes){0});
}

void entries_persist_number(struct gossip *g, struct gossip_effects *fx)
{
    struct bytes value = stored_number_encode(g->epoch, g->number, &fx->arena);
    struct bytes key = arena_bytes(&fx->arena, bytes_of_text("number"));
    if (value.at)
        batch_add(&g->batch, fx, STORE_LOCAL, key, value);
    else
        fx->n_lost++;
}
/* ---- restoring ---- */

int entries_restore(struct gossip *g, struct bytes key, struct bytes value)
{
    struct entry e;
    if (stored_entry_decode(key, value, &e) < 0)
        return ERR_DAMAGED;
    e.kind = table_kind(key);
    if (table_check(&e) < 0 || !entries_is_number(e.epoch, e.number) || e.number == 0 ||
        e.generation > COUNTER_MAX)
        return ERR_DAMAGED;
    int result = table_merge(&g->table, &e, NULL);
    if (result < 0)
        return result;
    if (water_is_row(key))
        water_restore(g, &e);
    if (grave_is_row(key))
        water_is_due(g, e.writer);
    if (e.kind == ENTRY_RECORD && e.stamp > g->clock.last && machine_is_self(g, e.writer))
        g->clock.last = e.stamp;
    return 0;
}

int entries_restore_seen(struct gossip *g, struct bytes key, struct bytes value)
{
    struct seen_number line;
    if (key.len != sizeof(seen_prefix) - 1 + sizeof(line.writer.at) ||
        stored_seen_decode(value, &line) < 0 || !entries_is_number(line.epoch, line.number) ||
        !entries_is_number(line.before_epoch, line.before_number))
        return ERR_DAMAGED;
    for (unsigned i = 0; i < SEEN_OLDER; i++) {
        if (!entries_is_number(line.older[i].epoch, line.older[i].number))
            return ERR_DAMAGED;
    }
    memcpy(line.writer.at, key.at + sizeof(seen_prefix) - 1, sizeof(line.writer.at));
    int err = machine_is_self(g, line.writer) ? 0 : seen_begin(&g->seen, &line);
    return err < 0 ? err : 0;
}

void entries_persist_seen(struct gossip *g, struct gossip_effects *fx)
{
    for (size_t i = 0; i < g->seen.n; i++)
        entries_persist_line(g, g->seen.numbers[i].writer, fx);
    lives_persist(g, fx);
}
