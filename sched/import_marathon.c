/* Marathon's files: an app, a list of apps, or a tree of groups.
 *
 * An app's id is a path.  Its last part names the job; the parts before it, joined by
 * '-', name the namespace: /prod/shop/web is job `web` in namespace `prod-shop`, /web is
 * job `web` in `default`.  Whatever is no DNS label is made one, and said. */
#include "sched/import_marathon.h"

#include <errno.h>
#include <string.h>

#include "core/err.h"
#include "sched/import_app.h"
#include "sched/jobfile.h"
#include "sched/jobfile_schema.h"
#include "sched/yaml_text.h"

struct made_job {
    const char *ns, *name; /* ns is NULL for default */
    const char *id, *text;
};

struct walk {
    struct arena *arena;
    struct complaints *notes;
    struct made_job *jobs;
    size_t n, cap;
    size_t n_apps; /* met, whether or not a job was made */
    int error;
};

/* ---- names ---- */

static const char *absolute_id(struct walk *w, const char *parent, const char *id)
{
    const char *out = id[0] == '/' ? arena_printf(w->arena, "%.255s", id)
                                   : arena_printf(w->arena, "%.255s/%.255s", parent, id);
    if (!out)
        w->error = -ENOMEM;
    return out ? out : "/";
}

static bool is_name_taken(const struct walk *w, const char *ns, const char *name)
{
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->jobs[i].name, name) == 0 &&
            strcmp(w->jobs[i].ns ? w->jobs[i].ns : "", ns ? ns : "") == 0)
            return true;
    return false;
}

/* The part after the last '/' and the parts before, as labels. */
static void name_app(struct walk *w, const struct doc *at, struct app_import *import)
{
    char job[NAME_LEN_MAX + 1], ns[NAME_LEN_MAX + 1];
    size_t len = strlen(import->id);
    while (len && import->id[len - 1] == '/')
        len--;
    size_t start = len;
    while (start && import->id[start - 1] != '/')
        start--;
    bool has_job = import_label(import->id + start, len - start, job);
    bool has_ns = import_label(import->id, start, ns);
    import->job = has_job ? arena_text(w->arena, job) : "app";
    import->ns = has_ns && strcmp(ns, "default") != 0 ? arena_text(w->arena, ns) : NULL;
    bool is_same = has_job && strlen(job) == len - start &&
                   strncmp(import->id + start, job, len - start) == 0;
    for (unsigned i = 2;
         import->job && is_name_taken(w, import->ns, import->job) && i < 1000; i++) {
        import->job = arena_printf(w->arena, "%.58s-%u", has_job ? job : "app", i);
        is_same = false;
    }
    if (!import->job || (has_ns && !import->ns && strcmp(ns, "default") != 0)) {
        w->error = -ENOMEM;
        return;
    }
    if (!is_same)
        complain(w->notes, at->line, at->column,
                 "%.128s: the job is called '%s': names here are DNS labels", import->id,
                 import->job);
}

/* ---- apps and groups ---- */

static void take_app(struct walk *w, const struct doc *app, const char *parent)
{
    const struct doc *id = app->kind == DOC_MAP ? doc_find(app, "id") : NULL;
    w->n_apps++;
    if (!id || id->kind != DOC_SCALAR || !*id->text) {
        complain(w->notes, app->line, app->column,
                 "no job was made: a Marathon app has an id");
        return;
    }
    if (w->n == JOBS_PER_FILE_MAX) {
        complain(w->notes, app->line, app->column,
                 "no job was made: a job file holds at most %d", JOBS_PER_FILE_MAX);
        return;
    }
    struct app_import import = {
        .arena = w->arena, .notes = w->notes, .id = absolute_id(w, parent, id->text)};
    name_app(w, id, &import);
    char *text = NULL;
    if (w->error == 0)
        w->error = import_app(&import, app, &text);
    if (w->error || !text)
        return;
    w->error = arena_grow(w->arena, (void **)&w->jobs, w->n, &w->cap, sizeof(*w->jobs));
    if (w->error == 0)
        w->jobs[w->n++] = (struct made_job){
            .ns = import.ns, .name = import.job, .id = import.id, .text = text};
}

/* Groups nest as deep as documents do. */
static void take_group(struct walk *w, const struct doc *group, const char *parent)
{
    const struct doc *id = doc_find(group, "id");
    const char *path =
        id && id->kind == DOC_SCALAR ? absolute_id(w, parent, id->text) : parent;
    if (strcmp(path, "/") == 0)
        path = "";
    const struct doc *apps = doc_find(group, "apps"), *groups = doc_find(group, "groups");
    const struct doc *dependencies = doc_find(group, "dependencies");
    if (dependencies && dependencies->n)
        complain(w->notes, dependencies->key_line, dependencies->key_column,
                 "%.128s: dependencies is not carried over: jobs start together", path);
    for (const struct doc *app = apps && apps->kind == DOC_LIST ? apps->child : NULL;
         app && !w->error; app = app->next)
        take_app(w, app, path);
    for (const struct doc *sub = groups && groups->kind == DOC_LIST ? groups->child
                                                                    : NULL;
         sub && !w->error; sub = sub->next)
        if (sub->kind == DOC_MAP)
            take_group(w, sub, path);
}

static bool is_group(const struct doc *doc)
{
    return doc->kind == DOC_MAP && (doc_find(doc, "apps") || doc_find(doc, "groups"));
}

/* What else it might be; NULL if it looks like an app. */
static const char *stranger(const struct doc *doc)
{
    if (doc->kind != DOC_MAP)
        return "no Marathon app: wants an object with an id, a list of them, or a group";
    if (doc_find(doc, "run"))
        return "a Metronome job, not a Marathon app: batch and cron jobs are not "
               "supported by this version";
    if (doc_find(doc, "schedule") || doc_find(doc, "parents"))
        return "a Chronos job, not a Marathon app: cron jobs are not supported by this "
               "version";
    return doc_find(doc, "id") ? NULL : "no Marathon app: it has no id";
}

static int take_file(struct walk *w, const struct doc *root)
{
    if (is_group(root)) {
        take_group(w, root, "");
        return w->error;
    }
    const struct doc *first = root->kind == DOC_LIST ? root->child : root;
    const char *why = first ? stranger(first) : "an empty list: no Marathon app";
    if (why && !(first && is_group(first))) {
        complain(w->notes, first ? first->line : 1, first ? first->column : 1, "%s", why);
        return ERR_MALFORMED;
    }
    if (root->kind != DOC_LIST)
        take_app(w, root, "");
    for (const struct doc *app = root->kind == DOC_LIST ? root->child : NULL;
         app && !w->error; app = app->next)
        if (is_group(app))
            take_group(w, app, "");
        else
            take_app(w, app, "");
    return w->error;
}

/* ---- the file ---- */

static void write_jobs(const struct walk *w, struct yaml_text *out)
{
    if (w->n > 1)
        yaml_add(out, "# Made from Marathon's apps.\njobs:\n");
    for (size_t i = 0; i < w->n; i++) {
        yaml_add(out, w->n > 1 ? "%s  # " : "%s# Made from Marathon's app ",
                 i ? "\n" : "");
        yaml_scalar(out, w->jobs[i].id);
        yaml_add(out, "\n");
        yaml_indented(out, w->n > 1 ? "  - " : "", w->jobs[i].text);
    }
}

/* Nothing leaves here that `run` would not take. */
static int check(struct walk *w, const char *yaml)
{
    struct complaints complaints = {.arena = w->arena};
    struct jobfile file;
    int error = jobfile_read(bytes_of_text(yaml), w->arena, &complaints, &file);
    for (size_t i = 0; i < complaints.n; i++)
        complain(w->notes, 0, 0, "no job file was made: %s", complaints.list[i].text);
    return error;
}

static int import_file(struct bytes text, struct arena *arena, struct complaints *notes,
                       char **ret_yaml)
{
    struct doc *docs = NULL;
    size_t n_docs = 0;
    int error = doc_read(text, arena, notes, &docs, &n_docs);
    if (error < 0)
        return error;
    if (n_docs != 1) {
        complain(notes, 0, 0, "no Marathon app: wants one JSON value");
        return ERR_MALFORMED;
    }
    struct walk w = {.arena = arena, .notes = notes};
    error = take_file(&w, docs);
    if (error < 0)
        return error;
    if (w.n == 0) {
        if (w.n_apps == 0)
            complain(notes, docs->line, docs->column, "the group holds no app");
        return w.n_apps ? ERR_UNSUPPORTED : ERR_MALFORMED;
    }
    struct yaml_text out = {.arena = arena};
    write_jobs(&w, &out);
    if (out.is_failed)
        return -ENOMEM;
    error = check(&w, out.at);
    if (error < 0)
        return error;
    *ret_yaml = out.at;
    return 0;
}

int import_marathon(struct bytes text, struct arena *arena, struct complaints *notes,
                    char **ret_yaml)
{
    int error = import_file(text, arena, notes, ret_yaml);
    schema_sort(notes);
    return error;
}
