/* `dev` and `demo-http`: to try things on one machine. */
#include <stdlib.h>

#include "agent/agent.h"
#include "cli/talk.h"
#include "cli/verbs.h"
#include "core/doc.h"

enum { DEV_NODES_DEFAULT = 3, DEV_NODES_MAX = 250, DEMO_PORT_DEFAULT = 8080 };

int verb_dev(const struct invocation *in)
{
    const struct words *w = &in->words;
    const char *text = words_value(w, "nodes");
    uint64_t nodes = DEV_NODES_DEFAULT;
    if (text && (text_uint(text, DEV_NODES_MAX, &nodes) < 0 || nodes == 0))
        return fail(in, EXIT_USAGE, "usage", "--nodes wants 1 to %d, not '%s'",
                    DEV_NODES_MAX, text);
    struct dev_options options = {
        .nodes = (unsigned)nodes,
        .dir = words_value(w, "dir"),
        .detach = words_has(w, "detach"),
        .is_stop = words_has(w, "stop"),
        .tasks_survive = words_has(w, "tasks-survive"),
        .profile = words_value(w, "profile"),
    };
    if ((options.is_stop || options.detach) && !options.dir)
        return fail(in, EXIT_USAGE, "usage", "--%s wants --dir DIR",
                    options.is_stop ? "stop" : "detach");
    return dev_run(&options);
}

int verb_demo_http(const struct invocation *in)
{
    const char *text = words_value(&in->words, "port");
    const char *after = words_value(&in->words, "fail-health-after");
    uint64_t port = DEMO_PORT_DEFAULT, after_ms = 0;
    if (!text)
        text = getenv("PORT");
    if (text && (text_uint(text, 65535, &port) < 0 || port == 0))
        return fail(in, EXIT_USAGE, "usage", "'%s' is no port", text);
    if (after && text_duration_ms(after, &after_ms) < 0)
        return fail(in, EXIT_USAGE, "usage", "'%s' is no duration: 10s, 5m, 1h30m",
                    after);
    if (after && after_ms == 0)
        after_ms = 1; /* 0 would mean never */
    return demo_http_run((unsigned)port, after_ms);
}
