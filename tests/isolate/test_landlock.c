/* What a confined process can and cannot do; each case in a child, since there is no way back. */
#include "isolate/landlock.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isolate/privilege.h"

enum { OWN = 23456, OTHER = 23457 };

static const uint16_t own_ports[] = {OWN, OWN + 2};

static void need(unsigned abi)
{
    if (landlock_abi() < abi)
        cr_skip_test("this kernel has no Landlock ABI %u", abi);
}

/* Runs `inside` in a confined child; what it returns is the child's exit status. */
static int confined(int (*inside)(const void *ctx), const void *ctx)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        struct err err = {0};
        _exit(landlock_confine(own_ports, 2, &err) == 0 ? inside(ctx) : 200);
    }
    cr_assert(pid > 0 && waitpid(pid, &status, 0) == pid);
    cr_assert(WIFEXITED(status), "status %#x", (unsigned)status);
    return WEXITSTATUS(status);
}

/* ---- ports ---- */

struct place {
    const char *address;
    uint16_t port;
    int family; /* 0: that of the address */
    int error;
};

static int bind_at(const struct place *p, int type)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(p->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(p->port)};
    bool is_v4 = inet_pton(AF_INET, p->address, &v4.sin_addr) == 1;
    if (!is_v4 && inet_pton(AF_INET6, p->address, &v6.sin6_addr) != 1)
        return 201;
    if (p->family == AF_UNSPEC + 1)
        v4.sin_family = AF_UNSPEC;
    int one = 1, fd = socket(is_v4 ? AF_INET : AF_INET6, type, 0);
    if (fd < 0)
        return errno == EAFNOSUPPORT ? p->error : 202; /* a host without IPv6 */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    int code = is_v4 ? bind(fd, (struct sockaddr *)&v4, sizeof(v4))
                     : bind(fd, (struct sockaddr *)&v6, sizeof(v6));
    int error = code < 0 ? errno : 0;
    (void)close(fd);
    return error == EADDRNOTAVAIL ? p->error : error; /* the same */
}

static int bind_tcp(const void *ctx)
{
    return bind_at(ctx, SOCK_STREAM);
}

static int bind_udp(const void *ctx)
{
    return bind_at(ctx, SOCK_DGRAM);
}

Test(landlock, a_task_binds_its_own_tcp_ports_and_any_free_one)
{
    static const struct place rows[] = {
        {"127.0.0.1", OWN, 0, 0},
        {"127.0.0.1", OWN + 2, 0, 0},
        {"0.0.0.0", OWN, 0, 0},
        {"::1", OWN, 0, 0},
        {"::", OWN, 0, 0},
        {"127.0.0.1", 0, 0, 0},
        {"0.0.0.0", 0, 0, 0},
        {"::1", 0, 0, 0},
        {"127.0.0.1", OTHER, 0, EACCES},
        {"0.0.0.0", OTHER, 0, EACCES},
        {"127.0.0.2", OTHER, 0, EACCES},
        {"::1", OTHER, 0, EACCES},
        {"::", OTHER, 0, EACCES},
        {"::ffff:127.0.0.1", OTHER, 0, EACCES},
        {"0.0.0.0", OTHER, AF_UNSPEC + 1, EACCES}, /* bind(2) takes it for AF_INET */
        {"127.0.0.1", 1024, 0, EACCES},
        {"127.0.0.1", 65535, 0, EACCES},
        {"127.0.0.1", 80, 0, EACCES},
    };
    need(LANDLOCK_ABI_TCP);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int error = confined(bind_tcp, &rows[i]);
        cr_assert(error == rows[i].error, "%s port %u: %s", rows[i].address, rows[i].port,
                  strerror(error));
    }
    cr_assert_eq(confined(bind_udp, &(const struct place){"127.0.0.1", OTHER, 0, 0}), 0,
                 "UDP is not covered");
}

static int connect_out(const void *ctx)
{
    const struct sockaddr_in *to = ctx;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0 ? 0 : errno;
}

Test(landlock, a_task_connects_wherever_it_wants)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);
    need(LANDLOCK_ABI_TCP);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert(bind(listener, (struct sockaddr *)&at, len) == 0 &&
              listen(listener, 1) == 0 &&
              getsockname(listener, (struct sockaddr *)&at, &len) == 0);
    cr_assert_eq(confined(connect_out, &at), 0);
}

/* ---- sockets that are TCP under another name ---- */

static int make_socket(const void *ctx)
{
    const int *kind = ctx;
    struct err err = {0};
    if (privilege_filter(&err) < 0)
        return 203;
    return socket(kind[0], kind[1], kind[2]) < 0 ? errno : 0;
}

Test(landlock, is_not_evaded_by_sockets_that_it_does_not_take_for_tcp)
{
    static const struct {
        int kind[3], error;
    } rows[] = {
        {{AF_INET, SOCK_STREAM, 262}, EPROTONOSUPPORT}, /* MPTCP */
        {{AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 262}, EPROTONOSUPPORT},
        {{AF_INET, SOCK_STREAM, 256}, EPROTONOSUPPORT}, /* SMC */
        {{43, SOCK_STREAM, 0}, EPROTONOSUPPORT},
        {{43, SOCK_STREAM, 1}, EPROTONOSUPPORT},
        {{AF_INET, SOCK_STREAM, 0}, 0},
        {{AF_INET, SOCK_STREAM, IPPROTO_TCP}, 0},
        {{AF_INET, SOCK_DGRAM, 0}, 0},
        {{AF_UNIX, SOCK_STREAM, 0}, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int error = confined(make_socket, rows[i].kind);
        cr_assert(error == rows[i].error, "row %zu: %s", i, strerror(error));
    }
}

static int set_range(const void *ctx)
{
    const int *family = ctx;
    struct err err = {0};
    uint32_t range = 40000u << 16 | 40000u;
    int on = 1;
    if (privilege_filter(&err) < 0)
        return 203;
    int fd = socket(*family, SOCK_STREAM, 0);
    if (setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)) < 0)
        return 204; /* other options stay */
    return setsockopt(fd, IPPROTO_IP, 51, &range, sizeof(range)) < 0 ? errno : 0;
}

Test(landlock, any_free_port_is_not_one_that_the_task_chose)
{
    cr_assert_eq(confined(set_range, &(const int){AF_INET}), ENOPROTOOPT);
    cr_assert_eq(confined(set_range, &(const int){AF_INET6}), ENOPROTOOPT);
}

/* ---- sockets without a path ---- */

static socklen_t abstract(struct sockaddr_un *at, const char *name)
{
    *at = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)snprintf(at->sun_path + 1, sizeof(at->sun_path) - 1, "test-landlock-%s-%d",
                   name, (int)getppid());
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                       strlen(at->sun_path + 1));
}

struct abstract_place {
    struct sockaddr_un at;
    socklen_t len;
};

static int reach_stream(const void *ctx)
{
    const struct abstract_place *p = ctx;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return connect(fd, (const struct sockaddr *)&p->at, p->len) < 0 ? errno : 0;
}

static int reach_datagram(const void *ctx)
{
    const struct abstract_place *p = ctx;
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    return sendto(fd, "x", 1, 0, (const struct sockaddr *)&p->at, p->len) < 0 ? errno : 0;
}

static int reach_own(const void *ctx)
{
    struct abstract_place p;
    (void)ctx;
    p.len = abstract(&p.at, "own");
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), status = -1;
    if (bind(fd, (struct sockaddr *)&p.at, p.len) < 0 || listen(fd, 2) < 0)
        return errno;
    pid_t pid = fork();
    if (pid == 0)
        _exit(reach_stream(&p));
    return waitpid(pid, &status, 0) == pid && reach_stream(&p) == 0 ? WEXITSTATUS(status)
                                                                    : 205;
}

Test(landlock, abstract_sockets_of_the_host_are_out_of_reach_and_own_ones_are_not)
{
    struct abstract_place stream, datagram;
    need(LANDLOCK_ABI_SCOPE);
    stream.len = abstract(&stream.at, "host");
    datagram.len = abstract(&datagram.at, "hostd");
    int a = socket(AF_UNIX, SOCK_STREAM, 0), b = socket(AF_UNIX, SOCK_DGRAM, 0);
    cr_assert(bind(a, (struct sockaddr *)&stream.at, stream.len) == 0 &&
              listen(a, 1) == 0);
    cr_assert(bind(b, (struct sockaddr *)&datagram.at, datagram.len) == 0);
    cr_assert_eq(reach_stream(&stream), 0);
    cr_assert_eq(confined(reach_stream, &stream), EPERM);
    cr_assert_eq(confined(reach_datagram, &datagram), EPERM);
    cr_assert_eq(confined(reach_own, NULL), 0);
}

/* ---- signals ---- */

static int signal_parent(const void *ctx)
{
    (void)ctx;
    return kill(getppid(), SIGTERM) < 0 ? errno : 0;
}

static void *kill_process(void *ctx)
{
    (void)ctx;
    (void)kill(getpid(), SIGUSR1);
    return NULL;
}

/* Both ways between parent and child, through exec and between threads. */
static int signal_own(const void *ctx)
{
    (void)ctx;
    sigset_t set;
    pthread_t thread;
    int got = 0, status = 0;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(execl("/bin/sh", "sh", "-c", "kill -USR1 $PPID; exec sleep 60", NULL));
    if (sigwait(&set, &got) || kill(child, SIGHUP) < 0 ||
        waitpid(child, &status, 0) != child || !WIFSIGNALED(status))
        return 206;
    if (pthread_create(&thread, NULL, kill_process, NULL) || sigwait(&set, &got))
        return 207;
    return pthread_join(thread, NULL);
}

Test(landlock, signals_stay_within_the_task)
{
    need(LANDLOCK_ABI_SCOPE);
    (void)signal(SIGTERM, SIG_IGN);
    cr_assert_eq(confined(signal_parent, NULL), EPERM);
    cr_assert_eq(confined(signal_own, NULL), 0);
}

Test(landlock, signals_reach_the_task_from_outside)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        struct err err = {0};
        if (landlock_confine(NULL, 0, &err) == 0)
            (void)pause();
        _exit(1);
    }
    for (int i = 0; i < 200; i++) { /* before and after it is confined */
        (void)usleep(1000);
        (void)kill(pid, 0);
    }
    cr_assert(kill(pid, SIGTERM) == 0 && waitpid(pid, &status, 0) == pid);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

/* ---- what must stay ---- */

static int move_files(const void *ctx)
{
    char from[128], to[128];
    (void)snprintf(from, sizeof(from), "%s/a/f", (const char *)ctx);
    (void)snprintf(to, sizeof(to), "%s/b/f", (const char *)ctx);
    if (link(from, to) < 0 || unlink(from) < 0 || rename(to, from) < 0)
        return errno;
    return access(from, F_OK) < 0 ? errno : 0;
}

Test(landlock, files_move_between_directories_as_before)
{
    char dir[] = "/tmp/stratos-landlock-XXXXXX", path[128];
    cr_assert(mkdtemp(dir));
    static const char *const names[] = {"a", "b"};
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        cr_assert(mkdir(path, 0755) == 0);
    }
    (void)snprintf(path, sizeof(path), "%s/a/f", dir);
    cr_assert(close(open(path, O_WRONLY | O_CREAT, 0644)) == 0);
    int error = confined(move_files, dir);
    (void)unlink(path);
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)rmdir(path);
    }
    cr_assert_eq(rmdir(dir), 0);
    cr_assert_eq(error, 0, "%s", strerror(error));
}

static int read_no_new_privs(const void *ctx)
{
    (void)ctx;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

Test(landlock, confining_is_for_good)
{
    need(LANDLOCK_ABI_TCP);
    cr_assert_eq(confined(read_no_new_privs, NULL), 1);
}

Test(landlock, says_what_an_older_kernel_cannot_do)
{
    cr_assert_not_null(strstr(landlock_missing(0), "TCP ports"));
    cr_assert_not_null(strstr(landlock_missing(LANDLOCK_ABI_TCP - 1), "TCP ports"));
    cr_assert_null(strstr(landlock_missing(LANDLOCK_ABI_TCP), "TCP ports"));
    cr_assert_not_null(strstr(landlock_missing(LANDLOCK_ABI_SCOPE - 1), "abstract"));
    cr_assert_null(landlock_missing(LANDLOCK_ABI_SCOPE));
}
