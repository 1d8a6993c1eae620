/* `init` and `validate`: what needs no agent. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/text_json.h"
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

/* A file that this version does not take is not written. */
static int refuse_kind(const struct invocation *in)
{
    static const char *const flags[] = {"batch", "cron", "per-node"};
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (words_has(&in->words, flags[i]))
            return fail(
                in, EXIT_USAGE, "unsupported",
                "--%s is planned but not part of stratos %s: nothing was written; "
                "without it a service is",
                flags[i], STRATOS_VERSION);
    }
    return EXIT_DONE;
}

int verb_init(const struct invocation *in)
{
    const char *name = in->words.n_args > 0 ? in->words.args[0] : "web";
    char path[NAME_LEN_MAX + 8];
    int code = refuse_kind(in);
    if (code != EXIT_DONE)
        return code;
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
    for (const char *c = service_file; *c; c++) {
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
        fprintf(stderr, "%s is written; submit it with: stratos run %s\n", path, path);
    return EXIT_DONE;
}

/* ---- validate ---- */

static json_t *notes_json(const struct source *source)
{
    json_t *list = json_array();
    for (size_t i = 0; i < source->notes.n; i++) {
        const struct complaint *note = &source->notes.list[i];
        (void)json_array_append_new(
            list, json_pack("{s:o, s:i, s:o}", "file",
                            text_json(note->file ? note->file->name : source->path),
                            "line", (int)note->line, "message", text_json(note->text)));
    }
    return list;
}

static json_t *file_json(const struct source *source)
{
    json_t *jobs = json_array();
    for (size_t i = 0; i < source->jobs.n; i++)
        (void)json_array_append_new(jobs, json_string(source->jobs.names[i]));
    return json_pack("{s:o, s:o, s:o}", "file", text_json(source->path), "jobs", jobs,
                     "notes", notes_json(source));
}

/* One file as it stands; of several a list. */
static void print_validated(const struct sources *sources)
{
    json_t *data, *files = json_array();
    for (size_t i = 0; i < sources->n; i++)
        (void)json_array_append_new(files, file_json(&sources->list[i]));
    data = sources->n == 1 ? json_incref(json_array_get(files, 0))
                           : json_pack("{s:O}", "files", files);
    json_decref(files);
    json_t *root = json_pack("{s:i, s:o}", "api", 1, "data", data);
    (void)json_dumpf(root, stdout, JSON_COMPACT);
    fputc('\n', stdout);
    json_decref(root);
}

int verb_validate(const struct invocation *in)
{
    struct arena arena;
    struct sources sources;
    arena_init(&arena, 0);
    int code = input_sources(in, &arena, &sources);
    if (code == EXIT_DONE && in->is_json)
        print_validated(&sources);
    for (size_t i = 0; i < sources.n && code == EXIT_DONE && !in->is_json; i++) {
        const struct source *source = &sources.list[i];
        fprintf(stderr, "%s: fine: ", source->path);
        for (size_t k = 0; k < source->jobs.n; k++)
            fprintf(stderr, "%s%s", k > 0 ? ", " : "", source->jobs.names[k]);
        fputc('\n', stderr);
    }
    arena_fini(&arena);
    return code;
}
