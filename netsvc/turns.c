/* Fair queues.  See turns.h. */
#include "netsvc/turns.h"

static void list_add(struct turn_list *list, struct turn_group *g)
{
    g->next = NULL;
    g->previous = list->last;
    if (list->last)
        list->last->next = g;
    else
        list->first = g;
    list->last = g;
}

static void list_drop(struct turn_list *list, struct turn_group *g)
{
    if (g->previous)
        g->previous->next = g->next;
    else
        list->first = g->next;
    if (g->next)
        g->next->previous = g->previous;
    else
        list->last = g->previous;
    g->next = g->previous = NULL;
}

void turns_add(struct turns *q, struct turn_group *g, struct turn *t)
{
    if (t->group)
        return;
    if (!g->first)
        list_add(&q->ready, g);
    t->group = g;
    t->next = NULL;
    t->previous = g->last;
    if (g->last)
        g->last->next = t;
    else
        g->first = t;
    g->last = t;
}

void turns_drop(struct turns *q, struct turn *t)
{
    struct turn_group *g = t->group;
    if (!g)
        return;
    if (t->previous)
        t->previous->next = t->next;
    else
        g->first = t->next;
    if (t->next)
        t->next->previous = t->previous;
    else
        g->last = t->previous;
    *t = (struct turn){0};
    if (g->first)
        return;
    list_drop(g->is_waiting ? &q->waiting : &q->ready, g);
    g->is_waiting = false;
}

static void park(struct turns *q, struct turn_group *g, uint64_t until_ns)
{
    if (!q->waiting.first || until_ns < q->earliest_ns)
        q->earliest_ns = until_ns;
    list_drop(&q->ready, g);
    list_add(&q->waiting, g);
    g->is_waiting = true;
    q->n_waits++;
}

/* Those whose time has come are ready again, and the earliest of the others is known. */
static void unpark(struct turns *q, uint64_t now_ns)
{
    struct turn_group *next;
    uint64_t earliest_ns = UINT64_MAX;
    if (!q->waiting.first || now_ns < q->earliest_ns)
        return;
    for (struct turn_group *g = q->waiting.first; g; g = next) {
        uint64_t wait_ns = budget_wait_ns(g->budget, now_ns);
        next = g->next;
        if (wait_ns == 0) {
            list_drop(&q->waiting, g);
            list_add(&q->ready, g);
            g->is_waiting = false;
        } else if (now_ns + wait_ns < earliest_ns) {
            earliest_ns = now_ns + wait_ns;
        }
    }
    q->earliest_ns = earliest_ns;
}

struct turn *turns_next(struct turns *q, uint64_t now_ns, struct budget **ret_budget,
                        uint64_t *ret_wait_ns)
{
    unpark(q, now_ns);
    *ret_wait_ns = UINT64_MAX;
    while (q->ready.first) {
        struct turn_group *g = q->ready.first;
        struct turn *t = g->first;
        uint64_t wait_ns = g->budget ? budget_wait_ns(g->budget, now_ns) : 0;
        if (wait_ns > 0) {
            park(q, g, now_ns + wait_ns);
            continue;
        }
        list_drop(&q->ready, g); /* to the end, if there is more of it */
        list_add(&q->ready, g);
        turns_drop(q, t);
        *ret_budget = g->budget;
        return t;
    }
    if (q->waiting.first)
        *ret_wait_ns = q->earliest_ns - now_ns;
    return NULL;
}

bool turns_is_empty(const struct turns *q)
{
    return !q->ready.first && !q->waiting.first;
}
