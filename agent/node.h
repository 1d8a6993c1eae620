/* A whole node as one pure machine: gossip, planning and the work it holds, composed.
 *
 * It routes and decides nothing itself.  Two hosts drive it: agent/uv_agent.c with real sockets,
 * RocksDB and processes, and the simulator with virtual ones.  Each call appends effects to `out`;
 * the host performs them in order and then clears the list.  What an effect points to is valid
 * until then. */
#ifndef AGENT_NODE_H
#define AGENT_NODE_H

#include "agent/effects.h"
#include "agent/wall.h"
#include "core/moment.h"
#include "proto/seal.h"
#include "sched/view.h"

/* ---- the node ---- */

struct node_options {
    struct gossip_options gossip;
    struct node_doc self; /* name, version, address, capacity, attributes; copied */
    uint16_t port_min, port_max; /* for dynamic ports */
    uint32_t settle_ms;          /* 0 = 100: quiet time before claiming */
    uint32_t hold_ms;            /* 0 = 30 s: mass_failure_hold */
    const char *binary;          /* STRATOS_BIN in tasks */
    struct keyring keys; /* what the host seals with; n = 0: nothing, and never will */
};

struct node;

struct node *node_new(const struct node_options *options, struct moment at);
void node_free(struct node *n);

/* Starting, in this order: restore what PERSIST stored, adopt tasks that are there, join. */
int node_restore(struct node *n, enum store_space space, struct bytes key,
                 struct bytes value);
/* false: we do not know that task (any more); the host kills and removes it. */
bool node_adopt(struct node *n, struct moment at, const char *key, uint32_t pid,
                uint64_t started_unix_ms, struct bytes note);
/* `is_expecting`: further addresses are looked up, and node_join is called again with them. */
void node_join(struct node *n, struct moment at, const struct endpoint *seeds,
               size_t n_seeds, bool is_expecting, struct node_effects *out);

/* A holder of our secret may be found at `endpoint`; called any time after node_join. */
void node_meet(struct node *n, struct moment at, struct endpoint endpoint,
               struct node_effects *out);

/* ---- the step ---- */

void node_datagram(struct node *n, struct moment at, struct endpoint from,
                   struct bytes in, struct node_effects *out);
void node_refused(struct node *n, struct moment at, struct endpoint to,
                  struct node_effects *out);
void node_stream_opened(struct node *n, struct moment at, uint32_t stream,
                        struct node_id peer, struct node_effects *out);
void node_stream_frame(struct node *n, struct moment at, uint32_t stream,
                       struct bytes frame, struct node_effects *out);
void node_stream_closed(struct node *n, struct moment at, uint32_t stream,
                        struct node_effects *out);
void node_task_started(struct node *n, struct moment at, const char *key, uint32_t pid,
                       struct node_effects *out);
void node_task_failed(struct node *n, struct moment at, const char *key, const char *why,
                      struct node_effects *out);
void node_task_exited(struct node *n, struct moment at, const char *key, int32_t status,
                      bool is_oom, struct node_effects *out);
void node_probed(struct node *n, struct moment at, const char *key, unsigned check,
                 bool is_ok, const char *detail, struct node_effects *out);
/* The store refused a PERSIST (`why` for people): what waits for an answer gets that error, and new
 * orders are refused until node_store_mended. */
void node_store_failed(struct node *n, struct moment at, const char *why,
                       struct node_effects *out);
void node_store_mended(struct node *n);
void node_tick(struct node *n, struct moment at, struct node_effects *out);
uint64_t node_deadline_ms(const struct node *n); /* UINT64_MAX: none */

/* ---- commands: each ends with exactly one NODE_DONE ---- */

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
    size_t n_jobs;
    uint32_t count;
    uint32_t if_version; /* SUBMIT: only if this is the current version; 0 = any */
    struct bytes value;
    struct endpoint endpoint;
    int ack; /* how many members must have it, or ACK_*; ACK_DEFAULT: one besides us, if there is one */
    const char *note;
    bool is_forced;
};

void node_command(struct node *n, struct moment at, const struct command *command,
                  struct node_effects *out);

/* The process is about to end and its tasks stay: say `away`, so that nobody replaces
 * them for so long. */
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
/* Of our host's wall clock, as of the last step. */
const struct wall *node_wall(const struct node *n);
bool node_is_takeover_held(const struct node *n, uint64_t now_ms);

#endif
