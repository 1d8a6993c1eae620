/* Beacons by multicast: one socket per address family, joined to the group on each
 * interface.
 *
 * The usual path: the timer fires -> discovery.c says that a beacon is due -> it is
 * sealed once and the same bytes go out on every interface, so that the replay window
 * drops what arrives twice; a datagram of the right length is readable -> open its seal
 * -> discovery.c says whether to meet its sender.  What can fail: an interface that is
 * going away or has no address yet (the datagram is lost, the next goes where it can); a
 * host without IPv6. Interfaces are listed anew when the kernel tells of a change
 * (rtnetlink(7)) and now and then besides. */
#include "gossip/uv_discovery.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gossip/members/discovery.h"
#include "gossip/uv_inner.h"
#include "gossip/uv_notes.h"
#include "gossip/uv_seal.h"

enum {
    LINKS_MAX = 16, /* the kernel lets a socket join 20 groups (igmp_max_memberships) */
    RELIST_MS = 30000, /* in case the kernel's word was lost */
    SETTLE_MS = 200,   /* an interface that comes up is several messages */
};

/* Administratively scoped (RFC 2365) and transient link-local (RFC 4291, 2.7): neither is
 * routed off the LAN. */
static const uint8_t group_v4[4] = {239, 255, 83, 84};
static const struct in6_addr group_v6 = {
    .s6_addr = {0xff, 0x12, [9] = 's', 't', 'r', 'a', 't', 'o', 's'}};

struct link {
    int index;
    uint8_t family;
};

struct uv_discovery {
    struct uv_discovery_options options;
    struct discovery discovery;
    uv_loop_t *loop;
    uv_timer_t timer;
    uv_udp_t v4, v6;
    struct uv_notes *notes; /* of the kernel; NULL: the list every 30 s must do */
    int v4_fd, v6_fd;       /* -1: none */
    unsigned n_handles;
    bool is_closing;
    struct link links[LINKS_MAX];
    size_t n_links;
    uint64_t relist_ms;
    uint8_t in[BEACON_SEALED_LEN + 1]; /* one more, to see what is too long */
};

static struct sockaddr_in address_v4(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(DISCOVERY_PORT)};
    memcpy(&in.sin_addr, group_v4, sizeof(group_v4));
    return in;
}

/* ---- interfaces ---- */

/* Joining again what is joined already fails, and that is fine. */
static void join_link(const struct uv_discovery *d, const struct link *link)
{
    if (link->family == 4) {
        struct ip_mreqn request = {.imr_ifindex = link->index};
        memcpy(&request.imr_multiaddr, group_v4, sizeof(group_v4));
        (void)setsockopt(d->v4_fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request,
                         sizeof(request));
    } else {
        struct ipv6_mreq request = {group_v6, (unsigned)link->index};
        (void)setsockopt(d->v6_fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request,
                         sizeof(request));
    }
}

static bool has_link(const struct link *links, size_t n, struct link link)
{
    for (size_t i = 0; i < n; i++) {
        if (links[i].index == link.index && links[i].family == link.family)
            return true;
    }
    return false;
}

/* False when the address is of no interface to speak on. */
static bool link_of(const struct uv_discovery *d, const struct ifaddrs *at,
                    struct link *ret_link)
{
    bool on_loopback = endpoint_is_loopback(&d->options.endpoint);
    if (!at->ifa_addr || !(at->ifa_flags & IFF_UP) ||
        !(at->ifa_flags & IFF_LOOPBACK) == on_loopback ||
        (!on_loopback && !(at->ifa_flags & IFF_MULTICAST)))
        return false;
    bool is_v4 = at->ifa_addr->sa_family == AF_INET && d->v4_fd >= 0;
    bool is_v6 = at->ifa_addr->sa_family == AF_INET6 && d->v6_fd >= 0;
    if (!is_v4 && !is_v6)
        return false;
    *ret_link = (struct link){(int)if_nametoindex(at->ifa_name), is_v4 ? 4 : 6};
    return ret_link->index > 0;
}

static void list_links(struct uv_discovery *d)
{
    struct link old[LINKS_MAX];
    size_t n_old = d->n_links;
    struct ifaddrs *list;
    bool is_new = false;
    if (getifaddrs(&list) < 0)
        return; /* what was known stays */
    memcpy(old, d->links, sizeof(old));
    d->n_links = 0;
    for (struct ifaddrs *at = list; at && d->n_links < LINKS_MAX; at = at->ifa_next) {
        struct link link;
        if (!link_of(d, at, &link) || has_link(d->links, d->n_links, link))
            continue;
        d->links[d->n_links++] = link;
        is_new |= !has_link(old, n_old, link);
        join_link(d, &link);
    }
    freeifaddrs(list);
    if (is_new)
        discovery_stir(&d->discovery, uv_now(d->loop));
}

/* ---- sending ---- */

static void send_v4(const struct uv_discovery *d, const struct link *link,
                    struct bytes out)
{
    struct sockaddr_in to = address_v4();
    struct iovec part = {(void *)(uintptr_t)out.at, out.len};
    union {
        struct cmsghdr head;
        uint8_t room[CMSG_SPACE(sizeof(struct in_pktinfo))];
    } control = {0};
    struct msghdr message = {.msg_name = &to,
                             .msg_namelen = sizeof(to),
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    struct in_pktinfo info = {.ipi_ifindex = link->index};
    control.head.cmsg_level = IPPROTO_IP;
    control.head.cmsg_type = IP_PKTINFO;
    control.head.cmsg_len = CMSG_LEN(sizeof(info));
    memcpy(CMSG_DATA(&control.head), &info, sizeof(info));
    (void)sendmsg(d->v4_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void send_v6(const struct uv_discovery *d, const struct link *link,
                    struct bytes out)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6,
                              .sin6_port = htons(DISCOVERY_PORT),
                              .sin6_addr = group_v6,
                              .sin6_scope_id = (uint32_t)link->index};
    (void)sendto(d->v6_fd, out.at, out.len, MSG_DONTWAIT | MSG_NOSIGNAL,
                 (struct sockaddr *)&to, sizeof(to));
}

/* On all links of these families, so that who hears it can answer. */
static void send_from(struct uv_discovery *d, const struct endpoint *at, bool to_v4,
                      bool to_v6)
{
    uint8_t plain[BEACON_LEN], sealed[BEACON_SEALED_LEN];
    const struct gossip *g = d->options.gossip;
    const struct members *members = gossip_members(g);
    struct beacon beacon = {.id = d->options.id,
                            .endpoint = *at,
                            .n_members =
                                (uint32_t)(members_count_state(members, MEMBER_ALIVE) +
                                           members_count_state(members, MEMBER_SUSPECT)),
                            .epoch = gossip_epoch(g),
                            .is_ready = gossip_is_ready(g)};
    beacon_encode(&beacon, plain);
    int len = uv_seal(d->options.sealer, BYTES_OF(plain), sealed, sizeof(sealed));
    if (len < 0)
        return;
    for (size_t i = 0; i < d->n_links; i++) {
        struct bytes out = {sealed, (size_t)len};
        if (d->links[i].family == 4 && to_v4)
            send_v4(d, &d->links[i], out);
        else if (d->links[i].family == 6 && to_v6)
            send_v6(d, &d->links[i], out);
    }
}

static void send_beacon(struct uv_discovery *d)
{
    struct endpoint second = gossip_second(d->options.gossip);
    send_from(d, &d->options.endpoint, second.family != 4, second.family != 6);
    if (second.family != 0)
        send_from(d, &second, second.family == 4, second.family == 6);
    if (d->n_links > 0)
        d->options.metrics->beacons_out++;
}

/* ---- the timer ---- */

static void on_timer(uv_timer_t *timer);

static void arm(struct uv_discovery *d)
{
    uint64_t now_ms = uv_now(d->loop);
    uint64_t deadline_ms = discovery_deadline_ms(&d->discovery);
    if (d->relist_ms < deadline_ms)
        deadline_ms = d->relist_ms;
    (void)uv_timer_start(&d->timer, on_timer,
                         deadline_ms > now_ms ? deadline_ms - now_ms : 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct uv_discovery *d = timer->data;
    uint64_t now_ms = uv_now(d->loop);
    if (now_ms >= d->relist_ms) {
        d->relist_ms = now_ms + RELIST_MS;
        list_links(d);
    }
    if (discovery_tick(&d->discovery, now_ms, gossip_members(d->options.gossip)))
        send_beacon(d);
    arm(d);
}

/* ---- receiving ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    (void)suggested;
    struct uv_discovery *d = handle->data;
    *ret_buf = uv_buf_init((char *)d->in, sizeof(d->in));
}

/* 0 with the beacon, ERR_REPLAYED for our own or one that came by another interface. */
static int open_beacon(struct uv_discovery *d, struct bytes in, struct beacon *ret_beacon)
{
    uint8_t plain[BEACON_SEALED_LEN];
    if (in.len != BEACON_SEALED_LEN)
        return ERR_MALFORMED;
    int len = sealer_open(d->options.sealer, uv_now(d->loop), in, plain, sizeof(plain));
    bool is_former = len == ERR_FORMER;
    if (len < 0 && !is_former)
        return len;
    int error = beacon_decode((struct bytes){plain, BEACON_LEN}, ret_beacon);
    return error == 0 && is_former ? ERR_FORMER : error;
}

static void on_datagram(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf,
                        const struct sockaddr *from, unsigned flags)
{
    (void)flags;
    struct uv_discovery *d = udp->data;
    struct beacon beacon;
    if (d->is_closing || n < 0 || !from)
        return;
    int error =
        open_beacon(d, (struct bytes){(const uint8_t *)buf->base, (size_t)n}, &beacon);
    if (error == ERR_REPLAYED)
        return;
    if (error == ERR_FORMER && d->options.former)
        d->options.former(d->options.ctx, beacon.endpoint, beacon.id);
    if ((error == ERR_FORGED || error == ERR_EPOCH) && d->options.stranger)
        d->options.stranger(d->options.ctx, uv_gossip_endpoint(from));
    if (error < 0) {
        d->options.metrics->drop_beacons++;
        return;
    }
    d->options.metrics->beacons_in++;
    if (discovery_hear(&d->discovery, uv_now(d->loop), &beacon,
                       gossip_members(d->options.gossip)))
        d->options.meet(d->options.ctx, beacon.endpoint);
}

static void on_note(void *ctx)
{
    struct uv_discovery *d = ctx;
    uint64_t settled_ms = uv_now(d->loop) + SETTLE_MS;
    if (settled_ms < d->relist_ms)
        d->relist_ms = settled_ms;
    arm(d);
}

/* ---- opening and closing ---- */

static int socket_v4(void)
{
    const struct sockaddr_in group = address_v4();
    int on = 1, off = 0, hops = 1;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    /* By default a socket hears every group that anybody on this host has joined. */
    (void)setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof(off));
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof(hops)) == 0 &&
        bind(fd, (const struct sockaddr *)&group, sizeof(group)) == 0)
        return fd;
    int error = -errno;
    (void)close(fd);
    return error;
}

static int socket_v6(void)
{
    const struct sockaddr_in6 any = {.sin6_family = AF_INET6,
                                     .sin6_port = htons(DISCOVERY_PORT)};
    int on = 1, off = 0, hops = 1;
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, &off, sizeof(off));
    if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)) == 0 &&
        bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0)
        return fd;
    int error = -errno;
    (void)close(fd);
    return error;
}

static void on_closed(uv_handle_t *handle)
{
    struct uv_discovery *d = handle->data;
    if (--d->n_handles == 0)
        free(d);
}

/* Hand `fd` to `udp`; what cannot be watched is closed and -1. */
static int watch(struct uv_discovery *d, uv_udp_t *udp, int fd)
{
    if (uv_udp_init(d->loop, udp) < 0) {
        (void)close(fd);
        return -1;
    }
    udp->data = d;
    d->n_handles++;
    if (uv_udp_open(udp, fd) < 0) {
        (void)close(fd);
        return -1;
    }
    return uv_udp_recv_start(udp, on_alloc, on_datagram) < 0 ? -1 : fd;
}

int uv_discovery_open(uv_loop_t *loop, const struct uv_discovery_options *options,
                      struct uv_discovery **ret_discovery, struct err *err)
{
    int v4 = socket_v4(), v6 = socket_v6();
    if (v4 < 0 && v6 < 0)
        return err_set(err, v4, "multicast on port %d: %s", DISCOVERY_PORT, err_text(v4));
    struct uv_discovery *d = calloc(1, sizeof(*d));
    if (!d) {
        (void)(v4 >= 0 && close(v4));
        (void)(v6 >= 0 && close(v6));
        return err_set(err, -ENOMEM, "out of memory");
    }
    d->options = *options;
    d->loop = loop;
    discovery_init(&d->discovery, options->id, options->seed, uv_now(loop));
    (void)uv_timer_init(loop, &d->timer);
    d->timer.data = d;
    d->n_handles = 1;
    d->v4_fd = v4 < 0 ? -1 : watch(d, &d->v4, v4);
    d->v6_fd = v6 < 0 ? -1 : watch(d, &d->v6, v6);
    d->notes = uv_notes_open(loop, on_note, d);
    d->relist_ms = uv_now(loop) + RELIST_MS;
    list_links(d);
    arm(d);
    *ret_discovery = d;
    return 0;
}

void uv_discovery_close(struct uv_discovery *d)
{
    if (!d || d->is_closing)
        return;
    d->is_closing = true;
    uv_notes_close(d->notes);
    uv_handle_t *all[] = {(uv_handle_t *)&d->timer, (uv_handle_t *)&d->v4,
                          (uv_handle_t *)&d->v6};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i]->data) /* opened */
            uv_close(all[i], on_closed);
    }
}
