/* Following jobs until they are what was asked for.
 *
 * The usual path: poll, judge, print what changed, until all are done.  What can fail:
 * the deadline passes (which code depends on what it was waiting for), instances keep
 * failing, another version takes over, the agent goes away for longer than a restart
 * takes. */
#include "cli/follow.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/interrupt.h"
#include "core/bounds.h"
#include "core/doc.h"
#include "core/hash.h"
#include "core/utf8.h"

enum {
    POLL_MS = 200,
    SILENCE_MS = 5000,     /* then it says what it waits for */
    FAILING_MS = 8000,     /* failing all that time: it will not heal by itself */
    AGENT_GONE_MS = 15000, /* an agent that restarts is back sooner */
    PAST_MAX = 32,
    ROWS_MAX = 20, /* drawn over on a terminal; of more jobs each change is a line */
};

struct watch {
    uint64_t deadline_ms, changed_ms, said_ms;
    uint64_t gone_ms; /* since when the agent does not answer; 0 = it does */
    char waiting[ROLLOUT_WAITING_MAX];
    uint64_t past[PAST_MAX]; /* hashes of the lines shown, newest over oldest */
    size_t n_past;
    bool is_drawn;  /* on a terminal that has room for a row a job: they are drawn over */
    size_t n_drawn; /* rows above the cursor that may be */
};

static uint64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int follow_timeout(const struct invocation *in, uint64_t *ret_ms)
{
    const char *text = words_value(&in->words, "timeout");
    *ret_ms = FOLLOW_TIMEOUT_MS;
    if (text && text_duration_ms(text, ret_ms) < 0)
        return fail(in, EXIT_USAGE, "usage",
                    "--timeout: '%s' is no duration: 10s, 5m, 1h30m", text);
    return EXIT_DONE;
}

void follow_close(struct follow *jobs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        answer_close(&jobs[i].last);
}

/* What is said from here on stands below the rows, and they stay. */
static void leave_rows(struct watch *w)
{
    w->n_drawn = 0;
}

/* An instance that falls and rises again and again makes no progress by that. */
static bool is_news(struct watch *w, const char *text)
{
    uint64_t hash = hash64(bytes_of_text(text), 0);
    for (size_t i = 0; i < PAST_MAX && i < w->n_past; i++) {
        if (w->past[i] == hash)
            return false;
    }
    w->past[w->n_past++ % PAST_MAX] = hash;
    return true;
}

/* One row a job, as wide as the terminal: a row that wraps could not be drawn over. */
static void draw(struct watch *w, const struct follow *jobs, size_t n)
{
    size_t width = render_width(stderr);
    if (w->n_drawn > 0)
        fprintf(stderr, "\r\033[%zuA", w->n_drawn);
    for (size_t i = 0; i < n; i++)
        fprintf(stderr, "\r\033[K%.*s\n", (int)(width - 1 < 512 ? width - 1 : 512),
                jobs[i].shown);
    fflush(stderr);
    w->n_drawn = n;
}

static void show(struct watch *w, struct follow *jobs, size_t n, uint64_t now)
{
    bool has_changed = false;
    for (size_t i = 0; i < n; i++) {
        struct follow *job = &jobs[i];
        if (strcmp(job->shown, job->rollout.progress) == 0)
            continue;
        has_changed = true;
        (void)snprintf(job->shown, sizeof(job->shown), "%s", job->rollout.progress);
        if (!is_news(w, job->shown))
            continue;
        w->changed_ms = now;
        if (!w->is_drawn)
            fprintf(stderr, "%s\n", job->shown);
    }
    if (w->is_drawn && (has_changed || w->n_drawn == 0))
        draw(w, jobs, n);
}

static void say_waiting(struct watch *w, const struct follow *jobs, size_t n,
                        uint64_t now)
{
    if (now - w->changed_ms < SILENCE_MS)
        return;
    for (size_t i = 0; i < n; i++) {
        const char *waiting = jobs[i].rollout.waiting;
        if (jobs[i].rollout.phase == ROLLOUT_DONE || jobs[i].code || !*waiting)
            continue;
        bool is_same = strcmp(waiting, w->waiting) == 0;
        if (w->said_ms > 0 && now - w->said_ms < (is_same ? 6 * SILENCE_MS : SILENCE_MS))
            return;
        (void)snprintf(w->waiting, sizeof(w->waiting), "%s", waiting);
        w->said_ms = now;
        leave_rows(w);
        fputs("waiting for ", stderr);
        print_safe(stderr, waiting, false);
        fputc('\n', stderr);
        return;
    }
}

static int lose(struct follow *job, int code, const char *error_code, const char *format,
                ...) __attribute__((format(printf, 4, 5)));

/* This job is not followed any more; what of it is said comes with the others'. */
static int lose(struct follow *job, int code, const char *error_code, const char *format,
                ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(job->error, sizeof(job->error), format, args);
    va_end(args);
    (void)utf8_mend(job->error);
    (void)snprintf(job->error_code, sizeof(job->error_code), "%s", error_code);
    job->code = code;
    return EXIT_DONE;
}

static int look_for_agent(struct talk *t, struct watch *w, uint64_t now)
{
    if (w->gone_ms == 0)
        w->gone_ms = now;
    if (now - w->gone_ms < AGENT_GONE_MS)
        return EXIT_DONE;
    leave_rows(w);
    return fail(t->in, EXIT_NO_AGENT, "no_agent",
                "the agent went away; the work goes on without it");
}

static void judge(struct follow *job, uint64_t now)
{
    struct rollout_asked asked = {job->goal, job->version, job->before, now_unix_ms()};
    rollout_judge(job->last.data, &asked, &job->rollout);
    job->has_failed =
        job->has_failed || job->rollout.has_failing || job->rollout.has_failed;
    /* Failed everywhere, and now nobody takes it: that is failing too. */
    bool is_failing =
        job->rollout.has_failing || (job->has_failed && job->rollout.has_unplaced);
    if (!is_failing)
        job->failing_since_ms = 0;
    else if (job->failing_since_ms == 0)
        job->failing_since_ms = now;
}

/* Ask for one job's status.  EXIT_DONE also when the agent is away for a moment; anything else ends
 * following all of them. */
static int poll_one(struct talk *t, struct follow *job, struct watch *w, uint64_t now)
{
    struct answer a;
    t->is_quiet = true;
    int code = talk_get(t, &a, "/v1/jobs/%s/%s", job->target.ns, job->target.job);
    t->is_quiet = false;
    if (code == EXIT_NO_SUCH && job->goal == GOAL_STOPPED) {
        job->rollout.phase = ROLLOUT_DONE;
        return EXIT_DONE;
    }
    if (code == EXIT_NO_AGENT)
        return look_for_agent(t, w, now);
    if (code == EXIT_INTERRUPTED)
        return code;
    if (code == EXIT_NO_SUCH)
        return lose(job, code, "not_found", "%s/%s is gone: somebody removed it",
                    job->target.ns, job->target.job);
    if (code != EXIT_DONE)
        return lose(job, code, "failed", "the agent does not say how %s is",
                    job->target.job);
    w->gone_ms = 0;
    answer_close(&job->last);
    job->last = a;
    judge(job, now);
    return EXIT_DONE;
}

enum { QUALIFIED_MAX = 2 * NAME_LEN_MAX + 2 };

/* As it is typed: "web", "shop/web". */
static const char *qualified(const struct target *target, char out[static QUALIFIED_MAX])
{
    bool is_default = strcmp(target->ns, "default") == 0;
    (void)snprintf(out, QUALIFIED_MAX, "%s%s%s", is_default ? "" : target->ns,
                   is_default ? "" : "/", target->job);
    return out;
}

static int print_line(void *ctx, struct bytes in)
{
    bool *is_begun = ctx;
    for (size_t i = 0; i < in.len; i++) {
        char c = (char)in.at[i];
        if (!*is_begun)
            fputs("  | ", stderr);
        fputc(c == '\n' || c == '\t' || (unsigned char)c >= 0x20 ? c : '?', stderr);
        *is_begun = c != '\n';
    }
    return 0;
}

/* The last of what the failing instance wrote: mostly that is the cause. */
static void say_last_lines(struct talk *t, const struct follow *job)
{
    const char *dot = strrchr(job->rollout.instance, '.');
    bool is_begun = false;
    t->is_quiet = true;
    if (dot)
        (void)talk_stream(t, print_line, &is_begun,
                          "/v1/jobs/%s/%s/logs?index=%s&stream=stderr&tail=3",
                          job->target.ns, job->target.job, dot + 1);
    t->is_quiet = false;
    if (is_begun)
        fputc('\n', stderr);
}

/* What of a failed update still runs as it was before, and how all of it comes back to that. */
static void say_way_back(const struct follow *job, const char *name)
{
    const char *now = json_text(job->last.data, "version"), *before = "";
    long long n_old = 0;
    size_t i;
    json_t *instance;
    json_array_foreach(json_object_get(job->last.data, "instances"), i, instance)
    {
        const char *version = json_text(instance, "version");
        if (strcmp(json_text(instance, "state"), "running") != 0 ||
            json_is_true(json_object_get(instance, "former")) || !*version ||
            strcmp(version, now) == 0)
            continue;
        before = version;
        n_old++;
    }
    if (n_old > 0)
        fprintf(stderr,
                "%lld of %lld still run%s %s.  Back: stratos inspect %s@%s --canonical | "
                "stratos run -\n",
                n_old, json_number(job->last.data, "count"), n_old == 1 ? "s" : "",
                before, name, before);
}

/* Where a person reads on after a failure. */
static void say_more(struct talk *t, const struct follow *job)
{
    char name[QUALIFIED_MAX];
    (void)qualified(&job->target, name);
    if (job->code == EXIT_ROLLOUT) {
        say_last_lines(t, job);
        say_way_back(job, name);
        fprintf(stderr,
                "see: stratos logs %s --stderr; stratos status %s; stratos events\n",
                name, name);
    } else if (job->code == EXIT_UNPLACEABLE || job->code == EXIT_TIMED_OUT) {
        fprintf(stderr, "see: stratos status %s; stratos members; stratos events\n",
                name);
    }
}

static bool is_settled(const struct follow *job)
{
    return job->code != EXIT_DONE || job->rollout.phase == ROLLOUT_DONE ||
           (job->may_be_stopped && job->rollout.phase == ROLLOUT_STOPPED);
}

/* Somebody else's version is in force: which, and whose. */
static void lose_to_other(struct talk *t, struct follow *job)
{
    const char *version = json_text(job->last.data, "version");
    struct answer history = {0};
    const json_t *newest = NULL;
    t->is_quiet = true;
    if (talk_get(t, &history, "/v1/jobs/%s/%s/history", job->target.ns,
                 job->target.job) == EXIT_DONE)
        newest = json_array_get(history.data, 0);
    t->is_quiet = false;
    const char *by =
        strcmp(json_text(newest, "version"), version) == 0 ? json_text(newest, "by") : "";
    (void)lose(job, EXIT_CONFLICT, "conflict", "%s %s was replaced by %s%s%s",
               job->target.job, job->version, version,
               !*by              ? ""
               : strchr(by, '@') ? ", submitted by "
                                 : ", submitted at ",
               by);
    answer_close(&history);
}

/* Has it failed for good, or taken too long? */
static void look_for_failure(struct talk *t, struct follow *job, const struct watch *w,
                             uint64_t now)
{
    const struct rollout *r = &job->rollout;
    const char *name = job->target.job;
    char full[QUALIFIED_MAX];
    bool is_hopeless =
        job->failing_since_ms > 0 && now - job->failing_since_ms >= FAILING_MS;
    if (is_settled(job))
        return;
    if (r->phase == ROLLOUT_REPLACED)
        lose_to_other(t, job);
    else if (r->phase == ROLLOUT_STOPPED)
        (void)lose(job, EXIT_FAILED, "stopped",
                   "%s is stopped and stays so: `stratos start %s` starts it", name,
                   qualified(&job->target, full));
    else if (!is_hopeless && now < w->deadline_ms)
        return;
    else if (is_hopeless || job->has_failed)
        (void)lose(job, EXIT_ROLLOUT, "rollout_failed", "%s fails: %s", name, r->waiting);
    else if (r->has_unplaced)
        (void)lose(job, EXIT_UNPLACEABLE, "unplaceable", "%s cannot be placed: %s", name,
                   r->waiting);
    else
        (void)lose(job, EXIT_TIMED_OUT, "timeout", "%s is not there yet: %s", name,
                   r->waiting);
}

static json_t *failures(const struct follow *jobs, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        if (jobs[i].code != EXIT_DONE)
            (void)json_array_append_new(
                list, json_pack("{s:s,s:s,s:s,s:s}", "namespace", jobs[i].target.ns,
                                "job", jobs[i].target.job, "code", jobs[i].error_code,
                                "message", jobs[i].error));
    }
    return list;
}

/* All that failed, each with its cause; the code of the first. */
static int say_failures(struct talk *t, const struct follow *jobs, size_t n)
{
    const struct follow *first = NULL;
    size_t n_failed = 0;
    for (size_t i = 0; i < n; i++) {
        if (jobs[i].code == EXIT_DONE)
            continue;
        first = first ? first : &jobs[i];
        n_failed++;
        if (t->in->is_json)
            continue;
        (void)fail(t->in, jobs[i].code, jobs[i].error_code, "%s", jobs[i].error);
        say_more(t, &jobs[i]);
    }
    if (!first)
        return EXIT_DONE;
    if (t->in->is_json && n_failed == 1)
        return fail(t->in, first->code, first->error_code, "%s", first->error);
    if (t->in->is_json) {
        json_t *root = json_pack("{s:{s:s,s:s,s:o}}", "error", "code", first->error_code,
                                 "message", first->error, "jobs", failures(jobs, n));
        (void)json_dumpf(root, stdout, JSON_COMPACT);
        fputc('\n', stdout);
        json_decref(root);
    }
    return first->code;
}

/* One look at each; *ret_n_open: how many are still under way. */
static int look_at_all(struct talk *t, struct follow *jobs, size_t n, struct watch *w,
                       size_t *ret_n_open)
{
    int code = EXIT_DONE;
    *ret_n_open = 0;
    for (size_t i = 0; i < n && code == EXIT_DONE; i++) {
        if (!is_settled(&jobs[i]))
            code = poll_one(t, &jobs[i], w, now_ms());
    }
    if (code != EXIT_DONE)
        return code;
    if (!t->in->is_json) {
        show(w, jobs, n, now_ms());
        say_waiting(w, jobs, n, now_ms());
    }
    for (size_t i = 0; i < n; i++) {
        look_for_failure(t, &jobs[i], w, now_ms());
        *ret_n_open += !is_settled(&jobs[i]);
    }
    return EXIT_DONE;
}

int follow_all(struct talk *t, struct follow *jobs, size_t n, uint64_t timeout_ms)
{
    struct watch w = {.is_drawn = isatty(STDERR_FILENO) != 0 && n <= ROWS_MAX};
    size_t n_open = n;
    int code = EXIT_DONE;
    interrupt_says("\nstopped watching; the work goes on: stratos status\n");
    w.changed_ms = now_ms();
    w.deadline_ms = w.changed_ms + timeout_ms;
    while (n_open > 0 && code == EXIT_DONE) {
        code = look_at_all(t, jobs, n, &w, &n_open);
        if (n_open > 0 && code == EXIT_DONE)
            (void)usleep(POLL_MS * 1000); /* a shorter sleep does no harm */
    }
    interrupt_says("\n");
    leave_rows(&w);
    return code == EXIT_DONE ? say_failures(t, jobs, n) : code;
}
