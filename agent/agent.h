/* The agent's entry: what cli may include of it, besides client.h and files.h. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/home_machine.h"
#include "core/err.h"

enum { JOIN_MAX = 64, ATTRS_MAX = 128 };

/* Flags over stratos.yaml over defaults; NULL or 0 = not given. */
struct agent_options {
    const char *name, *data_dir, *secret_file, *bind, *http, *dns, *socket, *profile,
        *ports, *memory, *cpu, *ack, *reap;
    const char
        *record; /* a new file for what the node is told; NULL: it is not recorded */
    const char *join[JOIN_MAX]; /* addresses, or host names (resolved with c-ares) */
    size_t n_join;
    const char *attrs[ATTRS_MAX]; /* "k=v" */
    size_t n_attrs;
    bool no_discover, is_debug;
    bool http_open;              /* nobody needs a token */
    bool tasks_die;              /* with the agent (`dev`) */
    enum machine_policy machine; /* what to do with data that another host made */
};

/* Places for what is missing of data, secret and socket: /var/lib/stratos ... for root, the XDG
 * places otherwise; the rest the agent reads off the host.  Strings are static or kept for the
 * life of the process. */
void agent_options_default(struct agent_options *o);
/* Fill what the flags left open from a stratos.yaml; every flag has a key of the same name. */
int agent_options_read(struct agent_options *o, const char *path, struct err *err);
const char *agent_default_socket(void);
const char *agent_default_secret_file(void);

/* Run until SIGTERM/SIGINT or `leave`.  Returns the process's exit code. */
int agent_run(const struct agent_options *o);

/* Stop all tasks of a data directory on which no agent runs, as their jobs say; *ret_n of them. */
int agent_stop_tasks(const struct agent_options *o, size_t *ret_n, struct err *err);

/* Write a new secret to `path`, for its owner alone; the directories above it are made.  One that is there
 * stays: -EEXIST. */
int agent_secret_write(const char *path, struct err *err);

/* Hidden verb `stratos shim DIR`: a task's owner (isolate/shim.h).  argv[0] is "shim". */
int agent_shim(int argc, char **argv);

struct dev_options {
    unsigned nodes;  /* node i on 127.77.0.i; at most 250 */
    const char *dir; /* NULL: a new one under /tmp, removed at the end */
    bool detach;     /* leave at once; `stratos dev --dir DIR --stop` ends it */
    bool is_stop;
    bool tasks_survive;
    const char *profile;
};
int dev_run(const struct dev_options *o); /* the process's exit code */

/* `stratos demo-http`: GET / answers job, instance, node, version; GET /health. */
int demo_http_run(unsigned port, unsigned long fail_health_after_ms);

#endif
