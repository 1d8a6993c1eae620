/* Reading and checking job files. */
#include "cli/input.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/text_json.h"
#include "cli/used.h"
#include "core/bounds.h"

enum { SOURCES_MAX = 1000 };

int input_read(const struct invocation *in, const char *path, struct arena *arena,
               struct bytes *ret_text)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(in, EXIT_USAGE, "invalid", "%s: %s", path, err_text(-errno));
    size_t cap = JOBFILE_LEN_MAX + 1, len = 0;
    uint8_t *at = malloc(cap);
    ssize_t n = at ? 1 : -1;
    errno = at ? errno : ENOMEM;
    while (n > 0 && len < cap) {
        n = read(fd, at + len, cap - len);
        len += n > 0 ? (size_t)n : 0;
    }
    int error = n < 0 ? -errno : 0;
    if (!is_stdin)
        close(fd);
    struct bytes text = error < 0 || len > JOBFILE_LEN_MAX
                            ? (struct bytes){0}
                            : arena_bytes(arena, (struct bytes){at, len});
    free(at);
    if (error < 0)
        return fail(in, EXIT_USAGE, "invalid", "%s: %s", path, err_text(error));
    if (len > JOBFILE_LEN_MAX) /* 1 MiB */
        return fail(in, EXIT_USAGE, "invalid",
                    "%s: larger than 1 MiB, the most a job file may be", path);
    if (len > 0 && !text.at)
        return fail(in, EXIT_FAILED, "failed", "out of memory");
    *ret_text = len > 0 ? text : (struct bytes){(const uint8_t *)"", 0};
    return EXIT_DONE;
}

/* ---- which files ---- */

static int add_source(const struct invocation *in, const char *path, struct arena *arena,
                      struct sources *sources)
{
    if (sources->n == SOURCES_MAX)
        return fail(in, EXIT_USAGE, "invalid", "more than %d files", SOURCES_MAX);
    if (!path || arena_grow(arena, (void **)&sources->list, sources->n, &sources->cap,
                            sizeof(*sources->list)) < 0)
        return fail(in, EXIT_FAILED, "failed", "out of memory");
    struct source *source = &sources->list[sources->n++];
    *source = (struct source){.path = strcmp(path, "-") == 0 ? "<stdin>" : path,
                              .notes = {.arena = arena}};
    return input_read(in, path, arena, &source->text);
}

static int is_job_file(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return entry->d_name[0] != '.' && dot &&
           (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0 ||
            strcmp(dot, ".json") == 0);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_directory(const struct invocation *in, const char *path,
                         struct arena *arena, struct sources *sources)
{
    struct dirent **entries;
    int n = scandir(path, &entries, is_job_file, by_name), code = EXIT_DONE;
    if (n < 0)
        return fail(in, EXIT_USAGE, "invalid", "%s: %s", path, err_text(-errno));
    if (n == 0)
        code = fail(in, EXIT_USAGE, "invalid",
                    "%s: no job file is there: none ends in .yaml, .yml or .json", path);
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    for (int i = 0; i < n; i++) {
        if (code == EXIT_DONE)
            code = add_source(
                in, arena_printf(arena, "%.*s/%s", (int)len, path, entries[i]->d_name),
                arena, sources);
        free(entries[i]);
    }
    free(entries);
    return code;
}

static int read_all(const struct invocation *in, struct arena *arena,
                    struct sources *sources)
{
    int code = EXIT_DONE;
    for (size_t i = 0; i < in->words.n_args && code == EXIT_DONE; i++) {
        const char *path = in->words.args[i];
        struct stat st;
        bool is_directory = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
        code = is_directory ? add_directory(in, path, arena, sources)
                            : add_source(in, path, arena, sources);
    }
    return code;
}

/* ---- params ---- */

struct values {
    struct jobfile_params params;
    size_t cap;
};

static int add_value(const struct invocation *in, struct values *v, const char *name,
                     const char *value, struct arena *arena)
{
    if (!name || !value ||
        arena_grow(arena, (void **)&v->params.list, v->params.n, &v->cap,
                   sizeof(*v->params.list)) < 0)
        return fail(in, EXIT_FAILED, "failed", "out of memory");
    v->params.list[v->params.n++] = (struct jobfile_param){.name = name, .value = value};
    return EXIT_DONE;
}

static int read_values(const struct invocation *in, const char *path, struct values *v,
                       struct arena *arena)
{
    struct complaints complaints = {.arena = arena};
    struct bytes text;
    struct doc *docs = NULL;
    size_t n = 0;
    int code = input_read(in, path, arena, &text);
    if (code != EXIT_DONE)
        return code;
    if (doc_read(text, arena, &complaints, &docs, &n) < 0)
        return fail(in, EXIT_USAGE, "invalid", "%s:%u:%u: %s", path,
                    complaints.list[0].line, complaints.list[0].column,
                    complaints.list[0].text);
    if (n != 1 || docs->kind != DOC_MAP)
        return fail(in, EXIT_USAGE, "invalid", "%s: wants a map of params (name: value)",
                    path);
    for (const struct doc *d = docs->child; d && code == EXIT_DONE; d = d->next)
        code = d->kind == DOC_SCALAR
                   ? add_value(in, v, d->key, d->text, arena)
                   : fail(in, EXIT_USAGE, "invalid", "%s:%u:%u: %s wants a single value",
                          path, d->line, d->column, d->key);
    return code;
}

/* Those of the file first: of one name the last counts. */
static int read_params(const struct invocation *in, struct values *v, struct arena *arena)
{
    const char *path = words_value(&in->words, "params");
    int code = path ? read_values(in, path, v, arena) : EXIT_DONE;
    for (size_t i = 0; i < in->words.n_given && code == EXIT_DONE; i++) {
        const struct given *given = &in->words.given[i];
        if (strcmp(given->flag->name, "param") != 0)
            continue;
        const char *sign = strchr(given->value, '=');
        if (!sign || sign == given->value)
            return fail(in, EXIT_USAGE, "usage", "-p wants NAME=VALUE, not '%s'",
                        given->value);
        struct bytes name = {(const uint8_t *)given->value,
                             (size_t)(sign - given->value)};
        code = add_value(in, v, arena_text_of(arena, name), sign + 1, arena);
    }
    return code;
}

/* A value for no param of any file is a slip. */
static int check_used(const struct invocation *in, const struct values *v)
{
    for (size_t i = 0; i < v->params.n; i++) {
        bool is_used = false;
        for (size_t k = 0; k < v->params.n; k++)
            is_used =
                is_used || (v->params.list[k].is_used &&
                            strcmp(v->params.list[k].name, v->params.list[i].name) == 0);
        if (!is_used)
            return fail(in, EXIT_USAGE, "invalid",
                        "no file has a param '%s': its params say which there are",
                        v->params.list[i].name);
    }
    return EXIT_DONE;
}

/* As lines, for who wants to give them again, -n among them; a line end within a value is written \\n. */
static const char *params_text(const struct values *v, struct arena *arena)
{
    const char *ns = v->params.ns ? v->params.ns : "";
    size_t cap = strlen(ns) + 8;
    for (size_t i = 0; i < v->params.n; i++)
        cap += strlen(v->params.list[i].name) + 2 * strlen(v->params.list[i].value) + 2;
    char *out = arena_alloc(arena, cap), *to = out;
    if (out && *ns)
        to = stpcpy(stpcpy(to, "-n "), ns);
    for (size_t i = 0; out && i < v->params.n; i++) {
        if (to > out)
            *to++ = '\n';
        to = stpcpy(to, v->params.list[i].name);
        *to++ = '=';
        for (const char *c = v->params.list[i].value; *c; c++) {
            if (*c == '\n')
                *to++ = '\\';
            *to++ = *c == '\n' ? 'n' : *c;
        }
    }
    if (out)
        *to = '\0';
    return out;
}

/* ---- checking ---- */

static void say_notes(const struct source *source)
{
    for (size_t i = 0; i < source->notes.n; i++) {
        const struct complaint *note = &source->notes.list[i];
        if (note->line > 0)
            fprintf(stderr, "%s:%u: note: ", note->file ? note->file->name : source->path,
                    note->line);
        else
            fprintf(stderr, "%s: note: ", source->path);
        print_safe(stderr, note->text, false);
        fputc('\n', stderr);
    }
}

static void say_errors(const struct source *source, struct arena *arena)
{
    const char *said = complaints_text(&source->notes, source->path, source->text, arena);
    print_safe(stderr, said ? said : "", true);
}

/* All of it, whichever file it is of; the first stands for the whole. */
static void say_json(const struct sources *sources, const bool *is_bad)
{
    json_t *list = json_array(), *first = NULL;
    for (size_t i = 0; i < sources->n; i++)
        for (size_t k = 0; is_bad[i] && k < sources->list[i].notes.n; k++) {
            const struct complaint *c = &sources->list[i].notes.list[k];
            (void)json_array_append_new(
                list,
                json_pack("{s:o, s:i, s:i, s:s}", "file",
                          text_json(c->file ? c->file->name : sources->list[i].path),
                          "line", (int)c->line, "column", (int)c->column, "message",
                          c->text));
        }
    json_t *error =
        json_pack("{s:s, s:s}", "code", "invalid", "message", "not a job file");
    first = json_array_get(list, 0);
    if (first)
        (void)json_object_update(error, first);
    (void)json_object_set_new(error, "complaints", list);
    json_t *root = json_pack("{s:o}", "error", error);
    (void)json_dumpf(root, stdout, JSON_COMPACT);
    fputc('\n', stdout);
    json_decref(root);
}

/* A job that an earlier file has. */
static void check_doubles(const struct sources *sources, size_t i)
{
    struct source *source = &sources->list[i];
    for (size_t k = 0; k < i; k++)
        for (size_t a = 0; a < source->jobs.n; a++)
            for (size_t b = 0; b < sources->list[k].jobs.n; b++)
                if (strcmp(source->jobs.names[a], sources->list[k].jobs.names[b]) == 0)
                    complain(&source->notes, 0, 0, "job %s is in %s, too",
                             source->jobs.names[a], sources->list[k].path);
}

static int check_one(const struct invocation *in, const struct sources *sources, size_t i,
                     const struct jobfile_params *params, struct arena *arena,
                     bool *ret_is_bad)
{
    struct source *source = &sources->list[i];
    struct used_root root = {source->path};
    struct jobfile_loader loader = {used_load, &root};
    int error = files_validate(source->text, params, &loader, arena, &source->notes,
                               &source->jobs);
    if (error < 0 && source->notes.n == 0)
        return fail(in, EXIT_USAGE, "invalid", "%s: %s", source->path, err_text(error));
    size_t n_notes = source->notes.n;
    check_doubles(sources, i);
    *ret_is_bad = error < 0 || source->notes.n > n_notes;
    if (*ret_is_bad && !in->is_json)
        say_errors(source, arena);
    else if (!in->is_json)
        say_notes(source);
    return EXIT_DONE;
}

int input_sources(const struct invocation *in, struct arena *arena, struct sources *ret)
{
    struct values values = {0};
    *ret = (struct sources){.params = ""};
    int code = read_params(in, &values, arena);
    values.params.ns = words_has(&in->words, "namespace") ? in->namespace : NULL;
    const char *params = params_text(&values, arena);
    if (code == EXIT_DONE && !params)
        code = fail(in, EXIT_FAILED, "failed", "out of memory");
    ret->params = params ? params : "";
    if (code == EXIT_DONE)
        code = read_all(in, arena, ret);
    bool *is_bad = arena_alloc(arena, ret->n + 1), is_any_bad = false;
    if (code == EXIT_DONE && !is_bad)
        code = fail(in, EXIT_FAILED, "failed", "out of memory");
    for (size_t i = 0; i < ret->n && code == EXIT_DONE; i++) {
        code = check_one(in, ret, i, &values.params, arena, &is_bad[i]);
        is_any_bad = is_any_bad || is_bad[i];
    }
    if (code == EXIT_DONE && is_any_bad) {
        if (in->is_json)
            say_json(ret, is_bad);
        return EXIT_USAGE;
    }
    return code == EXIT_DONE ? check_used(in, &values) : code;
}

int input_text(const struct invocation *in, const char *shown, struct bytes text,
               struct arena *arena, struct sources *ret)
{
    bool is_bad = false;
    struct source *source = arena_alloc(arena, sizeof(*source));
    if (!source)
        return fail(in, EXIT_FAILED, "failed", "out of memory");
    *source = (struct source){.path = shown, .text = text, .notes = {.arena = arena}};
    *ret = (struct sources){.list = source, .n = 1, .cap = 1, .params = ""};
    int code = check_one(in, ret, 0, NULL, arena, &is_bad);
    if (code == EXIT_DONE && is_bad && in->is_json)
        say_json(ret, &is_bad);
    return code == EXIT_DONE && is_bad ? EXIT_USAGE : code;
}

struct bytes input_joined(const struct sources *sources, struct arena *arena)
{
    if (sources->n == 1 && !*sources->params && !sources->list[0].jobs.use_files)
        return sources->list[0].text;
    struct files_source *files = arena_array(arena, sources->n, sizeof(*files));
    for (size_t i = 0; files && i < sources->n; i++)
        files[i] = (struct files_source){sources->list[i].jobs, sources->list[i].text,
                                         sources->params};
    return files ? files_join(files, sources->n, arena) : (struct bytes){0};
}
