/* The blocking client of the agent's API: one request at a time over one connection,
 * which is opened again when the agent closed it between two requests. */
#include "agent/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/client_wire.h"
#include "core/bounds.h"
#include "core/http_reader.h"

enum {
    CONNECT_TIMEOUT_MS = 5000,
    ANSWER_MAX = 256 << 20, /* the status of the largest job is some 30 MB of JSON */
};

struct client {
    struct client_target target; /* strings are ours */
    struct client_wire *wire;    /* NULL: to be opened by the next request */
    bool is_used;                /* answered at least once: it may be stale by now */
};

static int reopen(struct client *c, struct err *err)
{
    client_wire_close(c->wire);
    c->wire = NULL;
    c->is_used = false;
    return client_wire_open(&c->target, client_wire_now_ms() + CONNECT_TIMEOUT_MS,
                            &c->wire, err);
}

static char *copy_of(const char *text)
{
    return text ? strdup(text) : NULL;
}

int client_open(const struct client_target *target, struct client **ret_client,
                struct err *err)
{
    struct client *c = calloc(1, sizeof(*c));
    if (!c)
        return err_set(err, -ENOMEM, "out of memory");
    c->target = (struct client_target){.socket = copy_of(target->socket),
                                       .host = copy_of(target->host),
                                       .secret_file = copy_of(target->secret_file)};
    int error = reopen(c, err);
    if (error < 0) {
        client_close(c);
        return error;
    }
    *ret_client = c;
    return 0;
}

void client_close(struct client *c)
{
    if (!c)
        return;
    client_wire_close(c->wire);
    free((void *)(uintptr_t)c->target.socket);
    free((void *)(uintptr_t)c->target.host);
    free((void *)(uintptr_t)c->target.secret_file);
    free(c);
}

/* ---- one request ---- */

struct exchange {
    struct http_reader reader;
    char node[64], view[128]; /* X-Stratos-Node, X-Stratos-View */
    struct http_wanted wanted[2];
    int (*chunk)(void *ctx, struct bytes in); /* NULL: collect */
    void *ctx;
    uint8_t *body;
    size_t len, cap;
    uint64_t deadline_ms;
    bool is_order;  /* not a GET: it must not be done twice, nor be said to be undone */
    bool is_sent;   /* all of the request left: the agent may act on it */
    bool has_begun; /* some byte of the answer came */
};

static int collect(struct exchange *x, struct bytes in)
{
    if (in.len > ANSWER_MAX - x->len)
        return ERR_BOUND;
    if (x->len + in.len + 1 > x->cap) {
        size_t cap = (x->len + in.len + 1) * 2;
        uint8_t *grown = realloc(x->body, cap);
        if (!grown)
            return -ENOMEM;
        x->body = grown;
        x->cap = cap;
    }
    memcpy(x->body + x->len, in.at, in.len);
    x->len += in.len;
    return 0;
}

/* Returns 0, an error, or the non-zero answer of the chunk callback (in *ret_stop). */
static int receive(struct client *c, struct exchange *x, int *ret_stop)
{
    while (!http_reader_is_complete(&x->reader)) {
        struct bytes in, piece;
        int got = client_wire_receive(c->wire, x->deadline_ms, &in);
        if (got < 0)
            return got;
        if (got == 0)
            return http_reader_end(&x->reader) < 0 ? -ECONNRESET : 0;
        x->has_begun = true;
        for (size_t used = 0;
             (got = http_reader_feed(&x->reader, in, &used, &piece)) > 0;) {
            bool is_streamed = x->chunk && x->reader.status < 400;
            if (!is_streamed) {
                int error = collect(x, piece);
                if (error < 0)
                    return error;
            } else if ((*ret_stop = x->chunk(x->ctx, piece)) != 0) {
                return 0;
            }
        }
        if (got < 0)
            return got;
    }
    return 0;
}

static int request_send(struct client *c, const char *method, const char *target,
                        struct bytes body, uint64_t deadline_ms)
{
    char *head = NULL;
    int len = asprintf(
        &head,
        "%s %s HTTP/1.1\r\nHost: stratos\r\nAccept: */*\r\nContent-Length: %zu\r\n\r\n",
        method, target, body.len);
    if (len < 0)
        return -ENOMEM;
    int error = client_wire_send(c->wire, (struct bytes){(uint8_t *)head, (size_t)len},
                                 deadline_ms);
    free(head);
    if (error == 0 && body.len > 0)
        error = client_wire_send(c->wire, body, deadline_ms);
    return error;
}

static void begin(struct exchange *x, const char *method)
{
    x->node[0] = x->view[0] = '\0';
    x->wanted[0] = (struct http_wanted){"X-Stratos-Node", x->node, sizeof(x->node)};
    x->wanted[1] = (struct http_wanted){"X-Stratos-View", x->view, sizeof(x->view)};
    http_reader_init(&x->reader, HTTP_HEADER_MAX, x->wanted, 2);
    x->reader.is_head = strcmp(method, "HEAD") == 0;
}

static bool is_hang_up(int error)
{
    return error == -EPIPE || error == -ECONNRESET;
}

/* The connection to send on.  One that idled may have been closed by the agent: a question is then
 * asked once more, but of an order nobody could tell whether it was taken.  So each has its own. */
static int prepare(struct client *c, const struct exchange *x, struct err *err)
{
    bool is_fresh = c->wire && !c->is_used;
    return is_fresh || (c->wire && !x->is_order) ? 0 : reopen(c, err);
}

static int fail(const struct exchange *x, int error, struct err *err)
{
    if (x->is_order && x->is_sent && error == ERR_TIMEOUT)
        return err_set(err, ERR_UNSURE,
                       "may stand: the agent took the order and did not answer in time: "
                       "`stratos status` and `stratos events` show what became of it");
    if (x->is_order && x->is_sent)
        return err_set(err, ERR_UNSURE,
                       "may stand: the agent went away before it answered: `stratos "
                       "status` and `stratos events` show what became of it");
    if (error == ERR_TIMEOUT)
        return err_set(err, error, "the agent did not answer in time");
    if (is_hang_up(error) && x->is_order)
        return err_set(err, error,
                       "the agent went away before it had the order: nothing was done");
    if (is_hang_up(error))
        return err_set(err, error, "the agent went away in the middle of its answer");
    return err_set(err, error, "talking to the agent: %s", err_text(error));
}

static int exchange(struct client *c, const char *method, const char *target,
                    struct bytes body, struct exchange *x, int *ret_stop, struct err *err)
{
    for (;;) {
        bool is_stale_possible = c->wire && c->is_used && !x->is_order;
        int error = prepare(c, x, err);
        if (error < 0)
            return error;
        begin(x, method);
        error = request_send(c, method, target, body, x->deadline_ms);
        x->is_sent = error == 0;
        if (error == 0)
            error = receive(c, x, ret_stop);
        c->is_used = true;
        if (error < 0 || *ret_stop != 0 || x->reader.is_closing) {
            client_wire_close(c->wire);
            c->wire = NULL;
        }
        if (is_hang_up(error) && is_stale_possible && !x->has_begun)
            continue;
        return error < 0 ? fail(x, error, err) : 0;
    }
}

static int run(struct client *c, const char *method, const char *target,
               struct bytes body, struct exchange *x, struct client_answer *ret_answer,
               struct err *err)
{
    int stop = 0;
    x->is_order = strcmp(method, "GET") != 0;
    int error = exchange(c, method, target, body, x, &stop, err);
    if (error == 0 && collect(x, (struct bytes){(const uint8_t *)"", 0}) < 0)
        error = err_set(err, -ENOMEM, "out of memory");
    if (error < 0) {
        free(x->body);
        return error;
    }
    x->body[x->len] = '\0';
    *ret_answer = (struct client_answer){
        .status = x->reader.status, .body = x->body, .len = x->len};
    memcpy(ret_answer->node, x->node, sizeof(ret_answer->node));
    memcpy(ret_answer->view, x->view, sizeof(ret_answer->view));
    return stop;
}

int client_call(struct client *c, const char *method, const char *target,
                struct bytes body, unsigned timeout_ms, struct client_answer *ret_answer,
                struct err *err)
{
    struct exchange x = {.deadline_ms =
                             timeout_ms > 0 ? client_wire_now_ms() + timeout_ms : 0};
    return run(c, method, target, body, &x, ret_answer, err);
}

int client_stream(struct client *c, const char *method, const char *target,
                  int (*chunk)(void *ctx, struct bytes in), void *ctx,
                  struct client_answer *ret_answer, struct err *err)
{
    struct exchange x = {.chunk = chunk, .ctx = ctx};
    return run(c, method, target, (struct bytes){0}, &x, ret_answer, err);
}
