/* See logs.h.  Rotation is by rename: stdout.log -> stdout.log.1 -> ... and the oldest
 * goes. */
#include "isolate/logs.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 16 * 1024, /* longer lines are cut into several */
    STAMP_MAX = 24,             /* "<unix ms> " */
    FILES_MAX = 1000,
    READ_CHUNK = 64 * 1024,
};

_Static_assert(READ_CHUNK > 2 * (LINE_MAX_BYTES + STAMP_MAX),
               "a chunk holds a whole line");

/* ---- the shim's side ---- */

static int write_all(struct log_file *f, const void *from, size_t len)
{
    const uint8_t *at = from;
    while (len) {
        ssize_t done = write(f->fd, at, len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        at += done;
        len -= (size_t)done;
        f->size += (uint64_t)done;
    }
    return 0;
}

static int open_current(struct log_file *f)
{
    f->fd = open(f->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return f->fd < 0 ? -errno : 0;
}

static int rotate(struct log_file *f)
{
    char from[sizeof(f->path) + 16], to[sizeof(f->path) + 16];
    for (uint32_t i = f->max_files - 1; i > 0; i--) {
        (void)snprintf(to, sizeof(to), "%s.%u", f->path, i);
        (void)snprintf(from, sizeof(from), i > 1 ? "%s.%u" : "%s", f->path, i - 1);
        (void)rename(from, to); /* there may be fewer yet */
    }
    if (f->max_files == 1)
        (void)unlink(f->path);
    (void)close(f->fd);
    f->size = 0;
    return open_current(f);
}

int log_file_open(struct log_file *f, const char *dir, const char *stream,
                  uint64_t max_bytes, uint32_t max_files, struct err *err)
{
    struct stat info;
    *f = (struct log_file){.fd = -1, .max_bytes = max_bytes ? max_bytes : 10u << 20};
    f->max_files = max_files < 1 ? 1 : max_files > FILES_MAX ? FILES_MAX : max_files;
    if ((size_t)snprintf(f->path, sizeof(f->path), "%s/%s.log", dir, stream) >=
        sizeof(f->path))
        return err_set(err, -ENAMETOOLONG, "the log's path is too long");
    int code = open_current(f);
    if (code == 0 && fstat(f->fd, &info) < 0)
        code = -errno;
    if (code) {
        log_file_close(f);
        return err_set(err, code, "cannot open the log %.300s: %s", f->path,
                       err_text(code));
    }
    f->size = (uint64_t)info.st_size;
    char last = '\n';
    if (f->size && pread(f->fd, &last, 1, (off_t)f->size - 1) == 1 && last != '\n')
        (void)write_all(f, "\n",
                        1); /* an earlier shim was killed in the middle of a line */
    return 0;
}

/* One piece of a line, with its end or without. */
static int write_piece(struct log_file *f, uint64_t at_unix_ms, struct bytes piece)
{
    char stamp[STAMP_MAX];
    int code = 0;
    if (!f->is_mid_line) {
        int len = snprintf(stamp, sizeof(stamp), "%llu ", (unsigned long long)at_unix_ms);
        code = f->size >= f->max_bytes ? rotate(f) : 0;
        if (code == 0)
            code = write_all(f, stamp, (size_t)len);
        f->line_len = 0;
    }
    if (code == 0)
        code = write_all(f, piece.at, piece.len);
    f->line_len += (uint32_t)piece.len;
    f->is_mid_line = piece.at[piece.len - 1] != '\n';
    if (code == 0 && f->is_mid_line && f->line_len >= LINE_MAX_BYTES) {
        code = write_all(f, "\n", 1);
        f->is_mid_line = false;
    }
    return code;
}

int log_file_write(struct log_file *f, uint64_t at_unix_ms, struct bytes in)
{
    while (in.len) {
        bool is_cut = f->is_mid_line && f->line_len < LINE_MAX_BYTES;
        size_t room = is_cut ? LINE_MAX_BYTES - f->line_len : LINE_MAX_BYTES;
        size_t len = in.len < room ? in.len : room;
        const uint8_t *end = memchr(in.at, '\n', len);
        if (end)
            len = (size_t)(end - in.at) + 1;
        int code = write_piece(f, at_unix_ms, (struct bytes){in.at, len});
        if (code)
            return code;
        in.at += len;
        in.len -= len;
    }
    return 0;
}

void log_file_close(struct log_file *f)
{
    if (f->fd < 0)
        return;
    if (f->is_mid_line)
        (void)write_all(f, "\n", 1);
    (void)close(f->fd);
    f->fd = -1;
}

/* ---- the agent's side ---- */

struct log_reader {
    const char *dir, *stream;
    uint64_t since_unix_ms;
    uint8_t *out;
    size_t cap, len;
};

/* File `n` (0 = current); fd or -errno. */
static int open_nth(const struct log_reader *r, unsigned n, struct stat *ret_info)
{
    char path[PATH_MAX], suffix[16] = "";
    if (n > 0)
        (void)snprintf(suffix, sizeof(suffix), ".%u", n);
    (void)snprintf(path, sizeof(path), "%s/%s.log%s", r->dir, r->stream, suffix);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    if (fstat(fd, ret_info) < 0) {
        int code = -errno;
        (void)close(fd);
        return code;
    }
    return fd;
}

/* The file the cursor stands in, or the oldest when it is gone or not started. */
static int find_file(const struct log_reader *r, const struct log_cursor *c,
                     unsigned *ret_n)
{
    unsigned n = 0;
    for (;; n++) {
        struct stat info;
        int fd = n < FILES_MAX ? open_nth(r, n, &info) : -ENOENT;
        if (fd == -ENOENT)
            break;
        if (fd < 0)
            return fd;
        (void)close(fd);
        if (c->is_started && info.st_ino == c->inode &&
            (uint64_t)info.st_size >= c->offset)
            break;
    }
    struct stat info;
    int fd = n < FILES_MAX ? open_nth(r, n, &info) : -ENOENT;
    if (fd >= 0) {
        (void)close(fd);
        *ret_n = n;
        return 0;
    }
    if (n == 0)
        return -ENOENT;
    *ret_n = n - 1;
    return 0;
}

/* Returns false when the line does not fit any more. */
static bool take_line(struct log_reader *r, const uint8_t *line, size_t len)
{
    uint64_t at_unix_ms = 0;
    size_t i = 0;
    for (; i < len && i < STAMP_MAX && line[i] >= '0' && line[i] <= '9'; i++)
        at_unix_ms = at_unix_ms * 10 + (uint64_t)(line[i] - '0');
    if (at_unix_ms < r->since_unix_ms)
        return true;
    if (i < len && line[i] == ' ')
        i++;
    size_t wanted = len - i;
    if (wanted > r->cap - r->len) {
        if (r->len > 0)
            return false;
        wanted = r->cap; /* a buffer smaller than one line gets its beginning */
    }
    memcpy(r->out + r->len, line + i, wanted);
    r->len += wanted;
    return true;
}

/* Whole lines from `offset` on; 1 when the file's end was reached, 0 when `out` is full.
 */
static int read_lines(struct log_reader *r, int fd, uint64_t *offset, bool is_final)
{
    uint8_t *buf = malloc(READ_CHUNK);
    int code = buf ? 0 : -ENOMEM;
    while (code == 0) {
        ssize_t got = pread(fd, buf, READ_CHUNK, (off_t)*offset);
        if (got < 0) {
            code = errno == EINTR ? 0 : -errno;
            continue;
        }
        size_t at = 0, len = (size_t)got;
        while (code == 0 && at < len) {
            const uint8_t *end = memchr(buf + at, '\n', len - at);
            size_t line_len = end ? (size_t)(end - buf) - at + 1 : len - at;
            if (!end && !(is_final && len < READ_CHUNK))
                break;
            if (!take_line(r, buf + at, line_len)) {
                free(buf);
                *offset += at;
                return 0;
            }
            at += line_len;
        }
        *offset += at;
        if (at == 0 || len < READ_CHUNK)
            code = 1;
    }
    free(buf);
    return code;
}

long log_read(const char *dir, const char *stream, uint64_t since_unix_ms,
              struct log_cursor *cursor, uint8_t *out, size_t cap)
{
    struct log_reader r = {.dir = dir,
                           .stream = stream,
                           .since_unix_ms = since_unix_ms,
                           .out = out,
                           .cap = cap};
    unsigned n = 0;
    int code = find_file(&r, cursor, &n);
    if (code)
        return code == -ENOENT ? 0 : code;
    for (;; n--) {
        struct stat info;
        int fd = open_nth(&r, n, &info);
        if (fd == -ENOENT)
            return (long)r.len; /* rotated under our hands: the next call finds its way */
        if (fd < 0)
            return fd;
        if (!cursor->is_started || cursor->inode != info.st_ino ||
            (uint64_t)info.st_size < cursor->offset)
            *cursor = (struct log_cursor){.inode = info.st_ino, .is_started = true};
        code = read_lines(&r, fd, &cursor->offset, n > 0);
        (void)close(fd);
        if (code < 0)
            return code;
        if (code == 0 || n == 0)
            return (long)r.len;
    }
}
