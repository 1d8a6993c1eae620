/* Tokens of tasks.  See task_token.h. */
#include "agent/task_token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "isolate/shim.h"

enum { EXPIRES_S = 10 * 365 * 24 * 3600 }; /* longer than a secret should be in use */

_Static_assert((int)TOKEN_TEXT <= (int)SHIM_TOKEN_MAX, "any token can be handed over");

int task_token_make(struct agent *a, enum api_scope scope, const char *ns,
                    const char *key, char out[static TOKEN_TEXT])
{
    char id[2 * TOKEN_ID_LEN + 1];
    struct token token = {.scope = scope == API_WRITE ? TOKEN_WRITE : TOKEN_READ,
                          .expires_unix_s = agent_now(a).at_unix_ms / 1000 + EXPIRES_S,
                          .n_namespaces = 1};
    (void)snprintf(token.namespaces[0], sizeof(token.namespaces[0]), "%s", ns);
    random_bytes(token.id, sizeof(token.id));
    int status = token_make(node_keys(a->node), &token, out);
    if (status == 0) {
        hex_encode(token.id, sizeof(token.id), id);
        log_line(LOG_INFO, "token", "id", id, "scope",
                 scope == API_WRITE ? "write" : "read", "namespace", ns, "task", key,
                 NULL);
    }
    return status;
}

static void renew(struct agent *a, const struct work_item *item)
{
    char text[TOKEN_TEXT];
    int status =
        task_token_make(a, item->spec->task.api, item->spec->ns, item->key, text);
    if (status == 0)
        status = uv_runner_token(a->runner, item->key, text);
    explicit_bzero(text, sizeof(text));
    if (status < 0 && status != -ESRCH) /* that one has just ended */
        log_line(LOG_WARN, "task", "key", item->key, "token", "stale", "error",
                 err_text(status), "remedy", "restart it to give it another", NULL);
}

void task_token_renew(struct agent *a, const char *key)
{
    for (const struct work_item *item = node_work(a->node)->items; item;
         item = item->next)
        if (item->spec->task.api != API_NONE &&
            (item->life.pid || item->life.state == INSTANCE_STARTING) &&
            (!key || strcmp(key, item->key) == 0))
            renew(a, item);
}
