/* A runner with real processes: each test has a data directory and a loop of its own. */
#ifndef TESTS_ISOLATE_WORLD_H
#define TESTS_ISOLATE_WORLD_H

#include <limits.h>

#include "isolate/uv_runner.h"

enum { WAIT_MS = 80000 }; /* hosts that build beside the tests are slow */

struct world {
    uv_loop_t loop;
    uv_timer_t limit;
    struct uv_runner *runner;
    struct uv_runner_options options;
    char dir[64], shim[PATH_MAX];
    char identity[128]; /* "" = the directory */
    int n_started, n_failed, n_exited, n_found;
    uint32_t pid, found_pid;
    struct exit_fact fact;
    int32_t status; /* the same in one number */
    bool is_oom, is_late;
    char why[512], found_note[64], found_doubt[160];
};

/* Skips the test where it cannot run. */
void world_open(struct world *w);
void world_close(struct world *w);
void open_runner(struct world *w); /* again, after uv_runner_close */

void run_until(struct world *w, const int *counter, int wanted);
void pause_ms(struct world *w, uint64_t ms);
void on_limit(uv_timer_t *timer); /* of w->limit: sets is_late */

/* For uv_runner_found: counts, and keeps PID and note. */
void on_found(void *ctx, const struct task_found *task);

/* Start the task d.t.0. */
void launch(struct world *w, const char *script);
void launch_with(struct world *w, const char *script, struct task_spec task);
void launch_order(struct world *w, const char *script, struct launch order);
/* Run it to its end, which must have the status `wanted`. */
void run_script(struct world *w, const char *script, int32_t wanted);
/* What it wrote to "stdout" or "stderr"; until the next call. */
const char *output(const struct world *w, const char *stream);
const char *output_of_all(const struct world *w, const char *stream); /* of every life */

#endif
