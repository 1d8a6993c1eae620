/* Events of the simulated world, delivered in the order of their time, then of their making. */
#ifndef SIM_EVENT_H
#define SIM_EVENT_H

#include "tests/sim/world.h"

enum event_kind {
    EVENT_DATAGRAM,
    EVENT_BEACON,
    EVENT_BEACON_DUE,
    EVENT_REFUSED,
    EVENT_STREAM_OPENED,
    EVENT_STREAM_FRAME,
    EVENT_STREAM_CLOSED,
    EVENT_TASK_STARTED,
    EVENT_TASK_EXITED,
    EVENT_PROBED,
    EVENT_TICK,
    EVENT_ADDRESS,
};

struct sim_event {
    uint64_t at_ms, order; /* ties: first made, first delivered */
    enum event_kind kind;
    unsigned node;
    uint64_t boot; /* of the receiver: void when it has changed */
    unsigned peer; /* sender */
    uint32_t stream;
    enum knock how; /* a stream of ours did not open */
    uint64_t task_boot;
    unsigned check;
    int32_t status;
    struct secret sealed; /* what a datagram or beacon is sealed under */
    struct sim_nonce nonce;
    char key[160];
    size_t len;
    uint8_t bytes[];
};

/* Due in `delay_ms`, void when the node has been started anew meanwhile; `payload` is copied. */
struct sim_event *event_new(struct sim *s, enum event_kind kind, unsigned node,
                            uint64_t delay_ms, struct bytes payload);
void event_push(struct sim *s, struct sim_event *e);
struct sim_event *event_pop(struct sim *s);

#endif
