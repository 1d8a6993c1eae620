/* DNS over UDP: datagrams are taken, answered and sent by the batch.
 *
 * The usual path: datagrams arrive, dns.c answers each into its own buffer, and all are sent at once.  An answer
 * leaves from the address that was asked (IP_PKTINFO): a host has many, and a client takes no answer from
 * another one.  Why not libuv's own: that cannot say from which address a datagram leaves.
 * What can fail: a full socket buffer (the answers are dropped, resolvers ask again).  A flood costs
 * answers, never memory. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/err.h"
#include "netsvc/uv_dns_inside.h"

enum {
    RECEIVE_BUF = 1 << 20, /* bursts between two turns of the loop */
    BATCH = 16,
    BATCHES = 4, /* of one turn of the loop: others want it, too */
    QUERY_MAX = 65536,
    CONTROL_LEN = 64, /* one of the two below, and some air */
};
_Static_assert(CMSG_SPACE(sizeof(struct in6_pktinfo)) <= CONTROL_LEN, "fits");
_Static_assert(CMSG_SPACE(sizeof(struct in_pktinfo)) <= CONTROL_LEN, "fits");

/* Of the large buffers a usual datagram touches one page. */
struct dns_batch {
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    struct sockaddr_storage from[BATCH];
    _Alignas(struct cmsghdr) uint8_t control[BATCH][CONTROL_LEN];
    uint8_t in[BATCH][QUERY_MAX];
    uint8_t out[BATCH][DNS_UDP_NEAR_MAX];
};

/* ---- whom an answer comes from ---- */

/* The address that was asked, where it was written beside the datagram; NULL: it was not. */
static const void *asked_address(struct msghdr *m, bool *ret_is_v6)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo *info = (void *)CMSG_DATA(c);
            info->ipi_ifindex = 0; /* the way back is the routing table's affair */
            *ret_is_v6 = false;
            return &info->ipi_spec_dst;
        }
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo *info = (void *)CMSG_DATA(c);
            if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr))
                info->ipi6_ifindex = 0;
            *ret_is_v6 = true;
            return &info->ipi6_addr;
        }
    }
    return NULL;
}

/* This very host asks: from the address that it asks, or from loopback, which nobody else has. */
static bool is_near(const struct sockaddr_storage *from, const void *asked, bool is_v6)
{
    if (!is_v6) {
        const struct in_addr *source = &((const struct sockaddr_in *)from)->sin_addr;
        return *(const uint8_t *)source == IN_LOOPBACKNET ||
               (asked && memcmp(source, asked, sizeof(*source)) == 0);
    }
    const struct in6_addr *source = &((const struct sockaddr_in6 *)from)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(source) ||
           (IN6_IS_ADDR_V4MAPPED(source) && source->s6_addr[12] == IN_LOOPBACKNET) ||
           (asked && memcmp(source, asked, sizeof(*source)) == 0);
}

/* ---- a batch ---- */

static void batch_expect(struct dns_batch *b)
{
    for (size_t i = 0; i < BATCH; i++) {
        b->parts[i] = (struct iovec){b->in[i], QUERY_MAX};
        b->messages[i].msg_hdr = (struct msghdr){.msg_name = &b->from[i],
                                                 .msg_namelen = sizeof(b->from[i]),
                                                 .msg_iov = &b->parts[i],
                                                 .msg_iovlen = 1,
                                                 .msg_control = b->control[i],
                                                 .msg_controllen = CONTROL_LEN};
    }
}

/* Makes message `i` its answer; false: it gets none. */
static bool batch_answer(struct uv_dns *d, struct dns_batch *b, size_t i)
{
    struct mmsghdr *m = &b->messages[i];
    struct bytes query = {b->in[i], m->msg_len};
    bool is_v6 = b->from[i].ss_family == AF_INET6;
    if (m->msg_hdr.msg_flags & MSG_TRUNC)
        return false;
    const void *asked = asked_address(&m->msg_hdr, &is_v6);
    enum dns_way way =
        is_near(&b->from[i], asked, is_v6) ? DNS_WAY_UDP_NEAR : DNS_WAY_UDP;
    size_t len =
        dns_answer(d->catalog, &d->rng, query, way, b->out[i], sizeof(b->out[i]));
    uv_dns_count(d, len);
    b->parts[i] = (struct iovec){b->out[i], len};
    if (!asked)
        m->msg_hdr.msg_controllen = 0;
    m->msg_hdr.msg_flags = 0;
    return len > 0;
}

/* Those that cannot be sent are skipped: the rest is another client's. */
static void batch_send(int fd, struct mmsghdr *messages, unsigned n)
{
    for (unsigned at = 0; at < n;) {
        int sent = sendmmsg(fd, messages + at, n - at, MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        at += sent > 0 ? (unsigned)sent : 1;
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct uv_dns *d = poll->data;
    struct dns_batch *b = d->batch;
    (void)events;
    for (int round = 0; status == 0 && round < BATCHES; round++) {
        batch_expect(b);
        int n = recvmmsg(d->udp_fd, b->messages, BATCH, MSG_DONTWAIT, NULL);
        unsigned n_answers = 0;
        for (int i = 0; i < n; i++)
            if (batch_answer(d, b, (size_t)i))
                b->messages[n_answers++].msg_hdr = b->messages[i].msg_hdr;
        batch_send(d->udp_fd, b->messages, n_answers);
        if (n < BATCH)
            return; /* no more, or an error of one answer before: its client asks again */
    }
}

/* ---- opening and closing ---- */

static int bind_socket(int fd, struct endpoint *at)
{
    struct sockaddr_storage address;
    socklen_t len = uv_listener_address(at, &address);
    int on = 1, receive_buf = RECEIVE_BUF;
    bool is_v6 = address.ss_family == AF_INET6;
    if (setsockopt(fd, is_v6 ? IPPROTO_IPV6 : IPPROTO_IP,
                   is_v6 ? IPV6_RECVPKTINFO : IP_PKTINFO, &on, sizeof(on)) < 0 ||
        bind(fd, (const struct sockaddr *)&address, len) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buf,
                     sizeof(receive_buf)); /* as much as is allowed */
    at->port = ntohs(is_v6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                           : ((struct sockaddr_in *)&address)->sin_port);
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    uv_dns_gone(handle->data);
}

int uv_dns_udp_open(struct uv_dns *d, struct endpoint *at)
{
    d->batch = calloc(1, sizeof(*d->batch));
    if (!d->batch)
        return -ENOMEM;
    int fd = socket(at->family == 6 ? AF_INET6 : AF_INET,
                    SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int status = bind_socket(fd, at);
    if (status == 0)
        status = uv_poll_init(d->loop, &d->udp, fd);
    if (status < 0) {
        (void)close(fd);
        return status;
    }
    d->udp_fd = fd;
    d->udp.data = d;
    d->n_open++;
    return uv_poll_start(&d->udp, UV_READABLE, on_readable);
}

void uv_dns_udp_close(struct uv_dns *d)
{
    if (d->udp_fd < 0)
        return;
    (void)uv_poll_stop(&d->udp);
    (void)close(d->udp_fd);
    d->udp_fd = -1;
    uv_close((uv_handle_t *)&d->udp, on_closed);
}
