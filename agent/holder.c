/* What this node holds, from plan to task to claim.  See holder.h. */
#include "agent/holder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "proto/record.h"
#include "proto/seal.h"
#include "sched/act.h"

enum {
    SETTLE_CAP_MS = 1000, /* a view that never rests is planned this often all the same */
    REFUSE_MS = 60000,    /* an instance that kept failing here stays away this long */
    REPLAN_MAX_MS =
        60000, /* what waits for a time of day is looked at again by then: clocks are set */
    PLAN_ARENA_MAX = 512 << 20, /* a view of the largest cluster */
};

int holder_init(struct holder *h, const struct holder_options *options)
{
    *h = (struct holder){.options = *options, .specs = spec_cache_new()};
    work_init(&h->work, &options->work, options->seed);
    hold_init(&h->hold, options->hold_ms);
    return h->specs ? 0 : -ENOMEM;
}

void holder_fini(struct holder *h)
{
    work_fini(&h->work);
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
    bool was_asking = hold_is_asking(&h->hold, now_ms);
    bool is_deaf =
        live > 1 && now_ms - gossip_newest_ms(h->options.gossip) > h->options.silence_ms;
    if (state == MEMBER_DEAD && was != MEMBER_DEAD)
        hold_death(&h->hold, now_ms, live, members_count_state(m, MEMBER_DEAD), is_deaf);
    else if (state == MEMBER_ALIVE)
        hold_return(&h->hold, now_ms, live, members_count_state(m, MEMBER_DEAD));
    if (!was_asking && hold_is_asking(&h->hold, now_ms))
        gossip_census(h->options.gossip, now_ms, h->options.hold_ms, out);
    holder_set_dirty(h, now_ms);
}

/* Are most of the others there? */
static void read_census(struct holder *h, uint64_t now_ms)
{
    const struct members *m = gossip_members(h->options.gossip);
    size_t n_asked, n_missed = gossip_census_missed(h->options.gossip, &n_asked);
    if (!hold_census(&h->hold, now_ms, count_live(m), members_count_state(m, MEMBER_DEAD),
                     n_asked, n_missed))
        return;
    gossip_census_end(h->options.gossip);
    holder_set_dirty(h, now_ms);
}

void holder_ready(struct holder *h, uint64_t now_ms)
{
    const struct members *m = gossip_members(h->options.gossip);
    hold_wake(&h->hold, now_ms, count_live(m), members_count_state(m, MEMBER_DEAD));
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
                                       hold_is_on(&h->hold, at.now_ms) ||
                                       hold_is_asking(&h->hold, at.now_ms)};
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
    struct writer w = writer_of(buf, sizeof(buf));
    if (record_encode_claim(&claim, &w) < 0)
        return;
    struct key key =
        key_claim(h->options.id, item->spec->ns, item->spec->name, item->index);
    if (publish(h, at, key, writer_done(&w), out) == 0)
        item->is_unpublished = false;
}

static void publish_refusal(struct holder *h, struct moment at,
                            const struct work_item *item, struct node_effects *out)
{
    uint8_t buf[512];
    struct refuse_doc doc = {.until_unix_ms = at.at_unix_ms + REFUSE_MS,
                             .spec = item->hash,
                             .reason = item->life.reason};
    struct writer w = writer_of(buf, sizeof(buf));
    if (record_encode_refuse(&doc, &w) < 0)
        return;
    (void)publish(
        h, at, key_refuse(h->options.id, item->spec->ns, item->spec->name, item->index),
        writer_done(&w), out);
}

/* ---- specs for work ---- */

/* The body of one version, or an empty view when the table does not have it. */
static struct bytes spec_body(const struct holder *h, const char *ns, const char *name,
                              struct spec_hash hash)
{
    struct key key = key_spec(ns, name, hash);
    const struct entry *entry =
        table_get(gossip_table(h->options.gossip), key_bytes(&key));
    return entry ? entry->value : (struct bytes){0};
}

static int current_order(const struct holder *h, const struct view_job *job,
                         uint32_t index, uint64_t generation,
                         struct work_order *ret_order)
{
    *ret_order =
        (struct work_order){.ns = job->ns,
                            .name = job->name,
                            .index = index,
                            .generation = generation,
                            .hash = job->doc.spec,
                            .version = job->doc.version,
                            .restart_at = job->control.restart_at,
                            .body = spec_body(h, job->ns, job->name, job->doc.spec)};
    return ret_order->body.at ? 0 : ERR_NOT_FOUND;
}

bool holder_adopt(struct holder *h, struct moment at, const char *key, uint32_t pid,
                  uint64_t started_unix_ms, struct bytes note)
{
    struct arena arena;
    struct claim_doc claim;
    struct bytes body;
    char text[WORK_KEY_MAX];
    const char *dot = strchr(key, '.'), *last = strrchr(key, '.');
    if (!dot || dot == last || strlen(key) >= sizeof(text))
        return false;
    memcpy(text, key, strlen(key) + 1);
    text[dot - key] = text[last - key] = '\0';
    arena_init(&arena, ENTRY_LEN_MAX);
    bool is_known = work_note_read(note, &arena, &claim, &body) == 0 &&
                    spec_hash_equal(spec_hash_of(body), claim.spec);
    if (is_known) {
        const char *ns = text, *name = text + (dot - key) + 1;
        claim.started_unix_ms = started_unix_ms;
        struct work_order order = {.ns = ns,
                                   .name = name,
                                   .index = (uint32_t)strtoul(last + 1, NULL, 10),
                                   .generation = claim.generation,
                                   .hash = claim.spec,
                                   .version = claim.version,
                                   .restart_at = claim.restart_at,
                                   .body = body};
        is_known = work_adopt(&h->work, at, &order, &claim, pid) == 0;
    }
    arena_fini(&arena);
    return is_known;
}

/* ---- deciding and acting ---- */

static void act_start(struct holder *h, struct moment at, const struct view *v,
                      const struct act *act, struct node_effects *out)
{
    struct work_order order;
    if (current_order(h, &v->jobs[act->job], act->index, act->generation, &order) == 0)
        (void)work_start(&h->work, at, &order, out);
}

static void perform_acts(struct holder *h, struct moment at, const struct view *v,
                         const struct act *acts, size_t n_acts, struct node_effects *out)
{
    for (size_t i = 0; i < n_acts; i++) {
        const struct act *act = &acts[i];
        char key[WORK_KEY_MAX];
        struct work_item *item =
            work_find(&h->work, work_key(act->ns, act->name, act->index, key));
        if (act->kind == ACT_START && !item)
            act_start(h, at, v, act, out);
        else if (act->kind == ACT_STOP && item)
            work_stop(&h->work, item, at, act->reason, out);
        else if (act->kind == ACT_REPLACE && item)
            work_replace(&h->work, item, at, act->reason, out);
    }
}

struct sweep {
    struct holder *holder;
    struct arena *arena;
    struct moment at;
    uint64_t next_unix_ms;
    struct key *keys;
    size_t n, cap;
};

static void sweep_add(struct sweep *s, struct bytes key)
{
    if (arena_grow(s->arena, (void **)&s->keys, s->n, &s->cap, sizeof(*s->keys)) < 0)
        return;
    struct key *doomed = &s->keys[s->n++];
    memcpy(doomed->text, key.at, key.len);
    doomed->len = key.len;
}

static int sweep_refusal(void *ctx, const struct entry *e)
{
    struct sweep *s = ctx;
    struct refuse_doc doc;
    uint64_t now = s->at.at_unix_ms;
    /* One that ends later than any written now was written before the clock was set back. */
    if (record_decode_refuse(e->value, s->arena, &doc) < 0 || doc.until_unix_ms <= now ||
        doc.until_unix_ms > now + REFUSE_MS)
        sweep_add(s, e->key);
    else if (s->next_unix_ms == 0 || doc.until_unix_ms < s->next_unix_ms)
        s->next_unix_ms = doc.until_unix_ms;
    return 0;
}

static int sweep_claim(void *ctx, const struct entry *e)
{
    struct sweep *s = ctx;
    struct key_parts parts;
    char key[WORK_KEY_MAX];
    if (key_parse(e->key, &parts) < 0)
        return 0;
    char *ns = arena_text_of(s->arena, parts.ns),
         *name = arena_text_of(s->arena, parts.name);
    if (ns && name && !work_find(&s->holder->work, work_key(ns, name, parts.index, key)))
        sweep_add(s, e->key);
    return 0;
}

/* Decide again when the wall clock says `at_unix_ms`, or earlier; 0 = no need. */
static void replan_by(struct holder *h, struct moment at, uint64_t at_unix_ms)
{
    uint64_t wait_ms = at_unix_ms > at.at_unix_ms ? at_unix_ms - at.at_unix_ms : 1;
    if (wait_ms > REPLAN_MAX_MS)
        wait_ms = REPLAN_MAX_MS;
    if (at_unix_ms && (!h->replan_ms || at.now_ms + wait_ms < h->replan_ms))
        h->replan_ms = at.now_ms + wait_ms;
}

/* Own refusals that are over, and (once, after a start) own claims whose task did not survive. */
static void sweep_own_rows(struct holder *h, struct moment at, struct arena *arena,
                           struct node_effects *out)
{
    char id[NODE_ID_TEXT], prefix[KEY_LEN_MAX] = "refuse/";
    struct sweep s = {.holder = h, .arena = arena, .at = at};
    strcat(prefix, node_id_text(h->options.id, id));
    (void)table_each(gossip_table(h->options.gossip), bytes_of_text(prefix),
                     sweep_refusal, &s);
    if (!h->is_cleaned) {
        h->is_cleaned = true;
        strcpy(prefix, "claim/");
        strcat(prefix, id);
        (void)table_each(gossip_table(h->options.gossip), bytes_of_text(prefix),
                         sweep_claim, &s);
    }
    for (size_t i = 0; i < s.n; i++)
        (void)publish(h, at, s.keys[i], (struct bytes){0}, out);
    h->replan_ms = 0;
    replan_by(h, at, s.next_unix_ms);
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
    sweep_own_rows(h, at, &arena, out);
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

bool holder_step(struct holder *h, struct moment at, struct node_effects *out)
{
    if (h->replan_ms && at.now_ms >= h->replan_ms) {
        h->replan_ms = 0;
        holder_set_dirty(h, at.now_ms);
    }
    if (hold_is_asking(&h->hold, at.now_ms))
        read_census(h, at.now_ms);
    if (h->hold.asking_until_ms && !hold_is_asking(&h->hold, at.now_ms)) {
        h->hold.asking_until_ms = 0;
        holder_set_dirty(h, at.now_ms);
    }
    if (h->hold.until_ms && !hold_is_on(&h->hold, at.now_ms)) {
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
                            hold_deadline_ms(&h->hold),
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
    struct work_order order;
    if (!entry || !job.ns || !job.name ||
        record_decode_job(entry->value, arena, &job.doc) < 0)
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
        publish_refusal(h, at, item, out);
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
