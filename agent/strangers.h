/* Hosts with another secret that speak to this one: each of their datagrams is counted, and once a
 * minute the log says so. */
#ifndef AGENT_STRANGERS_H
#define AGENT_STRANGERS_H

#include <stdbool.h>
#include <stdint.h>

struct strangers {
    uint64_t said_ms;
    bool has_said;
};

enum { STRANGERS_PAUSE_MS = 60 * 1000, STRANGERS_LONG_PAUSE_MS = 60 * 60 * 1000 };

/* One was heard: is it to be said?  Not again before `pause_ms` are over. */
bool strangers_hear(struct strangers *s, uint64_t now_ms, uint64_t pause_ms);

#endif
