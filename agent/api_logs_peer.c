/* Other nodes' part of the logs: see api_logs.h.  The usual path: connect over a sealed stream, ask
 * for frames, take them as the merging wants them.  What can fail: the connection, before or in the
 * middle, and then the reader is told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api_logs.h"
#include "agent/uv_agent.h"

enum {
    BUFFERS_MAX = 64 << 20, /* of all readers, about: a peer that sends more is paused */
    BUFFER_MIN = 64 * 1024,
    BUFFER_FIRST = 16 * 1024,
    HEAD_MAX = 4096, /* of the answer */
};

struct logs_peer *logs_peer_find(const struct logs *l, struct node_id id)
{
    for (struct logs_peer *p = l->peers; p; p = p->next)
        if (node_id_equal(p->id, id))
            return p;
    return NULL;
}

/* ---- the request ---- */

static void on_opened(void *ctx)
{
    struct logs_peer *p = ctx;
    const struct log_asked *a = &p->logs->local.asked;
    char query[256] = "", request[512];
    size_t n = 0;
    bool has_one = a->wants[0] != a->wants[1], is_again = p->last_unix_ms > 0;
    uint64_t since = is_again ? p->last_unix_ms : a->since_unix_ms;
    if (a->has_index)
        n += (size_t)snprintf(query, sizeof(query), "&index=%u", a->index);
    if (has_one)
        n += (size_t)snprintf(query + n, sizeof(query) - n, "&stream=%s",
                              log_streams[a->wants[0] ? 0 : 1]);
    if (a->has_tail && !is_again)
        n += (size_t)snprintf(query + n, sizeof(query) - n, "&tail=%llu",
                              (unsigned long long)a->tail);
    (void)snprintf(request, sizeof(request),
                   "GET /v1/jobs/%s/%s/logs?as=frames&local=1&since_ms=%llu%s%s%s "
                   "HTTP/1.0\r\nHost: peer\r\n\r\n",
                   a->ns, a->job, (unsigned long long)since, query,
                   a->is_follow ? "&follow=1" : "", a->is_previous ? "&previous=1" : "");
    uv_gossip_stream_write(p->stream, bytes_of_text(request));
}

/* ---- the answer ---- */

static bool grow(struct logs_peer *p, size_t more)
{
    if (p->pos) {
        memmove(p->buf, p->buf + p->pos, p->len - p->pos);
        p->len -= p->pos;
        p->pos = 0;
    }
    size_t cap = p->cap ? p->cap : BUFFER_FIRST;
    while (cap < p->len + more)
        cap *= 2;
    uint8_t *grown = cap > p->cap ? realloc(p->buf, cap) : p->buf;
    if (!grown)
        return false;
    p->buf = grown;
    p->cap = cap;
    return true;
}

static bool says(const struct logs_peer *p, const char *status)
{
    size_t len = p->len < HEAD_MAX ? p->len : HEAD_MAX;
    return memmem(p->buf, len, status, strlen(status)) != NULL;
}

/* Past the head of the answer, if it is there. */
static void read_head(struct logs_peer *p)
{
    const uint8_t *end = memmem(p->buf + p->pos, p->len - p->pos, "\r\n\r\n", 4);
    if (!end) {
        if (p->len - p->pos > HEAD_MAX)
            uv_gossip_stream_close(p->stream);
        return;
    }
    p->is_past_head = true;
    p->pos = (size_t)(end - p->buf) + 4;
    if (says(p, " 200 "))
        return;
    p->pos = p->len; /* it cannot answer */
    p->is_past_head = false;
    uv_gossip_stream_close(p->stream);
}

/* What is not a line for the reader. */
static void take_word(struct logs_peer *p, const struct log_frame *f)
{
    if (f->kind == LOG_BEGIN && !p->is_begun) {
        p->is_begun = true;
        p->n_found = f->index;
        p->n_lines = f->number;
    } else if (f->kind == LOG_TICK) {
        p->upto_unix_ms = f->at_unix_ms;
    } else if (f->kind == LOG_RUN) {
        logs_add_run(p->logs, f);
    } else if (f->kind == LOG_END) {
        p->has_end = true;
    }
}

static bool is_line(const struct log_frame *f)
{
    return f->kind == LOG_LINE || f->kind == LOG_LOST || f->kind == LOG_MISSING;
}

/* After a break the other side begins with lines of the last time, which we have. */
static bool is_known(struct logs_peer *p, const struct log_frame *f)
{
    if (f->kind == LOG_MISSING || p->n_skip == 0 || f->at_unix_ms != p->last_unix_ms) {
        p->n_skip = f->kind == LOG_MISSING ? p->n_skip : 0;
        return false;
    }
    p->n_skip--;
    return true;
}

bool logs_peer_head(struct logs_peer *p, struct log_frame *ret_frame)
{
    while (p->is_past_head && p->pos < p->len) {
        long used =
            log_frame_read((struct bytes){p->buf + p->pos, p->len - p->pos}, ret_frame);
        if (used == 0)
            return false;
        if (used < 0) {
            p->pos = p->len;
            if (p->stream)
                uv_gossip_stream_close(p->stream);
            return false;
        }
        p->is_told = false; /* what was missing comes now */
        if (is_line(ret_frame) && !is_known(p, ret_frame))
            return true;
        take_word(p, ret_frame);
        p->pos += (size_t)used;
    }
    return false;
}

void logs_peer_take(struct logs_peer *p)
{
    struct log_frame f;
    long used = log_frame_read((struct bytes){p->buf + p->pos, p->len - p->pos}, &f);
    p->pos += used > 0 ? (size_t)used : 0;
    if (f.kind == LOG_MISSING)
        return;
    p->n_last = f.at_unix_ms == p->last_unix_ms ? p->n_last + 1 : 1;
    p->last_unix_ms = f.at_unix_ms;
}

static void on_data(void *ctx, struct bytes in)
{
    struct logs_peer *p = ctx;
    if (!grow(p, in.len)) {
        uv_gossip_stream_close(p->stream);
        return;
    }
    if (in.len > 0)
        memcpy(p->buf + p->len, in.at, in.len);
    p->len += in.len;
    if (!p->is_past_head)
        read_head(p);
    p->logs->pump(p->logs);
    logs_peer_pace(p);
}

void logs_peer_pace(struct logs_peer *p)
{
    struct log_frame head;
    size_t n = logs_count_streams(p->logs->agent), most = BUFFERS_MAX / (n ? n : 1);
    bool is_full = p->len - p->pos > (most > BUFFER_MIN ? most : BUFFER_MIN) &&
                   logs_peer_head(p, &head);
    if (!p->stream || is_full == p->is_paused)
        return;
    p->is_paused = is_full;
    uv_gossip_stream_pause(p->stream, is_full);
}

static void on_closed(void *ctx)
{
    struct logs_peer *p = ctx;
    struct logs *l = p->logs;
    p->stream = NULL;
    l->n_open--;
    if (l->is_ended)
        l->free_if_done(l);
    else
        l->pump(l);
}

/* ---- asking ---- */

static struct logs_peer *peer_new(struct logs *l, struct node_id id)
{
    struct logs_peer *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->logs = l;
    p->id = id;
    p->next = l->peers;
    l->peers = p;
    l->n_peers++;
    return p;
}

struct logs_peer *logs_peer_know(struct logs *l, const struct member *member)
{
    struct logs_peer *p = logs_peer_find(l, member->id);
    if (!p && l->n_peers < LOGS_PEERS_MAX)
        p = peer_new(l, member->id);
    if (p)
        (void)snprintf(p->name, sizeof(p->name), "%s", member->name);
    return p;
}

void logs_peer_ask(struct logs *l, const struct member *member)
{
    struct logs_peer *p = logs_peer_know(l, member);
    if (!p || p->stream)
        return;
    const struct uv_gossip_pipe pipe = {
        .opened = on_opened, .data = on_data, .closed = on_closed, .ctx = p};
    p->is_past_head = p->has_end = p->is_paused = false;
    p->is_begun = l->is_started; /* who joins later is not waited for */
    p->pos = p->len = 0;
    p->n_skip = p->n_last;
    p->asked_ms = agent_now(l->agent).now_ms;
    if (logs_count_streams(l->agent) >= LOGS_STREAMS_MAX)
        return; /* it is missing, as one that cannot be reached */
    l->n_open++;
    p->stream = uv_gossip_api_connect(l->agent->gossip, member->endpoint, &pipe);
    l->n_open -= p->stream == NULL;
}

void logs_peer_give_up(struct logs_peer *p)
{
    if (p->stream)
        uv_gossip_stream_close(p->stream);
    p->is_begun = true;
}

void logs_peers_close(struct logs *l)
{
    for (struct logs_peer *p = l->peers; p; p = p->next)
        if (p->stream)
            uv_gossip_stream_close(p->stream);
}

void logs_peers_free(struct logs *l)
{
    while (l->peers) {
        struct logs_peer *next = l->peers->next;
        free(l->peers->buf);
        free(l->peers);
        l->peers = next;
    }
}
