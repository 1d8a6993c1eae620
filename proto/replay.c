/* A hash table of senders with a list through it in the order they were heard: see
 * replay.h. */
#include "proto/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"

enum { SENDERS_MIN = 16 };

static const uint32_t none = UINT32_MAX;

struct replay_sender {
    uint8_t session[SESSION_LEN];
    uint64_t counter;                /* the newest seen */
    uint64_t seen[SEAL_WINDOW / 64]; /* bit c mod SEAL_WINDOW: counter c was; a ring */
    uint32_t chain;                  /* the next in its bucket */
    uint32_t newer, older;
};

_Static_assert((SEAL_WINDOW & (SEAL_WINDOW - 1)) == 0, "counters wrap around the ring");

void replay_init(struct replay_table *t, uint64_t hash_seed)
{
    *t = (struct replay_table){.newest = none, .oldest = none, .hash_seed = hash_seed};
}

void replay_fini(struct replay_table *t)
{
    free(t->senders);
    free(t->buckets);
    replay_init(t, 0);
}

static uint32_t *bucket_of(const struct replay_table *t, const uint8_t *session)
{
    uint64_t hash = hash64((struct bytes){session, SESSION_LEN}, t->hash_seed);
    return &t->buckets[hash & (2 * (uint64_t)t->cap - 1)];
}

static void list_unlink(struct replay_table *t, uint32_t at)
{
    struct replay_sender *s = &t->senders[at];
    if (s->newer != none)
        t->senders[s->newer].older = s->older;
    else
        t->newest = s->older;
    if (s->older != none)
        t->senders[s->older].newer = s->newer;
    else
        t->oldest = s->newer;
}

static void list_push(struct replay_table *t, uint32_t at)
{
    struct replay_sender *s = &t->senders[at];
    s->newer = none;
    s->older = t->newest;
    if (t->newest != none)
        t->senders[t->newest].newer = at;
    else
        t->oldest = at;
    t->newest = at;
}

static void chain_push(struct replay_table *t, uint32_t at)
{
    uint32_t *head = bucket_of(t, t->senders[at].session);
    t->senders[at].chain = *head;
    *head = at;
}

static void chain_unlink(struct replay_table *t, uint32_t at)
{
    uint32_t *link = bucket_of(t, t->senders[at].session);
    while (*link != at)
        link = &t->senders[*link].chain;
    *link = t->senders[at].chain;
}

/* Double the table.  The old one stays as it is when there is no memory. */
static int grow(struct replay_table *t)
{
    uint32_t cap = t->cap ? t->cap * 2 : SENDERS_MIN;
    uint32_t *buckets = malloc(2 * (size_t)cap * sizeof(*buckets));
    if (!buckets)
        return -ENOMEM;
    struct replay_sender *senders = realloc(t->senders, cap * sizeof(*senders));
    if (!senders) {
        free(buckets);
        return -ENOMEM;
    }
    free(t->buckets);
    memset(buckets, 0xff, 2 * (size_t)cap * sizeof(*buckets));
    t->senders = senders;
    t->buckets = buckets;
    t->cap = cap;
    for (uint32_t i = 0; i < t->n; i++)
        chain_push(t, i);
    return 0;
}

static uint32_t find(const struct replay_table *t, const uint8_t *session)
{
    if (t->cap == 0)
        return none;
    uint32_t at = *bucket_of(t, session);
    while (at != none && memcmp(t->senders[at].session, session, SESSION_LEN) != 0)
        at = t->senders[at].chain;
    return at;
}

/* A free sender: a new one, or the one not heard for longest. */
static uint32_t take_sender(struct replay_table *t)
{
    if (t->n == t->cap && t->cap < SEAL_SESSIONS)
        (void)grow(t); /* without memory the oldest has to go early */
    if (t->n < t->cap)
        return t->n++;
    uint32_t at = t->oldest;
    if (at != none) {
        chain_unlink(t, at);
        list_unlink(t, at);
    }
    return at;
}

/* ---- one window ---- */

static void mark(struct replay_sender *s, uint64_t counter)
{
    s->seen[counter % SEAL_WINDOW / 64] |= UINT64_C(1) << counter % 64;
}

static bool is_marked(const struct replay_sender *s, uint64_t counter)
{
    return s->seen[counter % SEAL_WINDOW / 64] >> counter % 64 & 1;
}

/* The window moves on: what it takes in was not seen yet. */
static void move_to(struct replay_sender *s, uint64_t counter)
{
    if (counter - s->counter >= SEAL_WINDOW)
        memset(s->seen, 0, sizeof(s->seen));
    else
        for (uint64_t c = s->counter + 1; c != counter; c++)
            s->seen[c % SEAL_WINDOW / 64] &= ~(UINT64_C(1) << c % 64);
    s->counter = counter;
}

static bool window_take(struct replay_sender *s, uint64_t counter)
{
    if (counter > s->counter)
        move_to(s, counter);
    else if (s->counter - counter >= SEAL_WINDOW || is_marked(s, counter))
        return false;
    mark(s, counter);
    return true;
}

/* ---- all of them ---- */

static int add_sender(struct replay_table *t, const uint8_t *session, uint64_t counter)
{
    uint32_t at = take_sender(t);
    if (at == none)
        return -ENOMEM;
    t->senders[at] = (struct replay_sender){.counter = counter};
    mark(&t->senders[at], counter);
    memcpy(t->senders[at].session, session, SESSION_LEN);
    chain_push(t, at);
    list_push(t, at);
    return 0;
}

int replay_check(struct replay_table *t, const uint8_t session[static SESSION_LEN],
                 uint64_t counter)
{
    uint32_t at = find(t, session);
    if (at == none)
        return add_sender(t, session, counter);
    if (!window_take(&t->senders[at], counter))
        return ERR_REPLAYED;
    list_unlink(t, at);
    list_push(t, at);
    return 0;
}
