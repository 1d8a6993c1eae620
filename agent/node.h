/* A whole node as one pure machine: gossip, planning and the work it holds, composed.
 *
 * It routes and decides nothing itself.  Two hosts drive it: agent/uv_agent.c with real sockets,
 * RocksDB and processes, and the simulator with virtual ones.  Each call appends effects to `out`;
 * the host performs them in order and then clears the list.  What an effect points to is valid
 * until then. */
#ifndef AGENT_NODE_H
#define AGENT_NODE_H

#include "agent/address.h"
#include "agent/disk.h"
#include "agent/effects.h"
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
    bool is_waiting;     /* for its disk: it answers who asks, and never joins */
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
/* `is_expecting`: further addresses are looked up, and node_join is called again with them. */
void node_join(struct node *n, struct moment at, const struct endpoint *seeds,
               size_t n_seeds, bool is_expecting, struct node_effects *out);

/* A holder of our secret may be found at `endpoint`; called any time after node_join. */
void node_meet(struct node *n, struct moment at, struct endpoint endpoint,
               struct node_effects *out);

/* ---- the step ---- */

void node_datagram(struct node *n, struct moment at, struct endpoint from,
                   struct bytes in, struct node_effects *out);
/* An agent of 0.1 under our secret was heard: its datagram, or (`id`) its beacon. */
void node_former(struct node *n, struct moment at, struct bytes datagram,
                 const struct node_id *id);
void node_refused(struct node *n, struct moment at, struct endpoint to,
                  struct node_effects *out);
void node_stream_opened(struct node *n, struct moment at, uint32_t stream,
                        struct node_id peer, struct node_effects *out);
void node_stream_frame(struct node *n, struct moment at, uint32_t stream,
                       struct bytes frame, struct node_effects *out);
/* Instead of node_stream_closed, of one of ours that was never open. */
void node_stream_failed(struct node *n, struct moment at, uint32_t stream, enum knock how,
                        struct node_effects *out);
void node_stream_closed(struct node *n, struct moment at, uint32_t stream,
                        struct node_effects *out);
/* The answer to a NODE_PORTS: the states of its first `n` asks, at least of the fixed ones.  Given at once,
 * while the effects are performed; NODE_LAUNCH may follow among them. */
void node_ports(struct node *n, struct moment at, const struct node_effect *asked,
                const enum port_state *states, size_t n_states, struct node_effects *out);
void node_task_started(struct node *n, struct moment at, const char *key, uint32_t pid,
                       struct node_effects *out);
void node_task_failed(struct node *n, struct moment at, const char *key, const char *why,
                      struct node_effects *out);
void node_task_exited(struct node *n, struct moment at, const char *key,
                      const struct exit_fact *fact, struct node_effects *out);
void node_probed(struct node *n, struct moment at, const char *key, unsigned check,
                 bool is_ok, const char *detail, struct node_effects *out);
/* The store refused a PERSIST of what is no order (`why` for people): our row, which `leave` and `away`
 * change; claims, results and refusals of our tasks; the low-water row; the offer of a secret that is put
 * back or taken out; what others wrote.  Nobody was promised any of it, and each says what is so on this
 * host or elsewhere whatever our disk does.  So it is merged and told all the same, and the host keeps it
 * for later.  Orders are refused until node_store_mended. */
void node_store_failed(struct node *n, const char *why);
void node_store_mended(struct node *n);
/* See gossip_restock. */
bool node_restock(struct node *n, struct gossip_restock *at, struct node_effects *out);
/* The host has looked at its disk; at a start for the first time before node_join.  It does as it is
 * advised, and looks again in time. */
void node_disk(struct node *n, struct moment at, const struct disk_facts *facts,
               struct disk_advice *ret_advice, struct node_effects *out);
/* Where peers should reach us, as things are.  `is_joining_others`: --join leads off this host. */
struct endpoint node_address_choice(const struct node *n,
                                    const struct address_facts *facts,
                                    bool is_joining_others);
/* The host has looked at its addresses, and listens at `to` from now on; family 0: nowhere, for it has
 * none.  At a start before node_join, then whenever something may have changed.  A node without an
 * address keeps what it runs, plans nothing and takes no orders; see gossip_move.  One that has none from
 * the start does not start again what has ended, before it knows what others took over. */
void node_addressed(struct node *n, struct moment at, const struct address_facts *facts,
                    struct endpoint to, struct node_effects *out);
/* It is reached at this endpoint of the other family as well; family 0: no more. */
void node_addressed_second(struct node *n, struct moment at, struct endpoint second,
                           struct node_effects *out);
void node_tick(struct node *n, struct moment at, struct node_effects *out);
uint64_t node_deadline_ms(const struct node *n); /* UINT64_MAX: none */

/* ---- commands: each ends with exactly one NODE_DONE ----
 *
 * An order that writes is done in two halves, so that what the local store does not take neither
 * enters the table nor leaves the node:
 *
 *     node_command(...)          computes what is to be written
 *     node_staged(...)           if there is any: the host writes it at once, synced, behind what waits
 *                                for the store already; never into a backlog, for what is refused is
 *                                not tried again
 *     node_committed(...)        is told how that ended, and goes on or answers with the error
 *
 * Nothing of the node may be called between these three. */

enum command_kind {
    COMMAND_SUBMIT, /* `jobs` together, all or none */
    COMMAND_SCALE,  /* `count` */
    COMMAND_STOP,
    COMMAND_START,
    COMMAND_RESTART,
    COMMAND_REMOVE,
    COMMAND_VAR_SET, /* `name`, `value` */
    COMMAND_VAR_REMOVE,
    COMMAND_FORGET, /* `name` of a dead or departed node */
    COMMAND_JOIN,   /* `endpoint` */
    COMMAND_ROTATE, /* `value`: a new secret and a nonce, random; `is_forced`: whoever it locks out */
    COMMAND_LEAVE, /* hand over what we hold, then depart: NODE_EXIT follows */
};

enum { ACK_DEFAULT = 0, ACK_MAJORITY = -1, ACK_ALL = -2 };

struct command {
    enum command_kind kind;
    uint64_t token; /* given back in NODE_DONE */
    const char *ns, *name;
    const struct job_spec *jobs;
    const struct bytes *bodies; /* of `jobs`, as spec_canonical makes them; NULL: to be made */
    size_t n_jobs;
    uint32_t count;
    uint32_t if_version; /* SUBMIT: only if this is the current version; 0 = any */
    bool if_new;         /* SUBMIT: only jobs that are not there */
    struct bytes value;
    struct endpoint endpoint;
    int ack; /* how many members must have it, or ACK_*; ACK_DEFAULT: what the agent's options say, else
                one besides us, if there is one */
    const char *note;
    const char
        *by; /* SUBMIT, SCALE: who orders it, "root@n1"; NULL: nobody in particular */
    bool keep_scale; /* SUBMIT: a scale that is in force stays so */
    bool is_forced;
};

void node_command(struct node *n, struct moment at, const struct command *command,
                  struct node_effects *out);
/* What the store has to take before the order goes on; NULL when nothing waits.  Lives in `out`. */
const struct store_change *node_staged(const struct node *n, size_t *ret_n);
/* `status`: 0; ERR_UNSURE when the disk may have it although it did not say so; any other error when
 * nothing of it was written.  `why` for people. */
void node_committed(struct node *n, struct moment at, int status, const char *why,
                    struct node_effects *out);

/* The process is about to end and its tasks stay: say `away`, so that nobody replaces
 * them for so long.  Whoever waits for an answer gets it now. */
void node_away(struct node *n, struct moment at, uint64_t away_ms,
               struct node_effects *out);

/* ---- reading ---- */

const struct gossip *node_gossip(const struct node *n);
/* See gossip_set_us. */
void node_set_us(struct node *n, uint64_t now_us);
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
bool node_is_takeover_held(const struct node *n, uint64_t now_ms);
/* For how long nobody takes over yet what the dead held, 0 when it is not waited for.  *ret_is_asking: for
 * at most so long, while the others are being asked whether they are there. */
uint64_t node_takeover_wait_ms(const struct node *n, uint64_t now_ms,
                               bool *ret_is_asking);
/* Until when a dead member that said so may be away; 0 = it did not, or that is over. */
uint64_t node_away_until_ms(const struct node *n, struct node_id id, uint64_t now_ms);

#endif
