/* The pace of gossip on three kinds of network. */
#include <string.h>

#include "gossip/face/profile.h"

enum { HOUR_MS = 3600 * 1000, LAG_MS = 600 * 1000 };

/* Suspicion lasts between mult and mult * max_mult times log10(n + 1) periods (swim.c),
 * which for three to a hundred nodes keeps a death known to all within five seconds of
 * it. */
const struct gossip_profile gossip_profile_lan = {
    .probe_period_ms = 1000,
    .probe_timeout_ms = 500,
    .indirect_probes = 3,
    .suspicion_mult = 0.75,
    .suspicion_max_mult = 2.0,
    .gossip_period_ms = 200,
    .gossip_fanout = 3,
    .retransmit_mult = 4,
    .sync_period_ms = 30 * 1000,
    .rejoin_period_ms = 1000,
    .reap_after_ms = 72u * HOUR_MS,
    .collect_hold_ms = HOUR_MS,
    .collect_lag_ms = LAG_MS,
};

const struct gossip_profile gossip_profile_wan = {
    .probe_period_ms = 5000,
    .probe_timeout_ms = 3000,
    .indirect_probes = 3,
    .suspicion_mult = 3.0,
    .suspicion_max_mult = 6.0,
    .gossip_period_ms = 500,
    .gossip_fanout = 4,
    .retransmit_mult = 4,
    .sync_period_ms = 60 * 1000,
    .rejoin_period_ms = 5000,
    .reap_after_ms = 72u * HOUR_MS,
    .collect_hold_ms = HOUR_MS,
    .collect_lag_ms = LAG_MS,
};

const struct gossip_profile gossip_profile_local = {
    .probe_period_ms = 200,
    .probe_timeout_ms = 100,
    .indirect_probes = 2,
    .suspicion_mult = 2.0,
    .suspicion_max_mult = 2.0,
    .gossip_period_ms = 50,
    .gossip_fanout = 3,
    .retransmit_mult = 4,
    .sync_period_ms = 10 * 1000,
    .rejoin_period_ms = 500,
    .reap_after_ms = 72u * HOUR_MS,
    .collect_hold_ms = HOUR_MS,
    .collect_lag_ms = LAG_MS,
};

const struct gossip_profile *gossip_profile_named(const char *name)
{
    if (strcmp(name, "lan") == 0)
        return &gossip_profile_lan;
    if (strcmp(name, "wan") == 0)
        return &gossip_profile_wan;
    if (strcmp(name, "local") == 0)
        return &gossip_profile_local;
    return NULL;
}
