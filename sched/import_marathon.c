/* Marathon's files: an app, a list of apps, a tree of groups, or these as its API answers them.
 *
 * An app's id is a path.  Its last part names the job; the parts before it, joined by
 * '-', name the namespace: /prod/shop/web is job `web` in namespace `prod-shop`, /web is
 * job `web` in `default`.  Whatever is no DNS label is made one, and said. */
#include "sched/import_marathon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "sched/import_app.h"
#include "sched/jobfile.h"

enum { APPS_MAX = 2 * JOBS_PER_FILE_MAX }; /* their names are compared one by one */

struct made_job {
    const char *id, *text;
};

struct walk {
    struct arena *arena;
    struct import_report *report;
    struct made_job *jobs;
    size_t n, cap;
    bool without_image;
    int error;
};

/* ---- names ---- */

/* "/a/b" and "../c" is "/a/c".  NULL when there is no memory. */
static const char *absolute_id(struct walk *w, const char *parent, const char *id)
{
    const char *joined = id[0] == '/' ? id : arena_printf(w->arena, "%s/%s", parent, id);
    char *out = joined ? arena_alloc(w->arena, strlen(joined) + 2) : NULL;
    size_t len = 0;
    if (!out) {
        w->error = -ENOMEM;
        return NULL;
    }
    for (const char *at = joined; *at;) {
        size_t n = strcspn(at, "/");
        bool is_up = n == 2 && at[0] == '.' && at[1] == '.';
        while (is_up && len > 0 && out[--len] != '/')
            continue;
        if (n > 0 && !is_up && !(n == 1 && at[0] == '.')) {
            out[len++] = '/';
            memcpy(out + len, at, n);
            len += n;
        }
        at += n + (at[n] == '/');
    }
    if (len == 0)
        out[len++] = '/';
    out[len] = '\0';
    return out;
}

static bool is_ascii(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text >= 0x80)
            return false;
    return true;
}

/* The app that has this name already, or NULL. */
static const struct import_made *taken_by(const struct walk *w, const char *ns,
                                          const char *job)
{
    for (size_t i = 0; i < w->report->n_apps; i++) {
        const struct import_made *made = &w->report->apps[i];
        if (made->job && strcmp(made->job, job) == 0 &&
            strcmp(made->ns ? made->ns : "", ns ? ns : "") == 0)
            return made;
    }
    return NULL;
}

/* Two apps whose names become one: the second is numbered. */
static void number_app(struct walk *w, const struct doc *at, struct app_import *import)
{
    const struct import_made *other = taken_by(w, import->ns, import->job);
    const char *wanted = import->job;
    if (!other)
        return;
    for (unsigned i = 2; import->job && taken_by(w, import->ns, import->job) &&
                         i <= JOBS_PER_FILE_MAX + 1;
         i++)
        import->job = arena_printf(w->arena, "%.58s-%u", wanted, i);
    if (import->job)
        import_say(import, IMPORT_CHANGED, at,
                   "the job is called '%s': %s/%s is %s already", import->job,
                   import->ns ? import->ns : "default", wanted, other->id);
}

/* The part after the last '/' and the parts before, as labels. */
static void name_app(struct walk *w, const struct doc *at, struct app_import *import)
{
    char job[NAME_LEN_MAX + 1], ns[NAME_LEN_MAX + 1];
    const char *last = strrchr(import->id, '/') + 1;
    size_t start = (size_t)(last - import->id), len = strlen(last);
    bool has_job = import_label(last, len, job);
    bool has_ns = start > 1 && import_label(import->id + 1, start - 2, ns);
    if (!is_ascii(import->id) || !has_job) {
        import_say(import, IMPORT_ERROR, at,
                   "id '%.128s': wants a path of a-z, 0-9, '-' and '.'", import->id);
        import->job = "app";
        return;
    }
    import->job = arena_text(w->arena, job);
    import->ns = has_ns && strcmp(ns, "default") != 0 ? arena_text(w->arena, ns) : NULL;
    if (!import->job || (has_ns && !import->ns && strcmp(ns, "default") != 0)) {
        w->error = -ENOMEM;
        return;
    }
    if (strcmp(job, last) != 0)
        import_say(import, IMPORT_CHANGED, at,
                   "the job is called '%s': a name here has a-z, 0-9 and '-', 63 at most",
                   job);
    number_app(w, at, import);
    w->error = import->job ? w->error : -ENOMEM;
}

static bool is_id_taken(const struct walk *w, const char *id)
{
    for (size_t i = 0; i < w->report->n_apps; i++)
        if (strcmp(w->report->apps[i].id, id) == 0)
            return true;
    return false;
}

/* ---- one app ---- */

/* Nothing leaves here that `run` would not take. */
static bool check(struct walk *w, struct app_import *import, const struct doc *app,
                  const char *yaml)
{
    struct complaints complaints = {.arena = w->arena};
    struct jobfile file;
    int error = jobfile_read(bytes_of_text(yaml), w->arena, &complaints, &file);
    for (size_t i = 0; i < complaints.n; i++)
        import_say(import, IMPORT_ERROR, app, "%s", complaints.list[i].text);
    if (error < 0 && complaints.n == 0)
        w->error = error;
    return error == 0;
}

static void convert(struct walk *w, struct app_import *import, const struct doc *app,
                    const struct doc *id)
{
    char *text = NULL;
    name_app(w, id, import);
    if (w->error == 0)
        w->error = import_app(import, app, &text);
    if (w->error || !text || !check(w, import, app, text))
        return;
    w->error = arena_grow(w->arena, (void **)&w->jobs, w->n, &w->cap, sizeof(*w->jobs));
    if (w->error == 0)
        w->jobs[w->n++] = (struct made_job){.id = import->id, .text = text};
}

static int compare_notes(const void *a, const void *b)
{
    const struct import_note *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    return strcmp(x->text, y->text);
}

static void take_app(struct walk *w, const struct doc *app, const char *parent)
{
    size_t n_before = w->report->n, n_made = w->n;
    const struct doc *id = app->kind == DOC_MAP ? import_get(app, "id") : NULL;
    bool has_id = id && id->kind == DOC_SCALAR && *id->text;
    struct app_import import = {.arena = w->arena,
                                .report = w->report,
                                .id =
                                    has_id ? absolute_id(w, parent, id->text) : "(no id)",
                                .without_image = w->without_image};
    if (w->error)
        return;
    if (!has_id)
        import_say(&import, IMPORT_ERROR, app, "an app of Marathon's has an id");
    else if (doc_find(app, "containers"))
        import_say(&import, IMPORT_ERROR, id,
                   "a pod: several containers that share a host, which a job has not");
    else if (w->report->n_apps >= APPS_MAX)
        import_say(&import, IMPORT_ERROR, id, "a file has at most %d apps", APPS_MAX);
    else if (is_id_taken(w, import.id))
        import_say(&import, IMPORT_ERROR, id, "an app of this id is here twice");
    else if (w->n == JOBS_PER_FILE_MAX)
        import_say(&import, IMPORT_ERROR, id, "a job file holds at most %d jobs",
                   JOBS_PER_FILE_MAX);
    else
        convert(w, &import, app, id);
    struct import_made made = {import.id, import.ns, import.job, w->n > n_made};
    import_report_app(w->report, &made);
    if (w->report->n > n_before)
        qsort(w->report->notes + n_before, w->report->n - n_before,
              sizeof(*w->report->notes), compare_notes);
}

/* ---- groups and files ---- */

static const struct import_key group_keys[] = {
    {"id", NULL, NULL},
    {"apps", NULL, NULL},
    {"groups", NULL, NULL},
    {"pods", NULL, NULL},
    {"version", NULL, NULL},
    {"dependencies",
     "jobs start together and are restarted until what they need is there", NULL},
    {"enforceRole", "use a namespace", NULL},
    {0}};

static const struct doc *list_of(struct app_import *group, const struct doc *map,
                                 const char *key)
{
    const struct doc *list = import_list(group, map, key);
    return list ? list->child : NULL;
}

/* Groups nest as deep as documents do. */
static void take_group(struct walk *w, const struct doc *group, const char *parent)
{
    const struct doc *id = import_get(group, "id");
    const char *path =
        id && id->kind == DOC_SCALAR ? absolute_id(w, parent, id->text) : parent;
    if (w->error)
        return;
    struct app_import told = {.arena = w->arena, .report = w->report, .id = path};
    import_keys(&told, group, "", group_keys);
    if (strcmp(path, "/") == 0)
        path = "";
    static const char *const lists[] = {"apps", "pods"};
    for (size_t i = 0; i < 2; i++)
        for (const struct doc *app = list_of(&told, group, lists[i]); app && !w->error;
             app = app->next)
            take_app(w, app, path);
    for (const struct doc *sub = list_of(&told, group, "groups"); sub && !w->error;
         sub = sub->next) {
        if (sub->kind == DOC_MAP)
            take_group(w, sub, path);
        else
            import_say(&told, IMPORT_ERROR, sub, "groups: each wants an object");
    }
}

static bool is_group(const struct doc *doc)
{
    return doc->kind == DOC_MAP &&
           (doc_find(doc, "apps") || doc_find(doc, "groups") || doc_find(doc, "pods"));
}

/* What else it might be; NULL if it looks like an app. */
static const char *stranger(const struct doc *doc)
{
    if (doc->kind != DOC_MAP)
        return "no app of Marathon's: wants an object with an id, a list of them, or a "
               "group";
    if (doc_find(doc, "run"))
        return "a Metronome job, not an app of Marathon's: batch and cron jobs are not "
               "supported by this version";
    if (doc_find(doc, "schedule") || doc_find(doc, "parents"))
        return "a Chronos job, not an app of Marathon's: cron jobs are not supported by "
               "this "
               "version";
    return doc_find(doc, "id") ? NULL : "no app of Marathon's: it has no id";
}

static int refuse_file(struct walk *w, const struct doc *at, const char *why)
{
    import_report_add(w->report, IMPORT_ERROR, NULL, at, "%s", why);
    return ERR_MALFORMED;
}

static int take_file(struct walk *w, const struct doc *root)
{
    const struct doc *one = root->kind == DOC_MAP ? doc_find(root, "app") : NULL;
    if (one && one->kind == DOC_MAP && root->n == 1) /* GET /v2/apps/ID */
        root = one;
    const struct doc *first = root->kind == DOC_LIST ? root->child : root;
    if (!first)
        return refuse_file(w, root, "an empty list: no app of Marathon's");
    const char *why = is_group(first) ? NULL : stranger(first);
    if (why)
        return refuse_file(w, first, why);
    for (const struct doc *app = first; app && !w->error;
         app = root->kind == DOC_LIST ? app->next : NULL)
        if (is_group(app))
            take_group(w, app, "");
        else
            take_app(w, app, "");
    if (w->error == 0 && w->report->n_apps == 0)
        return refuse_file(w, root, "the group holds no app");
    return w->error;
}

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

int import_marathon(struct bytes text, bool without_image, struct import_report *report,
                    char **ret_yaml)
{
    struct arena *arena = report->arena;
    struct complaints complaints = {.arena = arena};
    struct walk w = {.arena = arena, .report = report, .without_image = without_image};
    struct doc *docs = NULL;
    size_t n_docs = 0;
    *ret_yaml = NULL;
    int error = doc_read(text, arena, &complaints, &docs, &n_docs);
    for (size_t i = 0; i < complaints.n; i++) {
        const struct complaint *c = &complaints.list[i];
        struct doc at = {.line = c->line, .column = c->column};
        import_report_add(report, IMPORT_ERROR, NULL, c->line ? &at : NULL, "%s",
                          c->text);
    }
    if (error < 0)
        return error == -ENOMEM ? error : ERR_MALFORMED;
    if (n_docs != 1)
        return refuse_file(&w, NULL, "no app of Marathon's: wants one JSON value");
    error = take_file(&w, docs);
    struct yaml_text out = {.arena = arena};
    if (error == 0 && w.n > 0)
        write_jobs(&w, &out);
    if (error == 0 && (out.is_failed || report->is_failed))
        error = -ENOMEM;
    *ret_yaml = error == 0 ? out.at : NULL;
    return error;
}
