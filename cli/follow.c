/* Following jobs until they are what was asked for.
 *
 * The usual path: poll, judge, print what changed, until all are done.  What can fail:
 * the deadline passes (which code depends on what it was waiting for), instances keep
 * failing, another version takes over, the agent goes away for longer than a restart
 * takes. */
#include "cli/follow.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/bounds.h"
#include "core/doc.h"
#include "core/hash.h"

enum {
    POLL_MS = 200,
    SILENCE_MS = 5000,     /* then it says what it waits for */
    FAILING_MS = 8000,     /* failing all that time: it will not heal by itself */
    AGENT_GONE_MS = 15000, /* an agent that restarts is back sooner */
    PAST_MAX = 32,
};

struct watch {
    uint64_t deadline_ms, changed_ms, said_ms;
    uint64_t gone_ms; /* since when the agent does not answer; 0 = it does */
    char shown[512], waiting[320];
    uint64_t past[PAST_MAX]; /* hashes of the lines shown, newest over oldest */
    size_t n_past;
    bool is_terminal, is_open_line;
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

static void end_line(struct watch *w)
{
    if (w->is_open_line)
        fputc('\n', stderr);
    w->is_open_line = false;
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

static void show(struct watch *w, const struct follow *jobs, size_t n, uint64_t now)
{
    char text[512] = "";
    size_t len = 0;
    for (size_t i = 0; i < n && len < sizeof(text); i++) {
        int wrote = snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? "; " : "",
                             jobs[i].rollout.progress);
        len += (size_t)(wrote > 0 ? wrote : 0);
    }
    if (strcmp(text, w->shown) == 0)
        return;
    memcpy(w->shown, text, sizeof(text));
    bool is_new = is_news(w, text);
    if (is_new)
        w->changed_ms = now;
    if (w->is_terminal) {
        text[RENDER_WIDTH - 1] = '\0'; /* a wrapped line could not be drawn over */
        fprintf(stderr, "\r\033[K%s", text);
        fflush(stderr);
        w->is_open_line = true;
    } else if (is_new) {
        fprintf(stderr, "%s\n", text);
    }
}

static void say_waiting(struct watch *w, const struct follow *jobs, size_t n,
                        uint64_t now)
{
    if (now - w->changed_ms < SILENCE_MS)
        return;
    for (size_t i = 0; i < n; i++) {
        const char *waiting = jobs[i].rollout.waiting;
        if (jobs[i].rollout.phase == ROLLOUT_DONE || !*waiting)
            continue;
        bool is_same = strcmp(waiting, w->waiting) == 0;
        if (w->said_ms > 0 && now - w->said_ms < (is_same ? 6 * SILENCE_MS : SILENCE_MS))
            return;
        (void)snprintf(w->waiting, sizeof(w->waiting), "%s", waiting);
        w->said_ms = now;
        end_line(w);
        fputs("waiting for ", stderr);
        print_safe(stderr, waiting, false);
        fputc('\n', stderr);
        if (w->is_terminal)
            w->shown[0] = '\0'; /* the progress is drawn again below it */
        return;
    }
}

/* Ask for one job's status.  EXIT_DONE also when the agent is away for a moment. */
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
    if (code == EXIT_NO_AGENT) {
        if (w->gone_ms == 0)
            w->gone_ms = now;
        if (now - w->gone_ms < AGENT_GONE_MS)
            return EXIT_DONE;
        end_line(w);
        return fail(t->in, code, "no_agent",
                    "the agent went away; the work goes on without it");
    }
    if (code == EXIT_INTERRUPTED)
        return code;
    if (code != EXIT_DONE)
        end_line(w);
    if (code == EXIT_NO_SUCH)
        return fail(t->in, code, "not_found", "%s/%s is gone: somebody removed it",
                    job->target.ns, job->target.job);
    if (code != EXIT_DONE)
        return fail(t->in, code, "failed", "the agent does not say how %s is",
                    job->target.job);

    w->gone_ms = 0;
    answer_close(&job->last);
    job->last = a;
    struct rollout_asked asked = {job->goal, job->version, job->before, now_unix_ms()};
    rollout_judge(a.data, &asked, &job->rollout);
    job->has_failed =
        job->has_failed || job->rollout.has_failing || job->rollout.has_failed;
    /* Failed everywhere, and now nobody takes it: that is failing too. */
    bool is_failing =
        job->rollout.has_failing || (job->has_failed && job->rollout.has_unplaced);
    if (!is_failing)
        job->failing_since_ms = 0;
    else if (job->failing_since_ms == 0)
        job->failing_since_ms = now;
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

/* Where a person reads on after a failure; returns its exit code. */
static int say_more(struct talk *t, const struct follow *job, int code)
{
    char name[QUALIFIED_MAX];
    (void)qualified(&job->target, name);
    if (!t->in->is_json && code == EXIT_ROLLOUT)
        fprintf(stderr,
                "see: stratos logs %s --stderr; stratos status %s; stratos events\n",
                name, name);
    else if (!t->in->is_json)
        fprintf(stderr, "see: stratos status %s; stratos members; stratos events\n",
                name);
    return code;
}

/* EXIT_DONE: go on. */
static int verdict(struct talk *t, const struct follow *job, struct watch *w,
                   uint64_t now)
{
    const struct rollout *r = &job->rollout;
    const char *name = job->target.job;
    char full[QUALIFIED_MAX];
    bool is_hopeless =
        job->failing_since_ms > 0 && now - job->failing_since_ms >= FAILING_MS;
    bool is_late = now >= w->deadline_ms;
    bool is_over = is_hopeless || is_late || r->phase == ROLLOUT_REPLACED ||
                   r->phase == ROLLOUT_STOPPED;
    if (r->phase == ROLLOUT_DONE || !is_over)
        return EXIT_DONE;

    end_line(w);
    if (r->phase == ROLLOUT_REPLACED)
        return fail(t->in, EXIT_ROLLOUT, "rollout_failed", "%s %s was replaced by %s",
                    name, job->version, json_text(job->last.data, "version"));
    if (r->phase == ROLLOUT_STOPPED)
        return fail(t->in, EXIT_FAILED, "stopped",
                    "%s is stopped and stays so: `stratos start %s` starts it", name,
                    qualified(&job->target, full));
    int code;
    if (is_hopeless || job->has_failed)
        code =
            fail(t->in, EXIT_ROLLOUT, "rollout_failed", "%s fails: %s", name, r->waiting);
    else if (r->has_unplaced)
        code = fail(t->in, EXIT_UNPLACEABLE, "unplaceable", "%s cannot be placed: %s",
                    name, r->waiting);
    else
        code = fail(t->in, EXIT_TIMED_OUT, "timeout", "%s is not there yet: %s", name,
                    r->waiting);
    return say_more(t, job, code);
}

int follow_all(struct talk *t, struct follow *jobs, size_t n, uint64_t timeout_ms)
{
    struct watch w = {.is_terminal = isatty(STDERR_FILENO) != 0};
    command_on_interrupt("\nstopped watching; the work goes on: stratos status\n");
    uint64_t now = now_ms();
    w.changed_ms = now;
    w.deadline_ms = now + timeout_ms;
    for (;;) {
        size_t n_done = 0;
        int code = EXIT_DONE;
        for (size_t i = 0; i < n && code == EXIT_DONE; i++) {
            if (jobs[i].rollout.phase != ROLLOUT_DONE)
                code = poll_one(t, &jobs[i], &w, now_ms());
            n_done += jobs[i].rollout.phase == ROLLOUT_DONE;
        }
        now = now_ms();
        if (!t->in->is_json && code == EXIT_DONE) {
            show(&w, jobs, n, now);
            say_waiting(&w, jobs, n, now);
        }
        if (n_done == n || code != EXIT_DONE) {
            command_on_interrupt("\n");
            end_line(&w);
            return code;
        }
        for (size_t i = 0; i < n && code == EXIT_DONE; i++)
            code = verdict(t, &jobs[i], &w, now);
        if (code != EXIT_DONE)
            return code;
        (void)usleep(POLL_MS * 1000); /* a shorter sleep does no harm */
    }
}

void print_wrapped(const struct answer *a, json_t *data)
{
    json_t *root = json_pack("{s:i, s:s, s:O?, s:o}", "api", 1, "node",
                             a->node ? a->node : "", "view", a->view, "data", data);
    if (!root)
        return;
    (void)json_dumpf(root, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
    fputc('\n', stdout);
    json_decref(root);
}
