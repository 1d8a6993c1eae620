/* See recorder.h. */
#include "agent/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/err.h"
#include "core/log.h"

enum { BUFFER_BEGIN = 64 << 10 };

struct recorder {
    int fd;
    uint64_t written;
    struct writer buffer; /* malloc'ed; what is not written yet */
};

struct recorder *recorder_open(const char *path, struct err *err)
{
    struct recorder *r = calloc(1, sizeof(*r));
    uint8_t *buffer = malloc(BUFFER_BEGIN);
    int fd = r && buffer
                 ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)
                 : -1;
    if (fd < 0) {
        (void)err_set(err, ERR_INVALID, "--record %s: %s", path,
                      errno == EEXIST ? "there is a file already: choose a new name"
                                      : strerror(errno));
        free(buffer);
        free(r);
        return NULL;
    }
    *r = (struct recorder){.fd = fd, .buffer = writer_of(buffer, BUFFER_BEGIN)};
    recording_begin(&r->buffer);
    return r;
}

/* Nothing more is recorded. */
static void stop(struct recorder *r, const char *why)
{
    log_line(LOG_WARN, "recording", "state", "ended", "cause", why, NULL);
    (void)close(r->fd);
    r->fd = -1;
}

static void flush(struct recorder *r)
{
    size_t done = 0;
    while (r->fd >= 0 && done < r->buffer.len) {
        ssize_t n = write(r->fd, r->buffer.at + done, r->buffer.len - done);
        if (n > 0)
            done += (size_t)n;
        else if (n < 0 && errno != EINTR)
            stop(r, strerror(errno));
    }
    r->written += done;
    r->buffer.len = 0;
    r->buffer.error = 0;
}

/* Into the buffer, which grows with what one record needs. */
static int append(struct recorder *r, struct recorded *what)
{
    for (;;) {
        size_t begin = r->buffer.len;
        int status = recorded_write(what, &r->buffer);
        if (status != ERR_BOUND)
            return status;
        r->buffer.len = begin;
        r->buffer.error = 0;
        size_t cap = 2 * r->buffer.cap;
        uint8_t *wider = cap <= RECORDED_MAX ? realloc(r->buffer.at, cap) : NULL;
        if (!wider)
            return ERR_BOUND;
        r->buffer.at = wider;
        r->buffer.cap = cap;
    }
}

static bool is_full(const struct recorder *r)
{
    return r->written + r->buffer.len > RECORDER_FILE_MAX;
}

void recorder_put(struct recorder *r, struct recorded *what)
{
    if (!r || r->fd < 0)
        return;
    struct recorded end = {.kind = RECORDED_END,
                           .why = "the file has as many bytes as it may have"};
    if (append(r, what) < 0) {
        stop(r, "one input is too large");
        return;
    }
    bool ends = is_full(r) && append(r, &end) == 0;
    flush(r);
    if (ends && r->fd >= 0)
        stop(r, end.why);
}

void recorder_effects(struct recorder *r, const struct node *n,
                      const struct node_effects *fx, size_t first)
{
    if (!r || r->fd < 0)
        return;
    struct recorded what = {
        .kind = RECORDED_EFFECTS,
        .effects = {(uint32_t)(fx->n - first), effects_hash(n, fx, first)}};
    (void)append(r, &what); /* it goes with the next input */
}

void recorder_cleared(struct recorder *r)
{
    struct recorded what = {.kind = RECORDED_CLEARED};
    if (r && r->fd >= 0)
        (void)append(r, &what);
}

void recorder_close(struct recorder *r, const char *why)
{
    if (!r)
        return;
    struct recorded end = {.kind = RECORDED_END, .why = why};
    if (r->fd >= 0 && append(r, &end) == 0)
        flush(r);
    if (r->fd >= 0)
        (void)close(r->fd);
    free(r->buffer.at);
    free(r);
}
