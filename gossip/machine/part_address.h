/* Where this node is reached. */
#ifndef GOSSIP_MACHINE_PART_ADDRESS_H
#define GOSSIP_MACHINE_PART_ADDRESS_H

#include "core/cluster.h"
#include "core/ids.h"

/* Where a member saw a ping of ours come from; family 0: from the endpoint that we tell. */
struct witness {
    struct node_id by;
    struct endpoint at;
    uint64_t heard_ms; /* 0: never */
};

struct own_address {
    struct witness last[2]; /* of two members, the latest first */
    struct endpoint observed; /* what two agreed on, when it is not what we tell; family 0: nothing */
    uint64_t mute_ms; /* when the last address was lost */
    bool was_ready;   /* before that */
};

#endif
