/* The gossip driver's sockets and datagrams; streams are in uv_stream.c.
 *
 * The usual path: a datagram is readable -> open its seal -> hand the plain bytes up; to
 * send, seal on the stack -> the kernel takes it at once, without any allocation. What
 * can fail: a seal that does not open (counted, dropped); a full socket (a bounded queue,
 * then counted drops); an ICMP refusal, which Linux reports on the socket's error queue
 * with the address the datagram was for (ip(7), IP_RECVERR) and which goes up as a hint.
 */
#include "gossip/uv_gossip.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "gossip/uv_inner.h"
#include "gossip/uv_seal.h"

enum { LISTEN_BACKLOG = 512, PORT_TRIES = 32 };

/* ---- receiving ---- */

/* Not those that are being closed. */
static bool is_in_use(const struct uv_sockets *sockets)
{
    return sockets == sockets->gossip->sockets || sockets == sockets->gossip->second;
}

/* Read what ICMP said about datagrams of ours.  An entry that is left unread would wake
 * the loop for ever, so the queue is drained whenever the socket reports an error. */
static void read_refusals(const struct uv_sockets *sockets)
{
    struct uv_gossip *g = sockets->gossip;
    uv_os_fd_t fd;
    if (uv_fileno((const uv_handle_t *)&sockets->udp, &fd) < 0)
        return;
    for (int i = 0; i < REFUSALS_AT_ONCE && is_in_use(sockets); i++) {
        struct sockaddr_storage to = {0};
        uint8_t control[512];
        struct msghdr message = {.msg_name = &to,
                                 .msg_namelen = sizeof(to),
                                 .msg_control = control,
                                 .msg_controllen = sizeof(control)};
        if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            return;
        struct endpoint refused = uv_gossip_endpoint((struct sockaddr *)&to);
        if (refused.family != 0)
            g->events.refused(g->events.ctx, refused);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    (void)suggested;
    struct uv_gossip *g = ((struct uv_sockets *)handle->data)->gossip;
    *ret_buf = uv_buf_init((char *)g->in, sizeof(g->in));
}

static void open_datagram(struct uv_gossip *g, struct endpoint from, struct bytes in)
{
    uint64_t now_ms = uv_now(g->loop);
    int len = sealer_open(g->sealer, now_ms, in, g->plain, sizeof(g->plain));
    g->metrics->bytes_in += in.len;
    if (len >= 0) {
        g->metrics->datagrams_in++;
        g->events.datagram(g->events.ctx, from, (struct bytes){g->plain, (size_t)len});
    } else if (len == ERR_REPLAYED) {
        g->metrics->drop_replayed++;
    } else if (len == ERR_TRUNCATED) {
        g->metrics->drop_malformed++;
    } else {
        g->metrics->drop_forged++;
        if (len == ERR_FORMER && g->events.former)
            g->events.former(g->events.ctx, from,
                             (struct bytes){g->plain, in.len - SEAL_OVERHEAD});
        else if ((len == ERR_EPOCH || len == ERR_FORGED) && g->events.stranger)
            g->events.stranger(g->events.ctx, from);
    }
}

static void on_datagram(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf,
                        const struct sockaddr *from, unsigned flags)
{
    struct uv_sockets *sockets = udp->data;
    struct uv_gossip *g = sockets->gossip;
    if (!is_in_use(sockets))
        return;
    if (n < 0) {
        read_refusals(sockets);
        return;
    }
    if (!from) { /* nothing more to read; a wake-up that gave nothing was for an error */
        if (!g->heard_since_wake)
            read_refusals(sockets);
        g->heard_since_wake = false;
        return;
    }
    g->heard_since_wake = true;
    if (flags & UV_UDP_PARTIAL || n > DATAGRAM_MAX) {
        g->metrics->drop_malformed++;
        return;
    }
    open_datagram(g, uv_gossip_endpoint(from),
                  (struct bytes){(const uint8_t *)buf->base, (size_t)n});
}

/* ---- sending ---- */

struct queued_send {
    uv_udp_send_t req;
    uint8_t sealed[];
};

static void on_sent(uv_udp_send_t *req, int status)
{
    (void)status; /* a datagram that is lost here is a datagram lost */
    free(req->data);
}

static void send_later(struct uv_gossip *g, uv_udp_t *udp, const struct sockaddr *to,
                       const uint8_t *sealed, size_t len)
{
    struct queued_send *send = NULL;
    if (uv_udp_get_send_queue_count(udp) < SENDS_QUEUED_MAX)
        send = malloc(sizeof(*send) + len);
    if (!send) {
        g->metrics->drop_bound++;
        return;
    }
    memcpy(send->sealed, sealed, len);
    send->req.data = send;
    uv_buf_t buf = uv_buf_init((char *)send->sealed, (unsigned)len);
    if (uv_udp_send(&send->req, udp, &buf, 1, to, on_sent) < 0) {
        free(send);
        g->metrics->drop_bound++;
    }
}

void uv_gossip_send(struct uv_gossip *g, struct endpoint to, struct bytes plain)
{
    uint8_t sealed[DATAGRAM_MAX];
    struct sockaddr_storage address;
    if (!g->sockets)
        return;
    bool is_second = g->second && g->second->at.family == to.family;
    uv_udp_t *udp = is_second ? &g->second->udp : &g->sockets->udp;
    int len = uv_seal(g->sealer, plain, sealed, sizeof(sealed));
    if (len < 0 || to.family == 0) {
        g->metrics->drop_bound++;
        return;
    }
    uv_gossip_address(&to, &address);
    uv_buf_t buf = uv_buf_init((char *)sealed, (unsigned)len);
    int sent = uv_udp_try_send(udp, &buf, 1, (struct sockaddr *)&address);
    if (sent ==
        UV_ECONNREFUSED) { /* about an earlier one: the kernel did not try this one yet */
        sent = uv_udp_try_send(udp, &buf, 1, (struct sockaddr *)&address);
    }
    if (sent == UV_EAGAIN)
        send_later(g, udp, (struct sockaddr *)&address, sealed, (size_t)len);
    if (sent >= 0 || sent == UV_EAGAIN) {
        g->metrics->datagrams_out++;
        g->metrics->bytes_out += (uint64_t)len;
    }
}

/* ---- opening and closing ---- */

static void on_closed(uv_handle_t *handle)
{
    uv_gossip_unref(handle->data);
}

static void on_socket_closed(uv_handle_t *handle)
{
    struct uv_sockets *sockets = handle->data;
    struct uv_gossip *g = sockets->gossip;
    if (--sockets->n_handles > 0)
        return;
    free(sockets);
    uv_gossip_unref(g);
}

static void close_sockets(struct uv_sockets *sockets)
{
    uv_close((uv_handle_t *)&sockets->udp, on_socket_closed);
    uv_close((uv_handle_t *)&sockets->listener, on_socket_closed);
}

static int port_of(struct uv_sockets *sockets, uint16_t *ret_port)
{
    struct sockaddr_storage address;
    int len = sizeof(address);
    int error = uv_tcp_getsockname(&sockets->listener, (struct sockaddr *)&address, &len);
    if (error == 0)
        *ret_port = uv_gossip_endpoint((struct sockaddr *)&address).port;
    return error;
}

/* Listen on TCP first: a port that is free there is nearly always free for UDP too. */
static int bind_both(struct uv_sockets *sockets)
{
    struct sockaddr_storage address;
    bool is_v6 = sockets->at.family == 6;
    uv_gossip_address(&sockets->at, &address);
    int error = uv_tcp_bind(&sockets->listener, (struct sockaddr *)&address,
                            is_v6 ? UV_TCP_IPV6ONLY : 0);
    if (error == 0)
        error = uv_listen((uv_stream_t *)&sockets->listener, LISTEN_BACKLOG,
                          uv_stream_on_connection);
    if (error == 0)
        error = port_of(sockets, &sockets->at.port);
    if (error < 0)
        return error;
    uv_gossip_address(&sockets->at, &address);
    error = uv_udp_bind(&sockets->udp, (struct sockaddr *)&address,
                        UV_UDP_LINUX_RECVERR | (is_v6 ? UV_UDP_IPV6ONLY : 0u));
    if (error == 0)
        error = uv_udp_recv_start(&sockets->udp, on_alloc, on_datagram);
    return error;
}

static void enlarge_buffers(struct uv_sockets *sockets)
{
    int send = SOCKET_BUFFER, receive = SOCKET_BUFFER;
    /* The kernel cuts them to its limits; smaller ones only lose more in a burst. */
    (void)uv_send_buffer_size((uv_handle_t *)&sockets->udp, &send);
    (void)uv_recv_buffer_size((uv_handle_t *)&sockets->udp, &receive);
}

static int bind_once(struct uv_gossip *g, const struct endpoint *at,
                     struct uv_sockets **ret_sockets)
{
    struct uv_sockets *sockets = calloc(1, sizeof(*sockets));
    if (!sockets)
        return -ENOMEM;
    sockets->gossip = g;
    sockets->at = *at;
    int error = uv_udp_init(g->loop, &sockets->udp);
    if (error < 0) {
        free(sockets);
        return error;
    }
    (void)uv_tcp_init(g->loop,
                      &sockets->listener); /* without a family it makes no socket yet */
    sockets->udp.data = sockets->listener.data = sockets;
    sockets->n_handles = 2;
    g->n_handles++;
    error = bind_both(sockets);
    if (error < 0) {
        close_sockets(sockets);
        return error;
    }
    enlarge_buffers(sockets);
    *ret_sockets = sockets;
    return 0;
}

int uv_gossip_bind(struct uv_gossip *g, struct endpoint *bind, struct err *err)
{
    int error = -EADDRINUSE;
    int tries = bind->port == 0 ? PORT_TRIES : 1; /* a free port may be taken for UDP */
    struct uv_sockets *sockets;
    for (int i = 0; i < tries && error == -EADDRINUSE; i++)
        error = bind_once(g, bind, &sockets);
    if (error == 0) {
        uv_gossip_unbind(g);
        g->sockets = sockets;
        *bind = g->sockets->at;
        return 0;
    }
    char text[ADDRESS_TEXT_MAX];
    return err_set(err, error, "bind %s: %s", endpoint_text(bind, text), err_text(error));
}

int uv_gossip_bind_second(struct uv_gossip *g, const struct endpoint *bind)
{
    struct uv_sockets *second = NULL;
    int error = bind->family ? bind_once(g, bind, &second) : 0;
    if (g->second)
        close_sockets(g->second);
    g->second = second;
    return error;
}

void uv_gossip_unbind(struct uv_gossip *g)
{
    struct uv_sockets *old[] = {g->sockets, g->second};
    g->sockets = g->second = NULL;
    if (old[0])
        uv_stream_drop_all(g);
    for (size_t i = 0; i < 2; i++)
        if (old[i])
            close_sockets(old[i]);
}

static struct uv_gossip *gossip_of(uv_loop_t *loop, const struct keyring *keys,
                                   const struct identity *self,
                                   const struct uv_gossip_events *events,
                                   struct metrics *metrics)
{
    struct uv_gossip *g = calloc(1, sizeof(*g));
    if (!g)
        return NULL;
    uint8_t session[SESSION_LEN];
    random_bytes(session, sizeof(session));
    g->loop = loop;
    g->keys = *keys;
    g->self = *self;
    g->events = *events;
    g->metrics = metrics;
    g->sealer = sealer_new(keys, session);
    if (!g->sealer) {
        uv_gossip_free(g);
        return NULL;
    }
    return g;
}

int uv_gossip_open(uv_loop_t *loop, struct endpoint *bind, const struct keyring *keys,
                   const struct identity *self, const struct uv_gossip_events *events,
                   struct metrics *metrics, struct uv_gossip **ret_gossip,
                   struct err *err)
{
    struct uv_gossip *g = gossip_of(loop, keys, self, events, metrics);
    if (!g)
        return err_set(err, -ENOMEM, "out of memory");
    (void)uv_timer_init(g->loop, &g->sweep);
    g->n_handles = 1;
    g->sweep.data = g;
    int error = bind->family ? uv_gossip_bind(g, bind, err) : 0;
    if (error < 0) {
        uv_gossip_close(g);
        return error;
    }
    *ret_gossip = g;
    return 0;
}

void uv_gossip_set_keys(struct uv_gossip *g, const struct keyring *keys)
{
    g->keys = *keys;
    sealer_set_keys(g->sealer, keys);
}

struct sealer *uv_gossip_sealer(struct uv_gossip *g)
{
    return g->sealer;
}

void uv_gossip_close(struct uv_gossip *g)
{
    if (!g || g->is_closing)
        return;
    g->is_closing = true;
    uv_stream_drop_all(g);
    uv_gossip_unbind(g);
    uv_close((uv_handle_t *)&g->sweep, on_closed);
}
