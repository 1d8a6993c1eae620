/* Greeting by difference. */
#include "gossip/spread/greet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/hash.h"
#include "gossip/spread/lives.h"
#include "gossip/spread/water.h"

enum { WINDOW_MIN = 2, WINDOW_MAX = 32, BYTES_PER_US = 8, FRAME_BYTES = 64 << 10 };

_Static_assert((int)STREAM_PARTS == (int)MESSAGE_PARTS, "the wire carries every part");
_Static_assert((int)SEEN_OLDER == (int)MESSAGE_OLDER &&
                   sizeof(struct life) == sizeof(struct message_life),
               "the wire carries a line whole");

/* ---- lines and parts ---- */

static struct message_seen line_of(const struct gossip *g, size_t i)
{
    const struct seen_number *from = &g->seen.numbers[i];
    struct message_seen line = {from->writer,       from->epoch,
                                from->number,       g->seen.spans[i].is_stale,
                                from->before_epoch, from->before_number, {{0}}};
    memcpy(line.older, from->older, sizeof(line.older));
    if (machine_is_self(g, from->writer)) {
        line.is_stale = line.is_stale || g->collect.has_missed_graves;
        lives_greet(g, &line);
    }
    return line;
}

static struct seen_number number_of(const struct message_seen *line)
{
    struct seen_number number = {line->writer, line->epoch, line->number,
                                 line->before_epoch, line->before_number, {{0}}};
    memcpy(number.older, line->older, sizeof(number.older));
    return number;
}

static uint64_t line_hash(const struct message_seen *line)
{
    uint64_t h = hash64(BYTES_OF(line->writer), line->number);
    h = hash_mix(hash_mix(h, line->before_epoch), line->before_number);
    for (unsigned i = 0; i < SEEN_OLDER; i++)
        h = hash_mix(hash_mix(h, line->older[i].epoch), line->older[i].number);
    return hash_mix(hash_mix(h, line->epoch), line->is_stale);
}

static void hash_parts(const struct message_seen *lines, size_t n,
                       uint64_t parts[static STREAM_PARTS])
{
    memset(parts, 0, STREAM_PARTS * sizeof(*parts));
    for (size_t i = 0; i < n; i++)
        parts[stream_part(lines[i].writer)] ^= line_hash(&lines[i]);
}

/* All of our own, in the step's arena; NULL when it is full. */
static struct message_seen *own_lines(struct gossip *g)
{
    struct message_seen *lines = arena_array(&g->scratch, g->seen.n + 1, sizeof(*lines));
    for (size_t i = 0; lines && i < g->seen.n; i++)
        lines[i] = line_of(g, i);
    return lines;
}

/* ---- the other's lines, beside the stream ---- */

static int compare_id(const void *a, const void *b)
{
    return node_id_compare(*(const struct node_id *)a, *(const struct node_id *)b);
}

static int compare_writer(const void *a, const void *b)
{
    const struct seen_number *left = a, *right = b;
    return node_id_compare(left->writer, right->writer);
}

/* Room for `n` more lines. */
static int make_room(struct stream *s, size_t n)
{
    struct seen_number *theirs =
        realloc(s->theirs, (s->n_theirs + n + 1) * sizeof(*theirs));
    if (!theirs)
        return -ENOMEM; /* dropped with the stream */
    s->theirs = theirs;
    struct node_id *stale = realloc(s->stale, (s->n_theirs + n + 1) * sizeof(*stale));
    if (!stale)
        return -ENOMEM;
    s->stale = stale;
    return 0;
}

/* Forget what was taken to be the same in parts of which it is not. */
static void drop_parts(struct stream *s, const bool *is_dropped)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_theirs; i++) {
        if (!is_dropped[stream_part(s->theirs[i].writer)])
            s->theirs[n++] = s->theirs[i];
    }
    s->n_theirs = n;
    n = 0;
    for (size_t i = 0; i < s->n_stale; i++) {
        if (!is_dropped[stream_part(s->stale[i])])
            s->stale[n++] = s->stale[i];
    }
    s->n_stale = n;
}

/* Take over lines; with `is_said` only those of these parts. */
static int keep_lines(struct stream *s, const struct message_seen *lines, size_t n,
                      const bool *is_said)
{
    if (n > SEEN_WRITERS_MAX)
        return ERR_BOUND;
    int err = make_room(s, n);
    for (size_t i = 0; i < n && err == 0; i++) {
        if (is_said && !is_said[stream_part(lines[i].writer)])
            continue;
        s->theirs[s->n_theirs++] = number_of(&lines[i]);
        if (lines[i].is_stale)
            s->stale[s->n_stale++] = lines[i].writer;
    }
    if (s->n_theirs)
        qsort(s->theirs, s->n_theirs, sizeof(*s->theirs), compare_writer);
    if (s->n_stale)
        qsort(s->stale, s->n_stale, sizeof(*s->stale), compare_id);
    return err;
}

/* What a message says of parts that differ, in the place of what was taken to be the same. */
static int keep_parts(struct stream *s, const struct message *m)
{
    bool is_said[STREAM_PARTS] = {false}, is_dropped[STREAM_PARTS];
    for (size_t i = 0; i < m->n_differing; i++)
        is_said[m->differing[i]] = true;
    memcpy(is_dropped, is_said, sizeof(is_dropped));
    for (size_t i = 0; i < m->n_unsaid; i++)
        is_dropped[m->unsaid[i]] = true;
    for (unsigned part = 0; part < STREAM_PARTS; part++)
        stream_leave_unsaid(
            s, part,
            is_said[part] ? false : is_dropped[part] || stream_is_unsaid(s, part));
    drop_parts(s, is_dropped);
    return keep_lines(s, m->seen, m->n_seen, is_said);
}

/* Kept per peer while the cluster is small enough for all vectors to be held. */
static void remember_seen(struct gossip *g, const struct stream *s)
{
    struct peer *peer = members_peer(&g->members, s->peer);
    enum { KEPT_MAX = 1 << 18 };
    struct heard *heard = peer ? peer_hear(peer) : NULL;
    if (!heard || s->n_theirs * g->members.all.n > KEPT_MAX)
        return;
    struct seen_number *copy = calloc(s->n_theirs + 1, sizeof(*copy));
    if (!copy)
        return;
    memcpy(copy, s->theirs, s->n_theirs * sizeof(*copy));
    free(heard->seen);
    heard->seen = copy;
    heard->n_seen = (uint32_t)s->n_theirs;
}

/* Frames under way: what the line carries in a round trip at 8 MB/s. */
static unsigned window_to(const struct gossip *g, const struct stream *s)
{
    const struct peer *peer = members_peer(&g->members, s->peer);
    uint64_t frames =
        peer ? (uint64_t)peer->member.rtt_us * BYTES_PER_US / FRAME_BYTES : 0;
    return frames < WINDOW_MIN   ? WINDOW_MIN
           : frames > WINDOW_MAX ? WINDOW_MAX
                                 : (unsigned)frames;
}

/* All is known of the other side that will be. */
static void begin(struct gossip *g, struct stream *s)
{
    s->window = window_to(g, s);
    s->credit = s->window;
    remember_seen(g, s);
    struct seen_number own = grave_their_seen(g, s, g->self->member.id);
    lives_heed(g, own.epoch, own.number);
    water_hear_greeting(g, s);
    g->metrics->syncs++;
}

/* ---- saying ---- */

/* The lines of parts that differ, in the order of writers from a random part on, so that what finds no
 * room is another each time.  -ENOMEM. */
static int add_parts(struct gossip *g, struct message *m, const struct message_seen *own,
                     const bool *differs)
{
    bool is_said[STREAM_PARTS] = {false};
    unsigned start = (unsigned)rng_below(&g->rng, STREAM_PARTS);
    m->seen = arena_array(&g->scratch, STREAM_SEEN_MAX, sizeof(*m->seen));
    m->differing = arena_array(&g->scratch, STREAM_PARTS, sizeof(*m->differing));
    m->unsaid = arena_array(&g->scratch, STREAM_PARTS, sizeof(*m->unsaid));
    size_t *counts = arena_array(&g->scratch, STREAM_PARTS, sizeof(*counts));
    if (!m->seen || !m->differing || !m->unsaid || !counts)
        return -ENOMEM;
    memset(counts, 0, STREAM_PARTS * sizeof(*counts));
    for (size_t i = 0; i < g->seen.n; i++)
        counts[stream_part(own[i].writer)]++;
    size_t left = STREAM_SEEN_MAX;
    for (unsigned i = 0; i < STREAM_PARTS; i++) {
        unsigned part = (start + i) % STREAM_PARTS;
        is_said[part] = differs[part] && counts[part] <= left;
        if (is_said[part]) {
            left -= counts[part];
            m->differing[m->n_differing++] = part;
        } else if (differs[part]) {
            m->unsaid[m->n_unsaid++] = part;
        }
    }
    for (size_t i = 0; i < g->seen.n; i++) {
        if (is_said[stream_part(own[i].writer)])
            m->seen[m->n_seen++] = own[i];
    }
    return 0;
}

static struct message message_to(struct gossip *g, uint64_t now_ms, struct stream *s,
                                 enum message_kind kind)
{
    struct message m =
        machine_message(g, now_ms, kind, members_peer(&g->members, s->peer));
    m.to = s->peer;
    m.buckets = g->table.hashes;
    m.n_buckets = TABLE_BUCKETS;
    m.graves = g->table.graves;
    return m;
}

void greet_ask(struct gossip *g, uint64_t now_ms, struct stream *s,
               struct gossip_effects *fx)
{
    struct message m = message_to(g, now_ms, s, MESSAGE_SYNC);
    struct message_seen *own = own_lines(g);
    uint64_t *parts = arena_array(&g->scratch, STREAM_PARTS, sizeof(*parts));
    s->n_theirs = s->n_stale = 0;
    if (!own || !parts || keep_lines(s, own, g->seen.n, NULL) < 0)
        return; /* it ends when nothing happens on it */
    s->is_by_parts = g->seen.n > GREET_WHOLE;
    if (s->is_by_parts) {
        hash_parts(own, g->seen.n, parts);
        m.parts = parts;
        m.n_parts = STREAM_PARTS;
    } else {
        m.seen = own;
        m.n_seen = g->seen.n;
    }
    machine_send_frame(g, s->id, &m, fx);
}

int greet_answer(struct gossip *g, uint64_t now_ms, struct stream *s,
                 const struct message *in, struct gossip_effects *fx)
{
    bool differs[STREAM_PARTS];
    struct message m = message_to(g, now_ms, s, MESSAGE_SYNC_REPLY);
    struct message_seen *own = own_lines(g);
    uint64_t *ours = arena_array(&g->scratch, STREAM_PARTS, sizeof(*ours));
    uint64_t *theirs =
        in->n_parts ? in->parts : arena_array(&g->scratch, STREAM_PARTS, sizeof(*theirs));
    if (!own || !ours || !theirs)
        return -ENOMEM;
    hash_parts(own, g->seen.n, ours);
    if (!in->n_parts)
        hash_parts(in->seen, in->n_seen, theirs);
    for (unsigned part = 0; part < STREAM_PARTS; part++) {
        differs[part] = ours[part] != theirs[part];
        stream_leave_unsaid(s, part, in->n_parts && differs[part]);
    }
    int err = in->n_parts ? keep_lines(s, own, g->seen.n, NULL)
                          : keep_lines(s, in->seen, in->n_seen, NULL);
    if (in->n_parts)
        drop_parts(s, differs);
    if (err == 0)
        err = add_parts(g, &m, own, differs);
    if (err < 0)
        return err;
    s->graves = in->graves;
    s->is_greeted = true;
    s->is_by_parts = in->n_parts != 0;
    s->sends_members = in->members_digest != g->members.digest;
    if (!s->is_by_parts)
        begin(g, s);
    machine_send_frame(g, s->id, &m, fx);
    return 0;
}

int greet_hear_answer(struct gossip *g, uint64_t now_ms, struct stream *s,
                      const struct message *in, struct gossip_effects *fx)
{
    struct message m = message_to(g, now_ms, s, MESSAGE_GREET);
    struct message_seen *own = own_lines(g);
    bool differs[STREAM_PARTS] = {false};
    for (size_t i = 0; i < in->n_differing; i++)
        differs[in->differing[i]] = true;
    int err = own ? keep_parts(s, in) : -ENOMEM;
    if (err == 0 && s->is_by_parts)
        err = add_parts(g, &m, own, differs);
    if (err < 0)
        return err;
    s->graves = in->graves;
    s->is_greeted = true;
    s->sends_members = in->members_digest != g->members.digest;
    begin(g, s);
    if (s->is_by_parts)
        machine_send_frame(g, s->id, &m, fx);
    return 0;
}

int greet_hear_lines(struct gossip *g, struct stream *s, const struct message *m)
{
    if (s->is_ours || !s->is_by_parts || s->window != 0)
        return ERR_INVALID;
    int err = keep_parts(s, m);
    if (err == 0)
        begin(g, s);
    return err;
}
