/* Judging a status answer: counts, the one instance that is worth naming, and the
 * verdict. */
#include "cli/rollout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/talk.h"

struct counts {
    bool is_batch;
    long long alive, serving, extra, ready, running, young, starting, pending, stopping,
        failed, lost, given_up;
    long long old, in_place; /* to be replaced; to be what is in force without that */
    long long former;        /* of a removed job of this name: no part of this one */
    const json_t *worst; /* the instance to name: failed before pending before starting */
    int worst_rank;
};

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool has_code_zero(const json_t *exit)
{
    const json_t *code = json_object_get(exit, "code");
    return json_is_integer(code) && json_integer_value(code) == 0;
}

/* A service's instance is ready when it runs and no check objects, a batch's when it is
 * through. */
static bool instance_is_ready(const json_t *instance, bool is_batch)
{
    const char *state = json_text(instance, "state"),
               *health = json_text(instance, "health");
    if (is(state, "finished"))
        return has_code_zero(json_object_get(instance, "last_exit"));
    return !is_batch && is(state, "running") && !is(health, "unknown") &&
           !is(health, "failing");
}

/* Without a health check only time tells whether it stays up.  A clock that is further off
 * than that counts as time. */
static bool instance_is_young(const json_t *instance, uint64_t now_unix_ms)
{
    uint64_t at = time_parse(json_text(instance, "started_at"));
    if (now_unix_ms == 0 || at == 0 || !is(json_text(instance, "state"), "running") ||
        !is(json_text(instance, "health"), "none"))
        return false;
    return at + STEADY_MS > now_unix_ms && now_unix_ms + STEADY_MS > at;
}

static bool instance_is_alive(const json_t *instance)
{
    const char *state = json_text(instance, "state");
    return is(state, "starting") || is(state, "running") || is(state, "stopping");
}

static bool instance_is_former(const json_t *instance)
{
    return json_is_true(json_object_get(instance, "former"));
}

/* The same process as in an earlier status: it was not restarted yet. */
static bool instance_is_in(const json_t *status, const json_t *instance)
{
    size_t i;
    json_t *other;
    json_array_foreach(json_object_get(status, "instances"), i, other)
    {
        if (is(json_text(other, "name"), json_text(instance, "name")))
            return is(json_text(other, "started_at"),
                      json_text(instance, "started_at")) &&
                   is(json_text(other, "node"), json_text(instance, "node")) &&
                   json_number(other, "pid") == json_number(instance, "pid");
    }
    return false;
}

/* What is yet to become of an instance.  An agent that does not say is asked by the version that
 * it shows; but two versions may be the same, so its own word is better. */
enum outlook { OUTLOOK_STAYS, OUTLOOK_IN_PLACE, OUTLOOK_REPLACED, OUTLOOK_STOPPED };

static enum outlook outlook_of(const json_t *instance, const struct rollout_asked *asked)
{
    const char *word = json_text(instance, "update"),
               *of = json_text(instance, "version");
    if (asked->before && instance_is_in(asked->before, instance))
        return OUTLOOK_REPLACED;
    if (!json_object_get(instance, "update"))
        return *asked->version && *of && !is(of, asked->version) ? OUTLOOK_REPLACED
                                                                 : OUTLOOK_STAYS;
    return is(word, "restart")    ? OUTLOOK_REPLACED
           : is(word, "in place") ? OUTLOOK_IN_PLACE
           : is(word, "stop")     ? OUTLOOK_STOPPED
                                  : OUTLOOK_STAYS;
}

static void note_worst(struct counts *c, const json_t *instance, int rank)
{
    if (rank > c->worst_rank) {
        c->worst = instance;
        c->worst_rank = rank;
    }
}

static void count_one(const json_t *instance, const struct rollout_asked *asked,
                      struct counts *c, struct rollout *r)
{
    const char *state = json_text(instance, "state");
    enum outlook outlook = outlook_of(instance, asked);
    bool is_alive = instance_is_alive(instance);
    if (instance_is_former(instance)) {
        c->former += is_alive;
        return;
    }
    c->alive += is_alive;
    c->serving += is(state, "running") && instance_is_ready(instance, false);
    if (outlook != OUTLOOK_STAYS && !is(state, "pending")) {
        c->old += is_alive && outlook == OUTLOOK_REPLACED;
        c->in_place += is_alive && outlook == OUTLOOK_IN_PLACE;
        c->extra += is_alive && outlook == OUTLOOK_STOPPED;
        note_worst(c, instance, 1);
        return;
    }
    if (instance_is_ready(instance, c->is_batch) &&
        (c->is_batch || !instance_is_young(instance, asked->now_unix_ms))) {
        c->ready++;
        return;
    }
    int rank = 2;
    r->has_failed = r->has_failed || is(json_text(instance, "health"), "failing") ||
                    json_number(instance, "restarts") > 0 ||
                    (json_is_object(json_object_get(instance, "last_exit")) &&
                     !has_code_zero(json_object_get(instance, "last_exit"))) ||
                    json_number(instance, "refused_by") > 0;
    if (is(state, "lost")) {
        c->lost++; /* with its node: nobody has seen it fail, and it will be taken over */
        rank = 4;
    } else if (is(state, "failed") || is(state, "finished")) {
        c->failed++;
        r->has_failing = true;
        rank = 4;
    } else if (is(state, "pending")) {
        bool is_given_up = json_is_true(json_object_get(instance, "given_up"));
        c->given_up += is_given_up;
        c->pending += !is_given_up;
        r->has_unplaced = r->has_unplaced || !*json_text(instance, "node");
        rank = 3;
    } else if (is(state, "stopping")) {
        c->stopping++;
    } else if (is(state, "running") && is(json_text(instance, "health"), "none") &&
               !c->is_batch) {
        c->young++;
    } else if (is(state, "running")) {
        c->running++;
    } else {
        c->starting++;
    }
    if (json_number(instance, "restarts") > RESTARTS_TOLERATED) {
        r->has_failing = true;
        rank = 4;
    }
    note_worst(c, instance, rank);
}

static size_t append(char *out, size_t cap, size_t len, const char *text)
{
    int wrote = len < cap ? snprintf(out + len, cap - len, "%s", text) : 0;
    return len + (size_t)(wrote > 0 ? wrote : 0);
}

static void say_progress(const json_t *status, const char *version,
                         const struct counts *c, struct rollout *r)
{
    const struct {
        long long n;
        const char *word;
    } parts[] = {{c->running, c->is_batch ? "running" : "not healthy yet"},
                 {c->young, "just started"},
                 {c->starting, "starting"},
                 {c->pending, "pending"},
                 {c->stopping, "stopping"},
                 {c->failed, "failed"},
                 {c->given_up, "given up"},
                 {c->lost, "lost"},
                 {c->extra, "too many"},
                 {c->former, "left of the removed job"}};
    const char *word = c->old        ? "replaced"
                       : c->in_place ? "taken over in place"
                       : c->is_batch ? "finished"
                                     : "healthy";
    char text[64];
    (void)snprintf(r->progress, sizeof(r->progress), "%s%s%s: ", json_text(status, "job"),
                   *version ? " " : "", version);
    size_t len = strlen(r->progress);
    (void)snprintf(text, sizeof(text), "%lld/%lld %s", r->ready, r->wanted, word);
    len = append(r->progress, sizeof(r->progress), len, text);
    if (c->old || c->in_place) { /* what is not replaced yet is not gone */
        (void)snprintf(text, sizeof(text), ", %lld serving", c->serving);
        len = append(r->progress, sizeof(r->progress), len, text);
    }
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i].n == 0)
            continue;
        (void)snprintf(text, sizeof(text), ", %lld %s", parts[i].n, parts[i].word);
        len = append(r->progress, sizeof(r->progress), len, text);
    }
}

static void say_waiting(const json_t *status, const struct counts *c, struct rollout *r)
{
    if (!c->worst) {
        (void)snprintf(r->waiting, sizeof(r->waiting), "%s: the job is %s",
                       json_text(status, "job"), json_text(status, "status"));
        return;
    }
    (void)snprintf(r->instance, sizeof(r->instance), "%s", json_text(c->worst, "name"));
    const char *node = json_text(c->worst, "node"),
               *health = json_text(c->worst, "health");
    const char *state = json_text(c->worst, "state"),
               *reason = json_text(c->worst, "reason");
    bool has_words = *json_text(json_object_get(c->worst, "check"), "said") != '\0';
    if (json_is_true(json_object_get(c->worst, "given_up")))
        state = ""; /* the reason says more: it waits because it crashed */
    if (is(state, "running") && !is(health, "failing") && !has_words)
        reason = ""; /* it says why it is placed there, not what is missing */
    bool is_health_news = is(state, "running") && *health && !is(health, "none");
    long long restarts = json_number(c->worst, "restarts");
    char times[48] = "";
    if (restarts > 1)
        (void)snprintf(times, sizeof(times), ", restarted %lld times", restarts);
    else if (restarts == 1)
        (void)snprintf(times, sizeof(times), ", restarted once");
    (void)snprintf(r->waiting, sizeof(r->waiting), "%s: %s%s%s%s%s%s%s%s",
                   json_text(c->worst, "name"), state, *node ? " on " : "", node,
                   is_health_news ? ", health " : "", is_health_news ? health : "", times,
                   *reason && *state ? ": " : "", reason);
}

static long long version_number(const char *version)
{
    return strtoll(version + (*version == 'v'), NULL, 10);
}

static void judge_stopped(const json_t *instances, struct rollout *r,
                          const json_t *status)
{
    size_t i;
    json_t *instance;
    long long alive = 0;
    const json_t *last = NULL;
    json_array_foreach(instances, i, instance)
    {
        if (instance_is_alive(instance) && !instance_is_former(instance)) {
            alive++;
            last = instance;
        }
    }
    r->ready = 0;
    r->wanted = 0;
    r->phase = alive == 0 ? ROLLOUT_DONE : ROLLOUT_UNDERWAY;
    (void)snprintf(r->progress, sizeof(r->progress), "%s: %lld still running",
                   json_text(status, "job"), alive);
    if (last)
        (void)snprintf(r->waiting, sizeof(r->waiting), "%s: %s on %s",
                       json_text(last, "name"), json_text(last, "state"),
                       json_text(last, "node"));
}

void rollout_judge(const json_t *status, const struct rollout_asked *asked,
                   struct rollout *ret_rollout)
{
    const char *version = asked->version;
    struct rollout r = {.phase = ROLLOUT_UNDERWAY};
    struct counts c = {.is_batch = is(json_text(status, "type"), "batch")};
    const json_t *instances = json_object_get(status, "instances");
    if (asked->goal == GOAL_STOPPED) {
        judge_stopped(instances, &r, status);
        *ret_rollout = r;
        return;
    }
    size_t i;
    json_t *instance;
    json_array_foreach(instances, i, instance)
    {
        count_one(instance, asked, &c, &r);
    }

    const char *word = json_text(status, "status"), *type = json_text(status, "type");
    const char *now = json_text(status, "version");
    bool has_count =
        json_is_number(json_object_get(status, "count")) && !is(type, "system");
    r.wanted =
        has_count ? json_number(status, "count") : (long long)json_array_size(instances);
    long long n_over = has_count && c.ready > r.wanted ? c.ready - r.wanted : 0;
    c.extra += n_over;
    r.ready = c.ready - n_over;
    say_progress(status, version, &c, &r);

    r.has_failing = r.has_failing || is(word, "failed") || is(word, "crashing");
    bool has_extra = has_count && c.alive > r.wanted;
    bool is_settled = !has_extra && !is(word, "updating") && !is(word, "pending") &&
                      !is(word, "stopped");
    bool is_in_force =
        !*version || !*now || version_number(now) >= version_number(version);
    if (*version && *now && version_number(now) > version_number(version)) {
        r.phase = ROLLOUT_REPLACED;
    } else if (is(word, "stopped")) {
        r.phase = ROLLOUT_STOPPED;
        (void)snprintf(r.progress, sizeof(r.progress), "%s: stopped",
                       json_text(status, "job"));
    } else if (is(type, "cron") || is(word, "complete")) {
        r.phase = ROLLOUT_DONE;
    } else if (c.ready >= r.wanted && c.old == 0 && c.in_place == 0 && is_settled &&
               is_in_force) {
        r.phase = ROLLOUT_DONE;
    }
    if (r.phase != ROLLOUT_DONE)
        say_waiting(status, &c, &r);
    *ret_rollout = r;
}
