/* The holder: what this node holds, from plan to task to claim.
 *
 * When members or table have been quiet for a moment it makes the view, plans, and acts on what the
 * plan gives to this node; what becomes of its work it publishes as claims and refusals. */
#ifndef AGENT_HOLDER_H
#define AGENT_HOLDER_H

#include "agent/refusals.h"
#include "agent/work.h"
#include "sched/mass_failure.h"
#include "sched/view.h"

struct holder_options {
    struct node_id id;
    struct gossip *gossip; /* the node's; outlives the holder */
    struct work_options work;
    uint32_t settle_ms, hold_ms;
    /* who hears nobody for so long doubts itself before it believes a death */
    uint32_t silence_ms;
    uint64_t seed;
};

struct holder {
    struct holder_options options;
    struct work work;
    struct refusals refusals;
    struct spec_cache *specs;
    struct mass_failure hold;
    struct aways aways;
    uint64_t dirty_since_ms, dirty_last_ms; /* 0 = the plan is up to date */
    uint64_t replan_ms; /* 0 = none: when a refusal or an absence ends, at the latest */
    bool is_cleaned;    /* claims of earlier lives without a task are gone */
};

int holder_init(struct holder *h, const struct holder_options *options); /* -ENOMEM */
void holder_fini(struct holder *h);

/* What the plan is made of has changed: plan again when it has settled. */
void holder_set_dirty(struct holder *h, uint64_t now_ms);
/* A member's state changed to `state`: a death may begin the mass-failure hold, or the question whether
 * it should; a return may end it. */
void holder_member(struct holder *h, uint64_t now_ms, enum member_state state,
                   enum member_state was, struct gossip_effects *out);
/* Gossip is ready: from now on we decide. */
void holder_ready(struct holder *h, uint64_t now_ms);
/* An own claim has changed in the table.  One that others kept from a life whose disk or memory was lost has
 * no task: it goes with the next decision. */
void holder_own_claim(struct holder *h, struct bytes key);
bool holder_is_idle(const struct holder *h); /* holds nothing and has nothing to decide */

/* See node_adopt. */
bool holder_adopt(struct holder *h, struct moment at, const char *key, uint32_t pid,
                  uint64_t started_unix_ms, struct bytes note, const char *doubt);
int holder_view(struct holder *h, struct moment at, struct arena *arena,
                struct view *ret_view);

/* Decide if it is time to.  Returns whether it did. */
bool holder_step(struct holder *h, struct moment at, struct node_effects *out);
/* See INPUT_PORTS. */
void holder_ports(struct holder *h, struct moment at, const struct node_effect *asked,
                  const enum port_state *states, size_t n, struct node_effects *out);
/* Publish what became of the work since the last call. */
void holder_publish(struct holder *h, struct moment at, struct node_effects *out);
uint64_t holder_deadline_ms(const struct holder *h); /* UINT64_MAX: none */

/* ---- shared by the holder's own files ---- */

/* The body of one version, or an empty view when the table does not have it. */
struct bytes holder_spec(const struct holder *h, const char *ns, const char *name,
                         struct spec_hash hash);

#endif
