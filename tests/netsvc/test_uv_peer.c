/* Who is at the other end: users of this host, whatever address they come from. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netsvc/uv_peer.h"

static int listen_at(const char *address, int family, struct sockaddr_storage *ret,
                     socklen_t *ret_len)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    *ret = (struct sockaddr_storage){0};
    *ret_len = family == AF_INET ? sizeof(v4) : sizeof(v6);
    if (family == AF_INET) {
        inet_pton(family, address, &v4.sin_addr);
        memcpy(ret, &v4, sizeof(v4));
    } else {
        inet_pton(family, address, &v6.sin6_addr);
        memcpy(ret, &v6, sizeof(v6));
    }
    int fd = socket(family, SOCK_STREAM, 0);
    cr_assert(fd >= 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)ret, *ret_len), 0);
    cr_assert_eq(listen(fd, 10), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)ret, ret_len), 0);
    return fd;
}

/* Connect as `uid` from `from`, by another process; returns the accepted end. */
static int connect_as(int listener, const struct sockaddr_storage *to, socklen_t len,
                      const char *from, uid_t uid, bool leaves)
{
    int hold[2];
    cr_assert_eq(pipe(hold), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        struct sockaddr_in at = {.sin_family = AF_INET};
        close(hold[1]);
        if (uid != getuid() && setuid(uid) < 0)
            _exit(1);
        int fd = socket(to->ss_family, SOCK_STREAM, 0);
        if (from && (inet_pton(AF_INET, from, &at.sin_addr) != 1 ||
                     bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0))
            _exit(1);
        if (connect(fd, (const struct sockaddr *)to, len) < 0)
            _exit(1);
        if (leaves)
            close(fd);
        (void)!read(hold[0], &byte, 1); /* until the parent closes its end */
        _exit(0);
    }
    close(hold[0]);
    int fd = accept(listener, NULL, NULL);
    cr_assert(fd >= 0);
    usleep(leaves ? 50000 : 0);
    /* The child ends with the test: this end of the pipe is never closed by hand. */
    return fd;
}

static bool is_user(struct source_id id, uint32_t uid)
{
    struct source_id expected = {.kind = SOURCE_UID};
    memcpy(expected.at, &uid, sizeof(uid));
    return memcmp(&id, &expected, sizeof(id)) == 0;
}

Test(uv_peer, a_user_of_this_host_is_one_source_from_all_of_loopback, .timeout = 30)
{
    static const struct {
        const char *listen, *from;
        int family;
    } rows[] = {
        {"127.0.0.1", NULL, AF_INET},
        {"127.0.0.1", "127.0.0.1", AF_INET},
        {"127.0.0.1", "127.9.8.7", AF_INET},
        {"127.0.0.2", "127.200.0.1", AF_INET},
        {"::1", NULL, AF_INET6},
    };
    struct uv_peer p;
    uv_peer_open(&p);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sockaddr_storage at;
        socklen_t len;
        int listener = listen_at(rows[i].listen, rows[i].family, &at, &len);
        int fd = connect_as(listener, &at, len, rows[i].from, getuid(), false);
        cr_expect(is_user(uv_peer_source(&p, fd), getuid()), "row %zu", i);
        close(fd);
        if (getuid() == 0) {
            fd = connect_as(listener, &at, len, rows[i].from, 65534, false);
            cr_expect(is_user(uv_peer_source(&p, fd), 65534), "row %zu", i);
            close(fd);
        }
        close(listener);
    }
    uv_peer_close(&p);
}

Test(uv_peer, ipv4_on_a_socket_of_ipv6_is_the_same_user, .timeout = 30)
{
    struct uv_peer p;
    struct sockaddr_storage at;
    socklen_t len;
    uv_peer_open(&p);
    int listener = listen_at("::", AF_INET6, &at, &len);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = ((struct sockaddr_in6 *)&at)->sin6_port,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    memcpy(&at, &to, sizeof(to));
    int fd = connect_as(listener, &at, sizeof(to), "127.0.0.9", getuid(), false);
    cr_expect(is_user(uv_peer_source(&p, fd), getuid()));
    close(fd);
    close(listener);
    uv_peer_close(&p);
}

Test(uv_peer, who_is_gone_already_is_not_taken_for_root, .timeout = 30)
{
    struct uv_peer p;
    struct sockaddr_storage at;
    socklen_t len;
    uv_peer_open(&p);
    int listener = listen_at("127.0.0.1", AF_INET, &at, &len);
    int fd = connect_as(listener, &at, len, NULL, getuid(), true);
    cr_expect_eq(uv_peer_source(&p, fd).kind, SOURCE_UNKNOWN);
    close(fd);
    close(listener);
    uv_peer_close(&p);
}

Test(uv_peer, without_the_kernels_word_loopback_is_one_source, .timeout = 30)
{
    struct uv_peer p = {.diag_fd = -1};
    struct sockaddr_storage at;
    socklen_t len;
    struct source_id ids[2];
    static const char *const from[] = {"127.0.0.1", "127.5.5.5"};
    int listener = listen_at("127.0.0.1", AF_INET, &at, &len);
    for (size_t i = 0; i < 2; i++) {
        int fd = connect_as(listener, &at, len, from[i], getuid(), false);
        ids[i] = uv_peer_source(&p, fd);
        close(fd);
    }
    cr_expect_eq(ids[0].kind, SOURCE_IPV4);
    cr_expect_eq(memcmp(&ids[0], &ids[1], sizeof(ids[0])), 0);
    close(listener);
}

Test(uv_peer, a_unix_sockets_peer_is_its_user)
{
    struct uv_peer p;
    int pair[2];
    uv_peer_open(&p);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    cr_expect(is_user(uv_peer_source(&p, pair[0]), getuid()));
    close(pair[0]);
    close(pair[1]);
    uv_peer_close(&p);
}
