/* The verdict: what a person has to know first, of all that this node knows.
 *
 * One pure function makes it, and everybody says it in its words: `stratos` alone, `status`, the page and
 * the API. */
#ifndef AGENT_VERDICT_H
#define AGENT_VERDICT_H

#include "agent/sight.h"
#include "sched/condition.h"

enum { NEEDS_MAX = 32 };

enum need_level {
    LEVEL_NOTE, /* it is so, and nobody has to do anything */
    LEVEL_WARN,
    LEVEL_BAD, /* something does not work that should */
};

struct need {
    enum need_level level;
    const char *ns;         /* of a job; NULL: of the cluster */
    const char *subject;    /* "web.0", "n3" */
    const char *text;       /* one sentence */
    const char *cause;      /* NULL: the sentence says all */
    const char *see;        /* the command that shows more */
    uint64_t since_unix_ms; /* 0 = not known */
};

struct verdict_member {
    const char *name;
    const struct node_doc *doc; /* NULL: its row has not come */
    enum member_state state;
    uint64_t silent_ms; /* since it was heard; SILENT_SINCE_START */
    uint64_t
        late_ms; /* so long it has lacked something, more than writes under way take; 0 = it does not */
    bool is_self;
};

struct verdict_facts {
    struct moment at;
    const struct view *view;
    const struct plan *plan;
    struct sight sight;
    const struct verdict_member *members;
    size_t n_members;
    const struct need *own; /* what this node knows of itself alone */
    size_t n_own;
    /* Whose jobs are counted and told of; NULL: all. */
    bool (*shows)(const void *who, const char *ns);
    const void *who;
};

struct cluster_verdict {
    enum verdict_state { CLUSTER_OK, CLUSTER_ATTENTION, CLUSTER_SPLIT } state;
    const char *text;             /* one line */
    struct need needs[NEEDS_MAX]; /* the worst first */
    size_t n, n_more;             /* n_more: further ones, no worse than these */
};

const char *verdict_state_name(enum verdict_state state);
const char *need_level_name(enum need_level level);
/* One sentence on one job: how it is, why, and what comes next; NULL when out of memory.  Of the facts it
 * wants the moment, view, plan and sight. */
const char *verdict_of_job(const struct verdict_facts *facts, uint32_t job,
                           struct arena *arena);
/* 0 or -ENOMEM; its texts live in `arena`. */
int verdict_make(const struct verdict_facts *facts, struct arena *arena,
                 struct cluster_verdict *ret);

#endif
