/* See log_runs.h. */
#include "isolate/log_runs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/arena.h"
#include "isolate/files.h"

enum {
    RUN_TEXT_MAX = 48,
    FILE_MAX_BYTES = 2 * LOG_RUNS_MAX * RUN_TEXT_MAX,
};

static bool take_number(struct bytes *in, uint64_t max, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t n = 0;
    for (; n < in->len && n < 19 && in->at[n] >= '0' && in->at[n] <= '9'; n++)
        number = number * 10 + (uint64_t)(in->at[n] - '0');
    *in = (struct bytes){in->at + n, in->len - n};
    if (in->len && in->at[0] == ' ')
        *in = (struct bytes){in->at + 1, in->len - 1};
    *ret_number = number;
    return n > 0 && number <= max;
}

size_t log_runs_parse(struct bytes text, struct log_run *out, size_t cap)
{
    size_t n = 0;
    while (text.len && cap) {
        const uint8_t *end = memchr(text.at, '\n', text.len);
        struct bytes line = {text.at, end ? (size_t)(end - text.at) : text.len};
        size_t used = line.len + (end != NULL);
        uint64_t at, version, keep;
        text = (struct bytes){text.at + used, text.len - used};
        if (!take_number(&line, UINT64_MAX, &at) ||
            !take_number(&line, UINT32_MAX, &version) ||
            !take_number(&line, UINT32_MAX, &keep) || line.len)
            continue;
        if (n == cap)
            memmove(out, out + 1, --n * sizeof(*out));
        out[n++] = (struct log_run){at, (uint32_t)version, (uint32_t)keep};
    }
    return n;
}

const struct log_run *log_runs_at(const struct log_run *runs, size_t n,
                                  uint64_t at_unix_ms)
{
    while (n > 0 && runs[n - 1].at_unix_ms > at_unix_ms)
        n--;
    return n > 0 ? &runs[n - 1] : NULL;
}

size_t log_runs_load(const char *dir, struct log_run out[static LOG_RUNS_MAX])
{
    char path[PATH_MAX];
    struct arena arena;
    struct bytes text = {0};
    size_t n = 0;
    (void)snprintf(path, sizeof(path), "%s/" LOG_RUNS_FILE, dir);
    arena_init(&arena, 2 * FILE_MAX_BYTES);
    if (file_read(path, FILE_MAX_BYTES, &arena, &text) == 0)
        n = log_runs_parse(text, out, LOG_RUNS_MAX);
    arena_fini(&arena);
    return n;
}

static size_t run_text(const struct log_run *run, char out[static RUN_TEXT_MAX])
{
    return (size_t)snprintf(out, RUN_TEXT_MAX, "%llu %u %u\n",
                            (unsigned long long)run->at_unix_ms, run->version,
                            run->keep_s);
}

/* The younger half again, so that this is rare. */
static int shorten(const char *dir, const char *path)
{
    struct log_run runs[LOG_RUNS_MAX];
    char text[LOG_RUNS_MAX / 2 * RUN_TEXT_MAX];
    size_t n = log_runs_load(dir, runs), len = 0;
    for (size_t i = n > LOG_RUNS_MAX / 2 ? n - LOG_RUNS_MAX / 2 : 0; i < n; i++)
        len += run_text(&runs[i], text + len);
    return file_swap(path, (struct bytes){(const uint8_t *)text, len});
}

int log_runs_add(const char *dir, const struct log_run *run)
{
    char path[PATH_MAX], text[RUN_TEXT_MAX];
    size_t len = run_text(run, text);
    (void)snprintf(path, sizeof(path), "%s/" LOG_RUNS_FILE, dir);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    ssize_t done = write(fd, text, len);
    int code = done == (ssize_t)len ? 0 : done < 0 ? -errno : -ENOSPC;
    off_t size = lseek(fd, 0, SEEK_END);
    (void)close(fd);
    return size > FILE_MAX_BYTES / 2 ? shorten(dir, path) : code;
}
