/* Files on the command line: read whole, bounded, and checked where they are job files. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "agent/files.h"
#include "cli/talk.h"
#include "core/arena.h"
#include "core/doc.h"

/* The whole file ("-": stdin) into `arena`.  Failures are said: EXIT_USAGE. */
int input_read(const struct invocation *in, const char *path, struct arena *arena,
               struct bytes *ret_text);

/* One job file that was named, or lies in a directory that was. */
struct source {
    const char *path; /* as it is shown */
    struct bytes text;
    struct files_jobs jobs;
    struct complaints notes; /* said already, except with --json */
};

struct sources {
    struct source *list;
    size_t n, cap;
    const char *params; /* given for them: lines of name=value; "" = none */
};

/* Read and check the job files that the command's words name: files, "-", and directories, of which
 * all *.yaml, *.yml and *.json are taken in the order of their names.  Everything wrong with any of
 * them is said as compilers do: EXIT_USAGE. */
int input_sources(const struct invocation *in, struct arena *arena, struct sources *ret);

/* The same for one text that is no file, `shown` as its path. */
int input_text(const struct invocation *in, const char *shown, struct bytes text,
               struct arena *arena, struct sources *ret);

/* The text to submit: the file's own, or of several files their jobs. */
struct bytes input_joined(const struct sources *sources, struct arena *arena);

#endif
