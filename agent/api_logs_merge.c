/* The lines of all sources in the order of time: see api_logs.h. */
#include <stdlib.h>

#include "agent/api_logs.h"
#include "core/hash.h"

enum {
    FOLLOW_LATE_MS =
        1000, /* a line is held back so long for an older one from elsewhere */
    TURN_MAX = 512 * 1024, /* then the loop does other things */
};

static void pass_on(struct logs *l, const struct log_frame *f)
{
    bool is_counted = f->kind == LOG_LINE || f->kind == LOG_LOST;
    if (is_counted && l->n_skip > 0)
        l->n_skip--;
    else if (!l->local.asked.is_previous || l->is_local_only || !is_counted ||
             logs_is_of_previous(l, f))
        logs_send(l, f);
}

/* By node, instance and stream, so that every reader on every node sees one order. */
static void rank_head(struct logs *l, size_t i)
{
    const struct log_frame *f = &l->heads[i];
    struct log_rank *r = &l->ranks[i];
    r->head_unix_ms = r->has_head ? f->at_unix_ms : 0;
    r->tie = r->has_head
                 ? hash64(f->node, 0) << 32 | (uint32_t)(f->index << 1 | f->stream)
                 : 0;
}

static void rank_local(struct logs *l, size_t i)
{
    struct log_local_source *s = l->local.sources[i];
    l->ranks[i] =
        (struct log_rank){.has_head = log_local_head(&l->local, s, &l->heads[i]),
                          .is_done = s->is_done,
                          .upto_unix_ms = s->upto_unix_ms};
    rank_head(l, i);
}

static void rank_peer(struct logs *l, size_t i, struct logs_peer *p)
{
    l->ranks[i] = (struct log_rank){.has_head = logs_peer_head(p, &l->heads[i]),
                                    .is_done = p->has_end || !p->stream,
                                    .upto_unix_ms = p->upto_unix_ms};
    rank_head(l, i);
}

static bool has_ranks(struct logs *l, size_t n)
{
    if (n <= l->ranks_cap)
        return true;
    struct log_rank *ranks = realloc(l->ranks, n * sizeof(*ranks));
    l->ranks = ranks ? ranks : l->ranks;
    struct log_frame *heads = realloc(l->heads, n * sizeof(*heads));
    l->heads = heads ? heads : l->heads;
    l->ranks_cap = ranks && heads ? n : l->ranks_cap;
    return ranks && heads;
}

static struct logs_peer *nth_peer(const struct logs *l, size_t n)
{
    struct logs_peer *p = l->peers;
    while (n-- > 0)
        p = p->next;
    return p;
}

/* Send lines from one source as long as it has the oldest.  Returns bytes. */
static size_t send_run(struct logs *l, size_t i, uint64_t until)
{
    size_t sent = 0;
    struct logs_peer *p = i < l->local.n ? NULL : nth_peer(l, i - l->local.n);
    do {
        sent += LOG_FRAME_HEAD + l->heads[i].text.len;
        pass_on(l, &l->heads[i]);
        if (p) {
            logs_peer_take(p);
            rank_peer(l, i, p);
        } else {
            log_local_take(l->local.sources[i]);
            rank_local(l, i);
        }
    } while (!l->is_ended && l->ranks[i].has_head && l->ranks[i].head_unix_ms < until &&
             sent < LOGS_OUT_MAX);
    return sent;
}

/* A peer that has said nothing for long is not waited for. */
void logs_give_up_late(struct logs *l)
{
    for (struct logs_peer *p = l->peers; p; p = p->next) {
        struct log_frame head;
        if (!p->stream || p->has_end || logs_peer_head(p, &head))
            continue;
        if (!p->is_told)
            logs_say_missing(l, p->name, "%s does not answer: its part is missing",
                             p->name);
        p->is_told = true;
        logs_peer_give_up(p);
    }
}

/* False: there is nothing to send now. */
bool logs_merge(struct logs *l, uint64_t now_ms)
{
    size_t n = l->local.n, sent = 0;
    bool waits = false;
    if (!has_ranks(l, n + l->n_peers))
        return false;
    for (size_t i = 0; i < n; i++)
        rank_local(l, i);
    for (struct logs_peer *p = l->peers; p; p = p->next)
        rank_peer(l, n++, p);
    while (!l->is_ended && sent < TURN_MAX && uv_http_queued(l->x) < LOGS_QUEUE_MAX) {
        uint64_t until;
        size_t next = log_merge_next(l->ranks, n, l->is_late, &until, &waits);
        if (next == LOG_MERGE_NONE)
            break;
        sent += send_run(l, next, until);
    }
    l->is_late = false;
    if (!waits || sent)
        l->waits_since_ms = waits ? now_ms : 0;
    else if (l->waits_since_ms == 0)
        l->waits_since_ms = now_ms;
    return sent > 0;
}

/* Lines of one source may wait for older ones of another, but not for ever. */
void logs_look_for_late(struct logs *l, uint64_t now_ms)
{
    bool is_follow = l->local.asked.is_follow;
    uint64_t most_ms = is_follow ? FOLLOW_LATE_MS : LOGS_LATE_MS;
    if (l->waits_since_ms == 0 || now_ms < l->waits_since_ms + most_ms ||
        (!is_follow && log_local_is_empty(&l->local)))
        return;
    l->is_late = is_follow;
    if (!is_follow)
        logs_give_up_late(l);
    l->waits_since_ms = 0;
}
