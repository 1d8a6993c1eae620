/* The HTTP driver's connections: bytes in, exchanges up, answers out.
 *
 * The usual path: bytes arrive -> http.c finds a request -> the handler is called -> its
 * answer is written -> the next request, which may have arrived already.  One exchange at
 * a time; while one is open, further input waits in `waiting` and reading stops when that
 * is full.
 *
 * What can fail: a request that is refused (answered, then closed after a short linger,
 * so that the answer is not lost to a reset), a client that is too slow in either
 * direction, one that goes away.  Every failure ends in conn_kill; `gone` is called from
 * the close callback, never from within a call of the handler's. */
#include "netsvc/uv_http_inside.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/bounds.h"
#include "core/err.h"

static void conn_feed(struct http_conn *c);

/* ---- the end of a connection ---- */

static void conn_free(struct http_conn *c)
{
    struct uv_http *h = c->http;
    if (c->is_listed)
        uv_http_inside_unlist(c);
    http_parser_free(c->parser);
    free(c->waiting);
    free(c);
    uv_http_inside_maybe_free(h);
}

/* The transport is gone.  An open exchange whose handler did not ask for `gone` keeps the
 * memory until it is answered. */
static void conn_gone(struct http_conn *c)
{
    struct uv_http_exchange *x = &c->exchange;
    c->is_dead = c->is_gone = true;
    if (x->is_open && x->gone) {
        void (*gone)(void *ctx) = x->gone;
        x->is_open = false;
        gone(x->gone_ctx);
    }
    if (!x->is_open && c->depth == 0)
        conn_free(c);
}

/* Between these two the connection's memory stays, whatever its transport does meanwhile. */
static void conn_hold(struct http_conn *c)
{
    c->depth++;
}

static void conn_release(struct http_conn *c)
{
    if (--c->depth == 0 && c->is_gone && !c->exchange.is_open)
        conn_free(c);
}

void uv_http_inside_gone(struct http_conn *c)
{
    conn_gone(c);
}

static void on_conn_closed(uv_handle_t *handle)
{
    conn_gone(handle->data);
}

/* Give the transport up; safe to call twice. */
void uv_http_inside_kill(struct http_conn *c)
{
    if (c->is_dead)
        return;
    c->is_dead = true;
    if (c->kind == HTTP_CONN_PIPE)
        c->pipe.finish(c->pipe.ctx);
    else
        uv_close(&c->handle.any, on_conn_closed);
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
    struct http_conn *c = request->handle->data;
    free(request);
    if (status < 0 || c->has_ended)
        uv_http_inside_kill(c);
}

/* All is said: send what is queued, then wait a moment for the client to hang up. */
static void conn_finish(struct http_conn *c)
{
    if (c->is_dead || c->is_finishing)
        return;
    c->is_finishing = true;
    c->deadline_ms = uv_now(c->http->loop) + HTTP_LINGER_MS;
    if (c->kind == HTTP_CONN_PIPE) {
        uv_http_inside_kill(c);
        return;
    }
    uv_shutdown_t *request = malloc(sizeof(*request));
    if (!request || uv_shutdown(request, &c->handle.stream, on_shutdown) < 0) {
        free(request);
        uv_http_inside_kill(c);
    }
}

/* ---- writing ---- */

static size_t conn_queued(const struct http_conn *c)
{
    if (c->is_dead)
        return 0;
    if (c->kind == HTTP_CONN_PIPE)
        return c->pipe.queued ? c->pipe.queued(c->pipe.ctx) : 0;
    return uv_stream_get_write_queue_size(&c->handle.stream);
}

struct out_write {
    uv_write_t request;
    struct http_conn *conn;
    uint8_t data[];
};

static void on_written(uv_write_t *request, int status)
{
    struct out_write *out = (struct out_write *)request;
    struct http_conn *c = out->conn;
    free(out);
    if (status < 0) {
        uv_http_inside_kill(c);
        return;
    }
    c->progress_ms = uv_now(c->http->loop);
}

/* Three parts as one write. */
static void conn_write(struct http_conn *c, struct bytes a, struct bytes b,
                       struct bytes e)
{
    size_t len = a.len + b.len + e.len;
    if (c->is_dead || len == 0)
        return;
    struct out_write *out = malloc(sizeof(*out) + len);
    if (!out) {
        uv_http_inside_kill(c);
        return;
    }
    struct writer w = writer_of(out->data, len);
    writer_bytes(&w, a);
    writer_bytes(&w, b);
    writer_bytes(&w, e);
    if (c->kind == HTTP_CONN_PIPE) {
        c->pipe.write(c->pipe.ctx, writer_done(&w));
        free(out);
        return;
    }
    if (uv_stream_get_write_queue_size(&c->handle.stream) == 0)
        c->progress_ms = uv_now(c->http->loop);
    out->conn = c;
    uv_buf_t buf = uv_buf_init((char *)out->data, (unsigned)len);
    if (uv_write(&out->request, &c->handle.stream, &buf, 1, on_written) < 0) {
        free(out);
        uv_http_inside_kill(c);
    }
}

/* Only where nothing of an answer was sent yet. */
static void conn_refuse(struct http_conn *c, int status)
{
    char head[HTTP_HEAD_OUT_MAX];
    struct writer w = writer_of(head, sizeof(head));
    const char *text = http_status_text(status);
    c->http->metrics->http_refused++;
    http_answer_write(&(struct http_answer){.status = status,
                                            .type = "text/plain",
                                            .body_len = strlen(text)},
                      &w);
    conn_write(c, writer_done(&w), bytes_of_text(text), (struct bytes){0});
    conn_finish(c);
}

/* ---- reading ---- */

static void open_exchange(struct http_conn *c)
{
    c->http->metrics->http_requests++;
    c->exchange = (struct uv_http_exchange){.conn = c, .is_open = true};
    c->http->handler(c->http->ctx, &c->exchange);
}

static void arm_deadline(struct http_conn *c)
{
    uint64_t now_ms = uv_now(c->http->loop);
    enum http_phase phase = http_parser_is_idle(c->parser)      ? HTTP_PHASE_IDLE
                            : http_parser_is_in_body(c->parser) ? HTTP_PHASE_BODY
                                                                : HTTP_PHASE_HEAD;
    if (phase == c->phase && phase != HTTP_PHASE_IDLE)
        return; /* a slow drip does not move the deadline */
    static const uint64_t limits[] = {
        [HTTP_PHASE_IDLE] = HTTP_IDLE_MS,
        [HTTP_PHASE_HEAD] = HTTP_HEAD_MS,
        [HTTP_PHASE_BODY] = HTTP_BODY_MS,
    };
    c->phase = phase;
    c->deadline_ms = now_ms + limits[phase];
}

static void wait_drop(struct http_conn *c, size_t n)
{
    c->n_waiting -= n;
    memmove(c->waiting, c->waiting + n, c->n_waiting);
}

/* Parse what waits until a request is open or more bytes are needed.  Not re-entered: an
 * answer given inside the handler returns here and the loop goes on. */
static void conn_feed(struct http_conn *c)
{
    if (c->is_feeding)
        return;
    c->is_feeding = true;
    enum http_event event = HTTP_EVENT_DONE;
    while (event != HTTP_EVENT_MORE && !c->is_dead && !c->is_finishing &&
           !c->exchange.is_open) {
        size_t used;
        event =
            http_parser_feed(c->parser, (struct bytes){c->waiting, c->n_waiting}, &used);
        wait_drop(c, used);
        if (event == HTTP_EVENT_REFUSED)
            conn_refuse(c, http_parser_status(c->parser));
        else if (event == HTTP_EVENT_DONE)
            open_exchange(c);
        else if (event == HTTP_EVENT_MORE)
            arm_deadline(c);
        else if (http_parser_request(c->parser)->expects_continue && c->n_waiting == 0)
            conn_write(c, bytes_of_text(HTTP_CONTINUE), (struct bytes){0},
                       (struct bytes){0});
    }
    c->is_feeding = false;
    if (c->has_ended && !c->exchange.is_open)
        conn_finish(c);
    else if (c->is_paused && c->n_waiting < HTTP_WAITING_MAX && !c->is_dead)
        uv_http_inside_read(c);
}

static bool wait_add(struct http_conn *c, struct bytes in)
{
    if (c->n_waiting + in.len > c->waiting_cap) {
        size_t cap = c->n_waiting + in.len + HTTP_READ_LEN;
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

void uv_http_inside_data(struct http_conn *c, struct bytes in)
{
    if (c->is_dead || c->is_finishing)
        return; /* lingering: read and thrown away */
    conn_hold(c);
    /* A pipe cannot be paused; it ends where a socket would long have been held back. */
    bool is_flood = c->kind == HTTP_CONN_PIPE && c->n_waiting > HTTP_PIPE_WAITING_MAX;
    if (is_flood || !wait_add(c, in))
        uv_http_inside_kill(c);
    else
        conn_feed(c);
    if (c->exchange.is_open && c->n_waiting >= HTTP_WAITING_MAX && !c->is_dead)
        uv_http_inside_pause(c);
    conn_release(c);
}

/* The client sends no more.  It may still read the answer it waits for; a stream has no
 * end to wait for, so there it is taken as goodbye. */
void uv_http_inside_ended(struct http_conn *c)
{
    c->has_ended = true;
    if (c->exchange.is_open && !c->exchange.is_streaming)
        return;
    if (c->is_finishing || c->exchange.is_open)
        uv_http_inside_kill(c);
    else
        conn_finish(c);
}

/* Called each second. */
void uv_http_inside_check(struct http_conn *c, uint64_t now_ms)
{
    if (c->is_dead)
        return;
    size_t queued = conn_queued(c);
    if (queued < c->last_queued || c->last_queued == 0)
        c->progress_ms = now_ms; /* a pipe has no other sign of it */
    c->last_queued = queued;
    if (queued > 0 && now_ms > c->progress_ms + HTTP_IDLE_MS) {
        uv_http_inside_kill(c); /* takes nothing of what we write */
        return;
    }
    if (c->exchange.is_open || queued > 0 || now_ms < c->deadline_ms)
        return;
    if (c->is_finishing || c->phase == HTTP_PHASE_IDLE)
        uv_http_inside_kill(c);
    else {
        conn_hold(c);
        conn_refuse(c, 408);
        conn_release(c);
    }
}

/* ---- answering ---- */

static void write_head(struct uv_http_exchange *x, int status, const char *type,
                       bool is_stream, struct bytes body)
{
    struct http_conn *c = x->conn;
    const struct http_request *r = http_parser_request(c->parser);
    uint8_t head[HTTP_HEAD_OUT_MAX];
    char date[32];
    struct writer w = writer_of(head, sizeof(head));
    x->keep_alive = r->keep_alive && !c->has_ended && !c->http->is_closing &&
                    !(is_stream && r->is_old);
    http_answer_write(
        &(struct http_answer){.status = status,
                              .type = type,
                              .headers = x->headers,
                              .n_headers = x->n_headers,
                              .date = http_date_text((int64_t)time(NULL), date),
                              .is_stream = is_stream,
                              .is_old = r->is_old,
                              .keep_alive = x->keep_alive,
                              .body_len = body.len},
        &w);
    if (writer_error(&w)) { /* headers that cannot be: the handler set too much */
        uv_http_inside_kill(c);
        return;
    }
    bool has_body = !r->is_head && status != 204 && status != 304;
    conn_write(c, writer_done(&w), has_body ? body : (struct bytes){0},
               (struct bytes){0});
}

static void close_exchange(struct uv_http_exchange *x)
{
    struct http_conn *c = x->conn;
    x->is_open = false;
    x->gone = NULL;
    if (c->is_dead)
        return;
    if (!x->keep_alive)
        conn_finish(c);
    http_parser_next(c->parser);
    if (!c->is_finishing)
        arm_deadline(c);
    conn_feed(c);
}

void uv_http_set_header(struct uv_http_exchange *x, const char *name, const char *value)
{
    size_t name_len = strlen(name) + 1, value_len = strlen(value) + 1;
    if (x->n_headers == HTTP_HEADERS_OUT_MAX ||
        x->text_len + name_len + value_len > sizeof(x->text))
        return; /* our own handlers set a few; past the bound a header is left out */
    char *name_copy = memcpy(x->text + x->text_len, name, name_len);
    char *value_copy = memcpy(x->text + x->text_len + name_len, value, value_len);
    x->text_len += name_len + value_len;
    x->headers[x->n_headers++] = (struct http_pair){name_copy, value_copy};
}

void uv_http_answer(struct uv_http_exchange *x, int status, const char *type,
                    struct bytes body)
{
    struct http_conn *c = x->conn;
    conn_hold(c);
    write_head(x, status, type, false, body);
    close_exchange(x);
    conn_release(c);
}

void uv_http_start(struct uv_http_exchange *x, int status, const char *type)
{
    conn_hold(x->conn);
    x->is_streaming = true;
    write_head(x, status, type, true, (struct bytes){0});
    conn_release(x->conn);
}

void uv_http_write(struct uv_http_exchange *x, struct bytes data)
{
    struct http_conn *c = x->conn;
    const struct http_request *r = http_parser_request(c->parser);
    if (c->is_dead || data.len == 0 || r->is_head)
        return;
    if (conn_queued(c) + data.len > HTTP_STREAM_QUEUE_MAX) {
        c->http->metrics->drop_bound++;
        uv_http_inside_kill(c); /* reads too slowly for what it asked for */
        return;
    }
    char size[24];
    struct writer w = writer_of(size, sizeof(size));
    if (!r->is_old)
        http_chunk_write(data.len, &w);
    conn_write(c, writer_done(&w), data, bytes_of_text(r->is_old ? "" : "\r\n"));
}

size_t uv_http_queued(const struct uv_http_exchange *x)
{
    return conn_queued(x->conn);
}

void uv_http_end(struct uv_http_exchange *x)
{
    struct http_conn *c = x->conn;
    const struct http_request *r = http_parser_request(c->parser);
    conn_hold(c);
    if (!r->is_head && !r->is_old)
        conn_write(c, bytes_of_text(HTTP_LAST_CHUNK), (struct bytes){0},
                   (struct bytes){0});
    close_exchange(x);
    conn_release(c);
}

void uv_http_on_gone(struct uv_http_exchange *x, void (*gone)(void *ctx), void *ctx)
{
    x->gone = gone;
    x->gone_ctx = ctx;
}

/* ---- the request ---- */

const char *uv_http_method(const struct uv_http_exchange *x)
{
    return http_parser_request(x->conn->parser)->method;
}

const char *uv_http_path(const struct uv_http_exchange *x)
{
    return http_parser_request(x->conn->parser)->path;
}

const char *uv_http_target(const struct uv_http_exchange *x)
{
    return http_parser_request(x->conn->parser)->target;
}

const char *uv_http_query(const struct uv_http_exchange *x, const char *name)
{
    return http_request_param(http_parser_request(x->conn->parser), name);
}

const char *uv_http_header(const struct uv_http_exchange *x, const char *name)
{
    return http_request_header(http_parser_request(x->conn->parser), name);
}

struct bytes uv_http_body(const struct uv_http_exchange *x)
{
    return http_parser_request(x->conn->parser)->body;
}

bool uv_http_is_tcp(const struct uv_http_exchange *x)
{
    return x->conn->kind == HTTP_CONN_TCP;
}
