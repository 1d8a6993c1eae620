/* See world.h. */
#include "tests/isolate/world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "isolate/cgroup.h"
#include "isolate/files.h"
#include "isolate/log_read.h"
#include "isolate/log_runs.h"

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

static void on_exited(void *ctx, const char *key, const struct exit_fact *fact)
{
    struct world *w = ctx;
    (void)key;
    w->n_exited++;
    w->fact = *fact;
    w->status = exit_status(fact);
    w->is_oom = fact->is_oom;
}

void on_limit(uv_timer_t *timer)
{
    ((struct world *)timer->data)->is_late = true;
}

void open_runner(struct world *w)
{
    struct uv_runner_events events = {on_started, on_failed, on_failed, on_exited, w};
    struct err err = {0};
    w->options.data_dir = w->dir;
    w->options.name = "n1";
    w->options.identity = w->identity[0] ? w->identity : w->dir;
    cr_assert(uv_runner_open(&w->loop, &w->options, &events, &w->runner, &err) == 0, "%s",
              err.text);
}

void world_open(struct world *w)
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

void run_until(struct world *w, const int *counter, int wanted)
{
    w->is_late = false;
    (void)uv_timer_start(&w->limit, on_limit, WAIT_MS, 0);
    while (!w->is_late && *counter < wanted && w->n_failed == 0)
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    (void)uv_timer_stop(&w->limit);
    cr_assert(*counter >= wanted, "waited for %d, have %d; failed: %s", wanted, *counter,
              w->why);
}

void pause_ms(struct world *w, uint64_t ms)
{
    w->is_late = false;
    (void)uv_timer_start(&w->limit, on_limit, ms, 0);
    while (!w->is_late)
        (void)uv_run(&w->loop, UV_RUN_ONCE);
}

void world_close(struct world *w)
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

void launch_order(struct world *w, const char *script, struct launch order)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    const struct pair env[] = {
        {"STRATOS_JOB", "t"}, {"PORT", "20001"}, {"STRATOS_BIN", w->shim}};
    struct task_spec task = order.task ? *order.task : (struct task_spec){0};
    task.argv = argv;
    task.n_argv = 3;
    if (!task.memory_bytes)
        task.memory_bytes = 64 << 20;
    if (!task.pids)
        task.pids = 64;
    if (!task.cpu_milli)
        task.cpu_milli = 1000;
    order.key = "d.t.0";
    order.task = &task;
    order.env = env;
    order.n_env = 3;
    order.note = bytes_of_text("the note");
    uv_runner_launch(w->runner, &order);
}

void launch_with(struct world *w, const char *script, struct task_spec task)
{
    launch_order(w, script, (struct launch){.task = &task});
}

void launch(struct world *w, const char *script)
{
    launch_with(w, script, (struct task_spec){0});
}

/* What the script wrote, and those before it, too, or only in its last life. */
static const char *output_since(const struct world *w, const char *stream,
                                bool is_last_life)
{
    struct log_run runs[LOG_RUNS_MAX];
    static uint8_t stored[LOG_READ_MIN];
    static char text[1 << 20];
    char dir[PATH_MAX];
    struct log_cursor cursor = {0};
    struct log_line line;
    bool is_gap;
    size_t n = 0, n_runs;
    (void)snprintf(dir, sizeof(dir), "%s/tasks/d.t.0", w->dir);
    n_runs = log_runs_load(dir, runs);
    uint64_t since = is_last_life && n_runs ? runs[n_runs - 1].at_unix_ms : 0;
    for (long len; (len = log_read(dir, stream, &cursor, false, stored, sizeof(stored),
                                   &is_gap)) != 0;) {
        cr_assert(len > 0);
        struct bytes rest = {stored, (size_t)len};
        while (rest.len) {
            size_t used = log_line_read(rest, &line);
            rest = (struct bytes){rest.at + used, rest.len - used};
            if (line.at_unix_ms < since)
                continue;
            cr_assert(n + line.text.len + 2 <= sizeof(text));
            memcpy(text + n, line.text.at, line.text.len);
            n += line.text.len;
            text[n++] = '\n';
        }
    }
    text[n] = '\0';
    return text;
}

const char *output(const struct world *w, const char *stream)
{
    return output_since(w, stream, true);
}

const char *output_of_all(const struct world *w, const char *stream)
{
    return output_since(w, stream, false);
}

void run_script(struct world *w, const char *script, int32_t wanted)
{
    int n = w->n_exited;
    launch(w, script);
    run_until(w, &w->n_exited, n + 1);
    cr_assert(w->status == wanted, "status %d of '%s'; it says:\n%s%s", w->status, script,
              output(w, "stdout"), output(w, "stderr"));
}

void on_found(void *ctx, const struct task_found *task)
{
    struct world *w = ctx;
    cr_assert_str_eq(task->key, "d.t.0");
    cr_assert(task->pid == 0 || task->doubt || task->started_unix_ms > 0);
    w->n_found++;
    w->found_pid = task->pid;
    (void)snprintf(w->found_note, sizeof(w->found_note), "%.*s", (int)task->note.len,
                   (const char *)task->note.at);
    (void)snprintf(w->found_doubt, sizeof(w->found_doubt), "%s",
                   task->doubt ? task->doubt : "");
}
