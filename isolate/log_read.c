/* See log_read.h. */
#include "isolate/log_read.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 1000, BLOCK = 64 * 1024 };

/* One of the files, open; 0 is the current one. */
struct nth {
    int fd;
    unsigned n;
    struct stat info;
};

/* 0 or -errno. */
static int open_nth(const char *dir, const char *stream, unsigned n, struct nth *ret_file)
{
    char path[PATH_MAX], suffix[16] = "";
    if (n >= FILES_MAX)
        return -ENOENT;
    if (n > 0)
        (void)snprintf(suffix, sizeof(suffix), ".%u", n);
    (void)snprintf(path, sizeof(path), "%s/%s.log%s", dir, stream, suffix);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct nth file = {.fd = fd, .n = n};
    int code = fd < 0 || fstat(fd, &file.info) < 0 ? -errno : 0;
    if (code == 0 && !S_ISREG(file.info.st_mode))
        code = -EINVAL;
    if (code && fd >= 0)
        (void)close(fd);
    if (code == 0)
        *ret_file = file;
    return code;
}

static uint64_t written_ms(const struct nth *file)
{
    return (uint64_t)file->info.st_mtim.tv_sec * 1000 +
           (uint64_t)file->info.st_mtim.tv_nsec / 1000000;
}

static bool is_at(const struct nth *file, struct log_cursor *c)
{
    uint8_t head[LOG_HEAD_LEN];
    if (file->info.st_ino != c->inode || (uint64_t)file->info.st_size < c->offset)
        return false;
    ssize_t len = pread(file->fd, head, sizeof(head), 0);
    if (len < (ssize_t)c->head_len || memcmp(head, c->head, c->head_len) != 0)
        return false;
    memcpy(c->head, head, (size_t)len); /* it may have had less */
    c->head_len = (size_t)len;
    return true;
}

/* At the beginning of this file. */
static void start_at(struct log_cursor *c, const struct nth *file, uint64_t offset)
{
    ssize_t len = pread(file->fd, c->head, sizeof(c->head), 0);
    c->head_len = len > 0 ? (size_t)len : 0;
    c->inode = file->info.st_ino;
    c->offset = offset;
    c->is_started = true;
    c->is_mid_line = false;
}

/* The oldest file that was written to after `after_ms`, else the current one. */
static int open_after(const char *dir, const char *stream, uint64_t after_ms,
                      struct nth *ret_file)
{
    struct nth older;
    int code = open_nth(dir, stream, 0, ret_file);
    for (unsigned n = 1; code == 0 && open_nth(dir, stream, n, &older) == 0; n++) {
        bool is_wanted = written_ms(&older) >= after_ms;
        (void)close(is_wanted ? ret_file->fd : older.fd);
        if (!is_wanted)
            break;
        *ret_file = older;
    }
    return code;
}

/* Where the cursor stands; when that is gone, in what came after it. */
static int open_cursor(const char *dir, const char *stream, struct log_cursor *c,
                       struct nth *ret_file, bool *ret_is_gap)
{
    for (unsigned n = 0; c->is_started && open_nth(dir, stream, n, ret_file) == 0; n++) {
        if (is_at(ret_file, c))
            return 0;
        (void)close(ret_file->fd);
    }
    int code = open_after(dir, stream, c->is_started ? c->at_unix_ms + 1 : 0, ret_file);
    if (code)
        return code;
    *ret_is_gap = c->is_started && c->offset > 0;
    start_at(c, ret_file, 0);
    return 0;
}

static void remember_stamp(struct log_cursor *c, struct bytes lines)
{
    size_t begin = lines.len - 1;
    struct log_line last;
    while (begin > 0 && lines.at[begin - 1] != '\n')
        begin--;
    (void)log_line_read((struct bytes){lines.at + begin, lines.len - begin}, &last);
    c->at_unix_ms = last.has_stamp ? last.at_unix_ms : c->at_unix_ms;
}

/* From one file; 0: it has no more; what is still written to may have later. */
static long read_file(const struct nth *file, struct log_cursor *c, bool with_unfinished,
                      uint8_t *out, size_t cap)
{
    char stamp[LOG_STAMP_MAX];
    size_t begin = c->is_mid_line ? log_line_stamp(c->at_unix_ms, stamp) : 0;
    if (cap < begin + 2)
        return -ENOBUFS;
    size_t room = cap - begin - 1; /* one for an end that is not there */
    ssize_t got = pread(file->fd, out + begin, room, (off_t)c->offset);
    if (got <= 0)
        return got < 0 ? -errno : 0;
    const uint8_t *end = memrchr(out + begin, '\n', (size_t)got);
    size_t len = end ? (size_t)(end - out) + 1 - begin : 0;
    bool is_whole = len > 0;
    if (!is_whole && (size_t)got == room)
        return -ENOBUFS;
    if (!is_whole && file->n == 0 && !with_unfinished)
        return 0;
    if (!is_whole) {
        len = (size_t)got;
        out[begin + len] = '\n';
    }
    memcpy(out, stamp, begin);
    c->offset += len;
    len += begin + !is_whole;
    remember_stamp(c, (struct bytes){out, len});
    c->is_mid_line = !is_whole && file->n == 0;
    return (long)len;
}

/* The file after one that has been read.  Names move on from the highest number down: when the
 * one that was read still has its own, so had the next when it was opened. */
static bool open_newer(const char *dir, const char *stream, struct log_cursor *c,
                       struct nth *file)
{
    struct nth newer, same;
    unsigned n = file->n;
    if (n == 0 || open_nth(dir, stream, n - 1, &newer) < 0)
        return false;
    bool is_next = open_nth(dir, stream, n, &same) == 0;
    if (is_next) {
        is_next = is_at(&same, c);
        (void)close(same.fd);
    }
    if (!is_next) { /* rotated under our hands: the next call finds its way */
        (void)close(newer.fd);
        return false;
    }
    *file = newer;
    start_at(c, file, 0);
    return true;
}

long log_read(const char *dir, const char *stream, struct log_cursor *cursor,
              bool with_unfinished, uint8_t *out, size_t cap, bool *ret_is_gap)
{
    struct nth file;
    *ret_is_gap = false;
    int code = open_cursor(dir, stream, cursor, &file, ret_is_gap);
    if (code)
        return code == -ENOENT ? 0 : code;
    for (;;) {
        long len = read_file(&file, cursor, with_unfinished, out, cap);
        (void)close(file.fd);
        if (len != 0 || !open_newer(dir, stream, cursor, &file))
            return len;
    }
}

int log_seek_since(const char *dir, const char *stream, uint64_t since_unix_ms,
                   struct log_cursor *ret_cursor)
{
    struct nth file;
    *ret_cursor = (struct log_cursor){0};
    int code = open_after(dir, stream, since_unix_ms, &file);
    if (code)
        return code;
    start_at(ret_cursor, &file, 0);
    (void)close(file.fd);
    return 0;
}

/* Where the last `n` lines of the file begin; *ret_n: how many there are, at most `n`. */
static int find_tail(const struct nth *file, uint64_t n, uint8_t *block,
                     uint64_t *ret_offset, uint64_t *ret_n)
{
    uint64_t end = (uint64_t)file->info.st_size, found = 0;
    for (uint64_t at = end; at > 0;) {
        size_t len = at < BLOCK ? (size_t)at : BLOCK;
        ssize_t got = pread(file->fd, block, len, (off_t)(at - len));
        if (got != (ssize_t)len)
            return got < 0 ? -errno : -EIO;
        at -= len;
        for (size_t i = len; i-- > 0;) {
            if (block[i] != '\n' || at + i + 1 == end || ++found < n)
                continue;
            *ret_offset = at + i + 1;
            *ret_n = found;
            return 0;
        }
    }
    *ret_offset = 0;
    *ret_n = found + (end > 0);
    return 0;
}

/* The line in which the cursor stands: what is read of it is its rest, and has its stamp. */
static void enter_line(const struct nth *file, struct log_cursor *c, uint8_t *block)
{
    uint64_t begin = c->offset;
    uint8_t stamp[LOG_STAMP_MAX];
    struct log_line line;
    for (bool is_found = false; !is_found && begin > 0;) {
        size_t len = begin < BLOCK ? (size_t)begin : BLOCK;
        if (pread(file->fd, block, len, (off_t)(begin - len)) != (ssize_t)len)
            return;
        const uint8_t *end = memrchr(block, '\n', len);
        is_found = end != NULL;
        begin -= end ? len - (size_t)(end + 1 - block) : len;
    }
    ssize_t len = pread(file->fd, stamp, sizeof(stamp), (off_t)begin);
    if (begin == c->offset || len <= 0)
        return;
    (void)log_line_read((struct bytes){stamp, (size_t)len}, &line);
    c->at_unix_ms = line.at_unix_ms;
    c->is_mid_line = line.has_stamp;
}

int log_seek_tail(const char *dir, const char *stream, uint64_t n,
                  struct log_cursor *ret_cursor, uint64_t *ret_n)
{
    struct nth file;
    uint8_t *block = malloc(BLOCK);
    int code = block ? 0 : -ENOMEM;
    *ret_cursor = (struct log_cursor){0};
    *ret_n = 0;
    for (unsigned i = 0; code == 0 && (i == 0 || *ret_n < n); i++) {
        uint64_t offset = 0, found = 0;
        if (open_nth(dir, stream, i, &file) < 0)
            break;
        if (n > *ret_n)
            code = find_tail(&file, n - *ret_n, block, &offset, &found);
        else
            offset = (uint64_t)file.info.st_size;
        if (code == 0)
            start_at(ret_cursor, &file, offset);
        if (code == 0 && found == 0)
            enter_line(&file, ret_cursor, block);
        (void)close(file.fd);
        *ret_n += found;
    }
    free(block);
    return code;
}

int log_seek_end(const char *dir, const char *stream, struct log_cursor *ret_cursor)
{
    struct nth file;
    *ret_cursor = (struct log_cursor){0};
    int code = open_nth(dir, stream, 0, &file);
    if (code)
        return code;
    start_at(ret_cursor, &file, (uint64_t)file.info.st_size);
    (void)close(file.fd);
    return 0;
}
