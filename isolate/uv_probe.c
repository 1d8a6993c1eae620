/* See uv_probe.h.  The usual path: wait for a turn, connect, send one GET, read the answer, tell what
 * came of it, close.  What can fail: no connection, an answer that is none, silence until the deadline;
 * probe_answer.c has the words for each.
 *
 *     WAITS -> CONNECTS -> READS -> LINGERS -> closed
 *
 * A socket that is closed with bytes unread resets the connection, which the task would log as a fault.
 * So of an answer that is longer than what we read, the rest is thrown away while the timeout lasts,
 * up to so many bytes a second of all probes together; then we end our side, and close when the peer
 * has closed too, or after a moment.  Beyond that the reset is what a task must expect whose answer
 * has no end. */
#include "isolate/uv_probe.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/log.h"
#include "isolate/probe_answer.h"

enum {
    READ_MAX = 64 * 1024,
    STARTS_MAX = 32, /* in one go: connecting to loopback costs some 30 us */
    SECOND_MS = 1000,
    LATE_MS = 50,        /* a loop that is later than this was held up */
    COMPLAIN_MS = 60000, /* that we cannot ask is said so often */
};

struct probe {
    struct uv_prober *prober;
    struct probe *next;
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_connect_t connect;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct sockaddr_storage to;
    unsigned check, n_open;
    uint64_t due_ms;
    bool is_closing, is_forgotten, is_last_look;
    struct probe_answer answer;
    size_t request_len;
    char *request; /* in the same memory, as the key */
    char key[];
};

/* Those under way and those that wait are each a list; the latter first in, first out. */
struct uv_prober {
    uv_loop_t *loop;
    uv_probed_cb done;
    void *ctx;
    uv_idle_t turn; /* active while somebody waits and may start */
    struct probe *active, *waiting, **waiting_end;
    size_t n_active, n_waiting;
    uint64_t complained_ms; /* 0 = never */
    size_t discard_left;    /* of this second */
    uint64_t discard_since_ms;
    bool is_closing, is_turn_closed;
    char buf[READ_MAX];
};

/* ---- the prober ---- */

static void prober_free_if_done(struct uv_prober *p)
{
    if (p->is_closing && p->is_turn_closed && p->n_active == 0)
        free(p);
}

static void on_turn_closed(uv_handle_t *handle)
{
    struct uv_prober *p = handle->data;
    p->is_turn_closed = true;
    prober_free_if_done(p);
}

static void take_out(struct uv_prober *p, const struct probe *probe)
{
    for (struct probe **at = &p->active; *at; at = &(*at)->next) {
        if (*at == probe) {
            *at = probe->next;
            p->n_active--;
            return;
        }
    }
}

static void start_some(uv_idle_t *turn);

static void wake(struct uv_prober *p)
{
    if (p->waiting && p->n_active < PROBES_MAX && !p->is_closing)
        (void)uv_idle_start(&p->turn, start_some);
}

static void on_closed(uv_handle_t *handle)
{
    struct probe *probe = handle->data;
    struct uv_prober *p = probe->prober;
    if (--probe->n_open > 0)
        return;
    take_out(p, probe);
    free(probe);
    wake(p);
    prober_free_if_done(p);
}

/* ---- one probe, from its end ---- */

static void probe_close(struct probe *probe)
{
    if (probe->is_closing)
        return;
    probe->is_closing = true;
    uv_close((uv_handle_t *)&probe->timer, on_closed);
    uv_close((uv_handle_t *)&probe->tcp, on_closed);
}

static void on_lingered(uv_timer_t *timer)
{
    probe_close(timer->data);
}

static void on_shut_down(uv_shutdown_t *request, int status)
{
    if (status < 0 && status != UV_ECANCELED)
        probe_close(request->data); /* the peer is gone already */
}

/* Nothing more is to come of the answer: end our side, and wait for the peer to end its own. */
static void end_connection(struct probe *probe)
{
    (void)uv_timer_start(&probe->timer, on_lingered, PROBE_LINGER_MS, 0);
    probe->shutdown.data = probe;
    if (uv_shutdown(&probe->shutdown, (uv_stream_t *)&probe->tcp, on_shut_down) < 0)
        probe_close(probe);
}

/* The verdict is known: tell it, and let the connection end.  While the answer still comes we end
 * nothing: a server that sees our end would take it for a client that went away. */
static void finish(struct probe *probe)
{
    struct uv_prober *p = probe->prober;
    const struct probe_answer *a = &probe->answer;
    bool is_told = !probe->is_forgotten && !p->is_closing;
    if (!a->is_connected)
        probe_close(probe);
    else if (probe_answer_has_more(a))
        (void)uv_timer_start(&probe->timer, on_lingered,
                             uv_timer_get_due_in(&probe->timer), 0);
    else
        end_connection(probe);
    if (is_told)
        p->done(p->ctx, probe->key, probe->check, a->is_ok, a->words);
}

static void finish_with(struct probe *probe, int code)
{
    if (probe->answer.is_over)
        return;
    probe_answer_end(&probe->answer, code);
    finish(probe);
}

/* Time is up only if we were there to listen: timers come before what has arrived meanwhile, and a
 * loop that was held up, or an agent that was stopped, has not even sent what it is waiting for. */
static void on_timeout(uv_timer_t *timer)
{
    struct probe *probe = timer->data;
    uint64_t late_ms = uv_now(timer->loop) - probe->due_ms;
    if (probe->is_last_look) {
        finish_with(probe, ERR_TIMEOUT);
        return;
    }
    probe->is_last_look = true;
    (void)uv_timer_start(timer, on_timeout,
                         late_ms > LATE_MS ? probe->answer.timeout_ms : 0, 0);
}

/* ---- reading ---- */

static bool may_discard(struct uv_prober *p, size_t len)
{
    uint64_t now_ms = uv_now(p->loop);
    if (now_ms - p->discard_since_ms >= SECOND_MS) {
        p->discard_since_ms = now_ms;
        p->discard_left = PROBE_DISCARD_MAX;
    }
    p->discard_left -= len < p->discard_left ? len : p->discard_left;
    return p->discard_left > 0;
}

/* After the verdict. */
static void discard(struct probe *probe, struct bytes in)
{
    bool had_more = probe_answer_has_more(&probe->answer);
    if (!may_discard(probe->prober, in.len))
        probe_close(probe);
    else if (had_more && probe_answer_skip(&probe->answer, in))
        end_connection(probe);
}

/* One buffer for all: what was read is used before anything else is. */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct probe *probe = handle->data;
    (void)suggested;
    *buf = uv_buf_init(probe->prober->buf, READ_MAX);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct probe *probe = stream->data;
    if (len == 0 || probe->is_closing)
        return;
    if (len < 0) {
        finish_with(probe, len == UV_EOF ? 0 : (int)len);
        probe_close(probe); /* nothing will come that could be left unread */
        return;
    }
    struct bytes in = {(const uint8_t *)buf->base, (size_t)len};
    if (probe->answer.is_over)
        discard(probe, in);
    else if (probe_answer_feed(&probe->answer, in))
        finish(probe);
}

/* A server may answer and close before it reads: then writing fails, and reading tells. */
static void on_written(uv_write_t *request, int status)
{
    (void)request;
    (void)status;
}

/* ---- connecting ---- */

/* A connect to a port of this host where nobody listens may be given that very port as its own, and
 * then it is connected to itself (RFC 9293, 3.5: simultaneous open). */
static bool is_self(const uv_tcp_t *tcp)
{
    struct sockaddr_storage own = {0}, peer = {0};
    int own_len = sizeof(own), peer_len = sizeof(peer);
    if (uv_tcp_getsockname(tcp, (struct sockaddr *)&own, &own_len) < 0 ||
        uv_tcp_getpeername(tcp, (struct sockaddr *)&peer, &peer_len) < 0)
        return false;
    return own_len == peer_len && memcmp(&own, &peer, (size_t)own_len) == 0;
}

/* The port must not stay taken: the task may be about to listen there. */
static void refuse_self(struct probe *probe)
{
    probe_answer_end(&probe->answer, UV_ECONNREFUSED);
    probe->is_closing = true;
    uv_close((uv_handle_t *)&probe->timer, on_closed);
    if (uv_tcp_close_reset(&probe->tcp, on_closed) < 0)
        uv_close((uv_handle_t *)&probe->tcp, on_closed);
    finish(probe);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct probe *probe = request->data;
    uv_stream_t *stream = (uv_stream_t *)&probe->tcp;
    if (status == UV_ECANCELED || probe->is_closing || probe->answer.is_over)
        return;
    if (status < 0) {
        finish_with(probe, status);
        return;
    }
    if (is_self(&probe->tcp)) {
        refuse_self(probe);
        return;
    }
    bool is_over = probe_answer_connected(&probe->answer);
    int code = uv_read_start(stream, on_alloc, on_read);
    if (code == 0 && !is_over) {
        uv_buf_t buf = uv_buf_init(probe->request, (unsigned)probe->request_len);
        probe->write.data = probe;
        (void)uv_write(&probe->write, stream, &buf, 1, on_written);
    }
    if (is_over)
        finish(probe);
    else if (code < 0)
        finish_with(probe, code);
}

/* What we lack ourselves says nothing of the task. */
static bool is_our_own(int code)
{
    return code == UV_EMFILE || code == UV_ENFILE || code == UV_ENOMEM ||
           code == UV_ENOBUFS || code == UV_EADDRNOTAVAIL;
}

static void give_up(struct probe *probe, int code)
{
    struct uv_prober *p = probe->prober;
    uint64_t now_ms = uv_now(p->loop);
    if (p->complained_ms == 0 || now_ms - p->complained_ms >= COMPLAIN_MS) {
        p->complained_ms = now_ms ? now_ms : 1;
        log_line(LOG_ERROR, "health", "state", "cannot ask", "task", probe->key, "error",
                 err_text(code), NULL);
    }
    probe->answer.is_over = true;
    probe_close(probe);
    if (!probe->is_forgotten && !p->is_closing)
        p->done(p->ctx, probe->key, probe->check, false, NULL);
}

static void probe_start(struct probe *probe)
{
    struct uv_prober *p = probe->prober;
    (void)uv_timer_init(p->loop, &probe->timer);
    (void)uv_tcp_init(p->loop, &probe->tcp); /* neither can fail: no socket is made yet */
    probe->timer.data = probe->tcp.data = probe->connect.data = probe;
    probe->n_open = 2;
    probe->due_ms = uv_now(p->loop) + probe->answer.timeout_ms;
    (void)uv_timer_start(&probe->timer, on_timeout, probe->answer.timeout_ms, 0);
    int code = uv_tcp_connect(&probe->connect, &probe->tcp,
                              (const struct sockaddr *)&probe->to, on_connected);
    if (is_our_own(code))
        give_up(probe, code);
    else if (code < 0)
        finish_with(probe, code);
}

/* From the loop, so that an answer never comes from within the asking. */
static void start_some(uv_idle_t *turn)
{
    struct uv_prober *p = turn->data;
    for (int i = 0; i < STARTS_MAX && p->waiting && p->n_active < PROBES_MAX; i++) {
        struct probe *probe = p->waiting;
        p->waiting = probe->next;
        if (!p->waiting)
            p->waiting_end = &p->waiting;
        p->n_waiting--;
        probe->next = p->active;
        p->active = probe;
        p->n_active++;
        probe_start(probe);
    }
    if (!p->waiting || p->n_active >= PROBES_MAX)
        (void)uv_idle_stop(turn);
}

static void set_address(const struct endpoint *to, struct sockaddr_storage *address)
{
    if (to->family == 6) {
        struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)address;
        sin6->sin6_family = AF_INET6;
        sin6->sin6_port = htons(to->port);
        memcpy(&sin6->sin6_addr, to->address, 16);
    } else {
        struct sockaddr_in *sin = (struct sockaddr_in *)address;
        sin->sin_family = AF_INET;
        sin->sin_port = htons(to->port);
        memcpy(&sin->sin_addr, to->address, 4);
    }
}

int uv_probe(struct uv_prober *p, const struct probe_order *order)
{
    size_t key_len = strlen(order->key) + 1;
    size_t request_len = order->health->kind == HEALTH_HTTP
                             ? probe_request(order->health, &order->to, NULL, 0)
                             : 0;
    struct probe *probe = calloc(1, sizeof(*probe) + key_len + request_len);
    if (!probe)
        return -ENOMEM;
    probe->prober = p;
    probe->check = order->check;
    memcpy(probe->key, order->key, key_len);
    probe->request = probe->key + key_len;
    probe->request_len = request_len;
    if (request_len)
        (void)probe_request(order->health, &order->to, probe->request, request_len);
    probe_answer_init(&probe->answer, order->health);
    set_address(&order->to, &probe->to);
    *p->waiting_end = probe;
    p->waiting_end = &probe->next;
    p->n_waiting++;
    wake(p);
    return 0;
}

void uv_prober_forget(struct uv_prober *p, const char *key)
{
    for (struct probe *probe = p->active; probe; probe = probe->next)
        probe->is_forgotten = probe->is_forgotten || strcmp(probe->key, key) == 0;
    for (struct probe *probe = p->waiting; probe; probe = probe->next)
        probe->is_forgotten = probe->is_forgotten || strcmp(probe->key, key) == 0;
}

size_t uv_prober_count(const struct uv_prober *p)
{
    return p->n_active + p->n_waiting;
}

int uv_prober_open(uv_loop_t *loop, uv_probed_cb done, void *ctx,
                   struct uv_prober **ret_prober)
{
    struct uv_prober *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->loop = loop;
    p->done = done;
    p->ctx = ctx;
    p->waiting_end = &p->waiting;
    p->discard_left = PROBE_DISCARD_MAX;
    p->discard_since_ms = uv_now(loop);
    (void)uv_idle_init(loop, &p->turn); /* cannot fail */
    p->turn.data = p;
    *ret_prober = p;
    return 0;
}

void uv_prober_close(struct uv_prober *p)
{
    if (!p || p->is_closing)
        return;
    p->is_closing = true;
    while (p->waiting) {
        struct probe *next = p->waiting->next;
        free(p->waiting);
        p->waiting = next;
    }
    p->n_waiting = 0;
    for (struct probe *probe = p->active; probe; probe = probe->next)
        probe_close(probe);
    uv_close((uv_handle_t *)&p->turn, on_turn_closed);
}
