/* Commands: orders of people become table writes, and are answered once enough members have them
 * (DESIGN 6, "Durability").
 *
 * An order is done in two halves.  What it writes is staged; the host gives that to the local store;
 * only what the store took is merged and leaves this node. */
#ifndef AGENT_COMMANDS_H
#define AGENT_COMMANDS_H

#include "agent/acks.h"

struct commands {
    struct acks acks;
    struct ack staged; /* the order that waits for the store */
    const struct store_change *changes;
    size_t n_changes; /* 0: none waits */
};

/* What commands work on; the node's own. */
struct command_scope {
    struct gossip *gossip;
    const char *node; /* our name, for `by` */
    const struct keyring *keys;
    struct metrics *metrics;
};

/* The first half: stage what the command orders.  True when there is something for the store:
 * c->changes, to be written at once, synced, and then commands_commit.  Otherwise it is answered, or
 * waits to be: it was refused, or nothing was to be written.  LEAVE and JOIN are the node's own matter
 * and not accepted here. */
bool commands_stage(struct commands *c, const struct command_scope *scope,
                    struct moment at, const struct order *command,
                    struct node_effects *out);
/* The second half.  `status` and `why` are the store's: 0; ERR_UNSURE when the disk may have it all
 * the same; any other error when it certainly has not. */
void commands_commit(struct commands *c, const struct command_scope *scope,
                     struct moment at, int status, const char *why,
                     struct node_effects *out);

#endif
