/* Orders about jobs, while they are applied: what each writes is drafted through here. */
#ifndef AGENT_COMMANDS_JOB_H
#define AGENT_COMMANDS_JOB_H

#include "agent/commands.h"
#include "core/err.h"
#include "proto/key.h"

/* One command while it is being applied. */
struct applying {
    const struct command_scope *scope;
    struct moment at;
    const struct order *command;
    struct node_effects *out;
    struct holding found; /* what was there already, as it is ordered */
    struct err err;
};

/* The table shows nothing of it before the whole order is done: no command may read what it wrote. */
int applying_publish(struct applying *run, const struct key *key, struct bytes value);

/* ORDER_SUBMIT: all of its jobs or none; SCALE, STOP, START and RESTART; REMOVE.  0, or an error with
 * its words in run->err. */
int commands_submit(struct applying *run);
int commands_order(struct applying *run);
int commands_remove(struct applying *run);

#endif
