/* Own writes that wait for the store. */
#ifndef GOSSIP_MACHINE_PART_STAGE_H
#define GOSSIP_MACHINE_PART_STAGE_H

#include "gossip/machine/effect.h"
#include "gossip/table/table.h"

/* Own writes that wait for the store (stage.h); all of it lives in the effects' arena. */
struct stage {
    bool is_on;
    struct entry *entries; /* in the order of their numbers, which follow on g->number */
    uint64_t *hashes;      /* of their keys: a file of a thousand jobs stages thousands */
    size_t n, cap, hashes_cap;
    struct table_growth growth;
    struct batch batch; /* what the store is to take */
};

#endif
