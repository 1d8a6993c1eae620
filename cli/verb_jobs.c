/* `jobs` and `history`: what is known of the jobs themselves. */
#include <string.h>

#include "cli/follow.h"
#include "cli/tables.h"
#include "cli/talk.h"
#include "cli/verbs.h"

/* With --namespace only that one's; the answer is ours to change. */
static void keep_namespace(const struct invocation *in, json_t *jobs)
{
    if (!words_has(&in->words, "namespace"))
        return;
    for (size_t i = json_array_size(jobs); i > 0; i--) {
        const char *ns = json_text(json_array_get(jobs, i - 1), "namespace");
        if (strcmp(ns, in->namespace) != 0)
            (void)json_array_remove(jobs, i - 1);
    }
}

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
        if (in->is_json) {
            print_wrapped(&a, json_incref(jobs));
        } else {
            if (json_array_size(jobs) > 0)
                jobs_print(jobs);
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

static void print_history(const json_t *versions)
{
    static const char *const heads[] = {"VERSION", "AGE", "BY", "OUTCOME", "NOTE", NULL};
    struct grid grid;
    size_t i;
    json_t *version;
    grid_init(&grid, heads);
    json_array_foreach(versions, i, version)
    {
        char age[RENDER_TEXT] = "";
        uint64_t at = time_parse(json_text(version, "at")), now = now_unix_ms();
        if (at > 0)
            (void)age_text(now > at ? now - at : 0, age);
        grid_row(&grid, (const char *const[]){
                            json_text(version, "version"), age, json_text(version, "by"),
                            json_text(version, "outcome"), json_text(version, "note")});
    }
    grid_print(&grid, stdout, render_is_coloured(stdout));
    grid_fini(&grid);
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
            print_history(a.data);
        say_view(in, &a);
        answer_close(&a);
    }
    talk_close(&t);
    return code;
}
