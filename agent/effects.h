/* What a node asks its host to do: values in a list, performed in order, then cleared.
 *
 * What an effect points to lives in the list's arena until node_effects_clear. */
#ifndef AGENT_EFFECTS_H
#define AGENT_EFFECTS_H

#include "agent/ports.h"
#include "core/job.h"
#include "gossip/gossip.h"

enum node_effect_kind {
    NODE_GOSSIP,  /* `gossip`: SEND, STREAM_* or PERSIST, for the network and the store */
    NODE_PORTS,   /* look which of `asks` are free, and tell INPUT_PORTS */
    NODE_LAUNCH,  /* start the task `key` */
    NODE_NOTE,    /* replace the note kept with task `key` */
    NODE_SIGNAL,  /* end task `key`: `signal` to all of it, and `grace_ms` */
    NODE_KILL,    /* SIGKILL everything of task `key` */
    NODE_REMOVE,  /* task `key` is over: delete what is left of it */
    NODE_PROBE,   /* probe task `key` with health check number `check` at `endpoint` */
    NODE_EVENT,   /* something people want to hear of */
    NODE_CATALOG, /* endpoints may have changed: build a new catalog */
    NODE_KEYS,    /* node_keys has changed: use them, and write them down */
    NODE_LOOK, /* look at this host's addresses: others see it at another; see INPUT_ADDRESSED */
    NODE_DONE, /* command `token` is finished */
    NODE_EXIT, /* this node has left: the process may end */
};

struct node_event {
    /* "member", "job", "instance", "var", "conflict", "clock", "disk", "address", "store", "table", "identity",
     * "clash", "hold" */
    const char *kind;
    const char *subject; /* "n3", "web", "web.0" */
    const char *state;   /* "alive", "v3", "running", "off"; may be NULL */
    const char *text;    /* one sentence */
    const char *cause;   /* may be NULL */
    const char *because; /* the member whose death or leaving it comes of; NULL: of none */
    const char *where;   /* the node where it happened; NULL: this one */
    const char *ns;      /* whose namespace it tells of; NULL: it belongs to none */
    bool is_own;         /* of this node: goes to its log as well */
};

enum { NAMES_TOLD_MAX = 64 }; /* of who has a write, and of who lacks it */
#define SILENT_SINCE_START UINT64_MAX

/* A member that is not known to have a write. */
struct node_missing {
    const char *name;
    enum member_state state;
    uint64_t silent_ms; /* since it was heard; SILENT_SINCE_START */
};

/* Who has the write: of `total` members `members` are within reach, `known_by` of them have it; the
 * others are missing, the dead among them.  At most NAMES_TOLD_MAX of each are named. */
struct node_result {
    int code; /* 0 or an error */
    const char *text;
    const char *told; /* the same in words; "" where nothing is written */
    size_t known_by, members, total;
    const char *const *has;
    size_t n_has;
    const struct node_missing *missing;
    size_t n_missing;
    uint64_t took_ms;
};

struct node_effect {
    enum node_effect_kind kind;
    struct gossip_effect gossip;
    const char *key;
    const struct task_spec *task; /* LAUNCH */
    const char *version;          /* LAUNCH: which spec, as text */
    bool is_quick;                /* LAUNCH: lifecycle_is_quick */
    const char *ns;         /* LAUNCH: its job's, for the token that task->api wants */
    const struct pair *env; /* LAUNCH */
    size_t n_env;
    const uint16_t *ports; /* LAUNCH: found free by NODE_PORTS */
    size_t n_ports;
    const struct port_ask *asks; /* PORTS: the fixed ones first */
    size_t n_asks;
    size_t
        n_wanted; /* PORTS: when so many that are not fixed are free, the rest need not be looked at */
    bool is_watch;     /* PORTS: for what waits, not for a start */
    struct bytes note; /* LAUNCH, NOTE */
    int signal;
    bool to_main; /* SIGNAL: to the main process, and to the others when that is gone */
    uint32_t grace_ms; /* SIGNAL: what is left after it is killed */
    unsigned check;
    const struct health_spec *health;
    struct endpoint endpoint;
    struct node_event event;
    uint64_t token;
    struct node_result result;
};

struct node_effects {
    struct gossip_effects gossip; /* the arena behind everything here */
    struct node_effect *list;
    size_t n, cap;
    size_t n_routed;     /* of gossip.list, already looked at by the node */
    struct spent *spent; /* what effects may point into, and nobody else any more */
};

/* Append one and return it for filling in; when out of memory a scratch effect that goes nowhere
 * is returned and the loss counted in gossip.n_lost. */
struct node_effect *node_effects_add(struct node_effects *fx, enum node_effect_kind kind);
/* Take over what `arena` holds, and free it with the effects, which may point into it; the caller's
 * arena is empty then.  0, or -ENOMEM: then it is the caller's as before. */
int node_effects_keep(struct node_effects *fx, struct arena *arena);
/* Strings and arrays for effects are made here. */
struct arena *node_effects_arena(struct node_effects *fx);

void node_effects_init(struct node_effects *fx);
void node_effects_fini(struct node_effects *fx);
void node_effects_clear(struct node_effects *fx);

#endif
