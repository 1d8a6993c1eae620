/* Drawing ports: in which order those of a range are looked at, and which one is taken.
 *
 * Pure.  The host says of single ports whether they are free; nothing is guessed, and each port of
 * the range is looked at once at most.  The walk begins anywhere and goes in steps, so that a port
 * that was just given back is not at once somebody else's. */
#ifndef AGENT_PORTS_H
#define AGENT_PORTS_H

#include "core/bounds.h"
#include "core/rng.h"

/* Of a port, on all addresses of this host that a task may bind. */
enum port_state {
    PORT_FREE,
    PORT_LINGERS, /* connections of who had it are not over: a server may listen all the same */
    PORT_TAKEN,
};

enum { PORT_TCP = 1, PORT_UDP = 2 };
enum {
    PORT_ASKS_MAX = 64
}; /* in one question: a host answers in well under a millisecond */

/* What the host is asked. */
struct port_ask {
    uint16_t port;
    uint8_t protocols; /* PORT_TCP, PORT_UDP */
    bool is_fixed;     /* the spec names it */
};

/* Ports that are not to be had, whatever the host says. */
struct port_set {
    uint64_t bits[1024];
};
bool port_set_has(const struct port_set *set, uint16_t port);
void port_set_add(struct port_set *set, uint16_t port); /* 0: nothing */

struct port_range {
    uint16_t low, high; /* inclusive */
};

struct port_draw {
    struct port_range range;
    uint32_t first, step, at; /* at: of the sequence, how many were looked at */
    uint16_t kept[PORTS_MAX]; /* of each place: what it had before; 0 = none */
    bool is_doubted;          /* those come last, not first */
    uint16_t lingering[PORTS_MAX];
    size_t n_lingering;
    uint32_t n_taken; /* by strangers */
};

/* `kept`: what the task had before (NULL: nothing); ports outside of the range are not kept. */
void port_draw_begin(struct port_draw *d, struct port_range range, const uint16_t *kept,
                     size_t n_kept, bool is_doubted, struct rng *rng);
/* The next ports to ask for, at most `cap`, without those of `not`; 0: the walk is over.  Asking
 * changes nothing: port_draw_answer does. */
size_t port_draw_ask(const struct port_draw *d, const struct port_set * not,
                     uint16_t *out, size_t cap);
/* The answer for a port that was asked for; in that order, and those not answered are asked for
 * again.  Returns whether it is to be had now.  *ret_place: where it was before, or SIZE_MAX. */
bool port_draw_answer(struct port_draw *d, uint16_t port, enum port_state state,
                      size_t *ret_place);
/* After the walk: one that lingers and is not in `not`; 0 when there is none. */
uint16_t port_draw_last(struct port_draw *d, const struct port_set * not );

#endif
