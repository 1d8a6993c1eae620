/* A stored line of a task's output: "<unix ms> <text>\n", as it lies in DIR/stdout.log and
 * DIR/stderr.log since 0.1.0.  What the shim itself has to say has '!' in place of the blank:
 * "<unix ms>!lost <bytes> <cause>\n".  Text without a stamp is read, too.  Pure. */
#ifndef ISOLATE_LOG_LINE_H
#define ISOLATE_LOG_LINE_H

#include "core/bytes.h"

enum {
    LOG_TEXT_MAX = 1 << 20, /* bytes of a line; a longer one becomes several lines */
    LOG_TEXT_SLACK = 4,     /* a cut waits for the end of a character, and the line end */
    LOG_STAMP_MAX = 24,
    LOG_STORED_MAX = LOG_STAMP_MAX + LOG_TEXT_MAX + LOG_TEXT_SLACK,
    LOG_NOTE_MAX = 160,
    LOG_STREAMS = 2,
};

extern const char *const log_streams[LOG_STREAMS]; /* "stdout", "stderr" */

struct log_line {
    bool has_stamp;
    uint64_t at_unix_ms;
    bool is_lost;        /* no text: */
    uint64_t lost_bytes; /* of the task's that could not be stored here */
    struct bytes text;   /* without its end; of a loss: the cause */
};

/* Returns its length, without a NUL. */
size_t log_line_stamp(uint64_t at_unix_ms, char out[static LOG_STAMP_MAX]);
/* The whole stored line that says what was lost; returns its length. */
size_t log_line_lost(uint64_t at_unix_ms, uint64_t n_bytes, const char *cause,
                     char out[static LOG_NOTE_MAX]);
/* The first line of `in`, up to its end or all there is; returns how much that is. */
size_t log_line_read(struct bytes in, struct log_line *ret_line);

/* How many bytes of `in` still belong to a line that has `len` bytes already, when none ends in it:
 * a line is cut after LOG_TEXT_MAX bytes, but not inside a character of UTF-8. */
size_t log_line_room(size_t len, struct bytes in);

#endif
