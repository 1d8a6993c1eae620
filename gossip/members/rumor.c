/* Rumors in rings by how often they were told, so that taking costs what is taken and not
 * what waits.  SWIM (Das et al. 2002), section 4.1. */
#include "gossip/members/rumor.h"

#include <stdlib.h>

static void ring_init(struct rumor *head)
{
    head->next = head;
    head->prev = head;
}

static void ring_push(struct rumor *head, struct rumor *r)
{
    r->next = head->next;
    r->prev = head;
    head->next->prev = r;
    head->next = r;
}

static void ring_remove(struct rumor *r)
{
    r->prev->next = r->next;
    r->next->prev = r->prev;
}

void rumor_init(struct rumor_queue *q)
{
    for (size_t i = 0; i <= RUMOR_TOLD_MAX; i++)
        ring_init(&q->heads[i]);
    q->n = 0;
}

static void rumor_end(struct rumor_queue *q, struct rumor *r)
{
    *r->slot = NULL;
    free(r);
    q->n--;
}

void rumor_put(struct rumor_queue *q, struct rumor **slot)
{
    struct rumor *r = *slot;
    if (r) {
        ring_remove(r);
    } else {
        r = malloc(sizeof(*r));
        if (!r)
            return;
        q->n++;
    }
    *r = (struct rumor){.slot = slot};
    *slot = r;
    ring_push(&q->heads[0], r);
}

void rumor_drop(struct rumor_queue *q, struct rumor **slot)
{
    if (!*slot)
        return;
    ring_remove(*slot);
    rumor_end(q, *slot);
}

unsigned rumor_limit(unsigned mult, size_t n_members)
{
    unsigned digits = 1;
    for (size_t reach = 9; reach < n_members; reach = reach * 10 + 9)
        digits++;
    unsigned limit = mult * digits;
    return limit < RUMOR_TOLD_MAX ? limit : RUMOR_TOLD_MAX;
}

size_t rumor_take(struct rumor_queue *q, unsigned limit,
                  bool (*take)(void *ctx, struct rumor **slot), void *ctx)
{
    /* What was told waits aside until the walk is over, or it would be offered again. */
    struct rumor told;
    ring_init(&told);
    size_t n = 0;
    bool has_room = true;
    for (size_t i = 0; i <= RUMOR_TOLD_MAX && has_room; i++) {
        struct rumor *head = &q->heads[i];
        while (head->next != head && has_room) {
            struct rumor *r = head->next;
            has_room = take(ctx, r->slot);
            if (!has_room)
                break;
            ring_remove(r);
            ring_push(&told, r);
            n++;
        }
    }
    while (told.next != &told) {
        struct rumor *r = told.next;
        ring_remove(r);
        r->told++;
        if (r->told >= limit)
            rumor_end(q, r);
        else
            ring_push(&q->heads[r->told], r);
    }
    return n;
}
