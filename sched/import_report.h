/* What an import says of a foreign file: for each app whether a job was made of it, and each value
 * that is not in the job as it was.  Unlimited, in the order of the file. */
#ifndef SCHED_IMPORT_REPORT_H
#define SCHED_IMPORT_REPORT_H

#include "core/doc.h"

enum import_kind {
    IMPORT_CHANGED, /* in the job, but not as it was */
    IMPORT_DROPPED, /* not in the job */
    IMPORT_ERROR,   /* why there is no job */
};

struct import_note {
    enum import_kind kind;
    unsigned line, column; /* 0 = the file as a whole */
    const char *app;       /* its id; NULL = no app's */
    const char *key;       /* that it is about; NULL = none */
    const char *text;
};

struct import_made {
    const char *id;
    const char *ns, *job; /* what it is called here */
    bool is_made;
};

struct import_report {
    struct arena *arena;
    struct import_note *notes;
    size_t n, cap;
    struct import_made *apps;
    size_t n_apps, apps_cap, n_made;
    bool is_failed; /* out of memory: something is missing */
};

const char *import_kind_name(enum import_kind kind); /* "changed" "dropped" "error" */

/* At the key of `at` if it has one, else where it begins; NULL = the file as a whole. */
void import_report_add(struct import_report *r, enum import_kind kind, const char *app,
                       const struct doc *at, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void import_report_app(struct import_report *r, const struct import_made *app);

size_t import_report_count(const struct import_report *r, enum import_kind kind);
/* "2 apps: 1 made, 1 not; 3 things not carried over" */
const char *import_report_sum(const struct import_report *r);

#endif
