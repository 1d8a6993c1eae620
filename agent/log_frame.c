/* See log_frame.h. */
#include "agent/log_frame.h"

#include <assert.h>

#include "core/err.h"

size_t log_frame_head(const struct log_frame *frame,
                      uint8_t out[static LOG_FRAME_HEAD + NAME_LEN_MAX])
{
    struct writer w = writer_of(out, LOG_FRAME_HEAD + NAME_LEN_MAX);
    assert(frame->node.len <= NAME_LEN_MAX);
    assert(frame->text.len <= LOG_FRAME_TEXT_MAX);
    writer_u8(&w, LOG_FRAME_MAGIC);
    writer_u8(&w, frame->kind);
    writer_u8(&w, frame->stream);
    writer_u8(&w, (uint8_t)frame->node.len);
    writer_u32(&w, frame->index);
    writer_u32(&w, frame->version);
    writer_u64(&w, frame->at_unix_ms);
    writer_u64(&w, frame->number);
    writer_u32(&w, (uint32_t)frame->text.len);
    writer_bytes(&w, frame->node);
    return w.len;
}

long log_frame_read(struct bytes in, struct log_frame *ret_frame)
{
    struct reader r = reader_of(in);
    struct log_frame frame = {0};
    if (in.len && in.at[0] != LOG_FRAME_MAGIC)
        return ERR_MALFORMED;
    (void)reader_u8(&r);
    frame.kind = reader_u8(&r);
    frame.stream = reader_u8(&r);
    uint8_t node_len = reader_u8(&r);
    frame.index = reader_u32(&r);
    frame.version = reader_u32(&r);
    frame.at_unix_ms = reader_u64(&r);
    frame.number = reader_u64(&r);
    uint32_t text_len = reader_u32(&r);
    if (frame.stream >= LOG_STREAMS || node_len > NAME_LEN_MAX ||
        text_len > LOG_FRAME_TEXT_MAX)
        return ERR_MALFORMED;
    frame.node = reader_take(&r, node_len);
    frame.text = reader_take(&r, text_len);
    if (reader_error(&r))
        return 0;
    *ret_frame = frame;
    return (long)(in.len - reader_rest(&r).len);
}
