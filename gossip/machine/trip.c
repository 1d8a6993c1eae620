/* Round trips, and patience.  See trip.h. */
#include "gossip/machine/trip.h"

#include <string.h>

enum {
    NEAR_MS = 4,       /* below it distances do not matter to links */
    FAR_PART = 4,      /* far is who takes more than so much of the probe timeout */
    FAR_MAX_MS = 2000, /* nobody gets more patience than this calls for */
    REFUTE_TRIPS = 3,  /* one may be lost each way */
};

void trip_learn(struct gossip *g, uint64_t now_ms, struct peer *peer,
                const struct probe *sent, const struct message *m)
{
    bool has_us = sent->sent_us && g->now_us >= sent->sent_us;
    uint64_t rtt_us =
        has_us ? g->now_us - sent->sent_us : (now_ms - sent->sent_ms) * 1000;
    peer->member.rtt_us = rtt_us < UINT32_MAX ? (uint32_t)rtt_us + 1 : UINT32_MAX;
    skew_hear(&g->skew, peer->member.id, sent->sent_ms, peer->member.rtt_us,
              m->at_unix_ms);
    struct heard *heard = peer_hear(peer);
    struct coordinate theirs;
    if (!heard || !m->coordinate.at || coordinate_decode(m->coordinate, &theirs) < 0)
        return;
    memcpy(heard->coordinate, m->coordinate.at, sizeof(heard->coordinate));
    heard->has_coordinate = true;
    coordinate_learn(&g->coordinate, &theirs, peer->member.rtt_us, &g->rng);
}

uint64_t trip_ms(const struct gossip *g, const struct peer *peer)
{
    const struct heard *heard = peer_heard(peer);
    struct coordinate theirs;
    uint64_t rtt_us = peer->member.rtt_us;
    if (rtt_us == 0 || !heard->has_coordinate ||
        coordinate_decode(BYTES_OF(heard->coordinate), &theirs) < 0)
        return rtt_us / 1000;
    double guess_us = coordinate_rtt_us(&g->coordinate.now, &theirs);
    /* Of two guesses that know nothing yet the sum may be anything: the measured one bounds it. */
    guess_us = guess_us < 2.0 * (double)rtt_us ? guess_us : 2.0 * (double)rtt_us;
    return (guess_us > (double)rtt_us ? (uint64_t)guess_us : rtt_us) / 1000;
}

unsigned trip_class(const struct gossip *g, const struct peer *peer)
{
    unsigned class = 0;
    if (peer->member.rtt_us == 0)
        return 1;
    for (uint64_t ms = trip_ms(g, peer); ms >= NEAR_MS; ms /= 2)
        class ++;
    return class;
}

uint64_t trip_far_ms(const struct gossip *g, const struct peer *peer)
{
    uint64_t trip = trip_ms(g, peer);
    if (!machine_has(g, GOSSIP_FAR_PATIENCE) ||
        trip * FAR_PART <= g->profile.probe_timeout_ms)
        return 0;
    return trip < FAR_MAX_MS ? trip : FAR_MAX_MS;
}

uint64_t trip_timeout_ms(const struct gossip *g, const struct peer *peer)
{
    uint64_t timeout = g->profile.probe_timeout_ms;
    uint64_t far = 2 * trip_far_ms(g, peer) + timeout / 2;
    return far > timeout ? far : timeout;
}

uint64_t trip_probe_ms(const struct gossip *g, const struct peer *peer)
{
    uint64_t period = g->profile.probe_period_ms;
    uint64_t far = trip_timeout_ms(g, peer) + 2 * trip_far_ms(g, peer) +
                   g->profile.probe_timeout_ms / 2;
    return far > period ? far : period;
}

uint64_t trip_refute_ms(const struct gossip *g, const struct peer *peer)
{
    return REFUTE_TRIPS * trip_far_ms(g, peer);
}
