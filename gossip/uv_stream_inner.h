/* What uv_stream.c and uv_stream_begin.c share. */
#ifndef GOSSIP_UV_STREAM_INNER_H
#define GOSSIP_UV_STREAM_INNER_H

#include "gossip/uv_inner.h"

enum stream_phase { CONNECTING, HELLO, OPEN, FINISHING, CLOSING };

struct uv_gossip_stream {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_shutdown_t shutdown;
    struct uv_gossip *gossip;
    struct uv_gossip_stream *next, *previous; /* unlinked when CLOSING */
    struct sealed_stream *seal;
    enum stream_phase phase;
    enum stream_purpose purpose; /* of an accepted one: 0 until it is OPEN */
    uint32_t id;                 /* STREAM_GOSSIP; accepted ones have the top bit set */
    enum knock how;              /* why it would end now, if it was not open yet */
    bool is_accepted;
    bool was_open;     /* got through the hello */
    bool has_shut;     /* our end-of-file has left */
    bool peer_ended;   /* theirs has come */
    uint64_t moved_ms; /* when it was made; once OPEN, when bytes last came or went */
    struct uv_gossip_pipe pipe; /* STREAM_API; all NULL until started */
};

/* Of the list: the sweep runs while there is one. */
void uv_stream_start_sweep(struct uv_gossip *g);
void uv_stream_link(struct uv_gossip_stream *s);
struct uv_gossip_stream *uv_stream_find(struct uv_gossip *g, uint32_t id);
/* Close at once; whatever was queued is lost. */
void uv_stream_drop(struct uv_gossip_stream *s);
void uv_stream_write_pending(struct uv_gossip_stream *s);
/* Of libuv, for uv_read_start. */
void uv_stream_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf);
void uv_stream_on_read(uv_stream_t *tcp, ssize_t n, const uv_buf_t *buf);
/* Returns NULL only when out of memory; a connect that fails at once closes like a later
 * one. */
struct uv_gossip_stream *uv_stream_connect(struct uv_gossip *g, struct endpoint to,
                                           enum stream_purpose purpose);

#endif
