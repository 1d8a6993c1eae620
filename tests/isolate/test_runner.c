/* The runner with real processes: each test has a data directory and a loop of its own.
 */
#include "isolate/uv_runner.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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
#include "isolate/logs.h"

enum { WAIT_MS = 20000 };

struct world {
    uv_loop_t loop;
    uv_timer_t limit;
    struct uv_runner *runner;
    struct uv_runner_options options;
    char dir[64], shim[PATH_MAX];
    int n_started, n_failed, n_exited, n_found;
    uint32_t pid, found_pid;
    int32_t status;
    bool is_oom, is_late;
    char why[512], found_note[64];
};

static void on_started(void *ctx, const char *key, uint32_t pid)
{
    struct world *w = ctx;
    (void)key;
    w->n_started++;
    w->pid = pid;
}

static void on_failed(void *ctx, const char *key, const char *why)
{
    struct world *w = ctx;
    (void)key;
    w->n_failed++;
    (void)snprintf(w->why, sizeof(w->why), "%s", why);
}

static void on_exited(void *ctx, const char *key, int32_t status, bool is_oom)
{
    struct world *w = ctx;
    (void)key;
    w->n_exited++;
    w->status = status;
    w->is_oom = is_oom;
}

static void on_limit(uv_timer_t *timer)
{
    ((struct world *)timer->data)->is_late = true;
}

static void open_runner(struct world *w)
{
    struct uv_runner_events events = {on_started, on_failed, on_exited, w};
    struct err err = {0};
    w->options.data_dir = w->dir;
    w->options.name = "n1";
    w->options.shim_path = w->shim;
    cr_assert(uv_runner_open(&w->loop, &w->options, &events, &w->runner, &err) == 0, "%s",
              err.text);
}

static void world_open(struct world *w)
{
    struct cgroup g;
    struct err err = {0};
    if (geteuid() != 0)
        cr_skip_test("needs root");
    if (cgroup_find("stratos/probe", &g, &err))
        cr_skip_test("needs memory, pids and cpu control groups");
    *w = (struct world){0};
    (void)strcpy(w->dir, "/run/stratos-test-XXXXXX");
    cr_assert(mkdtemp(w->dir));
    ssize_t len = readlink("/proc/self/exe", w->shim, sizeof(w->shim) - 1);
    cr_assert(len > 0);
    w->shim[len] = '\0';
    for (int i = 0; i < 2; i++)
        *strrchr(w->shim, '/') = '\0';
    (void)strcat(w->shim, "/stratos");
    cr_assert(uv_loop_init(&w->loop) == 0);
    cr_assert(uv_timer_init(&w->loop, &w->limit) == 0);
    w->limit.data = w;
    open_runner(w);
}

static void run_until(struct world *w, const int *counter, int wanted)
{
    w->is_late = false;
    (void)uv_timer_start(&w->limit, on_limit, WAIT_MS, 0);
    while (!w->is_late && *counter < wanted && w->n_failed == 0)
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    (void)uv_timer_stop(&w->limit);
    cr_assert(*counter >= wanted, "waited for %d, have %d; failed: %s", wanted, *counter,
              w->why);
}

static void pause_ms(struct world *w, uint64_t ms)
{
    w->is_late = false;
    (void)uv_timer_start(&w->limit, on_limit, ms, 0);
    while (!w->is_late)
        (void)uv_run(&w->loop, UV_RUN_ONCE);
}

static void world_close(struct world *w)
{
    uv_runner_remove(w->runner, "d.t.0");
    pause_ms(w, 300);
    uv_runner_close(w->runner);
    uv_close((uv_handle_t *)&w->limit, NULL);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    cr_assert(uv_loop_close(&w->loop) == 0);
    cr_assert(dir_empty(w->dir) == 0);
    (void)rmdir(w->dir);
}

static void launch_with(struct world *w, const char *script, struct task_spec task)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    static const struct pair env[] = {{"STRATOS_JOB", "t"}, {"PORT", "20001"}};
    task.argv = argv;
    task.n_argv = 3;
    if (!task.memory_bytes)
        task.memory_bytes = 64 << 20;
    if (!task.pids)
        task.pids = 64;
    task.cpu_milli = 1000;
    struct launch l = {.key = "d.t.0",
                       .task = &task,
                       .env = env,
                       .n_env = 2,
                       .note = {(const uint8_t *)"the note", 8}};
    uv_runner_launch(w->runner, &l);
}

static void launch(struct world *w, const char *script)
{
    launch_with(w, script, (struct task_spec){0});
}

/* The script's output, from its log. */
static const char *output(const struct world *w, const char *stream)
{
    static char text[1 << 20];
    char dir[PATH_MAX];
    struct log_cursor cursor = {0};
    (void)snprintf(dir, sizeof(dir), "%s/tasks/d.t.0", w->dir);
    long len = log_read(dir, stream, 0, &cursor, (uint8_t *)text, sizeof(text) - 1);
    cr_assert(len >= 0);
    text[len] = '\0';
    return text;
}

static void run_script(struct world *w, const char *script, int32_t wanted)
{
    int n = w->n_exited;
    launch(w, script);
    run_until(w, &w->n_exited, n + 1);
    cr_assert(w->status == wanted, "status %d of '%s'; it says:\n%s%s", w->status, script,
              output(w, "stdout"), output(w, "stderr"));
}

Test(runner, reports_the_exit_status_and_keeps_all_output)
{
    struct world w;
    world_open(&w);
    run_script(&w, "echo out; echo err >&2; printf tail; exit 7", 7);
    cr_assert_str_eq(output(&w, "stdout"), "out\ntail\n");
    cr_assert_str_eq(output(&w, "stderr"), "err\n");
    run_script(&w, "seq 1 20000; kill -9 $$", 137);
    const char *text = output(&w, "stdout");
    cr_assert(strstr(text, "\n20000\n") && strncmp(text, "out\ntail\n1\n2\n", 13) == 0);
    cr_assert(!w.is_oom);
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
    run_script(&w, "i=0; while [ $i -lt 300 ]; do mkdir -p d$i/e/f; i=$((i+1)); done; "
                   "i=0; while [ $i -lt 200 ]; do mkdir d; cd d; i=$((i+1)); done", 0);
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
    static const struct {
        struct task_spec task;
        const char *wanted;
    } rows[] = {
        {{.argv = missing, .n_argv = 1}, "cannot run './web': No such file or directory"},
        {{.argv = missing, .n_argv = 1, .user = "no-such"},
         "user 'no-such' does not exist on this host"},
        {{.argv = missing, .n_argv = 1, .dir = "/nowhere"},
         "cannot enter the directory '/nowhere': No such file or directory"},
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
    cr_assert(w.is_oom && w.status == 137, "status %d oom %d", w.status, w.is_oom);
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
    uv_runner_signal(w.runner, "d.t.0", SIGTERM);
    run_until(&w, &w.n_exited, 1);
    cr_assert(w.status == 3, "status %d", w.status);
    cr_assert(strstr(output(&w, "stdout"), "got"));

    launch(&w,
           "exec sleep 100"); /* no handler: the default applies, as it would outside */
    run_until(&w, &w.n_started, 2);
    uv_runner_signal(w.runner, "d.t.0", SIGTERM);
    run_until(&w, &w.n_exited, 2);
    cr_assert(w.status == 143, "status %d", w.status);

    launch(&w, "trap '' TERM; echo deaf; (trap '' TERM; sleep 100) & sleep 100");
    run_until(&w, &w.n_started, 3);
    while (!strstr(output(&w, "stdout"), "deaf"))
        pause_ms(&w, 10);
    uv_runner_signal(w.runner, "d.t.0", SIGTERM);
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

static void on_found(void *ctx, const char *key, uint32_t pid, uint64_t started_unix_ms,
                     struct bytes note)
{
    struct world *w = ctx;
    cr_assert_str_eq(key, "d.t.0");
    cr_assert(pid == 0 || started_unix_ms > 0);
    w->n_found++;
    w->found_pid = pid;
    (void)snprintf(w->found_note, sizeof(w->found_note), "%.*s", (int)note.len,
                   (const char *)note.at);
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
    uv_runner_signal(w.runner, "d.t.0", SIGTERM);
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

Test(runner, logs_of_removed_tasks_expire)
{
    struct world w;
    char dir[128];
    struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    world_open(&w);
    run_script(&w, "echo x", 0);
    uv_runner_remove(w.runner, "d.t.0");
    pause_ms(&w, 50);
    (void)snprintf(dir, sizeof(dir), "%s/tasks/d.t.0", w.dir);
    cr_assert_str_eq(output(&w, "stdout"), "x\n");
    uv_runner_found(w.runner, on_found, &w);
    cr_assert(access(dir, F_OK) == 0 && w.n_found == 0);
    cr_assert(utimensat(AT_FDCWD, dir, old, 0) == 0);
    uv_runner_found(w.runner, on_found, &w);
    cr_assert(access(dir, F_OK) < 0 && w.n_found == 0);
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
    for (int i = 0; i < 100 && access(g.dirs[g.n - 1].path, F_OK) == 0; i++)
        pause_ms(&w, 20);
    cr_assert(w.n_exited == 0, "a removed task is forgotten");
    cr_assert(kill((pid_t)w.pid, 0) < 0);
    for (size_t i = 0; i < g.n; i++)
        cr_assert(access(g.dirs[i].path, F_OK) < 0, "%s", g.dirs[i].path);
    world_close(&w);
}
