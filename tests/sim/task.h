/* Simulated tasks: they start after a moment, answer probes, and end when told to or by themselves. */
#ifndef SIM_TASK_H
#define SIM_TASK_H

#include "tests/sim/event.h"

enum { TASK_NEVER = -1 }; /* the status of one that was launched and never started */

struct sim_task *task_find(struct sim_node *n, const char *key);
void task_note(struct sim_task *t, struct bytes note);
void task_remove(struct sim_node *n, const char *key);
void task_event(struct sim *s, unsigned node, const struct sim_task *t,
                enum event_kind kind, uint64_t delay_ms, int32_t status);
enum { PORTS_LOW = 20000, PORTS_FEW = 16 }; /* so many, where strangers are about */

/* Other programs have those of the first ports whose bits are set, but for what tasks have. */
void task_strangers(struct sim_node *n, uint64_t mask);
/* Answer which ports are free of strangers, and of running tasks. */
void task_ports(struct sim *s, unsigned node, const struct node_effect *e);
void task_launch(struct sim *s, unsigned node, const struct node_effect *e);
void task_end(struct sim *s, unsigned node, const char *key, uint64_t delay_ms,
              int32_t status);
void task_probe(struct sim *s, unsigned node, const struct node_effect *e);

#endif
