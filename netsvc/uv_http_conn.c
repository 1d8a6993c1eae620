/* The life of an HTTP connection: its memory, what is written to it, its deadlines, its
 * end.
 *
 * Between requests it keeps neither parser nor buffers.  Every failure ends in
 * uv_http_conn_kill; `gone` is called from the close callback, never from within a call
 * of the handler's. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/err.h"
#include "netsvc/uv_http_inside.h"

/* ---- memory ---- */

struct http_conn *uv_http_conn_new(struct uv_http *h, enum uv_http_kind kind)
{
    struct http_conn *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->http = h;
    c->kind = kind;
    c->deadline_ms = uv_now(h->loop) + HTTP_IDLE_MS;
    return c;
}

bool uv_http_conn_is_open(const struct http_conn *c)
{
    return c->exchange && c->exchange->is_open;
}

static void drop_exchange(struct http_conn *c)
{
    struct uv_http *h = c->http;
    if (h->spare_exchange || h->is_closing)
        free(c->exchange);
    else
        h->spare_exchange = c->exchange;
    c->exchange = NULL;
}

static void drop_parser(struct http_conn *c)
{
    if (c->parser)
        uv_http_server_spare(c->http, c->parser);
    c->parser = NULL;
}

/* What the state it is in does not need goes. */
static void tidy(struct http_conn *c)
{
    bool is_over = c->is_finishing || c->is_dead;
    if (uv_http_conn_is_open(c)) {
        uv_http_conn_account(c);
        return;
    }
    if (is_over)
        c->n_waiting = 0;
    if (c->n_waiting == 0 && c->waiting) {
        free(c->waiting);
        c->waiting = NULL;
        c->waiting_cap = 0;
    }
    /* With a body under way the gate has let the exchange pass, and the handler will get
     * it. */
    if (is_over || !c->parser || !http_parser_is_in_body(c->parser))
        drop_exchange(c);
    if (is_over || (c->parser && http_parser_is_idle(c->parser) && c->n_waiting == 0))
        drop_parser(c);
    uv_http_conn_account(c);
}

static void conn_free(struct http_conn *c)
{
    struct uv_http *h = c->http;
    uv_http_server_drop(c);
    drop_exchange(c);
    drop_parser(c);
    free(c->waiting);
    free(c);
    uv_http_server_maybe_free(h);
}

void uv_http_conn_hold(struct http_conn *c)
{
    c->depth++;
}

void uv_http_conn_release(struct http_conn *c)
{
    if (--c->depth > 0)
        return;
    if (c->is_gone && !uv_http_conn_is_open(c))
        conn_free(c);
    else
        tidy(c);
}

struct crowd *uv_http_conn_crowd(struct http_conn *c)
{
    return &c->http->crowds[c->kind == UV_HTTP_TCP];
}

void uv_http_conn_account(struct http_conn *c)
{
    struct crowd_source *source = c->place.source;
    if (!source)
        return;
    size_t held = c->waiting_cap + uv_http_conn_queued(c) +
                  (c->parser ? http_parser_held(c->parser) : 0);
    source->held_bytes += held - c->held_bytes;
    c->held_bytes = held;
    if (source->held_bytes <= HTTP_HELD_MAX || c->kind != UV_HTTP_TCP || c->is_trusted)
        return;
    c->http->metrics->drop_bound++;
    uv_http_conn_kill(c);
}

/* ---- the end ---- */

/* The transport is gone.  An open exchange whose handler did not ask for `gone` keeps the
 * memory until it is answered. */
void uv_http_conn_gone(struct http_conn *c)
{
    struct uv_http_exchange *x = c->exchange;
    uv_http_conn_hold(c);
    c->is_dead = c->is_gone = true;
    if (x && x->is_open && x->gone) {
        x->is_open = false;
        x->gone(x->gone_ctx);
    }
    uv_http_conn_release(c);
}

static void on_closed(uv_handle_t *handle)
{
    uv_http_conn_gone(handle->data);
}

void uv_http_conn_kill(struct http_conn *c)
{
    if (c->is_dead)
        return;
    c->is_dead = true;
    if (c->place.source)
        c->place.source->held_bytes -= c->held_bytes;
    uv_turns_drop(&c->http->turns, &c->turn);
    crowd_leave(uv_http_conn_crowd(c), &c->place);
    if (c->kind == UV_HTTP_SEALED)
        c->handle.sealed.finish(c->handle.sealed.ctx);
    else
        uv_close(&c->handle.any, on_closed);
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
    struct http_conn *c = request->handle->data;
    free(request);
    c->is_shut = true;
    if (status < 0 || c->has_ended)
        uv_http_conn_kill(c);
}

/* All is said: send what is queued, then wait a moment for the client to hang up. */
void uv_http_conn_finish(struct http_conn *c)
{
    if (c->is_dead || c->is_finishing)
        return;
    c->is_finishing = true;
    c->deadline_ms = uv_now(c->http->loop) + HTTP_LINGER_MS;
    if (c->kind == UV_HTTP_SEALED) {
        uv_http_conn_kill(c);
        return;
    }
    uv_shutdown_t *request = malloc(sizeof(*request));
    if (!request || uv_shutdown(request, &c->handle.stream, on_shutdown) < 0) {
        free(request);
        uv_http_conn_kill(c);
        return;
    }
    c->http->read_start(c); /* and thrown away */
}

/* ---- writing ---- */

size_t uv_http_conn_queued(const struct http_conn *c)
{
    if (c->is_dead)
        return 0;
    if (c->kind == UV_HTTP_SEALED)
        return c->handle.sealed.queued ? c->handle.sealed.queued(c->handle.sealed.ctx)
                                       : 0;
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
        uv_http_conn_kill(c);
        return;
    }
    c->progress_ms = uv_now(c->http->loop);
    uv_http_conn_account(c);
    c->http->read_wake(c); /* it may have been held back for what it did not take */
}

void uv_http_conn_write(struct http_conn *c, struct bytes a, struct bytes b,
                        struct bytes e)
{
    size_t len = a.len + b.len + e.len;
    if (c->is_dead || len == 0)
        return;
    struct out_write *out = malloc(sizeof(*out) + len);
    if (!out) {
        uv_http_conn_kill(c);
        return;
    }
    struct writer w = writer_of(out->data, len);
    writer_bytes(&w, a);
    writer_bytes(&w, b);
    writer_bytes(&w, e);
    if (c->kind == UV_HTTP_SEALED) {
        c->handle.sealed.write(c->handle.sealed.ctx, writer_done(&w));
        free(out);
        return;
    }
    if (uv_stream_get_write_queue_size(&c->handle.stream) == 0)
        c->progress_ms = uv_now(c->http->loop);
    out->conn = c;
    uv_buf_t buf = uv_buf_init((char *)out->data, (unsigned)len);
    if (uv_write(&out->request, &c->handle.stream, &buf, 1, on_written) < 0) {
        free(out);
        uv_http_conn_kill(c);
    }
}

/* Only where nothing of an answer was sent yet. */
void uv_http_conn_refuse(struct http_conn *c, int status, const char *why)
{
    char head[HTTP_HEAD_OUT_MAX], body[HTTP_WHY_MAX], date[32];
    struct writer w = writer_of(head, sizeof(head)), b = writer_of(body, sizeof(body));
    bool is_head = c->parser && http_parser_request(c->parser)->is_head;
    c->http->metrics->http_refused++;
    http_error_write(status, why, &b);
    http_answer_write(
        &(struct http_answer){.status = status,
                              .type = "application/json",
                              .date = http_date_text((int64_t)time(NULL), date),
                              .body_len = b.len},
        &w);
    uv_http_conn_write(c, writer_done(&w), is_head ? (struct bytes){0} : writer_done(&b),
                       (struct bytes){0});
    uv_http_conn_finish(c);
}

/* ---- deadlines ---- */

void uv_http_conn_arm(struct http_conn *c)
{
    bool is_idle = !c->parser || http_parser_is_idle(c->parser);
    enum http_phase phase = is_idle                             ? HTTP_PHASE_IDLE
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
    c->deadline_ms = uv_now(c->http->loop) + limits[phase];
}

void uv_http_conn_check(struct http_conn *c, uint64_t now_ms)
{
    if (c->is_dead)
        return;
    size_t queued = uv_http_conn_queued(c);
    if (queued < c->last_queued || c->last_queued == 0)
        c->progress_ms = now_ms; /* a pipe has no other sign of it */
    c->last_queued = queued;
    if (queued > 0 && now_ms > c->progress_ms + HTTP_IDLE_MS) {
        uv_http_conn_kill(c); /* takes nothing of what we write */
        return;
    }
    bool is_held_back = c->turn.group && !c->is_finishing; /* by us */
    if (uv_http_conn_is_open(c) || queued > 0 || is_held_back || now_ms < c->deadline_ms)
        return;
    if (c->is_finishing || c->phase == HTTP_PHASE_IDLE) {
        uv_http_conn_kill(c);
        return;
    }
    uv_http_conn_hold(c);
    uv_http_conn_refuse(c, 408,
                        "the request did not come to its end in time: send it again");
    uv_http_conn_release(c);
}
