/* The ports that a task is started with, found before it is. */
#ifndef AGENT_TASK_PORTS_H
#define AGENT_TASK_PORTS_H

#include "agent/work.h"

/* The agent's flag that names `port`, a port of its own; NULL = it is free for tasks. */
const char *task_ports_own_flag(const struct own_ports *own, uint16_t port);

/* How far a start has come. */
enum task_ports_stage {
    TASK_PORTS_ASKED, /* the host was asked for ports, or will be: task_ports_answer follows */
    TASK_PORTS_OUT,     /* NODE_LAUNCH is among the effects */
    TASK_PORTS_REFUSED, /* it cannot be started here now: `why` says it; nothing was tried */
};

/* Begin a start: its ports are found first, those the spec fixes and dynamic ones.  None is of
 * another item or of the agent itself, and the host says of each that it is free.  What the item
 * had before it gets again, unless item->is_doubted: then another, while one is free. */
enum task_ports_stage task_ports_begin(struct work *w, struct work_item *item,
                                       struct moment at, struct node_effects *out,
                                       char why[static REASON_WHOLE_MAX]);
/* What the host said to NODE_PORTS: of the first `n` asks. */
enum task_ports_stage task_ports_answer(struct work *w, struct work_item *item,
                                        struct moment at, const struct port_ask *asks,
                                        const enum port_state *states, size_t n,
                                        struct node_effects *out,
                                        char why[static REASON_WHOLE_MAX]);
/* Ask on: so many ports were in use that the rest was left for later. */
void task_ports_ask(struct work *w, struct work_item *item, struct node_effects *out);

/* What no item can be given: the ports of all items but `except`, and the agent's own. */
void task_ports_given(const struct work *w, const struct work_item *except,
                      struct port_set *out);
/* The spec's own ports, to be asked for; `out` has PORTS_MAX places. */
size_t task_ports_fixed(const struct job_spec *spec, struct port_ask *out);

#endif
