/* `jobs` and `history`: what is known of the jobs themselves. */
#include <string.h>

#include "cli/follow.h"
#include "cli/overview.h"
#include "cli/tables.h"
#include "cli/talk.h"
#include "cli/verbs.h"

int verb_jobs(const struct invocation *in)
{
    struct talk t;
    struct answer a;
    int code = talk_open(&t, in);
    if (code != EXIT_DONE)
        return code;
    code = talk_get(&t, &a, "/v1/jobs");
    if (code == EXIT_DONE) {
        json_t *jobs = json_object_get(a.root, "data");
        keep_namespace(in, jobs);
        overview_select(in, jobs);
        if (in->is_json) {
            print_wrapped(&a, json_incref(jobs));
        } else {
            if (json_array_size(jobs) > 0)
                jobs_print(jobs);
            else if (words_has(&in->words, "label"))
                fputs("no jobs with that label\n", stderr);
            else if (words_has(&in->words, "namespace"))
                fprintf(stderr, "no jobs in namespace '%s'\n", in->namespace);
            else
                fputs("no jobs yet: `stratos init` writes a job file to start from\n",
                      stderr);
        }
        say_view(in, &a);
        answer_close(&a);
    }
    talk_close(&t);
    return code;
}

enum { HASH_SHOWN = 8 }; /* digits; a version can be asked for by as many */

/* "lost to 9f2c01ab" for what lost to a concurrent submission, or just "lost" to a removal. */
static const char *outcome_text(const json_t *version, char *out, size_t cap)
{
    const char *rival = json_text(version, "lost_to");
    const char *outcome = json_text(version, "outcome");
    if (!*rival)
        return outcome;
    (void)snprintf(out, cap, "conflict: lost to %.*s", HASH_SHOWN, rival);
    return out;
}

/* How to see what lost: only where something did. */
static void print_conflicts(const struct target *target, const json_t *versions)
{
    size_t i;
    json_t *version;
    json_array_foreach(versions, i, version)
    {
        bool is_lost = strcmp(json_text(version, "outcome"), "lost") == 0;
        if (!is_lost || !json_is_true(json_object_get(version, "kept")))
            continue;
        (void)out_flush();
        fprintf(stderr,
                "%s was submitted without knowing of the one that stands; see what lost "
                "with\nstratos inspect %s/%s@%.*s --file\n",
                json_text(version, "version"), target->ns, target->job, HASH_SHOWN,
                json_text(version, "spec"));
    }
}

static void print_history(const struct target *target, const json_t *versions)
{
    static const char *const heads[] = {"VERSION", "SPEC", "AGE", "BY",
                                        "OUTCOME", "NOTE", NULL};
    struct grid grid;
    size_t i;
    json_t *version;
    grid_init(&grid, heads);
    json_array_foreach(versions, i, version)
    {
        char age[RENDER_TEXT] = "", spec[HASH_SHOWN + 1], outcome[64];
        (void)snprintf(spec, sizeof(spec), "%s", json_text(version, "spec"));
        uint64_t at = time_parse(json_text(version, "at")), now = now_unix_ms();
        if (at > 0)
            (void)age_text(now > at ? now - at : 0, age);
        grid_row(&grid,
                 (const char *const[]){json_text(version, "version"), spec, age,
                                       json_text(version, "by"),
                                       outcome_text(version, outcome, sizeof(outcome)),
                                       json_text(version, "note")});
    }
    grid_print(&grid, stdout, render_is_coloured(stdout));
    grid_fini(&grid);
    print_conflicts(target, versions);
}

int verb_history(const struct invocation *in)
{
    struct target target;
    struct talk t;
    struct answer a;
    int code = target_need_job(in, in->words.args[0], &target);
    if (code == EXIT_DONE)
        code = talk_open(&t, in);
    if (code != EXIT_DONE)
        return code;
    t.job_word = in->words.args[0];
    code = talk_get(&t, &a, "/v1/jobs/%s/%s/history", target.ns, target.job);
    if (code == EXIT_DONE) {
        if (!print_json(in, &a))
            print_history(&target, a.data);
        say_view(in, &a);
        answer_close(&a);
    }
    talk_close(&t);
    return code;
}
