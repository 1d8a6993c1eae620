/* The health checks of one instance.  See checks.h. */
#include "isolate/checks.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/utf8.h"

enum {
    NOBODY = HEALTH_MAX,
    FIRST_PROBE_MS =
        1000, /* until it passed, a check is tried this often: ready means ready soon */
    ADOPT_SPREAD_MS =
        5000, /* over so long, or one interval, what passed is probed again */
    STARTING_MISSES =
        2, /* one refusal says only that the task has not bound its port yet */
    REFRESH_MS =
        5 * 60 * 1000, /* words that have changed are told anew, but not more often */
};

void checks_init(struct checks *c, const struct job_spec *spec)
{
    *c = (struct checks){.spec = spec, .blamed = NOBODY};
    for (size_t i = 0; i < HEALTH_MAX; i++)
        c->list[i].next_ms = UINT64_MAX;
}

size_t checks_count(const struct checks *c)
{
    return c->spec->n_health < HEALTH_MAX ? c->spec->n_health : HEALTH_MAX;
}

enum health checks_health(const struct checks *c)
{
    size_t n = checks_count(c), n_passed = 0, n_new = 0;
    for (size_t i = 0; i < n; i++) {
        if (c->list[i].is_failing)
            return HEALTH_FAILING;
        n_passed += c->list[i].has_passed;
        n_new += c->list[i].is_new;
    }
    if (n_new == n)
        return HEALTH_NONE;
    return n_passed + n_new == n ? HEALTH_PASSING : HEALTH_UNKNOWN;
}

/* ---- starting and ending ---- */

void checks_start(struct checks *c, uint64_t now_ms)
{
    for (size_t i = 0; i < HEALTH_MAX; i++)
        c->list[i] =
            (struct health_check){.next_ms = i < checks_count(c) ? now_ms : UINT64_MAX};
}

void checks_stop(struct checks *c, bool is_restart)
{
    for (size_t i = 0; i < HEALTH_MAX; i++)
        c->list[i] = (struct health_check){.next_ms = UINT64_MAX};
    if (!is_restart) {
        c->is_told = false;
        c->blamed = NOBODY;
        c->said_times = 0;
        c->said[0] = '\0';
    }
}

void checks_adopt(struct checks *c, uint64_t now_ms, enum health health)
{
    checks_start(c, now_ms);
    c->is_told = checks_count(c) > 0 && health == HEALTH_FAILING;
    for (size_t i = 0; i < checks_count(c); i++) {
        c->list[i].has_passed = health == HEALTH_PASSING || health == HEALTH_FAILING;
        c->list[i].is_new = health == HEALTH_NONE; /* it had no time to be answered */
        c->list[i].is_failing = health == HEALTH_FAILING; /* which did is not known */
    }
}

void checks_spread(struct checks *c, uint64_t now_ms, uint64_t chance)
{
    bool is_well = checks_health(c) == HEALTH_PASSING;
    for (size_t i = 0; i < checks_count(c); i++) {
        uint64_t within_ms = is_well ? ADOPT_SPREAD_MS : FIRST_PROBE_MS;
        if (within_ms > c->spec->health[i].interval_ms)
            within_ms = c->spec->health[i].interval_ms;
        if (within_ms > 0 && c->list[i].next_ms == now_ms)
            c->list[i].next_ms += (chance + i * within_ms / HEALTH_MAX) % within_ms;
    }
}

/* ---- one result ---- */

/* In effect: a check that restarts the task first leaves DNS with it. */
static uint32_t unready_after(const struct health_spec *spec)
{
    uint32_t n = spec->unready_after ? spec->unready_after : 1;
    bool restarts = spec->role == HEALTH_LIVE && spec->max_failures > 0;
    return restarts && spec->max_failures < n ? spec->max_failures : n;
}

static void forget_words(struct checks *c)
{
    c->blamed = NOBODY;
    c->said_times = 0;
    c->said[0] = '\0';
}

/* Of those that fail the one that has for longest. */
static void blame_another(struct checks *c)
{
    uint32_t most = 0;
    forget_words(c);
    for (unsigned i = 0; i < checks_count(c); i++) {
        if (!c->list[i].is_failing || c->list[i].misses <= most)
            continue;
        most = c->list[i].misses;
        c->blamed = i;
    }
}

/* Whoever was first keeps the blame, unless it only stumbles while another fails, or is past: of
 * before a restart. */
static bool takes_blame(const struct checks *c, unsigned check)
{
    if (c->blamed == NOBODY || c->blamed == check)
        return true;
    const struct health_check *blamed = &c->list[c->blamed];
    return blamed->misses == 0 || (c->list[check].is_failing && !blamed->is_failing);
}

static bool is_power_of_two(uint32_t n)
{
    return n > 0 && (n & (n - 1)) == 0;
}

/* Returns whether what is known of the blamed one changed. */
static bool take_words(struct checks *c, uint64_t now_ms, unsigned check, bool is_change,
                       const char *said)
{
    struct health_check *one = &c->list[check];
    /* A task that a check had started anew is refused at first: that is no better word. */
    bool is_early = c->is_told && c->blamed != NOBODY && !c->list[c->blamed].is_failing &&
                    one->misses < STARTING_MISSES;
    if (!takes_blame(c, check) || (is_early && !is_change))
        return false;
    bool is_other = c->blamed != check || c->said[0] == '\0';
    bool is_stale = now_ms - c->said_ms >= REFRESH_MS && strcmp(c->said, said) != 0;
    if (!is_other && !is_change && !is_stale && !is_power_of_two(one->misses))
        return false;
    c->blamed = check;
    c->said_times = one->failures ? one->failures : one->misses;
    c->said_since_unix_ms = one->since_unix_ms;
    c->said_ms = now_ms;
    (void)utf8_cut(said, c->said, sizeof(c->said));
    return true;
}

/* Failing is told; what has not passed yet, when it is more than a slow start. */
static bool is_worth_telling(const struct checks *c)
{
    enum health health = checks_health(c);
    if (health == HEALTH_FAILING)
        return true;
    return health == HEALTH_UNKNOWN && c->blamed != NOBODY &&
           (c->is_told || c->list[c->blamed].misses >= STARTING_MISSES);
}

static enum checks_news pass(struct checks *c, unsigned check)
{
    struct health_check *one = &c->list[check];
    enum health before = checks_health(c);
    one->failures = one->misses = 0;
    one->is_failing = one->is_new = false;
    one->has_passed = true;
    unsigned blamed = c->blamed;
    if (blamed == check || checks_health(c) == HEALTH_PASSING)
        blame_another(c);
    bool was_told = c->is_told;
    c->is_told = is_worth_telling(c);
    bool is_news = was_told != c->is_told || (was_told && blamed != c->blamed);
    return is_news || before != checks_health(c) ? CHECKS_TOLD : CHECKS_SAME;
}

static enum checks_news miss(struct checks *c, struct moment at, unsigned check,
                             bool is_counted, const char *said)
{
    const struct health_spec *spec = &c->spec->health[check];
    struct health_check *one = &c->list[check];
    enum health before = checks_health(c);
    if (one->misses++ == 0)
        one->since_unix_ms = at.at_unix_ms;
    one->failures += is_counted;
    bool restarts = spec->role == HEALTH_LIVE && spec->max_failures > 0 &&
                    one->failures >= spec->max_failures;
    bool is_new = !one->is_failing && one->failures >= unready_after(spec);
    one->is_failing = one->is_failing || is_new;
    one->is_new = one->is_new && !one->is_failing;
    if (restarts) {
        c->blamed = check; /* it is the one that has the task started anew */
        (void)take_words(c, at.now_ms, check, true, said);
        c->is_told = true;
        return CHECKS_RESTART;
    }
    bool is_news = take_words(c, at.now_ms, check, is_new, said);
    bool was_told = c->is_told;
    c->is_told = is_worth_telling(c);
    is_news = (is_news && c->is_told) || was_told != c->is_told;
    return is_news || before != checks_health(c) ? CHECKS_TOLD : CHECKS_SAME;
}

enum checks_news checks_probed(struct checks *c, struct moment at, uint64_t age_ms,
                               unsigned check, bool is_ok, const char *said)
{
    assert(check < checks_count(c));
    const struct health_spec *spec = &c->spec->health[check];
    struct health_check *one = &c->list[check];
    bool is_eager =
        !one->has_passed && !one->is_new && !is_ok && spec->interval_ms > FIRST_PROBE_MS;
    one->next_ms = at.now_ms + (is_eager ? FIRST_PROBE_MS : spec->interval_ms);
    if (is_ok)
        return pass(c, check);
    if (!said)
        return CHECKS_SAME;
    bool is_in_grace = !one->has_passed && age_ms < spec->grace_ms;
    return miss(c, at, check, !is_in_grace, said);
}

/* ---- another spec ---- */

static unsigned find_check(const struct checks *c, const struct health_spec *check)
{
    for (unsigned i = 0; i < checks_count(c); i++)
        if (health_spec_equal(&c->spec->health[i], check))
            return i;
    return NOBODY;
}

void checks_amend(struct checks *c, const struct job_spec *spec, uint64_t now_ms,
                  bool was_healthy)
{
    struct checks was = *c;
    unsigned blamed = NOBODY;
    c->spec = spec;
    for (unsigned i = 0; i < HEALTH_MAX; i++)
        c->list[i] = (struct health_check){.next_ms = UINT64_MAX};
    for (unsigned i = 0; i < checks_count(c); i++) {
        unsigned known = find_check(&was, &spec->health[i]);
        struct health_check *one = &c->list[i];
        *one = known != NOBODY ? was.list[known]
                               : (struct health_check){.is_new = was_healthy};
        one->is_due = false;
        if (known == NOBODY || one->next_ms == UINT64_MAX)
            one->next_ms = now_ms; /* an answer under way goes to a number of before */
        if (known != NOBODY && known == was.blamed)
            blamed = i;
    }
    c->blamed = blamed;
    if (blamed == NOBODY)
        blame_another(c);
    c->is_told = is_worth_telling(c);
}

bool checks_have_new(const struct checks *c)
{
    for (size_t i = 0; i < checks_count(c); i++)
        if (c->list[i].is_new)
            return true;
    return false;
}

bool checks_are_in_doubt(const struct checks *c)
{
    for (size_t i = 0; i < checks_count(c); i++)
        if (c->list[i].is_new || c->list[i].misses > 0)
            return true;
    return false;
}

/* ---- time ---- */

bool checks_tick(struct checks *c, uint64_t now_ms)
{
    bool is_any = false;
    for (size_t i = 0; i < checks_count(c); i++) {
        if (now_ms < c->list[i].next_ms)
            continue;
        c->list[i].is_due = is_any = true;
        c->list[i].next_ms = UINT64_MAX;
    }
    return is_any;
}

void checks_clear_due(struct checks *c)
{
    for (size_t i = 0; i < checks_count(c); i++)
        c->list[i].is_due = false;
}

uint64_t checks_deadline_ms(const struct checks *c)
{
    uint64_t deadline_ms = UINT64_MAX;
    for (size_t i = 0; i < checks_count(c); i++)
        if (c->list[i].next_ms < deadline_ms)
            deadline_ms = c->list[i].next_ms;
    return deadline_ms;
}

/* ---- words ---- */

static void sentence_head(const struct checks *c, char *out, size_t cap)
{
    const struct health_spec *spec = &c->spec->health[c->blamed];
    const struct health_check *one = &c->list[c->blamed];
    uint32_t times = c->said_times ? c->said_times : one->failures;
    bool restarts = spec->role == HEALTH_LIVE && spec->max_failures > 0;
    if (restarts && one->failures >= spec->max_failures)
        (void)snprintf(out, cap, "health check '%.63s' failed %u times in a row",
                       spec->name, one->failures);
    else if (!one->is_failing)
        (void)snprintf(out, cap, "health check '%.63s' has not passed yet", spec->name);
    else if (restarts)
        (void)snprintf(
            out, cap,
            "health check '%.63s' fails (%u or more in a row, restarts after %u)",
            spec->name, times, spec->max_failures);
    else
        (void)snprintf(out, cap,
                       "health check '%.63s' fails (%u or more in a row, never restarts)",
                       spec->name, times);
}

void checks_sentence(const struct checks *c, char *out, size_t cap)
{
    char head[160] = "";
    out[0] = '\0';
    if (!c->is_told)
        return;
    if (c->blamed == NOBODY)
        (void)snprintf(head, sizeof(head), "a health check fails");
    else
        sentence_head(c, head, sizeof(head));
    (void)snprintf(out, cap, "%s%s%s", head, c->said[0] ? ": " : "", c->said);
}

struct check_doc checks_doc(const struct checks *c)
{
    if (!c->is_told || c->blamed == NOBODY)
        return (struct check_doc){0};
    return (struct check_doc){.name = c->spec->health[c->blamed].name,
                              .said = c->said,
                              .failures = c->said_times,
                              .since_unix_ms = c->said_since_unix_ms};
}
