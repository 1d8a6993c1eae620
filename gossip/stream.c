/* The table of streams.  Few at a time, so looking through all of them is cheap. */
#include "gossip/stream.h"

#include <stdlib.h>

static struct stream *take_place(struct gossip *g, size_t keep_free)
{
    struct stream *place = NULL;
    size_t n_free = 0;
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        if (g->sync.streams[i].id == 0) {
            place = &g->sync.streams[i];
            n_free++;
        }
    }
    return n_free > keep_free ? place : NULL;
}

struct stream *stream_connect(struct gossip *g, uint64_t now_ms, const struct peer *to,
                              enum stream_use use, struct gossip_effects *fx)
{
    struct stream *s = take_place(g, 0);
    if (!s) {
        g->metrics->drop_bound++;
        return NULL;
    }
    g->sync.next_id = g->sync.next_id % STREAM_OWN_MAX + 1;
    *s = (struct stream){
        .id = g->sync.next_id,
        .is_ours = true,
        .use = use,
        .peer = to->member.id,
        .idle_ms = now_ms + STREAM_IDLE_MS,
    };
    effect_stream_open(fx, s->id, to->member.endpoint);
    return s;
}

struct stream *stream_accept(struct gossip *g, uint64_t now_ms, uint32_t id,
                             struct gossip_effects *fx)
{
    /* A third of the places stays for streams of our own, whoever floods us. */
    struct stream *s = stream_find(g, id) ? NULL : take_place(g, STREAMS_MAX / 3);
    if (!s) {
        g->metrics->streams_refused++;
        effect_stream_close(fx, id);
        return NULL;
    }
    *s = (struct stream){.id = id, .is_open = true, .idle_ms = now_ms + STREAM_IDLE_MS};
    return s;
}

struct stream *stream_find(struct gossip *g, uint32_t id)
{
    for (size_t i = 0; id != 0 && i < STREAMS_MAX; i++) {
        if (g->sync.streams[i].id == id)
            return &g->sync.streams[i];
    }
    return NULL;
}

struct stream *stream_to(struct gossip *g, struct node_id peer, enum stream_use use)
{
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        struct stream *s = &g->sync.streams[i];
        if (s->id != 0 && s->is_ours && s->use == use && node_id_equal(s->peer, peer))
            return s;
    }
    return NULL;
}

size_t stream_count(const struct gossip *g, bool is_ours, enum stream_use use)
{
    size_t n = 0;
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        const struct stream *s = &g->sync.streams[i];
        n += s->id != 0 && s->is_ours == is_ours && s->use == use;
    }
    return n;
}

void stream_touch(struct stream *s, uint64_t now_ms)
{
    s->idle_ms = now_ms + STREAM_IDLE_MS;
}

void stream_drop(struct stream *s)
{
    free(s->theirs);
    *s = (struct stream){0};
}

void stream_close(struct stream *s, struct gossip_effects *fx)
{
    effect_stream_close(fx, s->id);
    stream_drop(s);
}
