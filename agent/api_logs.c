/* Logs over the API: what this node's instances wrote is read from their files, in a thread; what
 * those of others wrote is asked of the nodes that have it; all is merged by time.  See api_logs.h.
 *
 * Files grow without telling anybody, so a reader that follows looks five times a second. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api_logs.h"
#include "agent/params.h"

enum {
    POLL_MS = 200,
    BUSY_MS = 5,    /* the reader takes less than there is */
    LOOK_MS = 1000, /* who is to be asked by now? */
    OVER_MS = 1500, /* after the last instance is gone, for what is on its way */
    TAIL_MAX = 1000 * 1000,
};

static void on_timer(uv_timer_t *timer);
static void pump(struct logs *l);

/* ---- the end ---- */

static void on_timer_closed(uv_handle_t *handle)
{
    struct logs *l = handle->data;
    logs_peers_free(l);
    log_local_fini(&l->local);
    free(l->ranks);
    free(l->heads);
    free(l->runs);
    free(l->out);
    free(l);
}

static void free_if_done(struct logs *l)
{
    if (l->is_ended && l->n_open == 0 && !l->is_reading && !l->is_pumping &&
        !uv_is_closing((uv_handle_t *)&l->timer))
        uv_close((uv_handle_t *)&l->timer, on_timer_closed);
}

void logs_end(struct logs *l)
{
    if (l->is_ended)
        return;
    logs_flush(l);
    l->is_ended = true;
    logs_part(l);
    if (l->x) {
        uv_http_on_gone(l->x, NULL, NULL);
        if (l->is_started)
            uv_http_end(l->x);
        else /* nothing else ends a question before its answer begins */
            api_refuse(l->agent, l->x, DOOR_WHO, "this token has ended meanwhile");
        l->x = NULL;
    }
    (void)uv_timer_stop(&l->timer);
    logs_peers_close(l);
    free_if_done(l);
}

static void on_client_gone(void *ctx)
{
    struct logs *l = ctx;
    l->x = NULL;
    logs_end(l);
}

/* ---- beginning ---- */

static bool has_begun(struct logs *l, uint64_t now_ms)
{
    if (l->is_started)
        return true;
    if (now_ms >= l->asked_ms + LOGS_LATE_MS)
        logs_give_up_late(l);
    for (struct logs_peer *p = l->peers; p; p = p->next) {
        struct log_frame head;
        (void)logs_peer_head(p, &head); /* what comes before it is taken */
        if (p->stream && !p->is_begun)
            return false;
    }
    return l->local.is_begun;
}

static void refuse(struct logs *l)
{
    const struct log_asked *a = &l->local.asked;
    char text[256];
    if (l->is_job_known)
        (void)snprintf(text, sizeof(text), "no node within reach has run %s",
                       a->has_index
                           ? "this instance: `stratos status` shows which there are"
                           : "it: `stratos status` says what it waits for");
    else
        (void)snprintf(text, sizeof(text), "no job '%.63s' in namespace '%.63s'", a->job,
                       a->ns);
    struct uv_http_exchange *x = l->x;
    uv_http_on_gone(x, NULL, NULL);
    l->x = NULL;
    api_error(l->agent, x, ERR_NOT_FOUND, text);
    logs_end(l);
}

static void say_missing(struct logs *l)
{
    for (struct logs_peer *p = l->peers; p; p = p->next) {
        struct log_frame head;
        bool is_broken = !p->stream && !p->is_told && !logs_peer_head(p, &head) &&
                         !p->has_end; /* else its end is still to be read */
        if (is_broken && (!l->local.asked.is_follow || !p->is_past_head)) {
            logs_say_missing(l, p->name, "%s cannot be reached: its part is missing",
                             p->name);
            p->is_told = true;
        }
    }
    for (size_t i = 0; l->is_started && i < l->n_missing; i++) {
        const struct log_frame f = {.kind = LOG_MISSING,
                                    .at_unix_ms = agent_now(l->agent).at_unix_ms,
                                    .node = bytes_of_text(l->missing[i].node),
                                    .text = bytes_of_text(l->missing[i].text)};
        logs_send(l, &f);
    }
    l->n_missing = l->is_started ? 0 : l->n_missing;
}

static void start_answer(struct logs *l)
{
    static const char *const types[] = {
        "text/plain; charset=utf-8", "application/x-ndjson", "application/octet-stream"};
    const struct log_asked *a = &l->local.asked;
    uint64_t n_lines = l->local.n_tail;
    if (l->is_job_known)
        say_missing(l); /* who broke off may be the one that has it */
    struct log_frame begin = {.kind = LOG_BEGIN, .index = (uint32_t)l->local.n};
    for (struct logs_peer *p = l->peers; p; p = p->next) {
        begin.index += p->n_found;
        n_lines += p->n_lines;
    }
    if (!l->is_local_only && begin.index == 0 && l->n_missing == 0 &&
        !(a->is_follow && l->is_job_known)) {
        refuse(l);
        return;
    }
    if (a->has_tail && n_lines > a->tail)
        l->n_skip = n_lines - a->tail;
    begin.number = n_lines - l->n_skip;
    uv_http_set_header(l->x, "X-Stratos-Node", l->agent->name);
    uv_http_start(l->x, 200, types[l->format]);
    l->is_started = true;
    if (a->is_previous)
        logs_add_own_runs(l);
    if (l->format == LOGS_FRAMES)
        logs_send(l, &begin);
    if (l->local.is_cut)
        logs_say_missing(l, l->agent->name,
                         "%s has more instances than are shown: ask for one",
                         l->agent->name);
}

/* ---- going on ---- */

static void on_work(uv_work_t *work)
{
    struct logs *l = work->data;
    log_local_fill(&l->local, l->fill_unix_ms);
}

static void on_worked(uv_work_t *work, int status)
{
    struct logs *l = work->data;
    (void)status;
    l->is_reading = false;
    if (l->is_ended)
        free_if_done(l);
    else
        pump(l);
}

static void fill(struct logs *l)
{
    l->fill_unix_ms = agent_now(l->agent).at_unix_ms;
    l->local.n_readers = logs_count(l->agent);
    l->work.data = l;
    l->is_due = false;
    l->is_reading = uv_queue_work(&l->agent->loop, &l->work, on_work, on_worked) == 0;
}

static bool has_heads(const struct logs *l)
{
    for (size_t i = 0; i < l->local.n + l->n_peers; i++)
        if (l->ranks[i].has_head)
            return true;
    return false;
}

static bool is_all_done(const struct logs *l)
{
    for (size_t i = 0; i < l->local.n + l->n_peers; i++)
        if (!l->ranks[i].is_done)
            return false;
    return !has_heads(l);
}

/* Can anything more come? */
static bool is_at_end(struct logs *l, uint64_t now_ms)
{
    if (!l->local.asked.is_follow)
        return is_all_done(l);
    if (l->is_local_only)
        return l->local.n == 0;
    if (!l->is_over)
        l->over_since_ms = 0;
    else if (l->over_since_ms == 0)
        l->over_since_ms = now_ms;
    return l->is_over && now_ms >= l->over_since_ms + OVER_MS && !has_heads(l);
}

/* Everything that is older than this has been sent. */
static void send_tick(struct logs *l)
{
    uint64_t upto = UINT64_MAX;
    for (size_t i = 0; i < l->local.n; i++)
        if (l->ranks[i].has_head || l->ranks[i].upto_unix_ms < upto)
            upto = l->ranks[i].has_head ? 0 : l->ranks[i].upto_unix_ms;
    if (!l->is_local_only || upto == 0 || upto == UINT64_MAX || upto == l->ticked_unix_ms)
        return;
    logs_send_word(l, LOG_TICK, upto);
    l->ticked_unix_ms = upto;
}

static bool wants_more(const struct logs *l)
{
    if (!l->local.asked.is_follow)
        return log_local_is_empty(&l->local);
    for (size_t i = 0; i < l->local.n; i++) {
        const struct log_local_source *s = l->local.sources[i];
        if (s->len > 0 && s->pos == s->len && !s->is_done)
            return true; /* it had more than its buffer took */
    }
    return l->is_due;
}

/* A timer that is set anew each time would never come. */
static void set_pace(struct logs *l, uint64_t repeat_ms)
{
    if (repeat_ms == l->repeat_ms)
        return;
    l->repeat_ms = repeat_ms;
    (void)uv_timer_start(&l->timer, on_timer, repeat_ms, repeat_ms);
}

static void go_on(struct logs *l, uint64_t now_ms)
{
    say_missing(l);
    bool has_sent = logs_merge(l, now_ms);
    if (l->is_ended)
        return;
    if (l->ranks_cap < l->local.n + l->n_peers) {
        logs_say_missing(l, l->agent->name,
                         "%s is out of memory: what follows is missing", l->agent->name);
        say_missing(l);
        logs_end(l);
        return;
    }
    logs_look_for_late(l, now_ms);
    bool is_full = uv_http_queued(l->x) >= LOGS_QUEUE_MAX;
    if (!is_full && !has_sent && is_at_end(l, now_ms)) {
        say_missing(l);
        logs_send_word(l, LOG_END, 0);
        logs_end(l);
        return;
    }
    send_tick(l);
    logs_flush(l);
    if (!l->is_ended && wants_more(l))
        fill(l);
    if (!l->is_ended)
        set_pace(l, has_sent || is_full ? BUSY_MS : POLL_MS);
    for (struct logs_peer *p = l->peers; p && !l->is_ended; p = p->next)
        logs_peer_pace(p);
}

static void pump(struct logs *l)
{
    uint64_t now_ms = agent_now(l->agent).now_ms;
    if (l->is_ended || l->is_reading || l->is_pumping || !has_begun(l, now_ms))
        return;
    l->is_pumping = true;
    if (!l->is_started)
        start_answer(l);
    if (!l->is_ended)
        go_on(l, now_ms);
    l->is_pumping = false;
    free_if_done(l);
}

static void on_timer(uv_timer_t *timer)
{
    struct logs *l = timer->data;
    const struct moment now = agent_now(l->agent);
    if (!door_stays_open(&l->who, node_keys(l->agent->node), now.at_unix_ms / 1000)) {
        logs_end(l);
        return;
    }
    l->is_due = true;
    if (l->local.asked.is_follow && l->is_started &&
        now.now_ms >= l->looked_ms + LOOK_MS) {
        l->looked_ms = now.now_ms;
        (void)logs_look(l, false); /* without memory: later */
    }
    pump(l);
}

/* ---- the request ---- */

/* Returns NULL, or what is wrong. */
static const char *read_streams(struct uv_http_exchange *x, struct log_asked *a)
{
    const char *stream = uv_http_query(x, "stream");
    bool is_known = !stream;
    for (size_t i = 0; i < LOG_STREAMS; i++) {
        a->wants[i] = !stream || strcmp(stream, log_streams[i]) == 0;
        is_known |= a->wants[i];
    }
    return is_known ? NULL : "stream wants stdout or stderr";
}

static const char *read_format(struct uv_http_exchange *x, enum logs_format *ret_format)
{
    static const char *const names[] = {"text", "json", "frames"};
    const char *as = uv_http_query(x, "as");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (as && strcmp(as, names[i]) != 0)
            continue;
        *ret_format = (enum logs_format)i;
        return NULL;
    }
    return "as wants text, json or frames";
}

static const char *read_asked(struct uv_http_exchange *x, struct logs *l)
{
    struct log_asked *a = &l->local.asked;
    const char *index = uv_http_query(x, "index"), *since = uv_http_query(x, "since_ms"),
               *tail = uv_http_query(x, "tail");
    a->has_index = index != NULL;
    a->has_tail = tail != NULL;
    if (param_index(index, &a->index) < 0)
        return "index wants the number of an instance";
    if (since && text_uint(since, UINT64_MAX, &a->since_unix_ms) < 0)
        return "since_ms wants milliseconds of unix time";
    if (tail && text_uint(tail, TAIL_MAX, &a->tail) < 0)
        return "tail wants a number of lines, at most a million";
    if (param_switch(uv_http_query(x, "follow"), &a->is_follow) < 0)
        return "follow wants 1 or 0";
    if (param_switch(uv_http_query(x, "previous"), &a->is_previous) < 0)
        return "previous wants 1 or 0";
    if (param_switch(uv_http_query(x, "local"), &l->is_local_only) < 0)
        return "local wants 1 or 0";
    if (param_switch(uv_http_query(x, "details"), &l->look.has_details) < 0)
        return "details wants 1 or 0";
    if (a->is_previous && (a->is_follow || a->has_tail))
        return "previous goes with neither follow nor tail";
    const char *wrong = read_streams(x, a);
    return wrong ? wrong : read_format(x, &l->format);
}

static struct logs *logs_new(struct agent *a, struct api_call *call)
{
    struct logs *l = calloc(1, sizeof(*l));
    uint8_t *out = l ? malloc(LOGS_OUT_MAX) : NULL;
    if (!out) {
        free(l);
        return NULL;
    }
    const struct moment now = agent_now(a);
    l->agent = a;
    l->pump = pump;
    l->free_if_done = free_if_done;
    l->x = call->x;
    l->who = call->who;
    l->out = out;
    l->asked_ms = l->looked_ms = now.now_ms;
    l->local.data_dir = a->options->data_dir;
    l->local.node = a->name;
    (void)snprintf(l->local.asked.ns, sizeof(l->local.asked.ns), "%s",
                   route_word(&call->match, "ns"));
    (void)snprintf(l->local.asked.job, sizeof(l->local.asked.job), "%s",
                   route_word(&call->match, "job"));
    (void)uv_timer_init(&a->loop, &l->timer);
    l->timer.data = l;
    return l;
}

/* It was answered. */
static void give_up(struct logs *l)
{
    l->x = NULL;
    logs_end(l);
}

void route_logs(struct agent *a, struct api_call *call)
{
    struct logs *l = logs_new(a, call);
    if (!l) {
        api_error(a, call->x, -ENOMEM, "out of memory");
        return;
    }
    const char *wrong = read_asked(call->x, l);
    l->look.job = l->local.asked.job;
    l->look.has_labels = !l->local.asked.has_index;
    l->look.has_both = l->local.asked.wants[0] && l->local.asked.wants[1];
    l->is_of_peer = l->is_local_only && uv_http_kind(call->x) == UV_HTTP_SEALED;
    const char *full = wrong ? NULL : logs_join(l);
    if (wrong) {
        api_bad(a, call->x, wrong);
        give_up(l);
    } else if (full) {
        api_answer(a, call->x, 429, report_error("too_many", full));
        give_up(l);
    } else if (logs_look(l, true) < 0) {
        api_error(a, call->x, ERR_BOUND, "out of memory");
        give_up(l);
    } else {
        uv_http_on_gone(l->x, on_client_gone, l);
        set_pace(l, POLL_MS);
        fill(l);
    }
}
