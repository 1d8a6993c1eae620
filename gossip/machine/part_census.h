/* Who is asked whether it is there. */
#ifndef GOSSIP_MACHINE_PART_CENSUS_H
#define GOSSIP_MACHINE_PART_CENSUS_H

#include "core/ids.h"

enum { CENSUS_MAX = 16 }; /* members asked: a sample, where there are more */

struct census {
    struct node_id asked[CENSUS_MAX];
    size_t n;
    uint64_t begun_ms, until_ms, wait_ms;
    uint64_t next_ms; /* when the missed are asked again; 0: not */
};

#endif
