/* What this node has of a job's output: the files of its instances, those that ended, too.  Filled in
 * a thread, as files may be large and disks slow; taken from on the loop while no thread is at it. */
#ifndef AGENT_LOG_LOCAL_H
#define AGENT_LOG_LOCAL_H

#include "agent/log_frame.h"
#include "isolate/log_read.h"
#include "isolate/log_runs.h"
#include "isolate/task_dir.h"

enum { LOG_SOURCES_MAX = 1024 }; /* 512 instances of one job on one node */

struct log_asked {
    char ns[NAME_LEN_MAX + 1], job[NAME_LEN_MAX + 1];
    bool has_index;
    uint32_t index;
    bool wants[LOG_STREAMS];
    uint64_t since_unix_ms;
    bool has_tail;
    uint64_t tail;
    bool is_follow;
    bool is_previous; /* the last two lives of each instance: whoever asks picks one */
};

struct log_local_source {
    uint32_t index;
    uint8_t stream;
    char dir[TASK_DIR_MAX];
    struct log_cursor cursor;
    struct log_run *runs;
    size_t n_runs;
    struct log_cursor end;              /* where a reader stops that does not follow, */
    uint64_t begun_unix_ms;             /* at the latest behind what is older than this */
    uint64_t since_unix_ms, at_unix_ms; /* at: of the last line */
    uint8_t *buf;
    size_t cap, len, pos;
    uint64_t grown_unix_ms; /* when something came last */
    uint64_t upto_unix_ms;  /* everything older has been read */
    bool has_gap, is_done;
    int code; /* why it cannot be read; 0 */
};

struct log_local {
    const char *data_dir, *node;
    struct log_asked asked;
    struct log_local_source **sources;
    size_t n, cap;
    size_t n_readers; /* at this node: they share the room for buffers */
    uint64_t n_tail;  /* lines of those that were there at the beginning */
    bool is_begun, is_cut;
    uint64_t scanned_unix_ms;
};

/* ---- in a thread ---- */
void log_local_fill(struct log_local *l, uint64_t now_unix_ms);
/* ---- on the loop ---- */
/* The next line of a source, or what is to be said of it; false: none now. */
bool log_local_head(struct log_local *l, struct log_local_source *s,
                    struct log_frame *ret_frame);
void log_local_take(struct log_local_source *s);    /* past the head */
bool log_local_is_empty(const struct log_local *l); /* some source wants to be filled */
void log_local_fini(struct log_local *l);

#endif
