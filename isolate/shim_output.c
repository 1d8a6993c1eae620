/* See shim_output.h. */
#include "isolate/shim_output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "isolate/cgroup_aside.h"
#include "isolate/log_runs.h"

enum {
    COPY_MAX = 64 * 1024, /* what a pipe holds */
    DRAIN_MAX = 1024,     /* reads per stream after the end: more than a pipe can hold */
    BUDGET_MIN_MILLI = 10,
    BURST_MS = 100, /* what was not used before */
    ASIDE_AFTER_MS =
        100, /* of processor time: a task that writes little never gets there */
    NS_PER_MS = 1000 * 1000, /* also: of a second, for each thousandth of a processor */
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 * NS_PER_MS + (uint64_t)now.tv_nsec;
}

static uint64_t wall_ms(void)
{
    return clock_ns(CLOCK_REALTIME) / NS_PER_MS;
}

void cpu_budget_look(struct cpu_budget *b, uint64_t at_ns, uint64_t used_ns)
{
    int64_t most_ns = (int64_t)b->milli * BURST_MS * (NS_PER_MS / 1000);
    b->left_ns += (int64_t)((at_ns - b->at_ns) / 1000 * b->milli);
    b->left_ns = b->left_ns > most_ns ? most_ns : b->left_ns;
    b->left_ns -= (int64_t)(used_ns - b->used_ns);
    b->at_ns = at_ns;
    b->used_ns = used_ns;
}

int cpu_budget_pause_ms(const struct cpu_budget *b)
{
    if (b->milli == 0 || b->left_ns > 0)
        return 0;
    return 1 + (int)(-b->left_ns / b->milli * 1000 / NS_PER_MS);
}

int shim_output_open(struct shim_output *o, const struct shim_launch *launch,
                     const struct cgroup *groups, struct err *err)
{
    uint32_t half = launch->cpu_cap_milli / 2;
    o->launch = launch;
    o->groups = groups;
    if (launch->cpu_cap_milli)
        o->budget.milli = half > BUDGET_MIN_MILLI ? half : BUDGET_MIN_MILLI;
    o->budget.at_ns = clock_ns(CLOCK_MONOTONIC);
    o->budget.used_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (size_t i = 0; i < LOG_STREAMS; i++) {
        int code = log_file_open(&o->streams[i].log, launch->dir, log_streams[i],
                                 launch->log_max_bytes, launch->log_max_files, err);
        if (code)
            return code;
    }
    return 0;
}

static uint32_t told_version(const struct shim_launch *l)
{
    for (size_t i = 0; i < l->n_env; i++)
        if (strcmp(l->env[i].key, "STRATOS_VERSION") == 0 && l->env[i].value[0] == 'v')
            return (uint32_t)strtoul(l->env[i].value + 1, NULL, 10);
    return 0;
}

/* On a disk that does not take it, lines are taken for the version before. */
void shim_output_started(struct shim_output *o, uint64_t at_unix_ms)
{
    const struct log_run run = {at_unix_ms, told_version(o->launch),
                                o->launch->log_keep_s};
    (void)log_runs_add(o->launch->dir, &run);
}

int shim_output_poll(const struct shim_output *o, struct pollfd polls[SHIM_OUTPUT_POLLS])
{
    int pause_ms = cpu_budget_pause_ms(&o->budget);
    for (size_t i = 0; i < LOG_STREAMS; i++)
        polls[i] =
            (struct pollfd){.fd = pause_ms ? -1 : o->streams[i].fd, .events = POLLIN};
    return pause_ms ? pause_ms : -1;
}

/* Returns true when there may be more. */
static bool copy_stream(struct shim_output *o, size_t i)
{
    static uint8_t buf[COPY_MAX];
    ssize_t len = read(o->streams[i].fd, buf, sizeof(buf));
    if (len > 0) {
        log_file_write(&o->streams[i].log, wall_ms(), (struct bytes){buf, (size_t)len});
        return true;
    }
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return errno == EINTR;
    (void)close(o->streams[i].fd);
    o->streams[i].fd = -1;
    return false;
}

void shim_output_copy(struct shim_output *o, const struct pollfd polls[SHIM_OUTPUT_POLLS])
{
    for (size_t i = 0; i < LOG_STREAMS; i++)
        if (polls[i].revents)
            (void)copy_stream(o, i);
    uint64_t used_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    cpu_budget_look(&o->budget, clock_ns(CLOCK_MONOTONIC), used_ns);
    if (o->is_aside || used_ns < (uint64_t)ASIDE_AFTER_MS * NS_PER_MS)
        return;
    o->is_aside = true;
    (void)cgroup_go_aside(o->groups); /* where there is no such group it is as before */
}

void shim_output_drain(struct shim_output *o)
{
    for (size_t i = 0; i < LOG_STREAMS; i++) {
        for (int n = 0; n < DRAIN_MAX && o->streams[i].fd >= 0; n++)
            if (!copy_stream(o, i))
                break;
        log_file_close(&o->streams[i].log, wall_ms());
    }
}

uint64_t shim_output_lost(const struct shim_output *o)
{
    uint64_t lost_bytes = 0;
    for (size_t i = 0; i < LOG_STREAMS; i++)
        lost_bytes += o->streams[i].log.lost_total;
    return lost_bytes;
}
