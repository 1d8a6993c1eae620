/* How full the table is.  See gossip.h. */
#include "gossip/gossip.h"
#include "gossip/machine/machine.h"

static const struct member *longest_gone(const struct gossip *g)
{
    const struct member *gone = NULL;
    for (size_t i = 0; i < g->members.all.n; i++) {
        const struct member *m = &members_nth(&g->members, i)->member;
        if ((m->state == MEMBER_DEAD || m->state == MEMBER_LEFT) &&
            (!gone || m->changed_ms < gone->changed_ms))
            gone = m;
    }
    return gone;
}

void gossip_fill(const struct gossip *g, struct gossip_fill *ret_fill)
{
    const struct table *t = &g->table;
    *ret_fill = (struct gossip_fill){
        .percent = table_percent(t),
        .are_bytes =
            t->n_bytes / (t->bytes_max / 100) > 100 * t->by_key.n / t->entries_max,
        .gone = longest_gone(g),
    };
}
