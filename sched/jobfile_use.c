/* See jobfile_use.h.
 *
 * The text is read twice: once to see which files it uses, for only then is known what its aliases stand
 * for.  A file that is used twice is read once; one that uses itself, over whichever others, is refused
 * at the line that closes the circle. */
#include "sched/jobfile_use.h"

#include <errno.h>
#include <string.h>

#include "core/err.h"
#include "sched/jobfile_params.h"

/* A file that was read. */
struct used_file {
    struct doc_file file;
    struct doc *
        root; /* its first document, with all that it uses laid under; NULL: it has none */
    bool is_open; /* what it uses is still being read */
};

struct jobfile_used {
    const struct jobfile_loader *loader;
    struct used_file files[USE_FILES_MAX];
    size_t n;
    struct doc_anchor *anchors;
    size_t n_anchors, anchors_cap;
    size_t n_bytes;
};

static struct used_file *read_use(struct job_reader *r, struct jobfile_used *u,
                                  const char *from, const struct doc *entry,
                                  unsigned depth);

static void add_anchors(struct job_reader *r, struct jobfile_used *u,
                        const struct doc_options *from)
{
    for (size_t i = 0; i < from->ret_n_anchors; i++) {
        if (arena_grow(r->arena, (void **)&u->anchors, u->n_anchors, &u->anchors_cap,
                       sizeof(*u->anchors)) < 0) {
            r->error = -ENOMEM;
            return;
        }
        u->anchors[u->n_anchors++] = from->ret_anchors[i];
    }
}

static void set_file(struct doc *d, const struct doc_file *file)
{
    if (d->file)
        return; /* of a file that this one uses, by an alias */
    d->file = file;
    for (struct doc *c = d->child; c; c = c->next)
        set_file(c, file);
}

/* A key that a used file may have.  Those of a job are its own and are not looked at. */
static bool is_usable(const struct doc *root, const struct doc *value)
{
    static const char *const words[] = {"use", "params", "defaults", "jobs", NULL};
    bool is_known = strncmp(value->key, "x-", 2) == 0 || doc_find(root, "job") != NULL;
    for (size_t i = 0; words[i]; i++)
        is_known = is_known || strcmp(words[i], value->key) == 0;
    return is_known;
}

static void check_keys(struct job_reader *r, const struct doc *root)
{
    static const char *const words[] = {"use", "params", "defaults", "jobs", NULL};
    for (const struct doc *d = root->child; d; d = d->next) {
        struct doc at = schema_key_place(d);
        const char *near = did_you_mean(d->key, words);
        if (is_usable(root, d))
            continue;
        schema_refuse(r, &at, "'%.64s' is nothing that other files could use%s%s%s",
                      d->key,
                      near ? "; did you mean '" : ": they take defaults, params and x-*",
                      near ? near : "", near ? "'?" : "");
    }
}

/* Lay the files of a list under the map: the later ones first, for they win. */
static void lay_used(struct job_reader *r, struct jobfile_used *u, const char *from,
                     struct doc *map, const struct doc *use, unsigned depth)
{
    static const char *const taken[] = {"defaults", "params"};
    struct used_file *files[USE_FILES_MAX];
    size_t n = 0;
    if (schema_is_nothing(use))
        return;
    if (use->kind == DOC_MAP) {
        schema_refuse(r, use, "use: wants a list of files, such as [base.yaml]");
        return;
    }
    if (use->kind == DOC_LIST && !schema_is_list(r, use, USE_FILES_MAX))
        return;
    for (const struct doc *d = use->kind == DOC_LIST ? use->child : use; d && !r->error;
         d = use->kind == DOC_LIST ? d->next : NULL) {
        struct used_file *file = read_use(r, u, from, d, depth);
        if (file)
            files[n++] = file;
    }
    while (n-- > 0 && !r->error)
        for (size_t i = 0; files[n]->root && i < sizeof(taken) / sizeof(taken[0]); i++)
            jobfile_lay_key(r, map, files[n]->root, taken[i]);
}

static struct used_file *find_file(struct jobfile_used *u, const char *path)
{
    for (size_t i = 0; i < u->n; i++)
        if (strcmp(u->files[i].file.name, path) == 0)
            return &u->files[i];
    return NULL;
}

static int parse(struct job_reader *r, struct jobfile_used *u, struct used_file *file,
                 bool is_scan, struct doc **ret_root)
{
    struct doc *docs = NULL;
    size_t n = 0;
    struct doc_options options = {
        .anchors = u->anchors, .n_anchors = u->n_anchors, .is_scan = is_scan};
    struct complaints ignored = {.arena = r->arena};
    r->complaints->file = &file->file;
    int status = doc_read_with(file->file.text, &options, r->arena,
                               is_scan ? &ignored : r->complaints, &docs, &n);
    r->complaints->file = NULL;
    *ret_root = status == 0 && n > 0 ? docs : NULL;
    if (is_scan)
        return 0; /* what is wrong is said when it is read */
    if (status < 0)
        r->error = r->error ? r->error : ERR_INVALID;
    else
        add_anchors(r, u, &options);
    if (n > 1 && status == 0) {
        struct doc at = {
            .line = docs[1].line, .column = docs[1].column, .file = &file->file};
        schema_refuse(r, &at, "a file that others use is one document");
    }
    return status;
}

/* What it uses comes first, then the file itself: only then its aliases are known. */
static void read_file(struct job_reader *r, struct jobfile_used *u,
                      struct used_file *file, unsigned depth)
{
    struct doc *root;
    (void)parse(r, u, file, true, &root);
    const struct doc *use = root && root->kind == DOC_MAP ? doc_find(root, "use") : NULL;
    struct doc under = {.kind = DOC_MAP};
    if (use) {
        set_file(root, &file->file);
        lay_used(r, u, file->file.name, &under, use, depth + 1);
    }
    if (r->error || parse(r, u, file, false, &root) < 0 || !root)
        return;
    set_file(root, &file->file);
    if (root->kind != DOC_MAP) {
        schema_refuse(r, root, "wants a map with defaults, params or x-*");
        return;
    }
    check_keys(r, root);
    jobfile_lay_key(r, root, &under, "defaults");
    jobfile_lay_key(r, root, &under, "params");
    file->root = root;
}

static struct used_file *read_use(struct job_reader *r, struct jobfile_used *u,
                                  const char *from, const struct doc *entry,
                                  unsigned depth)
{
    const char *name = schema_text_of(r, entry), *path = NULL, *why = NULL;
    struct bytes text;
    if (!name)
        return NULL;
    if (depth > USE_DEPTH_MAX) {
        schema_refuse(r, entry, "use: %.200s: files that use files, more than %d deep",
                      name, USE_DEPTH_MAX);
        return NULL;
    }
    if (u->loader->load(u->loader->ctx, from, name, r->arena, &path, &text, &why) < 0) {
        schema_refuse(r, entry, "use: %.200s: %s", name, why);
        return NULL;
    }
    struct used_file *file = find_file(u, path);
    if (strcmp(path, from) == 0 || (file && file->is_open)) {
        schema_refuse(r, entry, "use: %.200s uses itself%s", name,
                      strcmp(path, from) == 0 ? "" : ", over this file");
        return NULL;
    }
    if (file)
        return file;
    if (u->n == USE_FILES_MAX || u->n_bytes + text.len > JOBFILE_LEN_MAX) {
        schema_refuse(r, entry, "use: %.200s: a file may use %d others, of 1 MiB in all",
                      name, USE_FILES_MAX);
        return NULL;
    }
    u->n_bytes += text.len;
    file = &u->files[u->n++];
    *file = (struct used_file){.file = {path, text}, .is_open = true};
    read_file(r, u, file, depth);
    file->is_open = false;
    return file;
}

/* Most files use none: they are read once. */
static bool may_use(struct bytes text)
{
    return text.len > 3 && memmem(text.at, text.len, "use", 3) != NULL;
}

int jobfile_use_read(struct job_reader *r, struct bytes text,
                     const struct jobfile_loader *loader, struct jobfile_used **ret_used,
                     struct doc_options *ret_options)
{
    struct complaints ignored = {.arena = r->arena};
    struct doc_options options = {.is_scan = true};
    struct doc *docs = NULL;
    size_t n = 0;
    *ret_used = NULL;
    *ret_options = (struct doc_options){0};
    if (!loader || !may_use(text) ||
        doc_read_with(text, &options, r->arena, &ignored, &docs, &n) < 0)
        return 0; /* what is wrong is said when it is read for good */
    struct jobfile_used *u = schema_array(r, 1, sizeof(*u));
    if (!u)
        return r->error;
    u->loader = loader;
    for (size_t i = 0; i < n && !r->error; i++) {
        const struct doc *use =
            docs[i].kind == DOC_MAP ? doc_find(&docs[i], "use") : NULL;
        struct doc ignored_map = {.kind = DOC_MAP};
        if (use)
            lay_used(r, u, "", &ignored_map, use, 1);
    }
    *ret_used = u;
    ret_options->anchors = u->anchors;
    ret_options->n_anchors = u->n_anchors;
    return r->error;
}

/* All files were read already.  Under one job alone their defaults lie at once. */
static void lay_into(struct job_reader *r, struct jobfile_used *used, struct doc *doc,
                     const struct doc *use)
{
    bool has_own = doc_find(doc, "defaults") != NULL;
    lay_used(r, used, "", doc, use, 1);
    if (doc_find(doc, "jobs") || has_own)
        return;
    const struct doc *defaults = jobfile_take(doc, "defaults");
    const struct doc *name = defaults ? doc_find(defaults, "job") : NULL;
    if (name)
        schema_refuse(r, name, "defaults: a job's name cannot be that of all");
    else if (defaults && schema_is_map(r, defaults, SIZE_MAX))
        jobfile_lay(r, doc, defaults);
}

void jobfile_use_apply(struct job_reader *r, struct doc *doc, struct jobfile_used *used)
{
    const struct doc *use = doc->kind == DOC_MAP ? jobfile_take(doc, "use") : NULL;
    if (!use || r->error)
        return;
    struct doc at = schema_key_place(use);
    if (!used)
        schema_refuse(r, &at,
                      "use: there are no files here: submit it with `stratos run FILE`, "
                      "where they are");
    else
        lay_into(r, used, doc, use);
}
