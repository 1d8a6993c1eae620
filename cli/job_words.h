/* `run NAME --count 3 --port http -- CMD...`: the job file that such a command line stands for, as one
 * would have written it. */
#ifndef CLI_JOB_WORDS_H
#define CLI_JOB_WORDS_H

#include "cli/command.h"
#include "core/arena.h"

/* Is a command given, behind "--", and not files? */
bool job_words_given(const struct invocation *in);

/* What cannot be said in words is refused, and said: EXIT_USAGE. */
int job_words_text(const struct invocation *in, struct arena *arena,
                   struct bytes *ret_text);

/* Where files are given: flags that go with a command, and a name without one, are refused. */
int job_words_refuse(const struct invocation *in);

#endif
