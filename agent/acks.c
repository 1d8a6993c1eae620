/* Waiting for members.  See acks.h. */
#include "agent/acks.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"

enum { ASK_FIRST_MS = 250 }; /* doubled each time */

/* ---- answering ---- */

static struct node_result *done(uint64_t token, struct node_effects *out)
{
    struct node_effect *effect = node_effects_add(out, NODE_DONE);
    effect->token = token;
    effect->result = (struct node_result){.text = "", .told = ""};
    return &effect->result;
}

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

void ack_refuse(uint64_t token, int code, const char *text, const struct gossip *gossip,
                struct node_effects *out)
{
    struct node_result *result = done(token, out);
    struct reach r = reach_of(gossip);
    result->code = code;
    result->text = text_or_empty(arena_text(node_effects_arena(out), text));
    result->members = r.within;
    result->total = r.total;
}

/* "here and on n2, n3" */
static const char *places(const struct node_result *r, const char *self,
                          struct arena *arena)
{
    enum { SAID_MAX = 8 };
    const char *text = "here";
    size_t n_said = 0;
    for (size_t i = 0; i < r->n_has && text; i++) {
        if (strcmp(r->has[i], self) == 0 || n_said == SAID_MAX)
            continue;
        text =
            arena_printf(arena, "%s%s%s", text, n_said++ ? ", " : " and on ", r->has[i]);
    }
    if (text && r->known_by > n_said + 1)
        text = arena_printf(arena, "%s and %zu more", text, r->known_by - n_said - 1);
    return text_or_empty(text);
}

static const char *own_name(const struct gossip *g)
{
    return members_find(gossip_members(g), gossip_id(g))->name;
}

static bool is_unchanged(const struct ack *a)
{
    return a->holding.number == 0;
}

/* Too few have it.  `why`: what the waiting ended with. */
static const char *unsure_text(const struct ack *a, const struct node_result *r,
                               const struct gossip *g, const char *why,
                               struct arena *arena)
{
    struct reach reach = {r->members, r->total};
    const char *where = places(r, own_name(g), arena);
    const char *missing = reach_missing_text(r, arena);
    return text_or_empty(arena_printf(
        arena, "%s %s%s%s: %zu members were wanted%s%s",
        is_unchanged(a) ? "unchanged, and known to be" : "may stand: written", where,
        *missing ? "; missing " : "", missing, reach_wanted(a->wanted, reach), why,
        is_unchanged(a) ? "" : "; it spreads as they can be reached"));
}

static void answer_order(const struct ack *a, const struct gossip *g, struct moment at,
                         bool has_enough, const char *why, struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    struct node_result *r = done(a->token, out);
    r->took_ms = at.now_ms - a->since_ms;
    reach_fill(g, &a->holding, at.now_ms, arena, r);
    r->code = has_enough ? 0 : ERR_UNSURE;
    if (!has_enough)
        r->text = unsure_text(a, r, g, why, arena);
    else if (is_unchanged(a))
        r->text = "unchanged";
    r->told = reach_told_text(r, is_unchanged(a), arena);
}

static void answer_leave(const struct ack *a, const struct gossip *g, struct moment at,
                         struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    struct node_result *r = done(a->token, out);
    r->took_ms = at.now_ms - a->since_ms;
    reach_fill(g, &a->holding, at.now_ms, arena, r);
    r->told = reach_told_text(r, false, arena);
    bool is_told = r->known_by > 1 || r->total < 2;
    r->code = is_told ? 0 : ERR_UNSURE;
    r->text = is_told ? "handing over, then departing"
                      : text_or_empty(arena_printf(
                            arena,
                            "told 0 of %zu: they will believe that %s died; it departs "
                            "all the same",
                            r->total - 1, own_name(g)));
}

/* What will not change for waiting: somebody is there, but not for us. */
static bool is_told_why(const struct ack *a)
{
    return a->knocked == KNOCK_SECRET || a->knocked == KNOCK_VERSION ||
           a->knocked == KNOCK_FOREIGN;
}

static void answer_join(const struct ack *a, struct gossip *g, struct moment at,
                        const char *why, struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    struct node_result *r = done(a->token, out);
    struct reach reach = reach_of(g);
    char address[ADDRESS_TEXT_MAX];
    struct node_id who;
    r->took_ms = at.now_ms - a->since_ms;
    r->members = reach.within;
    r->total = reach.total;
    (void)endpoint_text(&a->endpoint, address);
    if (gossip_has_answered(g, a->endpoint, a->since_ms, &who)) {
        const struct member *m = members_find(gossip_members(g), who);
        gossip_keep_seed(g, a->endpoint);
        r->text = text_or_empty(
            arena_printf(arena, "joined: %s at %s", m ? m->name : "a node", address));
        return;
    }
    r->code = -EHOSTUNREACH;
    r->text = text_or_empty(arena_printf(
        arena, "no answer from %s%s: %s", address, is_told_why(a) ? "" : why,
        a->knocked ? knock_text(a->knocked)
                   : "is an agent up there, and is that port open for UDP and TCP?"));
}

/* ---- waiting ---- */

bool acks_are_full(const struct acks *a)
{
    return a->n == ACKS_MAX;
}

int acks_refuse_more(struct err *err)
{
    return err_set(err, ERR_BOUND, "too many orders wait for an answer: try again");
}

void acks_add(struct acks *a, const struct ack *ack)
{
    assert(!acks_are_full(a));
    a->waiting[a->n++] = *ack;
}

/* What was there before the order is nobody's to wait for, unless it says how many. */
static bool is_enough(const struct ack *a, struct reach r, size_t known)
{
    return (is_unchanged(a) && a->wanted == ACK_DEFAULT) ||
           known >= reach_wanted(a->wanted, r);
}

/* Enough, and all within reach have it or we waited a little for the rest. */
static bool check_order(struct ack *a, const struct gossip *g, struct moment at,
                        struct node_effects *out)
{
    struct reach r = reach_of(g);
    size_t known = reach_known_by(g, &a->holding);
    bool has_enough = is_enough(a, r, known);
    if (!has_enough)
        a->enough_ms = 0; /* who had it has died: it has to be enough anew */
    else if (a->enough_ms == 0)
        a->enough_ms = at.now_ms;
    bool is_done = has_enough && (known >= reach_expected(a->wanted, r) ||
                                  at.now_ms >= a->enough_ms + ACK_LINGER_MS);
    if (!is_done && at.now_ms < a->since_ms + ACK_TIMEOUT_MS)
        return false;
    char why[32];
    (void)snprintf(why, sizeof(why), " within %d s", ACK_TIMEOUT_MS / 1000);
    answer_order(a, g, at, has_enough, why, out);
    return true;
}

static bool check_leave(struct ack *a, const struct gossip *g, struct moment at,
                        struct node_effects *out)
{
    struct reach r = reach_of(g);
    bool is_done = r.within == 1 || reach_known_by(g, &a->holding) > 1;
    if (!is_done && at.now_ms < a->since_ms + ACK_TIMEOUT_MS)
        return false;
    answer_leave(a, g, at, out);
    return true;
}

static bool check_join(struct ack *a, struct gossip *g, struct moment at,
                       struct node_effects *out)
{
    struct node_id who;
    if (gossip_has_answered(g, a->endpoint, a->since_ms, &who) || is_told_why(a) ||
        at.now_ms >= a->since_ms + JOIN_TIMEOUT_MS) {
        char why[32];
        (void)snprintf(why, sizeof(why), " within %d s", JOIN_TIMEOUT_MS / 1000);
        answer_join(a, g, at, why, out);
        return true;
    }
    if (at.now_ms >= a->ask_ms) {
        a->ask_ms = at.now_ms + ((uint64_t)ASK_FIRST_MS << a->n_asked);
        if (a->n_asked++ >= JOIN_SILENT_ROUNDS)
            (void)gossip_knock(g, at.now_ms, a->endpoint, &out->gossip);
        gossip_meet(g, at.now_ms, a->endpoint, &out->gossip);
    }
    return false;
}

static bool check(struct ack *a, struct gossip *g, struct moment at,
                  struct node_effects *out)
{
    switch (a->kind) {
    case ACK_OF_ORDER:
        return check_order(a, g, at, out);
    case ACK_OF_LEAVE:
        return check_leave(a, g, at, out);
    case ACK_OF_JOIN:
        return check_join(a, g, at, out);
    }
    return false;
}

void acks_check(struct acks *a, struct gossip *gossip, struct moment at,
                struct node_effects *out)
{
    size_t kept = 0;
    for (size_t i = 0; i < a->n; i++)
        if (!check(&a->waiting[i], gossip, at, out))
            a->waiting[kept++] = a->waiting[i];
    a->n = kept;
}

void acks_refused(struct acks *a, struct endpoint at)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->waiting[i].kind == ACK_OF_JOIN &&
            endpoint_equal(&a->waiting[i].endpoint, &at))
            a->waiting[i].knocked = KNOCK_NOBODY;
}

void acks_knocked(struct acks *a, struct endpoint at, enum knock how)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->waiting[i].kind == ACK_OF_JOIN &&
            endpoint_equal(&a->waiting[i].endpoint, &at))
            a->waiting[i].knocked = how;
}

void acks_end(struct acks *a, struct gossip *gossip, struct moment at, const char *why,
              struct node_effects *out)
{
    for (size_t i = 0; i < a->n; i++) {
        struct ack *ack = &a->waiting[i];
        size_t known = reach_known_by(gossip, &ack->holding);
        if (ack->kind == ACK_OF_ORDER)
            answer_order(ack, gossip, at, is_enough(ack, reach_of(gossip), known), why,
                         out);
        else if (ack->kind == ACK_OF_LEAVE)
            answer_leave(ack, gossip, at, out);
        else
            answer_join(ack, gossip, at, why, out);
    }
    a->n = 0;
}

static uint64_t deadline_ms(const struct ack *a)
{
    if (a->kind == ACK_OF_JOIN) {
        uint64_t end = a->since_ms + JOIN_TIMEOUT_MS;
        return a->ask_ms < end ? a->ask_ms : end;
    }
    return a->enough_ms ? a->enough_ms + ACK_LINGER_MS : a->since_ms + ACK_TIMEOUT_MS;
}

uint64_t acks_deadline_ms(const struct acks *a)
{
    uint64_t deadline = UINT64_MAX;
    for (size_t i = 0; i < a->n; i++) {
        uint64_t own = deadline_ms(&a->waiting[i]);
        deadline = own < deadline ? own : deadline;
    }
    return deadline;
}
