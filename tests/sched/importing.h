/* An import in a test: the report, and the jobs of what was made. */
#ifndef TESTS_SCHED_IMPORTING_H
#define TESTS_SCHED_IMPORTING_H

#include "sched/import_marathon.h"
#include "sched/jobfile.h"

struct importing {
    struct arena arena;
    struct import_report report;
    char *yaml;
    struct jobfile file;
    int error;
};

/* What is made must be accepted, with a job for each app that the report calls made. */
void importing_read(struct importing *m, const char *text, bool without_image);
void importing_free(struct importing *m);

/* The report's note of a line that holds `words`, or NULL; line 0 = any. */
const struct import_note *importing_note(const struct importing *m, enum import_kind kind,
                                         unsigned line, const char *words);

#endif
