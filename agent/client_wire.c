/* A blocking connection to an agent.
 *
 * The usual path: connect, (shake hands), send, receive until the other side ends it.
 * What can fail: nobody listens (said with what to do about it), the secret is refused,
 * the agent goes away in the middle, the deadline passes, a signal interrupts the wait
 * (-EINTR). */
#include "agent/client_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/bounds.h"
#include "proto/seal.h"

enum { PEER_PORT = 7780, WIRE_BUF = 64 * 1024, FRAME_OUT_MAX = 64 * 1024 };

struct client_wire {
    int fd;
    struct sealed_stream *seal; /* NULL over the unix socket */
    uint8_t in[WIRE_BUF];       /* as the socket gave it */
    size_t in_at, in_len;       /* sealed: what is not fed yet */
    uint8_t sealed[FRAME_OUT_MAX + STREAM_OVERHEAD];
};

uint64_t client_wire_now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int wait_for(int fd, short events, uint64_t deadline_ms)
{
    int timeout = -1;
    if (deadline_ms > 0) {
        uint64_t now = client_wire_now_ms();
        if (now >= deadline_ms)
            return ERR_TIMEOUT;
        uint64_t left = deadline_ms - now;
        timeout = left > 60000 ? 60000 : (int)left;
    }
    struct pollfd p = {.fd = fd, .events = events};
    int n = poll(&p, 1, timeout);
    if (n < 0)
        return -errno;
    return n; /* 0: the caller looks at the clock again */
}

static int send_raw(int fd, const uint8_t *at, size_t len, uint64_t deadline_ms)
{
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n > 0) {
            at += n;
            len -= (size_t)n;
            continue;
        }
        if (errno != EAGAIN)
            return -errno;
        int ready = wait_for(fd, POLLOUT, deadline_ms);
        if (ready < 0)
            return ready;
    }
    return 0;
}

/* 1, 0 at the end, or an error. */
static int receive_raw(struct client_wire *w, uint64_t deadline_ms)
{
    for (;;) {
        ssize_t n = recv(w->fd, w->in, sizeof(w->in), 0);
        if (n >= 0) {
            w->in_at = 0;
            w->in_len = (size_t)n;
            return n > 0;
        }
        if (errno != EAGAIN)
            return -errno;
        int ready = wait_for(w->fd, POLLIN, deadline_ms);
        if (ready < 0)
            return ready;
    }
}

/* ---- connecting ---- */

static int connect_fd(int fd, const struct sockaddr *address, socklen_t len,
                      uint64_t deadline_ms)
{
    if (connect(fd, address, len) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return -errno;
    int ready;
    do {
        ready = wait_for(fd, POLLOUT, deadline_ms);
    } while (ready == 0);
    if (ready < 0)
        return ready;
    int error = 0;
    socklen_t error_len = sizeof(error);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len) < 0)
        return -errno;
    return -error;
}

static int open_unix(struct client_wire *w, const char *path, uint64_t deadline_ms,
                     struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return err_set(err, -ENAMETOOLONG,
                       "the socket's path is longer than %zu bytes: %s",
                       sizeof(address.sun_path) - 1, path);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    w->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (w->fd < 0)
        return err_set(err, -errno, "socket: %s", err_text(-errno));
    int error = connect_fd(w->fd, (const struct sockaddr *)&address, sizeof(address),
                           deadline_ms);
    if (error == -ENOENT || error == -ECONNREFUSED)
        return err_set(
            err, error,
            "no agent at %s: start one with `stratos agent`, or name another with "
            "--socket PATH or STRATOS_SOCKET",
            path);
    if (error == -EACCES || error == -EPERM)
        return err_set(err, error, "the agent's socket %s is not open to this user",
                       path);
    if (error < 0)
        return err_set(err, error, "no agent at %s: %s", path, err_text(error));
    return 0;
}

static int open_tcp(struct client_wire *w, const char *host, uint64_t deadline_ms,
                    struct err *err)
{
    struct endpoint to;
    int error = client_resolve(host, PEER_PORT, &to, err);
    if (error < 0)
        return error;
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(to.port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(to.port)};
    memcpy(&six.sin6_addr, to.address, 16);
    memcpy(&four.sin_addr, to.address, 4);
    bool is_four = to.family == 4;
    const struct sockaddr *address =
        is_four ? (const struct sockaddr *)&four : (const struct sockaddr *)&six;

    w->fd = socket(is_four ? AF_INET : AF_INET6,
                   SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (w->fd < 0)
        return err_set(err, -errno, "socket: %s", err_text(-errno));
    char text[ADDRESS_TEXT_MAX];
    error = connect_fd(w->fd, address, is_four ? sizeof(four) : sizeof(six), deadline_ms);
    if (error < 0)
        return err_set(err, error, "no agent at %s: %s", endpoint_text(&to, text),
                       err_text(error));
    return 0;
}

static int read_secret(const char *path, struct keyring *ret_keys, struct err *err)
{
    char text[256];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, -errno, "the cluster's secret %s: %s", path,
                       err_text(-errno));
    ssize_t n = read(fd, text, sizeof(text));
    int error = n < 0 ? -errno : 0;
    close(fd);
    if (error == 0)
        error = keyring_parse(text, (size_t)n, ret_keys);
    explicit_bzero(text, sizeof(text));
    if (error < 0)
        return err_set(err, error, "the cluster's secret %s: %s", path, err_text(error));
    return 0;
}

/* Both sides prove the secret; a side that cannot is hung up on, which is all we see of
 * it. */
static int shake_hands(struct client_wire *w, const struct client_target *target,
                       uint64_t deadline_ms, struct err *err)
{
    struct keyring keys;
    int error = seal_init();
    if (error < 0)
        return err_set(err, error, "no entropy: %s", err_text(error));
    error = read_secret(target->secret_file, &keys, err);
    if (error < 0)
        return error;
    w->seal = sealed_stream_new(&keys, NULL, true, STREAM_API); /* a guest */
    explicit_bzero(&keys, sizeof(keys));
    if (!w->seal)
        return err_set(err, -ENOMEM, "out of memory");

    for (;;) {
        struct bytes out = sealed_stream_pending(w->seal);
        error = out.len > 0 ? send_raw(w->fd, out.at, out.len, deadline_ms) : 0;
        if (error < 0 || sealed_stream_is_open(w->seal))
            break;
        error = receive_raw(w, deadline_ms);
        if (error <= 0) {
            error = error == 0 || error == -ECONNRESET ? ERR_FORGED : error;
            break;
        }
        struct bytes frame;
        size_t used = 0;
        error =
            sealed_stream_feed(w->seal, (struct bytes){w->in, w->in_len}, &used, &frame);
        if (error < 0)
            break;
        w->in_at = used;
    }
    if (error == ERR_TIMEOUT || error == -EINTR)
        return err_set(err, error, "%s: no answer to the handshake", target->host);
    if (error < 0)
        return err_set(err, ERR_FORGED, "%s refused the secret of %s", target->host,
                       target->secret_file);
    return 0;
}

int client_wire_open(const struct client_target *target, uint64_t deadline_ms,
                     struct client_wire **ret_wire, struct err *err)
{
    struct client_wire *w = calloc(1, sizeof(*w));
    if (!w)
        return err_set(err, -ENOMEM, "out of memory");
    w->fd = -1;
    int error;
    if (target->host) {
        error = open_tcp(w, target->host, deadline_ms, err);
        if (error == 0)
            error = shake_hands(w, target, deadline_ms, err);
    } else {
        error = open_unix(w, target->socket, deadline_ms, err);
    }
    if (error < 0) {
        client_wire_close(w);
        return error;
    }
    *ret_wire = w;
    return 0;
}

void client_wire_close(struct client_wire *w)
{
    if (!w)
        return;
    if (w->fd >= 0)
        close(w->fd);
    if (w->seal)
        sealed_stream_free(w->seal);
    free(w);
}

/* ---- talking ---- */

int client_wire_send(struct client_wire *w, struct bytes out, uint64_t deadline_ms)
{
    if (!w->seal)
        return send_raw(w->fd, out.at, out.len, deadline_ms);
    while (out.len > 0) {
        struct bytes frame = {out.at, out.len > FRAME_OUT_MAX ? FRAME_OUT_MAX : out.len};
        int len = sealed_stream_seal(w->seal, frame, w->sealed, sizeof(w->sealed));
        if (len < 0)
            return len;
        int error = send_raw(w->fd, w->sealed, (size_t)len, deadline_ms);
        if (error < 0)
            return error;
        out = (struct bytes){out.at + frame.len, out.len - frame.len};
    }
    return 0;
}

int client_wire_receive(struct client_wire *w, uint64_t deadline_ms, struct bytes *ret_in)
{
    if (!w->seal) {
        int got = receive_raw(w, deadline_ms);
        if (got > 0)
            *ret_in = (struct bytes){w->in, w->in_len};
        return got;
    }
    for (;;) {
        if (w->in_at == w->in_len) {
            int got = receive_raw(w, deadline_ms);
            if (got <= 0)
                return got;
        }
        size_t used = 0;
        struct bytes left = {w->in + w->in_at, w->in_len - w->in_at};
        int got = sealed_stream_feed(w->seal, left, &used, ret_in);
        if (got < 0)
            return got;
        w->in_at += used;
        if (got > 0 && ret_in->len > 0)
            return 1;
    }
}
