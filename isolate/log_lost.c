/* See log_lost.h. */
#include "isolate/log_lost.h"

#include <stdlib.h>
#include <string.h>

void log_lost_fini(struct log_lost *l)
{
    free(l->jobs);
    *l = (struct log_lost){0};
}

/* False: the key of no instance of a job. */
static bool name_of(const char *key, char out[static LOG_LOST_NAME_MAX])
{
    const char *first = strchr(key, '.'), *last = strrchr(key, '.');
    if (!first || last == first || (size_t)(last - key) >= LOG_LOST_NAME_MAX)
        return false;
    memcpy(out, key, (size_t)(last - key));
    out[last - key] = '\0';
    out[first - key] = '/';
    return true;
}

/* Where it is or belongs. */
static size_t place_of(const struct log_lost *l, const char *name)
{
    size_t low = 0, high = l->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(l->jobs[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void forget_lossless(struct log_lost *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++)
        if (l->jobs[i].bytes)
            l->jobs[n++] = l->jobs[i];
    l->n = n;
}

static bool has_room(struct log_lost *l)
{
    if (l->n == LOG_LOST_JOBS_MAX)
        forget_lossless(l);
    if (l->n < l->cap)
        return true;
    size_t cap = l->cap ? 2 * l->cap : 16;
    struct log_lost_job *jobs =
        cap > LOG_LOST_JOBS_MAX ? NULL : realloc(l->jobs, cap * sizeof(*jobs));
    if (!jobs)
        return false;
    l->jobs = jobs;
    l->cap = cap;
    return true;
}

void log_lost_add(struct log_lost *l, const char *key, uint64_t n_bytes)
{
    char name[LOG_LOST_NAME_MAX];
    bool is_known = name_of(key, name);
    size_t at = is_known ? place_of(l, name) : 0;
    if (is_known && at < l->n && strcmp(l->jobs[at].name, name) == 0) {
        l->jobs[at].bytes += n_bytes;
        return;
    }
    if (!is_known || !has_room(l)) {
        l->other_bytes += n_bytes;
        return;
    }
    at = place_of(l, name); /* some may have gone */
    memmove(l->jobs + at + 1, l->jobs + at, (l->n - at) * sizeof(*l->jobs));
    l->jobs[at] = (struct log_lost_job){.bytes = n_bytes};
    memcpy(l->jobs[at].name, name, sizeof(name));
    l->n++;
}

uint64_t log_lost_news(struct log_lost_seen *seen, uint64_t run_unix_ms, uint64_t bytes)
{
    uint64_t before = run_unix_ms == seen->run_unix_ms ? seen->bytes : 0;
    *seen = (struct log_lost_seen){run_unix_ms, bytes > before ? bytes : before};
    return bytes > before ? bytes - before : 0;
}
