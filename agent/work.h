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
    struct spec_hash hash;
    uint32_t version;
    struct claim_port ports[PORTS_MAX];
    struct lifecycle life;
    bool is_unpublished; /* the claim row is behind what is here */
    bool is_gone;        /* over: delete the claim, then this */
    bool gave_up;        /* with is_gone: refuse it for a while */
    bool is_replacing;   /* stopped in order to start the current version in its place */
    bool needs_ports;    /* the last start failed: try other dynamic ports */
};

struct work_options {
    const char *node, *binary; /* for the tasks' environment; outlive the work */
    struct endpoint address;   /* where our tasks are reached; port 0 */
    uint16_t port_min, port_max;
    struct metrics *metrics;
};

struct work {
    struct work_options options;
    struct work_item *items; /* newest first */
    size_t n_items;
    struct rng rng;
};

/* Which version of which instance an item is. */
struct work_order {
    const char *ns, *name;
    uint32_t index;
    uint64_t generation;
    struct spec_hash hash;
    uint32_t version;
    uint64_t restart_at;
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
int work_start(struct work *w, struct moment at, const struct work_order *order,
               struct node_effects *out);
/* A task an earlier agent left: `claim` is its note.  pid 0: it has ended meanwhile. */
int work_adopt(struct work *w, struct moment at, const struct work_order *order,
               const struct claim_doc *claim, uint32_t pid);
void work_stop(struct work *w, struct work_item *item, struct moment at, const char *why,
               struct node_effects *out);
/* Stop it, and when it has ended set is_gone and is_replacing: the node then calls work_renew. */
void work_replace(struct work *w, struct work_item *item, struct moment at,
                  const char *why, struct node_effects *out);
/* Start an ended, replacing item under a new order; its claim never lapses. */
int work_renew(struct work *w, struct work_item *item, struct moment at,
               const struct work_order *order, struct node_effects *out);
void work_remove(struct work *w, struct work_item *item);
/* Kill whatever runs, without waiting for it: nobody will be here to look after it. */
void work_abandon(struct work *w, struct node_effects *out);
uint32_t work_stop_timeout_ms(const struct work *w); /* the longest of what is held */

void work_started(struct work *w, struct moment at, const char *key, uint32_t pid,
                  struct node_effects *out);
void work_failed(struct work *w, struct moment at, const char *key, const char *why,
                 struct node_effects *out);
void work_exited(struct work *w, struct moment at, const char *key, int32_t status,
                 bool is_oom, struct node_effects *out);
void work_probed(struct work *w, struct moment at, const char *key, unsigned check,
                 bool is_ok, const char *detail, struct node_effects *out);
void work_tick(struct work *w, struct moment at, struct node_effects *out);
uint64_t work_deadline_ms(const struct work *w);

/* The item as its claim row says it; points into the item. */
struct claim_doc work_claim(const struct work_item *item);

#endif
