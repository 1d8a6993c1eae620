/* Views made by hand: nodes, jobs and claims put together for tests of planning, without a table.
 *
 * Nodes are numbered in id order and jobs in canonical order as they are added.  After claims,
 * refusals or past were added or removed, fake_sort brings the view up to date. */
#ifndef TESTS_LIB_FAKE_VIEW_H
#define TESTS_LIB_FAKE_VIEW_H

#include "core/rng.h"
#include "sched/view.h"

struct fake_view {
    struct arena arena;
    struct view view;
    struct view_node *nodes;
    struct view_job *jobs;
    struct view_claim *claims;
    struct view_refuse *refusals;
    struct view_past *past;
    size_t n_nodes, n_jobs, n_claims, n_refusals, n_past;
    size_t nodes_cap, jobs_cap, claims_cap, refusals_cap, past_cap;
};

void fake_init(struct fake_view *f);
void fake_fini(struct fake_view *f);

/* An alive node in rack r<i % 3>. */
struct view_node *fake_node(struct fake_view *f, uint32_t cpu_milli, uint64_t memory_bytes);
/* A service; more is set through fake_spec. */
struct view_job *fake_job(struct fake_view *f, uint32_t count, uint32_t cpu_milli,
                          uint64_t memory_bytes);
struct job_spec *fake_spec(struct fake_view *f, uint32_t job);
void fake_constraint(struct fake_view *f, uint32_t job, enum constraint_op op, const char *attr,
                     const char *value);
void fake_host_port(struct fake_view *f, uint32_t job, uint16_t port);
/* A running, healthy, proven claim of the current spec. */
struct view_claim *fake_claim(struct fake_view *f, uint32_t job, uint32_t index, uint32_t node,
                              uint64_t generation);
void fake_refuse(struct fake_view *f, uint32_t job, uint32_t index, uint32_t node, const char *why);
void fake_past(struct fake_view *f, uint32_t job, uint32_t index, uint64_t generation);
void fake_sort(struct fake_view *f);

/* A small cluster with everything in it: scarce capacity, constraints, ports, duplicates, dead,
 * draining and away nodes, full and broken disks, refusals, ended claims. */
void fake_random(struct fake_view *f, struct rng *r);

#endif
