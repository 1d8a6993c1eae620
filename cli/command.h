/* The command table: every verb, what it takes and what it is for.  Dispatch, help, usage
 * errors, suggestions and docs/CLI.md are all read from it. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/exit.h"
#include "cli/words.h"

struct invocation;

struct command {
    const char *name;     /* one word, or two: "var set" */
    const char *group;    /* heading in the help */
    const char *synopsis; /* its positional words: "JOB N" */
    const char *summary;  /* one line without a full stop */
    const char *detail;   /* further lines of its own help, or NULL */
    const char *example;
    size_t args_min, args_max;
    const struct flag *flags;                /* NULL = only the global ones */
    int (*run)(const struct invocation *in); /* returns an exit code */
};

struct invocation {
    const struct command *command;
    struct words words;
    const char *socket, *host, *secret_file,
        *namespace; /* global flags, defaults filled in */
    bool is_json;
};

const struct command *command_table(size_t *ret_n);
/* By one or two words; *ret_used says how many it took.  NULL when there is none. */
const struct command *command_find(const char *first, const char *second, int *ret_used);
extern const struct flag command_global_flags[];

/* Why there is no such verb, and what to use: another system's, one that is planned, a
 * typing error.  Writes a sentence. */
void command_suggest(const char *first, const char *second, char *out, size_t cap);

/* What Ctrl-C writes to a terminal before it ends the program; lives as long as it. */
void command_on_interrupt(const char *words);

/* The whole program behind main().  Returns the exit code. */
int command_main(int argc, char **argv);

#endif
