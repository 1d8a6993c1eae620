/* One instance's life on this machine: the transitions of the diagram in lifecycle.h.
 *
 * It decides only: the host starts, probes, signals and kills, and reports back. */
#include "isolate/lifecycle.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/utf8.h"

enum {
    KILL_AGAIN_MS = 5000, /* a task stuck in the kernel is killed again this often */
};

static void __attribute__((format(printf, 2, 3)))
say(struct lifecycle *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(l->reason, sizeof(l->reason), format, args);
    va_end(args);
    (void)utf8_mend(l->reason);
}

/* It is down, or new. */
static void forget_health(struct lifecycle *l, bool is_restart)
{
    checks_stop(&l->checks, is_restart);
    l->health = checks_health(&l->checks);
    l->is_proven = l->was_proven = false;
    l->healthy_since_ms = UINT64_MAX;
}

bool lifecycle_is_quick(const struct job_spec *spec)
{
    return spec->restart.delay_ms == 0 && spec->restart.attempts > 0;
}

unsigned lifecycle_start(struct lifecycle *l, const struct job_spec *spec,
                         uint64_t now_ms)
{
    assert(spec);
    *l = (struct lifecycle){
        .spec = spec, .state = INSTANCE_STARTING, .deadline_ms = UINT64_MAX};
    (void)now_ms; /* a start has no deadline: the runner always answers */
    checks_init(&l->checks, spec);
    forget_health(l, false);
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
    checks_adopt(&l->checks, now_ms, claim->health);
    l->health = checks_health(&l->checks);
    if (claim_is_healthy(l->state, l->health)) {
        l->is_proven = claim->is_proven;
        l->healthy_since_ms = now_ms; /* unwatched time proves nothing */
    }
    return LIFECYCLE_CHANGED;
}

void lifecycle_spread(struct lifecycle *l, uint64_t now_ms, uint64_t chance)
{
    checks_spread(&l->checks, now_ms, chance);
}

unsigned lifecycle_started(struct lifecycle *l, uint64_t now_ms, uint64_t at_unix_ms,
                           uint32_t pid)
{
    checks_clear_due(&l->checks);
    if (l->state == INSTANCE_RUNNING && l->pid != pid) { /* now it is known */
        l->pid = pid;
        say(l, "%s", "");
        return LIFECYCLE_CHANGED;
    }
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
    checks_start(&l->checks, now_ms);
    l->health = checks_health(&l->checks);
    if (l->health == HEALTH_NONE)
        l->healthy_since_ms = now_ms;
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
    char cause[REASON_WHOLE_MAX], attempts[64];
    (void)snprintf(attempts, sizeof(attempts), "; gave up after %u exit%s within %u s",
                   in_window, in_window == 1 ? "" : "s",
                   l->spec->restart.window_ms / 1000);
    /* The cause comes first, and is cut where both have no room. */
    (void)utf8_cut(l->reason, cause, sizeof(cause) - strlen(attempts));
    say(l, "%s%s", cause, attempts);
    l->state = INSTANCE_FAILED;
    l->deadline_ms = UINT64_MAX;
    return LIFECYCLE_GAVE_UP | LIFECYCLE_GONE | LIFECYCLE_CHANGED;
}

static void lie_down(struct lifecycle *l)
{
    bool was_restarting = l->is_restarting;
    l->pid = 0;
    l->is_restarting = false;
    l->is_kill_sent = false;
    forget_health(l, was_restarting);
}

/* It is down and was not meant to be: wait and start again, or give up. */
static unsigned fall(struct lifecycle *l, uint64_t now_ms)
{
    uint32_t attempts = l->spec->restart.attempts;
    if (attempts > LIFECYCLE_EXITS_MAX - 1)
        attempts = LIFECYCLE_EXITS_MAX - 1;
    uint32_t in_window = count_exits(l, now_ms);
    lie_down(l);
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
    forget_health(l, false);
    return LIFECYCLE_GONE | LIFECYCLE_CHANGED;
}

unsigned lifecycle_start_failed(struct lifecycle *l, uint64_t now_ms, const char *why)
{
    checks_clear_due(&l->checks);
    if (l->state == INSTANCE_STOPPING)
        return finish(l);
    if (l->state != INSTANCE_STARTING)
        return 0;
    say(l, "%s", why);
    return fall(l, now_ms);
}

unsigned lifecycle_refuse(struct lifecycle *l, const char *why)
{
    checks_clear_due(&l->checks);
    if (l->state == INSTANCE_STOPPING)
        return finish(l);
    if (l->state != INSTANCE_STARTING)
        return 0;
    lie_down(l);
    say(l, "%s", why);
    l->state = INSTANCE_FAILED;
    l->deadline_ms = UINT64_MAX;
    return LIFECYCLE_GAVE_UP | LIFECYCLE_GONE | LIFECYCLE_CHANGED;
}

void lifecycle_retry(struct lifecycle *l, uint64_t now_ms)
{
    l->n_exits = 0;
    l->delay_ms = 0;
    if (l->state == INSTANCE_PENDING && l->deadline_ms > now_ms)
        l->deadline_ms = now_ms;
}

/* Nobody saw it fail, so no attempt is used up.  What was found never to have started is
 * started at once; who lost it, or killed its shim, may do so again. */
static unsigned start_anew(struct lifecycle *l, uint64_t now_ms, bool is_unstarted)
{
    bool is_found = l->state == INSTANCE_RUNNING && is_unstarted;
    lie_down(l);
    l->is_unstarted = is_unstarted;
    l->state = INSTANCE_PENDING;
    l->deadline_ms = now_ms + (is_found ? 0 : l->spec->restart.delay_ms);
    return LIFECYCLE_CHANGED;
}

static void say_exit(struct lifecycle *l, const struct exit_fact *fact)
{
    char words[REASON_LEN_MAX / 2];
    unsigned long long mib = l->spec->task.memory_bytes >> 20;
    (void)exit_words(fact, words, sizeof(words));
    if (fact->is_late && fact->kind == EXIT_BY_CODE)
        say(l, "%s; what it left behind did not end within %gs: killed", words,
            (double)l->spec->task.stop_timeout_ms / 1000);
    else if (fact->is_late)
        say(l, "did not end within %gs: killed",
            (double)l->spec->task.stop_timeout_ms / 1000);
    else if (fact->is_oom)
        say(l, "out of memory: the limit is %llu MiB", mib);
    else if (fact->had_oom)
        say(l, "%s; a process of it was killed at the limit of %llu MiB", words, mib);
    else
        say(l, "%s", words);
}

/* What was ordered, and how it went. */
static void say_late(struct lifecycle *l)
{
    char why[REASON_WHOLE_MAX -
             64]; /* so much less than the reason: for what comes behind it */
    (void)utf8_cut(l->reason, why, sizeof(why));
    say(l, "%s%sdid not end within %gs: killed", why, *why ? "; " : "",
        (double)l->spec->task.stop_timeout_ms / 1000);
}

unsigned lifecycle_exited(struct lifecycle *l, uint64_t now_ms,
                          const struct exit_fact *fact)
{
    checks_clear_due(&l->checks);
    if (l->state != INSTANCE_STARTING && l->state != INSTANCE_RUNNING &&
        l->state != INSTANCE_STOPPING)
        return 0;
    bool was_asked = l->state == INSTANCE_STOPPING;
    if (fact->kind != EXIT_NEVER) {
        l->has_exit = true;
        l->last_exit = *fact;
    }
    if (was_asked && fact->is_late)
        say_late(l);
    if (was_asked && !l->is_restarting)
        return finish(l);
    if (!l->is_restarting) /* otherwise the reason says which check failed */
        say_exit(l, fact);
    if (fact->kind == EXIT_NEVER || fact->kind == EXIT_LOST)
        return start_anew(l, now_ms, fact->kind == EXIT_NEVER);
    bool runs_to_end = l->spec->type == JOB_BATCH || l->spec->type == JOB_CRON;
    if (runs_to_end && exit_is_success(fact) && !l->is_restarting)
        return finish(l);
    return fall(l, now_ms);
}

/* ---- health ---- */

/* A live check has failed too often. */
static unsigned restart(struct lifecycle *l, uint64_t now_ms)
{
    l->state = INSTANCE_STOPPING;
    l->is_restarting = true;
    l->deadline_ms = now_ms + l->spec->task.stop_timeout_ms;
    return LIFECYCLE_SIGNAL | LIFECYCLE_CHANGED;
}

/* A result, or another spec, may have changed the health.  What was proven before new checks came is so
 * again when all of those have passed: it was healthy all the while. */
static void prove(struct lifecycle *l, bool was_healthy, uint64_t now_ms)
{
    if (!claim_is_healthy(l->state, l->health)) {
        l->is_proven = l->was_proven = false;
        l->healthy_since_ms = UINT64_MAX;
        return;
    }
    if (!was_healthy)
        l->healthy_since_ms = now_ms;
    l->was_proven = l->was_proven || l->is_proven;
    l->is_proven = l->was_proven && !checks_have_new(&l->checks);
}

unsigned lifecycle_probed(struct lifecycle *l, struct moment at, unsigned check,
                          bool is_ok, const char *said)
{
    checks_clear_due(&l->checks);
    if (l->state != INSTANCE_RUNNING || check >= checks_count(&l->checks))
        return 0;
    bool was_told = l->checks.is_told, had_new = checks_have_new(&l->checks);
    bool was_healthy = claim_is_healthy(l->state, l->health);
    uint64_t age_ms = at.now_ms - l->started_ms;
    enum checks_news news = checks_probed(&l->checks, at, age_ms, check, is_ok, said);
    if (news == CHECKS_SAME && had_new == checks_have_new(&l->checks))
        return 0;
    l->health = checks_health(&l->checks);
    if (was_told || l->checks.is_told)
        checks_sentence(&l->checks, l->reason, sizeof(l->reason));
    prove(l, was_healthy, at.now_ms);
    return news == CHECKS_RESTART ? restart(l, at.now_ms) : LIFECYCLE_CHANGED;
}

/* ---- another spec ---- */

bool lifecycle_may_amend(const struct lifecycle *l)
{
    return l->state == INSTANCE_PENDING || l->state == INSTANCE_STARTING ||
           l->state == INSTANCE_RUNNING;
}

unsigned lifecycle_amend(struct lifecycle *l, const struct job_spec *spec,
                         uint64_t now_ms)
{
    bool was_told = l->checks.is_told;
    bool was_healthy = claim_is_healthy(l->state, l->health);
    if (!lifecycle_may_amend(l))
        return 0;
    l->spec = spec;
    checks_amend(&l->checks, spec, now_ms, was_healthy);
    l->health = checks_health(&l->checks);
    if (was_told || l->checks.is_told)
        checks_sentence(&l->checks, l->reason, sizeof(l->reason));
    prove(l, was_healthy, now_ms);
    if (l->state == INSTANCE_PENDING && l->deadline_ms > now_ms)
        l->deadline_ms =
            now_ms; /* somebody has looked at it: not worth waiting any longer */
    return LIFECYCLE_CHANGED;
}

/* ---- stop and time ---- */

unsigned lifecycle_stop(struct lifecycle *l, uint64_t now_ms, const char *why)
{
    checks_clear_due(&l->checks);
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

/* While a check is new, or its last answer was no, time proves nothing. */
static uint64_t proven_at_ms(const struct lifecycle *l)
{
    if (l->state != INSTANCE_RUNNING || l->is_proven ||
        l->healthy_since_ms == UINT64_MAX || checks_are_in_doubt(&l->checks))
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
    if (checks_tick(&l->checks, now_ms))
        want |= LIFECYCLE_PROBE;
    return want;
}

unsigned lifecycle_tick(struct lifecycle *l, uint64_t now_ms)
{
    checks_clear_due(&l->checks);
    if (l->state == INSTANCE_RUNNING)
        return tick_running(l, now_ms);
    if (now_ms < l->deadline_ms)
        return 0;
    if (l->state == INSTANCE_PENDING) {
        l->state = INSTANCE_STARTING;
        l->restarts += !l->is_unstarted;
        l->is_unstarted = false;
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
    uint64_t proven_ms = proven_at_ms(l), due_ms = checks_deadline_ms(&l->checks);
    return proven_ms < due_ms ? proven_ms : due_ms;
}
