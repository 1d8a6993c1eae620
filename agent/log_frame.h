/* What tasks wrote, on its way from the node that has it to whoever reads it: frames, of which each
 * says when, which instance, which version, which stream.  Between nodes and to our own command
 * line; people and their programs get text or JSON (agent/log_text.h).  Pure.
 *
 *     magic u8 | kind u8 | stream u8 | node_len u8 | index u32 | version u32 | at u64 | number u64
 *     | text_len u32 | node | text
 *
 * An answer is BEGIN, then in any order the others, then END: an answer without END broke off. */
#ifndef AGENT_LOG_FRAME_H
#define AGENT_LOG_FRAME_H

#include "core/bytes.h"
#include "core/cluster.h"
#include "isolate/log_line.h"

enum {
    LOG_FRAME_MAGIC = 0xf5, /* begins no character of UTF-8, so no text */
    LOG_FRAME_HEAD = 32,
    LOG_FRAME_TEXT_MAX = LOG_TEXT_MAX + LOG_TEXT_SLACK,
    LOG_FRAME_MAX = LOG_FRAME_HEAD + NAME_LEN_MAX + LOG_FRAME_TEXT_MAX,
};

enum log_frame_kind { /* numbers are on the wire; one that is unknown is passed over */
                      LOG_BEGIN =
                          1, /* index: sources found; number: lines that follow at once */
                      LOG_LINE = 2,
                      LOG_LOST =
                          3, /* number: bytes that could not be stored; text: why */
                      LOG_MISSING = 4, /* of other lines; text: which and why */
                      LOG_TICK = 5,    /* at: nothing older comes any more */
                      LOG_RUN = 6, /* before BEGIN.  at: a life of this instance began */
                      LOG_END = 7,
};

struct log_frame {
    uint8_t kind, stream;    /* index into log_streams */
    uint32_t index, version; /* version 0: not known */
    uint64_t at_unix_ms, number;
    struct bytes node, text;
};

/* The head and the node's name; the text follows.  Returns the length. */
size_t log_frame_head(const struct log_frame *frame,
                      uint8_t out[static LOG_FRAME_HEAD + NAME_LEN_MAX]);
/* Points into `in`.  Returns how much was taken, 0 when it has not all come, ERR_MALFORMED. */
long log_frame_read(struct bytes in, struct log_frame *ret_frame);

#endif
