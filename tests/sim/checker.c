/* The convergence checks.  See checker.h. */
#include "tests/sim/checker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/members/skew.h"
#include "gossip/table/table.h"
#include "proto/record.h"
#include "tests/sim/edit.h"
#include "tests/sim/order.h"
#include "tests/sim/pair.h"
#include "tests/sim/secret.h"
#include "tests/sim/var.h"

struct check {
    struct sim *sim;
    char *why;
    size_t cap;
};

static bool no(struct check *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool no(struct check *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(c->why, c->cap, format, args);
    va_end(args);
    return false;
}

/* ---- membership ---- */

static bool members_agree(struct check *c, const struct sim_node *observer)
{
    const struct members *m = gossip_members(node_gossip(observer->node));
    if (!gossip_is_ready(node_gossip(observer->node)))
        return no(c, "%s is not ready", observer->name);
    for (unsigned i = 0; i < c->sim->options.nodes; i++) {
        const struct sim_node *n = &c->sim->nodes[i];
        const struct member *member = members_find(m, n->id);
        if (n->cluster != observer->cluster) {
            if (member)
                return no(c, "%s knows %s, which holds another secret", observer->name,
                          n->name);
            continue;
        }
        if (n->node && (!member || member->state != MEMBER_ALIVE))
            return no(c, "%s sees %s as %s, which is up", observer->name, n->name,
                      member ? member_state_name(member->state) : "unknown");
        if (n->node && !endpoint_equal(&member->endpoint, &n->host))
            return no(c, "%s does not know where %s is now", observer->name, n->name);
        if (!n->node && member && member->state == MEMBER_ALIVE)
            return no(c, "%s sees %s alive, which is down", observer->name, n->name);
    }
    return true;
}

/* Entry by entry, with versions and values, tombstones too: digests are what is to be proven.  "" or
 * the key of the first that differs. */
static const char *first_difference(const struct table *a, const struct table *b)
{
    static char key[KEY_LEN_MAX + 1];
    struct table_walk walks[2];
    struct entry e[2];
    table_from_key(a, (struct bytes){0}, &walks[0]);
    table_from_key(b, (struct bytes){0}, &walks[1]);
    for (;;) {
        bool has_a = table_next(a, &walks[0], &e[0]),
             has_b = table_next(b, &walks[1], &e[1]);
        if (!has_a && !has_b)
            return "";
        if (!has_a || !has_b || !bytes_equal(e[0].key, e[1].key) ||
            entry_compare(&e[0], &e[1]) != 0 || !bytes_equal(e[0].value, e[1].value)) {
            (void)snprintf(key, sizeof(key), "%.*s", (int)e[!has_a].key.len,
                           (const char *)e[!has_a].key.at);
            return key;
        }
    }
}

static bool tables_agree(struct check *c, const struct sim_node **first,
                         const struct sim_node *n)
{
    const struct table *t = gossip_table(node_gossip(n->node));
    if (!*first) {
        *first = n;
        return true;
    }
    const struct table *other = gossip_table(node_gossip((*first)->node));
    const char *key = first_difference(t, other);
    bool are_equal = table_digest(t) == table_digest(other);
    if (*key && are_equal)
        sim_fail(c->sim, "%s and %s have equal digests, and differ in %s", n->name,
                 (*first)->name, key);
    return !*key || no(c, "the tables of %s and %s differ (%zu and %zu entries), in %s",
                       n->name, (*first)->name, table_count(t), table_count(other), key);
}

/* ---- work ---- */

static uint32_t wanted_count(const struct sim_job *job)
{
    if (!job->is_asked || job->is_removal_asked || job->is_stopped)
        return 0;
    return job->scale_asked == UINT32_MAX ? job->count : job->scale_asked;
}

static unsigned count_running(const struct sim *s, const char *key)
{
    unsigned running = 0;
    for (unsigned i = 0; i < sim_n_hosts(s); i++)
        for (const struct sim_task *t = s->nodes[i].tasks; t; t = t->next)
            running += t->is_running && s->nodes[i].node && strcmp(t->key, key) == 0;
    return running;
}

static bool job_is_right(struct check *c, const struct sim_job *job)
{
    char key[160];
    for (uint32_t i = 0; i < wanted_count(job); i++) {
        (void)snprintf(key, sizeof(key), "default.%s.%u", job->name, i);
        unsigned running = count_running(c->sim, key);
        if (running != 1)
            return no(c, "%s runs on %u nodes, not on one", key, running);
    }
    (void)snprintf(key, sizeof(key), "default.%s.%u", job->name, wanted_count(job));
    if (count_running(c->sim, key) > 0)
        return no(c, "%s runs, but only %u are wanted", key, wanted_count(job));
    return true;
}

struct claims {
    struct check *check;
    const struct table *table;
    bool is_right;
};

/* A claim of somebody alive must be a task that runs there. */
static int claim_visit(void *ctx, const struct entry *e)
{
    struct claims *claims = ctx;
    struct key_parts parts;
    char key[160];
    if (key_parse(e->key, &parts) < 0) {
        claims->is_right = no(claims->check, "a claim's key does not parse");
        return 1;
    }
    (void)snprintf(key, sizeof(key), "%.*s.%.*s.%u", (int)parts.ns.len,
                   (const char *)parts.ns.at, (int)parts.name.len,
                   (const char *)parts.name.at, parts.index);
    for (unsigned i = 0; i < claims->check->sim->options.nodes; i++) {
        const struct sim_node *n = &claims->check->sim->nodes[i];
        if (!n->node || !node_id_equal(n->id, parts.node))
            continue;
        for (const struct sim_task *t = n->tasks; t; t = t->next)
            if (t->is_running && strcmp(t->key, key) == 0)
                return 0;
        claims->is_right =
            no(claims->check, "%s claims %s and does not run it", n->name, key);
        return 1;
    }
    return 0;
}

static bool jobs_are_known(struct check *c, const struct sim_node *n)
{
    for (size_t i = 0; i < c->sim->n_jobs; i++) {
        const struct sim_job *job = &c->sim->jobs[i];
        struct key key = key_job("default", job->name);
        bool is_known =
            table_get(gossip_table(node_gossip(n->node)), key_bytes(&key)) != NULL;
        if (job->cluster == n->cluster && job->is_acked && !job->is_lost &&
            !job->is_removal_asked && !is_known)
            return no(c, "%s has lost job %s, which was acknowledged", n->name,
                      job->name);
    }
    return true;
}

/* ---- clocks ---- */

static int compare_skews(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* How far ahead of the median of all others, as nobody inside can know it. */
static int64_t true_skew_ms(const struct sim *s, const struct sim_node *of)
{
    int64_t others[SIM_NODES_MAX];
    size_t n = 0;
    for (unsigned i = 0; i < s->options.nodes; i++)
        if (&s->nodes[i] != of && s->nodes[i].node && s->nodes[i].cluster == of->cluster)
            others[n++] = of->skew_ms - s->nodes[i].skew_ms;
    if (n == 0)
        return 0;
    qsort(others, n, sizeof(others[0]), compare_skews);
    int64_t low = others[(n - 1) / 2], high = others[n / 2];
    return low > 0 ? low : high < 0 ? high : 0;
}

/* Who is off refuses, and nobody else does.  Larger clusters compare with some members only. */
static bool clock_is_judged(struct check *c, const struct sim_node *n)
{
    const struct sim_options *o = &c->sim->options;
    int64_t skew_ms = llabs(true_skew_ms(c->sim, n)), error_ms = o->delay_max_ms + 2;
    bool is_trusted = wall_clock_is_trusted(node_wall(n->node));
    if (o->nodes < 1 + WALL_CLOCK_JUDGES || o->nodes > 1 + SKEW_SAMPLES ||
        o->clusters > 1)
        return true;
    if (is_trusted && skew_ms > WALL_CLOCK_REFUSE_MS + error_ms)
        return no(c, "%s trusts its clock, which is off by %lld ms", n->name,
                  (long long)skew_ms);
    if (!is_trusted && skew_ms < WALL_CLOCK_REFUSE_MS - WALL_CLOCK_SLACK_MS - error_ms)
        return no(c, "%s refuses orders, and its clock is off by %lld ms only", n->name,
                  (long long)skew_ms);
    return true;
}

bool checker_is_whole(struct sim *s, char *why, size_t cap)
{
    struct check c = {.sim = s, .why = why, .cap = cap};
    const struct sim_node *first[SIM_CLUSTERS_MAX] = {NULL};
    for (unsigned i = 0; i < s->options.nodes; i++) {
        const struct sim_node *n = &s->nodes[i];
        if (n->node &&
            (!members_agree(&c, n) || !tables_agree(&c, &first[n->cluster], n) ||
             !jobs_are_known(&c, n) || !vars_are_right(s, i, why, cap) ||
             !orders_are_right(s, i, why, cap) || !pairs_are_right(s, i, why, cap)))
            return false;
    }
    return secret_is_settled(s, why, cap);
}

static const struct table *table_of(const struct sim *s, unsigned cluster)
{
    for (unsigned i = 0; i < s->options.nodes; i++)
        if (s->nodes[i].node && s->nodes[i].cluster == cluster)
            return gossip_table(node_gossip(s->nodes[i].node));
    return NULL;
}

bool checker_is_converged(struct sim *s, char *why, size_t cap)
{
    struct check c = {.sim = s, .why = why, .cap = cap};
    if (!checker_is_whole(s, why, cap))
        return false;
    for (unsigned i = 0; i < s->options.nodes; i++)
        if (s->nodes[i].node && !clock_is_judged(&c, &s->nodes[i]))
            return false;
    for (size_t i = 0; i < s->n_jobs; i++)
        if (!s->jobs[i].is_unsure && !s->jobs[i].n_open && !job_is_right(&c, &s->jobs[i]))
            return false;
    for (unsigned cluster = 0; cluster < SIM_CLUSTERS_MAX; cluster++) {
        struct claims claims = {
            .check = &c, .table = table_of(s, cluster), .is_right = true};
        if (claims.table)
            (void)table_each(claims.table, bytes_of_text("claim/"), claim_visit, &claims);
        if (!claims.is_right ||
            (claims.table && !edit_is_taken_over(s, claims.table, why, cap)))
            return false;
    }
    return table_of(s, 0) || no(&c, "no node is up");
}
