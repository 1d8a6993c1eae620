/* Orders: a request becomes a command of the node and is answered when that is done. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api.h"
#include "agent/params.h"
#include "agent/text_json.h"

/* An exchange that waits for NODE_DONE. */
struct exchange_wait {
    struct exchange_wait *next;
    struct agent *agent;
    struct uv_http_exchange *x; /* NULL: the client went away */
    uint64_t token;
    json_t *jobs; /* SUBMIT: what becomes of each; else NULL */
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
    json_t *data = report_told(result);
    if (wait->jobs)
        (void)json_object_set(data, "jobs", wait->jobs);
    if (result->text && *result->text)
        (void)json_object_set_new(data, "text", text_json(result->text));
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
            if (result->code < 0) /* where it may stand: who has it */
                api_error_more(a, wait->x, result->code, result->text,
                               result->code == ERR_UNSURE ? report_told(result) : NULL);
            else
                api_data(a, wait->x, done_json(wait, result));
        }
        json_decref(wait->jobs);
        free(wait);
        return;
    }
}

void api_order(struct agent *a, struct uv_http_exchange *x, struct order *command,
               json_t *jobs)
{
    if (param_ack(uv_http_query(x, "ack"), &command->ack) < 0) {
        json_decref(jobs);
        api_bad(a, x, "ack wants a number of members, 'majority' or 'all'");
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
    agent_order(a, command);
}

/* ---- of one job ---- */

static void order_job(struct agent *a, struct api_call *call, enum order_kind kind)
{
    struct order command = {.kind = kind,
                            .ns = route_word(&call->match, "ns"),
                            .name = route_word(&call->match, "job")};
    api_order(a, call->x, &command, NULL);
}

void route_stop(struct agent *a, struct api_call *call)
{
    order_job(a, call, ORDER_STOP);
}

void route_start(struct agent *a, struct api_call *call)
{
    order_job(a, call, ORDER_START);
}

void route_restart(struct agent *a, struct api_call *call)
{
    order_job(a, call, ORDER_RESTART);
}

void route_remove(struct agent *a, struct api_call *call)
{
    order_job(a, call, ORDER_REMOVE);
}

/* `{"count":2}`, and nothing beside it. */
static int count_of_body(struct bytes body, uint64_t *ret_count)
{
    json_t *root =
        json_loadb((const char *)body.at, body.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *count = json_object_get(root, "count");
    json_int_t n = json_integer_value(count);
    bool is_good = json_object_size(root) == 1 && json_is_integer(count) && n >= 0 &&
                   n <= INSTANCES_PER_JOB_MAX;
    json_decref(root);
    if (!is_good)
        return ERR_INVALID;
    *ret_count = (uint64_t)n;
    return 0;
}

void route_scale(struct agent *a, struct api_call *call)
{
    const char *text = uv_http_query(call->x, "count");
    struct bytes body = uv_http_body(call->x);
    uint64_t n = 0;
    bool is_given_once = (text != NULL) != (body.len > 0);
    int status = !is_given_once ? ERR_INVALID
                 : text         ? text_uint(text, INSTANCES_PER_JOB_MAX, &n)
                                : count_of_body(body, &n);
    if (status < 0) {
        api_bad(a, call->x,
                "scale wants a count of at most 100000, once: the body {\"count\":N} or "
                "the parameter count=N");
        return;
    }
    char by[API_WHO_MAX];
    struct order command = {.kind = ORDER_SCALE,
                            .ns = route_word(&call->match, "ns"),
                            .name = route_word(&call->match, "job"),
                            .by = api_who(a, call, by),
                            .count = (uint32_t)n};
    api_order(a, call->x, &command, NULL);
}

/* ---- variables ---- */

static void order_variable(struct agent *a, struct api_call *call, enum order_kind kind)
{
    struct order command = {.kind = kind,
                            .ns = api_namespace(call),
                            .name = route_word(&call->match, "name"),
                            .value = uv_http_body(call->x)};
    api_order(a, call->x, &command, NULL);
}

void route_set_variable(struct agent *a, struct api_call *call)
{
    order_variable(a, call, ORDER_VAR_SET);
}

void route_remove_variable(struct agent *a, struct api_call *call)
{
    order_variable(a, call, ORDER_VAR_REMOVE);
}

/* ---- of the cluster ---- */

void route_forget(struct agent *a, struct api_call *call)
{
    struct order command = {.kind = ORDER_FORGET,
                            .name = route_word(&call->match, "node")};
    api_order(a, call->x, &command, NULL);
}

void route_leave(struct agent *a, struct api_call *call)
{
    struct order command = {.kind = ORDER_LEAVE};
    api_order(a, call->x, &command, NULL);
}

void route_join(struct agent *a, struct api_call *call)
{
    struct order command = {.kind = ORDER_JOIN};
    const char *address = uv_http_query(call->x, "address");
    if (address && endpoint_parse(address, 7780, &command.endpoint) == 0)
        api_order(a, call->x, &command, NULL);
    else
        api_bad(a, call->x, "join wants ?address=, as 10.0.0.7 or 10.0.0.7:7780");
}

void route_rotate(struct agent *a, struct api_call *call)
{
    uint8_t value[SECRET_LEN + SECRET_NONCE_LEN];
    const struct keyring *keys = node_keys(a->node);
    bool is_forced;
    struct secret next;
    if (param_switch(uv_http_query(call->x, "force"), &is_forced) < 0) {
        api_bad(a, call->x, "force wants 1 or 0");
        return;
    }
    do { /* the old one and the new one need different names */
        secret_new(&next);
    } while (keyring_find(keys, secret_epoch(&next)));
    memcpy(value, next.at, SECRET_LEN);
    random_bytes(value + SECRET_LEN, SECRET_NONCE_LEN);
    struct order command = {
        .kind = ORDER_ROTATE, .value = BYTES_OF(value), .is_forced = is_forced};
    api_order(a, call->x, &command, NULL);
    explicit_bzero(value, sizeof(value));
    explicit_bzero(&next, sizeof(next));
}
