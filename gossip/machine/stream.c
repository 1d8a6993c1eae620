/* The table of streams.  Few at a time, so looking through all of them is cheap; none at most times,
 * and then nothing is looked at. */
#include "gossip/machine/stream.h"

#include <errno.h>
#include <stdlib.h>

#include "gossip/machine/family.h"

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

struct stream *stream_connect_to(struct gossip *g, uint64_t now_ms, struct node_id who,
                                 struct endpoint at, enum stream_use use,
                                 struct gossip_effects *fx)
{
    if (machine_is_mute(g))
        return NULL;
    struct stream *s = take_place(g, 0);
    if (!s) {
        g->metrics->drop_bound++;
        return NULL;
    }
    g->sync.n_streams++;
    g->sync.next_id = g->sync.next_id % STREAM_OWN_MAX + 1;
    *s = (struct stream){
        .id = g->sync.next_id,
        .is_ours = true,
        .use = use,
        .peer = who,
        .at = at,
        .idle_ms = now_ms + STREAM_IDLE_MS,
    };
    effect_stream_open(fx, s->id, at);
    return s;
}

struct stream *stream_connect(struct gossip *g, uint64_t now_ms, const struct peer *to,
                              enum stream_use use, struct gossip_effects *fx)
{
    if (!family_reaches(g, to))
        return NULL;
    return stream_connect_to(g, now_ms, to->member.id, family_endpoint(g, to), use, fx);
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
    g->sync.n_streams++;
    *s = (struct stream){.id = id, .is_open = true, .idle_ms = now_ms + STREAM_IDLE_MS};
    return s;
}

struct stream *stream_find(struct gossip *g, uint32_t id)
{
    for (size_t i = 0; id != 0 && g->sync.n_streams > 0 && i < STREAMS_MAX; i++) {
        if (g->sync.streams[i].id == id)
            return &g->sync.streams[i];
    }
    return NULL;
}

struct stream *stream_to(struct gossip *g, struct node_id peer, enum stream_use use)
{
    for (size_t i = 0; g->sync.n_streams > 0 && i < STREAMS_MAX; i++) {
        struct stream *s = &g->sync.streams[i];
        if (s->id != 0 && s->is_ours && s->use == use && node_id_equal(s->peer, peer))
            return s;
    }
    return NULL;
}

size_t stream_count(const struct gossip *g, bool is_ours, enum stream_use use)
{
    size_t n = 0;
    for (size_t i = 0; g->sync.n_streams > 0 && i < STREAMS_MAX; i++) {
        const struct stream *s = &g->sync.streams[i];
        n += s->id != 0 && s->is_ours == is_ours && s->use == use;
    }
    return n;
}

void stream_touch(struct stream *s, uint64_t now_ms)
{
    s->idle_ms = now_ms + STREAM_IDLE_MS;
}

void stream_drop(struct gossip *g, struct stream *s)
{
    g->sync.n_streams -= s->id != 0;
    free(s->theirs);
    free(s->stale);
    *s = (struct stream){0};
}

void stream_close_all(struct gossip *g, struct gossip_effects *fx)
{
    for (size_t i = 0; g->sync.n_streams > 0 && i < STREAMS_MAX; i++) {
        if (g->sync.streams[i].id != 0)
            stream_close(g, &g->sync.streams[i], fx);
    }
}

void stream_close(struct gossip *g, struct stream *s, struct gossip_effects *fx)
{
    effect_stream_close(fx, s->id);
    stream_drop(g, s);
}

/* ---- what was greeted with ---- */

static int compare_id(const void *a, const void *b)
{
    return node_id_compare(*(const struct node_id *)a, *(const struct node_id *)b);
}

static int compare_writer(const void *a, const void *b)
{
    const struct seen_number *left = a, *right = b;
    return node_id_compare(left->writer, right->writer);
}

struct seen_number stream_their_seen(const struct stream *s, struct node_id writer)
{
    struct seen_number probe = {.writer = writer};
    const struct seen_number *found =
        s->n_theirs
            ? bsearch(&probe, s->theirs, s->n_theirs, sizeof(probe), compare_writer)
            : NULL;
    return found ? *found : probe;
}

bool stream_is_stale(const struct stream *s, struct node_id writer)
{
    return s->n_stale > 0 &&
           bsearch(&writer, s->stale, s->n_stale, sizeof(writer), compare_id) != NULL;
}

enum { WORD_BITS = 64, PART_BITS = 10 };

unsigned stream_part(struct node_id writer)
{
    return (unsigned)(writer.at[0] << 8 | writer.at[1]) >> (16 - PART_BITS);
}

bool stream_is_unsaid(const struct stream *s, unsigned part)
{
    return s->unsaid[part / WORD_BITS] >> part % WORD_BITS & 1;
}

void stream_leave_unsaid(struct stream *s, unsigned part, bool is_unsaid)
{
    uint64_t bit = (uint64_t)1 << part % WORD_BITS;
    uint64_t *word = &s->unsaid[part / WORD_BITS];
    *word = is_unsaid ? *word | bit : *word & ~bit;
}

bool stream_speaks_of(const struct stream *s, struct node_id writer)
{
    return !stream_is_unsaid(s, stream_part(writer));
}
