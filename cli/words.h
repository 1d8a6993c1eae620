/* The words of a command line, taken apart by what the command table says of its flags.
 *
 * `--flag V`, `--flag=V`, `-f`; flags may stand anywhere, `--` ends them.  Pure: no
 * output, no environment. */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/err.h"

struct flag {
    const char *name;     /* without the dashes; NULL ends a list */
    char letter;          /* 0 = none */
    const char *argument; /* NULL = a switch */
    const char *help;
    bool is_hidden; /* works, but help does not speak of it */
};

enum { WORDS_MAX = 512, FLAGS_GIVEN_MAX = 256 };

struct words {
    const char *args[WORDS_MAX]; /* positional, in order */
    size_t n_args;
    bool has_end;        /* "--" was given */
    size_t n_before_end; /* so many of them stand before it */
    struct given {
        const struct flag *flag;
        const char *value; /* "" for a switch */
    } given[FLAGS_GIVEN_MAX];
    size_t n_given;
};

/* Parse argv[0..argc) with two lists of flags (either may be NULL).  With `stop_at_word`
 * it ends before the first positional word; *ret_used is how many words were taken.
 * Values point into argv.  ERR_INVALID with a text that says which word and what was
 * meant; may be continued on the same `words` with other lists. */
int words_parse(struct words *w, int argc, char **argv, const struct flag *flags,
                const struct flag *more, bool stop_at_word, int *ret_used,
                struct err *err);

const char *words_value(const struct words *w,
                        const char *flag); /* the last one given, or NULL */
bool words_has(const struct words *w, const char *flag);

#endif
