/* The work this node holds: for each claimed instance its spec, ports and life on this machine.
 *
 * A pure machine between the acts of the plan and the runner.  It publishes nothing itself: an
 * item says `is_unpublished` and the node writes its claim. */
#ifndef AGENT_WORK_H
#define AGENT_WORK_H

#include "agent/effects.h"
#include "core/moment.h"
#include "core/rng.h"
#include "isolate/lifecycle.h"

enum { WORK_KEY_MAX = 2 * NAME_LEN_MAX + 16 }; /* "<ns>.<job>.<index>" and a NUL */

struct work_item {
    struct work_item *next;
    char key[WORK_KEY_MAX];
    struct arena arena; /* owns the spec and its body */
    const struct job_spec *spec;
    struct bytes body; /* canonical */
    uint32_t index;
    uint64_t generation, restart_at, claimed_unix_ms;
    uint64_t retry_at; /* control_doc.retry_at, as far as it was obeyed */
    uint64_t born;     /* of its job: another job of this name does not go on with it */
    struct spec_hash hash;
    /* that it stands for; the task may have been started from an older one */
    uint32_t version;
    uint8_t n_amended; /* wraps: tells answers to checks of then from those of now */
    struct claim_port ports[PORTS_MAX];
    struct lifecycle life;
    bool is_unpublished;  /* the claim row is behind what is here */
    bool is_gone;         /* over: delete the claim, then this */
    bool gave_up;         /* with is_gone: refuse it for a while */
    bool is_replacing;    /* stopped in order to start the current version in its place */
    bool is_untried;      /* with gave_up: what it needs is not on this host */
    bool is_port_refused; /* with gave_up: it lacks a port, and was not tried */
    uint16_t blocked_port; /* is_port_refused: the fixed one; 0 = dynamic ones */
    bool is_doubted; /* the ports it had did it no good: others, while there are any */
    bool is_drawing; /* its ports are being looked for */
    bool is_asked;   /* the host has said that the fixed ones are free */
    uint64_t ask_ms; /* is_drawing: when to ask on; UINT64_MAX: an answer is due */
    struct port_draw draw;
};

/* Where the agent itself listens, on whatever address; 0 = nowhere. */
struct own_ports {
    uint16_t gossip, http, dns;
};

struct work_options {
    const char *node, *binary; /* for the tasks' environment; outlive the work */
    struct endpoint address; /* where our tasks are reached; port 0; family 0: nowhere */
    struct endpoint told;    /* the last one that there was, for their environment */
    uint16_t port_min, port_max;
    struct own_ports own; /* not given to tasks */
    /* "http://127.0.0.1:7781", for tasks with `api`; NULL = not served */
    const char *api;
    struct metrics *metrics;
};

struct work {
    struct work_options options;
    struct work_item *items; /* newest first */
    size_t n_items;
    struct rng rng;
    /* What has ended is not started again while this holds: it may run elsewhere, and nobody could
     * be asked. */
    bool is_held;
};

/* Which version of which instance an item is. */
struct assignment {
    const char *ns, *name;
    uint32_t index;
    uint64_t generation;
    struct spec_hash hash;
    uint32_t version;
    uint64_t restart_at, retry_at, born;
    struct bytes body; /* canonical spec */
};

void work_init(struct work *w, const struct work_options *options, uint64_t seed);
void work_fini(struct work *w);

const char *work_key(const char *ns, const char *name, uint32_t index,
                     char out[static WORK_KEY_MAX]);
struct work_item *work_find(struct work *w, const char *key);

/* A task's note, kept beside it on disk: its claim and the body of its spec, so that even an agent
 * whose store was lost can look after it.  The claim's strings live in `arena`, the body points into
 * `note`.  ERR_MALFORMED. */
int work_note_read(struct bytes note, struct arena *arena, struct claim_doc *ret_claim,
                   struct bytes *ret_body);

/* Take an instance and launch it.  ERR_CONFLICT when it is held already, -ENOMEM, or what
 * reading the body said. */
int work_start(struct work *w, struct moment at, const struct assignment *order,
               struct node_effects *out);
/* A task an earlier agent left: `claim` is its note.  pid 0: it has ended meanwhile. */
int work_adopt(struct work *w, struct moment at, const struct assignment *order,
               const struct claim_doc *claim, uint32_t pid);
void work_stop(struct work *w, struct work_item *item, struct moment at, const char *why,
               struct node_effects *out);
/* Stop it, and when it has ended set is_gone and is_replacing: the holder then calls work_renew. */
void work_replace(struct work *w, struct work_item *item, struct moment at,
                  const char *why, struct node_effects *out);
/* Start an ended, replacing item under a new order; its claim never lapses. */
int work_renew(struct work *w, struct work_item *item, struct moment at,
               const struct assignment *order, struct node_effects *out);
/* The item goes on under a new order whose spec starts the same task (see sched/spec_diff.h, which
 * the caller has asked): claim, checks, restart and stop follow the order, the task and the restart it
 * was started after stay.  0 also when it is stopping, which is left to end first; or what reading
 * the body said. */
int work_amend(struct work *w, struct work_item *item, struct moment at,
               const struct assignment *order, struct node_effects *out);
void work_remove(struct work *w, struct work_item *item);
/* Stop whatever runs, each with its grace. */
void work_stop_all(struct work *w, struct moment at, const char *why,
                   struct node_effects *out);
/* Kill whatever runs, without waiting for it: nobody will be here to look after it. */
void work_abandon(struct work *w, struct node_effects *out);
uint32_t work_stop_timeout_ms(const struct work *w); /* the longest of what is held */

void work_started(struct work *w, struct moment at, const char *key, uint32_t pid,
                  struct node_effects *out);
void work_refused(struct work *w, struct moment at, const char *key, const char *why,
                  struct node_effects *out);
void work_failed(struct work *w, struct moment at, const char *key, const char *why,
                 struct node_effects *out);
void work_exited(struct work *w, struct moment at, const char *key,
                 const struct exit_fact *fact, struct node_effects *out);
/* `detail`: what the task said, as harmless text; NULL when it could not be asked. */
void work_probed(struct work *w, struct moment at, const char *key, unsigned check,
                 bool is_ok, const char *detail, struct node_effects *out);
/* See INPUT_PORTS. */
void work_ports(struct work *w, struct moment at, const char *key,
                const struct port_ask *asks, const enum port_state *states, size_t n,
                struct node_effects *out);
/* Somebody wants it tried again: what failed before counts no more, and nothing is waited for. */
void work_retry(struct work *w, struct work_item *item, struct moment at,
                uint64_t retry_at);
void work_tick(struct work *w, struct moment at, struct node_effects *out);
uint64_t work_deadline_ms(const struct work *w);

/* The item as its claim row says it, but for times that only the caller knows; points into the
 * item. */
struct claim_doc work_claim(const struct work_item *item);
/* A task's note: u16 length of the claim, the claim, the body. */
struct bytes work_note(const struct work_item *item, struct arena *arena);

/* STRATOS_*, PORT_<NAME>, PORT0.., PORT and ADDR_<NAME>, in `arena`; NULL when out of memory.  Of a
 * task with `isolation: {api}` also STRATOS_TOKEN_FILE, where its token is, and STRATOS_API, where
 * that is of use. */
const struct pair *work_env(const struct work *w, const struct work_item *item,
                            struct arena *arena, size_t *ret_n);

#endif
