/* The HTTP/1.1 server (llhttp on libuv): unix socket, TCP, and byte pipes of sealed streams.
 * Bounded headers, bodies, idle time and connections; pipelining is answered in order. */
#ifndef NETSVC_UV_HTTP_H
#define NETSVC_UV_HTTP_H

#include <uv.h>

#include "core/bytes.h"
#include "core/err.h"
#include "core/ids.h"
#include "core/metrics.h"

struct uv_http;          /* a server with its listeners */
struct uv_http_exchange; /* one request and its answer */

/* Called when a request is complete.  The handler must answer, now or later, exactly once
 * (uv_http_answer, or _start ... _end).  If the client goes away first, `gone` (if set) is called
 * and the exchange must not be used afterwards. */
typedef void (*uv_http_handler)(void *ctx, struct uv_http_exchange *x);

int uv_http_open(uv_loop_t *loop, uv_http_handler handler, void *ctx,
                 struct metrics *metrics, struct uv_http **ret_http, struct err *err);
int uv_http_listen_unix(struct uv_http *h, const char *path,
                        struct err *err); /* 0660; stale sockets replaced */
int uv_http_listen_tcp(struct uv_http *h, struct endpoint *bind, struct err *err);
/* Closes all; open exchanges with `gone` hear it.  Frees itself in the last close callback, and
 * not before exchanges without `gone` are answered. */
void uv_http_close(struct uv_http *h);

/* Serve a connection that is no socket of ours: bytes in by uv_http_pipe_data, bytes out through
 * `write`; `finish` asks the owner to close once all is written.  The owner answers it, and every
 * other end of the transport, with uv_http_pipe_closed, later or at once; a server that closes
 * finishes its pipes too.  NULL at the connection limit. */
struct uv_http_pipe;
struct uv_http_pipe *uv_http_pipe_new(struct uv_http *h,
                                      void (*write)(void *ctx, struct bytes out),
                                      void (*finish)(void *ctx), void *ctx);
/* How uv_http_queued learns what the owner has not yet sent. */
void uv_http_pipe_watch(struct uv_http_pipe *p, size_t (*queued)(void *ctx));
void uv_http_pipe_data(struct uv_http_pipe *p, struct bytes in);
void uv_http_pipe_closed(struct uv_http_pipe *p); /* frees it */

/* ---- the request ---- */
const char *uv_http_method(const struct uv_http_exchange *x); /* "GET" */
const char *uv_http_path(const struct uv_http_exchange *x);   /* decoded, without query */
const char *uv_http_target(const struct uv_http_exchange *x); /* as sent */
const char *uv_http_query(const struct uv_http_exchange *x,
                          const char *name); /* decoded; NULL if absent */
const char *uv_http_header(const struct uv_http_exchange *x,
                           const char *name); /* NULL if absent */
struct bytes uv_http_body(const struct uv_http_exchange *x);
bool uv_http_is_tcp(
    const struct uv_http_exchange *x); /* else the unix socket, or a pipe */

/* ---- the answer ---- */
void uv_http_set_header(struct uv_http_exchange *x, const char *name, const char *value);
void uv_http_answer(struct uv_http_exchange *x, int status, const char *type,
                    struct bytes body);
/* Streams (chunked): start, any number of writes, end. */
void uv_http_start(struct uv_http_exchange *x, int status, const char *type);
void uv_http_write(struct uv_http_exchange *x, struct bytes data);
size_t uv_http_queued(
    const struct uv_http_exchange *x); /* bytes the client has not taken: back-pressure */
void uv_http_end(struct uv_http_exchange *x);
void uv_http_on_gone(struct uv_http_exchange *x, void (*gone)(void *ctx), void *ctx);

#endif
