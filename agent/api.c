/* The API: HTTP requests become reports or orders.  docs/API.md lists the routes; streams are in
 * api_stream.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api.h"
#include "agent/assets.h"
#include "agent/guard.h"
#include "agent/params.h"
#include "core/log.h"
#include "netsvc/metrics_text.h"

/* ---- answers ---- */

void api_answer(struct agent *a, struct uv_http_exchange *x, int status, json_t *body)
{
    char view[64];
    char *text = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(body);
    (void)snprintf(view, sizeof(view), "%016llx",
                   (unsigned long long)table_digest(gossip_table(node_gossip(a->node))));
    uv_http_set_header(x, "X-Stratos-Node", a->name);
    uv_http_set_header(x, "X-Stratos-View", view);
    uv_http_answer(x, text ? status : 500, "application/json",
                   bytes_of_text(text ? text : ""));
    free(text);
}

void api_data(struct agent *a, struct uv_http_exchange *x, json_t *data)
{
    api_answer(a, x, 200,
               report_envelope(node_gossip(a->node), a->name, agent_now(a).now_ms, data));
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
};

void api_error(struct agent *a, struct uv_http_exchange *x, int code, const char *text)
{
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (errors[i].code == code) {
            api_answer(a, x, errors[i].status, report_error(errors[i].name, text));
            return;
        }
    }
    api_answer(a, x, 500, report_error("failed", text));
}

void api_no_such_route(struct agent *a, struct uv_http_exchange *x)
{
    api_error(a, x, ERR_NOT_FOUND, "no such route: docs/API.md lists them");
}

/* ---- orders ---- */

struct exchange_wait {
    struct exchange_wait *next;
    struct agent *agent;
    struct uv_http_exchange *x; /* NULL: the client went away */
    uint64_t token;
    json_t *jobs; /* SUBMIT: what becomes of each; else NULL */
    struct job_about {
        char ns[NAME_LEN_MAX + 1], name[NAME_LEN_MAX + 1];
    } about;
};

static void on_gone(void *ctx)
{
    struct exchange_wait *wait = ctx;
    wait->x = NULL;
}

static struct exchange_wait *wait_new(struct agent *a, struct uv_http_exchange *x)
{
    struct exchange_wait *wait = calloc(1, sizeof(*wait));
    if (!wait)
        return NULL;
    *wait = (struct exchange_wait){
        .next = a->waits, .agent = a, .x = x, .token = ++a->next_token};
    a->waits = wait;
    uv_http_on_gone(x, on_gone, wait);
    return wait;
}

void api_close(struct agent *a)
{
    while (a->waits) {
        struct exchange_wait *wait = a->waits;
        a->waits = wait->next;
        json_decref(wait->jobs);
        free(wait);
    }
}

static json_t *done_json(const struct exchange_wait *wait,
                         const struct node_result *result)
{
    json_t *data =
        json_pack("{s:I,s:I,s:I}", "known_by", (json_int_t)result->known_by, "members",
                  (json_int_t)result->members, "took_ms", (json_int_t)result->took_ms);
    if (wait->jobs)
        (void)json_object_set(data, "jobs", wait->jobs);
    if (result->text && *result->text)
        (void)json_object_set_new(data, "text", json_string(result->text));
    return data;
}

void api_done(struct agent *a, uint64_t token, const struct node_result *result)
{
    for (struct exchange_wait **at = &a->waits; *at; at = &(*at)->next) {
        struct exchange_wait *wait = *at;
        if (wait->token != token)
            continue;
        *at = wait->next;
        if (wait->x) {
            uv_http_on_gone(wait->x, NULL, NULL);
            if (result->code < 0)
                api_error(a, wait->x, result->code, result->text);
            else
                api_data(a, wait->x, done_json(wait, result));
        }
        json_decref(wait->jobs);
        free(wait);
        return;
    }
}

static void order(struct agent *a, struct uv_http_exchange *x, struct command *command,
                  json_t *jobs)
{
    if (param_ack(uv_http_query(x, "ack"), &command->ack) < 0) {
        json_decref(jobs);
        api_error(a, x, ERR_INVALID,
                  "ack wants a number of members, 'majority' or 'all'");
        return;
    }
    struct exchange_wait *wait = wait_new(a, x);
    if (!wait) {
        json_decref(jobs);
        api_error(a, x, -ENOMEM, "out of memory");
        return;
    }
    wait->jobs = jobs;
    command->token = wait->token;
    node_command(a->node, agent_now(a), command, &a->fx);
    agent_perform(a);
}

/* What each job of a submission will be, said before it is: create, update or none. */
static json_t *announce_jobs(struct agent *a, const struct jobfile *file,
                             struct arena *arena)
{
    struct report r;
    json_t *list = json_array();
    if (report_open(&r, a->node, a->name, agent_now(a)) < 0)
        return list;
    for (size_t i = 0; i < file->n_jobs; i++) {
        const struct job_spec *spec = &file->jobs[i];
        uint32_t job = view_find_job(&r.view, spec->ns, spec->name);
        uint32_t version = job == VIEW_NONE ? 0 : r.view.jobs[job].doc.version;
        bool is_same = job != VIEW_NONE &&
                       spec_hash_equal(r.view.jobs[job].doc.spec,
                                       spec_hash_of(spec_canonical(spec, arena)));
        char text[16];
        (void)snprintf(text, sizeof(text), "v%u", is_same ? version : version + 1);
        (void)json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s,s:I}", "namespace",
                                                    spec->ns, "job", spec->name,
                                                    "version", text, "action",
                                                    is_same   ? "none"
                                                    : version ? "update"
                                                              : "create",
                                                    "count", (json_int_t)spec->count));
    }
    report_close(&r);
    return list;
}

static void answer_complaints(struct agent *a, struct uv_http_exchange *x,
                              const struct complaints *complaints)
{
    json_t *list = json_array();
    for (size_t i = 0; i < complaints->n; i++)
        (void)json_array_append_new(
            list,
            json_pack("{s:i,s:i,s:s}", "line", (int)complaints->list[i].line, "column",
                      (int)complaints->list[i].column, "text", complaints->list[i].text));
    const struct complaint *first = &complaints->list[0];
    json_t *body =
        complaints->n ? json_pack("{s:{s:s,s:s,s:i,s:i,s:o}}", "error", "code", "invalid",
                                  "message", first->text, "line", (int)first->line,
                                  "column", (int)first->column, "complaints", list)
                      : report_error("invalid", "not a job file");
    if (!complaints->n)
        json_decref(list);
    api_answer(a, x, 422, body);
}

static void submit(struct agent *a, struct uv_http_exchange *x, const char *ns,
                   const char *name)
{
    struct arena arena;
    struct jobfile file;
    struct complaints complaints = {.arena = &arena};
    arena_init(&arena, 64 << 20);
    uint32_t version;
    if (param_version(uv_http_query(x, "if_version"), &version) < 0) {
        api_error(a, x, ERR_INVALID, "if_version wants a version, for example v3");
    } else if (jobfile_read(uv_http_body(x), &arena, &complaints, &file) < 0) {
        answer_complaints(a, x, &complaints);
    } else if (name && (file.n_jobs != 1 || strcmp(file.jobs[0].name, name) != 0 ||
                        strcmp(file.jobs[0].ns, ns) != 0)) {
        api_error(a, x, ERR_INVALID, "the body must be the one job that the path names");
    } else {
        struct command command = {
            .kind = COMMAND_SUBMIT,
            .jobs = file.jobs,
            .n_jobs = file.n_jobs,
            .if_version = version,
            .note = uv_http_query(x, "note"),
        };
        order(a, x, &command, announce_jobs(a, &file, &arena));
    }
    arena_fini(&arena);
}

static void order_job(struct agent *a, struct uv_http_exchange *x, const char *ns,
                      const char *name, const char *verb)
{
    static const struct {
        const char *verb;
        enum command_kind kind;
    } verbs[] = {{"scale", COMMAND_SCALE},
                 {"stop", COMMAND_STOP},
                 {"start", COMMAND_START},
                 {"restart", COMMAND_RESTART}};
    struct command command = {.ns = ns, .name = name};
    const char *count = uv_http_query(x, "count");
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].verb, verb) != 0)
            continue;
        uint64_t n = 0;
        command.kind = verbs[i].kind;
        if (command.kind == COMMAND_SCALE &&
            (!count || text_uint(count, INSTANCES_PER_JOB_MAX, &n) < 0)) {
            api_error(a, x, ERR_INVALID, "scale wants ?count=N, at most 100000");
            return;
        }
        command.count = (uint32_t)n;
        order(a, x, &command, NULL);
        return;
    }
    api_no_such_route(a, x);
}

/* ---- routes ---- */

static void get_list(struct agent *a, struct uv_http_exchange *x, const char *what)
{
    struct report r;
    json_t *data = NULL;
    if (report_open(&r, a->node, a->name, agent_now(a)) < 0) {
        api_error(a, x, -ENOMEM, "out of memory");
        return;
    }
    if (strcmp(what, "members") == 0)
        data = report_members(&r);
    else if (strcmp(what, "jobs") == 0)
        data = report_jobs(&r);
    else if (strcmp(what, "gossip") == 0)
        data = report_gossip(&r, uv_http_query(x, "map") != NULL);
    else if (strcmp(what, "vars") == 0)
        data = report_variables(&r);
    else if (strcmp(what, "services") == 0)
        data = report_services(a->catalog, uv_http_query(x, "name"));
    if (data)
        api_data(a, x, data);
    else
        api_no_such_route(a, x);
    report_close(&r);
}

static void get_resolve(struct agent *a, struct uv_http_exchange *x)
{
    const char *name = uv_http_query(x, "name");
    char text[512];
    json_t *data;
    int status = name ? report_resolve(a->catalog, name, &data) : ERR_INVALID;
    if (status == 0) {
        api_data(a, x, data);
        return;
    }
    (void)snprintf(text, sizeof(text),
                   status == ERR_NOT_FOUND ? "no name '%.300s'" : "%s",
                   status == ERR_NOT_FOUND ? name
                   : status == ERR_INVALID ? "resolve wants ?name="
                                           : err_text(status));
    api_error(a, x, status, text);
}

static void get_variable(struct agent *a, struct uv_http_exchange *x, const char *name)
{
    struct key key = key_var(name);
    const struct entry *entry =
        key.len ? table_get(gossip_table(node_gossip(a->node)), key_bytes(&key)) : NULL;
    if (!entry) {
        char text[320];
        (void)snprintf(text, sizeof(text), "no variable '%.250s'", name);
        api_error(a, x, ERR_NOT_FOUND, text);
        return;
    }
    api_data(a, x, report_variable(entry));
}

static void get_metrics(struct agent *a, struct uv_http_exchange *x)
{
    const struct gossip *g = node_gossip(a->node);
    const struct members *m = gossip_members(g);
    const struct metrics_gauge gauges[] = {
        {.name = "members_alive",
         .help = "members believed alive",
         .value = (double)members_count_state(m, MEMBER_ALIVE)},
        {.name = "members_suspect",
         .help = "members under suspicion",
         .value = (double)members_count_state(m, MEMBER_SUSPECT)},
        {.name = "members_dead",
         .help = "members believed dead",
         .value = (double)members_count_state(m, MEMBER_DEAD)},
        {.name = "table_entries",
         .help = "live entries of the table",
         .value = (double)table_count(gossip_table(g))},
        {.name = "ready",
         .help = "1 after the first sync",
         .value = gossip_is_ready(g) ? 1 : 0},
        {.name = "clock_skew_ms",
         .help = "how far this node's clock is ahead of the median of its peers'",
         .value = (double)node_wall(a->node)->ahead_ms},
        {.name = "clock_trusted",
         .help = "0 while orders are refused because this node's clock is off",
         .value = wall_is_trusted(node_wall(a->node)) ? 1 : 0},
    };
    struct arena arena;
    arena_init(&arena, 1 << 20);
    char *text =
        metrics_text(&a->metrics, gauges, sizeof(gauges) / sizeof(gauges[0]), &arena);
    uv_http_answer(x, text ? 200 : 500, METRICS_TEXT_TYPE, bytes_of_text(text));
    arena_fini(&arena);
}

static void get_health(struct agent *a, struct uv_http_exchange *x)
{
    bool is_ready = gossip_is_ready(node_gossip(a->node));
    uv_http_answer(
        x, is_ready ? 200 : 503, "text/plain",
        bytes_of_text(is_ready ? "ok\n" : "not ready: no sync with a peer yet\n"));
}

/* The path's words; `rest` of a variable's name may hold slashes. */
struct route {
    char buf[1024];
    const char *word[6];
    size_t n;
};

static bool split(const char *path, struct route *r)
{
    size_t len = strlen(path);
    *r = (struct route){0};
    if (len >= sizeof(r->buf) || path[0] != '/')
        return false;
    memcpy(r->buf, path + 1, len);
    for (char *at = r->buf; at && *at && r->n < 6;) {
        r->word[r->n++] = at;
        bool is_name = r->n == 3 && strcmp(r->word[1], "vars") == 0;
        char *slash = is_name ? NULL : strchr(at, '/');
        if (slash)
            *slash = '\0';
        at = slash ? slash + 1 : NULL;
    }
    return true;
}

static void get(struct agent *a, struct uv_http_exchange *x, const struct route *r)
{
    bool is_job = r->n >= 4 && strcmp(r->word[1], "jobs") == 0;
    if (is_job && r->n == 5 && strcmp(r->word[4], "logs") == 0)
        api_logs(a, x, r->word[2], r->word[3]);
    else if (is_job && r->n <= 5)
        api_job(a, x, r->word[2], r->word[3], r->n == 5 ? r->word[4] : NULL);
    else if (r->n == 3 && strcmp(r->word[1], "vars") == 0)
        get_variable(a, x, r->word[2]);
    else if (r->n != 2)
        api_no_such_route(a, x);
    else if (strcmp(r->word[1], "events") == 0)
        api_events(a, x);
    else if (strcmp(r->word[1], "dashboard") == 0)
        api_dashboard(a, x);
    else if (strcmp(r->word[1], "resolve") == 0)
        get_resolve(a, x);
    else
        get_list(a, x, r->word[1]);
}

static void rotate_secret(struct agent *a, struct uv_http_exchange *x)
{
    uint8_t value[SECRET_LEN + SECRET_NONCE_LEN];
    const struct keyring *keys = node_keys(a->node);
    const char *force = uv_http_query(x, "force");
    struct secret next;
    do { /* the old one and the new one need different names */
        secret_new(&next);
    } while (keyring_find(keys, secret_epoch(&next)));
    memcpy(value, next.at, SECRET_LEN);
    random_bytes(value + SECRET_LEN, SECRET_NONCE_LEN);
    struct command command = {.kind = COMMAND_ROTATE,
                              .value = BYTES_OF(value),
                              .is_forced = force && strcmp(force, "1") == 0};
    order(a, x, &command, NULL);
    explicit_bzero(value, sizeof(value));
    explicit_bzero(&next, sizeof(next));
}

static void change(struct agent *a, struct uv_http_exchange *x, const struct route *r)
{
    const char *method = uv_http_method(x);
    bool is_post = strcmp(method, "POST") == 0, is_put = strcmp(method, "PUT") == 0;
    bool is_jobs = r->n >= 2 && strcmp(r->word[1], "jobs") == 0;
    bool is_var = r->n == 3 && strcmp(r->word[1], "vars") == 0;
    struct command command = {0};
    if (is_jobs && is_post && r->n == 2) {
        submit(a, x, NULL, NULL);
    } else if (is_jobs && is_put && r->n == 4) {
        submit(a, x, r->word[2], r->word[3]);
    } else if (is_jobs && is_post && r->n == 5) {
        order_job(a, x, r->word[2], r->word[3], r->word[4]);
    } else if (is_jobs && !is_post && !is_put && r->n == 4) {
        command = (struct command){
            .kind = COMMAND_REMOVE, .ns = r->word[2], .name = r->word[3]};
        order(a, x, &command, NULL);
    } else if (is_var && !is_post) {
        command = (struct command){.kind = is_put ? COMMAND_VAR_SET : COMMAND_VAR_REMOVE,
                                   .name = r->word[2],
                                   .value = uv_http_body(x)};
        order(a, x, &command, NULL);
    } else if (is_post && r->n == 2 && strcmp(r->word[1], "leave") == 0) {
        command.kind = COMMAND_LEAVE;
        order(a, x, &command, NULL);
    } else if (is_post && r->n == 3 && strcmp(r->word[1], "secret") == 0 &&
               strcmp(r->word[2], "rotate") == 0) {
        rotate_secret(a, x);
    } else if (is_post && r->n == 2 && strcmp(r->word[1], "join") == 0) {
        const char *address = uv_http_query(x, "address");
        command.kind = COMMAND_JOIN;
        if (address && endpoint_parse(address, 7780, &command.endpoint) == 0)
            order(a, x, &command, NULL);
        else
            api_error(a, x, ERR_INVALID,
                      "join wants an address, as 10.0.0.7 or 10.0.0.7:7780");
    } else if (is_post && r->n == 4 && strcmp(r->word[1], "nodes") == 0 &&
               strcmp(r->word[3], "forget") == 0) {
        command = (struct command){.kind = COMMAND_FORGET, .name = r->word[2]};
        order(a, x, &command, NULL);
    } else {
        api_no_such_route(a, x);
    }
}

/* Over plain TCP there may be a browser at the other end; sockets and sealed streams have none. */
static bool is_foreign(struct agent *a, struct uv_http_exchange *x, bool is_get)
{
    const char *host = uv_http_header(x, "Host");
    if (!uv_http_is_tcp(x))
        return false;
    bool is_host = guard_host_is_own(host);
    if (is_host && (is_get || guard_origin_is_own(uv_http_header(x, "Origin"), host)))
        return false;
    api_answer(
        a, x, is_host ? 403 : 421,
        report_error("denied",
                     is_host
                         ? "orders from another site's page are not taken"
                         : "this API is served as localhost and by loopback addresses"));
    return true;
}

void api_handle(void *ctx, struct uv_http_exchange *x)
{
    struct agent *a = ctx;
    struct route route;
    const char *path = uv_http_path(x);
    bool is_get =
        strcmp(uv_http_method(x), "GET") == 0 || strcmp(uv_http_method(x), "HEAD") == 0;
    const struct asset *asset = is_get ? asset_find(path) : NULL;
    if (is_foreign(a, x, is_get))
        return;
    if (asset) {
        uv_http_set_header(x, "Content-Security-Policy", asset->policy);
        uv_http_answer(x, 200, asset->type, asset->body);
        return;
    }
    if (is_get && strcmp(path, "/healthz") == 0)
        get_health(a, x);
    else if (is_get && strcmp(path, "/metrics") == 0)
        get_metrics(a, x);
    else if (!split(path, &route) || route.n < 2 || strcmp(route.word[0], "v1") != 0)
        api_no_such_route(a, x);
    else if (is_get)
        get(a, x, &route);
    else
        change(a, x, &route);
}
