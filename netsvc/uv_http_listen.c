/* The HTTP server: its listeners, the second hand that finds the slow ones, and pipes.
 * Connections themselves are in uv_http_conn.c, their list in uv_http_server.c.
 *
 * The server is freed when it was closed and the last handle and connection are gone. */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/err.h"
#include "core/hash.h"
#include "netsvc/uv_http_inside.h"

enum {
    SHRUNK_LEAST = 64,     /* connections: fewer leave nothing behind that matters */
    SWEEPS_A_SECOND = 256, /* of sources that are gone, a few each */
};

struct uv_http_pipe {
    struct http_conn conn; /* the first member: one allocation, freed as a connection */
};

/* ---- the list ---- */

/* Sources that hold no place are forgotten as soon as they owe no time. */
static bool sweep(struct uv_http *h)
{
    bool is_clean = true;
    for (size_t i = 0; i < 2; i++) {
        for (size_t n = 0; n < SWEEPS_A_SECOND && h->crowds[i].empty_oldest; n++)
            crowd_sweep(&h->crowds[i], uv_hrtime());
        is_clean = is_clean && !h->crowds[i].empty_oldest;
    }
    return is_clean;
}

/* Many are gone: what they needed is free, and the owner may want to give it back. */
static void tell_shrunk(struct uv_http *h)
{
    if (h->n_connections > h->most_connections)
        h->most_connections = h->n_connections;
    if (h->most_connections < SHRUNK_LEAST || h->n_connections > h->most_connections / 2)
        return;
    h->most_connections = h->n_connections;
    if (h->handlers.shrunk)
        h->handlers.shrunk(h->ctx);
}

static void on_second(uv_timer_t *timer)
{
    struct uv_http *h = timer->data;
    struct http_conn *next;
    for (struct http_conn *c = h->connections; c; c = next) {
        next = c->next;
        uv_http_conn_check(c, uv_now(h->loop));
    }
    h->metrics->http_held_back = h->turns.queue.n_waits;
    bool is_clean = sweep(h);
    tell_shrunk(h);
    if (is_clean && !h->connections)
        (void)uv_timer_stop(timer);
}

static void list_add(struct http_conn *c)
{
    struct uv_http *h = c->http;
    if (!h->is_closing && !uv_is_active((uv_handle_t *)&h->second))
        (void)uv_timer_start(&h->second, on_second, 1000, 1000);
    c->next = h->connections;
    if (c->next)
        c->next->previous = c;
    h->connections = c;
    h->n_connections++;
    h->n_pipes += c->kind == UV_HTTP_SEALED;
}

/* ---- listeners ---- */

static void on_accepted(void *ctx, int fd, struct crowd_source *source)
{
    struct http_listener *l = ctx;
    struct uv_http *h = l->http;
    struct http_conn *c = uv_http_conn_new(h, l->kind);
    if (!c) {
        (void)close(fd); /* out of memory */
        return;
    }
    if (l->kind == UV_HTTP_UNIX)
        (void)uv_pipe_init(h->loop, &c->handle.pipe, 0); /* cannot fail on unix */
    else
        (void)uv_tcp_init(h->loop, &c->handle.tcp);
    c->handle.any.data = c;
    list_add(c);
    int status = l->kind == UV_HTTP_UNIX ? uv_pipe_open(&c->handle.pipe, fd)
                                         : uv_tcp_open(&c->handle.tcp, fd);
    if (status < 0) {
        (void)close(fd);
        uv_http_conn_kill(c);
        return;
    }
    if (l->kind == UV_HTTP_UNIX)
        source->turns.budget = NULL; /* whoever may use the socket is no stranger */
    else
        (void)uv_tcp_nodelay(&c->handle.tcp, 1);
    crowd_enter(uv_http_conn_crowd(c), source, &c->place);
    uv_http_read_start(c);
}

static void on_evict(void *ctx, struct crowd_member *m)
{
    struct http_listener *l = ctx;
    l->http->metrics->connections_evicted++;
    uv_http_conn_kill(
        (struct http_conn *)((char *)m - offsetof(struct http_conn, place)));
}

static void on_listener_closed(void *ctx)
{
    struct http_listener *l = ctx;
    struct uv_http *h = l->http;
    free(l);
    h->n_open--;
    uv_http_server_maybe_free(h);
}

/* One with everything but its socket. */
static struct http_listener *listener_new(struct uv_http *h, enum uv_http_kind kind,
                                          struct uv_listener_events *ret)
{
    struct http_listener *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    *l = (struct http_listener){.http = h, .kind = kind};
    *ret = (struct uv_listener_events){.accepted = on_accepted,
                                       .evict = on_evict,
                                       .closed = on_listener_closed,
                                       .crowd = &h->crowds[kind == UV_HTTP_TCP],
                                       .peer = &h->peer,
                                       .ctx = l};
    return l;
}

static int listener_keep(struct http_listener *l, int status, const char *what,
                         struct err *err)
{
    if (status < 0) {
        free(l);
        return err_set(err, status, "%s: %s", what, err_text(status));
    }
    l->next = l->http->listeners;
    l->http->listeners = l;
    l->http->n_open++;
    return 0;
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
    struct uv_listener_events events;
    struct http_listener *l = listener_new(h, UV_HTTP_UNIX, &events);
    if (!l)
        return err_set(err, -ENOMEM, "%s: %s", path, err_text(-ENOMEM));
    status = uv_listener_unix(h->loop, path, &events, &l->listener);
    return listener_keep(l, status, path, err);
}

int uv_http_listen_tcp(struct uv_http *h, struct endpoint *bind, struct err *err)
{
    char text[ADDRESS_TEXT_MAX];
    struct uv_listener_events events;
    struct http_listener *l = listener_new(h, UV_HTTP_TCP, &events);
    if (!l)
        return err_set(err, -ENOMEM, "http: %s", err_text(-ENOMEM));
    int status = uv_listener_tcp(h->loop, bind, &events, &l->listener);
    return listener_keep(l, status, endpoint_text(bind, text), err);
}

/* ---- the server ---- */

void uv_http_limit(struct uv_http *h, size_t n_connections)
{
    assert(!h->listeners);
    for (size_t i = 0; i < 2; i++)
        crowd_init(&h->crowds[i], n_connections, hash_mix(uv_hrtime(), i));
}

int uv_http_open(uv_loop_t *loop, const struct uv_http_handlers *handlers, void *ctx,
                 struct metrics *metrics, struct uv_http **ret_http, struct err *err)
{
    struct uv_http *h = calloc(1, sizeof(*h));
    if (!h)
        return err_set(err, -ENOMEM, "http: %s", err_text(-ENOMEM));
    uv_http_limit(h, HTTP_CONNECTIONS_MAX);
    h->loop = loop;
    h->handlers = *handlers;
    h->ctx = ctx;
    h->metrics = metrics;
    h->read_start = uv_http_read_start;
    h->read_wake = uv_http_read_wake;
    uv_peer_open(&h->peer);
    uv_turns_init(loop, &h->turns, uv_http_read_serve, h);
    (void)uv_timer_init(loop, &h->second); /* cannot fail */
    h->second.data = h;
    h->n_open = 2;
    (void)signal(SIGPIPE, SIG_IGN); /* a client that hangs up must not end the agent */
    *ret_http = h;
    return 0;
}

static void on_turns_closed(void *ctx)
{
    struct uv_http *h = ctx;
    h->n_open--;
    uv_http_server_maybe_free(h);
}

static void on_second_closed(uv_handle_t *handle)
{
    on_turns_closed(handle->data);
}

void uv_http_close(struct uv_http *h)
{
    if (!h || h->is_closing)
        return;
    h->is_closing = true;
    while (h->listeners) {
        struct http_listener *l = h->listeners;
        h->listeners = l->next;
        uv_listener_close(l->listener);
    }
    struct http_conn *next;
    for (struct http_conn *c = h->connections; c; c = next) {
        next = c->next;
        uv_http_conn_kill(c);
    }
    uv_close((uv_handle_t *)&h->second, on_second_closed);
    uv_turns_close(&h->turns, on_turns_closed);
}

/* ---- pipes ---- */

struct uv_http_pipe *uv_http_pipe_new(struct uv_http *h,
                                      void (*write)(void *ctx, struct bytes out),
                                      void (*finish)(void *ctx), void *ctx)
{
    if (h->is_closing || h->n_pipes >= HTTP_PIPES_MAX) {
        h->metrics->http_refused++;
        return NULL;
    }
    struct http_conn *c = uv_http_conn_new(h, UV_HTTP_SEALED);
    if (!c)
        return NULL;
    c->handle.sealed.write = write;
    c->handle.sealed.finish = finish;
    c->handle.sealed.ctx = ctx;
    list_add(c);
    return (struct uv_http_pipe *)c;
}

void uv_http_pipe_watch(struct uv_http_pipe *p, size_t (*queued)(void *ctx))
{
    p->conn.handle.sealed.queued = queued;
}

void uv_http_pipe_data(struct uv_http_pipe *p, struct bytes in)
{
    uv_http_read_data(&p->conn, in);
}

void uv_http_pipe_closed(struct uv_http_pipe *p)
{
    uv_http_conn_gone(&p->conn);
}
