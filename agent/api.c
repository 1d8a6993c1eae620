/* The API's front: who asks, for which route, and may they?  Then the route's handler answers.
 * The routes are in api_routes.c.
 *
 * The usual path: the gate lets a request in as soon as its head is read, and once its body is
 * there the handler is called.  What can fail is said as an error object. */
#include "agent/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard.h"
#include "isolate/peer.h"

/* ---- letting in ---- */

/* Over plain TCP there may be a browser at the other end; sockets and sealed streams have none. */
static bool is_foreign(struct agent *a, struct uv_http_exchange *x)
{
    const char *host = uv_http_authority(x);
    bool is_get = strcmp(uv_http_method(x), "GET") == 0;
    const struct guard_self self = {.at = a->http, .name = a->name};
    if (!uv_http_is_tcp(x))
        return false;
    bool is_host = guard_host_is_own(host, &self);
    if (is_host && (is_get || guard_origin_is_own(uv_http_header(x, "Origin"), host)))
        return false;
    if (is_host)
        api_refuse(a, x, DOOR_NO, "orders from another site's page are not taken");
    else
        api_answer(a, x, 421,
                   report_error("misdirected",
                                "this API is served as localhost, by the address it "
                                "listens on, and by this node's name"));
    return true;
}

static bool find_route(struct agent *a, struct uv_http_exchange *x,
                       struct route_match *ret_match)
{
    char allow[ROUTE_ALLOW_MAX], text[256];
    const char *method = uv_http_method(x);
    int status = route_find(api_routes, api_n_routes, method, uv_http_raw_path(x),
                            ret_match, allow);
    if (status == ERR_NOT_FOUND) {
        api_error(a, x, status, "no such route: /v1/openapi.json lists them");
    } else if (status == ERR_UNSUPPORTED) {
        (void)snprintf(text, sizeof(text), "this path takes %s, not %.32s", allow,
                       method);
        uv_http_set_header(x, "Allow", allow);
        api_answer(a, x, 405, report_error("method_not_allowed", text));
    } else if (status < 0) {
        api_bad(a, x, "the path has an escape that is none: want % and two digits");
    }
    return status == 0;
}

/* Of a unix socket: why its peer is not served, in `text`; NULL: it is.  A connection stays with who
 * opened it, so one look is enough. */
static const char *refusal_of_peer(struct uv_http_exchange *x, char *text, size_t cap)
{
    enum { PEER_IS_FINE = 1 };
    struct peer peer;
    struct err err = {0};
    if (*uv_http_note(x) == PEER_IS_FINE)
        return NULL;
    if (peer_look(uv_http_fd(x), &peer, &err) < 0)
        (void)snprintf(text, cap, "this socket cannot tell who is asking: %s", err.text);
    else if (peer.is_task)
        (void)snprintf(
            text, cap,
            "tasks give no orders here: `isolation: {api: read}` or `write` in "
            "its job file gives a task a token for HTTP");
    else
        *uv_http_note(x) = PEER_IS_FINE;
    return *uv_http_note(x) == PEER_IS_FINE ? NULL : text;
}

static bool may_enter(struct agent *a, struct api_call *call)
{
    struct err err = {0};
    char refusal[sizeof(err.text) + 64];
    struct door_facts facts = {.side = DOOR_TCP, .is_http_open = a->options->http_open};
    enum route_need need = call->match.route->need;
    enum uv_http_kind kind = uv_http_kind(call->x);
    if (kind == UV_HTTP_TCP && need != NEED_NOTHING)
        facts.authorization = uv_http_header(call->x, "Authorization");
    else if (kind == UV_HTTP_SEALED)
        facts.side = DOOR_SEALED;
    else if (kind == UV_HTTP_UNIX)
        facts.side = DOOR_SOCKET;
    if (kind == UV_HTTP_UNIX)
        facts.not_served = refusal_of_peer(call->x, refusal, sizeof(refusal));
    int status = door_caller(&facts, node_keys(a->node), agent_now(a).at_unix_ms / 1000,
                             &call->who, &err);
    if (status == DOOR_OPEN)
        status = door_allows(&call->who, need, api_namespace(call), &err);
    if (status != DOOR_OPEN)
        api_refuse(a, call->x, status, err.text);
    else if (call->who.has_token || call->who.has_all)
        uv_http_set_trusted(call->x);
    return status == DOOR_OPEN;
}

/* What no job can be called is no job: no handler sees such a word. */
static bool is_named(struct agent *a, struct api_call *call)
{
    if (route_names_are_valid(&call->match))
        return true;
    api_error(a, call->x, ERR_NOT_FOUND,
              "no such job: namespaces and jobs have names of a-z, 0-9 and '-', at most "
              "63 characters");
    return false;
}

/* Nothing that a request says is ignored. */
static bool is_understood(struct agent *a, struct api_call *call)
{
    const struct route *route = call->match.route;
    const struct http_pair *params;
    size_t n = uv_http_params(call->x, &params);
    const char *coding = uv_http_header(call->x, "Content-Encoding");
    char text[512] = "";
    for (size_t i = 0; i < n && !*text; i++) {
        bool is_twice = false;
        for (size_t k = 0; k < i; k++)
            is_twice = is_twice || strcmp(params[k].name, params[i].name) == 0;
        if (!route_takes(route, params[i].name))
            (void)snprintf(text, sizeof(text), "this route takes %s%s, not '%.64s'",
                           *route->params ? "the parameters " : "no parameter",
                           route->params, params[i].name);
        else if (is_twice)
            (void)snprintf(text, sizeof(text), "'%.64s' is given twice", params[i].name);
    }
    if (!*text && uv_http_has_body(call->x) && !route->has_body)
        (void)snprintf(text, sizeof(text), "this route takes no body");
    if (*text) {
        api_bad(a, call->x, text);
        return false;
    }
    if (coding && uv_http_has_body(call->x) && strcasecmp(coding, "identity") != 0) {
        uv_http_set_header(call->x, "Accept-Encoding", "identity");
        api_answer(a, call->x, 415,
                   report_error("unsupported", "the body has to come as it is, without "
                                               "Content-Encoding"));
        return false;
    }
    return true;
}

/* Let the request in, or answer why not. */
static bool enter(struct agent *a, struct uv_http_exchange *x, struct api_call *call)
{
    *call = (struct api_call){.x = x, .routes = api_routes, .n_routes = api_n_routes};
    return !is_foreign(a, x) && find_route(a, x, &call->match) && may_enter(a, call) &&
           is_named(a, call) && is_understood(a, call);
}

bool api_gate(void *ctx, struct uv_http_exchange *x)
{
    struct api_call call;
    return enter(ctx, x, &call);
}

/* Handle a request that has waited. */
static void resume(struct agent *a, struct uv_http_exchange *x)
{
    struct api_call call;
    if (enter(a, x, &call))
        call.match.route->handle(a, &call);
}

void api_handle(void *ctx, struct uv_http_exchange *x)
{
    struct agent *a = ctx;
    struct api_call call;
    /* Once more, so that nothing has to be kept while a body comes in: a token may have ended. */
    if (enter(a, x, &call) && !api_waits(a, &call, resume))
        call.match.route->handle(a, &call);
}
