/* From argv to a verb: global flags, the verb, its own flags and words, then its handler. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/talk.h"
#include "cli/verbs.h"

static int usage(const struct invocation *in, const char *text)
{
    int code = fail(in, EXIT_USAGE, "usage", "%s", text);
    if (in->is_json)
        return code;
    if (in->command) {
        fputs("usage: ", stderr);
        help_synopsis(in->command, stderr);
        fprintf(stderr, "       stratos help %s says more\n", in->command->name);
    }
    return code;
}

/* A --json given anywhere makes even a usage error an object. */
static bool wants_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0)
            return true;
    }
    return false;
}

static void fill_globals(struct invocation *in)
{
    in->is_json = words_has(&in->words, "json");
    in->socket = words_value(&in->words, "socket");
    if (!in->socket || !*in->socket)
        in->socket = getenv("STRATOS_SOCKET");
    if (!in->socket || !*in->socket)
        in->socket = agent_default_socket();
    in->host = words_value(&in->words, "host");
    in->secret_file = words_value(&in->words, "secret-file");
    if (!in->secret_file)
        in->secret_file = agent_default_secret_file();
    in->namespace = words_value(&in->words, "namespace");
    if (!in->namespace)
        in->namespace = "default";
}

static int check_count(const struct invocation *in)
{
    const struct command *c = in->command;
    char text[256];
    if (in->words.n_args < c->args_min)
        (void)snprintf(text, sizeof(text), "%s wants %s", c->name, c->synopsis);
    else if (in->words.n_args > c->args_max)
        (void)snprintf(text, sizeof(text), "%s does not take '%s'", c->name,
                       in->words.args[c->args_max]);
    else
        return EXIT_DONE;
    return usage(in, text);
}

/* A descriptor that came closed would be given to the next file or socket that is opened, and what is
 * printed would go there.  So it is taken by one that answers EBADF. */
static void hold_closed_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
}

/* `stratos --version`, as every program has it. */
static bool asks_version(int argc, char **argv)
{
    return argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0 ||
                        strcmp(argv[1], "-v") == 0);
}

static int run_alone(struct invocation *in)
{
    if (words_has(&in->words, "help")) {
        help_overview(in->table, stdout);
        return EXIT_DONE;
    }
    fill_globals(in);
    interrupt_catch();
    return verb_verdict(in);
}

static int dispatch(int argc, char **argv)
{
    struct err err = {0};
    struct invocation in = {
        .table = &command_table,
        .is_json = wants_json(argc, argv),
        .namespace = "default",
    };
    const struct flag *global_flags = in.table->global_flags;
    int used = 0, n_verb = 0;
    if (asks_version(argc, argv))
        return verb_version(&in);
    if (words_parse(&in.words, argc - 1, argv + 1, global_flags, NULL, true, &used,
                    &err) < 0)
        return usage(&in, err.text);
    argc -= 1 + used;
    argv += 1 + used;
    if (argc == 0)
        return run_alone(&in);

    in.command = command_find(in.table, argv[0], argc > 1 ? argv[1] : NULL, &n_verb);
    if (!in.command) {
        char text[512];
        command_suggest(in.table, argv[0], argc > 1 && argv[1][0] != '-' ? argv[1] : NULL,
                        text, sizeof(text));
        return usage(&in, text);
    }
    if (words_parse(&in.words, argc - n_verb, argv + n_verb, in.command->flags,
                    global_flags, false, &used, &err) < 0)
        return usage(&in, err.text);
    if (words_has(&in.words, "help")) {
        help_command(in.table, in.command, stdout);
        return EXIT_DONE;
    }
    fill_globals(&in);
    int code = check_count(&in);
    if (code != EXIT_DONE)
        return code;

    interrupt_catch(); /* agent and dev set their own */
    return in.command->run(&in);
}

int command_main(int argc, char **argv)
{
    hold_closed_descriptors();
    int code = dispatch(argc, argv);
    if (out_flush() && out_error() == 0)
        return code;
    if (out_error() != -EPIPE) /* who reads no more knows why */
        fprintf(stderr, "stratos: what was to be shown could not be written: %s\n",
                err_text(out_error()));
    return code == EXIT_DONE ? EXIT_FAILED : code;
}
