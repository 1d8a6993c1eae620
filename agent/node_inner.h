/* What the parts of the node share: node.c (starting, reading), node_step.c (the door), node_self.c,
 * node_orders.c and node_address.c. */
#ifndef AGENT_NODE_INNER_H
#define AGENT_NODE_INNER_H

#include "agent/commands.h"
#include "agent/fill.h"
#include "agent/holder.h"
#include "agent/keys.h"
#include "agent/node.h"

enum leaving { STAYING, HANDING_OVER, DEPARTING };

struct node {
    struct node_options options;
    struct arena own; /* strings of options */
    struct gossip *gossip;
    struct holder holder;
    struct news *news;
    struct commands commands;
    struct keys keys;
    struct wall_clock wall;
    struct disk disk;
    struct fill fill;
    struct address address;
    struct node_doc self;
    bool has_joined, has_been_ready;
    enum leaving leaving;
    uint64_t leave_by_ms, leave_number; /* number: of the row that says so */
    uint64_t started_ms;                /* when it first asked for others; 0: not yet */
    struct err store_error;             /* no text while the store takes writes */
    bool has_told_hold;                 /* that take-overs wait */
    struct disk_advice advice;          /* of the last look at the disk */
    struct gossip_restock restock;
    bool is_restocking;
};

/* Our row as it should be now.  Returns its number. */
uint64_t node_publish_self(struct node *n, struct moment at, struct node_effects *out);
/* Our own row must say what we are: peers may still hold one of an earlier life of this node. */
void node_check_own_row(struct node *n, struct moment at, struct bytes key,
                        struct node_effects *out);
/* Is the name of this member that of several nodes? */
void node_tell_of_name(struct node *n, struct node_id id, struct node_effects *out);
/* Once this node is ready, for only then it knows who has its name already. */
void node_take_name(struct node *n, struct moment at, struct node_effects *out);
/* Our row of an earlier life says how our clock was; it is so until we know better.  And since when the
 * disk is as it still is, and the name ours. */
void node_recall(struct node *n, struct node_effects *out);
/* Depart, once nothing is left to hand over or the time for that is up. */
void node_check_leaving(struct node *n, struct moment at, struct node_effects *out);
void node_look_at_wall(struct node *n, struct moment at, struct node_effects *out);
/* Say when take-overs begin to wait, and when that is over. */
void node_tell_hold(struct node *n, struct moment at, struct node_effects *out);
/* Look at what gossip asked for since the last call: ours are acted on, the host's passed on. */
void node_route(struct node *n, struct moment at, struct node_effects *out);
/* Every step ends here: route, publish, decide when the view is quiet, answer orders. */
void node_settle(struct node *n, struct moment at, struct node_effects *out);

/* ---- parts of the step; true: what follows from it has to be looked at ---- */

bool node_disk(struct node *n, struct moment at, const struct disk_facts *facts,
               struct node_effects *out);
bool node_addressed(struct node *n, struct moment at, const struct address_facts *facts,
                    struct endpoint to, struct node_effects *out);
/* False: it waits for the store, or for nothing. */
bool node_order(struct node *n, struct moment at, const struct order *order,
                struct node_effects *out);
void node_committed(struct node *n, struct moment at, int status, const char *why,
                    struct node_effects *out);
void node_away(struct node *n, struct moment at, uint64_t away_ms,
               struct node_effects *out);

#endif
