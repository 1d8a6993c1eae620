/* Reading one's own writes: `?after=VIEW&wait=5s` answers once this node knows all that the view knew,
 * be it another node's.
 *
 * VIEW is what an answer carries as X-Stratos-View: DIGEST.NODE.EPOCH.NUMBER, that is the table's
 * digest and how far the answering node's own writes went, which is what the writer of an order
 * needs.  A bare DIGEST is good as well, as long as this node has had the same table lately. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api.h"

enum { WAIT_MAX_MS = 60000, DIGEST_LEN = 16 };

struct wanted {
    uint64_t digest;
    bool has_writer;
    struct node_id writer;
    uint64_t epoch, number;
};

struct view_wait {
    struct view_wait *next;
    struct agent *agent;
    struct uv_http_exchange *x;
    api_resume_fn *resume;
    uv_timer_t timer; /* its end */
    struct wanted wanted;
};

/* ---- views as text ---- */

/* One to sixteen hex digits up to `end`, which is passed. */
static bool read_hex(const char **at, char end, uint64_t *ret)
{
    size_t len = strspn(*at, "0123456789abcdef");
    if (len == 0 || len > DIGEST_LEN || (*at)[len] != end)
        return false;
    *ret = strtoull(*at, NULL, 16);
    *at += len + (end != '\0');
    return true;
}

static int view_parse(const char *text, struct wanted *ret)
{
    struct wanted w = {0};
    size_t len = strspn(text, "0123456789abcdef");
    if (len != DIGEST_LEN)
        return ERR_MALFORMED;
    if (text[len] == '\0') {
        w.digest = strtoull(text, NULL, 16);
        *ret = w;
        return 0;
    }
    enum { ID_LEN = 2 * sizeof(struct node_id) };
    w.has_writer = true;
    if (!read_hex(&text, '.', &w.digest) || strnlen(text, ID_LEN) < ID_LEN ||
        node_id_parse((struct bytes){(const uint8_t *)text, ID_LEN}, &w.writer) < 0)
        return ERR_MALFORMED;
    text += ID_LEN;
    if (*text++ != '.' || !read_hex(&text, '.', &w.epoch) ||
        !read_hex(&text, '\0', &w.number))
        return ERR_MALFORMED;
    *ret = w;
    return 0;
}

/* ---- is it known? ---- */

static bool is_known(const struct agent *a, const struct wanted *w)
{
    if (w->has_writer) {
        struct seen_number seen = api_seen(a, w->writer);
        return seen.epoch != 0 && seen_line_covers(&seen, w->epoch, w->number);
    }
    for (size_t i = 0; i < OWN_DIGESTS; i++)
        if (a->digests[i] == w->digest)
            return true;
    return gossip_digest(node_gossip(a->node)) == w->digest;
}

static void note_digest(struct agent *a)
{
    uint64_t digest = gossip_digest(node_gossip(a->node));
    if (a->digests[a->n_digests % OWN_DIGESTS] != digest)
        a->digests[++a->n_digests % OWN_DIGESTS] = digest;
}

/* ---- waiting ---- */

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* Take it out of the list; its memory goes with its timer. */
static void wait_drop(struct view_wait *wait)
{
    struct view_wait **at = &wait->agent->view_waits;
    while (*at != wait)
        at = &(*at)->next;
    *at = wait->next;
    uv_close((uv_handle_t *)&wait->timer, on_timer_closed);
}

static void on_gone(void *ctx)
{
    wait_drop(ctx);
}

static void on_late(uv_timer_t *timer)
{
    struct view_wait *wait = timer->data;
    struct agent *a = wait->agent;
    struct uv_http_exchange *x = wait->x;
    uv_http_on_gone(x, NULL, NULL);
    wait_drop(wait);
    api_error(a, x, ERR_TIMEOUT,
              "this node has not yet heard all that the view of `after` knew");
}

void api_settled(struct agent *a)
{
    note_digest(a);
    struct view_wait *next;
    for (struct view_wait *wait = a->view_waits; wait; wait = next) {
        next = wait->next;
        if (!is_known(a, &wait->wanted))
            continue;
        struct uv_http_exchange *x = wait->x;
        uv_http_on_gone(x, NULL, NULL);
        api_resume_fn *resume = wait->resume;
        wait_drop(wait);
        resume(a, x);
        next = a->view_waits; /* the answer may have changed the list */
    }
}

static bool wait_start(struct agent *a, struct uv_http_exchange *x,
                       const struct wanted *wanted, uint64_t wait_ms,
                       api_resume_fn *resume)
{
    struct view_wait *wait = calloc(1, sizeof(*wait));
    if (!wait)
        return false;
    *wait = (struct view_wait){
        .next = a->view_waits, .agent = a, .x = x, .resume = resume, .wanted = *wanted};
    a->view_waits = wait;
    (void)uv_timer_init(&a->loop, &wait->timer);
    wait->timer.data = wait;
    (void)uv_timer_start(&wait->timer, on_late, wait_ms, 0);
    uv_http_on_gone(x, on_gone, wait);
    return true;
}

bool api_waits(struct agent *a, struct api_call *call, api_resume_fn *resume)
{
    const char *after = uv_http_query(call->x, "after"),
               *wait = uv_http_query(call->x, "wait");
    struct wanted wanted;
    uint64_t wait_ms = 0;
    if (!after && !wait)
        return false;
    if (!after)
        api_bad(a, call->x, "wait goes with after=VIEW");
    else if (view_parse(after, &wanted) < 0)
        api_bad(a, call->x, "after wants a view, as an answer's X-Stratos-View says it");
    else if (wait && (text_duration_ms(wait, &wait_ms) < 0 || wait_ms > WAIT_MAX_MS))
        api_bad(a, call->x, "wait wants a duration of at most 1m, for example 5s");
    else if (is_known(a, &wanted))
        return false;
    else if (wait_ms == 0 || !wait_start(a, call->x, &wanted, wait_ms, resume))
        api_error(a, call->x, ERR_TIMEOUT,
                  "this node has not heard all that the view of `after` knew: wait=5s "
                  "waits for it");
    return true;
}

void api_waits_close(struct agent *a)
{
    while (a->view_waits) {
        struct view_wait *wait = a->view_waits;
        uv_http_on_gone(wait->x, NULL, NULL);
        api_error(a, wait->x, ERR_NOT_READY, "this agent ends");
        wait_drop(wait);
    }
}
