/* Asks each agent's API how many members it believes alive. */
#include "agent/dev_ready.h"

#include <jansson.h>
#include <stdlib.h>

#include "agent/client.h"

enum { ASK_TIMEOUT_MS = 1000 };

/* 0 while it does not answer, or is not ready. */
static long long alive_of(const char *socket)
{
    const struct client_target target = {.socket = socket};
    struct client *client;
    struct client_answer answer;
    long long alive = 0;
    if (client_open(&target, &client, NULL) < 0)
        return 0;
    if (client_call(client, "GET", "/v1/members", (struct bytes){0}, ASK_TIMEOUT_MS,
                    &answer, NULL) == 0) {
        json_t *root = json_loadb((const char *)answer.body, answer.len, 0, NULL);
        alive =
            json_integer_value(json_object_get(json_object_get(root, "view"), "alive"));
        json_decref(root);
        free(answer.body);
    }
    /* Members are known before the table is: an agent takes orders after its first sync.
     */
    if (alive > 0 && client_call(client, "GET", "/healthz", (struct bytes){0},
                                 ASK_TIMEOUT_MS, &answer, NULL) == 0) {
        alive = answer.status == 200 ? alive : 0;
        free(answer.body);
    }
    client_close(client);
    return alive;
}

bool dev_is_ready(const struct dev_files *f, unsigned nodes)
{
    for (unsigned i = 1; i <= nodes; i++) {
        char socket[DEV_PATH_MAX];
        dev_path(f, i, "stratos.sock", socket);
        if (alive_of(socket) < (long long)nodes)
            return false;
    }
    return true;
}
