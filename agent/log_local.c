/* See log_local.h. */
#include "agent/log_local.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/doc.h"
#include "core/err.h"

enum {
    SCAN_AGAIN_MS = 1000,
    UNFINISHED_AFTER_MS = 1000, /* a line that stays so long without its end is shown */
    BUFFERS_MAX = 8 << 20,      /* of all sources of all readers together, about */
    BUFFER_MIN = 16 * 1024,
    BUFFER_MAX = 256 * 1024,
};

static const char gap[] =
    "lines are missing here: their file was rotated away or removed before it was read";

/* ---- finding sources ---- */

static struct log_local_source *source_find(const struct log_local *l, uint32_t index,
                                            uint8_t stream)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->sources[i]->index == index && l->sources[i]->stream == stream)
            return l->sources[i];
    return NULL;
}

static void load_runs(struct log_local_source *s)
{
    if (!s->runs)
        s->runs = calloc(LOG_RUNS_MAX, sizeof(*s->runs));
    s->n_runs = s->runs ? log_runs_load(s->dir, s->runs) : 0;
}

/* The last two lives; one that nothing is known of is all there is. */
static uint64_t previous_since(const struct log_local_source *s)
{
    return s->n_runs >= 2   ? s->runs[s->n_runs - 2].at_unix_ms
           : s->n_runs == 1 ? s->runs[0].at_unix_ms
                            : 0;
}

/* Lines from the cursor on that are young enough. */
static uint64_t count_lines(const struct log_local_source *s)
{
    struct log_cursor cursor = s->cursor;
    uint8_t *buf = malloc(LOG_READ_MIN);
    uint64_t n = 0, at_unix_ms = 0;
    bool is_gap;
    long len = 1;
    while (buf && len > 0) {
        len = log_read(s->dir, log_streams[s->stream], &cursor, true, buf, LOG_READ_MIN,
                       &is_gap);
        for (struct bytes rest = {buf, len > 0 ? (size_t)len : 0}; rest.len;) {
            struct log_line line;
            size_t used = log_line_read(rest, &line);
            at_unix_ms = line.has_stamp ? line.at_unix_ms : at_unix_ms;
            n += at_unix_ms >= s->since_unix_ms;
            rest = (struct bytes){rest.at + used, rest.len - used};
        }
    }
    free(buf);
    return n;
}

static void seek(struct log_local *l, struct log_local_source *s)
{
    const char *stream = log_streams[s->stream];
    uint64_t n = 0;
    if (!l->asked.has_tail || l->is_begun) { /* a late-comer is shown whole */
        (void)log_seek_since(s->dir, stream, s->since_unix_ms, &s->cursor);
        return;
    }
    (void)log_seek_tail(s->dir, stream, l->asked.tail, &s->cursor, &n);
    l->n_tail += s->since_unix_ms ? count_lines(s) : n;
}

static bool has_room(struct log_local *l)
{
    if (l->n < l->cap)
        return true;
    size_t cap = l->cap ? 2 * l->cap : 16;
    l->is_cut |= l->n >= LOG_SOURCES_MAX;
    void *grown = l->n >= LOG_SOURCES_MAX
                      ? NULL
                      : realloc(l->sources, cap * sizeof(struct log_local_source *));
    if (!grown)
        return false;
    l->sources = grown;
    l->cap = cap;
    return true;
}

static void add_source(struct log_local *l, const char *dir, uint32_t index,
                       uint8_t stream)
{
    struct log_local_source *s =
        !source_find(l, index, stream) && has_room(l) ? calloc(1, sizeof(*s)) : NULL;
    if (!s)
        return;
    s->index = index;
    s->stream = stream;
    s->begun_unix_ms = l->scanned_unix_ms;
    (void)snprintf(s->dir, sizeof(s->dir), "%s", dir);
    load_runs(s);
    s->since_unix_ms = l->asked.is_previous ? previous_since(s) : l->asked.since_unix_ms;
    if (!l->asked.is_follow)
        (void)log_seek_end(s->dir, log_streams[stream], &s->end);
    seek(l, s);
    l->sources[l->n++] = s;
}

static void add_dir(struct log_local *l, const char *name, uint32_t index)
{
    char dir[TASK_DIR_MAX];
    struct stat info;
    if ((size_t)snprintf(dir, sizeof(dir), "%s/tasks/%s", l->data_dir, name) >=
            sizeof(dir) ||
        lstat(dir, &info) < 0 || !S_ISDIR(info.st_mode))
        return;
    for (uint8_t stream = 0; stream < LOG_STREAMS; stream++)
        if (l->asked.wants[stream])
            add_source(l, dir, index, stream);
}

/* "<ns>.<job>.<index>" */
static void scan(struct log_local *l)
{
    char path[PATH_MAX], prefix[2 * NAME_LEN_MAX + 16];
    uint64_t index;
    size_t len =
        (size_t)snprintf(prefix, sizeof(prefix), "%s.%s.", l->asked.ns, l->asked.job);
    if (l->asked.has_index) {
        (void)snprintf(prefix + len, sizeof(prefix) - len, "%u", l->asked.index);
        add_dir(l, prefix, l->asked.index);
        return;
    }
    (void)snprintf(path, sizeof(path), "%s/tasks", l->data_dir);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (strncmp(e->d_name, prefix, len) == 0 &&
            text_uint(e->d_name + len, UINT32_MAX, &index) == 0)
            add_dir(l, e->d_name, (uint32_t)index);
    if (dir)
        (void)closedir(dir);
}

/* ---- reading ---- */

static bool grow(struct log_local_source *s, size_t cap)
{
    uint8_t *grown = cap > s->cap ? realloc(s->buf, cap) : s->buf;
    if (!grown)
        return false;
    s->buf = grown;
    s->cap = cap > s->cap ? cap : s->cap;
    return true;
}

static long read_some(struct log_local_source *s, bool with_unfinished)
{
    bool is_gap = false;
    long len = log_read(s->dir, log_streams[s->stream], &s->cursor, with_unfinished,
                        s->buf, s->cap, &is_gap);
    if (len == -ENOBUFS && s->cap < LOG_READ_MIN)
        len = grow(s, LOG_READ_MIN) ? log_read(s->dir, log_streams[s->stream], &s->cursor,
                                               with_unfinished, s->buf, s->cap, &is_gap)
                                    : -ENOMEM;
    s->has_gap |= is_gap;
    return len;
}

/* A task may write faster than we read.  The file in which the end was may be gone by now: what is
 * younger than the question is behind it. */
static bool is_past_end(const struct log_local_source *s)
{
    bool is_there = s->end.is_started && s->cursor.inode == s->end.inode &&
                    memcmp(s->cursor.head, s->end.head, s->end.head_len) == 0 &&
                    s->cursor.offset >= s->end.offset;
    return is_there || s->cursor.at_unix_ms > s->begun_unix_ms;
}

/* An unfinished line is taken when nothing is waited for, or when it has been there for a while. */
static void fill_one(struct log_local *l, struct log_local_source *s, size_t cap,
                     uint64_t now_unix_ms)
{
    long len = grow(s, cap) ? read_some(s, false) : -ENOMEM;
    if (len == 0 &&
        (!l->asked.is_follow || now_unix_ms >= s->grown_unix_ms + UNFINISHED_AFTER_MS))
        len = read_some(s, true);
    s->pos = 0;
    s->len = len > 0 ? (size_t)len : 0;
    if (len > 0) {
        s->grown_unix_ms = now_unix_ms;
        load_runs(s);
        s->is_done = !l->asked.is_follow && is_past_end(s);
        return;
    }
    s->code = (int)len;
    s->is_done = len < 0 || !l->asked.is_follow;
    s->upto_unix_ms = now_unix_ms;
}

void log_local_fill(struct log_local *l, uint64_t now_unix_ms)
{
    if (!l->is_begun || now_unix_ms >= l->scanned_unix_ms + SCAN_AGAIN_MS) {
        l->scanned_unix_ms = now_unix_ms;
        scan(l);
    }
    size_t n = l->n * l->n_readers, cap = BUFFERS_MAX / (n ? n : 1);
    cap = cap < BUFFER_MIN ? BUFFER_MIN : cap > BUFFER_MAX ? BUFFER_MAX : cap;
    for (size_t i = 0; i < l->n; i++)
        if (!l->sources[i]->is_done && l->sources[i]->pos == l->sources[i]->len)
            fill_one(l, l->sources[i], cap, now_unix_ms);
    l->is_begun = true;
}

/* ---- taking ---- */

static uint32_t version_at(const struct log_local_source *s, uint64_t at_unix_ms)
{
    const struct log_run *run =
        s->runs ? log_runs_at(s->runs, s->n_runs, at_unix_ms) : NULL;
    return run ? run->version : 0;
}

/* The next line that was asked for, at `pos`. */
static bool find_line(struct log_local_source *s, struct log_line *ret_line)
{
    while (s->pos < s->len) {
        size_t used =
            log_line_read((struct bytes){s->buf + s->pos, s->len - s->pos}, ret_line);
        s->at_unix_ms = ret_line->has_stamp ? ret_line->at_unix_ms : s->at_unix_ms;
        if (s->at_unix_ms >= s->since_unix_ms)
            return true;
        s->pos += used;
    }
    return false;
}

bool log_local_head(struct log_local *l, struct log_local_source *s,
                    struct log_frame *ret_frame)
{
    struct log_line line;
    struct log_frame f = {.kind = LOG_MISSING,
                          .stream = s->stream,
                          .index = s->index,
                          .node = bytes_of_text(l->node)};
    bool has_line = find_line(s, &line);
    f.at_unix_ms = s->at_unix_ms;
    if (s->has_gap) {
        f.text = bytes_of_text(gap);
    } else if (s->code < 0) {
        f.text = bytes_of_text(err_text(s->code));
    } else if (has_line) {
        f.kind = line.is_lost ? LOG_LOST : LOG_LINE;
        f.number = line.lost_bytes;
        f.version = version_at(s, s->at_unix_ms);
        f.text = line.text;
        f.text.len = f.text.len < LOG_FRAME_TEXT_MAX ? f.text.len : LOG_FRAME_TEXT_MAX;
    } else {
        return false;
    }
    *ret_frame = f;
    return true;
}

void log_local_take(struct log_local_source *s)
{
    struct log_line line;
    if (s->has_gap)
        s->has_gap = false;
    else if (s->code < 0)
        s->code = 0;
    else
        s->pos += log_line_read((struct bytes){s->buf + s->pos, s->len - s->pos}, &line);
}

bool log_local_is_empty(const struct log_local *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (!l->sources[i]->is_done && l->sources[i]->pos == l->sources[i]->len)
            return true;
    return false;
}

void log_local_fini(struct log_local *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->sources[i]->runs);
        free(l->sources[i]->buf);
        free(l->sources[i]);
    }
    free(l->sources);
    *l = (struct log_local){0};
}
