/* A task's output on its way to the disk: DIR/stdout.log, rotated to stdout.log.1 and so on.  The
 * shim's side; isolate/log_read.h is the agent's.
 *
 * A write that fails costs what did not fit: that is counted, and a line says so as soon as one can
 * be written.  A file that somebody removed or put another in place of is made anew. */
#ifndef ISOLATE_LOG_FILE_H
#define ISOLATE_LOG_FILE_H

#include <sys/types.h>

#include "core/err.h"
#include "isolate/log_line.h"

struct log_file {
    int fd; /* -1: not open */
    char path[512];
    ino_t inode;
    dev_t device;
    uint64_t size, max_bytes;
    uint64_t rotate_at; /* max_bytes, or later when the last rotation could not be made */
    uint32_t max_files;
    size_t line_len;     /* stored of the unfinished line; 0 also when there is none */
    bool is_mid_line;    /* the stored end is within a line that goes on */
    bool is_torn;        /* the stored end is within a line whose rest was lost */
    uint64_t lost_bytes; /* not yet told */
    uint64_t lost_total;
    int lost_code;
};

int log_file_open(struct log_file *f, const char *dir, const char *stream,
                  uint64_t max_bytes, uint32_t max_files, struct err *err);
/* All of it with the same time.  A failure is counted, and is this file's own matter. */
void log_file_write(struct log_file *f, uint64_t at_unix_ms, struct bytes in);
void log_file_close(struct log_file *f, uint64_t at_unix_ms);

#endif
