/* Who connected: the texts of /proc as tables, and real processes on both sides of the line. */
#include "isolate/peer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isolate/cgroup.h"

#define HASH "00c0ffee12345678"
#define KEY "/stratos/" HASH "/default.web.0"

Test(peer, a_task_is_known_by_its_group_wherever_the_groups_are)
{
    static const struct {
        const char *what, *text;
        bool is_task;
    } rows[] = {
        {"v2", "0::" KEY "\n", true},
        {"v2, below it", "0::" KEY "/inner\n", true},
        {"v2, its group is gone", "0::" KEY " (deleted)\n", true},
        {"v1", "5:devices:/\n4:memory:" KEY "\n3:pids:" KEY "\n2:cpu,cpuacct:" KEY "\n",
         true},
        {"hybrid", "9:name=systemd:/\n8:pids:" KEY "\n0::/\n", true},
        {"hybrid, in one hierarchy",
         "9:name=systemd:/user.slice\n8:pids:/\n4:memory:" KEY
         "\n0::/user.slice/user-0.slice/session-1.scope\n",
         true},
        {"of an agent in a container, seen from the host",
         "0::/docker/4f0e3e3c1c1e4d0e9d3c4f0e3e3c1c1e" KEY "\n", true},
        {"of an agent in a pod", "0::/kubepods/besteffort/pod12/abc" KEY "\n", true},
        {"of a neighbour, seen from a control group namespace", "0::/../def" KEY "\n",
         true},
        {"far outside the namespace", "0::/../../.." KEY "\n", true},
        {"of an agent below a delegated subtree",
         "0::/system.slice/stratos.service" KEY "\n", true},
        {"of an agent in a container's namespace, seen from there", "0::/.." KEY "\n", true},
        {"of an agent in a group called stratos", "0::/stratos" KEY "\n", true},
        {"a colon in a container's name", "0::/lxc/a:b" KEY "\n", true},

        {"no groups at all", "", false},
        {"root", "0::/\n", false},
        {"v1, root", "2:cpu:/\n1:memory:/\n", false},
        {"a shell", "0::/user.slice/user-0.slice/session-1.scope\n", false},
        {"the agent's unit", "0::/system.slice/stratos.service\n", false},
        {"the agent, in a subtree that was given to it",
         "0::/system.slice/stratos.service/agent\n", false},
        {"the agent, in a container's namespace", "0::/agent\n", false},
        {"a group called stratos", "0::/stratos\n", false},
        {"a group below one called stratos", "0::/stratos/agent\n", false},
        {"two groups below it", "0::/stratos/shims/one\n", false},
        {"a container below it",
         "0::/stratos/4f0e3e3c1c1e4d0e9d3c4f0e3e3c1c1e4f0e3e3c1c1e"
         "4d0e9d3c4f0e3e3c1c1e/init\n",
         false},
        {"a container called stratos", "0::/lxc.payload.stratos/init.scope\n", false},
        {"the agent's own group, without a task", "0::/stratos/" HASH "\n", false},
        {"and with a slash", "0::/stratos/" HASH "/\n", false},
        {"a hash of capitals", "0::/stratos/00C0FFEE12345678/x\n", false},
        {"a hash too short", "0::/stratos/00c0ffee1234567/x\n", false},
        {"another's directory", "0::/not-stratos/" HASH "/default.web.0\n", false},
        {"something between", "0::/stratos/x/" HASH "/default.web.0\n", false},
        {"the name in the controllers", "1:name=stratos:/" HASH "/x\n", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool is_task = !rows[i].is_task;
        int code = peer_groups_read(bytes_of_text(rows[i].text), &is_task);
        cr_assert(code == 0 && is_task == rows[i].is_task, "%s: %d, %d", rows[i].what,
                  code, is_task);
    }
}

Test(peer, groups_that_cannot_be_read_are_an_error)
{
    static const char *const rows[] = {"\n",     "0",         "0::",      "0::\n",
                                       "0:/x\n", "x\n0::/\n", "0::/\n\n", "0::stratos\n",
                                       "0::/"};
    bool is_task;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_assert(peer_groups_read(bytes_of_text(rows[i]), &is_task) == ERR_MALFORMED,
                  "row %zu", i);
    static const char whole[] = "8:pids:/\n4:memory:" KEY "\n0::/\n";
    for (size_t len = 10; len < sizeof(whole) - 1; len++) /* never: not a task */
        cr_assert(
            peer_groups_read((struct bytes){(const uint8_t *)whole, len}, &is_task) < 0 ||
                is_task,
            "%zu", len);
}

#define TAIL " 102 0 0 0 0 0 0 0 20 0 1 0 74792 3133440 356 18446744073709551615 9 9 9\n"

Test(peer, a_process_is_named_by_when_it_started)
{
    static const struct {
        const char *text;
        int code;
        struct peer_stat stat;
    } rows[] = {
        {"11 (cat) R 1 1 5973 0 -1 4194304" TAIL, 0, {74792, false}},
        {"11 (cat) Z 1 1 5973 0 -1 4194308" TAIL, 0, {74792, true}},
        {"11 (a) R 1 1) S 1 1 5973 0 -1 4194304" TAIL, 0, {74792, false}},
        {"11 () S 1 1 5973 0 -1 4" TAIL, 0, {74792, true}},
        {"11 (cat) R 1 1 5973 0 -1 4194304 102 0 0 0 0 0 0 0 20 0 1 0",
         ERR_MALFORMED,
         {0}},
        {"11 cat R 1 1 5973 0 -1 4194304" TAIL, ERR_MALFORMED, {0}},
        {"11 (cat) R 1 1 5973 0 -1 -4" TAIL, ERR_MALFORMED, {0}},
        {"11 (cat)", ERR_MALFORMED, {0}},
        {"", ERR_MALFORMED, {0}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct peer_stat stat = {0};
        int code = peer_stat_read(bytes_of_text(rows[i].text), &stat);
        cr_assert(code == rows[i].code && stat.started == rows[i].stat.started &&
                      stat.is_exiting == rows[i].stat.is_exiting,
                  "row %zu: %d, %llu, %d", i, code, (unsigned long long)stat.started,
                  stat.is_exiting);
    }
}

/* ---- real processes ---- */

struct world {
    struct sockaddr_un at;
    socklen_t at_len;
    int listener, go[2]; /* a byte, and the child may connect */
};

static void world_open(struct world *w)
{
    *w = (struct world){.at = {.sun_family = AF_UNIX}};
    (void)snprintf(w->at.sun_path + 1, sizeof(w->at.sun_path) - 1, "test-peer-%d",
                   (int)getpid()); /* abstract: nothing to clean up */
    w->at_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                            strlen(w->at.sun_path + 1));
    w->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert(bind(w->listener, (struct sockaddr *)&w->at, w->at_len) == 0);
    cr_assert(listen(w->listener, 4) == 0 && pipe(w->go) == 0);
}

static void connect_and_wait(const struct world *w)
{
    char go;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (read(w->go[0], &go, 1) == 1 &&
        connect(fd, (const struct sockaddr *)&w->at, w->at_len) == 0)
        (void)read(fd, &go, 1); /* until the other side has looked */
    _exit(0);
}

static void *as_thread(void *ctx)
{
    connect_and_wait(ctx);
    return NULL;
}

/* A process whose main thread is gone: v1 shows that one in the root group. */
static void connect_from_a_thread(struct world *w)
{
    pthread_t thread;
    (void)pthread_create(&thread, NULL, as_thread, w);
    pthread_exit(NULL);
}

static pid_t start(struct world *w, const struct cgroup *g, bool is_threaded)
{
    struct err err = {0};
    pid_t pid = fork();
    if (pid == 0 && g && cgroup_enter(g, &err))
        _exit(1);
    if (pid == 0 && is_threaded)
        connect_from_a_thread(w);
    if (pid == 0)
        connect_and_wait(w);
    cr_assert(pid > 0);
    cr_assert(write(w->go[1], "g", 1) == 1);
    return pid;
}

static int look(struct world *w, struct peer *peer, struct err *err)
{
    int fd = accept(w->listener, NULL, NULL);
    int code = peer_look(fd, peer, err);
    (void)close(fd);
    return code;
}

Test(peer, that_is_no_task_is_told_by_its_ids)
{
    struct world w;
    struct peer peer = {0};
    struct err err = {0};
    world_open(&w);
    pid_t pid = start(&w, NULL, false);
    cr_assert(look(&w, &peer, &err) == 0, "%s", err.text);
    cr_assert(peer.pid == pid && peer.uid == geteuid() && peer.gid == getegid());
    cr_assert(!peer.is_task);
    cr_assert(waitpid(pid, NULL, 0) == pid);
}

Test(peer, that_is_gone_is_an_error)
{
    struct world w;
    struct peer peer = {.pid = -7};
    struct err err = {0};
    world_open(&w);
    pid_t pid = start(&w, NULL, false);
    int fd = accept(w.listener, NULL, NULL);
    cr_assert(kill(pid, SIGKILL) == 0);
    siginfo_t info;
    cr_assert(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
    cr_assert(peer_look(fd, &peer, &err) == ERR_DENIED, "as a zombie");
    cr_assert(waitpid(pid, NULL, 0) == pid);
    cr_assert(peer_look(fd, &peer, &err) == ERR_DENIED, "and when it was reaped");
    cr_assert(strstr(err.text, "has ended") && peer.pid == -7, "%s", err.text);
}

Test(peer, behind_no_unix_socket_is_an_error)
{
    int fds[2], tcp = socket(AF_INET, SOCK_STREAM, 0);
    struct peer peer;
    struct err err = {0};
    cr_assert(pipe(fds) == 0);
    cr_assert(peer_look(fds[0], &peer, &err) == -ENOTSOCK, "%s", err.text);
    cr_assert(peer_look(tcp, &peer, &err) == ERR_DENIED, "%s", err.text);
    cr_assert(peer_look(-1, &peer, &err) == -EBADF, "%s", err.text);
}

static void open_group(struct cgroup *g, const char *name)
{
    char group[64];
    struct err err = {0};
    struct cgroup_limits limits = {.memory_bytes = 64 << 20, .pids = 16};
    if (geteuid() != 0)
        cr_skip_test("needs root");
    (void)snprintf(group, sizeof(group), "stratos/%016x/%s", (unsigned)getpid(), name);
    if (cgroup_find(group, g, &err))
        cr_skip_test("needs memory, pids and cpu control groups");
    cr_assert(cgroup_create(g, &limits, &err) == 0, "%s", err.text);
}

static void close_group(const struct cgroup *g)
{
    for (int i = 0; i < 100 && cgroup_remove(g) == -EBUSY; i++)
        (void)usleep(10 * 1000);
    cgroup_prune(g);
}

Test(peer, in_a_task_of_any_agent_is_a_task)
{
    struct world w;
    struct cgroup g;
    struct peer peer = {0};
    struct err err = {0};
    world_open(&w);
    open_group(&g, "d.t.0");
    pid_t pid = start(&w, &g, false);
    cr_assert(look(&w, &peer, &err) == 0, "%s", err.text);
    cr_assert(peer.pid == pid && peer.is_task);
    cr_assert(waitpid(pid, NULL, 0) == pid);
    close_group(&g);
}

Test(peer, in_a_task_does_not_pass_by_ending_its_main_thread)
{
    struct world w;
    struct cgroup g;
    struct peer peer = {0};
    struct err err = {0};
    world_open(&w);
    open_group(&g, "d.t.1");
    pid_t pid = start(&w, &g, true);
    int code = look(&w, &peer, &err);
    cr_assert(code == ERR_DENIED || (code == 0 && peer.is_task), "%d", code);
    cr_assert(waitpid(pid, NULL, 0) == pid);
    close_group(&g);
}
