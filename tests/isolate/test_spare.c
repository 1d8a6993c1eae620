/* Spares: the next start of a task that is to be quick.  How quick is measured by tests/bench/bench_tasks.c;
 * here it is what a spare must never do. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isolate/cgroup.h"
#include "isolate/files.h"
#include "tests/isolate/world.h"

#define KEY "d.t.0"

static const struct launch quick = {.is_quick = true, .version = "1"};

static void path_of(const struct world *w, const char *name, char out[static 160])
{
    (void)snprintf(out, 160, "%.64s/tasks/" KEY "/%.40s", w->dir, name);
}

/* Does the command line of that process say that it is this world's spare? */
static bool is_spare(const struct world *w, const char *pid)
{
    char path[300], line[400] = "", dir[160];
    path_of(w, "", dir);
    (void)snprintf(path, sizeof(path), "/proc/%.20s/cmdline", pid);
    FILE *file = fopen(path, "r");
    size_t len = file ? fread(line, 1, sizeof(line) - 1, file) : 0;
    if (file)
        (void)fclose(file);
    for (size_t i = 0; i < len; i++)
        line[i] = line[i] ? line[i] : ' ';
    return strstr(line, dir) && strstr(line, " spare");
}

/* The shim that waits, 0: none.  Of its kin it is the oldest: the one with the least PID. */
static pid_t spare_of(const struct world *w)
{
    pid_t least = 0;
    DIR *dir = opendir("/proc");
    for (struct dirent *e; (e = readdir(dir));)
        if (e->d_name[0] >= '0' && e->d_name[0] <= '9' && is_spare(w, e->d_name) &&
            (!least || atoi(e->d_name) < least))
            least = atoi(e->d_name);
    (void)closedir(dir);
    return least;
}

/* Its sandbox is ready when the main process has the name of a shim and is somebody's grandchild. */
static pid_t await_spare(struct world *w)
{
    for (int i = 0; i < 500 && !spare_of(w); i++)
        pause_ms(w, 10);
    pid_t spare = spare_of(w);
    cr_assert_gt(spare, 0, "there is none");
    pause_ms(w, 300);
    return spare;
}

static void no_spare(struct world *w)
{
    for (int i = 0; i < 500 && spare_of(w); i++)
        pause_ms(w, 10);
    cr_assert_eq(spare_of(w), 0, "%d waits", spare_of(w));
}

static void start(struct world *w, const char *script, struct launch order)
{
    int n = w->n_started;
    launch_order(w, script, order);
    run_until(w, &w->n_started, n + 1);
}

static void end(struct world *w)
{
    int n = w->n_exited;
    cr_assert_eq(kill((pid_t)w->pid, SIGKILL), 0);
    run_until(w, &w->n_exited, n + 1);
    cr_assert(w->fact.kind == EXIT_BY_SIGNAL && w->fact.number == SIGKILL);
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

static pid_t shim_of(const struct world *w)
{
    return parent_of(parent_of((pid_t)w->pid));
}

static void await_output(struct world *w, const char *text)
{
    for (int i = 0; i < 1000 && !strstr(output_of_all(w, "stdout"), text); i++)
        pause_ms(w, 10);
    cr_assert(strstr(output_of_all(w, "stdout"), text), "no '%s' in: %s", text,
              output_of_all(w, "stdout"));
}

static int count(const struct world *w, const char *text)
{
    int n = 0;
    for (const char *at = output_of_all(w, "stdout"); (at = strstr(at, text)); at++)
        n++;
    return n;
}

Test(spare, starts_the_next_run_and_there_is_another_for_the_one_after)
{
    struct world w;
    world_open(&w);
    start(&w, "echo here $$; exec sleep 1000", quick);
    for (int i = 0; i < 3; i++) {
        pid_t spare = await_spare(&w);
        cr_assert_neq(spare, shim_of(&w));
        end(&w);
        start(&w, "echo here $$; exec sleep 1000", quick);
        cr_assert_eq(shim_of(&w), spare, "another shim has it");
        cr_assert_not(is_spare(&w, "self"));
    }
    for (int i = 0; i < 500 && count(&w, "here ") < 4; i++)
        pause_ms(&w, 10);
    cr_assert_eq(count(&w, "here "), 4, "%s", output_of_all(&w, "stdout"));
    world_close(&w);
    cr_assert_eq(spare_of(&w), 0);
}

static char state_of(pid_t pid, pid_t *ret_child)
{
    char path[80], line[256], state = '?';
    (void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file))
        (void)sscanf(line, "State: %c", &state);
    if (file)
        (void)fclose(file);
    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
    file = fopen(path, "r");
    if (!file || fscanf(file, "%d", ret_child) != 1)
        *ret_child = 0;
    if (file)
        (void)fclose(file);
    return state;
}

/* What waits uninterruptibly counts as busy in the load of a host. */
Test(spare, is_idle_while_it_waits)
{
    struct world w;
    world_open(&w);
    start(&w, "exec sleep 1000", quick);
    pid_t spare = await_spare(&w);
    char states[5] = "";
    for (int tries = 0; tries < 500 && strcmp(states, "SSS") != 0; tries++) {
        pid_t pid = spare, child = 0;
        int n = 0; /* shim, init, main process */
        for (; pid && n < 4; pid = child)
            states[n++] = state_of(pid, &child);
        states[n] = '\0';
        pause_ms(&w, 10);
    }
    cr_assert_str_eq(states, "SSS");
    world_close(&w);
}

Test(spare, is_not_made_for_a_task_that_may_take_its_time)
{
    struct world w;
    world_open(&w);
    start(&w, "exec sleep 1000", (struct launch){.version = "1"});
    pause_ms(&w, 700);
    cr_assert_eq(spare_of(&w), 0);
    world_close(&w);
}

/* A script, a limit, a version: whatever the order says in another way. */
Test(spare, does_nothing_when_the_order_is_another_one)
{
    static const struct launch next_version = {.is_quick = true, .version = "2"};
    struct task_spec less = {.memory_bytes = 48 << 20};
    struct launch with_less = {.is_quick = true, .version = "1", .task = &less};
    struct world w;
    world_open(&w);
    const struct {
        const char *script;
        const struct launch *order;
    } rows[] = {{"echo two; exec sleep 1000", &quick},
                {"echo one; exec sleep 1000", &with_less},
                {"echo one; exec sleep 1000", &next_version}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        start(&w, "echo one; exec sleep 1000", quick);
        pid_t spare = await_spare(&w);
        end(&w);
        start(&w, rows[i].script, *rows[i].order);
        cr_assert_neq(shim_of(&w), spare, "row %zu", i);
        cr_assert(kill(spare, 0) < 0 || parent_of(spare) == getpid());
        end(&w);
    }
    world_close(&w);
}

Test(spare, that_was_killed_is_not_waited_for)
{
    struct world w;
    world_open(&w);
    start(&w, "exec sleep 1000", quick);
    pid_t spare = await_spare(&w);
    cr_assert_eq(kill(spare, SIGKILL), 0);
    pause_ms(&w, 50);
    end(&w);
    start(&w, "exec sleep 1000", quick);
    cr_assert_neq(shim_of(&w), spare);
    cr_assert_eq(w.n_failed, 0);
    world_close(&w);
}

/* Nobody would ever tell it anything. */
Test(spare, goes_with_its_agent_and_leaves_the_task_alone)
{
    struct world w;
    char group[CGROUP_GROUP_MAX], beside[CGROUP_GROUP_MAX + 16];
    struct cgroup groups;
    world_open(&w);
    cgroup_group(w.dir, group);
    (void)snprintf(beside, sizeof(beside), "%s/" KEY "~", group);
    cr_assert_eq(cgroup_find(beside, &groups, NULL), 0);
    start(&w, "exec sleep 1000", quick);
    (void)await_spare(&w);
    cr_assert_eq(access(groups.dirs[0].path, F_OK), 0);
    uv_runner_close(w.runner);
    no_spare(&w);
    for (int i = 0; i < 200 && access(groups.dirs[0].path, F_OK) == 0; i++)
        pause_ms(&w, 10);
    cr_assert_lt(access(groups.dirs[0].path, F_OK), 0, "its groups are left");
    cr_assert_eq(kill((pid_t)w.pid, 0), 0, "the task is gone");
    open_runner(&w);
    uv_runner_found(w.runner, on_found, &w);
    cr_assert_eq(w.found_pid, w.pid);
    end(&w);
    start(&w, "exec sleep 1000", quick); /* by a new agent that has no spare of it */
    world_close(&w);
}

Test(spare, goes_with_its_task)
{
    struct world w;
    char path[160];
    world_open(&w);
    start(&w, "exec sleep 1000", quick);
    (void)await_spare(&w);
    uv_runner_remove(w.runner, KEY);
    no_spare(&w);
    path_of(&w, "spare", path);
    for (int i = 0; i < 200 && access(path, F_OK) == 0; i++)
        pause_ms(&w, 10);
    cr_assert_lt(access(path, F_OK), 0);
    world_close(&w);
}

/* The run that was lost may have left a torn line and a record that says nothing. */
Test(spare, does_not_follow_a_run_that_was_lost)
{
    struct world w;
    world_open(&w);
    start(&w, "exec sleep 1000", quick);
    pid_t spare = await_spare(&w);
    int n = w.n_exited;
    cr_assert_eq(kill(shim_of(&w), SIGKILL), 0);
    run_until(&w, &w.n_exited, n + 1);
    cr_assert_eq(w.fact.kind, EXIT_LOST);
    start(&w, "exec sleep 1000", quick);
    cr_assert_neq(shim_of(&w), spare);
    world_close(&w);
}

/* What it sees is what there is when it starts, not when it was made ready. */
Test(spare, enters_the_directory_that_is_there_when_it_starts)
{
    static struct task_spec task = {.dir = "now"};
    const struct launch order = {.is_quick = true, .version = "1", .task = &task};
    struct world w;
    char one[240], two[240], now[200];
    world_open(&w);
    path_of(&w, "work", now);
    cr_assert_eq(dir_make(now, 0755), 0);
    (void)snprintf(one, sizeof(one), "%s/one", now);
    (void)snprintf(two, sizeof(two), "%s/two", now);
    (void)strcat(now, "/now");
    path_of(&w, "made-for", w.why); /* so that the directory is kept */
    cr_assert_eq(file_swap(w.why, bytes_of_text("1")), 0);
    path_of(&w, "launch", w.why);
    cr_assert_eq(file_swap(w.why, bytes_of_text("")), 0);
    cr_assert(mkdir(one, 0755) == 0 && mkdir(two, 0755) == 0);
    cr_assert_eq(symlink("one", now), 0);
    start(&w, "echo in $(pwd -P); exec sleep 1000", order);
    await_output(&w, "/work/one");
    pid_t spare = await_spare(&w);
    cr_assert(unlink(now) == 0 && symlink("two", now) == 0);
    end(&w);
    start(&w, "echo in $(pwd -P); exec sleep 1000", order);
    cr_assert_eq(shim_of(&w), spare);
    await_output(&w, "/work/two");
    world_close(&w);
}

/* Output goes on where it was, whole, also where the file was rotated or emptied meanwhile. */
Test(spare, goes_on_with_the_logs_as_they_are_then)
{
    struct world w;
    world_open(&w);
    const char *script = "printf 'begun '; sleep 0.5; echo and done; exec sleep 1000";
    start(&w, script, quick);
    (void)await_spare(&w);
    await_output(&w, "begun and done");
    end(&w);
    start(&w, script, quick);
    for (int i = 0; i < 500 && !strstr(output(&w, "stdout"), "done"); i++)
        pause_ms(&w, 10);
    cr_assert_str_eq(output(&w, "stdout"), "begun and done\n");
    cr_assert_str_eq(output_of_all(&w, "stdout"), "begun and done\nbegun and done\n");
    world_close(&w);
}
