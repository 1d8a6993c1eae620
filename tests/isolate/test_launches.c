/* Many launches at once: they wait their turn, the loop goes on meanwhile, and what waits can be
 * killed and removed like what runs. */
#include "isolate/uv_runner.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "isolate/cgroup.h"
#include "isolate/files.h"

enum { MANY = 12, WAIT_MS = 80000 };

struct world {
    uv_loop_t loop;
    uv_timer_t limit, beat;
    struct uv_runner *runner;
    char dir[64];
    unsigned n_started, n_exited, n_failed, n_beats;
    int32_t status;
    bool is_late;
};

static void on_started(void *ctx, const char *key, uint32_t pid)
{
    (void)key;
    (void)pid;
    ((struct world *)ctx)->n_started++;
}

static void on_failed(void *ctx, const char *key, const char *why)
{
    (void)key;
    (void)why;
    ((struct world *)ctx)->n_failed++;
}

static void on_exited(void *ctx, const char *key, const struct exit_fact *fact)
{
    struct world *w = ctx;
    (void)key;
    w->n_exited++;
    w->status = exit_status(fact);
}

static void on_limit(uv_timer_t *timer)
{
    ((struct world *)timer->data)->is_late = true;
}

static void on_beat(uv_timer_t *timer)
{
    struct world *w = timer->data;
    w->n_beats += w->n_started < MANY;
}

static void world_open(struct world *w)
{
    const struct uv_runner_events events = {on_started, on_failed, on_failed, on_exited, w};
    struct uv_runner_options options = {
        .data_dir = w->dir, .name = "n1", .identity = w->dir};
    struct cgroup g;
    struct err err = {0};
    if (geteuid() != 0)
        cr_skip_test("needs root");
    if (cgroup_find("stratos/probe", &g, &err))
        cr_skip_test("needs memory, pids and cpu control groups");
    *w = (struct world){.dir = "/run/stratos-test-XXXXXX"};
    cr_assert(mkdtemp(w->dir));
    cr_assert_eq(uv_loop_init(&w->loop), 0);
    (void)uv_timer_init(&w->loop, &w->limit);
    (void)uv_timer_init(&w->loop, &w->beat);
    w->limit.data = w->beat.data = w;
    cr_assert_eq(uv_runner_open(&w->loop, &options, &events, &w->runner, &err), 0, "%s",
                 err.text);
}

static void launch(struct world *w, unsigned i)
{
    static const char *const argv[] = {"/bin/sleep", "1000", NULL};
    const struct task_spec task = {
        .argv = argv, .n_argv = 2, .memory_bytes = 32 << 20, .pids = 8, .cpu_milli = 100};
    char key[32];
    (void)snprintf(key, sizeof(key), "d.t.%u", i);
    uv_runner_launch(w->runner, &(struct launch){.key = key, .task = &task});
}

static void run_until(struct world *w, const unsigned *counter, unsigned wanted,
                      uint64_t ms)
{
    w->is_late = false;
    (void)uv_timer_start(&w->limit, on_limit, ms, 0);
    while (!w->is_late && *counter < wanted)
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    (void)uv_timer_stop(&w->limit);
}

static void world_close(struct world *w)
{
    char key[32];
    for (unsigned i = 0; i < MANY; i++) {
        (void)snprintf(key, sizeof(key), "d.t.%u", i);
        uv_runner_remove(w->runner, key);
    }
    run_until(w, &w->n_failed, UINT_MAX, 500);
    uv_runner_close(w->runner);
    uv_close((uv_handle_t *)&w->limit, NULL);
    uv_close((uv_handle_t *)&w->beat, NULL);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&w->loop), 0);
    cr_assert_eq(dir_empty(w->dir), 0);
    (void)rmdir(w->dir);
}

Test(launches, of_many_leave_the_loop_its_turn_between_two)
{
    struct world w;
    world_open(&w);
    (void)uv_timer_start(&w.beat, on_beat, 1, 1);
    for (unsigned i = 0; i < MANY; i++)
        launch(&w, i);
    run_until(&w, &w.n_started, MANY, WAIT_MS);
    (void)uv_timer_stop(&w.beat);
    cr_assert_eq(w.n_started, MANY, "%u failed", w.n_failed);
    cr_assert_geq(w.n_beats, MANY - 1, "%u", w.n_beats);
    world_close(&w);
}

Test(launches, that_wait_can_be_killed)
{
    struct world w;
    world_open(&w);
    launch(&w, 0);
    uv_runner_kill(w.runner, "d.t.0");
    run_until(&w, &w.n_exited, 1, WAIT_MS);
    cr_assert_eq(w.n_exited, 1);
    cr_assert_eq(w.status, 128 + SIGKILL);
    world_close(&w);
}

Test(launches, that_wait_and_are_removed_start_nothing)
{
    struct world w;
    world_open(&w);
    launch(&w, 0);
    uv_runner_remove(w.runner, "d.t.0");
    run_until(&w, &w.n_started, 1, 500);
    cr_assert_eq(w.n_started + w.n_exited + w.n_failed, 0);
    launch(&w, 0); /* and its place is free again */
    run_until(&w, &w.n_started, 1, WAIT_MS);
    cr_assert_eq(w.n_started, 1);
    world_close(&w);
}

Test(launches, of_what_waits_already_fail)
{
    struct world w;
    world_open(&w);
    launch(&w, 0);
    launch(&w, 0);
    run_until(&w, &w.n_started, 1, WAIT_MS);
    cr_assert_eq(w.n_failed, 1);
    world_close(&w);
}
