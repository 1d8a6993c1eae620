/* The gossip driver: one UDP socket and one TCP listener on the same address, sealed with
 * the cluster's secret.  It knows no protocol; it opens seals and hands plain bytes up. */
#ifndef GOSSIP_UV_GOSSIP_H
#define GOSSIP_UV_GOSSIP_H

#include <uv.h>

#include "core/err.h"
#include "core/ids.h"
#include "core/metrics.h"
#include "gossip/gossip.h"
#include "proto/seal.h"

struct uv_gossip;
struct uv_gossip_stream;

struct uv_gossip_events {
    void (*datagram)(void *ctx, struct endpoint from, struct bytes plain);
    void (*refused)(void *ctx, struct endpoint to);
    /* Accepted, or our connect is through; `peer` is who the handshake proved it to be.
     */
    void (*stream_opened)(void *ctx, uint32_t stream, struct node_id peer);
    void (*stream_frame)(void *ctx, uint32_t stream, struct bytes frame);
    /* The last word; `how` says why one of ours never opened, else it is KNOCK_NONE. */
    void (*stream_closed)(void *ctx, uint32_t stream, enum knock how);
    /* Who has another secret has spoken to us.  May be NULL. */
    void (*stranger)(void *ctx, struct endpoint from);
    /* A datagram of 0.1 under our secret. */
    void (*former)(void *ctx, struct endpoint from, struct bytes plain);
    /* An accepted stream whose purpose is STREAM_API: from now on its frames are HTTP
     * bytes, to be read with uv_gossip_stream_start, which is called within this callback
     * or the stream is closed. */
    void (*api_stream)(void *ctx, struct uv_gossip_stream *stream);
    void *ctx;
};

/* `bind` gets its port filled in when it was 0; with family 0 nothing is bound yet.  Keys and identity
 * are copied. */
int uv_gossip_open(uv_loop_t *loop, struct endpoint *bind, const struct keyring *keys,
                   const struct identity *self, const struct uv_gossip_events *events,
                   struct metrics *metrics, struct uv_gossip **ret_gossip,
                   struct err *err);
/* Sockets on another address, then close those there were, with all streams: the session goes on.  On an
 * error all is as before. */
int uv_gossip_bind(struct uv_gossip *g, struct endpoint *bind, struct err *err);
/* Sockets on an address of the other family beside them, in place of those there were; family 0: none. */
int uv_gossip_bind_second(struct uv_gossip *g, const struct endpoint *bind);
/* Listen nowhere: what is sent is lost. */
void uv_gossip_unbind(struct uv_gossip *g);
/* For what is sealed and opened from now on; open streams keep the keys they agreed on. */
void uv_gossip_set_keys(struct uv_gossip *g, const struct keyring *keys);
/* Lent until uv_gossip_close, with whatever keys are set: for what else this process says to
 * holders of the secret. */
struct sealer *uv_gossip_sealer(struct uv_gossip *g);
/* Frees itself in the last close callback, so the loop runs until then.  No event comes
 * after this call; only the pipes of API streams are still told that they are closed. */
void uv_gossip_close(struct uv_gossip *g);

/* At most DATAGRAM_MAX - SEAL_OVERHEAD bytes.  Callbacks never come from within these
 * calls. */
void uv_gossip_send(struct uv_gossip *g, struct endpoint to, struct bytes plain);
void uv_gossip_stream_connect(struct uv_gossip *g, uint32_t stream, struct endpoint to);
/* From stream_opened on; at most FRAME_MAX bytes.  A stream whose peer does not take what
 * is sent is closed at a bound. */
void uv_gossip_stream_send(struct uv_gossip *g, uint32_t stream, struct bytes frame);
/* Close when all is written. */
void uv_gossip_stream_finish(struct uv_gossip *g, uint32_t stream);

/* ---- API streams: a byte pipe to a peer's HTTP server ---- */

struct uv_gossip_pipe {
    void (*opened)(void *ctx); /* outgoing only */
    void (*data)(void *ctx, struct bytes in);
    void (*closed)(void *ctx); /* exactly once; the stream is gone afterwards */
    void *ctx;
};
/* NULL when out of memory or closing; a connect that fails is told by pipe.closed, later. */
struct uv_gossip_stream *uv_gossip_api_connect(struct uv_gossip *g, struct endpoint to,
                                               const struct uv_gossip_pipe *pipe);
void uv_gossip_stream_start(struct uv_gossip_stream *stream,
                            const struct uv_gossip_pipe *pipe);
void uv_gossip_stream_write(struct uv_gossip_stream *stream, struct bytes data);
/* Bytes not yet written. */
size_t uv_gossip_stream_queued(const struct uv_gossip_stream *stream);
/* Take no data for a while: what the other side sends waits there. */
void uv_gossip_stream_pause(struct uv_gossip_stream *stream, bool is_paused);
/* Close when what was written has left; no data comes after this call, pipe.closed does. */
void uv_gossip_stream_close(struct uv_gossip_stream *stream);

#endif
