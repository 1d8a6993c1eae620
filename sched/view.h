/* The view: the pure input of planning, made from members and table at a moment.
 *
 * Nodes with equal members and tables build equal views, byte for byte: everything is sorted
 * (nodes by id; jobs in canonical order: priority descending, first stamp, namespace, name;
 * claims by job, index, generation descending, claimed, node; refusals and past by job, index,
 * node).  Rows of dead and departed members are hidden, unless the member said `away` until a
 * time still to come, or take-overs are on hold; of a hidden claim only its generation is kept,
 * so that whoever takes over claims above it.
 *
 * What cannot be read is skipped, with one caution: a job whose record or body is there but not
 * readable (a newer version wrote it) is kept with no spec, so that nobody stops its work. */
#ifndef SCHED_VIEW_H
#define SCHED_VIEW_H

#include "core/arena.h"
#include "gossip/face/replica.h"
#include "sched/away.h"
#include "sched/spec_diff.h"

enum { VIEW_NONE = UINT32_MAX };

struct view_node {
    struct node_id id;
    struct node_doc
        doc; /* its name means this node alone: its id where another keeps the name */
    const char *namesake; /* the name that it gave itself and another keeps; NULL: none */
    enum member_state state;
    /* its row was there and readable; else doc holds the member's name only */
    bool has_doc;
    bool is_live; /* its claims count: alive, suspect, away, or dead but on hold */
    uint64_t away_until_ms; /* dead, but it said that it comes back by then; 0 = no */
    /* may be given new instances: alive or suspect, AGENT_UP, DISK_OK, and its host can run them */
    bool takes_work;
};

struct view_job {
    /* NULL while the body has not arrived: nothing is decided */
    const struct job_spec *spec;
    struct job_doc doc;
    struct control_doc control;
    const char *ns, *name;
    uint32_t count; /* wanted now: spec or scale override; 0 when stopped */
    uint32_t first_claim, n_claims; /* its slice of view.claims */
};

struct view_claim {
    uint32_t job, node; /* into view.jobs, view.nodes */
    uint32_t index;
    enum edit edit; /* where doc.spec is not the job's: what lies between the two */
    /* Of a removed job of the same name.  It holds nothing and is no older version: it ends, and what it
     * uses is used until then. */
    bool is_former;
    struct claim_doc doc;
};

/* A claim of a dead node.  It holds nothing any more, but the next claim of that instance must have
 * a higher generation. */
struct view_past {
    uint32_t job, node, index; /* node is VIEW_NONE when no member has that id */
    uint64_t generation;
};

struct view_refuse {
    uint32_t job, node, index;
    struct refuse_doc doc;
};

struct view {
    uint32_t self; /* into nodes; VIEW_NONE before our own row is there */
    const struct view_node *nodes;
    const struct view_job *jobs;
    const struct view_claim *claims; /* of jobs that exist; the others are orphans */
    /* in force while they are there: their writer deletes them */
    const struct view_refuse *refusals;
    size_t n_nodes, n_jobs, n_claims, n_refusals;
    const struct view_orphan {
        uint32_t node, index;
        const char *ns, *name;
    } * orphans; /* claims without a job record: to be stopped */
    size_t n_orphans;
    const struct view_past *past; /* hidden claims of the jobs that exist */
    size_t n_past;
    /* n_jobs indexes, by namespace and name; NULL = search all */
    const uint32_t *jobs_by_name;
    uint64_t next_change_ms; /* when an `away` ends; 0 = nothing changes by itself */
};

/* Parsed bodies, kept between views; a body is parsed once. */
struct spec_cache;
struct spec_cache *spec_cache_new(void);
void spec_cache_free(struct spec_cache *c);
const struct job_spec *spec_cache_get(struct spec_cache *c, struct spec_hash hash,
                                      struct bytes body);
/* What the task sees of it (spec_task_hash); all zero when the body is not readable. */
struct spec_hash spec_cache_task(struct spec_cache *c, struct spec_hash hash,
                                 struct bytes body);
/* Drop every spec not asked for since the last trim. */
void spec_cache_trim(struct spec_cache *c);

struct view_options {
    struct node_id self;
    uint64_t now_ms;
    const struct aways *aways; /* NULL: nobody is away */
    bool is_takeover_held;     /* mass_failure_hold: the dead still hold what they held */
};

/* The view lives in `arena` and points into table and cache: valid until either changes. */
int view_build(const struct members *members, const struct table *table,
               struct spec_cache *cache, const struct view_options *options,
               struct arena *arena, struct view *ret_view);

/* What a claim lacks to be what its job wants: the current spec, and no older restart. */
enum claim_update {
    UPDATE_NONE,
    UPDATE_IN_PLACE, /* the current spec; what runs is as that spec would start it */
    UPDATE_RESTART,
};
enum claim_update view_update(const struct view_job *j, const struct view_claim *c);
/* Has the current version of this instance been tried somewhere, and given up? */
bool view_is_refused(const struct view *v, uint32_t job, uint32_t index);

/* Index of a node, job; VIEW_NONE if absent. */
uint32_t view_find_node(const struct view *v, struct node_id id);
uint32_t view_find_job(const struct view *v, const char *ns, const char *name);

#endif
