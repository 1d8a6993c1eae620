/* Absences that were announced.  See away.h. */
#include "sched/away.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/record.h"

void aways_fini(struct aways *a)
{
    free(a->list);
    *a = (struct aways){0};
}

static const struct away *find(const struct aways *a, struct node_id id)
{
    size_t low = 0, high = a->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = node_id_compare(a->list[middle].id, id);
        if (order == 0)
            return &a->list[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* One that was seen goes on with its time while its row is the same, also when the member was
 * thought to be alive in between. */
static bool look(const struct aways *a, const struct member *m, const struct table *table,
                 struct arena *arena, uint64_t now_ms, struct away *ret_away)
{
    const struct away *was = find(a, m->id);
    if (!was && m->state != MEMBER_DEAD)
        return false;
    struct key key = key_node(m->id);
    const struct entry *row = table_get(table, key_bytes(&key));
    struct node_doc doc;
    if (!row)
        return false;
    if (was && was->epoch == row->epoch && was->number == row->number) {
        *ret_away = *was;
        return true;
    }
    if (m->state != MEMBER_DEAD || record_decode_node(row->value, arena, &doc) < 0 ||
        doc.state != AGENT_AWAY || doc.away_ms == 0)
        return false;
    uint64_t wait_ms = doc.away_ms < AWAY_MAX_MS ? doc.away_ms : AWAY_MAX_MS;
    *ret_away = (struct away){m->id, row->epoch, row->number, now_ms + wait_ms};
    return true;
}

int aways_update(struct aways *a, const struct members *members,
                 const struct table *table, struct arena *arena, uint64_t now_ms)
{
    struct aways now = {0};
    struct away one;
    size_t cap = 0;
    for (size_t i = 0; i < members_count(members); i++) {
        if (!look(a, members_at(members, i), table, arena, now_ms, &one))
            continue;
        if (now.n == cap) {
            cap = cap ? 2 * cap : 8;
            struct away *list = realloc(now.list, cap * sizeof(*list));
            if (!list) {
                free(now.list);
                return -ENOMEM;
            }
            now.list = list;
        }
        now.list[now.n++] = one; /* members are in the order of their ids */
    }
    free(a->list);
    *a = now;
    return 0;
}

uint64_t aways_until_ms(const struct aways *a, struct node_id id, uint64_t now_ms)
{
    const struct away *one = find(a, id);
    return one && one->until_ms > now_ms ? one->until_ms : 0;
}

uint64_t away_former_ms(const struct members *members, const struct member *m, uint64_t now_ms)
{
    uint64_t heard_ms = m->state == MEMBER_DEAD ? members_former_ms(members, m->id) : 0;
    return heard_ms && heard_ms + FORMER_MS > now_ms ? heard_ms + FORMER_MS : 0;
}
