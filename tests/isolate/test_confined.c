/* What a task in a real sandbox cannot do with its host. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "isolate/files.h"
#include "isolate/landlock.h"
#include "tests/isolate/world.h"

/* ---- ports ---- */

static void launch_on_port(struct world *w, uint16_t port)
{
    launch_order(w, "exec $STRATOS_BIN demo-http" /* on port 20001 */,
                 (struct launch){.ports = &port, .n_ports = 1});
}

Test(confined, a_task_listens_only_where_it_was_given_a_port)
{
    struct world w;
    if (landlock_abi() < LANDLOCK_ABI_TCP)
        cr_skip_test("this kernel has no Landlock for TCP");
    world_open(&w);
    launch_on_port(&w, 20002);
    run_until(&w, &w.n_exited, 1);
    cr_assert(w.status != 0 && strstr(output(&w, "stderr"), "ermission denied"), "%s",
              output(&w, "stderr"));
    launch_on_port(&w, 20001);
    run_until(&w, &w.n_started, 2);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(20001),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), code = -1;
    for (int i = 0; i < 500 && code < 0 && w.n_exited == 1; i++) {
        pause_ms(&w, 10);
        code = connect(fd, (struct sockaddr *)&at, sizeof(at));
    }
    cr_assert(code == 0, "%s", output(&w, "stderr"));
    (void)close(fd);
    world_close(&w);
}

/* ---- device nodes ---- */

/* A copy of /dev/null in a directory of the host, and one in a file system mounted there. */
static void make_nodes(char dir[static 64])
{
    static const char *const names[] = {"", "mounted"};
    char path[128];
    (void)strcpy(dir, "/run/stratos-nodes-XXXXXX");
    cr_assert(mkdtemp(dir) && chmod(dir, 0755) == 0);
    cr_assert(unshare(CLONE_NEWNS) == 0 &&
              mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) == 0);
    (void)snprintf(path, sizeof(path), "%s/mounted", dir);
    cr_assert(mkdir(path, 0755) == 0 &&
              mount("tmpfs", path, "tmpfs", 0, "mode=755") == 0);
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s/null", dir, names[i]);
        if (mknod(path, S_IFCHR | 0666, makedev(1, 3)) < 0 || chmod(path, 0666) < 0)
            cr_skip_test("cannot make a device node");
        int fd = open(path, O_RDWR);
        cr_assert(fd >= 0, "the host can open it: %s", strerror(errno));
        (void)close(fd);
    }
}

static void remove_nodes(const char *dir)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/mounted", dir);
    (void)umount2(path, MNT_DETACH);
    cr_assert(dir_empty(dir) == 0 && rmdir(dir) == 0);
}

Test(confined, device_nodes_of_the_hosts_file_systems_cannot_be_opened)
{
    struct world w;
    char dir[64], script[512];
    world_open(&w);
    make_nodes(dir);
    (void)snprintf(script, sizeof(script),
                   "for f in %s/null %s/mounted/null; do test -c $f && echo seen; "
                   "(: < $f) 2>&1 | grep -o 'Permission denied'; "
                   "(: > $f) 2>&1 | grep -o 'Permission denied'; done; "
                   "echo x > /dev/null && head -c 1 /dev/urandom | wc -c",
                   dir, dir);
    run_script(&w, script, 0);
    static const char each[] = "seen\nPermission denied\nPermission denied\n";
    char wanted[256];
    (void)snprintf(wanted, sizeof(wanted), "%s%s1\n", each, each);
    const char *got = output(&w, "stdout");
    remove_nodes(dir);
    cr_assert(strcmp(got, wanted) == 0, "%s%s", got, output(&w, "stderr"));
    world_close(&w);
}

Test(confined, no_mount_has_set_uid_programs_and_only_those_of_devices_have_devices)
{
    struct world w;
    world_open(&w);
    run_script(
        &w,
        "awk '$6 !~ /nosuid/ {print \"suid\", $5} "
        "$6 !~ /nodev/ && $4 !~ /^\\/null$/ {print \"dev\", $5}' "
        "/proc/self/mountinfo | sort; "
        "for d in $HOME /tmp /dev/shm /sys/fs/cgroup/memory /sys/fs/cgroup /proc; do "
        "test -d $d && awk -v d=$d '$5 == d {print \"has\", d}' /proc/self/mountinfo; "
        "done | sort -u | wc -l",
        0);
    const char *got = output(&w, "stdout");
    cr_assert(strncmp(got, "dev /dev\ndev /dev/pts\n", 22) == 0 && got[22] >= '5', "%s%s",
              got, output(&w, "stderr"));
    world_close(&w);
}

/* An empty file, not one that cannot be opened: programs stumble over the latter. */
Test(confined, a_hidden_file_is_an_empty_one)
{
    struct world w;
    char secret[128], script[512];
    world_open(&w);
    uv_runner_close(w.runner);
    (void)snprintf(secret, sizeof(secret), "%s.secret", w.dir);
    int fd = open(secret, O_WRONLY | O_CREAT, 0644);
    cr_assert(fd >= 0 && write(fd, "hush", 4) == 4 && close(fd) == 0);
    const char *const hidden[] = {secret, NULL};
    w.options.hidden = hidden;
    open_runner(&w);
    (void)snprintf(script, sizeof(script), "wc -c < %s", secret);
    run_script(&w, script, 0);
    cr_assert(strcmp(output(&w, "stdout"), "0\n") == 0, "%s%s", output(&w, "stdout"),
              output(&w, "stderr"));
    (void)unlink(secret);
    world_close(&w);
}

/* As a socket is when the next agent binds it: the mask over the file goes with the file. */
Test(confined, a_file_that_was_replaced_is_hidden_again_by_the_next_agent)
{
    struct world w;
    char path[128], fresh[160], other[160], script[1280];
    world_open(&w);
    uv_runner_close(w.runner);
    (void)snprintf(path, sizeof(path), "%s.socket", w.dir);
    (void)snprintf(fresh, sizeof(fresh), "%s.new", path);
    (void)snprintf(other, sizeof(other), "%s.other",
                   path); /* only the next agent has it */
    int fd = open(path, O_WRONLY | O_CREAT, 0644);
    cr_assert(fd >= 0 && write(fd, "hush", 4) == 4 && close(fd) == 0);
    const char *hidden[] = {path, NULL, NULL};
    w.options.hidden = hidden;
    open_runner(&w);
    (void)snprintf(script, sizeof(script),
                   "cat %s; echo up; until test -e go; do sleep 0.02; done; "
                   "cat %s %s; ls -d %s*; test -c %s && test -c %s && echo masked",
                   path, path, other, path, path, other);
    launch(&w, script);
    run_until(&w, &w.n_started, 1);
    while (!strstr(output(&w, "stdout"), "up"))
        pause_ms(&w, 10);
    uv_runner_close(w.runner);
    const char *const made[] = {fresh, other};
    for (size_t i = 0; i < 2; i++) {
        fd = open(made[i], O_WRONLY | O_CREAT, 0644);
        cr_assert(fd >= 0 && write(fd, "hush", 4) == 4 && close(fd) == 0);
    }
    cr_assert(rename(fresh, path) == 0);
    hidden[1] = other;
    open_runner(&w);
    uv_runner_found(w.runner, on_found, &w);
    (void)snprintf(fresh, sizeof(fresh), "%s/tasks/d.t.0/work/go", w.dir);
    cr_assert(close(open(fresh, O_WRONLY | O_CREAT, 0644)) == 0);
    run_until(&w, &w.n_exited, 1);
    (void)unlink(path);
    (void)unlink(other);
    cr_assert(!strstr(output(&w, "stdout"), "hush") &&
                  strstr(output(&w, "stdout"), "masked\n"),
              "%s", output(&w, "stdout"));
    world_close(&w);
}

/* ---- tokens ---- */

/* `wanted` stdout of a task that was given the token "st1.one". */
static void run_with_token(struct world *w, const char *user, const char *script,
                           const char *wanted)
{
    struct task_spec task = {.user = user};
    int n = w->n_exited;
    uv_runner_remove(w->runner, "d.t.0");
    pause_ms(w, 50);
    launch_order(w, script, (struct launch){.task = &task, .token = "st1.one"});
    run_until(w, &w->n_exited, n + 1);
    cr_assert(strcmp(output(w, "stdout"), wanted) == 0, "'%s' as %s: %s%s", script,
              user ? user : "root", output(w, "stdout"), output(w, "stderr"));
}

#define TOKEN "/dev/stratos/token"

Test(confined, a_token_is_read_by_its_user_and_by_nobody_else)
{
    struct world w;
    world_open(&w);
    static const char *const users[] = {NULL, "nobody:nogroup"};
    for (size_t i = 0; i < 2; i++) {
        run_with_token(&w, users[i], "cat " TOKEN, "st1.one\n");
        run_with_token(&w, users[i], "stat -c '%a' " TOKEN " /dev/stratos", "400\n755\n");
        run_with_token(&w, users[i],
                       "test $(stat -c %u " TOKEN ") = $(id -u) && echo own", "own\n");
        run_with_token(&w, users[i], "stat -f -c %T " TOKEN, "tmpfs\n");
    }
    run_with_token(&w, "nobody:nogroup",
                   "(echo x > " TOKEN ") 2>/dev/null; mv " TOKEN " /tmp/x 2>/dev/null; "
                   "touch /dev/stratos/y 2>/dev/null; ls -A /dev/stratos; cat " TOKEN,
                   "token\nst1.one\n");
    world_close(&w);
}

Test(confined, a_task_without_a_token_has_no_place_for_one)
{
    struct world w;
    world_open(&w);
    run_script(&w, "ls -A /dev/stratos 2>/dev/null || echo none", 0);
    cr_assert_str_eq(output(&w, "stdout"), "none\n");
    world_close(&w);
}

static bool holds(const char *dir, const char *text)
{
    char command[256];
    (void)snprintf(command, sizeof(command),
                   "grep -rqF '%s' %s --exclude='std*.log' 2>/dev/null", text, dir);
    return system(command) == 0;
}

Test(confined, a_token_is_on_no_disk_and_in_no_environment)
{
    struct world w;
    char command[256];
    world_open(&w);
    struct task_spec task = {0};
    launch_order(&w, "echo up; exec sleep 60",
                 (struct launch){.task = &task, .token = "st1.one"});
    run_until(&w, &w.n_started, 1);
    cr_assert(holds(w.dir, "d.t.0") && !holds(w.dir, "st1.one"));
    (void)snprintf(command, sizeof(command),
                   "cat /proc/%u/environ /proc/%u/cmdline | grep -qF st1.one", w.pid,
                   w.pid);
    cr_assert(system(command) != 0);
    world_close(&w);
}

Test(confined, a_running_task_gets_another_token_also_from_the_next_agent)
{
    struct world w;
    static const char *const users[] = {NULL, "nobody:nogroup"};
    world_open(&w);
    cr_assert_eq(uv_runner_token(w.runner, "d.t.0", "st1.x"), -ESRCH);
    for (int i = 0; i < 2; i++) {
        struct task_spec task = {.user = users[i]};
        uv_runner_remove(w.runner, "d.t.0"); /* its output, too */
        pause_ms(&w, 100);
        launch_order(&w,
                     "cat " TOKEN "; echo; for t in two three; do "
                     "until grep -q st1.$t " TOKEN
                     "; do sleep 0.02; done; echo $t; done; "
                     "stat -c %a " TOKEN "; ls -A /dev/stratos",
                     (struct launch){.task = &task, .token = "st1.one"});
        run_until(&w, &w.n_started, i + 1);
        while (!strstr(output(&w, "stdout"), "one"))
            pause_ms(&w, 10);
        cr_assert_eq(uv_runner_token(w.runner, "d.t.0", "st1.two"), 0);
        while (!strstr(output(&w, "stdout"), "two"))
            pause_ms(&w, 10);
        uv_runner_close(w.runner);
        open_runner(&w);
        uv_runner_found(w.runner, on_found, &w);
        cr_assert_eq(uv_runner_token(w.runner, "d.t.0", "st1.three"), 0);
        run_until(&w, &w.n_exited, i + 1);
        cr_assert(strstr(output(&w, "stdout"), "st1.one\ntwo\nthree\n400\ntoken\n"),
                  "%s%s", output(&w, "stdout"), output(&w, "stderr"));
    }
    world_close(&w);
}

Test(confined, a_token_that_comes_during_the_start_is_the_one_that_stays)
{
    struct world w;
    world_open(&w);
    struct task_spec task = {0};
    for (int i = 0; i < 2; i++) {
        launch_order(&w, "until grep -q st1.two " TOKEN "; do sleep 0.02; done; echo two",
                     (struct launch){.task = &task, .token = "st1.one"});
        if (i == 1) /* its shim is there, the task not yet */
            (void)uv_run(&w.loop, UV_RUN_ONCE);
        cr_assert_eq(uv_runner_token(w.runner, "d.t.0", "st1.two"), 0);
        run_until(&w, &w.n_exited, i + 1);
        cr_assert(w.status == 0 && strstr(output(&w, "stdout"), "two\n"));
    }
    world_close(&w);
}

/* The agent writes as root into a place that a task of root can spoil. */
Test(confined, a_task_cannot_lead_the_writer_of_its_token_elsewhere)
{
    struct world w;
    char path[128], script[512];
    world_open(&w);
    (void)snprintf(path, sizeof(path), "%s.victim", w.dir);
    (void)snprintf(script, sizeof(script),
                   "rm -f " TOKEN "; ln -s %s " TOKEN "; ln -s %s /dev/stratos/.new; "
                   "mv /dev/stratos /dev/x 2>/dev/null; echo up; "
                   "until grep -q st1.two " TOKEN " 2>/dev/null; do sleep 0.02; done",
                   path, path);
    int fd = open(path, O_WRONLY | O_CREAT, 0644);
    cr_assert(fd >= 0 && write(fd, "whole", 5) == 5 && close(fd) == 0);
    struct task_spec task = {0};
    launch_order(&w, script, (struct launch){.task = &task, .token = "st1.one"});
    run_until(&w, &w.n_started, 1);
    while (!strstr(output(&w, "stdout"), "up"))
        pause_ms(&w, 10);
    cr_assert_eq(uv_runner_token(w.runner, "d.t.0", "st1.two"), 0);
    run_until(&w, &w.n_exited, 1);
    cr_assert(holds(path, "whole") && !holds(path, "st1"));
    (void)unlink(path);
    world_close(&w);
}
