/* What this node refuses to hold, why and until when: rows refuse/<id>/... of the table.
 *
 * A refusal ends when its cause ends: after a while where the instance kept failing, as soon as the
 * port is free where it lacked one; and at once with the next order that asks for it (a restart, a
 * start, a submission) or another version.  None outlives its agent: what it was about may be mended. */
#ifndef AGENT_REFUSALS_H
#define AGENT_REFUSALS_H

#include "agent/work.h"

enum {
    REFUSE_MS = 60000, /* an instance that kept failing here stays away this long */
    LOOK_MS = 1000,    /* between two looks for a port that somebody waits for */
};

struct refusal;

struct refusals {
    struct node_id id;
    struct gossip *gossip;
    struct refusal *first, **last; /* oldest first */
    /* One walk through the range is for all that lack a dynamic port. */
    struct port_draw draw;
    bool is_walking;
    uint16_t found[PORTS_MAX], freed[PORTS_MAX]; /* freed: looked at first */
    size_t n_found;
    struct port_set promised;  /* to what was released just now */
    uint64_t promised_ms;      /* when the first of them was */
    uint64_t look_ms, walk_ms; /* when the next look is due; UINT64_MAX: none */
};

void refusals_init(struct refusals *r, struct node_id id, struct gossip *gossip);
void refusals_fini(struct refusals *r);

/* The item gave up, or lacked a port. */
void refusals_add(struct refusals *r, struct moment at, const struct work_item *item,
                  struct node_effects *out);
/* End those that are over, and what an earlier life of this node left.  Returns when the next one
 * ends by itself; UINT64_MAX: none does. */
uint64_t refusals_review(struct refusals *r, struct moment at, struct node_effects *out);

/* Ask the host for the ports that are waited for, if it is time to. */
void refusals_look(struct refusals *r, struct work *w, struct moment at,
                   struct node_effects *out);
/* The host's answer to a NODE_PORTS of refusals_look. */
void refusals_answer(struct refusals *r, const struct work *w, struct moment at,
                     const struct port_ask *asks, const enum port_state *states, size_t n,
                     struct node_effects *out);
/* A task of ours gives its ports back. */
void refusals_hurry(struct refusals *r, uint64_t now_ms, const struct work_item *freed);
uint64_t refusals_deadline_ms(const struct refusals *r); /* UINT64_MAX: none */

#endif
