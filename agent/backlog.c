/* Changes that wait for the disk.  See backlog.h. */
#include "agent/backlog.h"

void backlog_init(struct backlog *b)
{
    *b = (struct backlog){0};
    arena_init(&b->arena, BACKLOG_MAX);
}

void backlog_fini(struct backlog *b)
{
    arena_fini(&b->arena);
    *b = (struct backlog){0};
}

static void keep(struct backlog *b, const struct store_change *change)
{
    struct store_change copy = {.space = change->space,
                                .key = arena_bytes(&b->arena, change->key)};
    static const uint8_t empty;
    if (change->value.at)
        copy.value = change->value.len ? arena_bytes(&b->arena, change->value)
                                       : (struct bytes){&empty, 0};
    bool is_kept =
        copy.key.at && (!change->value.at || copy.value.at) &&
        arena_grow(&b->arena, (void **)&b->changes, b->n, &b->cap, sizeof(copy)) == 0;
    if (is_kept)
        b->changes[b->n++] = copy;
    else
        b->is_overflown = true;
}

int backlog_write(struct backlog *b, struct store *store,
                  const struct store_change *changes, size_t n, bool is_synced,
                  struct err *err)
{
    int status = 0;
    if (b->n > 0) {
        status = store_write(store, b->changes, b->n, true, err);
        if (status == 0) {
            backlog_fini(b);
            backlog_init(b);
        }
    }
    if (status == 0 && n > 0)
        status = store_write(store, changes, n, is_synced, err);
    for (size_t i = 0; status < 0 && i < n; i++)
        keep(b, &changes[i]);
    return status;
}
