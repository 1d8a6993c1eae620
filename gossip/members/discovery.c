/* When beacons are sent, and which of those heard are worth a ping.  See discovery.h.
 *
 * A node begins with a quick row of beacons.  Later an idle LAN shall stay quiet: a node
 * that is alone goes on every few seconds, a cluster as a whole sends about one beacon in
 * four seconds, however large it is.  Who hears a stranger does not answer by beacon but
 * by a ping, since that makes each known to the other; in a large cluster each member
 * does so by chance, so that a newcomer is greeted by a handful and not by thousands. */
#include "gossip/members/discovery.h"

enum { FIRST_MS = 100, QUICK_MS = 200, SECOND_MS = 1000 };

void discovery_init(struct discovery *d, struct node_id self, uint64_t seed,
                    uint64_t now_ms)
{
    *d = (struct discovery){.self = self, .second_ms = now_ms};
    rng_init(&d->rng, seed);
    discovery_stir(d, now_ms);
}

void discovery_stir(struct discovery *d, uint64_t now_ms)
{
    d->n_quick = 0;
    /* Hosts that get their power back together must not all speak at once. */
    d->next_ms = now_ms + rng_below(&d->rng, FIRST_MS);
}

static size_t count_live(const struct members *members)
{
    return members_count_state(members, MEMBER_ALIVE) +
           members_count_state(members, MEMBER_SUSPECT);
}

/* Three quarters to five quarters of `wait_ms`. */
static uint64_t jittered(struct rng *rng, uint64_t wait_ms)
{
    return wait_ms * 3 / 4 + rng_below(rng, wait_ms / 2 + 1);
}

static uint64_t wait_ms(const struct discovery *d, size_t n_live)
{
    if (d->n_quick < DISCOVERY_QUICK)
        return (uint64_t)QUICK_MS << (d->n_quick - 1);
    if (n_live <= 1)
        return DISCOVERY_ALONE_MS;
    uint64_t share_ms = (uint64_t)n_live * DISCOVERY_SHARE_MS;
    return share_ms > DISCOVERY_IDLE_MS ? share_ms : DISCOVERY_IDLE_MS;
}

bool discovery_tick(struct discovery *d, uint64_t now_ms, const struct members *members)
{
    if (now_ms < d->next_ms)
        return false;
    const struct member *self = members_find(members, d->self);
    if (d->n_quick < DISCOVERY_QUICK)
        d->n_quick++;
    d->next_ms = now_ms + jittered(&d->rng, wait_ms(d, count_live(members)));
    return self && self->state != MEMBER_LEFT;
}

uint64_t discovery_deadline_ms(const struct discovery *d)
{
    return d->next_ms;
}

/* Only holders of the secret get this far, yet a bound keeps a thousand hosts that start
 * together from drowning in each other's pings: whoever is left out is heard again. */
static bool has_room(struct discovery *d, uint64_t now_ms)
{
    if (now_ms - d->second_ms >= SECOND_MS) {
        d->second_ms = now_ms;
        d->n_meets = 0;
    }
    if (d->n_meets >= DISCOVERY_MEETS_MAX)
        return false;
    d->n_meets++;
    return true;
}

bool discovery_hear(struct discovery *d, uint64_t now_ms, const struct beacon *heard,
                    const struct members *members)
{
    if (node_id_equal(heard->id, d->self))
        return false;
    const struct member *known = members_find(members, heard->id);
    bool is_live =
        known && (known->state == MEMBER_ALIVE || known->state == MEMBER_SUSPECT);
    /* One we know and that believes to be alone does not know us. */
    if (is_live && heard->n_members > 1)
        return false;
    size_t n_live = count_live(members);
    if (n_live > DISCOVERY_ANSWERS && rng_below(&d->rng, n_live) >= DISCOVERY_ANSWERS)
        return false;
    return has_room(d, now_ms);
}
