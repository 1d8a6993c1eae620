/* DIR/control: how an agent speaks to the shim of a task, over a connection of its own for
 * each request.  What was sent stands, whatever becomes of the agent. */
#ifndef ISOLATE_CONTROL_H
#define ISOLATE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/err.h"

#define CONTROL_NAME "control"

struct control_request {
    int signal;   /* to every process of the task; 0: none */
    bool to_main; /* to its main process alone; a shim of 0.2.0 tells all of them */
    bool has_live_until;    /* at that time it is killed, whoever is there */
    uint64_t live_until_ms; /* of CLOCK_BOOTTIME, which goes on while the host sleeps */
};

uint64_t control_now_ms(void);

/* The shim's side: a socket in `dir` that listens.  A descriptor or -errno. */
int control_listen(const char *dir);
/* One request, if one is waiting.  False: none (any more). */
bool control_take(int listener, struct control_request *ret_request);

/* The agent's side; never waits.  -ENOENT or -ECONNREFUSED: its shim has no such socket. */
int control_send(const char *dir, const struct control_request *request);
/* The shim that listens in `dir`, or 0. */
pid_t control_peer(const char *dir);

#endif
