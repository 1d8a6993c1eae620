/* The job file's entry: documents, lists of jobs, and a job's own keys.  The task and the
 * network side have files of their own (jobfile_task.c, jobfile_net.c); how a table reads
 * a map is in jobfile_schema.c. */
#include "sched/jobfile.h"

#include <errno.h>
#include <string.h>

#include "core/err.h"
#include "sched/constraint.h"
#include "sched/defaults.h"
#include "sched/foreign.h"
#include "sched/foreign_file.h"
#include "sched/jobfile_env.h"
#include "sched/jobfile_hint.h"
#include "sched/jobfile_params.h"
#include "sched/jobfile_task.h"
#include "sched/jobfile_use.h"
#include "sched/spec.h"

/* ---- constraints ---- */

struct constraint_draft {
    const char *attr;
    const struct doc *op, *value;
};

static const struct key constraint_keys[] = {
    {"attr", schema_text, .offset = offsetof(struct constraint_draft, attr)},
    {"op", schema_keep, .offset = offsetof(struct constraint_draft, op)},
    {"value", schema_keep, .offset = offsetof(struct constraint_draft, value)},
    {"soft", schema_only, .text = "false|true"},
    {"weight", schema_refused, .text = "leave it out: every constraint must hold"},
    {0},
};

static const char *const later_ops[] = {
    "!=", "<", "<=", ">", ">=", "in", "unlike", "cluster", "spread", "max_per", NULL};

static bool read_op(struct job_reader *r, const struct doc *value,
                    enum constraint_op *ret_op)
{
    static const struct {
        const char *text;
        enum constraint_op op;
    } ops[] = {
        {"==", CONSTRAINT_EQ}, {"like", CONSTRAINT_LIKE}, {"unique", CONSTRAINT_UNIQUE}};
    const char *text = schema_text_of(r, value);
    for (size_t i = 0; text && i < sizeof(ops) / sizeof(ops[0]); i++)
        if (strcmp(text, ops[i].text) == 0) {
            *ret_op = ops[i].op;
            return true;
        }
    for (size_t i = 0; text && later_ops[i]; i++)
        if (strcmp(text, later_ops[i]) == 0) {
            schema_refuse(
                r, value,
                "op: %s is not supported by this version; use ==, like or unique", text);
            return false;
        }
    if (text)
        schema_refuse(r, value, "op: wants ==, like or unique, not '%.64s'", text);
    return false;
}

static void read_constraint(struct job_reader *r, const struct doc *map,
                            struct constraint *c)
{
    struct constraint_draft draft = {0};
    schema_read(r, map, constraint_keys, "constraints", &draft);
    if (map->kind != DOC_MAP)
        return;
    if (!draft.attr && !schema_find(map, "attr"))
        schema_refuse(r, map, "constraint: wants attr, such as hostname or os.arch");
    if (!draft.op)
        schema_refuse(r, map, "constraint: wants op: ==, like or unique");
    c->attr = draft.attr;
    c->value = draft.value ? schema_text_of(r, draft.value) : NULL;
    struct err err;
    if (draft.attr && draft.op && read_op(r, draft.op, &c->op) &&
        constraint_check(c, &err) < 0)
        schema_refuse(r, draft.value ? draft.value : map, "constraint: %s", err.text);
}

static SCHEMA_READER(read_constraints)
{
    (void)key;
    struct job_spec *spec = to;
    if (!schema_is_list(r, value, CONSTRAINTS_MAX))
        return;
    struct constraint *list = schema_array(r, value->n, sizeof(*list));
    size_t n = 0;
    for (const struct doc *map = value->child; list && map; map = map->next)
        read_constraint(r, map, &list[n++]);
    spec->constraints = list;
    spec->n_constraints = n;
}

/* ---- restart and update ---- */

static const struct key restart_keys[] = {
    {"attempts", schema_uint, .offset = offsetof(struct restart_spec, attempts), .min = 0,
     .max = 1000},
    {"window", schema_duration, .offset = offsetof(struct restart_spec, window_ms),
     .min = 1000},
    {"delay", schema_duration, .offset = offsetof(struct restart_spec, delay_ms)},
    {"backoff", schema_decimal, .offset = offsetof(struct restart_spec, backoff_permille),
     .min = 1000, .max = 100000},
    {"max_delay", schema_duration, .offset = offsetof(struct restart_spec, max_delay_ms)},
    {0},
};

static const struct key update_keys[] = {
    {"max_parallel", schema_uint, .offset = offsetof(struct update_spec, max_parallel),
     .min = 1, .max = INSTANCES_PER_JOB_MAX},
    {"min_healthy_time", schema_duration,
     .offset = offsetof(struct update_spec, min_healthy_time_ms)},
    {"order", schema_only, .text = "stop-first auto|start-first"},
    {"canary", schema_only, .text = "0|"},
    {"auto_revert", schema_only, .text = "false|true"},
    {"healthy_deadline", schema_refused,
     .text = "leave it out: a rollout waits until it is told otherwise"},
    {"progress_deadline", schema_refused,
     .text = "leave it out: a rollout waits until it is told otherwise"},
    {"max_failures", schema_refused,
     .text = "leave it out: a failing rollout stops by itself and waits"},
    {"min_healthy", schema_refused, .text = "use max_parallel"},
    {"max_over", schema_refused, .text = "use max_parallel"},
    {0},
};

static SCHEMA_READER(read_restart)
{
    (void)key;
    struct job_spec *spec = to;
    schema_read(r, value, restart_keys, "restart", &spec->restart);
    if (spec->restart.max_delay_ms < spec->restart.delay_ms)
        schema_refuse(r, value, "restart: max_delay must not be less than delay");
}

static SCHEMA_READER(read_update)
{
    (void)key;
    struct job_spec *spec = to;
    schema_read(r, value, update_keys, "update", &spec->update);
}

/* ---- a job ---- */

struct job_draft {
    struct job_spec spec; /* first: the readers of spec's parts take the draft */
    const struct doc *task, *ports, *health, *service;
};

static SCHEMA_READER(read_labels)
{
    (void)key;
    struct job_spec *spec = to;
    schema_pairs(r, value, LABELS_MAX, false, &spec->labels, &spec->n_labels);
}

#define SPEC(member) offsetof(struct job_draft, spec.member)
#define DRAFT(member) offsetof(struct job_draft, member)

static const struct key job_keys[] = {
    {"job", schema_label, .offset = SPEC(name)},
    {"namespace", schema_label, .offset = SPEC(ns)},
    {"type", schema_only, .text = "service|system batch cron"},
    {"count", schema_uint, .offset = SPEC(count), .min = 0, .max = INSTANCES_PER_JOB_MAX},
    {"priority", schema_uint, .offset = SPEC(priority), .min = 1, .max = 100},
    {"guarantee", schema_only, .text = "at-least-once|at-most-once"},
    {"labels", .read = read_labels},
    {"constraints", .read = read_constraints},
    {"task", schema_keep, .offset = DRAFT(task)},
    {"ports", schema_keep, .offset = DRAFT(ports)},
    {"service", schema_keep, .offset = DRAFT(service)},
    {"health", schema_keep, .offset = DRAFT(health)},
    {"update", .read = read_update},
    {"restart", .read = read_restart},
    {"tasks", schema_refused,
     .text = "write one task, and other processes as jobs of their own"},
    {"schedule", schema_refused, .text = "start it from cron on a host"},
    {"after", schema_refused,
     .text = "leave it out: jobs start together and are restarted until they work"},
    {"array", schema_refused, .text = "use count; every instance sees STRATOS_INSTANCE"},
    {"retries", schema_refused, .text = "use restart"},
    {"timeout", schema_refused, .text = "use timeout(1) in the command"},
    {"notify", schema_refused, .text = "follow the job with: stratos events -f"},
    {0},
};

const struct key *jobfile_job_keys(void)
{
    return job_keys;
}

static const struct key_map job_maps[] = {
    {"", job_keys},
    {"constraints", constraint_keys},
    {"restart", restart_keys},
    {"update", update_keys},
    {0},
};

static const struct key_map *const all_maps[] = {
    job_maps, jobfile_task_maps, jobfile_limits_maps, jobfile_net_maps, NULL};

static void job_default(struct job_spec *spec)
{
    *spec = (struct job_spec){
        .ns = DEFAULT_NAMESPACE,
        .type = JOB_SERVICE,
        .count = DEFAULT_COUNT,
        .priority = DEFAULT_PRIORITY,
        .restart = {.attempts = DEFAULT_RESTART_ATTEMPTS,
                    .window_ms = DEFAULT_RESTART_WINDOW_MS,
                    .delay_ms = DEFAULT_RESTART_DELAY_MS,
                    .max_delay_ms = DEFAULT_RESTART_MAX_DELAY_MS,
                    .backoff_permille = DEFAULT_RESTART_BACKOFF_PERMILLE},
        .update = {.max_parallel = DEFAULT_MAX_PARALLEL,
                   .min_healthy_time_ms = DEFAULT_MIN_HEALTHY_TIME_MS},
    };
    jobfile_task_default(&spec->task);
}

/* The cluster carries so much of a job, and `validate` says it as `run` would. */
static void check_length(struct job_reader *r, const struct doc *map,
                         const struct job_spec *spec)
{
    struct bytes body = spec_canonical(spec, r->arena);
    if (body.len > SPEC_LEN_MAX)
        schema_refuse(r, map, "job '%s': the spec takes %zu bytes, at most %d fit",
                      spec->name, body.len, SPEC_LEN_MAX);
}

/* The submitter's namespace is for files that leave it open. */
static void set_namespace(struct job_reader *r, const struct doc *map,
                          struct job_spec *spec)
{
    const struct doc *own = schema_find(map, "namespace");
    if (own && strcmp(spec->ns, r->ns) != 0)
        schema_refuse(r, own,
                      "namespace: the file says %s, and the command -n %s: take one away",
                      spec->ns, r->ns);
    spec->ns = r->ns;
}

static void read_job(struct job_reader *r, const struct doc *map,
                     struct job_spec *ret_spec)
{
    struct job_draft draft = {0};
    job_default(&draft.spec);
    schema_read(r, map, job_keys, "", &draft);
    if (map->kind == DOC_MAP && r->ns)
        set_namespace(r, map, &draft.spec);
    if (map->kind != DOC_MAP)
        return;
    if (!schema_find(map, "job"))
        schema_refuse(r, map, "a job wants a name: job: web");
    if (draft.task)
        jobfile_task_read(r, draft.task, &draft.spec.task);
    else if (!schema_find(map, "tasks"))
        schema_refuse(r, map, "a job wants a task: task: {command: ...}");
    if (draft.ports)
        jobfile_ports_read(r, draft.ports, &draft.spec);
    if (draft.health)
        jobfile_health_read(r, draft.health, &draft.spec);
    if (draft.task && draft.task->kind == DOC_MAP && !r->is_stored)
        jobfile_env_check(r, draft.task, &draft.spec);
    draft.spec.service_name = draft.spec.name;
    if (draft.service)
        jobfile_service_read(r, draft.service, &draft.spec);
    if (!r->is_stored && !r->error)
        check_length(r, map, &draft.spec);
    *ret_spec = draft.spec;
}

/* ---- a file ---- */

static void check_duplicate(struct job_reader *r, const struct doc *map,
                            const struct jobfile *file)
{
    const struct job_spec *last = &file->jobs[file->n_jobs - 1];
    for (size_t i = 0; last->name && i + 1 < file->n_jobs; i++) {
        const struct job_spec *spec = &file->jobs[i];
        if (spec->name && strcmp(spec->name, last->name) == 0 &&
            strcmp(spec->ns, last->ns) == 0) {
            const struct doc *name = doc_find(map, "job");
            schema_refuse(r, name ? name : map,
                          "the file has another job '%s' in namespace '%s'", last->name,
                          last->ns);
            return;
        }
    }
}

static void add_job(struct job_reader *r, const struct doc *map, struct jobfile *file)
{
    read_job(r, map, &file->jobs[file->n_jobs++]);
    check_duplicate(r, map, file);
}

/* A key that is read by nobody: a place for anchors. */
static bool is_home(const struct doc *value)
{
    return strncmp(value->key, "x-", 2) == 0;
}

/* The document without its keys x-*. */
static void drop_homes(struct doc *doc)
{
    struct doc **link = &doc->child;
    while (doc->kind == DOC_MAP && *link) {
        if (is_home(*link)) {
            *link = (*link)->next;
            doc->n--;
        } else {
            link = &(*link)->next;
        }
    }
}

/* How many jobs a document holds; complains about what cannot be one. */
static size_t count_jobs(struct job_reader *r, const struct doc *doc)
{
    if (doc->kind != DOC_MAP) {
        schema_refuse(r, doc, "wants a job (job: web ...) or jobs: [...]");
        return 0;
    }
    const struct doc *jobs = doc_find(doc, "jobs");
    if (!jobs)
        return 1;
    for (const struct doc *value = doc->child; value; value = value->next)
        if (value != jobs) {
            struct doc at = schema_key_place(value);
            const struct foreign_name *known = foreign_find("", value->key);
            if (known && !known->system)
                schema_refuse(r, &at, "'%.64s': %s", value->key, known->ours);
            else
                schema_refuse(r, &at,
                              "'%.64s' cannot stand beside jobs: it belongs to one of "
                              "the jobs, or to "
                              "defaults",
                              value->key);
        }
    return schema_is_list(r, jobs, JOBS_PER_FILE_MAX) ? jobs->n : 0;
}

static int read_docs(struct job_reader *r, const struct doc *docs, size_t n_docs,
                     struct jobfile *file)
{
    size_t n = 0;
    for (size_t i = 0; i < n_docs; i++)
        n += count_jobs(r, &docs[i]);
    if (n > JOBS_PER_FILE_MAX) {
        complain(r->complaints, 0, 0, "a file may hold at most %d jobs, here are %zu",
                 JOBS_PER_FILE_MAX, n);
        return ERR_BOUND;
    }
    if (n == 0 && !r->error) {
        complain(r->complaints, 0, 0, "the file holds no job");
        return ERR_INVALID;
    }
    file->jobs = schema_array(r, n, sizeof(*file->jobs));
    if (!file->jobs)
        return r->error;
    for (size_t i = 0; i < n_docs; i++) {
        const struct doc *jobs =
            docs[i].kind == DOC_MAP ? doc_find(&docs[i], "jobs") : NULL;
        if (jobs && jobs->kind == DOC_LIST && jobs->n <= JOBS_PER_FILE_MAX)
            for (const struct doc *map = jobs->child; map; map = map->next)
                add_job(r, map, file);
        else if (!jobs && docs[i].kind == DOC_MAP)
            add_job(r, &docs[i], file);
    }
    return r->error;
}

/* One sentence instead of the many mistakes that another system's file would have. */
static bool say_foreign(struct bytes text, const struct doc *root, struct arena *arena,
                        struct complaints *complaints)
{
    unsigned line = 1;
    const char *said = root ? foreign_file_of_doc(root, arena) : NULL;
    if (said)
        line = root->line;
    else if (!root || root->kind != DOC_MAP)
        said = foreign_file_of_text(doc_text(text), &line);
    if (!said)
        return false;
    complaints->n = complaints->n_more = 0;
    complain(complaints, line, 1, "%s", said);
    return true;
}

static int read_file(struct bytes text, bool is_stored,
                     const struct jobfile_params *params,
                     const struct jobfile_loader *loader, struct arena *arena,
                     struct complaints *complaints, struct jobfile *ret_file)
{
    struct doc *docs = NULL;
    size_t n_docs = 0;
    struct job_reader reader = {.arena = arena,
                                .complaints = complaints,
                                .is_stored = is_stored,
                                .ns = params ? params->ns : NULL,
                                .maps = all_maps,
                                .unknown = jobfile_hint_unknown};
    struct jobfile_used *used;
    struct doc_options options;
    int error = jobfile_use_read(&reader, text, loader, &used, &options);
    if (error < 0) {
        schema_sort(complaints);
        return error;
    }
    error = doc_read_with(text, &options, arena, complaints, &docs, &n_docs);
    if (error < 0) {
        (void)say_foreign(text, NULL, arena, complaints);
        return error;
    }
    if (!is_stored && n_docs > 0 && say_foreign(text, docs, arena, complaints))
        return ERR_INVALID;
    const struct doc *submitted = n_docs == 1 ? doc_find(docs, JOBFILE_SUBMITTED) : NULL;
    for (size_t i = 0; i < n_docs && !is_stored; i++) {
        drop_homes(&docs[i]);
        jobfile_use_apply(&reader, &docs[i], used);
        jobfile_params_apply(&reader, &docs[i], params);
    }
    struct jobfile file = {.submitted = submitted, .uses_files = used != NULL};
    error = read_docs(&reader, docs, n_docs, &file);
    schema_sort(complaints);
    if (error < 0)
        return error;
    *ret_file = file;
    return 0;
}

int jobfile_read(struct bytes text, struct arena *arena, struct complaints *complaints,
                 struct jobfile *ret_file)
{
    return read_file(text, false, NULL, NULL, arena, complaints, ret_file);
}

int jobfile_read_with(struct bytes text, const struct jobfile_params *params,
                      const struct jobfile_loader *loader, struct arena *arena,
                      struct complaints *complaints, struct jobfile *ret_file)
{
    return read_file(text, false, params, loader, arena, complaints, ret_file);
}

int jobfile_read_stored(struct bytes text, struct arena *arena,
                        struct complaints *complaints, struct jobfile *ret_file)
{
    return read_file(text, true, NULL, NULL, arena, complaints, ret_file);
}
