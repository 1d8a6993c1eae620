/* What this node refuses, and until when.  See refusals.h. */
#include "agent/refusals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/task_ports.h"
#include "proto/record.h"

enum {
    WALK_MS = 20,      /* between two parts of the walk: it may take a second */
    PROMISE_MS = 2000, /* who was released has taken its port by then */
};

struct refusal {
    struct refusal *next;
    struct key key;
    char ns[NAME_LEN_MAX + 1], name[NAME_LEN_MAX + 1];
    /* Of the job when it was written: another value ends it. */
    struct spec_hash spec;
    uint32_t version;
    uint64_t first_stamp, tried_at;
    uint64_t until_ms;    /* UINT64_MAX: it waits for a port */
    struct port_ask port; /* the fixed one that it waits for; 0 = dynamic ones, */
    size_t n_dynamic;     /* so many */
};

void refusals_init(struct refusals *r, struct node_id id, struct gossip *gossip)
{
    *r = (struct refusals){
        .id = id, .gossip = gossip, .look_ms = UINT64_MAX, .walk_ms = UINT64_MAX};
    r->last = &r->first;
}

static void unlink_one(struct refusals *r, struct refusal **at)
{
    struct refusal *gone = *at;
    *at = gone->next;
    if (r->last == &gone->next)
        r->last = at;
    free(gone);
}

void refusals_fini(struct refusals *r)
{
    while (r->first)
        unlink_one(r, &r->first);
}

static void publish(struct refusals *r, struct moment at, struct key key,
                    struct bytes value, struct node_effects *out)
{
    (void)gossip_publish(r->gossip, at.now_ms, at.at_unix_ms, key_bytes(&key), value,
                         NULL, &out->gossip);
}

static void end_one(struct refusals *r, struct moment at, struct refusal **refusal,
                    struct node_effects *out)
{
    publish(r, at, (*refusal)->key, (struct bytes){0}, out);
    unlink_one(r, refusal);
}

static bool waits_for_port(const struct refusal *f)
{
    return f->until_ms == UINT64_MAX;
}

/* ---- the job it is about ---- */

static bool read_job(const struct refusals *r, const char *ns, const char *name,
                     struct arena *arena, struct job_doc *ret_job,
                     struct control_doc *ret_control)
{
    const struct table *table = gossip_table(r->gossip);
    struct key job = key_job(ns, name), control = key_control(ns, name);
    const struct entry *entry = table_get(table, key_bytes(&job));
    *ret_control = (struct control_doc){0};
    if (!entry || record_decode_job(entry->value, arena, ret_job) < 0)
        return false;
    entry = table_get(table, key_bytes(&control));
    if (entry && record_decode_control(entry->value, ret_control) < 0)
        *ret_control = (struct control_doc){0};
    return true;
}

/* Is the job another one than was refused, or wants somebody it tried again? */
static bool is_void(const struct refusals *r, const struct refusal *f,
                    struct arena *arena)
{
    struct job_doc job;
    struct control_doc control;
    return !read_job(r, f->ns, f->name, arena, &job, &control) || control.is_stopped ||
           !spec_hash_equal(job.spec, f->spec) || job.version != f->version ||
           job.first_stamp != f->first_stamp || control_tried_at(&control) > f->tried_at;
}

/* ---- beginning and ending ---- */

static void say_port(struct refusal *f, const struct work_item *item)
{
    struct port_ask fixed[PORTS_MAX];
    size_t n = task_ports_fixed(item->spec, fixed);
    f->until_ms = UINT64_MAX;
    for (size_t i = 0; i < n; i++)
        if (fixed[i].port == item->blocked_port)
            f->port = fixed[i];
    f->n_dynamic = item->spec->n_ports - n;
}

void refusals_add(struct refusals *r, struct moment at, const struct work_item *item,
                  struct node_effects *out)
{
    uint8_t buf[REASON_LEN_MAX + REASON_WHOLE_MAX + 256];
    struct job_doc job;
    struct control_doc control;
    struct refusal *f = calloc(1, sizeof(*f));
    if (!f || !read_job(r, item->spec->ns, item->spec->name, node_effects_arena(out),
                        &job, &control)) {
        free(f);
        return;
    }
    f->key = key_refuse(r->id, item->spec->ns, item->spec->name, item->index);
    (void)snprintf(f->ns, sizeof(f->ns), "%s", item->spec->ns);
    (void)snprintf(f->name, sizeof(f->name), "%s", item->spec->name);
    f->spec = item->hash;
    f->version = item->version;
    f->first_stamp = job.first_stamp;
    f->tried_at = item->restart_at > item->retry_at ? item->restart_at : item->retry_at;
    f->until_ms = at.now_ms + REFUSE_MS;
    if (item->is_port_refused)
        say_port(f, item);
    struct refuse_doc doc = {.until_unix_ms =
                                 waits_for_port(f) ? 0 : at.at_unix_ms + REFUSE_MS,
                             .is_untried = item->is_untried,
                             .spec = item->hash,
                             .reason = item->life.reason};
    struct writer w = writer_of(buf, sizeof(buf));
    for (struct refusal **old = &r->first; *old; old = &(*old)->next) {
        if (strcmp((*old)->key.text, f->key.text) != 0)
            continue;
        unlink_one(r, old);
        break;
    }
    *r->last = f;
    r->last = &f->next;
    if (waits_for_port(f) && r->look_ms == UINT64_MAX)
        r->look_ms = at.now_ms + LOOK_MS;
    if (record_encode_refuse(&doc, &w) == 0)
        publish(r, at, f->key, writer_done(&w), out);
}

struct sweep {
    const struct refusals *refusals;
    struct arena *arena;
    size_t n_rows;
    struct key *keys;
    size_t n, cap;
};

static int count_row(void *ctx, const struct entry *e)
{
    struct sweep *s = ctx;
    (void)e;
    s->n_rows++;
    return 0;
}

/* Nobody here remembers it: it is of an earlier life. */
static int sweep_row(void *ctx, const struct entry *e)
{
    struct sweep *s = ctx;
    for (const struct refusal *f = s->refusals->first; f; f = f->next)
        if (bytes_equal(key_bytes(&f->key), e->key))
            return 0;
    if (arena_grow(s->arena, (void **)&s->keys, s->n, &s->cap, sizeof(*s->keys)) < 0)
        return 0;
    struct key *doomed = &s->keys[s->n++];
    memcpy(doomed->text, e->key.at, e->key.len);
    doomed->len = e->key.len;
    return 0;
}

static void sweep(struct refusals *r, struct moment at, struct arena *arena, size_t n_own,
                  struct node_effects *out)
{
    char id[NODE_ID_TEXT], prefix[KEY_LEN_MAX];
    struct sweep s = {.refusals = r, .arena = arena};
    const struct table *table = gossip_table(r->gossip);
    (void)snprintf(prefix, sizeof(prefix), "refuse/%s/", node_id_text(r->id, id));
    (void)table_each(table, bytes_of_text(prefix), count_row, &s);
    if (s.n_rows > n_own)
        (void)table_each(table, bytes_of_text(prefix), sweep_row, &s);
    for (size_t i = 0; i < s.n; i++)
        publish(r, at, s.keys[i], (struct bytes){0}, out);
}

uint64_t refusals_review(struct refusals *r, struct moment at, struct node_effects *out)
{
    struct arena arena;
    uint64_t next_ms = UINT64_MAX;
    size_t n = 0;
    arena_init(&arena, 0);
    for (struct refusal **f = &r->first; *f;) {
        if ((*f)->until_ms <= at.now_ms || is_void(r, *f, &arena)) {
            end_one(r, at, f, out);
            continue;
        }
        next_ms = (*f)->until_ms < next_ms ? (*f)->until_ms : next_ms;
        f = &(*f)->next;
        n++;
    }
    sweep(r, at, &arena, n, out);
    arena_fini(&arena);
    return next_ms;
}

/* ---- waiting for ports ---- */

static struct port_ask *ask(size_t n_wanted, struct node_effect **ret_effect,
                            struct node_effects *out)
{
    struct port_ask *asks =
        arena_array(node_effects_arena(out), PORT_ASKS_MAX, sizeof(*asks));
    if (!asks)
        return NULL;
    *ret_effect = node_effects_add(out, NODE_PORTS);
    (*ret_effect)->is_watch = true;
    (*ret_effect)->asks = asks;
    (*ret_effect)->n_wanted = n_wanted;
    return asks;
}

/* What cannot be free: the agent's own, and those of its tasks. */
static struct port_set not_free(const struct work *w)
{
    struct port_set set;
    task_ports_given(w, NULL, &set);
    return set;
}

/* Each port of each protocol once, however many wait for it. */
static void look_for_fixed(struct refusals *r, const struct work *w,
                           struct node_effects *out)
{
    struct port_set set = not_free(w), tcp = {0}, udp = {0};
    struct node_effect *effect;
    struct port_ask *asks = NULL;
    for (const struct refusal *f = r->first; f; f = f->next) {
        struct port_set *asked = f->port.protocols == PORT_UDP ? &udp : &tcp;
        if (!waits_for_port(f) || !f->port.port || port_set_has(&set, f->port.port) ||
            port_set_has(asked, f->port.port))
            continue;
        if (!asks && !(asks = ask(0, &effect, out)))
            return;
        if (effect->n_asks == PORT_ASKS_MAX)
            return; /* those are enough for one look */
        port_set_add(asked, f->port.port);
        asks[effect->n_asks++] = f->port;
    }
}

static bool lacks_dynamic(const struct refusal *f)
{
    return waits_for_port(f) && !f->port.port;
}

static size_t count_wanted(const struct refusals *r)
{
    for (const struct refusal *f = r->first; f; f = f->next)
        if (lacks_dynamic(f))
            return f->n_dynamic < PORTS_MAX ? f->n_dynamic : PORTS_MAX;
    return 0;
}

static struct port_set not_to_walk(const struct refusals *r, const struct work *w)
{
    struct port_set set = not_free(w);
    for (size_t i = 0; i < sizeof(set.bits) / sizeof(set.bits[0]); i++)
        set.bits[i] |= r->promised.bits[i];
    return set;
}

static void walk_on(struct refusals *r, const struct work *w, struct node_effects *out)
{
    size_t n_wanted = count_wanted(r);
    struct node_effect *effect;
    struct port_ask *asks;
    uint16_t ports[PORT_ASKS_MAX];
    r->walk_ms = UINT64_MAX;
    if (n_wanted == 0 || !(asks = ask(n_wanted - r->n_found, &effect, out)))
        return;
    struct port_set set = not_to_walk(r, w);
    size_t n = port_draw_ask(&r->draw, &set, ports, PORT_ASKS_MAX);
    for (size_t i = 0; i < n; i++)
        asks[i] = (struct port_ask){ports[i], PORT_TCP | PORT_UDP, false};
    effect->n_asks = n;
    r->is_walking = true;
}

void refusals_look(struct refusals *r, struct work *w, struct moment at,
                   struct node_effects *out)
{
    if (at.now_ms >= r->walk_ms)
        walk_on(r, w, out);
    if (at.now_ms < r->look_ms)
        return;
    bool has_any = false;
    for (const struct refusal *f = r->first; f; f = f->next)
        has_any |= waits_for_port(f);
    r->look_ms = has_any ? at.now_ms + LOOK_MS : UINT64_MAX;
    if (at.now_ms >= r->promised_ms + PROMISE_MS)
        r->promised = (struct port_set){0};
    look_for_fixed(r, w, out);
    bool is_on_its_way = r->is_walking && r->walk_ms != UINT64_MAX;
    if (is_on_its_way || count_wanted(r) == 0)
        return;
    const struct port_range range = {w->options.port_min, w->options.port_max};
    port_draw_begin(&r->draw, range, r->freed, PORTS_MAX, false, &w->rng);
    memset(r->freed, 0, sizeof(r->freed));
    r->n_found = 0;
    walk_on(r, w, out);
}

static void release_fixed(struct refusals *r, struct moment at,
                          const struct port_ask *ask, struct node_effects *out)
{
    for (struct refusal **f = &r->first; *f;) {
        bool is_it = waits_for_port(*f) && (*f)->port.port == ask->port &&
                     (*f)->port.protocols == ask->protocols;
        if (is_it) {
            end_one(r, at, f,
                    out); /* of several one is placed first, the others wait again */
            return;
        }
        f = &(*f)->next;
    }
}

/* The oldest first, but one that wants more than there is keeps no other waiting. */
static void release_dynamic(struct refusals *r, struct moment at,
                            struct node_effects *out)
{
    for (struct refusal **f = &r->first; *f && r->n_found;) {
        if (!lacks_dynamic(*f) || (*f)->n_dynamic > r->n_found) {
            f = &(*f)->next;
            continue;
        }
        for (size_t i = 0; i < (*f)->n_dynamic; i++)
            port_set_add(&r->promised, r->found[--r->n_found]);
        r->promised_ms = at.now_ms;
        end_one(r, at, f, out);
    }
}

void refusals_answer(struct refusals *r, const struct work *w, struct moment at,
                     const struct port_ask *asks, const enum port_state *states, size_t n,
                     struct node_effects *out)
{
    struct port_set set = not_to_walk(r, w);
    uint16_t next;
    size_t place;
    bool is_walk = r->is_walking && (n == 0 || !asks[0].is_fixed);
    for (size_t i = 0; i < n; i++) {
        if (asks[i].is_fixed && states[i] != PORT_TAKEN)
            release_fixed(r, at, &asks[i], out);
        if (asks[i].is_fixed)
            continue;
        (void)port_draw_answer(&r->draw, asks[i].port, states[i], &place);
        bool is_found = states[i] != PORT_TAKEN && !port_set_has(&set, asks[i].port);
        if (is_found && r->n_found < PORTS_MAX)
            r->found[r->n_found++] = asks[i].port;
    }
    if (!is_walk)
        return;
    size_t n_wanted = count_wanted(r);
    bool is_over = port_draw_ask(&r->draw, &set, &next, 1) == 0;
    if (!is_over && r->n_found < n_wanted) {
        r->walk_ms = at.now_ms + WALK_MS;
        return;
    }
    bool has_enough = n_wanted && r->n_found >= n_wanted;
    release_dynamic(r, at, out);
    r->is_walking = false;
    if (has_enough && count_wanted(r)) /* there may be more */
        r->look_ms = at.now_ms;
}

void refusals_hurry(struct refusals *r, uint64_t now_ms, const struct work_item *freed)
{
    if (r->look_ms == UINT64_MAX)
        return;
    r->look_ms = now_ms;
    r->is_walking = false; /* it may have passed them */
    for (size_t i = 0, at = 0; i < freed->spec->n_ports; i++) {
        while (at < PORTS_MAX - 1 && r->freed[at])
            at++;
        r->freed[at] = freed->ports[i].port;
    }
}

uint64_t refusals_deadline_ms(const struct refusals *r)
{
    return r->look_ms < r->walk_ms ? r->look_ms : r->walk_ms;
}
