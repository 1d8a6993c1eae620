/* A task's logs: files `stdout.log`, `stdout.log.1` ... in its directory, rotated by the
 * shim, read by the agent.  Each line is stored with its time: "<unix ms> <text>\n". */
#ifndef ISOLATE_LOGS_H
#define ISOLATE_LOGS_H

#include "core/bytes.h"
#include "core/err.h"

/* ---- the shim's side ---- */
struct log_file {
    int fd;
    char path[512];
    uint64_t size, max_bytes;
    uint32_t max_files;
    bool is_mid_line;
    uint32_t line_len; /* bytes of the current line */
};
int log_file_open(struct log_file *f, const char *dir, const char *stream,
                  uint64_t max_bytes, uint32_t max_files, struct err *err);
int log_file_write(struct log_file *f, uint64_t at_unix_ms,
                   struct bytes in); /* splits lines, rotates */
void log_file_close(struct log_file *f);

/* ---- the agent's side: read on from a cursor that survives rotation ---- */
struct log_cursor {
    uint64_t inode, offset;
    bool is_started;
};
/* Append stored lines from `since_unix_ms` on to `out` (whole lines, without the times),
 * oldest first, and move the cursor.  Returns bytes written (0: nothing new), negative on
 * error. */
long log_read(const char *dir, const char *stream, uint64_t since_unix_ms,
              struct log_cursor *cursor, uint8_t *out, size_t cap);

#endif
