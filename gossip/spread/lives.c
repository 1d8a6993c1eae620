/* Beginning lives and remembering them.  See lives.h. */
#include "gossip/spread/lives.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/trace.h"
#include "gossip/table/stored.h"

enum { EPOCH_CHANCE = 1 << 28 }; /* the low bits of an epoch: one second's */

/* Before all that a node remembers.  A life that is none of the remembered ones is unknown to it. */
static const struct life nothing = {0, 0};

/* ---- the store ---- */

int lives_restore_number(struct gossip *g, struct bytes value)
{
    struct life life;
    if (stored_number_decode(value, &life.epoch, &life.number) < 0 ||
        life.epoch > EPOCH_MAX || life.number > EPOCH_MAX)
        return ERR_DAMAGED;
    if (seen_compare(life.epoch, life.number, g->lives.last.epoch, g->lives.last.number) > 0)
        g->lives.last = life;
    return 0;
}

int lives_restore(struct gossip *g, struct bytes value)
{
    struct life former[LIVES_MAX];
    int n = stored_lives_decode(value, former, LIVES_MAX);
    for (int i = 0; i < n; i++) {
        if (former[i].epoch > EPOCH_MAX || former[i].number > EPOCH_MAX ||
            (i > 0 && former[i].epoch <= former[i - 1].epoch))
            return ERR_DAMAGED;
    }
    if (n < 0)
        return ERR_DAMAGED;
    memcpy(g->lives.former, former, (size_t)n * sizeof(*former));
    g->lives.n = (size_t)n;
    return 0;
}

void lives_persist(struct gossip *g, struct gossip_effects *fx)
{
    struct bytes number = stored_number_encode(g->epoch, g->number, &fx->arena);
    struct bytes lives = stored_lives_encode(g->lives.former, g->lives.n, &fx->arena);
    if (!number.at || !lives.at) {
        fx->n_lost++;
        return;
    }
    batch_add(&g->batch, fx, STORE_LOCAL,
              arena_bytes(&fx->arena, bytes_of_text("number")), number);
    batch_add(&g->batch, fx, STORE_LOCAL,
              arena_bytes(&fx->arena, bytes_of_text("lives")), lives);
}

/* ---- beginning ---- */

/* The host's, which is of this second; above `floor` in any case, by chance, for two lives that begin
 * from one copy under a clock that is behind must not meet. */
static uint64_t epoch_above(struct gossip *g, uint64_t floor)
{
    uint64_t epoch = g->lives.epoch;
    if (epoch <= floor)
        epoch = (floor | (EPOCH_CHANCE - 1)) + 1 + rng_below(&g->rng, EPOCH_CHANCE);
    return epoch < EPOCH_MAX ? epoch : floor < EPOCH_MAX ? floor + 1 : EPOCH_MAX;
}

static void remember(struct lives *l, struct life life)
{
    if (l->n > 0 && life.epoch <= l->former[l->n - 1].epoch)
        return;
    if (l->n == LIVES_MAX) /* the oldest stands for all before it */
        memmove(l->former, l->former + 1, --l->n * sizeof(*l->former));
    l->former[l->n++] = life;
}

void lives_propose(struct gossip *g, uint64_t epoch)
{
    g->epoch = g->lives.epoch = epoch;
}

void lives_walk(struct gossip *g)
{
    g->lives.is_walking = true;
    g->lives.cursor = (struct life){0};
}

/* A life, and what is known of the `n` before it; a store that began empty knows of nothing older. */
static struct seen_number line_of(const struct gossip *g, struct life life, size_t n)
{
    const struct lives *l = &g->lives;
    struct seen_number line = {
        .writer = g->self->member.id, .epoch = life.epoch, .number = life.number};
    struct life former[1 + SEEN_OLDER] = {{0}};
    for (size_t i = 0; i <= SEEN_OLDER && i < n; i++) {
        former[i] = l->former[n - 1 - i];
        if (former[i].epoch == 0) { /* zeros would say that there is nothing to be known */
            former[i].epoch = (i > 0 ? former[i - 1].epoch : life.epoch) > 1;
            break;
        }
    }
    line.before_epoch = former[0].epoch;
    line.before_number = former[0].number;
    memcpy(line.older, former + 1, sizeof(line.older));
    return line;
}

static void begin(struct gossip *g, uint64_t floor, struct gossip_effects *fx)
{
    struct lives *l = &g->lives;
    machine_number_from(g, epoch_above(g, floor), 0);
    if (g->epoch <= floor) /* somebody drove it to its end: nothing is written any more */
        l->above = EPOCH_MAX;
    struct seen_number line = line_of(g, (struct life){g->epoch, 0}, l->n);
    (void)seen_begin(&g->seen, &line);
    lives_walk(g);
    lives_persist(g, fx);
    g->batch.is_synced = true;
}

static void go_on(struct gossip *g)
{
    struct life last = g->lives.last;
    struct seen_number line = line_of(g, last, g->lives.n);
    machine_number_from(g, last.epoch, last.number);
    (void)seen_begin(&g->seen, &line);
    lives_walk(g);
}

void lives_begin(struct gossip *g, struct gossip_effects *fx)
{
    struct lives *l = &g->lives;
    if (l->has_begun)
        return;
    l->has_begun = true;
    /* The store of 0.1 has numbers and no lives: all that it holds of ours is known. */
    if (l->n == 0 && l->last.number == 0)
        remember(l, nothing);
    if (l->last.number > 0 && l->epoch > 0)
        remember(l, l->last);
    if (l->epoch == 0 && l->last.number > 0)
        go_on(g);
    else
        begin(g, l->last.epoch, fx);
}

void lives_begin_again(struct gossip *g, struct gossip_effects *fx)
{
    uint64_t floor = g->lives.above > g->epoch ? g->lives.above : g->epoch;
    g->lives.above = 0;
    begin(g, floor, fx);
    trace(g->tracer, "one more life: peers know of numbers that were not given");
}

/* ---- hearing of ourselves ---- */

bool lives_know(const struct gossip *g, uint64_t epoch, uint64_t number)
{
    const struct lives *l = &g->lives;
    if (epoch == g->epoch)
        return number <= g->number;
    for (size_t i = l->n; i-- > 0;) {
        if (l->former[i].epoch <= epoch)
            return l->former[i].epoch == epoch && number <= l->former[i].number;
    }
    return true;
}

bool lives_covers(const struct gossip *g, uint64_t epoch, uint64_t number)
{
    return lives_know(g, epoch, number) || seen_line_covers(&g->lives.pulled, epoch, number);
}

/* Of the lives before the present one. */
static struct seen_number before_present(const struct gossip *g, const struct seen_number *line)
{
    struct seen_number former = *line;
    for (unsigned n = 0; n <= SEEN_OLDER && former.epoch >= g->epoch; n++) {
        former.epoch = former.before_epoch;
        former.number = former.before_number;
        former.before_epoch = former.older[0].epoch;
        former.before_number = former.older[0].number;
        memmove(former.older, former.older + 1, sizeof(former.older) - sizeof(*former.older));
        former.older[SEEN_OLDER - 1] = (struct life){0};
    }
    return former;
}

static bool knows_all(const struct gossip *g, const struct seen_number *line)
{
    bool is_known = line->epoch >= g->epoch || lives_know(g, line->epoch, line->number);
    for (unsigned i = 0; i <= SEEN_OLDER && is_known; i++) {
        struct life life = seen_line_former(line, i);
        is_known = life.number == 0 || lives_know(g, life.epoch, life.number);
    }
    return is_known;
}

void lives_pulled(struct gossip *g, const struct seen_number *line)
{
    struct seen_number *pulled = &g->lives.pulled;
    struct seen_number former = before_present(g, line);
    if (former.number > 0 && former.epoch < g->epoch && !knows_all(g, &former) &&
        seen_compare(former.epoch, former.number, pulled->epoch, pulled->number) > 0)
        *pulled = former;
}

static void extend(struct lives *l, struct life life)
{
    size_t i = l->n;
    while (i > 0 && l->former[i - 1].epoch > life.epoch)
        i--;
    if (i > 0 && l->former[i - 1].epoch == life.epoch) {
        if (life.number > l->former[i - 1].number)
            l->former[i - 1].number = life.number;
        return;
    }
    if (l->n == LIVES_MAX && i-- > 0) /* the oldest stands for all before it */
        memmove(l->former, l->former + 1, --l->n * sizeof(*l->former));
    if (l->n == LIVES_MAX)
        return;
    memmove(l->former + i + 1, l->former + i, (l->n++ - i) * sizeof(*l->former));
    l->former[i] = life;
}

void lives_settle(struct gossip *g, struct gossip_effects *fx)
{
    struct lives *l = &g->lives;
    const struct seen_number line = l->pulled;
    if (line.epoch == 0 || knows_all(g, &line))
        return;
    for (unsigned i = SEEN_OLDER + 1; i-- > 0;) {
        struct life life = seen_line_former(&line, i);
        if (life.number > 0)
            extend(l, life);
    }
    extend(l, (struct life){line.epoch, line.number});
    struct seen_number own = line_of(g, (struct life){g->epoch, g->number}, l->n);
    seen_set_former(&g->seen, &own);
    lives_persist(g, fx);
}

void lives_heed(struct gossip *g, uint64_t epoch, uint64_t number)
{
    struct lives *l = &g->lives;
    if (number == 0 || !l->has_begun || lives_covers(g, epoch, number))
        return;
    if (epoch >= EPOCH_MAX || number > EPOCH_MAX) { /* no life of ours can have got there */
        g->metrics->drop_malformed++;
        return;
    }
    if (epoch >= g->epoch && epoch > l->above)
        l->above = epoch;
    if (!l->is_behind)
        trace(g->tracer, "peers know more of this node than its store does");
    l->is_behind = true;
}

void lives_compared(struct gossip *g)
{
    g->lives.is_behind = false; /* until somebody shows more */
    g->lives.has_compared = true;
}

void lives_greet(const struct gossip *g, struct message_seen *own)
{
    const struct lives *l = &g->lives;
    if (!l->is_behind || l->n == 0)
        return;
    struct seen_number line = line_of(g, l->former[l->n - 1], l->n - 1);
    own->epoch = line.epoch;
    own->number = line.number;
    own->before_epoch = line.before_epoch;
    own->before_number = line.before_number;
    for (unsigned i = 0; i < SEEN_OLDER; i++)
        own->older[i] = (struct message_life){line.older[i].epoch, line.older[i].number};
}
