/* Exchanges: what the gate and the handlers see of a request, and how they answer it.
 * See uv_http.h; what happens on the connection below is in uv_http_read.c and
 * uv_http_conn.c. */
#include "netsvc/uv_http.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/err.h"
#include "netsvc/uv_http_inside.h"

/* ---- answering ---- */

static void write_head(struct uv_http_exchange *x, int status, const char *type,
                       bool is_stream, struct bytes body)
{
    struct http_conn *c = x->conn;
    const struct http_request *r = http_parser_request(c->parser);
    uint8_t head[HTTP_HEAD_OUT_MAX];
    char date[32];
    struct writer w = writer_of(head, sizeof(head));
    bool is_read = !r->has_body || !http_parser_is_in_body(c->parser);
    bool is_last = c->has_ended && c->n_waiting == 0;
    x->keep_alive = r->keep_alive && !is_last && !c->http->is_closing &&
                    !(is_stream && r->is_old) && is_read;
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
        uv_http_conn_kill(c);
        return;
    }
    bool has_body = !r->is_head && status != 204 && status != 304;
    uv_http_conn_write(c, writer_done(&w), has_body ? body : (struct bytes){0},
                       (struct bytes){0});
}

static void close_exchange(struct uv_http_exchange *x)
{
    struct http_conn *c = x->conn;
    x->is_open = false;
    x->gone = NULL;
    crowd_set_busy(uv_http_conn_crowd(c), &c->place, false);
    if (c->is_dead)
        return;
    if (!x->keep_alive)
        uv_http_conn_finish(c);
    http_parser_next(c->parser);
    if (!c->is_finishing)
        uv_http_conn_arm(c);
    uv_http_read_wake(c);
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
    uv_http_conn_hold(c);
    write_head(x, status, type, false, body);
    close_exchange(x);
    uv_http_conn_release(c);
}

void uv_http_start(struct uv_http_exchange *x, int status, const char *type)
{
    uv_http_conn_hold(x->conn);
    x->is_streaming = true;
    write_head(x, status, type, true, (struct bytes){0});
    uv_http_conn_release(x->conn);
}

void uv_http_write(struct uv_http_exchange *x, struct bytes data)
{
    struct http_conn *c = x->conn;
    const struct http_request *r = http_parser_request(c->parser);
    if (c->is_dead || data.len == 0 || r->is_head)
        return;
    if (uv_http_conn_queued(c) + data.len > HTTP_STREAM_QUEUE_MAX) {
        c->http->metrics->drop_bound++;
        uv_http_conn_kill(c); /* reads too slowly for what it asked for */
        return;
    }
    char size[24];
    struct writer w = writer_of(size, sizeof(size));
    if (!r->is_old)
        http_chunk_write(data.len, &w);
    uv_http_conn_write(c, writer_done(&w), data, bytes_of_text(r->is_old ? "" : "\r\n"));
}

size_t uv_http_queued(const struct uv_http_exchange *x)
{
    return uv_http_conn_queued(x->conn);
}

void uv_http_end(struct uv_http_exchange *x)
{
    struct http_conn *c = x->conn;
    const struct http_request *r = http_parser_request(c->parser);
    uv_http_conn_hold(c);
    if (!r->is_head && !r->is_old)
        uv_http_conn_write(c, bytes_of_text(HTTP_LAST_CHUNK), (struct bytes){0},
                           (struct bytes){0});
    close_exchange(x);
    uv_http_conn_release(c);
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

const char *uv_http_raw_path(const struct uv_http_exchange *x)
{
    return http_parser_request(x->conn->parser)->raw_path;
}

const char *uv_http_authority(const struct uv_http_exchange *x)
{
    return http_parser_request(x->conn->parser)->authority;
}

const char *uv_http_target(const struct uv_http_exchange *x)
{
    return http_parser_request(x->conn->parser)->target;
}

const char *uv_http_query(const struct uv_http_exchange *x, const char *name)
{
    return http_request_param(http_parser_request(x->conn->parser), name);
}

size_t uv_http_params(const struct uv_http_exchange *x, const struct http_pair **ret)
{
    const struct http_request *r = http_parser_request(x->conn->parser);
    *ret = r->params;
    return r->n_params;
}

const char *uv_http_header(const struct uv_http_exchange *x, const char *name)
{
    return http_request_header(http_parser_request(x->conn->parser), name);
}

bool uv_http_has_body(const struct uv_http_exchange *x)
{
    return http_parser_request(x->conn->parser)->has_body;
}

struct bytes uv_http_body(const struct uv_http_exchange *x)
{
    return http_parser_request(x->conn->parser)->body;
}

unsigned *uv_http_note(struct uv_http_exchange *x)
{
    return &x->conn->note;
}

bool uv_http_is_tcp(const struct uv_http_exchange *x)
{
    return x->conn->kind == UV_HTTP_TCP;
}

enum uv_http_kind uv_http_kind(const struct uv_http_exchange *x)
{
    return x->conn->kind;
}

int uv_http_fd(const struct uv_http_exchange *x)
{
    uv_os_fd_t fd;
    if (x->conn->kind == UV_HTTP_SEALED || uv_fileno(&x->conn->handle.any, &fd) < 0)
        return -1;
    return fd;
}

void uv_http_set_trusted(struct uv_http_exchange *x)
{
    x->conn->is_trusted = true;
}
