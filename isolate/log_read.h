/* A task's output, read where its shim puts it (isolate/log_file.h), on and on through rotation.
 * System calls that wait for a disk: not for the loop. */
#ifndef ISOLATE_LOG_READ_H
#define ISOLATE_LOG_READ_H

#include "isolate/log_line.h"

enum {
    LOG_HEAD_LEN = 32,
    LOG_READ_MIN = LOG_STORED_MAX + LOG_STAMP_MAX, /* a buffer that takes every line */
};

/* A place in a file that is known by its inode and its first bytes: inodes are used again. */
struct log_cursor {
    bool is_started;
    uint64_t inode, offset;
    uint8_t head[LOG_HEAD_LEN];
    size_t head_len;
    uint64_t at_unix_ms; /* stamp of the last line that was read */
    bool is_mid_line;    /* the rest of that line is still to come */
};

/* Whole stored lines, oldest first, each with its stamp and its end; moves the cursor.
 * `with_unfinished`: the beginning of a line that goes on is taken as a line, too, and so will be its
 * rest.  *ret_is_gap: what was next is gone.  Returns bytes, 0 when there is nothing more now,
 * -ENOBUFS when the next line is longer than `cap`, -errno. */
long log_read(const char *dir, const char *stream, struct log_cursor *cursor,
              bool with_unfinished, uint8_t *out, size_t cap, bool *ret_is_gap);

/* To the first file that has something as young as `since_unix_ms`. */
int log_seek_since(const char *dir, const char *stream, uint64_t since_unix_ms,
                   struct log_cursor *ret_cursor);
/* To the last `n` lines; *ret_n: how many there are, at most `n`. */
int log_seek_tail(const char *dir, const char *stream, uint64_t n,
                  struct log_cursor *ret_cursor, uint64_t *ret_n);

/* To where the file ends now, which may be in the middle of a line. */
int log_seek_end(const char *dir, const char *stream, struct log_cursor *ret_cursor);

#endif
