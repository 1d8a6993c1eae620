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

/* One was heard: is it to be said? */
bool strangers_hear(struct strangers *s, uint64_t now_ms);

#endif
