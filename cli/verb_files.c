/* `init`, `validate`, `import`: what needs no agent. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/files.h"
#include "cli/input.h"
#include "cli/verbs.h"
#include "core/ids.h"

/* ---- init ---- */

static const char service_file[] =
    "# %1$s.yaml: a service.  Submit it with: stratos run %1$s.yaml\n"
    "job: %1$s\n"
    "count: 3                      # how many copies\n"
    "task:\n"
    "  # your program; one string instead of a list goes through /bin/sh\n"
    "  command: [\"${STRATOS_BIN}\", demo-http]\n"
    "  env: {LOG_LEVEL: info}\n"
    "  resources: {cpu: 0.1, memory: 64M}\n"
    "  stop: {signal: TERM, timeout: 10s}\n"
    "ports:\n"
    "  http: dynamic               # the task sees it as PORT_HTTP and PORT\n"
    "health:\n"
    "  - {name: ready, http: /health, port: http, interval: 2s, timeout: 1s}\n"
    "update: {max_parallel: 1, min_healthy_time: 2s}\n"
    "restart: {attempts: 3, window: 5m, delay: 1s}\n"
    "# constraints:                # where it may run\n"
    "#   - {attr: hostname, op: unique}          # one on each host\n"
    "#   - {attr: rack, op: \"==\", value: r1}     # agents say it with --attr rack=r1\n"
    "# Then: stratos status %1$s, stratos logs %1$s, stratos services\n";

static const char batch_file[] =
    "# %1$s.yaml: work that ends.  Submit it with: stratos run %1$s.yaml\n"
    "job: %1$s\n"
    "type: batch\n"
    "task:\n"
    "  command: echo \"hello from $STRATOS_NODE\"\n"
    "  resources: {cpu: 0.1, memory: 64M}\n";

int verb_init(const struct invocation *in)
{
    const char *name = in->words.n_args > 0 ? in->words.args[0] : "web";
    char path[NAME_LEN_MAX + 8];
    if (!name_is_valid(bytes_of_text(name)))
        return fail(in, EXIT_USAGE, "invalid",
                    "'%s' cannot be a job's name: a-z, 0-9 and -", name);
    (void)snprintf(path, sizeof(path), "%s.yaml", name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EEXIST)
        return fail(in, EXIT_FAILED, "exists", "%s is there already: it stays as it is",
                    path);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file)
        return fail(in, EXIT_FAILED, "failed", "%s: %s", path, err_text(-errno));
    bool is_batch = words_has(&in->words, "batch");
    for (const char *c = is_batch ? batch_file : service_file; *c; c++) {
        if (strncmp(c, "%1$s", 4) == 0) {
            fputs(name, file);
            c += 3;
        } else {
            fputc(*c, file);
        }
    }
    if (fclose(file) != 0)
        return fail(in, EXIT_FAILED, "failed", "%s: %s", path, err_text(-errno));
    if (in->is_json)
        printf("{\"api\":1,\"data\":{\"file\":\"%s\"}}\n", path);
    else
        printf("%s is written; submit it with: stratos run %s\n", path, path);
    return EXIT_DONE;
}

/* ---- validate ---- */

int verb_validate(const struct invocation *in)
{
    const char *path = in->words.args[0];
    struct arena arena;
    struct bytes text;
    const char *const *names = NULL;
    size_t n = 0;
    arena_init(&arena, 0);
    int code = input_read(in, path, &arena, &text);
    if (code == EXIT_DONE)
        code = input_check(in, path, text, &arena, &names, &n);
    if (code == EXIT_DONE && in->is_json) {
        json_t *jobs = json_array();
        for (size_t i = 0; i < n; i++)
            (void)json_array_append_new(jobs, json_string(names[i]));
        json_t *root = json_pack("{s:i, s:{s:s, s:o}}", "api", 1, "data", "file", path,
                                 "jobs", jobs);
        (void)json_dumpf(root, stdout, JSON_COMPACT);
        fputc('\n', stdout);
        json_decref(root);
    } else if (code == EXIT_DONE) {
        printf("%s: fine: ", path);
        for (size_t i = 0; i < n; i++)
            printf("%s%s", i > 0 ? ", " : "", names[i]);
        fputc('\n', stdout);
    }
    arena_fini(&arena);
    return code;
}

/* ---- import ---- */

static void say_notes(const char *path, const struct complaints *notes, const char *word)
{
    for (size_t i = 0; i < notes->n; i++) {
        fprintf(stderr, "%s:%u: %s: ", path, notes->list[i].line, word);
        print_safe(stderr, notes->list[i].text, false);
        fputc('\n', stderr);
    }
    if (notes->n_more > 0)
        fprintf(stderr, "%s: and %zu more\n", path, notes->n_more);
}

static void print_import(const char *yaml, const char *path,
                         const struct complaints *notes)
{
    json_t *list = json_array();
    for (size_t i = 0; i < notes->n; i++) {
        (void)json_array_append_new(list, json_pack("{s:s, s:i, s:s}", "file", path,
                                                    "line", (int)notes->list[i].line,
                                                    "message", notes->list[i].text));
    }
    json_t *root =
        json_pack("{s:i, s:{s:s, s:o}}", "api", 1, "data", "file", yaml, "notes", list);
    (void)json_dumpf(root, stdout, JSON_COMPACT);
    fputc('\n', stdout);
    json_decref(root);
}

static int import(const struct invocation *in, struct bytes text, struct arena *arena)
{
    const char *format = in->words.args[0], *path = in->words.args[1];
    const char *shown = strcmp(path, "-") == 0 ? "<stdin>" : path;
    struct complaints notes = {.arena = arena};
    char *yaml = NULL;
    int error = files_import(format, text, arena, &notes, &yaml);
    if (error < 0 && in->is_json)
        return fail(in, EXIT_USAGE, "invalid", "%s: %s", shown,
                    notes.n > 0 ? notes.list[0].text : err_text(error));
    if (error < 0) {
        say_notes(shown, &notes, "error");
        return fail(in, EXIT_USAGE, "invalid", "%s is no %s file", shown, format);
    }
    if (in->is_json) {
        print_import(yaml, shown, &notes);
    } else {
        fputs(yaml, stdout);
        say_notes(shown, &notes, "note");
    }
    return EXIT_DONE;
}

int verb_import(const struct invocation *in)
{
    static const char *const planned[] = {"chronos", "crontab", "nomad"};
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
