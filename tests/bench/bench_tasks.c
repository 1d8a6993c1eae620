/* What a restart of a task costs, and what a thousand tasks do: the runner with real shims, without an
 * agent's planning.
 *
 * Usage: [GROUPS_BELOW=a/] bench_tasks [RESTARTS=50] [TASKS=1000]      (root; control groups)
 *
 * A restart is: SIGKILL to the main process, its end on the disk and told, a new start ordered at once,
 * the new main process at its first line.  Each main process writes down when that is.  Before, the same
 * number of tasks that do nothing is run one after the other. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "isolate/files.h"
#include "isolate/task_dir.h"
#include "isolate/uv_runner.h"

enum { RESTARTS = 50, TASKS = 1000, LIMIT_MS = 300000, REST_MS = 300 };

struct bench {
    uv_loop_t loop;
    uv_timer_t timer;
    struct uv_runner *runner;
    struct uv_runner_options options;
    char dir[64], self[256];
    int n_started, n_ended, n_found, n_failed;
    uint32_t pid;
    double ended_ms;
};

static double now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

/* The task: says when it is there, and waits. */
static int be_task(void)
{
    FILE *file = fopen("at", "w");
    if (file) {
        (void)fprintf(file, "%ld %.6f\n", (long)getpid(), now_ms());
        (void)fclose(file);
    }
    (void)pause();
    return 0;
}

static void on_started(void *ctx, const char *key, uint32_t pid)
{
    struct bench *b = ctx;
    (void)key;
    b->n_started++;
    b->pid = pid;
}

static void on_failed(void *ctx, const char *key, const char *why)
{
    struct bench *b = ctx;
    b->n_failed++;
    (void)fprintf(stderr, "%s: %s\n", key, why);
}

static bool is_restarting, is_quick;

static void launch_program(struct bench *b, const char *key, const char *program)
{
    const char *const argv[] = {program, "--task", NULL};
    const struct pair env[] = {{"STRATOS_JOB", "t"}};
    const struct task_spec task = {.argv = argv,
                                   .n_argv = 2,
                                   .cpu_milli = 100,
                                   .memory_bytes = 64 << 20,
                                   .pids = 64,
                                   .stop_signal = SIGTERM,
                                   .stop_timeout_ms = 5000,
                                   .log_max_bytes = 10 << 20,
                                   .log_max_files = 2};
    uv_runner_launch(b->runner, &(struct launch){.key = key,
                                                 .task = &task,
                                                 .env = env,
                                                 .n_env = 1,
                                                 .version = "1",
                                                 .is_quick = is_quick,
                                                 .note = bytes_of_text("note")});
}

static void launch(struct bench *b, const char *key)
{
    launch_program(b, key, b->self);
}

static void on_exited(void *ctx, const char *key, const struct exit_fact *fact)
{
    struct bench *b = ctx;
    (void)fact;
    b->n_ended++;
    b->ended_ms = now_ms();
    if (is_restarting)
        launch(b, key);
}

static void on_found(void *ctx, const struct task_found *task)
{
    struct bench *b = ctx;
    b->n_found += task->pid != 0;
}

static void on_timer(uv_timer_t *timer)
{
    (void)timer;
}

static void open_runner(struct bench *b)
{
    const struct uv_runner_events events = {on_started, on_failed, on_failed, on_exited, b};
    struct err err = {0};
    b->options = (struct uv_runner_options){.data_dir = b->dir,
                                            .name = "n1",
                                            .identity = b->dir,
                                            .groups = getenv("GROUPS_BELOW")};
    if (uv_runner_open(&b->loop, &b->options, &events, &b->runner, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
}

static void run_until(struct bench *b, const int *counter, int wanted)
{
    double until_ms = now_ms() + LIMIT_MS;
    while (*counter < wanted && b->n_failed == 0 && now_ms() < until_ms)
        (void)uv_run(&b->loop, UV_RUN_ONCE);
    if (*counter < wanted) {
        (void)fprintf(stderr, "waited for %d, have %d\n", wanted, *counter);
        exit(1);
    }
}

/* The loop goes on meanwhile: it makes the next start ready. */
static void rest(struct bench *b, double ms)
{
    for (double until_ms = now_ms() + ms; now_ms() < until_ms;)
        (void)uv_run(&b->loop, UV_RUN_ONCE);
}

static int watch_work(const struct bench *b)
{
    char path[128];
    int fd = inotify_init1(IN_CLOEXEC);
    (void)snprintf(path, sizeof(path), "%s/tasks/d.t.0/work", b->dir);
    if (fd < 0 || inotify_add_watch(fd, path, IN_CLOSE_WRITE) < 0)
        exit(1);
    return fd;
}

/* When the main process that was started last was there.  Waiting costs nothing. */
static double first_line_ms(const struct bench *b, int watch)
{
    char path[128], news[1024];
    (void)snprintf(path, sizeof(path), "%s/tasks/d.t.0/work/at", b->dir);
    for (double until_ms = now_ms() + LIMIT_MS; now_ms() < until_ms;) {
        double at = 0;
        struct pollfd one = {.fd = watch, .events = POLLIN};
        FILE *file = fopen(path, "re");
        int n = file ? fscanf(file, "%*d %lf", &at) : 0;
        if (file)
            (void)fclose(file);
        if (n == 1) {
            (void)unlink(path);
            return at;
        }
        if (poll(&one, 1, 1000) == 1 && read(watch, news, sizeof(news)) < 0)
            exit(1);
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void say(const char *what, double *values, int n)
{
    qsort(values, (size_t)n, sizeof(*values), compare);
    (void)printf("%s: p10 %.1f ms, median %.1f ms, p90 %.1f ms\n", what, values[n / 10],
                 values[n / 2], values[n * 9 / 10]);
}

static void bench_restarts(struct bench *b, int n)
{
    double *ends = calloc((size_t)n, sizeof(*ends)),
           *starts = calloc((size_t)n, sizeof(*starts)),
           *whole = calloc((size_t)n, sizeof(*whole));
    is_restarting = is_quick = true;
    launch(b, "d.t.0");
    run_until(b, &b->n_started, b->n_started + 1);
    int watch = watch_work(b);
    (void)first_line_ms(b, watch);
    for (int i = 0; i < n; i++) {
        rest(b, REST_MS);
        double killed_ms = now_ms();
        (void)kill((pid_t)b->pid, SIGKILL);
        run_until(b, &b->n_started, b->n_started + 1);
        double there_ms = first_line_ms(b, watch);
        ends[i] = b->ended_ms - killed_ms;
        starts[i] = there_ms - b->ended_ms;
        whole[i] = there_ms - killed_ms;
    }
    is_restarting = is_quick = false;
    (void)close(watch);
    say("kill -9 to its end on the disk and told", ends, n);
    say("told to the new process's first line", starts, n);
    say("kill -9 to the new process's first line", whole, n);
    int wanted = b->n_ended + 1;
    uv_runner_kill(b->runner, "d.t.0");
    run_until(b, &b->n_ended, wanted);
    uv_runner_remove(b->runner, "d.t.0");
    free(ends);
    free(starts);
    free(whole);
}

/* A task that does nothing, from the order to start it until its end is told. */
static void bench_true(struct bench *b, int n)
{
    double *whole = calloc((size_t)n, sizeof(*whole));
    for (int i = 0; i < n; i++) {
        (void)usleep(20000);
        int wanted = b->n_ended + 1;
        double from_ms = now_ms();
        launch_program(b, "d.true.0", "/bin/true");
        run_until(b, &b->n_ended, wanted);
        whole[i] = now_ms() - from_ms;
    }
    say("start to exit of `true`", whole, n);
    uv_runner_remove(b->runner, "d.true.0");
    free(whole);
}

static void bench_many(struct bench *b, int n)
{
    char key[32];
    double from_ms = now_ms();
    b->n_started = b->n_ended = 0;
    for (int i = 0; i < n; i++) {
        (void)snprintf(key, sizeof(key), "d.m.%d", i);
        launch(b, key);
    }
    run_until(b, &b->n_started, n);
    (void)printf("%d tasks up: %.2f s\n", n, (now_ms() - from_ms) / 1000);
    uv_runner_close(b->runner);
    (void)uv_run(&b->loop, UV_RUN_NOWAIT);
    from_ms = now_ms();
    open_runner(b);
    uv_runner_found(b->runner, on_found, b);
    (void)printf("%d of them found again: %.2f s\n", b->n_found,
                 (now_ms() - from_ms) / 1000);
    from_ms = now_ms();
    for (int i = 0; i < n; i++) {
        (void)snprintf(key, sizeof(key), "d.m.%d", i);
        uv_runner_stop(b->runner, key,
                       &(struct stop_order){.signal = SIGTERM, .grace_ms = 5000});
    }
    run_until(b, &b->n_ended, n);
    (void)printf("%d tasks stopped: %.2f s\n", n, (now_ms() - from_ms) / 1000);
    for (int i = 0; i < n; i++) {
        (void)snprintf(key, sizeof(key), "d.m.%d", i);
        uv_runner_remove(b->runner, key);
    }
}

int main(int argc, char **argv)
{
    static struct bench b;
    if (argc > 1 && strcmp(argv[1], "--task") == 0)
        return be_task();
    (void)strcpy(b.dir, "/run/stratos-bench-XXXXXX");
    ssize_t len = readlink("/proc/self/exe", b.self, sizeof(b.self) - 1);
    if (geteuid() != 0 || len < 0 || !mkdtemp(b.dir))
        return 1;
    (void)uv_loop_init(&b.loop);
    (void)uv_timer_init(&b.loop, &b.timer);
    (void)uv_timer_start(&b.timer, on_timer, 100, 100); /* run_until looks at the clock */
    open_runner(&b);
    int restarts = argc > 1 ? atoi(argv[1]) : RESTARTS,
        tasks = argc > 2 ? atoi(argv[2]) : TASKS;
    if (restarts > 0) {
        bench_true(&b, restarts);
        bench_restarts(&b, restarts);
    }
    if (tasks > 0)
        bench_many(&b, tasks);
    for (double until_ms = now_ms() + 1000; now_ms() < until_ms;)
        (void)uv_run(&b.loop, UV_RUN_ONCE);
    uv_runner_close(b.runner);
    uv_close((uv_handle_t *)&b.timer, NULL);
    (void)uv_run(&b.loop, UV_RUN_DEFAULT);
    (void)dir_empty(b.dir);
    (void)rmdir(b.dir);
    return 0;
}
