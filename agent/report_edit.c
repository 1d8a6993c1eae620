/* What a submission does to its jobs, told before it is done: which keys change, which instances have
 * to be started anew or elsewhere for that, and how many run then.  See report.h.
 *
 * Where instances go is asked of a plan over the same view with the new specs laid over the old ones.
 * It is made only when a key has changed that says where an instance may be. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/report.h"
#include "core/doc.h"
#include "proto/record.h"
#include "proto/seal.h"
#include "sched/jobfile.h"

struct edit_of {
    struct report *r;
    const struct view_job *job; /* NULL: it is new */
    const struct job_spec *spec;
    struct bytes body;
    struct spec_hash hash, task;
    uint32_t count; /* that is wanted then */
    bool is_scale_kept;
    const struct spec_change *changes;
    size_t n_changes;
    const struct placement
        *placements;        /* of the plan with the new specs; NULL: as they are */
    struct spec_hash known; /* of the claim looked at last, and what lies between */
    enum edit edit;
    uint32_t restarting, moving, fitting_nowhere; /* instances that run */
};

static struct bytes body_of(const struct edit_of *e, struct spec_hash hash)
{
    struct key key = key_spec(e->job->ns, e->job->name, hash);
    const struct entry *entry = table_get(gossip_table(e->r->gossip), key_bytes(&key));
    return entry ? entry->value : (struct bytes){0};
}

static int edit_open(struct edit_of *e, struct report *r, const struct job_spec *spec,
                     struct bytes body, bool keeps_scale)
{
    uint32_t job = view_find_job(&r->view, spec->ns, spec->name);
    *e = (struct edit_of){.r = r,
                          .spec = spec,
                          .body = body,
                          .hash = spec_hash_of(body),
                          .count = spec->count};
    if (job == VIEW_NONE)
        return 0;
    e->job = &r->view.jobs[job];
    e->task = spec_task_hash(spec);
    e->is_scale_kept = keeps_scale && e->job->control.has_count;
    if (e->is_scale_kept)
        e->count = e->job->control.count;
    if (spec_hash_equal(e->job->doc.spec, e->hash))
        return 0;
    return spec_changes(body_of(e, e->job->doc.spec), body, &r->arena, &e->changes,
                        &e->n_changes);
}

/* ---- where they go ---- */

/* Does it say more or less than before of where an instance may be? */
static bool is_about_places(const struct edit_of *e)
{
    static const char *const keys[] = {"constraints", "resources", "ports"};
    for (size_t i = 0; i < e->n_changes; i++)
        for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
            if (strcmp(e->changes[i].key, keys[k]) == 0)
                return true;
    return false;
}

/* The plan with the new specs in place of the old ones: what holds an instance keeps it or not. */
static int plan_over(struct report *r, struct edit_of *edits, size_t n)
{
    struct view over = r->view;
    struct plan plan;
    struct view_job *jobs = arena_array(&r->arena, over.n_jobs + 1, sizeof(*jobs));
    if (!jobs)
        return -ENOMEM;
    if (over.n_jobs > 0)
        memcpy(jobs, over.jobs, over.n_jobs * sizeof(*jobs));
    over.jobs = jobs;
    for (size_t i = 0; i < n; i++) {
        struct view_job *j = edits[i].job ? &jobs[edits[i].job - r->view.jobs] : NULL;
        if (!j)
            continue;
        j->spec = edits[i].spec;
        j->doc.spec = edits[i].hash;
        j->count = edits[i].count;
    }
    int status = plan_make(&over, &r->arena, &plan);
    for (size_t i = 0; status == 0 && i < n; i++)
        if (edits[i].job)
            edits[i].placements =
                plan_find(&plan, (uint32_t)(edits[i].job - r->view.jobs), 0);
    return status;
}

/* ---- what is started anew ---- */

static enum edit find_edit(const struct edit_of *e, struct spec_hash from)
{
    struct complaints ignored = {.arena = &e->r->arena};
    struct bytes body = body_of(e, from);
    struct jobfile file;
    if (spec_hash_equal(from, e->hash))
        return EDIT_UNSEEN;
    if (body.len == 0 || jobfile_read_stored(body, &e->r->arena, &ignored, &file) < 0 ||
        file.n_jobs != 1)
        return EDIT_RESTART;
    return spec_edit(file.jobs, spec_task_hash(file.jobs), e->spec, e->task);
}

static void count_claim(struct edit_of *e, const struct view_claim *c)
{
    enum placement_action action =
        e->placements ? e->placements[c->index].action : PLACEMENT_KEEP;
    if (!spec_hash_equal(e->known, c->doc.spec)) {
        e->known = c->doc.spec;
        e->edit = find_edit(e, c->doc.spec);
    }
    e->moving += action == PLACEMENT_PLACE;
    e->fitting_nowhere += action == PLACEMENT_NONE;
    e->restarting += action == PLACEMENT_KEEP && e->edit == EDIT_RESTART;
}

/* Instances, by the best of their claims; what is past the count is stopped, not restarted. */
static void count_instances(struct edit_of *e)
{
    const struct view *v = &e->r->view;
    uint32_t counted = VIEW_NONE;
    for (uint32_t i = 0; e->job && i < e->job->n_claims; i++) {
        const struct view_claim *c = &v->claims[e->job->first_claim + i];
        bool is_up =
            c->doc.state == INSTANCE_STARTING || c->doc.state == INSTANCE_RUNNING;
        if (!is_up || c->is_former || !v->nodes[c->node].is_live ||
            c->index >= e->count || c->index == counted)
            continue;
        counted = c->index;
        count_claim(e, c);
    }
}

/* ---- what is said ---- */

static void say_changes(const struct edit_of *e, json_t *out)
{
    json_t *changed = json_array(), *seen = json_array();
    for (size_t i = 0; i < e->n_changes; i++) {
        (void)json_array_append_new(changed, json_string(e->changes[i].key));
        if (e->changes[i].is_seen)
            (void)json_array_append_new(seen, json_string(e->changes[i].key));
    }
    (void)json_object_set_new(out, "changed", changed);
    (void)json_object_set_new(out, "restarts_for", seen);
}

/* A scale that is in force when the file comes. */
static void say_scale(const struct edit_of *e, json_t *out)
{
    const struct control_doc *control = &e->job->control;
    uint64_t at_unix_ms = control->scaled_unix_ms;
    char at[32];
    if (!control->has_count)
        return;
    json_t *scale = json_pack("{s:I,s:s,s:b}", "count", (json_int_t)control->count, "by",
                              control->scaled_by, "kept", e->is_scale_kept);
    (void)json_object_set_new(scale, "at",
                              at_unix_ms ? json_string(unix_ms_text(at_unix_ms, at))
                                         : json_null());
    (void)json_object_set_new(out, "scale", scale);
}

static void say_known(const struct edit_of *e, json_t *out)
{
    const struct control_doc *control = &e->job->control;
    bool is_same = spec_hash_equal(e->job->doc.spec, e->hash);
    bool is_touched = !is_same || e->count != e->job->count || control->is_stopped;
    char version[16];
    (void)snprintf(version, sizeof(version), "v%u", e->job->doc.version + !is_same);
    (void)json_object_update_new(out, json_pack("{s:s,s:s,s:I,s:b}", "version", version,
                                                "action", is_touched ? "update" : "none",
                                                "count_before", (json_int_t)e->job->count,
                                                "was_stopped", control->is_stopped));
    say_scale(e, out);
}

static json_t *edit_json(const struct edit_of *e)
{
    json_t *out = json_pack(
        "{s:s,s:s,s:s,s:s,s:I,s:I,s:b,s:I,s:I,s:I}", "namespace", e->spec->ns, "job",
        e->spec->name, "version", "v1", "action", "create", "count", (json_int_t)e->count,
        "count_in_file", (json_int_t)e->spec->count, "restarts",
        e->restarting + e->moving > 0, "restarting", (json_int_t)e->restarting, "moving",
        (json_int_t)e->moving, "fitting_nowhere", (json_int_t)e->fitting_nowhere);
    say_changes(e, out);
    if (e->job)
        say_known(e, out);
    return out;
}

json_t *report_edits(struct report *r, const struct job_spec *specs,
                     const struct bytes *bodies, size_t n, bool keeps_scale)
{
    json_t *list = json_array();
    struct edit_of *edits = arena_array(&r->arena, n, sizeof(*edits));
    bool is_placed_anew = false;
    int status = edits ? 0 : -ENOMEM;
    for (size_t i = 0; status == 0 && i < n; i++) {
        status = edit_open(&edits[i], r, &specs[i], bodies[i], keeps_scale);
        is_placed_anew = is_placed_anew || is_about_places(&edits[i]);
    }
    if (status == 0 && is_placed_anew)
        status = plan_over(r, edits, n);
    for (size_t i = 0; status == 0 && i < n; i++) {
        count_instances(&edits[i]);
        (void)json_array_append_new(list, edit_json(&edits[i]));
    }
    return list;
}
