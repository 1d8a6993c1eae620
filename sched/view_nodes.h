/* The first part of a view: its nodes (view.h). */
#ifndef SCHED_VIEW_NODES_H
#define SCHED_VIEW_NODES_H

#include "sched/view.h"

/* Fill in nodes, self and next_change_ms of `v`.  -ENOMEM. */
int view_nodes_build(const struct members *members, const struct table *table,
                     const struct view_options *options, struct arena *arena,
                     struct view *v);

#endif
