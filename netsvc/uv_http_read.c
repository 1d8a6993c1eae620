/* From bytes to exchanges.
 *
 * The usual path: bytes arrive and wait -> the connection's turn comes -> http.c finds a
 * head -> the gate lets it pass -> http.c has the body -> the handler is called.  One
 * request a turn, and one exchange at a time; while one is open, further input waits, and
 * reading stops when that is much.  Sealed streams take no turns: they come from peers,
 * and are read as far as they go.
 *
 * What can fail: a request that is refused (answered, then closed after a short linger,
 * so that the answer is not lost to a reset), and a client that sends without end (cut). */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "netsvc/uv_http_inside.h"

/* ---- sockets ---- */

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    struct http_conn *c = handle->data;
    (void)hint;
    *buf = uv_buf_init(c->http->read_buf, sizeof(c->http->read_buf));
}

/* The client sends no more.  It may still read the answer it waits for; a stream has no
 * end to wait for, so there it is taken as goodbye. */
static void take_end(struct http_conn *c)
{
    c->has_ended = true;
    if (uv_http_conn_is_open(c)) {
        if (c->exchange->is_streaming)
            uv_http_conn_kill(c);
    } else if (c->is_finishing) {
        if (c->is_shut) /* else on_shutdown will, when all that was said is sent */
            uv_http_conn_kill(c);
    } else {
        uv_http_read_wake(c);
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct http_conn *c = stream->data;
    uv_http_conn_hold(c);
    if (n > 0)
        uv_http_read_data(c, (struct bytes){(const uint8_t *)buf->base, (size_t)n});
    else if (n == UV_EOF)
        take_end(c);
    else if (n < 0)
        uv_http_conn_kill(c);
    uv_http_conn_release(c);
}

void uv_http_read_start(struct http_conn *c)
{
    c->is_paused = false;
    if (c->kind == UV_HTTP_SEALED || c->has_ended || c->is_dead)
        return;
    int status = uv_read_start(&c->handle.stream, on_alloc, on_read);
    if (status < 0 && status != UV_EALREADY)
        uv_http_conn_kill(c);
}

static void pause_reading(struct http_conn *c)
{
    c->is_paused = true;
    if (c->kind != UV_HTTP_SEALED)
        (void)uv_read_stop(&c->handle.stream);
}

/* ---- the gate and the handler ---- */

/* The head is read: may the request go on? */
static bool ask_gate(struct http_conn *c)
{
    struct uv_http *h = c->http;
    const struct http_request *r = http_parser_request(c->parser);
    struct uv_http_exchange *x =
        h->spare_exchange ? h->spare_exchange : malloc(sizeof(*x));
    h->spare_exchange = NULL;
    if (!x) {
        uv_http_conn_refuse(c, 500, "this node is out of memory");
        return false;
    }
    /* Its texts are written before they are read. */
    x->conn = c;
    x->is_open = true;
    x->is_streaming = x->keep_alive = false;
    x->gone = NULL;
    x->n_headers = x->text_len = 0;
    c->exchange = x;
    c->is_trusted = false;
    h->metrics->http_requests++;
    bool is_allowed = h->handlers.gate(h->ctx, x);
    assert(is_allowed == x->is_open); /* who refuses has answered */
    x->is_open = false;
    if (is_allowed && r->expects_continue && c->n_waiting == 0)
        uv_http_conn_write(c, bytes_of_text(HTTP_CONTINUE), (struct bytes){0},
                           (struct bytes){0});
    return is_allowed && !c->is_dead;
}

static void ask_handler(struct http_conn *c)
{
    c->exchange->is_open = true;
    c->http->handlers.handle(c->http->ctx, c->exchange);
    if (uv_http_conn_is_open(c))
        crowd_set_busy(uv_http_conn_crowd(c), &c->place, true);
}

/* ---- parsing ---- */

static void wait_drop(struct http_conn *c, size_t n)
{
    c->n_waiting -= n;
    memmove(c->waiting, c->waiting + n, c->n_waiting);
}

static bool wait_add(struct http_conn *c, struct bytes in)
{
    if (c->n_waiting + in.len > c->waiting_cap) {
        size_t cap = c->n_waiting + in.len;
        uint8_t *waiting = realloc(c->waiting, cap);
        if (!waiting)
            return false;
        c->waiting = waiting;
        c->waiting_cap = cap;
    }
    memcpy(c->waiting + c->n_waiting, in.at, in.len);
    c->n_waiting += in.len;
    return true;
}

/* Parse what waits up to the end of one request, or until more bytes are needed.  Not
 * re-entered: an answer that is given inside gate or handler returns here. */
static void feed(struct http_conn *c)
{
    enum http_event event;
    bool goes_on;
    if (!c->parser)
        c->parser = uv_http_server_parser(c->http);
    if (!c->parser) {
        uv_http_conn_kill(c);
        return;
    }
    c->is_feeding = true;
    do {
        size_t used;
        event =
            http_parser_feed(c->parser, (struct bytes){c->waiting, c->n_waiting}, &used);
        wait_drop(c, used);
        goes_on = event == HTTP_EVENT_HEAD && ask_gate(c);
    } while (goes_on);
    if (event == HTTP_EVENT_REFUSED)
        uv_http_conn_refuse(c, http_parser_status(c->parser), http_parser_why(c->parser));
    else if (event == HTTP_EVENT_DONE)
        ask_handler(c);
    else if (event == HTTP_EVENT_MORE)
        uv_http_conn_arm(c);
    c->is_feeding = false;
}

/* Is there something that can be read now? */
static bool is_ready(const struct http_conn *c)
{
    return !c->is_dead && !c->is_finishing && !c->is_feeding &&
           !uv_http_conn_is_open(c) && c->n_waiting > 0;
}

void uv_http_read_wake(struct http_conn *c)
{
    struct crowd_source *source = c->place.source;
    if (c->kind == UV_HTTP_SEALED) {
        while (is_ready(c))
            feed(c);
    } else if (is_ready(c) && uv_http_conn_queued(c) <= HTTP_UNREAD_MAX) {
        uv_turns_add(&c->http->turns, c->is_trusted ? NULL : &source->turns, &c->turn);
    }
    if (c->is_dead || c->is_feeding || uv_http_conn_is_open(c))
        return;
    if (c->has_ended && c->n_waiting == 0)
        uv_http_conn_finish(c);
    else if (c->is_paused && c->n_waiting < HTTP_WAITING_MAX)
        uv_http_read_start(c);
}

bool uv_http_read_serve(void *ctx, struct turn *t)
{
    struct http_conn *c =
        (struct http_conn *)((char *)t - offsetof(struct http_conn, turn));
    (void)ctx;
    uv_http_conn_hold(c);
    if (c->is_finishing)
        uv_http_read_start(c); /* the next part of what is thrown away */
    else if (is_ready(c))
        feed(c);
    uv_http_read_wake(c);
    bool is_counted = !c->is_trusted;
    uv_http_conn_release(c);
    return is_counted;
}

/* After the last answer: what the client still sends is read, so that the answer is not
 * lost to a reset, but a part at a time and not without end. */
static void throw_away(struct http_conn *c, size_t len)
{
    struct crowd_source *source = c->place.source;
    c->n_lingered += len;
    if (c->n_lingered > HTTP_LINGER_LEN_MAX) {
        uv_http_conn_kill(c);
        return;
    }
    if (!source)
        return;
    if (source->turns.budget)
        budget_spend(source->turns.budget, uv_hrtime(), len); /* a byte is about 1 ns */
    pause_reading(c);
    uv_turns_add(&c->http->turns, &source->turns, &c->turn);
}

void uv_http_read_data(struct http_conn *c, struct bytes in)
{
    if (c->is_dead)
        return;
    if (c->is_finishing) {
        throw_away(c, in.len);
        return;
    }
    uv_http_conn_hold(c);
    crowd_touch(uv_http_conn_crowd(c), &c->place);
    /* A pipe cannot be paused; it ends where a socket would long have been held back. */
    bool is_flood = c->kind == UV_HTTP_SEALED && c->n_waiting > HTTP_PIPE_WAITING_MAX;
    if (is_flood || !wait_add(c, in))
        uv_http_conn_kill(c);
    else
        uv_http_read_wake(c);
    if (c->n_waiting >= HTTP_WAITING_MAX && !c->is_dead && !c->is_finishing)
        pause_reading(c);
    uv_http_conn_release(c);
}
