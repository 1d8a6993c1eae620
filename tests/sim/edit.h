/* The jobs of the workload, and edits of them that their tasks cannot see: whatever else happens, none of
 * those may start a task anew, and in the end every claim stands for the newest. */
#ifndef SIM_EDIT_H
#define SIM_EDIT_H

#include "tests/sim/world.h"

/* A spec and what it points to. */
struct edit_spec {
    struct job_spec spec;
    struct pair label;
    char value[24];
    struct health_spec checks[2];
    struct constraint constraint;
    const char *argv[3];
};

/* As it is submitted first. */
void edit_spec_first(const struct sim_job *job, struct edit_spec *ret_spec);
/* Another one that starts the same task: `dice` says which of its keys differ. */
void edit_spec_next(const struct sim_job *job, uint64_t dice, struct edit_spec *ret_spec);

/* Submit an edit of a job at a node that knows the newest one; nothing, if that node cannot take it. */
void edit_give(struct sim *s, unsigned node, size_t job, uint64_t dice);

/* An event of a node: fails where an instance is started anew for an update.  No act makes one. */
void edit_watch(struct sim *s, const struct sim_node *n, const struct node_event *e);

/* Of a table that is whole: do all claims of nodes that are up stand for their jobs' current versions? */
bool edit_is_taken_over(const struct sim *s, const struct table *table, char *why,
                        size_t cap);

#endif
