/* `import`: a foreign file as a job file on stdout, and what became of each of its values on stderr. */
#include <string.h>

#include "agent/text_json.h"
#include "cli/input.h"
#include "cli/verbs.h"

/* The notes on one app; of a file that is one app alone all are its own. */
static json_t *notes_of(const struct import_report *r, const struct import_made *app,
                        bool *ret_has_losses)
{
    static const char *const kinds[] = {"changed", "dropped", "refused"};
    json_t *list = json_array();
    for (size_t i = 0; i < r->n; i++) {
        const struct import_note *note = &r->notes[i];
        if (note->app ? strcmp(note->app, app->id) != 0 : r->n_apps > 1)
            continue;
        *ret_has_losses = *ret_has_losses || note->kind != IMPORT_ERROR;
        (void)json_array_append_new(
            list, json_pack("{s:i, s:i, s:s, s:o, s:o}", "line", (int)note->line, "column",
                            (int)note->column, "kind", kinds[note->kind], "key",
                            text_json(note->key), "text", text_json(note->text)));
    }
    return list;
}

static json_t *apps_json(const struct import_report *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->n_apps; i++) {
        const struct import_made *app = &r->apps[i];
        bool has_losses = false;
        json_t *notes = notes_of(r, app, &has_losses);
        const char *outcome = !app->is_made ? "not made" : has_losses ? "partly" : "made";
        json_t *one = json_pack("{s:o, s:o, s:b, s:s, s:o}", "name", text_json(app->id), "id",
                                text_json(app->id), "made", (int)app->is_made, "outcome",
                                outcome, "notes", notes);
        if (app->is_made) {
            (void)json_object_set_new(one, "job", json_string(app->job));
            (void)json_object_set_new(one, "namespace",
                                      json_string(app->ns ? app->ns : "default"));
        }
        (void)json_array_append_new(list, one);
    }
    return list;
}

static json_t *notes_json(const struct import_report *r, const char *path)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->n; i++) {
        const struct import_note *note = &r->notes[i];
        json_t *one =
            json_pack("{s:s, s:o, s:i, s:i, s:o}", "kind", import_kind_name(note->kind),
                      "file", text_json(path), "line", (int)note->line, "column",
                      (int)note->column, "message", text_json(note->text));
        if (note->app)
            (void)json_object_set_new(one, "app", text_json(note->app));
        (void)json_array_append_new(list, one);
    }
    return list;
}

static const struct import_note *first_error(const struct import_report *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->notes[i].kind == IMPORT_ERROR)
            return &r->notes[i];
    return NULL;
}

/* `yaml` is NULL when there is no job: then it is an error, with the same report. */
static void print_report(const struct import_report *r, const char *path,
                         const char *yaml)
{
    const struct import_note *first = first_error(r);
    json_t *data =
        json_pack("{s:o, s:o, s:o, s:I, s:I, s:I, s:I}", "file", text_json(path), "apps",
                  apps_json(r), "notes", notes_json(r, path), "made",
                  (json_int_t)r->n_made, "not_made", (json_int_t)(r->n_apps - r->n_made),
                  "dropped", (json_int_t)import_report_count(r, IMPORT_DROPPED),
                  "changed", (json_int_t)import_report_count(r, IMPORT_CHANGED));
    json_t *root;
    if (yaml) {
        (void)json_object_set_new(data, "yaml", json_string(yaml));
        root = json_pack("{s:i, s:o}", "api", 1, "data", data);
    } else {
        (void)json_object_set_new(data, "code", json_string("invalid"));
        (void)json_object_set_new(data, "message",
                                  text_json(first ? first->text : "no job was made"));
        (void)json_object_set_new(data, "line", json_integer(first ? first->line : 0));
        (void)json_object_set_new(data, "column",
                                  json_integer(first ? first->column : 0));
        root = json_pack("{s:o}", "error", data);
    }
    (void)json_dumpf(root, stdout, JSON_COMPACT);
    fputc('\n', stdout);
    json_decref(root);
}

static void say_report(const struct import_report *r, const char *path)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct import_note *note = &r->notes[i];
        if (note->line > 0)
            fprintf(stderr, "%s:%u:%u: %s: ", path, note->line, note->column,
                    import_kind_name(note->kind));
        else
            fprintf(stderr, "%s: %s: ", path, import_kind_name(note->kind));
        if (note->app) {
            print_safe(stderr, note->app, false);
            fputs(": ", stderr);
        }
        print_safe(stderr, note->text, false);
        fputc('\n', stderr);
    }
    if (r->n_apps > 0)
        fprintf(stderr, "%s\n", import_report_sum(r));
}

static int exit_of(const struct invocation *in, const struct import_report *r)
{
    bool has_losses =
        import_report_count(r, IMPORT_DROPPED) + import_report_count(r, IMPORT_CHANGED) >
        0;
    if (r->n_made == 0)
        return EXIT_USAGE;
    if (r->n_made < r->n_apps || first_error(r))
        return EXIT_FAILED;
    return has_losses && words_has(&in->words, "strict") ? EXIT_FAILED : EXIT_DONE;
}

static int import(const struct invocation *in, struct bytes text, struct arena *arena)
{
    const char *path = in->words.args[1];
    const char *shown = strcmp(path, "-") == 0 ? "<stdin>" : path;
    struct import_report report = {.arena = arena};
    char *yaml = NULL;
    int error =
        files_import(text, words_has(&in->words, "without-image"), &report, &yaml);
    if (error < 0 && report.n == 0)
        return fail(in, EXIT_FAILED, "failed", "%s: %s", shown, err_text(error));
    if (in->is_json) {
        print_report(&report, shown, yaml);
    } else {
        fputs(yaml ? yaml : "", stdout);
        say_report(&report, shown);
    }
    return exit_of(in, &report);
}

int verb_import(const struct invocation *in)
{
    static const char *const planned[] = {"aurora",   "chronos",     "compose", "crontab",
                                          "procfile", "supervisord", "systemd"};
    const char *format = in->words.args[0];
    for (size_t i = 0; i < sizeof(planned) / sizeof(planned[0]); i++) {
        if (strcmp(format, planned[i]) == 0)
            return fail(in, EXIT_USAGE, "usage",
                        "'import %s' is planned but not part of stratos %s", format,
                        STRATOS_VERSION);
    }
    if (strcmp(format, "marathon") != 0)
        return fail(in, EXIT_USAGE, "usage", "'%s' cannot be imported: only marathon can",
                    format);
    struct arena arena;
    struct bytes text;
    arena_init(&arena, 0);
    int code = input_read(in, in->words.args[1], &arena, &text);
    if (code == EXIT_DONE)
        code = import(in, text, &arena);
    arena_fini(&arena);
    return code;
}
