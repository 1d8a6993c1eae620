/* `agent`: flags over stratos.yaml over defaults, then the node itself. */
#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "cli/talk.h"
#include "cli/verbs.h"

/* "a,b,c": each a peer.  The copy lives as long as the process. */
static int add_peers(const struct invocation *in, struct agent_options *o,
                     const char *list)
{
    char *copy = strdup(list), *rest = copy;
    if (!copy)
        return fail(in, EXIT_FAILED, "failed", "out of memory");
    for (char *one; (one = strsep(&rest, ",")) != NULL;) {
        if (*one == '\0')
            continue;
        if (o->n_join == JOIN_MAX)
            return fail(in, EXIT_USAGE, "usage", "--join takes at most %d peers",
                        JOIN_MAX);
        o->join[o->n_join++] = one;
    }
    return EXIT_DONE;
}

static int add_attribute(const struct invocation *in, struct agent_options *o,
                         const char *pair)
{
    const char *equals = strchr(pair, '=');
    if (!equals || equals == pair)
        return fail(in, EXIT_USAGE, "usage", "--attr wants K=V, not '%s'", pair);
    if (o->n_attrs == ATTRS_MAX)
        return fail(in, EXIT_USAGE, "usage", "more than %d attributes", ATTRS_MAX);
    o->attrs[o->n_attrs++] = pair;
    return EXIT_DONE;
}

static int fill(const struct invocation *in, struct agent_options *o)
{
    const struct words *w = &in->words;
    *o = (struct agent_options){
        .name = words_value(w, "name"),
        .data_dir = words_value(w, "data"),
        .secret_file = words_value(w, "secret-file"),
        .bind = words_value(w, "bind"),
        .http = words_value(w, "http"),
        .dns = words_value(w, "dns"),
        .socket = words_value(w, "socket"),
        .profile = words_value(w, "profile"),
        .ports = words_value(w, "ports"),
        .memory = words_value(w, "memory"),
        .cpu = words_value(w, "cpu"),
        .ack = words_value(w, "ack"),
        .reap = words_value(w, "reap"),
        .no_discover = words_has(w, "no-discover"),
        .is_debug = words_has(w, "debug"),
        .http_open = words_has(w, "http-open"),
        .tasks_die = words_has(w, "tasks-die"),
        .record = words_value(w, "record"),
        .machine = words_has(w, "adopt")          ? MACHINE_ADOPT
                   : words_has(w, "new-identity") ? MACHINE_NEW
                                                  : MACHINE_SAME,
    };
    if (words_has(w, "adopt") && words_has(w, "new-identity"))
        return fail(in, EXIT_USAGE, "usage",
                    "--adopt keeps the identity and --new-identity does not: give one");
    int code = EXIT_DONE;
    for (size_t i = 0; i < w->n_given && code == EXIT_DONE; i++) {
        if (strcmp(w->given[i].flag->name, "join") == 0)
            code = add_peers(in, o, w->given[i].value);
        else if (strcmp(w->given[i].flag->name, "attr") == 0)
            code = add_attribute(in, o, w->given[i].value);
    }
    return code;
}

/* Instead of running: what another one has left. */
static int stop_tasks(const struct invocation *in, const struct agent_options *o)
{
    struct err err = {0};
    size_t n = 0;
    if (agent_stop_tasks(o, &n, &err) < 0)
        return fail(in, EXIT_FAILED, "failed", "%s", err.text);
    if (in->is_json)
        printf("{\"api\":1,\"data\":{\"stopped\":%zu}}\n", n);
    else
        fprintf(stderr, "%zu task%s stopped\n", n, n == 1 ? "" : "s");
    return EXIT_DONE;
}

int verb_agent(const struct invocation *in)
{
    static struct agent_options options;
    struct err err = {0};
    int code = fill(in, &options);
    if (code != EXIT_DONE)
        return code;
    const char *config = words_value(&in->words, "config");
    if (config && agent_options_read(&options, config, &err) < 0)
        return fail(in, EXIT_USAGE, "invalid", "%s", err.text);
    agent_options_default(&options);
    return words_has(&in->words, "stop-tasks") ? stop_tasks(in, &options)
                                               : agent_run(&options);
}
