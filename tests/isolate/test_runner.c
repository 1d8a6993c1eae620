/* The runner with real processes. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/hash.h"
#include "isolate/cgroup.h"
#include "isolate/files.h"
#include "tests/isolate/world.h"

Test(runner, reports_the_exit_status_and_keeps_all_output)
{
    struct world w;
    world_open(&w);
    run_script(&w, "echo out; echo err >&2; printf tail; exit 7", 7);
    cr_assert_str_eq(output(&w, "stdout"), "out\ntail\n");
    cr_assert_str_eq(output(&w, "stderr"), "err\n");
    run_script(&w, "seq 1 20000; kill -9 $$", 137);
    const char *text = output_of_all(&w, "stdout");
    cr_assert(strstr(text, "\n20000\n") && strncmp(text, "out\ntail\n1\n2\n", 13) == 0);
    cr_assert(!w.is_oom);
    world_close(&w);
}

Test(runner, a_host_that_lets_nothing_run_from_memory_gets_the_agents_own_program)
{
    struct world w;
    world_open(&w);
    uv_runner_close(w.runner);
    w.options.shim_path = w.shim;
    open_runner(&w);
    run_script(&w, "echo out; exit 7", 7);
    cr_assert_str_eq(output(&w, "stdout"), "out\n");
    world_close(&w);
}

Test(runner, a_task_is_alone_and_powerless)
{
    static const struct {
        const char *script, *wanted;
    } rows[] = {
        {"echo $$", "2\n"}, /* its own PIDs: init is 1 */
        {"echo $STRATOS_JOB $PORT $HOME-$PWD ${USER}x", NULL},
        {"hostname", "d-t-0\n"},
        {"grep -E '^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' "
         "/proc/self/status | tr -d '\\t\\n'; echo",
         "CapInh:0000000000000000CapPrm:0000000000000000CapEff:0000000000000000CapBnd:"
         "0000000000000000"
         "CapAmb:0000000000000000NoNewPrivs:1Seccomp:2\n"},
        {"ls /dev | tr '\\n' ' '",
         "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero \n"},
        {"ls /tmp /var/tmp /dev/shm | wc -l; touch /tmp/a && echo made", NULL},
        {"ls /proc | grep -cE '^[0-9]+$'", NULL},
        {"cat /proc/self/cgroup | grep -c stratos", "0\n"},
        {"echo 1 > /proc/sys/kernel/panic || echo refused", "refused\n"},
        {"touch /usr/x 2>/dev/null || touch /etc/x 2>/dev/null || touch /root/x "
         "2>/dev/null || echo refused",
         "refused\n"},
        {"mount -t tmpfs none /mnt 2>/dev/null || unshare -U true 2>/dev/null || echo "
         "refused",
         "refused\n"},
        {"test -s /proc/kcore || test -s /proc/kallsyms || echo empty", "empty\n"},
        {"ls -A /sys/kernel/debug /sys/firmware /run/stratos 2>/dev/null | grep -v : | "
         "tr -d '\\n'; echo",
         "\n"},
        {"for f in $(find /sys/fs/cgroup -name 'memory*limit_in_bytes' -o -name "
         "memory.max); do "
         "(echo -1 > $f) 2>/dev/null && echo raised; done; echo done",
         "done\n"},
        {"ls /proc/self/fd | wc -l", "4\n"}, /* its three and the directory being read */
    };
    struct world w;
    world_open(&w);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        w.n_failed = 0;
        uv_runner_remove(w.runner, "d.t.0");
        pause_ms(&w, 20);
        int n = w.n_exited;
        launch(&w, rows[i].script);
        run_until(&w, &w.n_exited, n + 1);
        if (rows[i].wanted)
            cr_assert(strcmp(output(&w, "stdout"), rows[i].wanted) == 0,
                      "'%s' says '%s' '%s'", rows[i].script, output(&w, "stdout"),
                      output(&w, "stderr"));
        else
            cr_log_info("%s", output(&w, "stdout"));
    }
    world_close(&w);
}

Test(runner, secrets_and_other_tasks_are_hidden)
{
    struct world w;
    char script[1024], secret[128], hidden_dir[128];
    world_open(&w);
    uv_runner_close(w.runner);
    (void)snprintf(secret, sizeof(secret), "%s.secret", w.dir);
    (void)snprintf(hidden_dir, sizeof(hidden_dir), "%s.hidden", w.dir);
    int fd = open(secret, O_WRONLY | O_CREAT, 0644);
    cr_assert(fd >= 0 && write(fd, "hush", 4) == 4 && close(fd) == 0);
    cr_assert(mkdir(hidden_dir, 0755) == 0);
    const char *const hidden[] = {secret, hidden_dir, NULL};
    w.options.hidden = hidden;
    open_runner(&w);
    (void)snprintf(
        script, sizeof(script),
        "cat %s; ls -A %s; find %s -mindepth 1 | grep -v tasks$ | grep -v d.t.0; "
        "touch %s/x 2>/dev/null || echo sealed; touch $HOME/ok && echo mine",
        secret, hidden_dir, w.dir, w.dir);
    run_script(&w, script, 0);
    cr_assert(strstr(output(&w, "stdout"), "hush") == NULL);
    cr_assert(strstr(output(&w, "stdout"), "mine\n"), "%s%s", output(&w, "stdout"),
              output(&w, "stderr"));
    cr_assert(strstr(output(&w, "stdout"), "launch") == NULL, "%s", output(&w, "stdout"));
    (void)unlink(secret);
    (void)rmdir(hidden_dir);
    world_close(&w);
}

/* A rename takes away the mounts over what it replaces, in every mount namespace. */
Test(runner, a_secret_that_is_replaced_while_a_task_runs_stays_hidden)
{
    struct world w;
    char script[1024], own[128], secret[160], fresh[160];
    world_open(&w);
    uv_runner_close(w.runner);
    (void)snprintf(own, sizeof(own), "%s.own/stratos", w.dir);
    (void)snprintf(secret, sizeof(secret), "%s/secret", own);
    (void)snprintf(fresh, sizeof(fresh), "%s/secret.new", own);
    cr_assert(dir_make(own, 0755) == 0);
    int fd = open(secret, O_WRONLY | O_CREAT, 0644);
    cr_assert(fd >= 0 && write(fd, "hush", 4) == 4 && close(fd) == 0);
    const char *const hidden[] = {secret, NULL};
    w.options.hidden = hidden;
    open_runner(&w);
    (void)snprintf(script, sizeof(script), "sleep 1; cat %s 2>&1", secret);
    launch_with(&w, script, (struct task_spec){0});
    run_until(&w, &w.n_started, 1);
    fd = open(fresh, O_WRONLY | O_CREAT, 0644);
    cr_assert(fd >= 0 && write(fd, "hush, hush", 10) == 10 && close(fd) == 0);
    cr_assert(rename(fresh, secret) == 0);
    run_until(&w, &w.n_exited, 1);
    cr_assert(strstr(output(&w, "stdout"), "hush") == NULL, "%s", output(&w, "stdout"));
    (void)snprintf(own, sizeof(own), "%s.own", w.dir);
    cr_assert(dir_empty(own) == 0 && rmdir(own) == 0);
    world_close(&w);
}

Test(runner, a_removed_tasks_directory_is_deleted_beside_the_loop)
{
    struct world w;
    char path[128];
    world_open(&w);
    run_script(&w,
               "i=0; while [ $i -lt 300 ]; do mkdir -p d$i/e/f; i=$((i+1)); done; "
               "i=0; while [ $i -lt 200 ]; do mkdir d; cd d; i=$((i+1)); done",
               0);
    uv_runner_remove(w.runner, "d.t.0");
    (void)snprintf(path, sizeof(path), "%s/tasks/d.t.0/work", w.dir);
    for (int i = 0; i < 200 && access(path, F_OK) == 0; i++)
        pause_ms(&w, 10);
    cr_assert(access(path, F_OK) < 0, "out of the way at once");
    (void)snprintf(path, sizeof(path), "%s/trash", w.dir);
    int code = -1;
    for (int i = 0; i < WAIT_MS / 10 && code != 0; i++) {
        pause_ms(&w, 10);
        code = rmdir(path); /* empty at last */
    }
    cr_assert(code == 0);
    world_close(&w);
}

Test(runner, what_cannot_start_says_why)
{
    static const char *const missing[] = {"./web", NULL};
    static const char *const shell[] = {"/bin/sh", NULL};
    static const struct {
        struct task_spec task;
        const char *wanted;
    } rows[] = {
        {{.argv = missing, .n_argv = 1}, "the program ./web is looked for in the task's own directory, which is empty: give its whole path"},
        {{.argv = shell, .n_argv = 1, .user = "no-such"},
         "user 'no-such' does not exist on this host"},
        {{.argv = missing, .n_argv = 1, .dir = "/nowhere"},
         "the directory /nowhere is not on this host"},
    };
    struct world w;
    world_open(&w);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct launch l = {.key = "d.t.0", .task = &rows[i].task};
        w.n_failed = 0;
        uv_runner_launch(w.runner, &l);
        cr_assert(w.n_failed == 0, "answers come from the loop");
        w.is_late = false;
        (void)uv_timer_start(&w.limit, on_limit, WAIT_MS, 0);
        while (!w.is_late && w.n_failed == 0)
            (void)uv_run(&w.loop, UV_RUN_ONCE);
        cr_assert_str_eq(w.why, rows[i].wanted);
    }
    cr_assert(w.n_started == 0 && w.n_exited == 0);
    w.n_failed = 0;
    world_close(&w);
}

Test(runner, the_user_owns_its_directory_and_nothing_else)
{
    struct world w;
    world_open(&w);
    launch_with(&w,
                "id -u; id -g; touch $HOME/x && echo mine; touch /var/x 2>/dev/null || "
                "echo refused",
                (struct task_spec){.user = "nobody:nogroup"});
    run_until(&w, &w.n_exited, 1);
    cr_assert(strcmp(output(&w, "stdout"), "65534\n65534\nmine\nrefused\n") == 0, "%s%s",
              output(&w, "stdout"), output(&w, "stderr"));
    world_close(&w);
}

Test(runner, memory_and_pids_are_limited)
{
    struct world w;
    world_open(&w);
    run_script(&w, "echo fits", 0);
    cr_assert(!w.is_oom);
    launch_with(&w, "head -c 200m /dev/zero | tail -c 150m >/dev/null",
                (struct task_spec){.memory_bytes = 16 << 20});
    run_until(&w, &w.n_exited, 2);
    cr_assert((w.is_oom || w.fact.had_oom) && w.status == 137, "status %d oom %d",
              w.status, w.is_oom);
    launch_with(&w, "for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; echo all",
                (struct task_spec){.pids = 6});
    run_until(&w, &w.n_exited, 3);
    cr_assert(strstr(output(&w, "stderr"), "ork"), "stderr: %s", output(&w, "stderr"));
    world_close(&w);
}

Test(runner, signals_reach_the_task_and_kill_takes_all)
{
    struct world w;
    world_open(&w);
    launch(&w, "trap 'echo got; exit 3' TERM; echo up; while :; do sleep 0.05; done");
    run_until(&w, &w.n_started, 1);
    while (!strstr(output(&w, "stdout"), "up"))
        pause_ms(&w, 10);
    uv_runner_stop(w.runner, "d.t.0",
                   &(struct stop_order){.signal = SIGTERM, .grace_ms = WAIT_MS});
    run_until(&w, &w.n_exited, 1);
    cr_assert(w.status == 3, "status %d", w.status);
    cr_assert(strstr(output(&w, "stdout"), "got"));

    launch(&w,
           "exec sleep 100"); /* no handler: the default applies, as it would outside */
    run_until(&w, &w.n_started, 2);
    uv_runner_stop(w.runner, "d.t.0",
                   &(struct stop_order){.signal = SIGTERM, .grace_ms = WAIT_MS});
    run_until(&w, &w.n_exited, 2);
    cr_assert(w.status == 143, "status %d", w.status);

    launch(&w, "trap '' TERM; echo deaf; (trap '' TERM; sleep 100) & sleep 100");
    run_until(&w, &w.n_started, 3);
    while (!strstr(output(&w, "stdout"), "deaf"))
        pause_ms(&w, 10);
    uv_runner_stop(w.runner, "d.t.0",
                   &(struct stop_order){.signal = SIGTERM, .grace_ms = WAIT_MS});
    pause_ms(&w, 100);
    cr_assert(w.n_exited == 2);
    uv_runner_kill(w.runner, "d.t.0");
    run_until(&w, &w.n_exited, 3);
    cr_assert(w.status == 137 && !w.is_oom, "status %d", w.status);
    world_close(&w);
}

static pid_t parent_of(pid_t pid)
{
    char path[64], line[256];
    int parent = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file))
        (void)sscanf(line, "PPid: %d", &parent);
    if (file)
        (void)fclose(file);
    return parent;
}

Test(runner, a_killed_shim_takes_its_task_along)
{
    struct world w;
    world_open(&w);
    launch(&w, "exec sleep 100");
    run_until(&w, &w.n_started, 1);
    pid_t task = (pid_t)w.pid, shim = parent_of(parent_of(task));
    cr_assert(shim > 1 && kill(shim, SIGKILL) == 0);
    run_until(&w, &w.n_exited, 1);
    cr_assert(w.status == 137);
    for (int i = 0; i < 200 && kill(task, 0) == 0; i++)
        pause_ms(&w, 10);
    cr_assert(kill(task, 0) < 0 && errno == ESRCH);
    run_script(&w, "echo again", 0);
    world_close(&w);
}

Test(runner, a_new_agent_finds_what_runs_and_what_ended)
{
    struct world w;
    world_open(&w);
    launch(&w, "while [ ! -e $HOME/go ]; do sleep 0.05; done; echo bye; exit 4");
    run_until(&w, &w.n_started, 1);
    uint32_t pid = w.pid;
    uv_runner_note(w.runner, "d.t.0", bytes_of_text("another note"));
    uv_runner_close(w.runner);
    pause_ms(&w, 50);
    open_runner(&w);
    uv_runner_found(w.runner, on_found, &w);
    cr_assert(w.n_found == 1 && w.found_pid == pid && w.n_exited == 0);
    cr_assert_str_eq(w.found_note, "another note");

    uv_runner_close(w.runner); /* it ends while nobody looks */
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/tasks/d.t.0/work/go", w.dir);
    cr_assert(close(open(path, O_WRONLY | O_CREAT, 0644)) == 0);
    for (int i = 0; i < 500 && kill((pid_t)pid, 0) == 0; i++)
        pause_ms(&w, 10);
    pause_ms(&w, 200);
    open_runner(&w);
    uv_runner_found(w.runner, on_found, &w);
    cr_assert(w.n_found == 2 && w.found_pid == 0 && w.n_exited == 0);
    run_until(&w, &w.n_exited, 1);
    cr_assert(w.status == 4, "status %d", w.status);
    uv_runner_remove(w.runner, "d.t.0");
    pause_ms(&w, 100);
    uv_runner_close(w.runner);
    open_runner(&w);
    uv_runner_found(w.runner, on_found, &w);
    cr_assert(w.n_found == 2, "what was removed is not found");
    world_close(&w);
}

Test(runner, an_adopted_task_can_be_signalled_and_watched)
{
    struct world w;
    world_open(&w);
    launch(&w, "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done");
    run_until(&w, &w.n_started, 1);
    while (!strstr(output(&w, "stdout"), "up"))
        pause_ms(&w, 10);
    uv_runner_close(w.runner);
    open_runner(&w);
    uv_runner_found(w.runner, on_found, &w);
    uv_runner_stop(w.runner, "d.t.0",
                   &(struct stop_order){.signal = SIGTERM, .grace_ms = WAIT_MS});
    run_until(&w, &w.n_exited, 1);
    cr_assert(w.status == 5, "status %d", w.status);
    world_close(&w);
}

Test(runner, tasks_that_die_with_the_agent_do)
{
    struct world w;
    world_open(&w);
    uv_runner_close(w.runner);
    w.options.tasks_die = true;
    open_runner(&w);
    launch(&w, "exec sleep 100");
    run_until(&w, &w.n_started, 1);
    uv_runner_close(w.runner);
    for (int i = 0; i < 300 && kill((pid_t)w.pid, 0) == 0; i++)
        pause_ms(&w, 10);
    cr_assert(kill((pid_t)w.pid, 0) < 0);
    open_runner(&w);
    world_close(&w);
}

/* An agent of its own process, killed without warning once its task runs; returns the
 * task's PID. */
static pid_t run_and_kill_agent(struct world *w, bool tasks_die)
{
    int pipe_fds[2];
    uint32_t pid = 0;
    cr_assert(pipe(pipe_fds) == 0);
    uv_runner_close(w->runner);
    pause_ms(w, 20);
    pid_t agent = fork();
    if (agent == 0) {
        (void)uv_loop_fork(&w->loop);
        w->options.tasks_die = tasks_die;
        open_runner(w);
        launch(w, "exec sleep 100");
        while (w->n_started == 0 && w->n_failed == 0)
            (void)uv_run(&w->loop, UV_RUN_ONCE);
        (void)!write(pipe_fds[1], &w->pid, sizeof(w->pid));
        for (;;)
            (void)pause();
    }
    cr_assert(agent > 0);
    cr_assert(read(pipe_fds[0], &pid, sizeof(pid)) == sizeof(pid) && pid > 1);
    (void)close(pipe_fds[0]);
    (void)close(pipe_fds[1]);
    cr_assert(kill(agent, SIGKILL) == 0 && waitpid(agent, NULL, 0) == agent);
    open_runner(w);
    return (pid_t)pid;
}

Test(runner, a_killed_agent_leaves_its_tasks_running)
{
    struct world w;
    world_open(&w);
    pid_t task = run_and_kill_agent(&w, false);
    pause_ms(&w, 200);
    cr_assert(kill(task, 0) == 0);
    uv_runner_found(w.runner, on_found, &w);
    cr_assert(w.found_pid == (uint32_t)task);
    uv_runner_kill(w.runner, "d.t.0");
    run_until(&w, &w.n_exited, 1);
    cr_assert(w.status == 137);
    world_close(&w);
}

Test(runner, a_killed_agent_takes_tasks_along_that_are_tied_to_it)
{
    struct world w;
    world_open(&w);
    pid_t task = run_and_kill_agent(&w, true);
    for (int i = 0; i < 300 && kill(task, 0) == 0; i++)
        pause_ms(&w, 10);
    cr_assert(kill(task, 0) < 0);
    uv_runner_found(w.runner, on_found, &w);
    cr_assert(w.n_found == 1 && w.found_pid == 0);
    run_until(&w, &w.n_exited, 1);
    cr_assert(w.status == 137);
    world_close(&w);
}

static void set_old(const struct world *w, const char *name)
{
    const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    char path[192];
    (void)snprintf(path, sizeof(path), "%s/tasks/d.t.0%s", w->dir, name);
    cr_assert(utimensat(AT_FDCWD, path, old, 0) == 0, "%s", path);
}

Test(runner, output_outlives_its_task_and_goes_when_it_is_old)
{
    struct world w;
    char dir[128];
    world_open(&w);
    (void)snprintf(dir, sizeof(dir), "%s/tasks/d.t.0", w.dir);
    run_script(&w, "echo x", 0);
    uv_runner_remove(w.runner, "d.t.0");
    pause_ms(&w, 50);
    cr_assert_str_eq(output(&w, "stdout"), "x\n");
    uv_runner_found(w.runner, on_found, &w);
    cr_assert(access(dir, F_OK) == 0 && w.n_found == 0);
    run_script(&w, "echo y", 0);
    cr_assert_str_eq(output_of_all(&w, "stdout"), "x\ny\n",
                     "what the one before it wrote stays");
    set_old(&w, "/stdout.log");
    set_old(&w, "/stderr.log");
    set_old(&w, "/runs");
    set_old(&w, "");
    pause_ms(&w, 1200);
    cr_assert(access(dir, F_OK) == 0, "the task is still there");
    uv_runner_remove(w.runner, "d.t.0");
    pause_ms(&w, 50);
    set_old(&w, "");
    uv_runner_close(w.runner);
    open_runner(&w);
    uv_runner_found(w.runner, on_found, &w);
    for (int i = 0; i < 100 && access(dir, F_OK) == 0; i++)
        pause_ms(&w, 100);
    cr_assert(access(dir, F_OK) < 0);
    world_close(&w);
}

static bool is_beside(pid_t pid)
{
    char path[64], text[4096];
    (void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
    FILE *file = fopen(path, "re");
    cr_assert(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    (void)fclose(file);
    cr_assert(strstr(text, "/d.t.0"), "%s", text);
    return strstr(text, "/d.t.0~") != NULL;
}

/* The task's own control file, as the host sees it; "" = none. */
static const char *group_file(const struct world *w, const char *identity,
                              enum cgroup_controller controller, const char *file)
{
    static char text[256];
    char group[CGROUP_GROUP_MAX], full[128], path[CGROUP_PATH_MAX + 64];
    struct cgroup g;
    cgroup_group(identity, group);
    (void)snprintf(full, sizeof(full), "%s/d.t.0%s", group,
                   is_beside((pid_t)w->pid) ? "~" : "");
    cr_assert(cgroup_find(full, &g, NULL) == 0);
    (void)snprintf(path, sizeof(path), "%s/%s", g.dirs[g.is_v2 ? 0 : controller].path,
                   file);
    FILE *in = fopen(path, "r");
    size_t len = in ? fread(text, 1, sizeof(text) - 1, in) : 0;
    if (in)
        (void)fclose(in);
    text[len] = '\0';
    return text;
}

static bool is_v2(void)
{
    struct cgroup g;
    return cgroup_find("stratos/probe", &g, NULL) == 0 && g.is_v2;
}

/* The share is of use against others; the least there is does not slow down a task alone. */
Test(runner, a_small_share_is_no_cap_and_a_cap_is)
{
    static const struct {
        uint32_t share, cap;
        const char *v1, *v2;
    } rows[] = {
        {100, 0, "-1\n", "max 100000\n"},
        {100, 200, "20000\n", "20000 100000\n"},
        {2000, 10, "1000\n", "1000 100000\n"},
        {1000, 2500, "250000\n", "250000 100000\n"},
    };
    struct world w;
    world_open(&w);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int n = w.n_started, ended = w.n_exited;
        struct task_spec task = {.cpu_milli = rows[i].share,
                                 .cpu_cap_milli = rows[i].cap};
        launch_with(&w, "exec sleep 100", task);
        run_until(&w, &w.n_started, n + 1);
        cr_expect_str_eq(
            group_file(&w, w.dir, CGROUP_CPU, is_v2() ? "cpu.max" : "cpu.cfs_quota_us"),
            is_v2() ? rows[i].v2 : rows[i].v1, "row %zu", i);
        uv_runner_kill(w.runner, "d.t.0");
        run_until(&w, &w.n_exited, ended + 1);
    }
    world_close(&w);
}

Test(runner, two_agents_of_one_path_do_not_share_groups)
{
    struct world w;
    char one[CGROUP_GROUP_MAX], two[CGROUP_GROUP_MAX];
    cgroup_group("00c0ffee", one);
    cgroup_group("00c0ffef", two);
    cr_assert_str_neq(one, two);
    world_open(&w);
    uv_runner_close(w.runner);
    (void)snprintf(w.identity, sizeof(w.identity), "another-%s", w.dir);
    open_runner(&w);
    launch(&w, "exec sleep 100");
    run_until(&w, &w.n_started, 1);
    cr_expect_str_neq(group_file(&w, w.identity, CGROUP_PIDS, "cgroup.procs"), "");
    cr_expect_str_eq(group_file(&w, w.dir, CGROUP_PIDS, "cgroup.procs"), "");
    world_close(&w);
}

/* An older agent named them by its path. */
Test(runner, an_adopted_task_keeps_its_groups_until_its_next_start)
{
    struct world w;
    world_open(&w);
    launch(&w, "exec sleep 100");
    run_until(&w, &w.n_started, 1);
    uv_runner_close(w.runner);
    (void)snprintf(w.identity, sizeof(w.identity), "renamed-%s", w.dir);
    open_runner(&w);
    uv_runner_found(w.runner, on_found, &w);
    cr_assert(w.n_found == 1 && w.found_pid == w.pid);
    cr_expect_str_neq(group_file(&w, w.dir, CGROUP_PIDS, "cgroup.procs"), "");
    uv_runner_kill(w.runner, "d.t.0");
    run_until(&w, &w.n_exited, 1);
    launch(&w, "exec sleep 100");
    run_until(&w, &w.n_started, 2);
    cr_expect_str_neq(group_file(&w, w.identity, CGROUP_PIDS, "cgroup.procs"), "");
    cr_expect_str_eq(group_file(&w, w.dir, CGROUP_PIDS, "cgroup.procs"), "");
    world_close(&w);
}

/* A shim that is killed leaves its groups, under whatever name. */
Test(runner, groups_that_a_killed_shim_left_under_another_name_are_removed)
{
    struct world w;
    struct cgroup g;
    char group[CGROUP_GROUP_MAX];
    world_open(&w);
    launch(&w, "exec sleep 100");
    run_until(&w, &w.n_started, 1);
    uv_runner_close(w.runner);
    pid_t shim = parent_of(parent_of((pid_t)w.pid)); /* above init */
    cr_assert(shim > 1 && kill(shim, SIGKILL) == 0 && waitpid(shim, NULL, 0) == shim);
    for (int i = 0; i < 200 && kill((pid_t)w.pid, 0) == 0; i++)
        pause_ms(&w, 10);
    (void)snprintf(w.identity, sizeof(w.identity), "renamed-%s", w.dir);
    open_runner(&w);
    uv_runner_found(w.runner, on_found, &w);
    run_until(&w, &w.n_exited, 1);
    launch(&w, "exec sleep 100");
    run_until(&w, &w.n_started, 2);
    cgroup_group(w.dir, group);
    cr_assert(cgroup_find(group, &g, NULL) == 0);
    for (size_t i = 0; i < g.n; i++)
        cr_expect(access(g.dirs[i].path, F_OK) < 0, "%s", g.dirs[i].path);
    world_close(&w);
}

static void run_version(struct world *w, const char *version, const char *user,
                        const char *script, const char *wanted)
{
    struct task_spec task = {.user = user};
    int n = w->n_exited;
    launch_order(w, script, (struct launch){.task = &task, .version = version});
    run_until(w, &w->n_exited, n + 1);
    const char *said = output(w, "stdout");
    size_t len = strlen(said), want = strlen(wanted);
    cr_expect(len >= want && strcmp(said + len - want, wanted) == 0,
              "%s of version %s says '%s%s', not '%s'", script, version, said,
              output(w, "stderr"), wanted);
}

Test(runner, its_directory_is_new_for_another_version_and_kept_within_one)
{
    struct world w;
    char path[128];
    world_open(&w);
    run_version(&w, "aa", "nobody",
                "ls -A; touch kept; mkdir -m 700 d; touch d/x; echo .", ".\n");
    run_version(&w, "aa", "nobody", "echo $(ls -A)", "d kept\n");
    run_version(&w, "ab", "daemon",
                "echo $(ls -A)-$(stat -c %U .); touch mine && echo ok", "-daemon\nok\n");
    run_version(&w, "ab", NULL, "echo $(ls -A)", "mine\n");
    run_version(&w, "aa", "nobody", "echo back $(ls -A)", "back\n");
    (void)snprintf(path, sizeof(path), "%s/trash", w.dir);
    for (int i = 0; i < 200 && rmdir(path) < 0; i++)
        pause_ms(&w, 10); /* what was there goes in its own time */
    cr_expect(access(path, F_OK) < 0);
    cr_assert(mkdir(path, 0700) == 0);
    world_close(&w);
}

/* It wrote no file that says so; the variable that its task was given does. */
Test(runner, an_older_agents_directory_is_kept_within_one_version)
{
    struct world w;
    char path[128];
    world_open(&w);
    run_version(&w, "aa", NULL, "touch kept; echo .", ".\n");
    (void)snprintf(path, sizeof(path), "%s/tasks/d.t.0/made-for", w.dir);
    cr_assert(unlink(path) == 0);
    run_version(&w, "aa", NULL, "echo $(ls -A)", "kept\n");
    cr_assert(access(path, F_OK) == 0);
    world_close(&w);
}

/* What the kernel has yet to take down of the last run is in another group than the next one. */
Test(runner, a_start_right_after_an_end_waits_for_nothing_and_leaves_nothing)
{
    enum { RUNS = 12 };
    struct world w;
    struct cgroup g;
    char group[CGROUP_GROUP_MAX + 16];
    world_open(&w);
    for (int i = 0; i < RUNS; i++) {
        launch(&w, i % 2 ? "exit 3" : "kill -9 $$");
        run_until(&w, &w.n_exited, i + 1);
        cr_assert(w.n_failed == 0 && w.n_started == i + 1, "%s", w.why);
        cr_assert(w.status == (i % 2 ? 3 : 137), "run %d: %d", i, w.status);
    }
    uv_runner_remove(w.runner, "d.t.0");
    pause_ms(&w, 100);
    for (int beside = 0; beside < 2; beside++) {
        cgroup_group(w.dir, group);
        (void)strcat(group, beside ? "/d.t.0~" : "/d.t.0");
        cr_assert(cgroup_find(group, &g, NULL) == 0);
        for (size_t i = 0; i < g.n; i++) {
            for (int k = 0; k < 200 && access(g.dirs[i].path, F_OK) == 0; k++)
                pause_ms(&w, 20);
            cr_assert(access(g.dirs[i].path, F_OK) < 0, "%s", g.dirs[i].path);
        }
    }
    for (int k = 0;
         k < 200 && waitid(P_ALL, 0, &(siginfo_t){0}, WEXITED | WNOHANG | WNOWAIT) == 0;
         k++)
        pause_ms(&w, 20); /* a shim is a while about it */
    cr_assert(waitpid(-1, NULL, WNOHANG) < 0, "no shim is left to be waited for");
    world_close(&w);
}

/* The shim of the last run may be late in removing its own, also for the next agent. */
Test(runner, no_start_takes_the_control_group_of_the_run_before)
{
    struct world w;
    bool was_beside = true;
    world_open(&w);
    for (int i = 0; i < 6; i++) {
        launch(&w, "exec sleep 100");
        run_until(&w, &w.n_started, i + 1);
        cr_assert(is_beside((pid_t)w.pid) != was_beside, "run %d", i);
        was_beside = !was_beside;
        bool is_away = i == 2 || i == 3;
        if (is_away)
            uv_runner_close(w.runner);
        cr_assert(kill((pid_t)w.pid, SIGKILL) == 0);
        if (is_away) {
            pause_ms(&w, 500);
            open_runner(&w);
            uv_runner_found(w.runner, on_found, &w);
        }
        run_until(&w, &w.n_exited, i + 1);
    }
    world_close(&w);
}

/* It has said that its task ended: by then the name may be the next run's. */
Test(runner, a_shim_that_tidies_up_kills_nobody)
{
    struct world w;
    struct cgroup g;
    char group[CGROUP_GROUP_MAX + 16];
    struct err err = {0};
    world_open(&w);
    cgroup_group(w.dir, group);
    (void)strcat(group, "/d.t.0");
    cr_assert(cgroup_find(group, &g, NULL) == 0);
    launch(&w, "read line < /dev/null; sleep 0.3; exit 3");
    run_until(&w, &w.n_started, 1);
    int ready[2];
    char is_in = 0;
    cr_assert(pipe(ready) == 0);
    pid_t other = fork();
    if (other == 0) {
        is_in = cgroup_enter(&g, &err) == 0;
        (void)!write(ready[1], &is_in, 1);
        for (;;)
            (void)pause();
    }
    cr_assert(read(ready[0], &is_in, 1) == 1 && is_in);
    run_until(&w, &w.n_exited, 1);
    pause_ms(&w, 500);
    cr_assert(waitpid(other, NULL, WNOHANG) == 0, "it was killed");
    cr_assert(kill(other, SIGKILL) == 0);
    cr_assert(waitpid(other, NULL, 0) == other);
    world_close(&w);
}

Test(runner, leaves_no_control_group_behind)
{
    struct world w;
    struct cgroup g;
    char group[64];
    world_open(&w);
    (void)snprintf(group, sizeof(group), "stratos/%016llx",
                   (unsigned long long)hash64(bytes_of_text(w.dir), 0));
    cr_assert(cgroup_find(group, &g, NULL) == 0);
    launch(&w, "exec sleep 100");
    run_until(&w, &w.n_started, 1);
    for (size_t i = 0; i < g.n; i++)
        cr_assert(access(g.dirs[i].path, F_OK) == 0, "%s", g.dirs[i].path);
    uv_runner_remove(w.runner, "d.t.0");
    for (size_t i = 0; i < g.n; i++)
        for (int k = 0; k < 100 && access(g.dirs[i].path, F_OK) == 0; k++)
            pause_ms(&w, 20);
    cr_assert(w.n_exited == 0, "a removed task is forgotten");
    cr_assert(kill((pid_t)w.pid, 0) < 0);
    for (size_t i = 0; i < g.n; i++)
        cr_assert(access(g.dirs[i].path, F_OK) < 0, "%s", g.dirs[i].path);
    world_close(&w);
}
