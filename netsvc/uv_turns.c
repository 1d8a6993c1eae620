/* See uv_turns.h.  The usual path: something was read -> the turn is added -> the check
 * handle, which runs right after in the same round of the loop, serves it.  When it takes
 * too long, the rest is for the next round, in which everybody else is heard first. */
#include "netsvc/uv_turns.h"

enum {
    ROUND_NS =
        2000000, /* for all of them together; a request that was begun is finished */
};

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* that it is there keeps the loop from sleeping */
}

static void wake(struct uv_turns *q);

static void on_timer(uv_timer_t *timer)
{
    wake(timer->data);
}

/* Nobody is ready; `wait_ns` until somebody may be. */
static void rest(struct uv_turns *q, uint64_t wait_ns)
{
    (void)uv_idle_stop(&q->idle);
    (void)uv_check_stop(&q->check);
    if (wait_ns == UINT64_MAX)
        return;
    uv_update_time(q->loop);
    (void)uv_timer_start(&q->timer, on_timer, wait_ns / 1000000 + 1, 0);
}

static void on_check(uv_check_t *check)
{
    struct uv_turns *q = check->data;
    uint64_t start_ns = uv_hrtime(), now_ns = start_ns;
    while (now_ns - start_ns < ROUND_NS) {
        uint64_t wait_ns;
        struct budget *budget;
        struct turn *t = turns_next(&q->queue, now_ns, &budget, &wait_ns);
        if (!t) {
            rest(q, wait_ns);
            return;
        }
        bool is_counted = q->serve(q->ctx, t);
        uint64_t end_ns = uv_hrtime();
        if (is_counted && budget)
            budget_spend(budget, end_ns, end_ns - now_ns);
        now_ns = end_ns;
    }
}

static void wake(struct uv_turns *q)
{
    if (q->is_closing)
        return;
    (void)uv_timer_stop(&q->timer);
    (void)uv_idle_start(&q->idle, on_idle);
    (void)uv_check_start(&q->check, on_check);
}

void uv_turns_add(struct uv_turns *q, struct turn_group *g, struct turn *t)
{
    if (!g)
        g = &q->trusted;
    turns_add(&q->queue, g, t);
    if (!g->is_waiting && !uv_is_active((uv_handle_t *)&q->check))
        wake(q);
}

void uv_turns_drop(struct uv_turns *q, struct turn *t)
{
    turns_drop(&q->queue, t);
}

/* ---- opening and closing ---- */

void uv_turns_init(uv_loop_t *loop, struct uv_turns *q,
                   bool (*serve)(void *ctx, struct turn *t), void *ctx)
{
    *q = (struct uv_turns){.loop = loop, .serve = serve, .ctx = ctx, .n_open = 3};
    (void)uv_check_init(loop, &q->check); /* these cannot fail */
    (void)uv_idle_init(loop, &q->idle);
    (void)uv_timer_init(loop, &q->timer);
    q->check.data = q->idle.data = q->timer.data = q;
}

static void on_closed(uv_handle_t *handle)
{
    struct uv_turns *q = handle->data;
    if (--q->n_open == 0)
        q->closed(q->ctx);
}

void uv_turns_close(struct uv_turns *q, void (*closed)(void *ctx))
{
    q->is_closing = true;
    q->closed = closed;
    uv_close((uv_handle_t *)&q->check, on_closed);
    uv_close((uv_handle_t *)&q->idle, on_closed);
    uv_close((uv_handle_t *)&q->timer, on_closed);
}
