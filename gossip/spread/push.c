/* Who is told what, when, and who answers. */
#include "gossip/spread/push.h"

#include "core/hash.h"
#include "core/trace.h"
#include "gossip/spread/entries.h"
#include "gossip/machine/family.h"
#include "gossip/spread/tree.h"
#include "gossip/spread/unanswered.h"

enum {
    COALESCE_MS = 10, /* writes of one moment share a datagram */
    RETRY_MS = 100, /* more than a round trip nearly anywhere; doubled every other time */
    RETRIES_MAX = 8,          /* some three seconds */
    RETRY_NUMBERS_MAX = 2000, /* who lacks more than this is a case for a comparison */
    ASK_MS =
        250, /* a writer in a large cluster asks who has not said that it has a record */
    ASK_ALL_MS = 50,    /* those who do not say so by themselves */
    ASK_AGAIN_MS = 100, /* and a tenth per member; doubled every fifth time */
    ASKED_MAX = 256,    /* at one time */
    ASKS_MAX = 15,      /* some four seconds */
    ORDER_MS = 10000,   /* so long somebody may wait for an answer */
    ANSWERS_PER_MS = 2, /* so that a writer is not answered by all at once */
};

static bool is_direct(const struct gossip *g)
{
    return machine_n_live(g) <= DIRECT_MEMBERS;
}

static void send_seen(struct gossip *g, uint64_t now_ms, struct peer *to,
                      struct gossip_effects *fx)
{
    struct message m = machine_message(g, now_ms, MESSAGE_SEEN, to);
    machine_send(g, family_endpoint(g, to), to, &m, false, fx);
}

/* ---- hearing ---- */

/* Of a large cluster a sample answers, the same for a writer each time, and the links of its tree in
 * any case: enough for whoever waits for a few.  Both ends draw it alike. */
static bool answers(const struct gossip *g, struct node_id writer, struct node_id who)
{
    size_t n = machine_n_live(g);
    return n <= ANSWER_MEMBERS ||
           hash64(BYTES_OF(who), hash64(BYTES_OF(writer), 0)) % n < ANSWER_SAMPLE;
}

/* A record was heard from somebody else than its writer, who may be asked how many have it: it is
 * told so, after a moment that spreads all answers. */
static void owe_answer(struct gossip *g, uint64_t now_ms, struct node_id writer)
{
    struct push *p = &g->push;
    for (size_t i = 0; i < p->n_owed; i++) {
        if (node_id_equal(p->owed[i].writer, writer))
            return;
    }
    if (p->n_owed == OWED_MAX)
        return; /* it will ask */
    uint64_t spread = machine_n_live(g) / ANSWERS_PER_MS + 1;
    p->owed[p->n_owed++] =
        (struct push_owed){writer, now_ms + COALESCE_MS + rng_below(&g->rng, spread)};
}

static bool has_record(const struct message_range *in)
{
    for (size_t i = 0; i < in->n_entries; i++) {
        if (table_kind(in->entries[i].key) == ENTRY_RECORD)
            return true;
    }
    return false;
}

/* Merge, and pass on what was news.  True when it was. */
static bool hear_range(struct gossip *g, uint64_t now_ms, struct node_id teller,
                       const struct message_range *in, struct gossip_effects *fx)
{
    int news = entries_hear(g, now_ms, in, false, fx);
    struct push_range range = {
        .writer = in->writer,
        .from = teller,
        .epoch = in->epoch,
        .after = in->after,
        .through = in->through,
    };
    if (in->through == 0 || is_direct(g))
        return news > 0;
    if (in->after > 0)
        tree_miss(g, now_ms, teller, in->writer, in->epoch, in->after);
    if (news <= 0)
        return false;
    tree_add(g, now_ms, &range);
    machine_wake_push(g, now_ms);
    if (!node_id_equal(in->writer, teller) && has_record(in) &&
        answers(g, in->writer, g->self->member.id))
        owe_answer(g, now_ms, in->writer);
    return true;
}

void push_hear(struct gossip *g, uint64_t now_ms, struct endpoint from, struct stream *s,
               const struct message *m, struct gossip_effects *fx)
{
    bool is_awaited = s || m->sequence, was_news = false;
    for (size_t i = 0; i < m->n_ranges; i++) {
        was_news = hear_range(g, now_ms, m->sender.id, &m->ranges[i], fx) || was_news;
        is_awaited = is_awaited || node_id_equal(m->ranges[i].writer, m->sender.id);
    }
    struct peer *peer = members_peer(&g->members, m->sender.id);
    if (!peer)
        return;
    bool is_answered = !is_direct(g) && m->n_ranges > 0 &&
                       tree_hear_push(g, now_ms, peer, m->sequence, was_news, fx);
    if (!is_awaited || (is_answered && !s))
        return;
    struct message answer = machine_message(g, now_ms, MESSAGE_SEEN, peer);
    answer.sequence = m->sequence;
    if (s)
        machine_send_frame(g, s->id, &answer, fx);
    else
        machine_send(g, from, peer, &answer, false, fx);
}

void push_hear_answer(struct gossip *g, uint64_t now_ms, const struct message *m)
{
    unanswered_hear(g, now_ms, m->sender.id, m->sequence);
}

void push_hear_tree(struct gossip *g, uint64_t now_ms, const struct message *m,
                    struct gossip_effects *fx)
{
    struct peer *peer = members_peer(&g->members, m->sender.id);
    if (!peer)
        return;
    if (m->kind == MESSAGE_PRUNE)
        push_hear_answer(g, now_ms, m);
    tree_hear(g, now_ms, peer, m, fx);
    /* A writer that speaks of itself wants to know. */
    if (m->kind == MESSAGE_HAVE && m->n_seen == 1 &&
        node_id_equal(m->seen[0].writer, m->sender.id))
        send_seen(g, now_ms, peer, fx);
}

/* ---- time ---- */

static uint64_t again_ms(const struct gossip *g)
{
    return ASK_AGAIN_MS + machine_n_live(g) / 10;
}

/* Who writes without pause looks after what it wrote even so: a round that is due sooner is not put
 * off, and what was told since it began is left to the next. */
static void await_answers(struct gossip *g, uint64_t now_ms, uint64_t number, uint64_t wait_ms)
{
    struct push *p = &g->push;
    if (p->retry_ms != 0 && p->retry_ms <= now_ms + wait_ms)
        return;
    p->retry_ms = now_ms + wait_ms;
    p->awaited = number;
    p->n_retries = 0;
}

static bool asks_all(const struct gossip *g, uint64_t now_ms)
{
    return now_ms < g->push.all_until_ms;
}

void push_ask_all(struct gossip *g, uint64_t now_ms)
{
    g->push.all_until_ms = now_ms + ORDER_MS;
}

void push_ask_again(struct gossip *g, uint64_t now_ms)
{
    if (now_ms < g->push.asked_until_ms)
        await_answers(g, now_ms, g->push.asked, again_ms(g));
}

static void tell_everyone(struct gossip *g, uint64_t now_ms,
                          const struct push_range *range, struct gossip_effects *fx)
{
    size_t n_live = g->members.roles[ROLE_LIVE].n;
    for (size_t i = 0; i < n_live; i++)
        tell_range(g, now_ms, members_in(&g->members, ROLE_LIVE, i), range, fx);
    if (n_live > 0)
        await_answers(g, now_ms, range->through, RETRY_MS);
}

static void tick_due(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct push *p = &g->push;
    struct push_range own = {
        .writer = g->self->member.id,
        .from = g->self->member.id,
        .epoch = g->epoch,
        .after = p->told,
        .through = g->number,
    };
    bool has_own = g->number > p->told;
    p->told = g->number;
    p->due_ms = 0;
    if (is_direct(g)) {
        if (has_own)
            tell_everyone(g, now_ms, &own, fx);
    } else if (has_own) {
        tree_add(g, now_ms, &own);
        if (tell_measure(g, &own).has_records) {
            p->asked = own.through;
            p->asked_until_ms = now_ms + ORDER_MS;
            await_answers(g, now_ms, own.through,
                          asks_all(g, now_ms) ? ASK_ALL_MS : ASK_MS);
        }
    }
    if (p->n > 0)
        tree_flush(g, now_ms, fx);
}

/* Up to DIRECT_MEMBERS: tell again who has not answered. */
static size_t tell_again(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    const struct push *p = &g->push;
    const struct peer_list *live = &g->members.roles[ROLE_LIVE];
    size_t n_behind = 0;
    for (size_t i = 0; i < live->n; i++) {
        struct peer *peer = members_in(&g->members, ROLE_LIVE, i);
        uint64_t known = peer_known(peer, g->epoch);
        if (known >= p->awaited || p->told - known > RETRY_NUMBERS_MAX)
            continue;
        n_behind++;
        struct push_range range = {
            .writer = g->self->member.id,
            .epoch = g->epoch,
            .after = known,
            .through = p->awaited,
        };
        tell_range(g, now_ms, peer, &range, fx);
    }
    return n_behind;
}

/* Above: ask.  Who has it says so, who lacks it grafts. */
static size_t ask_again(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct push *p = &g->push;
    const struct peer_list *live = &g->members.roles[ROLE_LIVE];
    struct message_seen item = {g->self->member.id, g->epoch, g->number, false, 0, 0, {{0}}};
    bool is_of_all = asks_all(g, now_ms);
    size_t n_behind = 0;
    for (size_t i = 0; i < live->n && n_behind < ASKED_MAX; i++) {
        struct peer *peer = members_in(&g->members, ROLE_LIVE, p->ask_cursor++ % live->n);
        if (peer_known(peer, g->epoch) >= p->awaited ||
            !(is_of_all || answers(g, g->self->member.id, peer->member.id)))
            continue;
        n_behind++;
        struct message m = machine_message(g, now_ms, MESSAGE_HAVE, peer);
        m.seen = &item;
        m.n_seen = 1;
        machine_send(g, family_endpoint(g, peer), peer, &m, false, fx);
    }
    return n_behind;
}

static void tick_retry(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct push *p = &g->push;
    bool is_told = is_direct(g);
    size_t n_behind = is_told ? tell_again(g, now_ms, fx) : ask_again(g, now_ms, fx);
    uint64_t newest = is_told ? p->told : p->asked;
    bool goes_on = n_behind > 0 && p->n_retries < (is_told ? RETRIES_MAX : ASKS_MAX);
    p->retry_ms = 0;
    if (n_behind == ASKED_MAX && asks_all(g, now_ms)) { /* the next of them */
        p->retry_ms = now_ms + ASKED_MAX / ANSWERS_PER_MS;
        return;
    }
    if (!goes_on && p->awaited >= newest)
        return;
    unsigned n = goes_on ? p->n_retries : 0;
    p->awaited = newest;
    p->n_retries = n + 1;
    p->retry_ms = now_ms + (is_told ? (uint64_t)RETRY_MS << n / 2 : again_ms(g) << n / 5);
}

static void tick_owed(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct push *p = &g->push;
    size_t n_left = 0;
    for (size_t i = 0; i < p->n_owed; i++) {
        struct peer *writer = members_peer(&g->members, p->owed[i].writer);
        if (now_ms < p->owed[i].due_ms)
            p->owed[n_left++] = p->owed[i];
        else if (writer && peer_is_live(writer))
            send_seen(g, now_ms, writer, fx);
    }
    p->n_owed = n_left;
}

void push_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    if (g->push.due_ms != 0 && now_ms >= g->push.due_ms)
        tick_due(g, now_ms, fx);
    if (g->push.retry_ms != 0 && now_ms >= g->push.retry_ms)
        tick_retry(g, now_ms, fx);
    tick_owed(g, now_ms, fx);
    tree_tick(g, now_ms, fx);
}

uint64_t push_deadline_ms(const struct gossip *g)
{
    uint64_t deadline = tree_deadline_ms(g);
    if (g->push.due_ms && g->push.due_ms < deadline)
        deadline = g->push.due_ms;
    if (g->push.retry_ms && g->push.retry_ms < deadline)
        deadline = g->push.retry_ms;
    for (size_t i = 0; i < g->push.n_owed; i++)
        deadline = g->push.owed[i].due_ms < deadline ? g->push.owed[i].due_ms : deadline;
    return deadline;
}
