/* From argv to a verb: global flags, the verb, its own flags and words, then its handler.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/talk.h"

static const char *volatile last_words = "\n";

void command_on_interrupt(const char *words)
{
    last_words = words;
}

/* Ctrl-C stops watching, not the work: nothing needs to be undone. */
static void on_interrupt(int signal)
{
    (void)signal;
    if (isatty(STDERR_FILENO))
        (void)!write(STDERR_FILENO, last_words, strlen(last_words));
    _exit(EXIT_INTERRUPTED);
}

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

int command_main(int argc, char **argv)
{
    struct err err = {0};
    struct invocation in = {.is_json = wants_json(argc, argv), .namespace = "default"};
    int used = 0;
    if (words_parse(&in.words, argc - 1, argv + 1, command_global_flags, NULL, true,
                    &used, &err) < 0)
        return usage(&in, err.text);
    argc -= 1 + used;
    argv += 1 + used;
    if (argc == 0) {
        bool is_asked = words_has(&in.words, "help");
        help_overview(is_asked ? stdout : stderr);
        return is_asked ? EXIT_DONE : EXIT_USAGE;
    }

    int n_verb = 0;
    in.command = command_find(argv[0], argc > 1 ? argv[1] : NULL, &n_verb);
    if (!in.command) {
        char text[512];
        command_suggest(argv[0], argc > 1 && argv[1][0] != '-' ? argv[1] : NULL, text,
                        sizeof(text));
        return usage(&in, text);
    }
    if (words_parse(&in.words, argc - n_verb, argv + n_verb, in.command->flags,
                    command_global_flags, false, &used, &err) < 0)
        return usage(&in, err.text);
    if (words_has(&in.words, "help")) {
        help_command(in.command, stdout);
        return EXIT_DONE;
    }
    fill_globals(&in);
    int code = check_count(&in);
    if (code != EXIT_DONE)
        return code;

    (void)signal(SIGINT, on_interrupt); /* agent and dev set their own */
    code = in.command->run(&in);
    if (fflush(stdout) != 0 && code == EXIT_DONE)
        code = EXIT_FAILED;
    return code;
}
