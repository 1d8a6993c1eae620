/* One instance's life on this machine: the transitions of the diagram in lifecycle.h.
 *
 * It decides only: the host starts, probes, signals and kills, and reports back. */
#include "isolate/lifecycle.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    FIRST_PROBE_MS =
        1000, /* until a check passed it is tried this often: ready means ready soon */
    KILL_AGAIN_MS = 5000, /* a task stuck in the kernel is killed again this often */
};

static void __attribute__((format(printf, 2, 3)))
say(struct lifecycle *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(l->reason, sizeof(l->reason), format, args);
    va_end(args);
}

static size_t n_checks(const struct lifecycle *l)
{
    return l->spec->n_health < HEALTH_MAX ? l->spec->n_health : HEALTH_MAX;
}

static void forget_health(struct lifecycle *l)
{
    l->health = n_checks(l) ? HEALTH_UNKNOWN : HEALTH_NONE;
    l->is_proven = false;
    l->healthy_since_ms = UINT64_MAX;
    for (size_t i = 0; i < HEALTH_MAX; i++)
        l->checks[i] = (struct lifecycle_check){.next_ms = UINT64_MAX};
}

static void clear_due(struct lifecycle *l)
{
    for (size_t i = 0; i < HEALTH_MAX; i++)
        l->checks[i].is_due = false;
}

unsigned lifecycle_start(struct lifecycle *l, const struct job_spec *spec,
                         uint64_t now_ms)
{
    assert(spec);
    *l = (struct lifecycle){
        .spec = spec, .state = INSTANCE_STARTING, .deadline_ms = UINT64_MAX};
    (void)now_ms; /* a start has no deadline: the runner always answers */
    forget_health(l);
    return LIFECYCLE_LAUNCH | LIFECYCLE_CHANGED;
}

unsigned lifecycle_adopt(struct lifecycle *l, const struct job_spec *spec,
                         const struct claim_doc *claim, uint64_t now_ms,
                         uint64_t at_unix_ms)
{
    (void)lifecycle_start(l, spec, now_ms);
    /* A claim from before the start was reported has no time: then the grace begins now.
     */
    l->started_unix_ms = claim->started_unix_ms ? claim->started_unix_ms : at_unix_ms;
    uint64_t age_ms =
        at_unix_ms > l->started_unix_ms ? at_unix_ms - l->started_unix_ms : 0;
    l->started_ms = now_ms > age_ms ? now_ms - age_ms : 0;
    l->pid = claim->pid;
    l->restarts = claim->restarts;
    l->has_exit = claim->has_exit;
    l->last_exit = claim->last_exit;
    say(l, "%s", claim->reason ? claim->reason : "");
    if (claim->state == INSTANCE_STOPPING) {
        l->state = INSTANCE_STOPPING;
        l->deadline_ms = now_ms + spec->task.stop_timeout_ms;
        return LIFECYCLE_SIGNAL | LIFECYCLE_CHANGED;
    }
    l->state = INSTANCE_RUNNING;
    bool was_passing = claim->health == HEALTH_PASSING;
    if (n_checks(l) == 0 || was_passing) {
        l->health = n_checks(l) ? HEALTH_PASSING : HEALTH_NONE;
        l->is_proven = claim->is_proven;
        l->healthy_since_ms = now_ms; /* unwatched time proves nothing */
    }
    for (size_t i = 0; i < n_checks(l); i++) {
        l->checks[i].has_passed = was_passing;
        l->checks[i].next_ms = now_ms;
    }
    return LIFECYCLE_CHANGED;
}

unsigned lifecycle_started(struct lifecycle *l, uint64_t now_ms, uint64_t at_unix_ms,
                           uint32_t pid)
{
    clear_due(l);
    if (l->state != INSTANCE_STARTING && l->state != INSTANCE_STOPPING)
        return 0;
    l->pid = pid;
    l->started_ms = now_ms;
    l->started_unix_ms = at_unix_ms;
    if (l->state ==
        INSTANCE_STOPPING) /* asked while starting: there was nobody to signal yet */
        return LIFECYCLE_SIGNAL | LIFECYCLE_CHANGED;
    l->state = INSTANCE_RUNNING;
    l->deadline_ms = UINT64_MAX;
    forget_health(l);
    if (n_checks(l) == 0)
        l->healthy_since_ms = now_ms;
    for (size_t i = 0; i < n_checks(l); i++)
        l->checks[i].next_ms = now_ms;
    return LIFECYCLE_CHANGED;
}

/* ---- exits and the back-off ---- */

static uint32_t count_exits(struct lifecycle *l, uint64_t now_ms)
{
    if (l->n_exits == LIFECYCLE_EXITS_MAX) {
        memmove(l->exits_ms, l->exits_ms + 1,
                sizeof(l->exits_ms) - sizeof(l->exits_ms[0]));
        l->n_exits--;
    }
    l->exits_ms[l->n_exits++] = now_ms;
    uint32_t in_window = 0;
    for (uint32_t i = 0; i < l->n_exits; i++)
        in_window += now_ms - l->exits_ms[i] <= l->spec->restart.window_ms;
    return in_window;
}

static uint32_t next_delay_ms(const struct lifecycle *l, uint32_t in_window)
{
    const struct restart_spec *r = &l->spec->restart;
    uint64_t delay_ms = r->delay_ms;
    if (in_window > 1 && l->delay_ms > 0)
        delay_ms = (uint64_t)l->delay_ms *
                   (r->backoff_permille > 1000 ? r->backoff_permille : 1000) / 1000;
    return (uint32_t)(delay_ms < r->max_delay_ms ? delay_ms : r->max_delay_ms);
}

static unsigned give_up(struct lifecycle *l, uint32_t in_window)
{
    char cause[REASON_LEN_MAX];
    (void)snprintf(cause, sizeof(cause), "%.100s", l->reason);
    say(l, "%s; gave up after %u exit%s within %u s", cause, in_window,
        in_window == 1 ? "" : "s", l->spec->restart.window_ms / 1000);
    l->state = INSTANCE_FAILED;
    l->deadline_ms = UINT64_MAX;
    return LIFECYCLE_GAVE_UP | LIFECYCLE_GONE | LIFECYCLE_CHANGED;
}

/* It is down and was not meant to be: wait and start again, or give up. */
static unsigned fall(struct lifecycle *l, uint64_t now_ms)
{
    uint32_t attempts = l->spec->restart.attempts;
    if (attempts > LIFECYCLE_EXITS_MAX - 1)
        attempts = LIFECYCLE_EXITS_MAX - 1;
    uint32_t in_window = count_exits(l, now_ms);
    l->pid = 0;
    l->is_restarting = false;
    l->is_kill_sent = false;
    forget_health(l);
    if (in_window > attempts)
        return give_up(l, in_window);
    l->delay_ms = next_delay_ms(l, in_window);
    l->state = INSTANCE_PENDING;
    l->deadline_ms = now_ms + l->delay_ms;
    return LIFECYCLE_CHANGED;
}

static unsigned finish(struct lifecycle *l)
{
    l->state = INSTANCE_FINISHED;
    l->pid = 0;
    l->deadline_ms = UINT64_MAX;
    forget_health(l);
    return LIFECYCLE_GONE | LIFECYCLE_CHANGED;
}

unsigned lifecycle_start_failed(struct lifecycle *l, uint64_t now_ms, const char *why)
{
    clear_due(l);
    if (l->state == INSTANCE_STOPPING)
        return finish(l);
    if (l->state != INSTANCE_STARTING)
        return 0;
    say(l, "%s", why);
    return fall(l, now_ms);
}

static void say_exit(struct lifecycle *l, int32_t status, bool is_oom)
{
    if (is_oom)
        say(l, "out of memory: the limit is %llu MiB",
            (unsigned long long)(l->spec->task.memory_bytes >> 20));
    else if (status > 128 && status < 128 + 65)
        say(l, "killed by signal %d", status - 128);
    else
        say(l, "exited with status %d", status);
}

unsigned lifecycle_exited(struct lifecycle *l, uint64_t now_ms, int32_t status,
                          bool is_oom)
{
    clear_due(l);
    if (l->state != INSTANCE_STARTING && l->state != INSTANCE_RUNNING &&
        l->state != INSTANCE_STOPPING)
        return 0;
    l->has_exit = true;
    l->last_exit = status;
    if (l->state == INSTANCE_STOPPING && !l->is_restarting)
        return finish(l);
    if (!l->is_restarting) /* otherwise the reason says which check failed */
        say_exit(l, status, is_oom);
    bool runs_to_end = l->spec->type == JOB_BATCH || l->spec->type == JOB_CRON;
    if (runs_to_end && status == 0 && !l->is_restarting)
        return finish(l);
    return fall(l, now_ms);
}

/* ---- health ---- */

static unsigned fail_check(struct lifecycle *l, uint64_t now_ms, unsigned check,
                           const char *detail)
{
    const struct health_spec *spec = &l->spec->health[check];
    say(l, "health check '%s' failed %u times: %s", spec->name, l->checks[check].failures,
        detail);
    l->health = HEALTH_FAILING;
    l->is_proven = false;
    l->healthy_since_ms = UINT64_MAX;
    l->state = INSTANCE_STOPPING;
    l->is_restarting = true;
    l->deadline_ms = now_ms + l->spec->task.stop_timeout_ms;
    return LIFECYCLE_SIGNAL | LIFECYCLE_CHANGED;
}

static unsigned pass_check(struct lifecycle *l, uint64_t now_ms, unsigned check)
{
    l->checks[check].failures = 0;
    l->checks[check].has_passed = true;
    for (size_t i = 0; i < n_checks(l); i++)
        if (!l->checks[i].has_passed)
            return 0;
    if (l->health == HEALTH_PASSING)
        return 0;
    l->health = HEALTH_PASSING;
    l->healthy_since_ms = now_ms;
    return LIFECYCLE_CHANGED;
}

unsigned lifecycle_probed(struct lifecycle *l, uint64_t now_ms, unsigned check,
                          bool is_ok, const char *detail)
{
    clear_due(l);
    if (l->state != INSTANCE_RUNNING || check >= n_checks(l))
        return 0;
    const struct health_spec *spec = &l->spec->health[check];
    struct lifecycle_check *c = &l->checks[check];
    bool is_eager = !c->has_passed && !is_ok && spec->interval_ms > FIRST_PROBE_MS;
    c->next_ms = now_ms + (is_eager ? FIRST_PROBE_MS : spec->interval_ms);
    if (is_ok)
        return pass_check(l, now_ms, check);
    if (!c->has_passed && now_ms - l->started_ms < spec->grace_ms)
        return 0;
    c->failures++;
    if (c->failures < spec->max_failures)
        return 0;
    return fail_check(l, now_ms, check, detail);
}

/* ---- stop and time ---- */

unsigned lifecycle_stop(struct lifecycle *l, uint64_t now_ms, const char *why)
{
    clear_due(l);
    if (l->state == INSTANCE_PENDING) {
        say(l, "%s", why);
        return finish(l);
    }
    if (l->state == INSTANCE_STOPPING && l->is_restarting) {
        l->is_restarting = false; /* the signal is out already; now it also stays down */
        say(l, "%s", why);
        return LIFECYCLE_CHANGED;
    }
    if (l->state != INSTANCE_STARTING && l->state != INSTANCE_RUNNING)
        return 0;
    say(l, "%s", why);
    l->state = INSTANCE_STOPPING;
    l->is_proven = false;
    l->deadline_ms = now_ms + l->spec->task.stop_timeout_ms;
    return LIFECYCLE_SIGNAL | LIFECYCLE_CHANGED;
}

static uint64_t proven_at_ms(const struct lifecycle *l)
{
    if (l->state != INSTANCE_RUNNING || l->is_proven || l->healthy_since_ms == UINT64_MAX)
        return UINT64_MAX;
    return l->healthy_since_ms + l->spec->update.min_healthy_time_ms;
}

static unsigned tick_running(struct lifecycle *l, uint64_t now_ms)
{
    unsigned want = 0;
    if (now_ms >= proven_at_ms(l)) {
        l->is_proven = true;
        want |= LIFECYCLE_CHANGED;
    }
    for (size_t i = 0; i < n_checks(l); i++) {
        if (now_ms < l->checks[i].next_ms)
            continue;
        l->checks[i].is_due = true;
        l->checks[i].next_ms = UINT64_MAX;
        want |= LIFECYCLE_PROBE;
    }
    return want;
}

unsigned lifecycle_tick(struct lifecycle *l, uint64_t now_ms)
{
    clear_due(l);
    if (l->state == INSTANCE_RUNNING)
        return tick_running(l, now_ms);
    if (now_ms < l->deadline_ms)
        return 0;
    if (l->state == INSTANCE_PENDING) {
        l->state = INSTANCE_STARTING;
        l->restarts++;
        l->deadline_ms = UINT64_MAX;
        return LIFECYCLE_LAUNCH | LIFECYCLE_CHANGED;
    }
    if (l->state == INSTANCE_STOPPING) {
        l->is_kill_sent = true;
        l->deadline_ms = now_ms + KILL_AGAIN_MS;
        return LIFECYCLE_KILL;
    }
    return 0;
}

uint64_t lifecycle_deadline_ms(const struct lifecycle *l)
{
    if (l->state != INSTANCE_RUNNING)
        return l->deadline_ms;
    uint64_t deadline_ms = proven_at_ms(l);
    for (size_t i = 0; i < n_checks(l); i++)
        if (l->checks[i].next_ms < deadline_ms)
            deadline_ms = l->checks[i].next_ms;
    return deadline_ms;
}
