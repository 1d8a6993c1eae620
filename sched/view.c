/* The view, decoded from members and table.  See view.h; its nodes are made in view_nodes.c.
 *
 * Here sched looks at the table, and nowhere else but in view_nodes.c and away.c.  Each kind of document is counted
 * first, so that arrays are made once at their right size: a view of the largest cluster should
 * not need twice its memory. */
#include "sched/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/record.h"
#include "sched/view_nodes.h"

struct build {
    const struct members *members;
    const struct table *table;
    struct spec_cache *cache;
    const struct view_options *options;
    struct arena *arena;
    struct view *view; /* the finished parts, for looking up */
    struct view_job *jobs;
    struct view_claim *claims;
    struct view_refuse *refusals;
    struct view_orphan *orphans;
    struct view_past *past;
    size_t n_jobs, n_claims, n_refusals, n_orphans, n_past;
    struct known_edit *edits; /* by job */
    int error;                /* -ENOMEM, when a visitor met it */
};

/* Of the claims that are not of the job's spec nearly all are of the same one: the one before. */
struct known_edit {
    struct spec_hash from; /* all zero: none yet */
    enum edit edit;
};

static int count_entry(void *ctx, const struct entry *e)
{
    (void)e;
    ++*(size_t *)ctx;
    return 0;
}

static size_t count_entries(const struct table *t, const char *prefix)
{
    size_t n = 0;
    (void)table_each(t, bytes_of_text(prefix), count_entry, &n);
    return n;
}

/* ---- jobs ---- */

static struct bytes body_of(const struct build *b, const struct view_job *j,
                            struct spec_hash hash)
{
    struct key key = key_spec(j->ns, j->name, hash);
    const struct entry *body = table_get(b->table, key_bytes(&key));
    return body ? body->value : (struct bytes){0};
}

static const struct job_spec *find_spec(const struct build *b, const struct view_job *j)
{
    struct bytes body = body_of(b, j, j->doc.spec);
    const struct job_spec *spec =
        body.at ? spec_cache_get(b->cache, j->doc.spec, body) : NULL;
    bool is_ours =
        spec && strcmp(spec->name, j->name) == 0 && strcmp(spec->ns, j->ns) == 0;
    return is_ours ? spec : NULL;
}

/* A control that cannot be read may say "stopped": then nothing is decided either. */
static bool read_control(const struct build *b, struct view_job *j)
{
    struct key key = key_control(j->ns, j->name);
    const struct entry *entry = table_get(b->table, key_bytes(&key));
    if (!entry)
        return true;
    if (record_decode_control(entry->value, &j->control) == 0)
        return true;
    j->control = (struct control_doc){0};
    return false;
}

static int visit_job(void *ctx, const struct entry *e)
{
    struct build *b = ctx;
    struct key_parts parts;
    if (key_parse(e->key, &parts) < 0 || parts.kind != KEY_JOB)
        return 0;
    struct view_job j = {.ns = arena_text_of(b->arena, parts.ns),
                         .name = arena_text_of(b->arena, parts.name)};
    if (!j.ns || !j.name)
        return b->error = -ENOMEM;
    if (record_decode_job(e->value, b->arena, &j.doc) < 0)
        j.doc = (struct job_doc){0};
    else if (read_control(b, &j))
        j.spec = find_spec(b, &j);
    if (j.spec && !j.control.is_stopped)
        j.count = j.control.has_count ? j.control.count : j.spec->count;
    b->jobs[b->n_jobs++] = j;
    return 0;
}

static int compare_name(const struct view_job *x, const struct view_job *y)
{
    int order = strcmp(x->ns, y->ns);
    return order != 0 ? order : strcmp(x->name, y->name);
}

/* Priority descending, age, name; jobs that cannot be read come last. */
static int compare_job(const void *a, const void *b)
{
    const struct view_job *x = a, *y = b;
    uint32_t px = x->spec ? x->spec->priority : 0, py = y->spec ? y->spec->priority : 0;
    if (px != py)
        return px > py ? -1 : 1;
    if (x->doc.first_stamp != y->doc.first_stamp)
        return x->doc.first_stamp < y->doc.first_stamp ? -1 : 1;
    return compare_name(x, y);
}

struct named_job {
    const struct view_job *job;
};

static int compare_named(const void *a, const void *b)
{
    const struct named_job *x = a, *y = b;
    return compare_name(x->job, y->job);
}

static int build_index(struct build *b)
{
    uint32_t *by_name = arena_array(b->arena, b->n_jobs + 1, sizeof(*by_name));
    struct named_job *named = arena_array(b->arena, b->n_jobs + 1, sizeof(*named));
    if (!by_name || !named)
        return -ENOMEM;
    for (size_t i = 0; i < b->n_jobs; i++)
        named[i].job = &b->jobs[i];
    qsort(named, b->n_jobs, sizeof(*named), compare_named);
    for (size_t i = 0; i < b->n_jobs; i++)
        by_name[i] = (uint32_t)(named[i].job - b->jobs);
    b->view->jobs_by_name = by_name;
    return 0;
}

static int build_jobs(struct build *b)
{
    b->jobs =
        arena_array(b->arena, count_entries(b->table, "job/") + 1, sizeof(*b->jobs));
    if (!b->jobs)
        return -ENOMEM;
    (void)table_each(b->table, bytes_of_text("job/"), visit_job, b);
    if (b->error < 0)
        return b->error;
    qsort(b->jobs, b->n_jobs, sizeof(*b->jobs), compare_job);
    b->view->jobs = b->jobs;
    b->view->n_jobs = b->n_jobs;
    return build_index(b);
}

static int compare_bytes_text(struct bytes a, const char *b)
{
    size_t len = strlen(b);
    int order = memcmp(a.at, b, a.len < len ? a.len : len);
    return order != 0 ? order : (a.len > len) - (a.len < len);
}

static int compare_key(struct bytes ns, struct bytes name, const struct view_job *j)
{
    int order = compare_bytes_text(ns, j->ns);
    return order != 0 ? order : compare_bytes_text(name, j->name);
}

static uint32_t find_job(const struct view *v, struct bytes ns, struct bytes name)
{
    for (uint32_t i = 0; !v->jobs_by_name && i < v->n_jobs; i++)
        if (compare_key(ns, name, &v->jobs[i]) == 0)
            return i;
    size_t low = 0, high = v->jobs_by_name ? v->n_jobs : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint32_t at = v->jobs_by_name[middle];
        int order = compare_key(ns, name, &v->jobs[at]);
        if (order == 0)
            return at;
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return VIEW_NONE;
}

uint32_t view_find_job(const struct view *v, const char *ns, const char *name)
{
    return find_job(v, bytes_of_text(ns), bytes_of_text(name));
}

/* ---- claims and refusals ---- */

static int add_orphan(struct build *b, const struct key_parts *parts, uint32_t node)
{
    struct view_orphan orphan = {.node = node,
                                 .index = parts->index,
                                 .ns = arena_text_of(b->arena, parts->ns),
                                 .name = arena_text_of(b->arena, parts->name)};
    if (!orphan.ns || !orphan.name)
        return b->error = -ENOMEM;
    b->orphans[b->n_orphans++] = orphan;
    return 0;
}

/* A body that is not there any more, or not readable, says nothing: then only a new start is sure
 * to make the task what it should be. */
static enum edit find_edit(const struct build *b, const struct view_job *j,
                           struct spec_hash from)
{
    struct bytes was = body_of(b, j, from), is = body_of(b, j, j->doc.spec);
    const struct job_spec *spec = was.at ? spec_cache_get(b->cache, from, was) : NULL;
    if (!spec || !is.at)
        return EDIT_RESTART;
    return spec_edit(spec, spec_cache_task(b->cache, from, was), j->spec,
                     spec_cache_task(b->cache, j->doc.spec, is));
}

static enum edit edit_of(struct build *b, const struct view_claim *c)
{
    const struct view_job *j = &b->jobs[c->job];
    struct known_edit *known = &b->edits[c->job];
    if (!j->spec || spec_hash_equal(c->doc.spec, j->doc.spec))
        return EDIT_RESTART; /* nobody asks */
    if (!spec_hash_equal(known->from, c->doc.spec))
        *known = (struct known_edit){c->doc.spec, find_edit(b, j, c->doc.spec)};
    return known->edit;
}

static int visit_claim(void *ctx, const struct entry *e)
{
    struct build *b = ctx;
    struct key_parts parts;
    if (key_parse(e->key, &parts) < 0 || parts.kind != KEY_CLAIM)
        return 0;
    struct view_claim c = {.job = find_job(b->view, parts.ns, parts.name),
                           .node = view_find_node(b->view, parts.node),
                           .index = parts.index};
    bool is_shown = c.node != VIEW_NONE && b->view->nodes[c.node].is_live;
    if (c.job == VIEW_NONE)
        return is_shown ? add_orphan(b, &parts, c.node) : 0;
    if (record_decode_claim(e->value, b->arena, &c.doc) < 0)
        return 0;
    if (is_shown) {
        c.is_former = born_differs(c.doc.born, b->jobs[c.job].doc.born);
        c.edit = edit_of(b, &c);
        b->claims[b->n_claims++] = c;
        b->jobs[c.job].n_claims++;
    } else {
        b->past[b->n_past++] =
            (struct view_past){c.job, c.node, c.index, c.doc.generation};
    }
    return 0;
}

static int visit_refuse(void *ctx, const struct entry *e)
{
    struct build *b = ctx;
    struct key_parts parts;
    if (key_parse(e->key, &parts) < 0 || parts.kind != KEY_REFUSE)
        return 0;
    struct view_refuse r = {.job = find_job(b->view, parts.ns, parts.name),
                            .node = view_find_node(b->view, parts.node),
                            .index = parts.index};
    if (r.job == VIEW_NONE || r.node == VIEW_NONE || !b->view->nodes[r.node].is_live ||
        record_decode_refuse(e->value, b->arena, &r.doc) < 0)
        return 0;
    b->refusals[b->n_refusals++] = r;
    return 0;
}

static int compare_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_claim(const void *a, const void *b)
{
    const struct view_claim *x = a, *y = b;
    int order = compare_u64(x->job, y->job);
    if (order == 0)
        order = compare_u64(x->index, y->index);
    if (order == 0)
        order = compare_u64(y->doc.generation, x->doc.generation);
    if (order == 0)
        order = compare_u64(x->doc.claimed_unix_ms, y->doc.claimed_unix_ms);
    return order != 0 ? order : compare_u64(x->node, y->node);
}

static int compare_refuse(const void *a, const void *b)
{
    const struct view_refuse *x = a, *y = b;
    int order = compare_u64(x->job, y->job);
    if (order == 0)
        order = compare_u64(x->index, y->index);
    return order != 0 ? order : compare_u64(x->node, y->node);
}

/* Unknown nodes share VIEW_NONE, so the generation has the last word. */
static int compare_past(const void *a, const void *b)
{
    const struct view_past *x = a, *y = b;
    int order = compare_u64(x->job, y->job);
    if (order == 0)
        order = compare_u64(x->index, y->index);
    if (order == 0)
        order = compare_u64(x->node, y->node);
    return order != 0 ? order : compare_u64(x->generation, y->generation);
}

static int compare_orphan(const void *a, const void *b)
{
    const struct view_orphan *x = a, *y = b;
    int order = strcmp(x->ns, y->ns);
    if (order == 0)
        order = strcmp(x->name, y->name);
    if (order == 0)
        order = compare_u64(x->index, y->index);
    return order != 0 ? order : compare_u64(x->node, y->node);
}

enum claim_update view_update(const struct view_job *j, const struct view_claim *c)
{
    bool is_same = spec_hash_equal(c->doc.spec, j->doc.spec);
    if (c->doc.restart_at < j->control.restart_at ||
        (!is_same && c->edit == EDIT_RESTART))
        return UPDATE_RESTART;
    return is_same ? UPDATE_NONE : UPDATE_IN_PLACE;
}

bool view_is_refused(const struct view *v, uint32_t job, uint32_t index)
{
    size_t low = 0, high = v->n_refusals;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct view_refuse *r = &v->refusals[middle];
        if (r->job < job || (r->job == job && r->index < index))
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < v->n_refusals && v->refusals[low].job == job &&
           v->refusals[low].index == index;
         low++)
        if (spec_hash_equal(v->refusals[low].doc.spec, v->jobs[job].doc.spec))
            return true;
    return false;
}

static int build_claims(struct build *b)
{
    size_t n = count_entries(b->table, "claim/");
    b->claims = arena_array(b->arena, n + 1, sizeof(*b->claims));
    b->orphans = arena_array(b->arena, n + 1, sizeof(*b->orphans));
    b->past = arena_array(b->arena, n + 1, sizeof(*b->past));
    b->edits = arena_array(b->arena, b->n_jobs + 1, sizeof(*b->edits));
    if (!b->claims || !b->orphans || !b->past || !b->edits)
        return -ENOMEM;
    (void)table_each(b->table, bytes_of_text("claim/"), visit_claim, b);
    if (b->error < 0)
        return b->error;
    qsort(b->claims, b->n_claims, sizeof(*b->claims), compare_claim);
    qsort(b->orphans, b->n_orphans, sizeof(*b->orphans), compare_orphan);
    qsort(b->past, b->n_past, sizeof(*b->past), compare_past);
    uint32_t first = 0;
    for (size_t i = 0; i < b->n_jobs; i++) {
        b->jobs[i].first_claim = first;
        first += b->jobs[i].n_claims;
    }
    return 0;
}

static int build_refusals(struct build *b)
{
    size_t n = count_entries(b->table, "refuse/");
    b->refusals = arena_array(b->arena, n + 1, sizeof(*b->refusals));
    if (!b->refusals)
        return -ENOMEM;
    (void)table_each(b->table, bytes_of_text("refuse/"), visit_refuse, b);
    qsort(b->refusals, b->n_refusals, sizeof(*b->refusals), compare_refuse);
    return b->error;
}

int view_build(const struct members *members, const struct table *table,
               struct spec_cache *cache, const struct view_options *options,
               struct arena *arena, struct view *ret_view)
{
    struct view v = {0};
    struct build b = {.members = members,
                      .table = table,
                      .cache = cache,
                      .options = options,
                      .arena = arena,
                      .view = &v};
    int rc = view_nodes_build(members, table, options, arena, &v);
    if (rc == 0)
        rc = build_jobs(&b);
    if (rc == 0)
        rc = build_claims(&b);
    if (rc == 0)
        rc = build_refusals(&b);
    if (rc < 0)
        return rc;
    v.claims = b.claims;
    v.n_claims = b.n_claims;
    v.refusals = b.refusals;
    v.n_refusals = b.n_refusals;
    v.orphans = b.orphans;
    v.n_orphans = b.n_orphans;
    v.past = b.past;
    v.n_past = b.n_past;
    *ret_view = v;
    return 0;
}
