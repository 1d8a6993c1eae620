/* Sources of connections.  See uv_peer.h.
 *
 * The other end of a connection within this host is a socket of this host: the kernel
 * finds it by its addresses and ports, which are ours the other way round (sock_diag(7),
 * inet_diag), and tells whose it is. */
#include "netsvc/uv_peer.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ESTABLISHED = 1, ANSWER_LEN = 1024 };

/* An address and port; IPv4 also when it came as ::ffff:a.b.c.d. */
struct end {
    int family; /* AF_INET, AF_INET6; 0: neither */
    uint8_t address[16];
    uint16_t port; /* network order, as all of this */
};

void uv_peer_open(struct uv_peer *p)
{
    *p = (struct uv_peer){.diag_fd = socket(AF_NETLINK,
                                            SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                                            NETLINK_SOCK_DIAG)};
}

void uv_peer_close(struct uv_peer *p)
{
    if (p->diag_fd >= 0)
        (void)close(p->diag_fd); /* it held nothing */
    p->diag_fd = -1;
}

static struct end end_of(const struct sockaddr_storage *from)
{
    struct end end = {0};
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
        end.family = AF_INET;
        end.port = v4->sin_port;
        memcpy(end.address, &v4->sin_addr, 4);
    } else if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
        bool is_mapped = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
        end.family = is_mapped ? AF_INET : AF_INET6;
        end.port = v6->sin6_port;
        memcpy(end.address, v6->sin6_addr.s6_addr + (is_mapped ? 12 : 0),
               is_mapped ? 4 : 16);
    }
    return end;
}

static bool is_loopback(const struct end *end)
{
    static const uint8_t v6[16] = {[15] = 1};
    return end->family == AF_INET ? end->address[0] == 127
                                  : memcmp(end->address, v6, sizeof(v6)) == 0;
}

static struct source_id by_address(const struct end *end)
{
    struct source_id id = {.kind = end->family == AF_INET6 ? SOURCE_IPV6 : SOURCE_IPV4};
    bool is_any_loopback = is_loopback(end) && end->family == AF_INET;
    memcpy(id.at, end->address, is_any_loopback ? 1 : end->family == AF_INET ? 4 : 8);
    return id;
}

static struct source_id by_user(uint32_t uid)
{
    struct source_id id = {.kind = SOURCE_UID};
    memcpy(id.at, &uid, sizeof(uid));
    return id;
}

/* ---- the kernel's word ---- */

/* The socket whose own end is `peer` and whose other end is `own`. */
static bool ask(struct uv_peer *p, const struct end *peer, const struct end *own)
{
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 body;
    } request = {
        .head = {.nlmsg_len = sizeof(request),
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST,
                 .nlmsg_seq = ++p->sequence},
        .body = {.sdiag_family = (uint8_t)peer->family,
                 .sdiag_protocol = IPPROTO_TCP,
                 .id = {.idiag_sport = peer->port,
                        .idiag_dport = own->port,
                        .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
    };
    memcpy(request.body.id.idiag_src, peer->address, sizeof(peer->address));
    memcpy(request.body.id.idiag_dst, own->address, sizeof(own->address));
    return send(p->diag_fd, &request, sizeof(request), 0) == sizeof(request);
}

/* The kernel answers before send returns.  What is left of an earlier question is read
 * past. */
static bool hear(struct uv_peer *p, struct inet_diag_msg *ret)
{
    union {
        struct nlmsghdr head;
        uint8_t bytes[ANSWER_LEN];
    } answer;
    ssize_t n;
    while ((n = recv(p->diag_fd, &answer, sizeof(answer), 0)) >= 0) {
        size_t len = NLMSG_LENGTH(sizeof(*ret));
        if ((size_t)n < sizeof(answer.head) || answer.head.nlmsg_seq != p->sequence)
            continue;
        if (answer.head.nlmsg_type != SOCK_DIAG_BY_FAMILY || (size_t)n < len)
            return false; /* there is no such socket */
        memcpy(ret, NLMSG_DATA(&answer.head), sizeof(*ret));
        return true;
    }
    return false;
}

/* Is the other end a socket of this host?  One that has no owner any more was closed
 * already: its user is not known, and the kernel says root.  A listener on the same port
 * is no answer. */
static bool find_local(struct uv_peer *p, const struct end *peer, const struct end *own,
                       struct source_id *ret)
{
    struct inet_diag_msg socket;
    if (p->diag_fd < 0 || !ask(p, peer, own) || !hear(p, &socket) ||
        socket.id.idiag_sport != peer->port || socket.id.idiag_dport != own->port)
        return false;
    *ret = socket.idiag_state == ESTABLISHED && socket.idiag_inode != 0
               ? by_user(socket.idiag_uid)
               : (struct source_id){.kind = SOURCE_UNKNOWN};
    return true;
}

struct source_id uv_peer_source(struct uv_peer *p, int fd)
{
    struct sockaddr_storage peer_address = {0}, own_address = {0};
    socklen_t peer_len = sizeof(peer_address), own_len = sizeof(own_address);
    struct ucred user;
    socklen_t user_len = sizeof(user);
    struct source_id id = {.kind = SOURCE_UNKNOWN};
    if (getsockname(fd, (struct sockaddr *)&own_address, &own_len) < 0)
        return id;
    if (own_address.ss_family == AF_UNIX)
        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &user_len) == 0
                   ? by_user(user.uid)
                   : id;
    if (getpeername(fd, (struct sockaddr *)&peer_address, &peer_len) < 0)
        return id; /* it is gone already */
    struct end peer = end_of(&peer_address), own = end_of(&own_address);
    if (find_local(p, &peer, &own, &id))
        return id;
    if (p->diag_fd >= 0 && is_loopback(&peer))
        return id; /* gone as well: whoever it was, it was no other host */
    return by_address(&peer);
}
