/* The HTTP/1.1 server (llhttp on libuv): unix socket, TCP, and byte pipes of sealed
 * streams. Bounded headers, bodies, idle time and connections; pipelining is answered in
 * order. */
#ifndef NETSVC_UV_HTTP_H
#define NETSVC_UV_HTTP_H

#include <uv.h>

#include "core/bytes.h"
#include "core/err.h"
#include "core/ids.h"
#include "core/metrics.h"
#include "netsvc/http.h"

/* Connections of each kind of listener.  An idle one is half a KiB here, and what the
 * kernel has of it. */
enum { HTTP_CONNECTIONS_MAX = 4096 };

struct uv_http;          /* a server with its listeners */
struct uv_http_exchange; /* one request and its answer */

/* Called when the head of a request is read and allowed, before anything of its body is
 * read and before the client is told to send it ("100 Continue").  True lets the request
 * go on: `handle` is called when it is complete, with the same exchange and the headers
 * that were set here.  False says that it was refused: the gate has answered with
 * uv_http_answer.  A body that was announced is then never taken: the connection ends
 * after the answer, read past for a moment so that a client which still sends gets the
 * answer and not a reset. */
typedef bool (*uv_http_gate)(void *ctx, struct uv_http_exchange *x);
/* Called when a request that passed the gate is complete.  The handler must answer, now
 * or later, exactly once (uv_http_answer, or _start ... _end).  If the client goes away
 * first, `gone` (if set) is called and the exchange must not be used afterwards. */
typedef void (*uv_http_handler)(void *ctx, struct uv_http_exchange *x);

struct uv_http_handlers {
    uv_http_gate gate;
    uv_http_handler handle;
    /* Many connections have left, and what they needed is free.  May be NULL. */
    void (*shrunk)(void *ctx);
};

int uv_http_open(uv_loop_t *loop, const struct uv_http_handlers *handlers, void *ctx,
                 struct metrics *metrics, struct uv_http **ret_http, struct err *err);
/* How many connections each kind of listener may have, at least 4; to be said before it
 * listens, else HTTP_CONNECTIONS_MAX. */
void uv_http_limit(struct uv_http *h, size_t n_connections);
int uv_http_listen_unix(struct uv_http *h, const char *path,
                        struct err *err); /* 0660; stale sockets replaced */
/* *bind is told the port that was chosen for port 0.  May be tried again when it fails. */
int uv_http_listen_tcp(struct uv_http *h, struct endpoint *bind, struct err *err);
/* Closes all; open exchanges with `gone` hear it.  Frees itself in the last close
 * callback, and not before exchanges without `gone` are answered. */
void uv_http_close(struct uv_http *h);

/* Serve a connection that is no socket of ours: bytes in by uv_http_pipe_data, bytes out
 * through `write`; `finish` asks the owner to close once all is written.  The owner
 * answers it, and every other end of the transport, with uv_http_pipe_closed, later or at
 * once; a server that closes finishes its pipes too.  NULL at the connection limit. */
struct uv_http_pipe;
struct uv_http_pipe *uv_http_pipe_new(struct uv_http *h,
                                      void (*write)(void *ctx, struct bytes out),
                                      void (*finish)(void *ctx), void *ctx);
/* How uv_http_queued learns what the owner has not yet sent. */
void uv_http_pipe_watch(struct uv_http_pipe *p, size_t (*queued)(void *ctx));
void uv_http_pipe_data(struct uv_http_pipe *p, struct bytes in);
void uv_http_pipe_closed(struct uv_http_pipe *p); /* frees it */

/* ---- the request: until it is answered, texts included ---- */
enum uv_http_kind {
    UV_HTTP_UNIX,
    UV_HTTP_TCP,
    UV_HTTP_SEALED /* a pipe: another node of the cluster */
};
enum uv_http_kind uv_http_kind(const struct uv_http_exchange *x);
/* The connection's socket, to ask who is at its other end; -1 for a sealed stream. */
int uv_http_fd(const struct uv_http_exchange *x);
const char *uv_http_method(const struct uv_http_exchange *x); /* "GET" */
const char *uv_http_path(const struct uv_http_exchange *x);   /* decoded, without query */
/* The path as sent, without query: routes are found in its segments, and each is decoded
 * afterwards (http_decode), so that "a%2Fb" is one. */
const char *uv_http_raw_path(const struct uv_http_exchange *x);
const char *uv_http_target(const struct uv_http_exchange *x); /* as sent */
/* Whom the client means to talk to: the authority of an absolute target, which overrules
 * Host (RFC 9112, 3.2.2), else Host; NULL when an HTTP/1.0 client named nobody. */
const char *uv_http_authority(const struct uv_http_exchange *x);
const char *uv_http_query(const struct uv_http_exchange *x,
                          const char *name); /* decoded; NULL if absent */
/* All of the query, decoded, in order; returns how many. */
size_t uv_http_params(const struct uv_http_exchange *x, const struct http_pair **ret);
const char *uv_http_header(const struct uv_http_exchange *x,
                           const char *name);                /* NULL if absent */
bool uv_http_has_body(const struct uv_http_exchange *x);     /* the head announces one */
struct bytes uv_http_body(const struct uv_http_exchange *x); /* empty in the gate */
bool uv_http_is_tcp(
    const struct uv_http_exchange *x); /* else the unix socket, or a pipe */
/* In the gate: whoever asks has shown a right to be here, and is no stranger whose share
 * of the loop's time is counted. */
void uv_http_set_trusted(struct uv_http_exchange *x);

/* A word that lives as long as the connection, 0 at first, for what the handler knows of it. */
unsigned *uv_http_note(struct uv_http_exchange *x);

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
