/* Who is asked for logs, and when nothing more can come: see api_logs.h.  Every member may have
 * something: an instance may have lived there before, and its output outlives its claim.  Of a node
 * that is gone, only its claims say that it had a part. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/api_logs.h"
#include "core/hash.h"

enum {
    VIEW_ARENA_MAX = 1 << 30,
    ASK_AGAIN_MS = 1000, /* a node whose answer broke off */
};

struct look {
    struct logs *l;
    const struct members *members;
    struct node_id self;
    struct view view;
    uint64_t now_ms;
    bool is_first, has_claims, is_unfinished;
    size_t n_left_out;
};

void logs_say_missing(struct logs *l, const char *node, const char *format, ...)
{
    va_list args;
    if (l->n_missing == LOGS_PEERS_MAX)
        return;
    struct logs_note *note = &l->missing[l->n_missing++];
    va_start(args, format);
    (void)snprintf(note->node, sizeof(note->node), "%s", node);
    (void)vsnprintf(note->text, sizeof(note->text), format, args);
    va_end(args);
}

static bool is_wanted(const struct logs *l, uint32_t index)
{
    return !l->local.asked.has_index || l->local.asked.index == index;
}

static const char *why_not(enum member_state state)
{
    return state == MEMBER_LEFT ? "has left" : "is dead";
}

static void ask(struct look *k, const struct member *m, bool has_claim)
{
    struct logs_peer *p = logs_peer_find(k->l, m->id);
    bool is_live = m->state == MEMBER_ALIVE || m->state == MEMBER_SUSPECT;
    if (node_id_equal(m->id, k->self) || (p && p->stream))
        return;
    if (!is_live) {
        p = has_claim ? logs_peer_know(k->l, m) : NULL;
        if (p && !p->is_told)
            logs_say_missing(k->l, m->name, "%s %s: its part is missing", m->name,
                             why_not(m->state));
        if (p)
            p->is_told = true;
        return;
    }
    bool is_again = p && has_claim && k->now_ms >= p->asked_ms + ASK_AGAIN_MS;
    k->is_unfinished |= p && has_claim && !is_again;
    if (p ? is_again : (k->is_first || has_claim) && k->l->n_peers < LOGS_PEERS_MAX)
        logs_peer_ask(k->l, m);
    else
        k->n_left_out += !p && k->is_first;
}

static void ask_holder(struct look *k, uint32_t node, uint32_t index)
{
    if (node == VIEW_NONE || !is_wanted(k->l, index))
        return;
    const struct member *m = members_find(k->members, k->view.nodes[node].id);
    if (m)
        ask(k, m, true);
}

/* Those who hold it now, and those who tried and gave up: what a task wrote before it failed for the
 * last time is what its owner wants to read most. */
static void ask_holders(struct look *k, uint32_t job)
{
    const struct view *v = &k->view;
    for (uint32_t i = 0; i < v->jobs[job].n_claims; i++) {
        const struct view_claim *c = &v->claims[v->jobs[job].first_claim + i];
        k->has_claims |= is_wanted(k->l, c->index);
        ask_holder(k, c->node, c->index);
    }
    for (size_t i = 0; i < v->n_refusals; i++)
        if (v->refusals[i].job == job)
            ask_holder(k, v->refusals[i].node, v->refusals[i].index);
    for (size_t i = 0; i < v->n_past; i++)
        if (v->past[i].job == job)
            ask_holder(k, v->past[i].node, v->past[i].index);
}

static void ask_orphans(struct look *k)
{
    const struct log_asked *a = &k->l->local.asked;
    for (size_t i = 0; i < k->view.n_orphans; i++) {
        if (strcmp(k->view.orphans[i].ns, a->ns) != 0 ||
            strcmp(k->view.orphans[i].name, a->job) != 0)
            continue;
        k->has_claims |= is_wanted(k->l, k->view.orphans[i].index);
        ask_holder(k, k->view.orphans[i].node, k->view.orphans[i].index);
    }
}

static void ask_others(struct look *k)
{
    for (size_t i = 0; i < members_count(k->members); i++)
        ask(k, members_at(k->members, i), false);
    if (k->n_left_out && !k->has_claims) /* those that hold it were asked */
        logs_say_missing(k->l, "",
                         "%zu of the nodes were not asked: what ended there is missing",
                         k->n_left_out);
}

static bool is_running(const struct look *k, uint32_t job)
{
    const struct log_asked *a = &k->l->local.asked;
    if (k->has_claims)
        return true;
    if (job == VIEW_NONE)
        return false;
    const struct view_job *j = &k->view.jobs[job];
    bool is_counted = j->spec && j->spec->type != JOB_SYSTEM;
    return j->count > 0 && (!a->has_index || !is_counted || a->index < j->count);
}

static uint64_t hash_of(const struct look *k)
{
    const struct gossip *g = node_gossip(k->l->agent->node);
    uint64_t hash = table_digest(gossip_table(g));
    for (size_t i = 0; i < members_count(k->members); i++)
        hash = hash64(BYTES_OF(members_at(k->members, i)->state), hash);
    for (const struct logs_peer *p = k->l->peers; p; p = p->next)
        hash += p->stream == NULL;
    return hash;
}

int logs_look(struct logs *l, bool is_first)
{
    struct arena arena;
    struct node *node = l->agent->node;
    if (l->is_local_only)
        return 0;
    const struct moment at = agent_now(l->agent);
    struct look k = {.l = l,
                     .members = gossip_members(node_gossip(node)),
                     .self = gossip_id(node_gossip(node)),
                     .now_ms = at.now_ms,
                     .is_first = is_first};
    uint64_t hash = hash_of(&k);
    if (!is_first && hash == l->seen_hash)
        return 0;
    arena_init(&arena, VIEW_ARENA_MAX);
    int code = node_view(node, at, &arena, &k.view);
    if (code == 0) {
        uint32_t job = view_find_job(&k.view, l->local.asked.ns, l->local.asked.job);
        l->is_job_known |= job != VIEW_NONE;
        if (job != VIEW_NONE)
            ask_holders(&k, job);
        ask_orphans(&k);
        if (is_first)
            ask_others(&k);
        l->is_over = !is_running(&k, job);
        l->seen_hash = k.is_unfinished ? 0 : hash_of(&k);
    }
    arena_fini(&arena);
    return code;
}
