/* The HTTP server: its listeners, the list of connections, the second hand that finds the
 * slow ones, and pipes.  Connections themselves are in uv_http.c.
 *
 * The server is freed when it was closed and the last handle and connection are gone. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/err.h"
#include "netsvc/uv_http_inside.h"

struct uv_http_pipe {
    struct http_conn conn; /* the first member: one allocation, freed as a connection */
};

/* ---- the list ---- */

static void on_second(uv_timer_t *timer)
{
    struct uv_http *h = timer->data;
    struct http_conn *next;
    for (struct http_conn *c = h->connections; c; c = next) {
        next = c->next;
        uv_http_inside_check(c, uv_now(h->loop));
    }
}

static void list_add(struct http_conn *c)
{
    struct uv_http *h = c->http;
    if (!h->connections && !h->is_closing)
        (void)uv_timer_start(&h->second, on_second, 1000, 1000);
    c->next = h->connections;
    if (c->next)
        c->next->previous = c;
    h->connections = c;
    c->is_listed = true;
    if (c->listener)
        c->listener->n_connections++;
    else
        h->n_pipes++;
}

void uv_http_inside_unlist(struct http_conn *c)
{
    struct uv_http *h = c->http;
    if (c->previous)
        c->previous->next = c->next;
    else
        h->connections = c->next;
    if (c->next)
        c->next->previous = c->previous;
    if (c->listener)
        c->listener->n_connections--;
    else
        h->n_pipes--;
    if (!h->connections && !h->is_closing)
        (void)uv_timer_stop(&h->second);
}

void uv_http_inside_maybe_free(struct uv_http *h)
{
    if (h->is_closing && h->n_open == 0 && !h->connections)
        free(h);
}

static struct http_conn *conn_new(struct uv_http *h, struct http_listener *listener,
                                  enum http_conn_kind kind)
{
    struct http_conn *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->http = h;
    c->listener = listener;
    c->kind = kind;
    c->deadline_ms = uv_now(h->loop) + HTTP_IDLE_MS;
    c->parser = http_parser_new();
    if (!c->parser) {
        free(c);
        return NULL;
    }
    return c;
}

/* ---- sockets ---- */

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    struct http_conn *c = handle->data;
    (void)hint;
    *buf = uv_buf_init(c->http->read_buf, sizeof(c->http->read_buf));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct http_conn *c = stream->data;
    if (n > 0) {
        uv_http_inside_data(c, (struct bytes){(const uint8_t *)buf->base, (size_t)n});
        return;
    }
    if (n == 0)
        return;
    if (n == UV_EOF)
        uv_http_inside_ended(c);
    else
        uv_http_inside_kill(c);
}

void uv_http_inside_read(struct http_conn *c)
{
    c->is_paused = false;
    if (c->kind != HTTP_CONN_PIPE &&
        uv_read_start(&c->handle.stream, on_alloc, on_read) < 0)
        uv_http_inside_kill(c);
}

void uv_http_inside_pause(struct http_conn *c)
{
    c->is_paused = true;
    if (c->kind != HTTP_CONN_PIPE)
        (void)uv_read_stop(&c->handle.stream);
}

static void on_refused_closed(uv_handle_t *handle)
{
    free(handle);
}

/* Over the limit: take the connection only to close it, or the backlog would hold it. */
static void refuse_one(struct http_listener *l)
{
    uv_tcp_t *tcp = NULL;
    uv_pipe_t *pipe = NULL;
    int status = -ENOMEM;
    if (l->kind == HTTP_CONN_UNIX && (pipe = malloc(sizeof(*pipe))))
        status = uv_pipe_init(l->http->loop, pipe, 0);
    else if (l->kind == HTTP_CONN_TCP && (tcp = malloc(sizeof(*tcp))))
        status = uv_tcp_init(l->http->loop, tcp);
    uv_stream_t *stream = pipe ? (uv_stream_t *)pipe : (uv_stream_t *)tcp;
    l->http->metrics->http_refused++;
    if (status < 0) {
        free(stream);
        return;
    }
    (void)uv_accept(&l->handle.stream, stream); /* closed either way */
    uv_close((uv_handle_t *)stream, on_refused_closed);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct http_listener *l = server->data;
    if (status < 0)
        return; /* out of descriptors, say: libuv tries again by itself */
    struct http_conn *c =
        l->n_connections < HTTP_CONNECTIONS_MAX ? conn_new(l->http, l, l->kind) : NULL;
    if (!c) {
        refuse_one(l);
        return;
    }
    if (l->kind == HTTP_CONN_UNIX)
        (void)uv_pipe_init(l->http->loop, &c->handle.pipe, 0); /* cannot fail on unix */
    else
        (void)uv_tcp_init(l->http->loop, &c->handle.tcp);
    c->handle.any.data = c;
    list_add(c);
    if (uv_accept(server, &c->handle.stream) < 0) {
        uv_http_inside_kill(c);
        return;
    }
    if (l->kind == HTTP_CONN_TCP)
        (void)uv_tcp_nodelay(&c->handle.tcp, 1);
    uv_http_inside_read(c);
}

/* ---- listeners ---- */

static void on_own_closed(uv_handle_t *handle)
{
    struct uv_http *h = handle->type == UV_TIMER
                            ? (struct uv_http *)handle->data
                            : ((struct http_listener *)handle->data)->http;
    h->n_open--;
    uv_http_inside_maybe_free(h);
}

static struct http_listener *listener_new(struct uv_http *h, enum http_conn_kind kind)
{
    if (h->n_listeners == HTTP_LISTENERS_MAX)
        return NULL;
    struct http_listener *l = &h->listeners[h->n_listeners++];
    *l = (struct http_listener){.http = h, .kind = kind};
    if (kind == HTTP_CONN_UNIX)
        (void)uv_pipe_init(h->loop, &l->handle.pipe, 0);
    else
        (void)uv_tcp_init(h->loop, &l->handle.tcp);
    l->handle.any.data = l;
    h->n_open++;
    return l;
}

/* The slot stays taken until the server goes; listening is tried a few times at most. */
static int listen_failed(struct http_listener *l, int status, const char *what,
                         struct err *err)
{
    uv_close(&l->handle.any, on_own_closed);
    return err_set(err, status, "%s: %s", what, err_text(status));
}

/* 0 when nobody holds `path`; a socket that nobody listens on is removed. */
static int clear_stale(const char *path, struct err *err)
{
    struct stat info;
    if (lstat(path, &info) < 0)
        return 0;
    if (!S_ISSOCK(info.st_mode))
        return err_set(err, -EEXIST, "%s is in the way and is no socket", path);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(err, -errno, "%s: %s", path, err_text(-errno));
    int status =
        connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
    close(fd);
    if (status != -ECONNREFUSED)
        return err_set(err, -EADDRINUSE, "%s: an agent listens there already", path);
    (void)unlink(path); /* a failure shows at bind */
    return 0;
}

int uv_http_listen_unix(struct uv_http *h, const char *path, struct err *err)
{
    if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return err_set(err, -ENAMETOOLONG, "%s: a socket's path has at most 107 bytes",
                       path);
    int status = clear_stale(path, err);
    if (status < 0)
        return status;
    struct http_listener *l = listener_new(h, HTTP_CONN_UNIX);
    if (!l)
        return err_set(err, ERR_BOUND, "too many listeners");
    mode_t mask = umask(0117); /* 0660 from its first moment */
    status = uv_pipe_bind(&l->handle.pipe, path);
    (void)umask(mask);
    if (status == 0)
        status = uv_listen(&l->handle.stream, 128, on_connection);
    return status < 0 ? listen_failed(l, status, path, err) : 0;
}

int uv_http_listen_tcp(struct uv_http *h, struct endpoint *bind, struct err *err)
{
    char text[ADDRESS_TEXT_MAX];
    struct sockaddr_storage address = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
    if (bind->family == 6) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(bind->port);
        memcpy(&v6->sin6_addr, bind->address, 16);
    } else {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(bind->port);
        memcpy(&v4->sin_addr, bind->address, 4);
    }
    struct http_listener *l = listener_new(h, HTTP_CONN_TCP);
    if (!l)
        return err_set(err, ERR_BOUND, "too many listeners");
    int len = sizeof(address);
    int status = uv_tcp_bind(&l->handle.tcp, (const struct sockaddr *)&address, 0);
    if (status == 0)
        status = uv_listen(&l->handle.stream, 128, on_connection);
    if (status == 0)
        status = uv_tcp_getsockname(&l->handle.tcp, (struct sockaddr *)&address, &len);
    if (status < 0)
        return listen_failed(l, status, endpoint_text(bind, text), err);
    bind->port = ntohs(bind->family == 6 ? v6->sin6_port : v4->sin_port);
    return 0;
}

/* ---- the server ---- */

int uv_http_open(uv_loop_t *loop, uv_http_handler handler, void *ctx,
                 struct metrics *metrics, struct uv_http **ret_http, struct err *err)
{
    struct uv_http *h = calloc(1, sizeof(*h));
    if (!h)
        return err_set(err, -ENOMEM, "http: %s", err_text(-ENOMEM));
    h->loop = loop;
    h->handler = handler;
    h->ctx = ctx;
    h->metrics = metrics;
    int status = uv_timer_init(loop, &h->second);
    if (status < 0) {
        free(h);
        return err_set(err, status, "http: %s", err_text(status));
    }
    h->second.data = h;
    h->n_open = 1;
    (void)signal(SIGPIPE, SIG_IGN); /* a client that hangs up must not end the agent */
    *ret_http = h;
    return 0;
}

void uv_http_close(struct uv_http *h)
{
    if (!h || h->is_closing)
        return;
    h->is_closing = true;
    uv_close((uv_handle_t *)&h->second, on_own_closed);
    for (size_t i = 0; i < h->n_listeners; i++)
        if (!uv_is_closing(&h->listeners[i].handle.any))
            uv_close(&h->listeners[i].handle.any, on_own_closed);
    struct http_conn *next;
    for (struct http_conn *c = h->connections; c; c = next) {
        next = c->next;
        uv_http_inside_kill(c);
    }
}

/* ---- pipes ---- */

struct uv_http_pipe *uv_http_pipe_new(struct uv_http *h,
                                      void (*write)(void *ctx, struct bytes out),
                                      void (*finish)(void *ctx), void *ctx)
{
    if (h->is_closing || h->n_pipes >= HTTP_CONNECTIONS_MAX) {
        h->metrics->http_refused++;
        return NULL;
    }
    struct http_conn *c = conn_new(h, NULL, HTTP_CONN_PIPE);
    if (!c)
        return NULL;
    c->pipe.write = write;
    c->pipe.finish = finish;
    c->pipe.ctx = ctx;
    list_add(c);
    return (struct uv_http_pipe *)c;
}

void uv_http_pipe_watch(struct uv_http_pipe *p, size_t (*queued)(void *ctx))
{
    p->conn.pipe.queued = queued;
}

void uv_http_pipe_data(struct uv_http_pipe *p, struct bytes in)
{
    uv_http_inside_data(&p->conn, in);
}

void uv_http_pipe_closed(struct uv_http_pipe *p)
{
    uv_http_inside_gone(&p->conn);
}
