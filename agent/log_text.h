/* What tasks wrote, for people and their programs: lines of text, or a JSON object a line.  Pure. */
#ifndef AGENT_LOG_TEXT_H
#define AGENT_LOG_TEXT_H

#include "agent/log_frame.h"

struct log_sink {
    void (*put)(void *ctx, struct bytes piece);
    void *ctx;
};

struct log_look {
    const char *job;
    bool has_labels;  /* "web.0 | " in front */
    bool has_details; /* time, node and version, too */
    bool has_both;    /* streams: stderr is marked */
    bool is_harmless; /* for a terminal: what could steer it is spelled out */
};

/* A LOG_LINE as it was written, byte for byte unless it has to be harmless; LOG_LOST and LOG_MISSING
 * as sentences; of others nothing. */
void log_text_line(const struct log_frame *frame, const struct log_look *look,
                   const struct log_sink *sink);
/* {"at","job","instance","node","version","stream","text"}; bytes that are no UTF-8 are U+FFFD.
 * LOG_LOST has "lost", the bytes; LOG_MISSING has the stream "note". */
void log_text_json(const struct log_frame *frame, const struct log_look *look,
                   const struct log_sink *sink);

#endif
