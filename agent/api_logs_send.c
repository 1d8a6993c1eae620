/* Lines on their way to the reader, and which of them are of the life before the last: see
 * api_logs.h. */
#include <stdlib.h>
#include <string.h>

#include "agent/api_logs.h"

/* ---- sending ---- */

void logs_flush(struct logs *l)
{
    size_t len = l->out_len;
    l->out_len = 0;
    if (l->x && len)
        uv_http_write(l->x, (struct bytes){l->out, len});
}

static void put(void *ctx, struct bytes piece)
{
    struct logs *l = ctx;
    if (piece.len > LOGS_OUT_MAX - l->out_len)
        logs_flush(l);
    if (piece.len > LOGS_OUT_MAX && l->x)
        uv_http_write(l->x, piece);
    if (piece.len > LOGS_OUT_MAX)
        return;
    if (piece.len > 0)
        memcpy(l->out + l->out_len, piece.at, piece.len);
    l->out_len += piece.len;
}

void logs_send(struct logs *l, const struct log_frame *frame)
{
    const struct log_sink sink = {put, l};
    uint8_t head[LOG_FRAME_HEAD + NAME_LEN_MAX];
    if (l->format == LOGS_JSON) {
        log_text_json(frame, &l->look, &sink);
    } else if (l->format == LOGS_TEXT) {
        log_text_line(frame, &l->look, &sink);
    } else {
        put(l, (struct bytes){head, log_frame_head(frame, head)});
        put(l, frame->text);
    }
}

void logs_send_word(struct logs *l, enum log_frame_kind kind, uint64_t at_unix_ms)
{
    const struct log_frame frame = {.kind = (uint8_t)kind, .at_unix_ms = at_unix_ms};
    if (l->format == LOGS_FRAMES)
        logs_send(l, &frame);
}

/* ---- the life before the last one ---- */

void logs_add_run(struct logs *l, const struct log_frame *frame)
{
    if (l->n_runs >= (size_t)2 * LOG_SOURCES_MAX)
        return;
    struct logs_run *grown = realloc(l->runs, (l->n_runs + 1) * sizeof(*grown));
    if (!grown)
        return;
    l->runs = grown;
    l->runs[l->n_runs] = (struct logs_run){frame->at_unix_ms, frame->index, ""};
    if (frame->node.len > 0)
        memcpy(l->runs[l->n_runs].node, frame->node.at, frame->node.len);
    l->n_runs++;
}

void logs_add_own_runs(struct logs *l)
{
    struct log_local *own = &l->local;
    for (size_t i = 0; i < own->n; i++) {
        const struct log_local_source *s = own->sources[i];
        if (s->stream == 1 && own->asked.wants[0])
            continue; /* the same as of its other stream */
        for (size_t k = s->n_runs > 2 ? s->n_runs - 2 : 0; k < s->n_runs; k++) {
            const struct log_frame run = {.kind = LOG_RUN,
                                          .index = s->index,
                                          .at_unix_ms = s->runs[k].at_unix_ms,
                                          .node = bytes_of_text(own->node)};
            logs_add_run(l, &run);
            if (l->is_local_only)
                logs_send(l, &run);
        }
    }
}

bool logs_is_of_previous(const struct logs *l, const struct log_frame *f)
{
    const struct logs_run *last = NULL, *previous = NULL;
    for (size_t i = 0; i < l->n_runs; i++) {
        const struct logs_run *run = &l->runs[i];
        if (run->index != f->index)
            continue;
        if (!last || run->at_unix_ms > last->at_unix_ms) {
            previous = last;
            last = run;
        } else if (!previous || run->at_unix_ms > previous->at_unix_ms) {
            previous = run;
        }
    }
    return previous && f->at_unix_ms >= previous->at_unix_ms &&
           f->at_unix_ms < last->at_unix_ms &&
           bytes_equal(f->node, bytes_of_text(previous->node));
}
