/* A spec as a tree, for those who compare specs; and which of its keys a task sees.  For sched's
 * own files: the rest of the program takes the bytes (spec.h). */
#ifndef SCHED_SPEC_JSON_H
#define SCHED_SPEC_JSON_H

#include <jansson.h>

#include "core/arena.h"
#include "core/job.h"

/* The tree of the canonical body; `is_full`: with defaults, to compare or to show, not to store.
 * NULL when out of memory. */
json_t *spec_json(const struct job_spec *spec, bool is_full, struct arena *arena);

/* A key of the job file, whole: "labels", "task.env".  `task` is there by its members. */
struct spec_key {
    const char *path;
    bool is_seen; /* by the task: only a new start brings a change of it */
};

extern const struct spec_key spec_keys[];
extern const size_t n_spec_keys;

#endif
