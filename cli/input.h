/* Files on the command line: read whole, bounded, and checked where they are job files.
 */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "cli/talk.h"
#include "core/arena.h"

/* The whole file ("-": stdin) into `arena`.  Failures are said: EXIT_USAGE. */
int input_read(const struct invocation *in, const char *path, struct arena *arena,
               struct bytes *ret_text);
/* Check a job file; everything wrong is said as compilers do.  On success the names of
 * its jobs. */
int input_check(const struct invocation *in, const char *path, struct bytes text,
                struct arena *arena, const char *const **ret_names, size_t *ret_n);

#endif
