/* Looking at the disk, and mending what can be mended.  See uv_disk.h. */
#include "agent/uv_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ballast.h"
#include "core/log.h"

enum { REPEAT_MS = 60 * 1000 }; /* then the same error is said again in the log */

struct uv_disk {
    struct agent *agent;
    uv_timer_t timer;
    uv_disk_ready_fn *ready;
    bool was_short;   /* until the first look */
    bool is_marked;   /* DATA/written is there */
    bool has_ballast; /* as last looked for */
    struct err said;  /* the last that the store refused with */
    uint64_t said_ms;
    bool is_closing, is_closed; /* closed: freed when the other thread is done, too */

    /* one at a time on another thread */
    uv_work_t work;
    bool is_working, is_of_ballast;
    struct home_try attempt; /* to open the store */
    bool is_restocking;      /* a store that took the place of a damaged one */
    bool begins_restock;
    struct err ballast_err;
    int ballast_status;
};

static void on_timer(uv_timer_t *timer);

/* ---- what the store said ---- */

static bool is_known_trouble(const struct uv_disk *d)
{
    return node_own_disk(d->agent->node)->state != DISK_OK;
}

void uv_disk_failed(struct uv_disk *d, const struct err *err)
{
    bool is_spent;
    if (!d || d->is_closing)
        return;
    struct agent *a = d->agent;
    uint64_t now_ms = agent_now(a).now_ms;
    if (d->is_marked)
        home_mark(&a->home, a->options->data_dir, false);
    d->is_marked = false;
    bool is_news = d->said.code != err->code || now_ms - d->said_ms >= REPEAT_MS;
    d->said = *err;
    if (is_news) {
        d->said_ms = now_ms;
        log_line(LOG_ERROR, "store", "state", "failing", "error", err->text, NULL);
    }
    if (!is_known_trouble(d) && store_trouble(a->home.store, &is_spent) != STORE_WELL)
        (void)uv_timer_start(&d->timer, on_timer, 0, 0);
}

void uv_disk_written(struct uv_disk *d)
{
    if (!d || d->is_marked || d->agent->backlog.n > 0 ||
        d->agent->home.stage != HOME_OPEN)
        return;
    home_mark(&d->agent->home, d->agent->options->data_dir, true);
    d->is_marked = true;
}

/* It goes through much code, and so through memory: just before that is given back. */
void uv_disk_check(struct uv_disk *d)
{
    bool is_spent;
    if (!d || d->is_closing)
        return;
    struct agent *a = d->agent;
    d->has_ballast = ballast_stands(a->options->data_dir);
    store_check(a->home.store);
    if (!is_known_trouble(d) && store_trouble(a->home.store, &is_spent) != STORE_WELL)
        (void)uv_timer_start(&d->timer, on_timer, 0, 0);
}

/* Behind all that waits, something small: when that is on the disk, so is the rest. */
static bool probe(struct uv_disk *d)
{
    static const struct bytes key = {(const uint8_t *)"probe", 5};
    struct agent *a = d->agent;
    struct store_change change = {.space = STORE_LOCAL, .key = key, .value = key};
    struct err err = {0};
    if (backlog_write(&a->backlog, a->home.store, &change, 1, true, &err) < 0) {
        a->metrics.store_errors++;
        uv_disk_failed(d, &err);
        return false;
    }
    agent_step(a, &(struct node_input){.kind = INPUT_STORE_MENDED});
    uv_disk_written(d);
    return true;
}

/* ---- on another thread ---- */

static void on_work(uv_work_t *work)
{
    struct uv_disk *d = work->data;
    if (d->is_of_ballast)
        d->ballast_status = ballast_make(d->agent->options->data_dir, &d->ballast_err);
    else
        home_try(&d->attempt);
}

static void say_opened(const struct agent *a, const struct home_try *t)
{
    log_line(LOG_INFO, "store", "state", "open", "data", a->options->data_dir, NULL);
    if (t->was_damaged)
        log_line(LOG_ERROR, "store", "state", "damaged", "action",
                 "set aside; all that is known is written into a new one", "kept",
                 a->options->data_dir, NULL);
}

static void tried_to_open(struct uv_disk *d)
{
    struct agent *a = d->agent;
    bool was_waiting = a->is_waiting;
    home_take(&a->home, &d->attempt);
    explicit_bzero(&d->attempt.identity, sizeof(d->attempt.identity));
    if (d->attempt.status < 0) {
        uv_disk_failed(d, &d->attempt.err);
        return;
    }
    say_opened(a, &d->attempt);
    if (was_waiting) {
        d->ready(a);
        return;
    }
    d->is_restocking |= d->attempt.was_damaged;
    d->begins_restock = true;
    (void)probe(d); /* what was said meanwhile is written before anything else is */
}

/* A step at each turn of the loop; begun again when the store is opened again. */
static void restock(struct uv_disk *d)
{
    struct agent *a = d->agent;
    if (a->home.stage != HOME_OPEN)
        return;
    agent_step(
        a, &(struct node_input){.kind = INPUT_RESTOCK, .is_first = d->begins_restock});
    d->begins_restock = false;
    d->is_restocking = node_is_restocking(a->node);
    a->above->perform(a);
    (void)uv_timer_start(&d->timer, on_timer, 0, 0);
}

static void on_work_done(uv_work_t *work, int status)
{
    struct uv_disk *d = work->data;
    (void)status; /* it is never cancelled */
    d->is_working = false;
    if (d->is_closing) {
        if (!d->is_of_ballast)
            store_close(d->attempt.store);
        if (d->is_closed)
            free(d);
        return;
    }
    d->has_ballast = ballast_stands(d->agent->options->data_dir);
    if (!d->is_of_ballast)
        tried_to_open(d);
    else if (d->ballast_status < 0)
        log_line(LOG_WARN, "ballast", "error", d->ballast_err.text, NULL);
    (void)uv_timer_start(&d->timer, on_timer, 0, 0);
}

static void begin_work(struct uv_disk *d, bool is_of_ballast)
{
    struct agent *a = d->agent;
    if (d->is_working)
        return;
    d->is_of_ballast = is_of_ballast;
    if (!is_of_ballast)
        home_prepare(&a->home, a->options->data_dir, agent_now(a).at_unix_ms,
                     &d->attempt);
    d->work.data = d;
    d->is_working = true;
    (void)uv_queue_work(&a->loop, &d->work, on_work, on_work_done); /* only NULL fails */
}

/* ---- looking ---- */

static struct disk_facts gather(struct uv_disk *d)
{
    struct agent *a = d->agent;
    const char *data_dir = a->options->data_dir;
    bool is_spent = false, is_open = a->home.stage == HOME_OPEN;
    if (is_known_trouble(d))
        d->has_ballast = ballast_stands(data_dir);
    struct disk_facts f = {.has_ballast = d->has_ballast,
                           .was_short = d->was_short,
                           .trouble = store_trouble(a->home.store, &is_spent),
                           .where = data_dir};
    f.is_open = is_open && !is_spent;
    f.error = is_open ? d->said.text : a->home.why.text;
    if (!f.is_open)
        f.wants_bytes = home_wants_bytes(data_dir);
    if (room_look(data_dir, &f.room) < 0 && f.trouble == STORE_WELL)
        f.trouble = STORE_FAILING;
    return f;
}

static struct disk_advice tell(struct uv_disk *d, bool has_written)
{
    struct agent *a = d->agent;
    struct disk_facts facts = gather(d);
    facts.has_written = has_written;
    d->was_short = false;
    agent_step(a, &(struct node_input){.kind = INPUT_DISK, .disk = &facts});
    if (a->fx.n > 0 || a->backlog.n > 0)
        a->above->perform(a);
    return node_disk_advice(a->node);
}

static void follow(struct uv_disk *d, const struct disk_advice *advice)
{
    if (advice->opens_store)
        begin_work(d, false);
    else if (advice->makes_ballast)
        begin_work(d, true);
}

/* What is advised is advised once: orders that come again and again must not take it from the timer. */
void uv_disk_look(struct uv_disk *d)
{
    if (!d || d->is_closing || node_own_disk(d->agent->node)->state != DISK_FULL)
        return;
    struct disk_advice advice = tell(d, false);
    follow(d, &advice);
}

static void on_timer(uv_timer_t *timer)
{
    struct uv_disk *d = timer->data;
    if (d->agent->is_ending)
        return;
    if (d->is_restocking)
        restock(d);
    struct disk_advice advice = tell(d, false);
    if (advice.probes && !d->is_working)
        advice = tell(d, probe(d));
    if (!is_known_trouble(d))
        d->said.code = 0; /* the next refusal is another one */
    follow(d, &advice);
    if (!uv_is_active((uv_handle_t *)timer))
        (void)uv_timer_start(timer, on_timer, advice.next_ms, 0);
}

/* ---- life ---- */

struct uv_disk *uv_disk_open(struct agent *a, uv_disk_ready_fn *ready)
{
    struct uv_disk *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    d->agent = a;
    d->ready = ready;
    d->was_short = a->home.was_short;
    d->is_marked = a->home.is_marked;
    d->has_ballast = ballast_stands(a->options->data_dir);
    (void)uv_timer_init(&a->loop, &d->timer);
    d->timer.data = d;
    a->disk = d; /* what the first look sets off may come back here */
    on_timer(&d->timer);
    return d;
}

static void on_closed(uv_handle_t *handle)
{
    struct uv_disk *d = handle->data;
    d->is_closed = true;
    if (!d->is_working)
        free(d);
}

void uv_disk_close(struct uv_disk *d)
{
    if (!d)
        return;
    d->is_closing = true;
    uv_close((uv_handle_t *)&d->timer, on_closed);
}
