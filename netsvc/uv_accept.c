/* See uv_accept.h.  The usual path: the socket is readable -> accept -> who is it -> is
 * there a place, or who goes -> `accepted`.  What can fail: a newcomer that is gone
 * already (nothing happens), no descriptor or memory left (whoever is idle the longest
 * goes; if that does not help the socket is left alone for a moment, and newcomers wait
 * in the kernel's queue). */
#include "netsvc/uv_accept.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    ACCEPT_MAX = 32, /* a round of the loop: 32 times some 40 us */
    BACKLOG = 1024,  /* who connects while the loop does something else waits here */
    PAUSE_MS = 100,  /* when there is no descriptor to be had */
};

struct uv_listener {
    uv_poll_t poll;
    uv_timer_t pause;
    int fd;
    size_t n_open;
    struct uv_listener_events events;
    struct sockaddr_un path; /* of a unix socket; else family 0 */
    struct stat made;        /* the socket's file, as it was made */
};

static void on_readable(uv_poll_t *poll, int status, int events);

static void resume(uv_timer_t *timer)
{
    struct uv_listener *l = timer->data;
    (void)uv_poll_start(&l->poll, UV_READABLE, on_readable);
}

/* Whoever goes, one descriptor is free then. */
static bool evict_one(struct uv_listener *l)
{
    struct crowd_member *m = crowd_spare(l->events.crowd);
    if (m)
        l->events.evict(l->events.ctx, m);
    return m != NULL;
}

static void take(struct uv_listener *l, int fd)
{
    struct crowd *crowd = l->events.crowd;
    struct crowd_source *source =
        crowd_source(crowd, uv_peer_source(l->events.peer, fd), uv_hrtime());
    if (!source) {
        (void)close(fd); /* out of memory */
        return;
    }
    for (struct crowd_member *m; (m = crowd_who_goes(crowd, source)) != NULL;)
        l->events.evict(l->events.ctx, m);
    l->events.accepted(l->events.ctx, fd, source);
}

/* Out of descriptors the kernel says so before it looks whether anybody is there. */
static bool is_anybody_there(const struct uv_listener *l)
{
    struct pollfd look = {.fd = l->fd, .events = POLLIN};
    return poll(&look, 1, 0) > 0;
}

/* There is no descriptor or no memory for the next one: is there now? */
static bool make_room(struct uv_listener *l)
{
    if (!is_anybody_there(l))
        return false;
    if (evict_one(l))
        return true;
    (void)uv_poll_stop(&l->poll);
    (void)uv_timer_start(&l->pause, resume, PAUSE_MS, 0);
    return false;
}

static void on_readable(uv_poll_t *readable, int status, int events)
{
    struct uv_listener *l = readable->data;
    (void)status, (void)events; /* accept says what it is */
    for (int i = 0; i < ACCEPT_MAX && l->fd >= 0; i++) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take(l, fd);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
                   errno == ENOMEM) {
            if (!make_room(l))
                return;
        } /* any other: a newcomer that is gone already */
    }
}

/* ---- opening and closing ---- */

static void on_closed(uv_handle_t *handle)
{
    struct uv_listener *l = handle->data;
    if (--l->n_open > 0)
        return;
    struct uv_listener_events events = l->events;
    free(l);
    events.closed(events.ctx);
}

/* Only the file that was made here: somebody else may have put theirs in its place. */
static void remove_file(const struct uv_listener *l)
{
    struct stat now;
    if (l->path.sun_family == AF_UNIX && lstat(l->path.sun_path, &now) == 0 &&
        now.st_dev == l->made.st_dev && now.st_ino == l->made.st_ino)
        (void)unlink(l->path.sun_path); /* a stale one is replaced at the next start */
}

void uv_listener_close(struct uv_listener *l)
{
    if (!l || l->fd < 0)
        return;
    uv_close((uv_handle_t *)&l->poll, on_closed);
    uv_close((uv_handle_t *)&l->pause, on_closed);
    remove_file(l);
    (void)close(l->fd);
    l->fd = -1;
}

/* The socket becomes the listener's, whatever comes of it. */
static int listener_new(uv_loop_t *loop, int fd, const struct uv_listener_events *events,
                        struct uv_listener **ret)
{
    struct uv_listener *l = calloc(1, sizeof(*l));
    int status = l ? 0 : -ENOMEM;
    if (status == 0 && listen(fd, BACKLOG) < 0)
        status = -errno;
    if (status == 0)
        status = uv_poll_init(loop, &l->poll, fd);
    if (status < 0) {
        free(l);
        (void)close(fd);
        return status;
    }
    l->fd = fd;
    l->events = *events;
    l->poll.data = l->pause.data = l;
    (void)uv_timer_init(loop, &l->pause);
    l->n_open = 2;
    (void)uv_poll_start(&l->poll, UV_READABLE, on_readable);
    *ret = l;
    return 0;
}

socklen_t uv_listener_address(const struct endpoint *e, struct sockaddr_storage *out)
{
    *out = (struct sockaddr_storage){0};
    if (e->family == 6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(e->port);
        memcpy(&v6->sin6_addr, e->address, 16);
        return sizeof(*v6);
    }
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    v4->sin_family = AF_INET;
    v4->sin_port = htons(e->port);
    memcpy(&v4->sin_addr, e->address, 4);
    return sizeof(*v4);
}

static int bound_port(int fd, uint16_t *ret)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        return -errno;
    *ret =
        ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                            : ((struct sockaddr_in *)&address)->sin_port);
    return 0;
}

int uv_listener_tcp(uv_loop_t *loop, struct endpoint *bind_to,
                    const struct uv_listener_events *events, struct uv_listener **ret)
{
    struct sockaddr_storage address;
    socklen_t len = uv_listener_address(bind_to, &address);
    uint16_t port = 0;
    int on = 1;
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    /* Without it the connections of an agent that ended keep the next one out for a
     * minute. */
    int status = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
                         bind(fd, (const struct sockaddr *)&address, len) < 0
                     ? -errno
                     : bound_port(fd, &port);
    if (status < 0) {
        (void)close(fd);
        return status;
    }
    status = listener_new(loop, fd, events, ret);
    if (status == 0)
        bind_to->port = port;
    return status;
}

int uv_listener_unix(uv_loop_t *loop, const char *path,
                     const struct uv_listener_events *events, struct uv_listener **ret)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat made;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    mode_t mask = umask(0117); /* 0660 from its first moment */
    int status = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
                         lstat(path, &made) < 0
                     ? -errno
                     : 0;
    (void)umask(mask);
    if (status < 0) {
        (void)close(fd);
        return status;
    }
    status = listener_new(loop, fd, events, ret);
    if (status < 0) {
        (void)unlink(path); /* nobody listens there */
        return status;
    }
    (*ret)->path = address;
    (*ret)->made = made;
    return 0;
}
