/* Places and who holds them.  See crowd.h.
 *
 * Everything but the search in a chain is done in a bounded number of steps, since it is
 * done for strangers: the source that holds the most is found by lists of those that hold
 * as many. */
#include "netsvc/crowd.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"

enum { SWEEP_MAX = 4, SHARES = 4, LISTS_FIRST = 16 };

void crowd_init(struct crowd *c, size_t limit, uint64_t seed)
{
    assert(limit >= SHARES);
    *c = (struct crowd){.limit = limit, .share = limit / SHARES, .seed = seed};
}

void crowd_fini(struct crowd *c)
{
    assert(c->n == 0);
    for (size_t i = 0; i < CROWD_CHAINS; i++) {
        struct crowd_source *next;
        for (struct crowd_source *s = c->chains[i]; s; s = next) {
            next = s->next;
            free(s);
        }
        c->chains[i] = NULL;
    }
    for (size_t i = 0; i < 2; i++) {
        free(c->by_n[i]);
        c->by_n[i] = NULL;
    }
    c->n_cap = 0;
}

/* ---- lists of sources ---- */

static void shelve(struct crowd *c, struct crowd_source *s)
{
    size_t i = s->idle.oldest != NULL;
    if (s->n == 0) { /* the empty ones in the order in which they became so */
        s->left = c->empty_newest;
        s->right = NULL;
        *(s->left ? &s->left->right : &c->empty_oldest) = s;
        c->empty_newest = s;
        return;
    }
    struct crowd_source **head = &c->by_n[i][s->n];
    s->left = NULL;
    s->right = *head;
    if (s->right)
        s->right->left = s;
    *head = s;
    if (s->n > c->most[i])
        c->most[i] = s->n;
}

static void unshelve(struct crowd *c, struct crowd_source *s)
{
    size_t i = s->idle.oldest != NULL;
    if (s->left)
        s->left->right = s->right;
    else if (s->n == 0)
        c->empty_oldest = s->right;
    else
        c->by_n[i][s->n] = s->right;
    if (s->right)
        s->right->left = s->left;
    else if (s->n == 0)
        c->empty_newest = s->left;
    s->left = s->right = NULL;
}

/* ---- the table ---- */

static struct crowd_source **chain_of(struct crowd *c, const struct source_id *id)
{
    return &c->chains[hash64(BYTES_OF(*id), c->seed) % CROWD_CHAINS];
}

void crowd_sweep(struct crowd *c, uint64_t now_ns)
{
    for (size_t i = 0; i < SWEEP_MAX && c->empty_oldest; i++) {
        struct crowd_source *s = c->empty_oldest;
        if (!budget_is_full(&s->budget, now_ns) || s->turns.first)
            return;
        unshelve(c, s);
        struct crowd_source **at = chain_of(c, &s->id);
        while (*at != s)
            at = &(*at)->next;
        *at = s->next;
        free(s);
    }
}

/* Lists for sources that hold up to `n` places: few ever hold many. */
static bool make_lists(struct crowd *c, size_t n)
{
    size_t cap = c->n_cap ? c->n_cap : LISTS_FIRST;
    while (cap <= n)
        cap *= 2;
    for (size_t i = 0; i < 2 && cap != c->n_cap; i++) {
        struct crowd_source **list =
            realloc(c->by_n[i], cap * sizeof(struct crowd_source *));
        if (!list)
            return false;
        memset(list + c->n_cap, 0, (cap - c->n_cap) * sizeof(struct crowd_source *));
        c->by_n[i] = list;
    }
    c->n_cap = cap;
    return true;
}

static struct crowd_source *find(struct crowd *c, const struct source_id *id)
{
    for (struct crowd_source *s = *chain_of(c, id); s; s = s->next)
        if (memcmp(&s->id, id, sizeof(*id)) == 0)
            return s;
    return NULL;
}

struct crowd_source *crowd_source(struct crowd *c, struct source_id id, uint64_t now_ns)
{
    crowd_sweep(c, now_ns);
    struct crowd_source *s = find(c, &id);
    if (!make_lists(c, s ? s->n + 1 : 1))
        return NULL;
    if (s)
        return s;
    s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    struct crowd_source **chain = chain_of(c, &id);
    s->id = id;
    s->budget = budget_full(now_ns);
    s->turns.budget = &s->budget;
    s->next = *chain;
    *chain = s;
    shelve(c, s);
    return s;
}

/* ---- members ---- */

static struct crowd_list *list_of(struct crowd_source *s, const struct crowd_member *m)
{
    return m->is_busy ? &s->busy : &s->idle;
}

static void link_newest(struct crowd_list *list, struct crowd_member *m)
{
    m->newer = NULL;
    m->older = list->newest;
    if (list->newest)
        list->newest->newer = m;
    else
        list->oldest = m;
    list->newest = m;
}

static void unlink_from(struct crowd_list *list, struct crowd_member *m)
{
    if (m->older)
        m->older->newer = m->newer;
    else
        list->oldest = m->newer;
    if (m->newer)
        m->newer->older = m->older;
    else
        list->newest = m->older;
    m->older = m->newer = NULL;
}

/* The one that holds the most, of those with an idle connection if there are any. */
static const struct crowd_source *largest(struct crowd *c)
{
    for (size_t i = 2; i-- > 0;) {
        while (c->most[i] > 0 && !c->by_n[i][c->most[i]])
            c->most[i]--;
        if (c->most[i] > 0)
            return c->by_n[i][c->most[i]];
    }
    return NULL;
}

struct crowd_member *crowd_who_goes(struct crowd *c, const struct crowd_source *s)
{
    if (s->n < c->share && c->n < c->limit)
        return NULL;
    if (s->n < c->share)
        s = largest(c);
    return s->idle.oldest ? s->idle.oldest : s->busy.oldest;
}

struct crowd_member *crowd_spare(struct crowd *c)
{
    const struct crowd_source *s = largest(c);
    return s ? s->idle.oldest : NULL;
}

void crowd_enter(struct crowd *c, struct crowd_source *s, struct crowd_member *m)
{
    assert(!m->source);
    assert(s->n < c->share && c->n < c->limit);
    unshelve(c, s);
    *m = (struct crowd_member){.source = s};
    link_newest(&s->idle, m);
    s->n++;
    c->n++;
    shelve(c, s);
}

void crowd_leave(struct crowd *c, struct crowd_member *m)
{
    struct crowd_source *s = m->source;
    if (!s)
        return;
    unshelve(c, s);
    unlink_from(list_of(s, m), m);
    *m = (struct crowd_member){0};
    s->n--;
    c->n--;
    shelve(c, s);
}

void crowd_touch(struct crowd *c, struct crowd_member *m)
{
    (void)c;
    if (!m->source || !m->newer)
        return;
    struct crowd_list *list = list_of(m->source, m);
    unlink_from(list, m);
    link_newest(list, m);
}

void crowd_set_busy(struct crowd *c, struct crowd_member *m, bool is_busy)
{
    struct crowd_source *s = m->source;
    if (!s || m->is_busy == is_busy)
        return;
    unshelve(c, s);
    unlink_from(list_of(s, m), m);
    m->is_busy = is_busy;
    link_newest(list_of(s, m), m);
    shelve(c, s);
}
