/* What a submission does to each job, in words.  See announce.h.
 *
 * Two questions are answered: what restarts, and why; and how many run, if that changes.  An older agent
 * answers neither, and then only created, updated or unchanged is said. */
#include "cli/announce.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/talk.h"

enum { LIST_MAX = 256, SCALE_MAX = 192, HEAD_MAX = 192 };

struct lines {
    char *out, head[HEAD_MAX];
    size_t len;
};

static void add(struct lines *l, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A line; what does not fit is left out whole rather than cut. */
static void add(struct lines *l, const char *format, ...)
{
    char text[ANNOUNCE_MAX];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    size_t left = ANNOUNCE_MAX - l->len;
    if (n < 0 || strlen(l->head) + (size_t)n + 2 > left)
        return;
    l->len += (size_t)snprintf(l->out + l->len, left, "%s%s\n", l->head, text);
}

void announce_version(const json_t *job, char *out, size_t cap)
{
    const json_t *version = json_object_get(job, "version");
    const char *text = json_string_value(version);
    if (text)
        (void)snprintf(out, cap, "%s%s", *text == 'v' ? "" : "v", text);
    else if (version)
        (void)snprintf(out, cap, "v%lld", (long long)json_number_value(version));
    else
        out[0] = '\0';
}

static bool is_in(const json_t *list, const json_t *word)
{
    size_t i;
    json_t *other;
    json_array_foreach(list, i, other)
    {
        if (json_equal(other, word))
            return true;
    }
    return false;
}

/* "env", "env and labels", "env, health and labels": those of `list` that `without` does not have. */
static size_t name_keys(const json_t *list, const json_t *without,
                        char out[static LIST_MAX])
{
    const char *names[64];
    size_t n = 0, len = 0, i;
    json_t *key;
    json_array_foreach(list, i, key)
    {
        if (!is_in(without, key) && json_is_string(key) && n < 64)
            names[n++] = json_string_value(key);
    }
    out[0] = '\0';
    for (i = 0; i < n && len < LIST_MAX; i++)
        len += (size_t)snprintf(out + len, LIST_MAX - len, "%s%s",
                                i == 0       ? ""
                                : i + 1 == n ? " and "
                                             : ", ",
                                names[i]);
    return n;
}

/* "restarts 2 instances and moves 1"; "" when none has to. */
static void name_verbs(const json_t *job, char out[static LIST_MAX])
{
    long long n = json_number(job, "restarting"), moving = json_number(job, "moving");
    out[0] = '\0';
    if (n > 0)
        (void)snprintf(out, LIST_MAX, "restarts %lld instance%s", n, n == 1 ? "" : "s");
    if (n > 0 && moving > 0)
        (void)snprintf(out + strlen(out), LIST_MAX - strlen(out), " and moves %lld",
                       moving);
    else if (moving > 0)
        (void)snprintf(out, LIST_MAX, "moves %lld instance%s", moving,
                       moving == 1 ? "" : "s");
}

/* Which keys made it so, and which only came with them: what moves may do so for any of them. */
static void say_restarts(struct lines *l, const json_t *job)
{
    char verbs[LIST_MAX], seen[LIST_MAX], others[LIST_MAX], changed[LIST_MAX];
    const json_t *all = json_object_get(job, "changed"),
                 *reasons = json_object_get(job, "restarts_for");
    long long moving = json_number(job, "moving"),
              stuck = json_number(job, "fitting_nowhere");
    size_t n_seen = name_keys(reasons, NULL, seen);
    size_t n_others = name_keys(all, reasons, others);
    size_t n_changed = name_keys(all, NULL, changed);
    name_verbs(job, verbs);
    if (*verbs && n_changed > 0 && moving > 0)
        add(l, ": %s: %s changed", verbs, changed);
    else if (*verbs && n_seen > 0)
        add(l, ": %s: %s changed%s%s%s", verbs, seen, n_others ? "; " : "", others,
            n_others ? ", too" : "");
    else if (*verbs)
        add(l, ": %s for an update that is still under way%s%s%s", verbs,
            n_changed ? "; " : "", changed, n_changed ? " changed" : "");
    else if (n_seen > 0 && stuck == 0) /* what runs has it already, or nothing runs */
        add(l, ": %s changed; nothing that runs has to restart", changed);
    else if (n_changed > 0 && stuck == 0)
        add(l, ": nothing restarts: %s changed", changed);
    if (stuck > 0)
        add(l, ": %lld instance%s fit%s no node as %s changed, and stay%s as before",
            stuck, stuck == 1 ? "" : "s", stuck == 1 ? "s" : "",
            n_changed ? changed : "things have", stuck == 1 ? "s" : "");
}

/* "the scale of 12:01 by root@n1", as far as it is known. */
static void name_scale(const json_t *scale, uint64_t now_unix_ms,
                       char out[static SCALE_MAX])
{
    const char *at = json_text(scale, "at"), *by = json_text(scale, "by");
    uint64_t day_ms = 24 * 3600 * 1000;
    bool has_time = strlen(at) >= 16;
    bool is_today = time_parse(at) / day_ms == now_unix_ms / day_ms;
    (void)snprintf(out, SCALE_MAX, "the scale%s%.*s%s%.*s%s%.97s", has_time ? " of " : "",
                   has_time && !is_today ? 10 : 0, at, has_time && !is_today ? " " : "",
                   has_time ? 5 : 0, has_time ? at + 11 : "", *by ? " by " : "", by);
}

static void say_count(struct lines *l, const json_t *job, uint64_t now_unix_ms)
{
    char scale[SCALE_MAX], why[2 * SCALE_MAX] = "";
    const json_t *in_force = json_object_get(job, "scale");
    long long before = json_number(job, "count_before"),
              after = json_number(job, "count");
    bool is_kept = json_is_true(json_object_get(in_force, "kept"));
    bool was_stopped = json_is_true(json_object_get(job, "was_stopped"));
    long long in_file = json_number(job, "count_in_file");
    bool is_changed = before != after;
    name_scale(in_force, now_unix_ms, scale);
    if (in_force && is_kept && in_file != after)
        (void)snprintf(why, sizeof(why), "%s is kept; the file says %lld", scale,
                       in_file);
    else if (in_force && is_kept)
        (void)snprintf(why, sizeof(why), "%s is kept", scale);
    else if (in_force && json_number(in_force, "count") == in_file)
        (void)snprintf(why, sizeof(why), "%s is dropped; the file says the same", scale);
    else if (in_force)
        (void)snprintf(why, sizeof(why), "%s is dropped", scale);
    const char *stopped = was_stopped ? "it was stopped" : "";
    const char *open = was_stopped || *why ? " (" : "", *close = *open ? ")" : "";
    const char *and = was_stopped && *why ? "; " : "";
    if (is_changed)
        add(l, ": count %lld -> %lld%s%s%s%s%s", before, after, open, stopped, and, why,
            close);
    else if (*open)
        add(l, ": count %lld%s%s%s%s%s", after, open, stopped, and, why, close);
}

void announce_text(const json_t *job, uint64_t now_unix_ms, char out[static ANNOUNCE_MAX])
{
    struct lines l = {.out = out};
    char version[24];
    const char *action = json_text(job, "action");
    announce_version(job, version, sizeof(version));
    (void)snprintf(l.head, sizeof(l.head), "%.63s/%.63s %s", json_text(job, "namespace"),
                   json_text(job, "job"), version);
    out[0] = '\0';
    if (strcmp(action, "create") == 0) {
        add(&l, " created");
        return;
    }
    if (json_object_get(job, "restarting"))
        say_restarts(&l, job);
    if (json_object_get(job, "count_before"))
        say_count(&l, job, now_unix_ms);
    if (l.len == 0)
        add(&l, " %s", strcmp(action, "update") == 0 ? "updated" : "unchanged");
}
