/* See job_words.h.  Values are checked here only as far as they would change the shape of the file; what they mean is
 * checked by who reads it, as of every file. */
#include "cli/job_words.h"

#include <string.h>
#include <unistd.h>

#include "cli/talk.h"
#include "core/ids.h"
#include "core/yaml_text.h"

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

enum { LINE_MAX_LEN = 80 };

bool job_words_given(const struct invocation *in)
{
    return in->words.has_end &&
           (in->words.n_before_end > 0 || access(in->words.args[0], F_OK) != 0);
}

/* ---- what cannot be said ---- */

static const struct {
    const char *flag, *text;
} later[] = {
    {"image", "tasks run programs of the host"},
    {"every", "without it a service is, and the host's cron may call `stratos`"},
    {"expose", "with --port NAME=N each instance listens on N of its host"},
};

int job_words_refuse(const struct invocation *in)
{
    static const char *const ours[] = {"count", "port",  "env",   "cpu",   "memory",
                                       "print", "image", "every", "expose"};
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (words_has(&in->words, ours[i]))
            return fail(in, EXIT_USAGE, "usage",
                        "--%s goes with a command: stratos run NAME --%s%s -- CMD...; "
                        "a file says it itself",
                        ours[i], ours[i], strcmp(ours[i], "print") == 0 ? "" : " ...");
    const char *word = in->words.args[0];
    if (in->words.n_args == 1 && name_is_valid(bytes_of_text(word)) &&
        access(word, F_OK) != 0)
        return fail(in, EXIT_USAGE, "invalid",
                    "no file '%s' is here; a command without a file goes after --: "
                    "stratos run %s -- CMD...",
                    word, word);
    return EXIT_DONE;
}

static int refuse_later(const struct invocation *in)
{
    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
        if (words_has(&in->words, later[i].flag))
            return fail(in, EXIT_USAGE, "unsupported",
                        "--%s is planned but not part of stratos %s: nothing was "
                        "submitted; %s",
                        later[i].flag, STRATOS_VERSION, later[i].text);
    const char *count = words_value(&in->words, "count");
    if (count && strcmp(count, "per-node") == 0)
        return fail(in, EXIT_USAGE, "unsupported",
                    "--count per-node is planned but not part of stratos %s: nothing was "
                    "submitted; a number is fine",
                    STRATOS_VERSION);
    if (words_has(&in->words, "param") || words_has(&in->words, "params"))
        return fail(in, EXIT_USAGE, "usage",
                    "params are of files: write the value itself into the command");
    return EXIT_DONE;
}

/* NAME, or NS/NAME. */
static int read_name(const struct invocation *in, struct target *ret)
{
    const struct words *w = &in->words;
    if (w->n_before_end == 0)
        return fail(in, EXIT_USAGE, "usage",
                    "a name comes before the command: stratos run NAME -- %s",
                    w->args[0]);
    if (w->n_before_end == w->n_args)
        return fail(in, EXIT_USAGE, "usage",
                    "a command comes after --: stratos run %s -- CMD...", w->args[0]);
    if (w->n_before_end > 1)
        return fail(in, EXIT_USAGE, "usage",
                    "one name comes before --, not '%s' too: stratos run %s -- CMD...",
                    w->args[1], w->args[0]);
    return target_need_job(in, w->args[0], ret);
}

/* A program that only this directory has would be looked for in the task's own. */
static int check_program(const struct invocation *in)
{
    const char *program = in->words.args[in->words.n_before_end];
    if (strchr(program, '/') && program[0] != '/' && program[0] != '$')
        return fail(in, EXIT_USAGE, "invalid",
                    "%s: a task starts in a directory of its own: give the program's "
                    "whole path, and have it there on every node",
                    program);
    return EXIT_DONE;
}

/* A number as it stands; anything else could be another key. */
static int add_number(const struct invocation *in, struct yaml_text *t, const char *flag,
                      const char *before, const char *wanted)
{
    const char *value = words_value(&in->words, flag);
    if (!value)
        return EXIT_DONE;
    if (!*value || strspn(value, DIGITS LETTERS ".") != strlen(value) ||
        strlen(value) > 32)
        return fail(in, EXIT_USAGE, "usage", "--%s wants %s, not '%s'", flag, wanted,
                    value);
    yaml_add(t, "%s%s", before, value);
    return EXIT_DONE;
}

/* ---- the file ---- */

static void add_command(struct yaml_text *t, const struct words *w)
{
    size_t len = 0;
    for (size_t i = w->n_before_end; i < w->n_args; i++)
        len += strlen(w->args[i]) + 2;
    bool is_long = len > LINE_MAX_LEN;
    yaml_add(t, is_long ? "  command:\n" : "  command: [");
    for (size_t i = w->n_before_end; i < w->n_args; i++) {
        yaml_add(t, "%s", is_long ? "    - " : i > w->n_before_end ? ", " : "");
        yaml_scalar(t, w->args[i]);
        yaml_add(t, "%s", is_long ? "\n" : "");
    }
    yaml_add(t, "%s", is_long ? "" : "]\n");
}

static int add_env(const struct invocation *in, struct yaml_text *t)
{
    bool has_any = false;
    for (size_t i = 0; i < in->words.n_given; i++) {
        const struct given *given = &in->words.given[i];
        if (strcmp(given->flag->name, "env") != 0)
            continue;
        const char *sign = strchr(given->value, '=');
        if (!sign || sign == given->value)
            return fail(in, EXIT_USAGE, "usage", "--env wants NAME=VALUE, not '%s'",
                        given->value);
        struct bytes name = {(const uint8_t *)given->value,
                             (size_t)(sign - given->value)};
        const char *key = arena_text_of(t->arena, name);
        if (!key)
            return fail(in, EXIT_FAILED, "failed", "out of memory");
        yaml_add(t, has_any ? "    " : "  env:\n    ");
        yaml_scalar(t, key);
        yaml_add(t, ": ");
        yaml_scalar(t, sign + 1);
        yaml_add(t, "\n");
        has_any = true;
    }
    return EXIT_DONE;
}

static int add_resources(const struct invocation *in, struct yaml_text *t)
{
    bool has_cpu = words_has(&in->words, "cpu"),
         has_memory = words_has(&in->words, "memory");
    if (!has_cpu && !has_memory)
        return EXIT_DONE;
    yaml_add(t, "  resources: {");
    int code = add_number(in, t, "cpu", "cpu: ", "cores (0.5 or 500m)");
    if (code == EXIT_DONE)
        code = add_number(in, t, "memory",
                          has_cpu ? ", memory: " : "memory: ", "a size (256M)");
    yaml_add(t, "}\n");
    return code;
}

static int add_ports(const struct invocation *in, struct yaml_text *t)
{
    bool has_any = false;
    for (size_t i = 0; i < in->words.n_given; i++) {
        const struct given *given = &in->words.given[i];
        if (strcmp(given->flag->name, "port") != 0)
            continue;
        size_t len = strcspn(given->value, "=");
        const char *number = given->value[len] ? given->value + len + 1 : "dynamic";
        struct bytes name = {(const uint8_t *)given->value, len};
        if (!name_is_valid(name) || strspn(given->value, DIGITS) >= len)
            return fail(in, EXIT_USAGE, "usage",
                        "--port wants NAME or NAME=N, not '%s': --port http, --port "
                        "http=8080",
                        given->value);
        if (given->value[len] && (!*number || strspn(number, DIGITS) != strlen(number)))
            return fail(in, EXIT_USAGE, "usage", "--port %s: '%s' is no port",
                        given->value, number);
        yaml_add(t, "%s  %.*s: %s\n", has_any ? "" : "ports:\n", (int)len, given->value,
                 number);
        has_any = true;
    }
    return EXIT_DONE;
}

int job_words_text(const struct invocation *in, struct arena *arena,
                   struct bytes *ret_text)
{
    struct yaml_text t = {.arena = arena};
    struct target name;
    int code = refuse_later(in);
    if (code == EXIT_DONE)
        code = read_name(in, &name);
    if (code == EXIT_DONE)
        code = check_program(in);
    if (code != EXIT_DONE)
        return code;
    yaml_add(&t, "job: ");
    yaml_scalar(&t, name.job);
    if (strcmp(name.ns, "default") != 0) {
        yaml_add(&t, "\nnamespace: ");
        yaml_scalar(&t, name.ns);
    }
    code = add_number(in, &t, "count", "\ncount: ", "a whole number");
    yaml_add(&t, "\ntask:\n");
    add_command(&t, &in->words);
    if (code == EXIT_DONE)
        code = add_env(in, &t);
    if (code == EXIT_DONE)
        code = add_resources(in, &t);
    if (code == EXIT_DONE)
        code = add_ports(in, &t);
    if (code == EXIT_DONE && t.is_failed)
        code = fail(in, EXIT_FAILED, "failed", "out of memory");
    if (code == EXIT_DONE)
        *ret_text = bytes_of_text(t.at);
    return code;
}
