/* Logs over the API: those of this node's instances are read from their files, those of others are
 * relayed from the node that holds them, over a sealed stream.
 *
 * Every source is polled: files grow without telling anybody, and a person reading logs does not
 * notice 200 ms. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api.h"
#include "agent/params.h"
#include "isolate/logs.h"

enum {
    LOGS_POLL_MS = 200,
    LOGS_CHUNK = 64 * 1024,
    LOGS_QUEUE_MAX = 1 << 20, /* a reader that is slower than this waits */
    SOURCES_MAX = 256,
};

struct source {
    struct logs *logs;
    char label[NAME_LEN_MAX + 16]; /* "web.0" */
    char dir[1024];                /* ours: the task's directory */
    struct log_cursor cursor;
    char target[256]; /* another node's: what to ask its API for */
    struct endpoint peer;
    struct uv_gossip_stream *stream;
    bool is_remote, is_done, is_past_head, is_paused;
    uint8_t head[4]; /* the last bytes of the relayed head, to find its end */
    bool is_mid_line;
};

struct logs {
    struct agent *agent;
    struct uv_http_exchange *x; /* NULL: the client went away */
    uv_timer_t timer;
    const char *stream;
    uint64_t since_unix_ms;
    bool is_follow, has_labels;
    size_t n_open; /* relayed streams not yet closed: they point here */
    bool is_ended;
    size_t n;
    struct source sources[];
};

static void logs_free_if_done(struct logs *l);

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void logs_free_if_done(struct logs *l)
{
    if (l->is_ended && l->n_open == 0 && !uv_is_closing((uv_handle_t *)&l->timer))
        uv_close((uv_handle_t *)&l->timer, on_timer_closed);
}

static void logs_end(struct logs *l)
{
    if (l->is_ended)
        return;
    l->is_ended = true;
    if (l->x) {
        uv_http_on_gone(l->x, NULL, NULL);
        uv_http_end(l->x);
        l->x = NULL;
    }
    (void)uv_timer_stop(&l->timer);
    for (size_t i = 0; i < l->n; i++)
        if (l->sources[i].stream)
            uv_gossip_stream_close(l->sources[i].stream);
    logs_free_if_done(l);
}

static void on_client_gone(void *ctx)
{
    struct logs *l = ctx;
    l->x = NULL;
    logs_end(l);
}

/* Pass text on, each line with its instance in front when there are several. */
static void emit(struct source *s, struct bytes text)
{
    struct logs *l = s->logs;
    if (!l->has_labels) {
        uv_http_write(l->x, text);
        return;
    }
    while (text.len > 0 && l->x) {
        const uint8_t *end = memchr(text.at, '\n', text.len);
        size_t len = end ? (size_t)(end - text.at) + 1 : text.len;
        if (!s->is_mid_line) {
            uv_http_write(l->x, bytes_of_text(s->label));
            uv_http_write(l->x, bytes_of_text(" | "));
        }
        uv_http_write(l->x, (struct bytes){text.at, len});
        s->is_mid_line = end == NULL;
        text.at += len;
        text.len -= len;
    }
}

/* ---- relayed ---- */

static void on_relay_opened(void *ctx)
{
    struct source *s = ctx;
    char request[sizeof(s->target) + 64];
    (void)snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: peer\r\n\r\n",
                   s->target);
    uv_gossip_stream_write(s->stream, bytes_of_text(request));
}

static void on_relay_data(void *ctx, struct bytes in)
{
    struct source *s = ctx;
    for (; !s->is_past_head && in.len > 0; in.at++, in.len--) {
        memmove(s->head, s->head + 1, sizeof(s->head) - 1);
        s->head[sizeof(s->head) - 1] = in.at[0];
        s->is_past_head = memcmp(s->head, "\r\n\r\n", sizeof(s->head)) == 0;
    }
    if (in.len > 0 && s->logs->x)
        emit(s, in);
    if (s->logs->x && uv_http_queued(s->logs->x) >= LOGS_QUEUE_MAX) {
        s->is_paused = true; /* our reader is slower than that node */
        uv_gossip_stream_pause(s->stream, true);
    }
}

static void relay_resume(struct source *s)
{
    if (!s->is_paused || !s->stream || uv_http_queued(s->logs->x) >= LOGS_QUEUE_MAX)
        return;
    s->is_paused = false;
    uv_gossip_stream_pause(s->stream, false);
}

static void check_end(struct logs *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (!l->sources[i].is_done)
            return;
    logs_end(l);
}

static void on_relay_closed(void *ctx)
{
    struct source *s = ctx;
    struct logs *l = s->logs;
    s->stream = NULL;
    s->is_done = true;
    l->n_open--;
    if (l->is_ended)
        logs_free_if_done(l);
    else
        check_end(l);
}

static void relay_start(struct source *s)
{
    const struct uv_gossip_pipe pipe = {.opened = on_relay_opened,
                                        .data = on_relay_data,
                                        .closed = on_relay_closed,
                                        .ctx = s};
    s->logs->n_open++;
    s->stream = uv_gossip_api_connect(s->logs->agent->gossip, s->peer, &pipe);
    if (s->stream)
        return;
    s->logs->n_open--;
    s->is_done = true;
}

/* ---- own files ---- */

static void on_poll(uv_timer_t *timer)
{
    struct logs *l = timer->data;
    uint8_t *buf = malloc(LOGS_CHUNK);
    for (size_t i = 0; buf && i < l->n && !l->is_ended; i++) {
        struct source *s = &l->sources[i];
        long n = 1;
        relay_resume(s);
        while (!s->is_remote && n > 0 && uv_http_queued(l->x) < LOGS_QUEUE_MAX) {
            n = log_read(s->dir, l->stream, l->since_unix_ms, &s->cursor, buf,
                         LOGS_CHUNK);
            if (n > 0)
                emit(s, (struct bytes){buf, (size_t)n});
        }
        if (!s->is_remote && !l->is_follow && n <= 0)
            s->is_done = true;
    }
    free(buf);
    if (!l->is_ended)
        check_end(l);
}

/* ---- the request ---- */

static bool add_source(struct logs *l, const struct report *r, uint32_t job_index,
                       uint32_t node, uint32_t index, bool is_local_only)
{
    const struct view_node *holder = &r->view.nodes[node];
    const struct view_job *job = &r->view.jobs[job_index];
    bool is_ours = node == r->view.self;
    const struct member *member = members_find(gossip_members(r->gossip), holder->id);
    bool is_reachable =
        member && (member->state == MEMBER_ALIVE || member->state == MEMBER_SUSPECT);
    if (l->n == SOURCES_MAX || (!is_ours && (is_local_only || !is_reachable)))
        return false;
    struct source *s = &l->sources[l->n++];
    *s = (struct source){.logs = l, .is_remote = !is_ours};
    (void)snprintf(s->label, sizeof(s->label), "%.63s.%u", job->name, index);
    if (is_ours) {
        (void)snprintf(s->dir, sizeof(s->dir), "%.800s/tasks/%.63s.%.63s.%u",
                       l->agent->options->data_dir, job->ns, job->name, index);
        return true;
    }
    s->peer = member->endpoint;
    (void)snprintf(s->target, sizeof(s->target),
                   "/v1/jobs/%.63s/%.63s/logs?index=%u&stream=%s&since_ms=%llu&local=1%s",
                   job->ns, job->name, index, l->stream,
                   (unsigned long long)l->since_unix_ms, l->is_follow ? "&follow=1" : "");
    return true;
}

static void logs_start(struct logs *l)
{
    uv_http_set_header(l->x, "X-Stratos-Node", l->agent->name);
    uv_http_start(l->x, 200, "text/plain; charset=utf-8");
    uv_http_on_gone(l->x, on_client_gone, l);
    for (size_t i = 0; i < l->n; i++)
        if (l->sources[i].is_remote)
            relay_start(&l->sources[i]);
    (void)uv_timer_start(&l->timer, on_poll, 0, LOGS_POLL_MS);
}

static struct logs *logs_new(struct agent *a, struct uv_http_exchange *x)
{
    struct logs *l = calloc(1, sizeof(*l) + SOURCES_MAX * sizeof(struct source));
    const char *stream = uv_http_query(x, "stream"),
               *since = uv_http_query(x, "since_ms");
    if (!l)
        return NULL;
    l->agent = a;
    l->x = x;
    l->stream = stream && strcmp(stream, "stderr") == 0 ? "stderr" : "stdout";
    l->is_follow = uv_http_query(x, "follow") != NULL;
    if (since)
        (void)text_uint(since, UINT64_MAX, &l->since_unix_ms);
    (void)uv_timer_init(&a->loop, &l->timer);
    l->timer.data = l;
    return l;
}

/* Those who hold it now, and those who tried and gave up: what a task wrote before it failed for the
 * last time is what its owner wants to read most. */
static void add_sources(struct logs *l, const struct report *r, uint32_t job,
                        const uint32_t *wanted, bool is_local_only)
{
    const struct view_job *j = &r->view.jobs[job];
    for (uint32_t c = j->first_claim; c < j->first_claim + j->n_claims; c++) {
        const struct view_claim *claim = &r->view.claims[c];
        if (!wanted || *wanted == claim->index)
            (void)add_source(l, r, job, claim->node, claim->index, is_local_only);
    }
    for (size_t i = 0; i < r->view.n_refusals; i++) {
        const struct view_refuse *refuse = &r->view.refusals[i];
        bool is_held = false;
        if (refuse->job != job || refuse->node == VIEW_NONE ||
            (wanted && *wanted != refuse->index))
            continue;
        for (uint32_t c = j->first_claim; c < j->first_claim + j->n_claims; c++)
            is_held = is_held || (r->view.claims[c].node == refuse->node &&
                                  r->view.claims[c].index == refuse->index);
        if (!is_held)
            (void)add_source(l, r, job, refuse->node, refuse->index, is_local_only);
    }
}

void api_logs(struct agent *a, struct uv_http_exchange *x, const char *ns,
              const char *job)
{
    struct report r;
    const char *index = uv_http_query(x, "index");
    uint32_t wanted;
    bool is_local_only = uv_http_query(x, "local") != NULL;
    if (param_index(index, &wanted) < 0) {
        api_error(a, x, ERR_INVALID, "index wants the number of an instance");
        return;
    }
    if (report_open(&r, a->node, a->name, agent_now(a)) < 0) {
        api_error(a, x, ERR_BOUND, "out of memory");
        return;
    }
    uint32_t found = view_find_job(&r.view, ns, job);
    struct logs *l = found == VIEW_NONE ? NULL : logs_new(a, x);
    if (!l) {
        char text[192];
        (void)snprintf(text, sizeof(text), "no job '%.63s' in namespace '%.63s'", job,
                       ns);
        api_error(a, x, found == VIEW_NONE ? ERR_NOT_FOUND : -ENOMEM,
                  found == VIEW_NONE ? text : "out of memory");
        report_close(&r);
        return;
    }
    add_sources(l, &r, found, index ? &wanted : NULL, is_local_only);
    l->has_labels = !index;
    if (l->n == 0) {
        api_error(a, x, ERR_NOT_FOUND,
                  index ? "no node within reach has run this instance: `stratos status` "
                          "shows which there are"
                        : "no node within reach has run it: `stratos status` says what "
                          "it waits for");
        l->x = NULL;
        logs_end(l);
    } else {
        logs_start(l);
    }
    report_close(&r);
}
