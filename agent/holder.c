/* What this node holds, from plan to task to claim.  See holder.h. */
#include "agent/holder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "proto/record.h"
#include "proto/seal.h"
#include "sched/act.h"

enum {
    SETTLE_CAP_MS = 1000, /* a view that never rests is planned this often all the same */
    PLAN_ARENA_MAX = 512 << 20, /* a view of the largest cluster */
    AMENDS_MAX =
        50, /* in one step, each reads a spec; the rest follows when these are told */
};

int holder_init(struct holder *h, const struct holder_options *options)
{
    *h = (struct holder){.options = *options, .specs = spec_cache_new()};
    work_init(&h->work, &options->work, options->seed);
    mass_failure_init(&h->hold, options->hold_ms);
    refusals_init(&h->refusals, options->id, options->gossip);
    return h->specs ? 0 : -ENOMEM;
}

void holder_fini(struct holder *h)
{
    work_fini(&h->work);
    refusals_fini(&h->refusals);
    aways_fini(&h->aways);
    spec_cache_free(h->specs);
    h->specs = NULL;
}

void holder_set_dirty(struct holder *h, uint64_t now_ms)
{
    h->dirty_last_ms = now_ms ? now_ms : 1;
    if (h->dirty_since_ms == 0)
        h->dirty_since_ms = h->dirty_last_ms;
}

static size_t count_live(const struct members *m)
{
    return members_count_state(m, MEMBER_ALIVE) + members_count_state(m, MEMBER_SUSPECT);
}

void holder_member(struct holder *h, uint64_t now_ms, enum member_state state,
                   enum member_state was, struct gossip_effects *out)
{
    const struct members *m = gossip_members(h->options.gossip);
    size_t live = count_live(m);
    bool was_asking = mass_failure_is_asking(&h->hold, now_ms);
    bool is_deaf =
        live > 1 && now_ms - gossip_newest_ms(h->options.gossip) > h->options.silence_ms;
    if (state == MEMBER_DEAD && was != MEMBER_DEAD)
        mass_failure_death(&h->hold, now_ms, live, members_count_state(m, MEMBER_DEAD),
                           is_deaf);
    else if (state == MEMBER_ALIVE)
        mass_failure_return(&h->hold, now_ms, live, members_count_state(m, MEMBER_DEAD));
    if (!was_asking && mass_failure_is_asking(&h->hold, now_ms))
        gossip_census(h->options.gossip, now_ms, h->options.hold_ms, out);
    holder_set_dirty(h, now_ms);
}

/* Are most of the others there? */
static void read_census(struct holder *h, uint64_t now_ms)
{
    const struct members *m = gossip_members(h->options.gossip);
    size_t n_asked, n_missed = gossip_census_missed(h->options.gossip, &n_asked);
    if (!mass_failure_census(&h->hold, now_ms, count_live(m),
                             members_count_state(m, MEMBER_DEAD), n_asked, n_missed))
        return;
    gossip_census_end(h->options.gossip);
    holder_set_dirty(h, now_ms);
}

void holder_ready(struct holder *h, uint64_t now_ms)
{
    const struct members *m = gossip_members(h->options.gossip);
    mass_failure_wake(&h->hold, now_ms, count_live(m),
                      members_count_state(m, MEMBER_DEAD));
    holder_set_dirty(h, now_ms);
}

bool holder_is_idle(const struct holder *h)
{
    /* Before the first sync nothing is decided, and nothing will be. */
    return h->work.n_items == 0 &&
           (h->dirty_since_ms == 0 || !gossip_is_ready(h->options.gossip));
}

int holder_view(struct holder *h, struct moment at, struct arena *arena,
                struct view *ret_view)
{
    (void)aways_update(&h->aways, gossip_members(h->options.gossip),
                       gossip_table(h->options.gossip), arena, at.now_ms);
    struct view_options options = {.self = h->options.id,
                                   .now_ms = at.now_ms,
                                   .aways = &h->aways,
                                   .is_takeover_held =
                                       mass_failure_is_on(&h->hold, at.now_ms) ||
                                       mass_failure_is_asking(&h->hold, at.now_ms)};
    return view_build(gossip_members(h->options.gossip), gossip_table(h->options.gossip),
                      h->specs, &options, arena, ret_view);
}

/* ---- claims and refusals ---- */

static int publish(struct holder *h, struct moment at, struct key key, struct bytes value,
                   struct node_effects *out)
{
    return gossip_publish(h->options.gossip, at.now_ms, at.at_unix_ms, key_bytes(&key),
                          value, NULL, &out->gossip);
}

static void publish_claim(struct holder *h, struct moment at, struct work_item *item,
                          struct node_effects *out)
{
    uint8_t buf[8192];
    struct claim_doc claim = work_claim(item);
    uint64_t deadline_ms = item->life.deadline_ms;
    if (claim.state == INSTANCE_PENDING && deadline_ms > at.now_ms)
        claim.again_unix_ms = at.at_unix_ms + deadline_ms - at.now_ms;
    struct writer w = writer_of(buf, sizeof(buf));
    if (record_encode_claim(&claim, &w) < 0)
        return;
    struct key key =
        key_claim(h->options.id, item->spec->ns, item->spec->name, item->index);
    if (publish(h, at, key, writer_done(&w), out) == 0)
        item->is_unpublished = false;
}

/* ---- specs for work ---- */

struct bytes holder_spec(const struct holder *h, const char *ns, const char *name,
                         struct spec_hash hash)
{
    struct key key = key_spec(ns, name, hash);
    const struct entry *entry =
        table_get(gossip_table(h->options.gossip), key_bytes(&key));
    return entry ? entry->value : (struct bytes){0};
}

static int current_order(const struct holder *h, const struct view_job *job,
                         uint32_t index, uint64_t generation,
                         struct assignment *ret_order)
{
    *ret_order =
        (struct assignment){.ns = job->ns,
                            .name = job->name,
                            .index = index,
                            .generation = generation,
                            .hash = job->doc.spec,
                            .version = job->doc.version,
                            .restart_at = job->control.restart_at,
                            .retry_at = job->control.retry_at,
                            .born = job->doc.born ? job->doc.born : BORN_BEFORE,
                            .body = holder_spec(h, job->ns, job->name, job->doc.spec)};
    return ret_order->body.at ? 0 : ERR_NOT_FOUND;
}

/* ---- deciding and acting ---- */

static void act_start(struct holder *h, struct moment at, const struct view *v,
                      const struct act *act, struct node_effects *out)
{
    struct assignment order;
    if (current_order(h, &v->jobs[act->job], act->index, act->generation, &order) == 0)
        (void)work_start(&h->work, at, &order, out);
}

/* Would the job's spec start the very task that the item runs?  The item knows best what that is: the
 * table may have forgotten the body, or show a claim of an earlier life. */
static bool is_same_task(struct holder *h, const struct work_item *item,
                         const struct view_job *j)
{
    if (spec_hash_equal(item->hash, j->doc.spec))
        return true;
    struct bytes body = holder_spec(h, j->ns, j->name, j->doc.spec);
    return body.at &&
           spec_edit(item->spec, spec_task_hash(item->spec), j->spec,
                     spec_cache_task(h->specs, j->doc.spec, body)) != EDIT_RESTART;
}

static void act_amend(struct holder *h, struct moment at, const struct view_job *j,
                      struct work_item *item, struct node_effects *out)
{
    struct assignment order;
    bool is_there =
        spec_hash_equal(item->hash, j->doc.spec) && item->version == j->doc.version;
    if (!is_there && current_order(h, j, item->index, item->generation, &order) == 0)
        (void)work_amend(&h->work, item, at, &order, out);
}

/* Of another version, or from before a restart: start it anew, unless it need not notice. */
static void act_on_own(struct holder *h, struct moment at, const struct view *v,
                       const struct act *act, struct work_item *item, size_t *n_amends,
                       struct node_effects *out)
{
    const struct view_job *j = &v->jobs[act->job];
    bool is_restart =
        act->kind == ACT_REPLACE && item->restart_at < j->control.restart_at;
    if (!is_restart && is_same_task(h, item, j)) {
        if (*n_amends < AMENDS_MAX)
            act_amend(h, at, j, item, out);
        ++*n_amends;
    } else if (act->kind == ACT_REPLACE) {
        work_replace(&h->work, item, at, act->reason, out);
    }
}

static void perform_acts(struct holder *h, struct moment at, const struct view *v,
                         const struct act *acts, size_t n_acts, struct node_effects *out)
{
    size_t n_amends = 0;
    for (size_t i = 0; i < n_acts; i++) {
        const struct act *act = &acts[i];
        char key[WORK_KEY_MAX];
        struct work_item *item =
            work_find(&h->work, work_key(act->ns, act->name, act->index, key));
        if (act->kind == ACT_START && !item)
            act_start(h, at, v, act, out);
        else if (act->kind == ACT_STOP && item)
            work_stop(&h->work, item, at, act->reason, out);
        else if ((act->kind == ACT_REPLACE || act->kind == ACT_AMEND) && item)
            act_on_own(h, at, v, act, item, &n_amends, out);
    }
}

struct sweep {
    struct holder *holder;
    struct arena *arena;
    struct key *keys;
    size_t n, cap;
};

static int sweep_claim(void *ctx, const struct entry *e)
{
    struct sweep *s = ctx;
    struct key_parts parts;
    char key[WORK_KEY_MAX];
    if (key_parse(e->key, &parts) < 0)
        return 0;
    char *ns = arena_text_of(s->arena, parts.ns),
         *name = arena_text_of(s->arena, parts.name);
    if (!ns || !name ||
        work_find(&s->holder->work, work_key(ns, name, parts.index, key)) ||
        arena_grow(s->arena, (void **)&s->keys, s->n, &s->cap, sizeof(*s->keys)) < 0)
        return 0;
    struct key *doomed = &s->keys[s->n++];
    memcpy(doomed->text, e->key.at, e->key.len);
    doomed->len = e->key.len;
    return 0;
}

void holder_own_claim(struct holder *h, struct bytes key)
{
    char text[WORK_KEY_MAX], ns[KEY_LEN_MAX], name[KEY_LEN_MAX];
    struct key_parts parts;
    if (!table_get(gossip_table(h->options.gossip), key) || key_parse(key, &parts) < 0)
        return;
    (void)snprintf(ns, sizeof(ns), "%.*s", (int)parts.ns.len, (const char *)parts.ns.at);
    (void)snprintf(name, sizeof(name), "%.*s", (int)parts.name.len,
                   (const char *)parts.name.at);
    if (!work_find(&h->work, work_key(ns, name, parts.index, text)))
        h->is_cleaned = false;
}

/* After a start, and when such claims come back: those whose task did not survive. */
static void sweep_claims(struct holder *h, struct moment at, struct arena *arena,
                         struct node_effects *out)
{
    char id[NODE_ID_TEXT], prefix[KEY_LEN_MAX] = "claim/";
    struct sweep s = {.holder = h, .arena = arena};
    if (h->is_cleaned)
        return;
    h->is_cleaned = true;
    strcat(prefix, node_id_text(h->options.id, id));
    (void)table_each(gossip_table(h->options.gossip), bytes_of_text(prefix), sweep_claim,
                     &s);
    for (size_t i = 0; i < s.n; i++)
        (void)publish(h, at, s.keys[i], (struct bytes){0}, out);
}

/* Somebody has ordered what is held here again, as it is: what failed is tried anew at once. */
static void hurry_items(struct holder *h, struct moment at, const struct view *v)
{
    for (struct work_item *item = h->work.items; item; item = item->next) {
        uint32_t job = view_find_job(v, item->spec->ns, item->spec->name);
        if (job != VIEW_NONE && v->jobs[job].control.retry_at > item->retry_at)
            work_retry(&h->work, item, at, v->jobs[job].control.retry_at);
    }
}

static void decide(struct holder *h, struct moment at, struct node_effects *out)
{
    struct arena arena;
    struct view v;
    struct plan plan;
    struct act *acts;
    size_t n_acts;
    arena_init(&arena, PLAN_ARENA_MAX);
    h->dirty_since_ms = h->dirty_last_ms = 0;
    sweep_claims(h, at, &arena, out);
    uint64_t refused_ms = refusals_review(&h->refusals, at, out);
    h->replan_ms = refused_ms == UINT64_MAX ? 0 : refused_ms;
    if (holder_view(h, at, &arena, &v) < 0 || plan_make(&v, &arena, &plan) < 0 ||
        act_decide(&v, &plan, &arena, &acts, &n_acts) < 0) {
        h->options.work.metrics->drop_bound++;
        holder_set_dirty(h, at.now_ms); /* try again after the settle time */
        goto out;
    }
    h->options.work.metrics->plans++;
    if (v.next_change_ms && (!h->replan_ms || v.next_change_ms < h->replan_ms))
        h->replan_ms = v.next_change_ms;
    perform_acts(h, at, &v, acts, n_acts, out);
    hurry_items(h, at, &v);
    h->work.is_held = false; /* what others have taken over is stopped by now */
    spec_cache_trim(h->specs);
out:
    arena_fini(&arena);
}

static uint64_t decide_deadline_ms(const struct holder *h)
{
    if (h->dirty_since_ms == 0 || !gossip_is_ready(h->options.gossip))
        return UINT64_MAX;
    uint64_t quiet = h->dirty_last_ms + h->options.settle_ms;
    uint64_t cap = h->dirty_since_ms + SETTLE_CAP_MS;
    return quiet < cap ? quiet : cap;
}

void holder_ports(struct holder *h, struct moment at, const struct node_effect *asked,
                  const enum port_state *states, size_t n, struct node_effects *out)
{
    if (asked->is_watch)
        refusals_answer(&h->refusals, &h->work, at, asked->asks, states, n, out);
    else
        work_ports(&h->work, at, asked->key, asked->asks, states, n, out);
}

bool holder_step(struct holder *h, struct moment at, struct node_effects *out)
{
    refusals_look(&h->refusals, &h->work, at, out);
    if (h->replan_ms && at.now_ms >= h->replan_ms) {
        h->replan_ms = 0;
        holder_set_dirty(h, at.now_ms);
    }
    if (mass_failure_is_asking(&h->hold, at.now_ms))
        read_census(h, at.now_ms);
    if (h->hold.asking_until_ms && !mass_failure_is_asking(&h->hold, at.now_ms)) {
        h->hold.asking_until_ms = 0;
        holder_set_dirty(h, at.now_ms);
    }
    if (h->hold.until_ms && !mass_failure_is_on(&h->hold, at.now_ms)) {
        h->hold.until_ms = 0;
        holder_set_dirty(h, at.now_ms);
    }
    if (decide_deadline_ms(h) > at.now_ms)
        return false;
    decide(h, at, out);
    return true;
}

uint64_t holder_deadline_ms(const struct holder *h)
{
    uint64_t deadlines[] = {work_deadline_ms(&h->work), decide_deadline_ms(h),
                            mass_failure_deadline_ms(&h->hold),
                            refusals_deadline_ms(&h->refusals),
                            h->replan_ms ? h->replan_ms : UINT64_MAX};
    uint64_t deadline = UINT64_MAX;
    for (size_t i = 0; i < sizeof(deadlines) / sizeof(deadlines[0]); i++)
        deadline = deadlines[i] < deadline ? deadlines[i] : deadline;
    return deadline;
}

/* ---- claims follow the work ---- */

static bool renew(struct holder *h, struct moment at, struct work_item *item,
                  struct node_effects *out)
{
    const char *ns = item->spec->ns, *name = item->spec->name;
    struct arena *arena = node_effects_arena(out);
    struct key key = key_job(ns, name), control_key = key_control(ns, name);
    const struct entry *entry =
        table_get(gossip_table(h->options.gossip), key_bytes(&key));
    struct view_job job = {.ns = arena_text(arena, ns), .name = arena_text(arena, name)};
    struct assignment order;
    if (!entry || !job.ns || !job.name ||
        record_decode_job(entry->value, arena, &job.doc) < 0 ||
        born_differs(job.doc.born, item->born)) /* removed, and made again */
        return false;
    entry = table_get(gossip_table(h->options.gossip), key_bytes(&control_key));
    if (entry)
        (void)record_decode_control(entry->value, &job.control);
    return current_order(h, &job, item->index, item->generation, &order) == 0 &&
           work_renew(&h->work, item, at, &order, out) == 0;
}

static void finish_item(struct holder *h, struct moment at, struct work_item *item,
                        struct node_effects *out)
{
    if (item->is_replacing && renew(h, at, item, out))
        return;
    if (item->is_replacing) {
        struct node_effect *effect = node_effects_add(out, NODE_REMOVE);
        effect->key = arena_text(node_effects_arena(out), item->key);
    }
    if (item->gave_up)
        refusals_add(&h->refusals, at, item, out);
    refusals_hurry(&h->refusals, at.now_ms, item);
    (void)publish(h, at,
                  key_claim(h->options.id, item->spec->ns, item->spec->name, item->index),
                  (struct bytes){0}, out);
    work_remove(&h->work, item);
    holder_set_dirty(h, at.now_ms);
}

void holder_publish(struct holder *h, struct moment at, struct node_effects *out)
{
    for (struct work_item *item = h->work.items, *next; item; item = next) {
        next = item->next;
        if (item->is_gone)
            finish_item(h, at, item, out);
    }
    for (struct work_item *item = h->work.items; item; item = item->next)
        if (item->is_unpublished)
            publish_claim(h, at, item, out);
}
