/* `inspect`: the spec that is in force, or an earlier or a lost one, as JSON or as a job file. */
#include <string.h>

#include "cli/talk.h"
#include "cli/verbs.h"
#include "cli/yaml.h"

enum { VERSION_TEXT = 65 }; /* the longest is a whole hash */

/* "web@v7" or "web@9f2c01ab" taken apart; without '@' the version is "". */
static int split(const struct invocation *in, char *job, size_t cap,
                 char version[static VERSION_TEXT])
{
    const char *word = in->words.args[0], *at = strchr(word, '@');
    size_t len = at ? (size_t)(at - word) : strlen(word);
    version[0] = '\0';
    if (at && (at[1] == '\0' || strlen(at + 1) >= VERSION_TEXT ||
               strspn(at + 1, "v0123456789abcdef") != strlen(at + 1)))
        return fail(in, EXIT_USAGE, "usage",
                    "'%s': want JOB@vN or JOB@HASH, for example web@v7", word);
    if (at)
        (void)snprintf(version, VERSION_TEXT, "%s", at + 1);
    (void)snprintf(job, cap, "%.*s", (int)len, word);
    return EXIT_DONE;
}

/* How it was given, where that was more than the text. */
static void say_params(const char *params)
{
    if (!*params)
        return;
    fputs("it was submitted with:", stderr);
    while (*params) {
        size_t len = strcspn(params, "\n");
        bool is_param = strncmp(params, "-n ", 3) != 0;
        fputs(is_param ? " -p '" : " ", stderr);
        for (size_t i = 0; i < len; i++)
            fputc((unsigned char)params[i] < 0x20 ? '?' : params[i], stderr);
        fputs(is_param ? "'" : "", stderr);
        params += len + (params[len] == '\n');
    }
    fputc('\n', stderr);
}

/* Byte for byte what a person has submitted, where it is kept; else the canonical form, and why. */
static int print_file(const struct invocation *in, const struct target *target,
                      const json_t *data)
{
    const json_t *text = json_object_get(data, "text");
    long long n_jobs = json_number(data, "text_jobs");
    bool is_canonical = words_has(&in->words, "canonical");
    if (!is_canonical && json_is_string(text)) {
        (void)fwrite(json_string_value(text), 1, json_string_length(text), stdout);
        say_params(json_text(data, "params"));
        if (n_jobs > 1)
            fprintf(stderr,
                    "it is a file of %lld jobs, and `run` submits all of them; "
                    "--canonical is of %s alone\n",
                    n_jobs, target->job);
        return EXIT_DONE;
    }
    if (!is_canonical)
        fprintf(
            stderr,
            "what it was submitted as is not known (%s); this is its canonical form\n",
            *json_text(data, "text_missing") ? json_text(data, "text_missing")
                                             : "the agent does not keep that");
    printf("# %s/%s %s\n", target->ns, target->job, json_text(data, "version"));
    if (yaml_print(json_object_get(data, "spec"), stdout) < 0)
        return fail(in, EXIT_FAILED, "failed", "out of memory");
    return EXIT_DONE;
}

int verb_inspect(const struct invocation *in)
{
    char word[256], version[VERSION_TEXT];
    struct target target;
    struct talk t;
    struct answer a;
    int code = split(in, word, sizeof(word), version);
    if (code == EXIT_DONE)
        code = target_need_job(in, word, &target);
    if (code == EXIT_DONE)
        code = talk_open(&t, in);
    if (code != EXIT_DONE)
        return code;
    t.job_word = word;
    code = talk_get(&t, &a, "/v1/jobs/%s/%s/spec%s%s", target.ns, target.job,
                    *version ? "?version=" : "", version);
    if (code == EXIT_DONE) {
        const json_t *spec = json_object_get(a.data, "spec");
        if (words_has(&in->words, "file") || words_has(&in->words, "canonical")) {
            code = print_file(in, &target, a.data);
        } else if (!print_json(in, &a)) {
            (void)json_dumpf(spec, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
            fputc('\n', stdout);
        }
        say_view(in, &a);
        answer_close(&a);
    }
    talk_close(&t);
    return code;
}
