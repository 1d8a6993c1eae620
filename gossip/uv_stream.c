/* The gossip driver's streams: sealed TCP connections, ours and accepted ones.  How they begin, and end when they
 * are overdue, is in uv_stream_begin.c.
 *
 *     CONNECTING --> HELLO --> OPEN --> FINISHING --> CLOSING --> freed
 *          |           |        |           |           ^
 *          +-----------+--------+-----------+-----------+   an error, a limit, a deadline
 *
 * The usual path: connect or accept -> both hellos -> frames go up as they are complete,
 * and down sealed into one write each.  FINISHING sends what is queued, says end-of-file,
 * and reads on until the other side does too: closing over unread bytes would reset the
 * connection and take what is still under way with it.
 *
 * What can fail: a hello that is late, wrong or never comes (closed; of too many
 * half-open ones the oldest goes first, so a flood of strangers costs strangers), a peer
 * that does not read (the write queue has a bound), one that says nothing (closed when
 * idle). */
#include "gossip/uv_gossip.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/uv_stream_inner.h"

enum {
    SWEEP_MS = 500,
    QUEUED_MAX = 8 << 20, /* bytes a peer has not taken: sixteen of the largest frames */
    API_FRAME_MAX = 64 * 1024,
};

/* ---- the list ---- */

void uv_stream_start_sweep(struct uv_gossip *g)
{
    if (!uv_is_active((uv_handle_t *)&g->sweep))
        (void)uv_timer_start(&g->sweep, uv_stream_on_sweep, SWEEP_MS, SWEEP_MS);
}

void uv_stream_link(struct uv_gossip_stream *s)
{
    struct uv_gossip *g = s->gossip;
    s->previous = g->last;
    *(g->last ? &g->last->next : &g->first) = s;
    g->last = s;
    g->n_streams++;
    g->n_handles++;
    if (s->is_accepted) {
        g->n_accepted++;
        g->n_half_open++;
    }
    uv_stream_start_sweep(g);
}

static void stream_unlink(struct uv_gossip_stream *s)
{
    struct uv_gossip *g = s->gossip;
    *(s->previous ? &s->previous->next : &g->first) = s->next;
    *(s->next ? &s->next->previous : &g->last) = s->previous;
    g->n_streams--;
    if (s->is_accepted) {
        g->n_accepted--;
        g->n_half_open -= !s->was_open;
    }
    if (!g->first && !g->accept_waits)
        (void)uv_timer_stop(&g->sweep);
}

struct uv_gossip_stream *uv_stream_find(struct uv_gossip *g, uint32_t id)
{
    struct uv_gossip_stream *s = g->first;
    while (s && (s->id != id || s->purpose != STREAM_GOSSIP))
        s = s->next;
    return s;
}

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle)
{
    struct uv_gossip_stream *s = handle->data;
    struct uv_gossip *g = s->gossip;
    if (s->purpose == STREAM_API && s->pipe.closed)
        s->pipe.closed(s->pipe.ctx);
    else if (s->purpose == STREAM_GOSSIP && !g->is_closing)
        g->events.stream_closed(g->events.ctx, s->id,
                                s->was_open || s->is_accepted ? KNOCK_NONE : s->how);
    sealed_stream_free(s->seal);
    free(s);
    uv_gossip_unref(g);
}

/* Close at once; whatever was queued is lost. */
void uv_stream_drop(struct uv_gossip_stream *s)
{
    if (s->phase == CLOSING)
        return;
    s->phase = CLOSING;
    stream_unlink(s);
    uv_close((uv_handle_t *)&s->tcp, on_closed);
}

/* All that we sent has left: now it is the other side's turn to end. */
static void on_shutdown(uv_shutdown_t *req, int status)
{
    struct uv_gossip_stream *s = req->data;
    s->has_shut = true;
    if (status < 0 || s->peer_ended)
        uv_stream_drop(s);
}

static void resume(struct uv_gossip_stream *s);

static void stream_finish(struct uv_gossip_stream *s)
{
    if (s->phase == FINISHING || s->phase == CLOSING)
        return;
    bool is_connected = s->phase != CONNECTING;
    s->phase = FINISHING;
    s->moved_ms = uv_now(s->gossip->loop);
    s->shutdown.data = s;
    if (!is_connected ||
        uv_shutdown(&s->shutdown, (uv_stream_t *)&s->tcp, on_shutdown) < 0)
        uv_stream_drop(s);
    else
        resume(s); /* paused, it would not hear of the other side's end */
}

/* ---- writing ---- */

struct stream_write {
    uv_write_t req;
    struct uv_gossip_stream *stream;
    uint8_t sealed[];
};

static void on_written(uv_write_t *req, int status)
{
    struct stream_write *w = req->data;
    struct uv_gossip_stream *s = w->stream;
    free(w);
    if (s->was_open)
        s->moved_ms = uv_now(s->gossip->loop);
    if (status < 0)
        uv_stream_drop(s);
}

size_t uv_gossip_stream_queued(const struct uv_gossip_stream *stream)
{
    return uv_stream_get_write_queue_size((const uv_stream_t *)&stream->tcp);
}

/* Write `len` bytes that are already in `w`, which is freed here or when written. */
static void write_now(struct uv_gossip_stream *s, struct stream_write *w, size_t len)
{
    w->stream = s;
    w->req.data = w;
    uv_buf_t buf = uv_buf_init((char *)w->sealed, (unsigned)len);
    if (uv_write(&w->req, (uv_stream_t *)&s->tcp, &buf, 1, on_written) < 0) {
        free(w);
        uv_stream_drop(s);
        return;
    }
    s->gossip->metrics->bytes_out += len;
}

void uv_stream_write_pending(struct uv_gossip_stream *s)
{
    struct bytes pending = sealed_stream_pending(s->seal);
    if (pending.len == 0)
        return;
    struct stream_write *w = malloc(sizeof(*w) + pending.len);
    if (!w) {
        uv_stream_drop(s);
        return;
    }
    memcpy(w->sealed, pending.at, pending.len);
    write_now(s, w, pending.len);
}

/* A frame that cannot go would leave a hole, so the stream goes instead. */
static void write_frame(struct uv_gossip_stream *s, struct bytes frame)
{
    if (s->phase != OPEN)
        return;
    size_t cap = frame.len + STREAM_OVERHEAD;
    struct stream_write *w = NULL;
    if (frame.len <= FRAME_MAX && uv_gossip_stream_queued(s) + cap <= QUEUED_MAX)
        w = malloc(sizeof(*w) + cap);
    int len = w ? sealed_stream_seal(s->seal, frame, w->sealed, cap) : ERR_BOUND;
    if (len < 0) {
        free(w);
        s->gossip->metrics->drop_bound++;
        uv_stream_drop(s);
        return;
    }
    write_now(s, w, (size_t)len);
}

/* ---- reading ---- */

/* The hello is through: tell the upper floor. */
static void stream_opened(struct uv_gossip_stream *s)
{
    struct uv_gossip *g = s->gossip;
    s->phase = OPEN;
    s->was_open = true;
    s->purpose = sealed_stream_purpose(s->seal);
    if (s->is_accepted) {
        g->n_half_open--;
        g->metrics->streams_in++;
    }
    if (s->purpose == STREAM_GOSSIP) {
        g->events.stream_opened(g->events.ctx, s->id, sealed_stream_peer(s->seal));
    } else if (!s->is_accepted) {
        s->pipe.opened(s->pipe.ctx);
    } else {
        g->events.api_stream(g->events.ctx, s);
        if (!s->pipe.data) /* nobody wants it */
            uv_stream_drop(s);
    }
}

/* An accepted hello under another secret. */
static void tell_stranger(struct uv_gossip_stream *s)
{
    const struct uv_gossip_events *events = &s->gossip->events;
    struct sockaddr_storage from;
    int len = sizeof(from);
    if (events->stranger &&
        uv_tcp_getpeername(&s->tcp, (struct sockaddr *)&from, &len) == 0)
        events->stranger(events->ctx, uv_gossip_endpoint((struct sockaddr *)&from));
}

static void stream_failed(struct uv_gossip_stream *s, int error)
{
    struct metrics *metrics = s->gossip->metrics;
    if (error == ERR_FORGED || error == ERR_EPOCH || error == ERR_DENIED ||
        error == ERR_UNSUPPORTED)
        metrics->drop_forged++;
    else if (error != -ENOMEM)
        metrics->drop_malformed++;
    if (s->phase == HELLO && s->is_accepted)
        metrics->streams_refused++;
    if (s->phase == HELLO && s->is_accepted && error == ERR_EPOCH)
        tell_stranger(s);
    s->how = error == ERR_EPOCH         ? KNOCK_SECRET
             : error == ERR_UNSUPPORTED ? KNOCK_VERSION
                                        : KNOCK_FOREIGN;
    if (s->phase == HELLO)
        stream_finish(s); /* the refusal is queued: let it arrive */
    else
        uv_stream_drop(s);
}

static void frame_up(struct uv_gossip_stream *s, struct bytes frame)
{
    struct uv_gossip *g = s->gossip;
    if (s->purpose == STREAM_GOSSIP)
        g->events.stream_frame(g->events.ctx, s->id, frame);
    else
        s->pipe.data(s->pipe.ctx, frame);
}

/* A callback may finish or drop the stream; then the rest of the input is for nobody. */
static void stream_feed(struct uv_gossip_stream *s, struct bytes in)
{
    while (in.len > 0 && (s->phase == HELLO || s->phase == OPEN)) {
        struct bytes frame;
        size_t used = 0;
        int result = sealed_stream_feed(s->seal, in, &used, &frame);
        in.at += used;
        in.len -= used;
        uv_stream_write_pending(s);
        if (s->phase == CLOSING)
            return;
        if (result < 0) {
            stream_failed(s, result);
            return;
        }
        if (s->phase == HELLO && sealed_stream_is_open(s->seal))
            stream_opened(s);
        if (result > 0 && s->phase == OPEN)
            frame_up(s, frame);
    }
}

void uv_stream_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    (void)suggested;
    struct uv_gossip_stream *s = handle->data;
    *ret_buf = uv_buf_init((char *)s->gossip->stream_in, sizeof(s->gossip->stream_in));
}

static void on_end(struct uv_gossip_stream *s)
{
    s->peer_ended = true;
    if (s->phase == OPEN)
        stream_finish(s); /* what is queued for the other side still goes out */
    else if (s->phase != FINISHING || s->has_shut)
        uv_stream_drop(s);
}

void uv_stream_on_read(uv_stream_t *tcp, ssize_t n, const uv_buf_t *buf)
{
    struct uv_gossip_stream *s = tcp->data;
    if (n == UV_EOF) {
        on_end(s);
    } else if (n < 0) {
        uv_stream_drop(s);
    } else if (n > 0) {
        s->gossip->metrics->bytes_in += (uint64_t)n;
        if (s->phase == OPEN)
            s->moved_ms = uv_now(s->gossip->loop);
        stream_feed(s, (struct bytes){(const uint8_t *)buf->base, (size_t)n});
    }
}

static void resume(struct uv_gossip_stream *s)
{
    int error =
        uv_read_start((uv_stream_t *)&s->tcp, uv_stream_on_alloc, uv_stream_on_read);
    if (error < 0 && error != UV_EALREADY)
        uv_stream_drop(s);
}

void uv_stream_drop_all(struct uv_gossip *g)
{
    while (g->first)
        uv_stream_drop(g->first);
}

/* ---- the faces ---- */

void uv_gossip_stream_connect(struct uv_gossip *g, uint32_t stream, struct endpoint to)
{
    if (g->is_closing)
        return;
    struct uv_gossip_stream *s = uv_stream_connect(g, to, STREAM_GOSSIP);
    if (s)
        s->id = stream;
}

void uv_gossip_stream_send(struct uv_gossip *g, uint32_t stream, struct bytes frame)
{
    struct uv_gossip_stream *s = uv_stream_find(g, stream);
    if (s)
        write_frame(s, frame);
}

void uv_gossip_stream_finish(struct uv_gossip *g, uint32_t stream)
{
    struct uv_gossip_stream *s = uv_stream_find(g, stream);
    if (s)
        stream_finish(s);
}

struct uv_gossip_stream *uv_gossip_api_connect(struct uv_gossip *g, struct endpoint to,
                                               const struct uv_gossip_pipe *pipe)
{
    assert(pipe->opened);
    assert(pipe->data);
    assert(pipe->closed);
    struct uv_gossip_stream *s =
        g->is_closing ? NULL : uv_stream_connect(g, to, STREAM_API);
    if (s)
        s->pipe = *pipe;
    return s;
}

void uv_gossip_stream_start(struct uv_gossip_stream *stream,
                            const struct uv_gossip_pipe *pipe)
{
    assert(pipe->data);
    assert(pipe->closed);
    stream->pipe = *pipe;
}

void uv_gossip_stream_write(struct uv_gossip_stream *stream, struct bytes data)
{
    while (data.len > 0 && stream->phase == OPEN) {
        size_t len = data.len < API_FRAME_MAX ? data.len : API_FRAME_MAX;
        write_frame(stream, (struct bytes){data.at, len});
        data.at += len;
        data.len -= len;
    }
}

void uv_gossip_stream_pause(struct uv_gossip_stream *stream, bool is_paused)
{
    if (stream->phase != OPEN)
        return;
    if (is_paused)
        (void)uv_read_stop((uv_stream_t *)&stream->tcp);
    else
        resume(stream);
}

void uv_gossip_stream_close(struct uv_gossip_stream *stream)
{
    stream_finish(stream);
}
