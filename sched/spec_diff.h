/* What an edit changes: for people, line by line and key by key, and for the task that runs. */
#ifndef SCHED_SPEC_DIFF_H
#define SCHED_SPEC_DIFF_H

#include "core/arena.h"
#include "core/job.h"

/* What a person sees change between two canonical bodies: lines "count: 3 -> 5", in key order;
 * *ret_lines is an array in `arena`. */
int spec_diff(struct bytes before, struct bytes after, struct arena *arena,
              const char *const **ret_lines, size_t *ret_n);

/* A key of the job file whose value changed, by its own name: "env", "labels". */
struct spec_change {
    const char *key;
    bool is_seen; /* by the task: only a new start brings it */
};

/* The keys that differ between two bodies, those that the task sees first; a body that this version
 * cannot read is compared as it stands.  0 or -ENOMEM; the list lives in `arena`. */
int spec_changes(struct bytes before, struct bytes after, struct arena *arena,
                 const struct spec_change **ret_changes, size_t *ret_n);

/* A hash of what the task sees of its spec: two specs with the same one start the same task.  All
 * zero when out of memory. */
struct spec_hash spec_task_hash(const struct job_spec *spec);

/* How a task that was started from one spec comes to stand for another. */
enum edit {
    EDIT_RESTART, /* by a new start: it sees the difference, or nobody knows that it does not */
    EDIT_CHECKS, /* in place; but a new or changed check may find a healthy instance unhealthy, so
                     a few at a time, as with new starts */
    EDIT_UNSEEN, /* in place, at once: nothing changes for whoever uses it */
};

/* `was_task` and `is_task` are the specs' task hashes. */
enum edit spec_edit(const struct job_spec *was, struct spec_hash was_task,
                    const struct job_spec *is, struct spec_hash is_task);

#endif
