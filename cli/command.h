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

/* All of them, in the order of the help. */
struct command_table {
    const struct command *commands;
    size_t n;
    const struct flag *global_flags; /* of every command */
};

struct invocation {
    const struct command_table *table;
    const struct command *command;
    struct words words;
    /* global flags, defaults filled in */
    const char *socket, *host, *secret_file, *namespace;
    bool is_json;
};

extern const struct command_table command_table;

/* By one or two words; *ret_used says how many it took.  NULL when there is none. */
const struct command *command_find(const struct command_table *table, const char *first,
                                   const char *second, int *ret_used);
/* Are there commands of two words that begin with this one? */
bool command_is_group(const struct command_table *table, const char *first);

/* Why there is no such verb, and what to use: another system's, one that is planned, a
 * typing error.  Writes a sentence. */
void command_suggest(const struct command_table *table, const char *first,
                     const char *second, char *out, size_t cap);

/* The whole program behind main().  Returns the exit code. */
int command_main(int argc, char **argv);

#endif
