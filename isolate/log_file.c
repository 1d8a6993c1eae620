/* See log_file.h.  Rotation is by rename: stdout.log -> stdout.log.1 -> ... and the oldest goes. */
#include "isolate/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    FILES_MAX = 1000,
    PIECES_MAX = 1024, /* what one writev takes */
    MAX_BYTES_DEFAULT = 10 << 20,
    ROTATE_AGAIN_BYTES = 1 << 20, /* after one that could not be made */
    PATH_CAP = sizeof(((struct log_file *)0)->path) + 16,
};

/* Stamps and lines by turns, to be written at once. */
struct batch {
    struct iovec pieces[PIECES_MAX];
    bool is_text[PIECES_MAX];
    int n;
    uint64_t len;
    char stamp[LOG_STAMP_MAX];
    size_t stamp_len;
};

static void batch_add(struct batch *b, const void *at, size_t len, bool is_text)
{
    union {
        const void *in;
        void *out;
    } place = {.in = at}; /* writev only reads */
    b->pieces[b->n] = (struct iovec){.iov_base = place.out, .iov_len = len};
    b->is_text[b->n++] = is_text;
    b->len += len;
}

/* ---- files ---- */

static int open_at(const char *path, int more_flags)
{
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | more_flags,
                  0600);
    return fd < 0 ? -errno : fd;
}

static void take_file(struct log_file *f, int fd, const struct stat *info)
{
    if (f->fd >= 0)
        (void)close(f->fd);
    f->fd = fd;
    f->inode = info->st_ino;
    f->device = info->st_dev;
    f->size = (uint64_t)info->st_size;
    f->rotate_at = f->max_bytes;
    f->is_mid_line = f->is_torn = false;
    f->line_len = 0;
}

/* The file under its name, whoever made it.  The old one is kept when it cannot be opened. */
static int open_current(struct log_file *f)
{
    struct stat info;
    int fd = open_at(f->path, 0);
    if (fd < 0)
        return fd;
    if (fstat(fd, &info) < 0) {
        int code = -errno;
        (void)close(fd);
        return code;
    }
    take_file(f, fd, &info);
    return 0;
}

/* Is what we write into what readers find? */
static void look_after(struct log_file *f)
{
    struct stat info;
    bool is_there = stat(f->path, &info) == 0;
    if (!is_there || info.st_ino != f->inode || info.st_dev != f->device) {
        if (is_there || errno == ENOENT)
            (void)open_current(f);
        return;
    }
    if ((uint64_t)info.st_size < f->size) { /* somebody has emptied it */
        f->is_mid_line = f->is_torn = false;
        f->line_len = 0;
    }
    f->size = (uint64_t)info.st_size;
}

static void nth_path(const struct log_file *f, uint32_t n, char out[static PATH_CAP])
{
    if (n == 0)
        (void)snprintf(out, PATH_CAP, "%s", f->path);
    else
        (void)snprintf(out, PATH_CAP, "%s.%u", f->path, n);
}

/* An empty file beside the current one.  On a disk that has no room for another, the oldest is
 * emptied: it was to go now. */
static int open_next(const struct log_file *f, const char *path)
{
    char oldest[PATH_CAP];
    int fd = open_at(path, O_TRUNC);
    nth_path(f, f->max_files - 1, oldest);
    if (fd < 0 && f->max_files > 1 && rename(oldest, path) == 0)
        fd = open_at(path, O_TRUNC);
    return fd;
}

/* Each file takes the name of the one before it; the current one's is free then. */
static bool shift_names(const struct log_file *f)
{
    char from[PATH_CAP], to[PATH_CAP];
    for (uint32_t i = f->max_files - 1; i > 0; i--) {
        nth_path(f, i, to);
        nth_path(f, i - 1, from);
        if (rename(from, to) < 0 && i == 1)
            return false; /* of the others there may be fewer yet */
    }
    return true;
}

/* The next file is there before the current one is let go; where none can be made, it goes on with
 * the current one. */
static void rotate(struct log_file *f)
{
    char next[PATH_CAP], first[PATH_CAP];
    struct stat info;
    (void)snprintf(next, sizeof(next), "%s.new", f->path);
    nth_path(f, 1, first);
    int fd = open_next(f, next);
    bool is_shifted = fd >= 0 && fstat(fd, &info) == 0 && shift_names(f);
    if (is_shifted && rename(next, f->path) == 0) {
        take_file(f, fd, &info);
        return;
    }
    if (is_shifted && f->max_files > 1)
        (void)rename(first, f->path);
    if (fd >= 0) {
        (void)close(fd);
        (void)unlink(next);
    }
    f->rotate_at = f->size + ROTATE_AGAIN_BYTES;
}

/* ---- writing ---- */

static void count_loss(struct log_file *f, uint64_t n_bytes, int code)
{
    char last = '\n';
    f->lost_bytes += n_bytes;
    f->lost_total += n_bytes;
    f->lost_code = code;
    f->is_mid_line = false;
    f->line_len = 0;
    f->is_torn =
        f->size && pread(f->fd, &last, 1, (off_t)f->size - 1) == 1 && last != '\n';
}

/* Bytes of text that are left when `done` of it were written. */
static uint64_t text_left(const struct batch *b, uint64_t done)
{
    uint64_t left = 0;
    for (int i = 0; i < b->n; i++) {
        size_t len = b->pieces[i].iov_len;
        size_t gone = done < len ? (size_t)done : len;
        left += b->is_text[i] ? len - gone : 0;
        done -= gone;
    }
    return left;
}

static void skip_pieces(struct batch *b, int *at, size_t done)
{
    while (done && *at < b->n) {
        struct iovec *piece = &b->pieces[*at];
        size_t gone = done < piece->iov_len ? done : piece->iov_len;
        piece->iov_base = (uint8_t *)piece->iov_base + gone;
        piece->iov_len -= gone;
        done -= gone;
        *at += piece->iov_len == 0;
    }
}

/* Empties it.  False: some of it was lost. */
static bool flush(struct log_file *f, struct batch *b)
{
    int at = 0, code = 0;
    while (at < b->n && code == 0) {
        ssize_t done = writev(f->fd, b->pieces + at, b->n - at);
        if (done > 0) {
            f->size += (uint64_t)done;
            skip_pieces(b, &at, (size_t)done);
        } else if (done < 0 && errno != EINTR) {
            code = -errno;
        }
    }
    if (code)
        count_loss(f, text_left(b, 0), code);
    b->n = 0;
    b->len = 0;
    return code == 0;
}

/* The end of a torn line, and what was lost after it. */
static bool tell_loss(struct log_file *f, uint64_t at_unix_ms, struct batch *b)
{
    char note[LOG_NOTE_MAX];
    if (f->is_torn)
        batch_add(b, "\n", 1, false);
    if (f->lost_bytes)
        batch_add(b, note,
                  log_line_lost(at_unix_ms, f->lost_bytes, err_text(f->lost_code), note),
                  false);
    if (!flush(f, b))
        return false;
    f->is_torn = false;
    f->lost_bytes = 0;
    return true;
}

/* One line or the beginning of one: up to its end, or all there is.  Returns how much of `in`. */
static size_t add_line(struct log_file *f, struct batch *b, struct bytes in)
{
    if (!f->is_mid_line)
        batch_add(b, b->stamp, b->stamp_len, false);
    size_t len = log_line_room(f->line_len, in);
    const uint8_t *end = memchr(in.at, '\n', len < in.len ? len + 1 : len);
    bool is_cut = !end && len < in.len;
    if (end)
        len = (size_t)(end - in.at) + 1;
    if (len)
        batch_add(b, in.at, len, true);
    if (is_cut)
        batch_add(b, "\n", 1, false);
    f->is_mid_line = !end && !is_cut;
    f->line_len = f->is_mid_line ? f->line_len + len : 0;
    return len;
}

/* Can more be written after this?  What was lost before is told first. */
static bool settle(struct log_file *f, uint64_t at_unix_ms, struct batch *b)
{
    (void)flush(f, b);
    if ((f->is_torn || f->lost_bytes) && !tell_loss(f, at_unix_ms, b))
        return false;
    if (!f->is_mid_line && f->size >= f->rotate_at)
        rotate(f);
    return true;
}

void log_file_write(struct log_file *f, uint64_t at_unix_ms, struct bytes in)
{
    static struct batch b; /* a shim is one thread */
    b.n = 0;
    b.len = 0;
    b.stamp_len = log_line_stamp(at_unix_ms, b.stamp);
    look_after(f);
    bool is_settled = false;
    while (in.len) {
        bool is_full =
            b.n > PIECES_MAX - 3 || (!f->is_mid_line && f->size + b.len >= f->rotate_at);
        if ((is_full || !is_settled) && !settle(f, at_unix_ms, &b)) {
            count_loss(f, in.len, f->lost_code);
            return;
        }
        is_settled = true;
        size_t len = add_line(f, &b, in);
        in.at += len;
        in.len -= len;
    }
    (void)flush(f, &b);
}

int log_file_open(struct log_file *f, const char *dir, const char *stream,
                  uint64_t max_bytes, uint32_t max_files, struct err *err)
{
    *f = (struct log_file){.fd = -1,
                           .max_bytes = max_bytes ? max_bytes : MAX_BYTES_DEFAULT};
    f->max_files = max_files < 1 ? 1 : max_files > FILES_MAX ? FILES_MAX : max_files;
    if ((size_t)snprintf(f->path, sizeof(f->path), "%s/%s.log", dir, stream) >=
        sizeof(f->path))
        return err_set(err, -ENAMETOOLONG, "the log's path is too long");
    int code = open_current(f);
    if (code)
        return err_set(err, code, "cannot open the log %.300s: %s", f->path,
                       err_text(code));
    char last = '\n'; /* an earlier shim may have been killed in the middle of a line */
    f->is_torn =
        f->size && pread(f->fd, &last, 1, (off_t)f->size - 1) == 1 && last != '\n';
    return 0;
}

void log_file_close(struct log_file *f, uint64_t at_unix_ms)
{
    struct batch b = {.n = 0};
    if (f->fd < 0)
        return;
    f->is_torn |= f->is_mid_line;
    if (f->is_torn || f->lost_bytes)
        (void)tell_loss(f, at_unix_ms, &b);
    (void)close(f->fd);
    f->fd = -1;
}
