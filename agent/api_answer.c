/* Answers: a JSON body, data in the envelope, a list, an error.  What they say is the routes' matter. */
#include <errno.h>
#include <stdlib.h>

#include "agent/api.h"

void api_answer(struct agent *a, struct uv_http_exchange *x, int status, json_t *body)
{
    char view[VIEW_TEXT];
    char *text = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(body);
    uv_http_set_header(x, "X-Stratos-Node", a->name);
    if (status < 400) /* a stranger is not told how much was written */
        uv_http_set_header(x, "X-Stratos-View", api_view_text(a, view));
    uv_http_set_header(x, "Cache-Control", "no-store");
    uv_http_answer(x, text ? status : 500, "application/json",
                   bytes_of_text(text ? text : ""));
    free(text);
}

/* What a person should know of this agent whatever was asked. */
static void add_state(const struct agent *a, json_t *view)
{
    json_t *list = json_array();
    if (*a->listen.http.text)
        (void)json_array_append_new(list,
                                    json_sprintf("HTTP at %s", a->listen.http.text));
    if (*a->listen.dns.text)
        (void)json_array_append_new(list, json_sprintf("DNS at %s", a->listen.dns.text));
    if (json_array_size(list) > 0)
        (void)json_object_set(view, "waits_for", list);
    json_decref(list);
    if (a->options->http_open && a->http.family)
        (void)json_object_set_new(view, "http_open", json_true());
}

void api_data(struct agent *a, struct uv_http_exchange *x, json_t *data)
{
    json_t *body = report_envelope(a->node, a->name, agent_now(a).now_ms, data);
    add_state(a, json_object_get(body, "view"));
    api_answer(a, x, 200, body);
}

static const struct {
    int code, status;
    const char *name;
} errors[] = {
    {ERR_NOT_FOUND, 404, "not_found"},     {ERR_CONFLICT, 409, "conflict"},
    {ERR_INVALID, 422, "invalid"},         {ERR_MALFORMED, 422, "invalid"},
    {ERR_BOUND, 413, "too_large"},         {ERR_NOT_READY, 503, "not_ready"},
    {ERR_TIMEOUT, 504, "timeout"},         {ERR_STORE, 507, "store"},
    {ERR_UNSUPPORTED, 422, "unsupported"}, {ERR_CLOCK, 503, "clock"},
    {ERR_UNSURE, 500, "unsure"},           {ERR_STOPPED, 409, "stopped"},
    {-EHOSTUNREACH, 504, "no_answer"},
};

void api_error_more(struct agent *a, struct uv_http_exchange *x, int code,
                    const char *text, json_t *more)
{
    int status = 500;
    const char *name = "failed";
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (errors[i].code == code) {
            status = errors[i].status;
            name = errors[i].name;
        }
    }
    json_t *body = report_error(name, text);
    (void)json_object_update(json_object_get(body, "error"), more);
    json_decref(more);
    api_answer(a, x, status, body);
}

void api_error(struct agent *a, struct uv_http_exchange *x, int code, const char *text)
{
    api_error_more(a, x, code, text, NULL);
}

void api_bad(struct agent *a, struct uv_http_exchange *x, const char *text)
{
    api_answer(a, x, 400, report_error("invalid", text));
}

void api_refuse(struct agent *a, struct uv_http_exchange *x, int status, const char *text)
{
    if (status == DOOR_WHO)
        uv_http_set_header(x, "WWW-Authenticate", "Bearer realm=\"stratos\"");
    api_answer(a, x, status,
               report_error(status == DOOR_WHO ? "unauthorized" : "denied", text));
}

bool api_shows(const void *caller, const char *ns)
{
    return door_shows(caller, ns);
}

void api_keep_shown(const struct caller *who, json_t *list)
{
    for (size_t i = json_array_size(list); i-- > 0;) {
        const json_t *item = json_array_get(list, i);
        if (!door_shows(who, json_string_value(json_object_get(item, "namespace"))))
            (void)json_array_remove(list, i);
    }
}

void api_list(struct agent *a, struct api_call *call, json_t *list)
{
    const char *text = uv_http_query(call->x, "limit");
    uint64_t limit = UINT32_MAX;
    if (text && text_uint(text, UINT32_MAX, &limit) < 0) {
        json_decref(list);
        api_bad(a, call->x, "limit wants a number");
        return;
    }
    if (call->match.route->need != NEED_NOTHING) /* what is open is everybody's */
        api_keep_shown(&call->who, list);
    while (json_array_size(list) > limit)
        (void)json_array_remove(list, json_array_size(list) - 1);
    api_data(a, call->x, list);
}

const char *api_namespace(const struct api_call *call)
{
    const char *ns = route_word(&call->match, "ns");
    if (ns || !route_takes(call->match.route, "namespace") ||
        call->match.route->need == NEED_SECRET)
        return ns;
    ns = uv_http_query(call->x, "namespace");
    return ns ? ns : "default";
}
