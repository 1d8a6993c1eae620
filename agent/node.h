/* A whole node as one pure machine: gossip, planning and the work it holds, composed.
 *
 * It routes and decides nothing itself.  Two hosts drive it: agent/uv_agent.c with real sockets,
 * RocksDB and processes, and the simulator with virtual ones.  Each call appends effects to `out`;
 * the host performs them in order and then clears the list.  What an effect points to is valid
 * until then. */
#ifndef AGENT_NODE_H
#define AGENT_NODE_H

#include "agent/input.h"
#include "agent/wall_clock.h"
#include "agent/work.h"
#include "core/moment.h"
#include "proto/seal.h"
#include "sched/view.h"

/* ---- the node ---- */

struct node_options {
    struct gossip_options gossip;
    struct node_doc self; /* name, version, address, capacity, attributes; copied */
    uint16_t port_min, port_max; /* for dynamic ports */
    struct own_ports own_ports;  /* of the agent, which no task gets */
    uint32_t settle_ms;          /* 0 = 100: quiet time before claiming */
    uint32_t hold_ms;            /* 0 = 30 s: mass_failure_hold */
    const char *binary;          /* STRATOS_BIN in tasks */
    const char *api;             /* STRATOS_API in tasks that have a token; NULL = none */
    struct keyring keys; /* what the host seals with; n = 0: nothing, and never will */
    int ack;             /* of orders that do not say; ACK_DEFAULT */
    /* 0 = 30 s: after its start a node that remembers members and hears none takes no order for so
     * long, but those that want nobody else: a network may take that long to come up. */
    uint32_t lone_ms;
    bool is_waiting;         /* for its disk: it answers who asks, and never joins */
    const struct disk *disk; /* as it was seen by one that waited; NULL: it was not */
};

struct node;

struct node *node_new(const struct node_options *options, struct moment at);
void node_free(struct node *n);

/* Starting, in this order: restore what PERSIST stored, adopt tasks that are there, join. */
int node_restore(struct node *n, enum store_space space, struct bytes key,
                 struct bytes value);
/* false: we do not know that task (any more); the host kills and removes it.  `doubt`: NULL, or what
 * is not known of it yet, for people. */
bool node_adopt(struct node *n, struct moment at, const char *key, uint32_t pid,
                uint64_t started_unix_ms, struct bytes note, const char *doubt);
/* What the life before said may not be on the disk, or what this one says cannot be: see gossip_leap. */
void node_leap(struct node *n);
/* ---- the step ---- */

/* Time, bytes, completions and orders go in, one at a time; what the host is to do is appended to `out`. */
void node_step(struct node *n, struct moment at, const struct node_input *in,
               struct node_effects *out);
uint64_t
node_deadline_ms(const struct node *n); /* when a TICK is due; UINT64_MAX: none */
/* What the store has to take before an order goes on; NULL when nothing waits.  Lives in `out`. */
const struct store_change *node_staged(const struct node *n, size_t *ret_n);
/* After a RESTOCK: there is more. */
bool node_is_restocking(const struct node *n);
/* After a DISK: what the host is to do about it. */
struct disk_advice node_disk_advice(const struct node *n);

/* ---- reading ---- */

const struct gossip *node_gossip(const struct node *n);
/* The view as of now, for reports and explanations; lives in `arena`. */
int node_view(struct node *n, struct moment at, struct arena *arena,
              struct view *ret_view);
const struct keyring *node_keys(const struct node *n);
const struct work *node_work(const struct node *n); /* what it holds */
/* Of our host's wall clock, as of the last step. */
const struct wall_clock *node_wall(const struct node *n);
/* Of the disk that holds our data, as of the last look. */
const struct disk *node_own_disk(const struct node *n);
const struct address *node_own_address(const struct node *n);
bool node_is_waiting(const struct node *n); /* as its options say */
/* Where peers should reach us, as things are.  `is_joining_others`: --join leads off this host. */
struct endpoint node_address_choice(const struct node *n,
                                    const struct address_facts *facts,
                                    bool is_joining_others);
bool node_is_takeover_held(const struct node *n, uint64_t now_ms);
/* For how long nobody takes over yet what the dead held, 0 when it is not waited for.  *ret_is_asking: for
 * at most so long, while the others are being asked whether they are there. */
uint64_t node_takeover_wait_ms(const struct node *n, uint64_t now_ms,
                               bool *ret_is_asking);
/* Until when a dead member that said so may be away; 0 = it did not, or that is over. */
uint64_t node_away_until_ms(const struct node *n, struct node_id id, uint64_t now_ms);

#endif
