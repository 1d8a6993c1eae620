/* Making tokens, for who came through the socket or a sealed stream. */
#include <stdio.h>
#include <string.h>

#include "agent/api.h"
#include "core/log.h"
#include "core/stamp.h"

enum {
    EXPIRES_DEFAULT_S = 12 * 3600,
    EXPIRES_MAX_S = 10 * 366 * 24 * 3600, /* longer than a secret should be in use */
};

/* "a,b" */
static int read_namespaces(const char *text, struct token *t)
{
    for (const char *at = text; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        struct bytes name = {(const uint8_t *)at, strcspn(at, ",")};
        if (!name_is_valid(name) || t->n_namespaces == TOKEN_NAMESPACES_MAX)
            return ERR_INVALID;
        memcpy(t->namespaces[t->n_namespaces++], name.at, name.len);
    }
    return 0;
}

/* Returns NULL, or what is wrong. */
static const char *read_request(struct uv_http_exchange *x, uint64_t now_s,
                                struct token *t)
{
    const char *scope = uv_http_query(x, "scope"), *expires = uv_http_query(x, "expires");
    uint64_t ms = EXPIRES_DEFAULT_S * 1000ull;
    bool is_read = scope && strcmp(scope, "read") == 0;
    if (scope && !is_read && strcmp(scope, "write") != 0)
        return "scope wants read or write";
    t->scope = is_read ? TOKEN_READ : TOKEN_WRITE;
    if (expires &&
        (text_duration_ms(expires, &ms) < 0 || ms < 1000 || ms / 1000 > EXPIRES_MAX_S))
        return "expires wants a duration from 1s to 3660d, for example 12h";
    t->expires_unix_s = now_s + ms / 1000;
    if (read_namespaces(uv_http_query(x, "namespace"), t) < 0)
        return "namespace wants at most 16 names, as shop or shop,billing";
    return NULL;
}

static json_t *token_json(const struct agent *a, const struct token *t, const char *text)
{
    char at[32], id[2 * TOKEN_ID_LEN + 1], address[ADDRESS_TEXT_MAX];
    json_t *names = json_array();
    hex_encode(t->id, sizeof(t->id), id);
    for (size_t i = 0; i < t->n_namespaces; i++)
        (void)json_array_append_new(names, json_string(t->namespaces[i]));
    json_t *out =
        json_pack("{s:s,s:s,s:s,s:o,s:s}", "token", text, "id", id, "scope",
                  t->scope == TOKEN_READ ? "read" : "write", "namespaces", names,
                  "expires_at", unix_ms_text(t->expires_unix_s * 1000, at));
    (void)json_object_set_new(
        out, "page",
        a->http.family && !*a->listen.http.text
            ? json_sprintf("http://%s/#t=%s", endpoint_text(&a->http, address), text)
            : json_null());
    return out;
}

void route_token(struct agent *a, struct api_call *call)
{
    char text[TOKEN_TEXT], at[32], id[2 * TOKEN_ID_LEN + 1];
    struct token t = {0};
    const char *wrong = read_request(call->x, agent_now(a).at_unix_ms / 1000, &t);
    if (wrong) {
        api_bad(a, call->x, wrong);
        return;
    }
    random_bytes(t.id, sizeof(t.id));
    int status = token_make(node_keys(a->node), &t, text);
    if (status < 0) {
        api_error(a, call->x, status, err_text(status));
        return;
    }
    hex_encode(t.id, sizeof(t.id), id);
    log_line(LOG_INFO, "token", "id", id, "scope",
             t.scope == TOKEN_READ ? "read" : "write", "expires",
             unix_ms_text(t.expires_unix_s * 1000, at), NULL);
    api_data(a, call->x, token_json(a, &t, text));
    explicit_bzero(text, sizeof(text));
}
