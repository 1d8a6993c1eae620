/* Lives and disks.
 *
 * A life that begins on a full disk is not written down, and is not ready before it is.
 *
 * Peers remember what was seen in each incarnation of ours.  A life that cannot store its own could be
 * followed by another that begins from the same store and would use it again, for other things.  So it
 * leaps ahead, as far as chance wants.  Where the next one lands below it, peers tell of what they know,
 * and that one goes on from there (hear_of_self in news.c).  Its epoch is by chance in any case, and
 * what it wrote is pulled from the peers by the next one, as from an old copy (lives.h). */
#include <string.h>

#include "gossip/gossip.h"
#include "gossip/spread/entries.h"
#include "gossip/join.h"
#include "gossip/detect/news.h"
#include "gossip/spread/water.h"

enum {
    /* Two such lives in a row hardly take the same, and thousands do not use up what there is. */
    LEAP_INCARNATIONS = 1 << 16,
    RESTOCK_BYTES = 1 << 20 /* of keys and values in one step */
};

void gossip_leap(struct gossip *g)
{
    struct member self = g->self->member;
    uint32_t leap = 1 + (uint32_t)rng_below(&g->rng, LEAP_INCARNATIONS);
    uint32_t left = INCARNATION_MAX - 1 - self.incarnation;
    self.incarnation += leap < left ? leap : left;
    (void)members_update(&g->members, g->self, &self, true, &g->rng);
}

void gossip_hold(struct gossip *g, uint64_t now_ms, bool is_held,
                 struct gossip_effects *out)
{
    join_hold(g, now_ms, is_held, out);
}

/* What was seen comes last: until then a restart pulls from the peers what is not there. */
bool gossip_restock(struct gossip *g, struct gossip_restock *at,
                    struct gossip_effects *out)
{
    struct table_walk walk;
    struct entry e;
    size_t n_bytes = 0;
    batch_drop(&g->batch);
    table_from_key(&g->table, (struct bytes){at->key, at->key_len}, &walk);
    while (table_next(&g->table, &walk, &e)) {
        if (n_bytes >= RESTOCK_BYTES) {
            memcpy(at->key, e.key.at, e.key.len);
            at->key_len = e.key.len;
            batch_flush(&g->batch, out);
            return true;
        }
        n_bytes += e.key.len + e.value.len;
        entries_persist(g, &e, out);
    }
    entries_persist_seen(g, out);
    news_persist(g, out);
    water_persist(g, out);
    g->batch.is_synced = true;
    batch_flush(&g->batch, out);
    return false;
}
