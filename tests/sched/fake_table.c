/* gossip/face/replica.h, as far as sched asks it, over lists.  See fake_table.h. */
#include "tests/sched/fake_table.h"

size_t members_count(const struct members *m)
{
    return m->n;
}

const struct member *members_at(const struct members *m, size_t i)
{
    return &m->list[i];
}

static struct entry entry_of(const struct fake_entry *e)
{
    return (struct entry){.key = {(const uint8_t *)e->key.text, e->key.len},
                          .value = {e->value, e->len},
                          .number = e->number};
}

const struct entry *table_get(const struct table *t, struct bytes key)
{
    static struct entry found;
    for (size_t i = 0; i < t->n; i++) {
        found = entry_of(&t->list[i]);
        if (bytes_equal(found.key, key))
            return &found;
    }
    return NULL;
}

int table_each(const struct table *t, struct bytes prefix,
               int (*visit)(void *ctx, const struct entry *e), void *ctx)
{
    for (size_t i = 0; i < t->n; i++) {
        struct entry e = entry_of(&t->list[i]);
        int rc = bytes_start_with(e.key, prefix) ? visit(ctx, &e) : 0;
        if (rc)
            return rc;
    }
    return 0;
}

uint64_t members_former_ms(const struct members *m, struct node_id id)
{
    (void)id;
    return m->former_ms;
}
