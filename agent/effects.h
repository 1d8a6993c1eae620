/* What a node asks its host to do: values in a list, performed in order, then cleared.
 *
 * What an effect points to lives in the list's arena until node_effects_clear. */
#ifndef AGENT_EFFECTS_H
#define AGENT_EFFECTS_H

#include "core/job.h"
#include "gossip/gossip.h"

enum node_effect_kind {
    NODE_GOSSIP,  /* `gossip`: SEND, STREAM_* or PERSIST, for the network and the store */
    NODE_LAUNCH,  /* start the task `key` */
    NODE_NOTE,    /* replace the note kept with task `key` */
    NODE_SIGNAL,  /* send `signal` to task `key` */
    NODE_KILL,    /* SIGKILL everything of task `key` */
    NODE_REMOVE,  /* task `key` is over: delete what is left of it */
    NODE_PROBE,   /* probe task `key` with health check number `check` at `endpoint` */
    NODE_EVENT,   /* something people want to hear of */
    NODE_CATALOG, /* endpoints may have changed: build a new catalog */
    NODE_KEYS,    /* node_keys has changed: use them, and write them down */
    NODE_DONE,    /* command `token` is finished */
    NODE_EXIT,    /* this node has left: the process may end */
};

struct node_event {
    const char *kind;    /* "member", "job", "instance", "var", "conflict", "clock" */
    const char *subject; /* "n3", "web", "web.0" */
    const char *state;   /* "alive", "v3", "running", "off"; may be NULL */
    const char *text;    /* one sentence */
    const char *cause;   /* may be NULL */
    bool is_own;         /* of this node: goes to its log as well */
};

struct node_result {
    int code; /* 0 or an error */
    const char *text;
    size_t known_by, members; /* who has the write */
    uint64_t took_ms;
};

struct node_effect {
    enum node_effect_kind kind;
    struct gossip_effect gossip;
    const char *key;
    const struct task_spec *task; /* LAUNCH */
    const struct pair *env;       /* LAUNCH */
    size_t n_env;
    const uint16_t *ports; /* LAUNCH: to be free on this host, else the launch fails */
    size_t n_ports;
    struct bytes note; /* LAUNCH, NOTE */
    int signal;
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
    size_t n_routed; /* of gossip.list, already looked at by the node */
};

/* Append one and return it for filling in; when out of memory a scratch effect that goes nowhere
 * is returned and the loss counted in gossip.n_lost. */
struct node_effect *node_effects_add(struct node_effects *fx, enum node_effect_kind kind);
/* Strings and arrays for effects are made here. */
struct arena *node_effects_arena(struct node_effects *fx);

void node_effects_init(struct node_effects *fx);
void node_effects_fini(struct node_effects *fx);
void node_effects_clear(struct node_effects *fx);

#endif
