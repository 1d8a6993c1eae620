/* Streams of the API: events and whole states for the dashboard, as server-sent events.
 *
 * A watcher that does not take its bytes is skipped until it does: it misses intermediate states,
 * never the newest one, and the agent's memory stays bounded. */
#include <stdlib.h>
#include <string.h>

#include "agent/api.h"
#include "agent/pace.h"
#include "agent/params.h"

enum {
    DASHBOARD_PERIOD_MS = 250, /* at most this often */
    DASHBOARD_IDLE_MS =
        2000, /* at least this often: freshness and round-trip times move */
    DASHBOARD_EVENTS = 50,
    WATCHER_QUEUE_MAX = 1 << 20,
    EVENTS_DEFAULT = 100,
};

struct watcher {
    struct watcher *next;
    struct agent *agent;
    struct uv_http_exchange *x;
    struct caller who;
    bool is_dashboard;
    uint64_t sent_id; /* events: the newest one sent */
    uv_timer_t timer; /* dashboard only */
};

static void send_sse(struct watcher *w, uint64_t id, const char *event, json_t *data)
{
    char *text = json_dumps(data, JSON_COMPACT | JSON_REAL_PRECISION(12));
    char *line = NULL;
    struct arena arena;
    arena_init(&arena, 0);
    if (text && id)
        line =
            arena_printf(&arena, "id: %llu\ndata: %s\n\n", (unsigned long long)id, text);
    else if (text)
        line = arena_printf(&arena, "event: %s\ndata: %s\n\n", event, text);
    if (line)
        uv_http_write(w->x, bytes_of_text(line));
    arena_fini(&arena);
    free(text);
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void watcher_drop(struct watcher *w)
{
    for (struct watcher **at = &w->agent->watchers; *at; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            break;
        }
    }
    uv_close((uv_handle_t *)&w->timer, on_timer_closed);
}

static void on_watcher_gone(void *ctx)
{
    watcher_drop(ctx);
}

static struct watcher *watcher_new(struct agent *a, const struct api_call *call,
                                   bool is_dashboard)
{
    struct uv_http_exchange *x = call->x;
    struct watcher *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    *w = (struct watcher){.next = a->watchers,
                          .agent = a,
                          .x = x,
                          .who = call->who,
                          .is_dashboard = is_dashboard};
    (void)uv_timer_init(&a->loop, &w->timer);
    w->timer.data = w;
    a->watchers = w;
    uv_http_set_header(x, "Cache-Control", "no-store");
    uv_http_set_header(x, "X-Stratos-Node", a->name);
    uv_http_start(x, 200, "text/event-stream");
    uv_http_on_gone(x, on_watcher_gone, w);
    return w;
}

static void watcher_end(struct watcher *w)
{
    uv_http_on_gone(w->x, NULL, NULL);
    uv_http_end(w->x);
    watcher_drop(w);
}

/* A stream ends with the right to it.  False: it has. */
static bool may_go_on(struct watcher *w)
{
    struct agent *a = w->agent;
    bool is_open =
        door_stays_open(&w->who, node_keys(a->node), agent_now(a).at_unix_ms / 1000);
    if (!is_open)
        watcher_end(w);
    return is_open;
}

/* ---- events ---- */

static void send_events(struct watcher *w)
{
    json_t *list = feed_list(&w->agent->feed, w->sent_id, FEED_MAX), *event;
    size_t i;
    api_keep_shown(&w->who, list);
    json_array_foreach(list, i, event)
    {
        if (uv_http_queued(w->x) > WATCHER_QUEUE_MAX)
            break;
        w->sent_id = (uint64_t)json_integer_value(json_object_get(event, "id"));
        send_sse(w, w->sent_id, NULL, event);
    }
    json_decref(list);
}

void api_event(struct agent *a, uint64_t id)
{
    struct watcher *next;
    (void)id;
    for (struct watcher *w = a->watchers; w; w = next) {
        next = w->next;
        if (!w->is_dashboard && may_go_on(w))
            send_events(w);
    }
    api_changed(a);
}

void route_events(struct agent *a, struct api_call *call)
{
    const char *last = uv_http_header(call->x, "Last-Event-ID"),
               *limit = uv_http_query(call->x, "limit");
    uint64_t after = 0, n = EVENTS_DEFAULT;
    bool is_followed;
    if ((last && text_uint(last, UINT64_MAX, &after) < 0) ||
        (limit && text_uint(limit, FEED_MAX, &n) < 0) ||
        param_switch(uv_http_query(call->x, "follow"), &is_followed) < 0) {
        api_bad(
            a, call->x,
            "limit wants a number to 1024, follow 1 or 0, Last-Event-ID an event's id");
        return;
    }
    if (!is_followed && !last) {
        json_t *list = feed_list(&a->feed, 0, FEED_MAX);
        api_keep_shown(&call->who, list);
        while (json_array_size(list) > n) /* the newest stand at the end */
            (void)json_array_remove(list, 0);
        api_data(a, call->x, list);
        return;
    }
    struct watcher *w = watcher_new(a, call, false);
    if (!w) {
        api_error(a, call->x, ERR_BOUND, "out of memory");
        return;
    }
    if (!last) { /* a new follower starts with the last few */
        uint64_t newest = a->feed.next_id - 1;
        after = newest > n ? newest - n : 0;
    }
    w->sent_id = after;
    uv_http_write(call->x, bytes_of_text(": following\n\n"));
    send_events(w);
}

/* ---- the dashboard ---- */

static json_t *dashboard_jobs(struct report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->view.n_jobs; i++)
        (void)json_array_append_new(list, report_status(r, i));
    return list;
}

static void send_state(struct watcher *w)
{
    struct agent *a = w->agent;
    struct report r;
    struct moment at = agent_now(a);
    if (uv_http_queued(w->x) > WATCHER_QUEUE_MAX ||
        report_open(&r, a->node, a->name, at) < 0)
        return;
    json_t *jobs = dashboard_jobs(&r), *events = feed_list(&a->feed, 0, DASHBOARD_EVENTS);
    api_keep_shown(&w->who, jobs);
    api_keep_shown(&w->who, events);
    json_t *state = json_pack(
        "{s:s,s:I,s:o,s:o,s:o,s:o,s:o,s:o}", "node", a->name, "cluster_unix_ms",
        (json_int_t)at.at_unix_ms, "view", report_view(a->node, a->name, at.now_ms),
        "verdict", report_verdict(&r, api_shows, &w->who), "members", report_members(&r),
        "jobs", jobs, "gossip", report_gossip(&r, true), "events", events);
    send_sse(w, 0, "state", state);
    json_decref(state);
    report_close(&r);
}

/* `least_ms`, or longer where there are many dashboards or much to show. */
static uint64_t dashboard_pause_ms(const struct agent *a, uint64_t least_ms)
{
    uint64_t n = 0;
    for (const struct watcher *w = a->watchers; w; w = w->next)
        n += w->is_dashboard;
    return pace_ms(least_ms, a->dashboard_cost_ms, n);
}

static void on_dashboard_timer(uv_timer_t *timer)
{
    struct watcher *w = timer->data;
    uint64_t start_ns = uv_hrtime();
    if (!may_go_on(w))
        return;
    send_state(w);
    w->agent->dashboard_cost_ms = (uv_hrtime() - start_ns) / 1000000;
    (void)uv_timer_start(timer, on_dashboard_timer,
                         dashboard_pause_ms(w->agent, DASHBOARD_IDLE_MS), 0);
}

void route_dashboard(struct agent *a, struct api_call *call)
{
    struct watcher *w = watcher_new(a, call, true);
    if (!w) {
        api_error(a, call->x, ERR_BOUND, "out of memory");
        return;
    }
    on_dashboard_timer(&w->timer);
}

void api_changed(struct agent *a)
{
    uint64_t pause_ms = a->watchers ? dashboard_pause_ms(a, DASHBOARD_PERIOD_MS) : 0;
    for (struct watcher *w = a->watchers; w; w = w->next)
        if (w->is_dashboard && uv_timer_get_due_in(&w->timer) > pause_ms)
            (void)uv_timer_start(&w->timer, on_dashboard_timer, pause_ms, 0);
}

void api_watchers_close(struct agent *a)
{
    while (a->watchers)
        watcher_end(a->watchers);
}
