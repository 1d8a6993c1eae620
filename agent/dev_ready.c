/* Asks each agent's API which members it believes alive, and whether it has their rows. */
#include "agent/dev_ready.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "agent/client.h"

enum { ASK_TIMEOUT_MS = 1000 };

/* Alive members that have introduced themselves: one without its row takes no work yet, and what is
 * run now would crowd on the others. */
static unsigned count_known(const json_t *members)
{
    unsigned n = 0;
    size_t i;
    json_t *member;
    json_array_foreach(members, i, member)
    {
        const char *state = json_string_value(json_object_get(member, "state"));
        const char *version = json_string_value(json_object_get(member, "version"));
        n += state && strcmp(state, "alive") == 0 && version && *version;
    }
    return n;
}

/* 0 while it does not answer, or is not ready. */
static unsigned known_of(const char *socket)
{
    const struct client_target target = {.socket = socket};
    struct client *client;
    struct client_answer answer;
    unsigned known = 0;
    if (client_open(&target, &client, NULL) < 0)
        return 0;
    if (client_call(client, "GET", "/v1/members", (struct bytes){0}, ASK_TIMEOUT_MS,
                    &answer, NULL) == 0) {
        json_t *root = json_loadb((const char *)answer.body, answer.len, 0, NULL);
        known = count_known(json_object_get(root, "data"));
        json_decref(root);
        free(answer.body);
    }
    /* Members are known before the table is: an agent takes orders after its first sync.
     */
    if (known > 0 && client_call(client, "GET", "/healthz", (struct bytes){0},
                                 ASK_TIMEOUT_MS, &answer, NULL) == 0) {
        known = answer.status == 200 ? known : 0;
        free(answer.body);
    }
    client_close(client);
    return known;
}

bool dev_is_ready(const struct dev_files *f, unsigned nodes)
{
    for (unsigned i = 1; i <= nodes; i++) {
        char socket[DEV_PATH_MAX];
        dev_path(f, i, "stratos.sock", socket);
        if (known_of(socket) < nodes)
            return false;
    }
    return true;
}
