/* `why` and `trace`: what the program decided and who has heard of it. */
#include <string.h>

#include "cli/talk.h"
#include "cli/verbs.h"

/* ---- why ---- */

/* Where nothing is chosen anew scores say nothing: it stays as long as it may. */
static void print_candidates(const json_t *candidates, bool stays)
{
    static const char *const heads[] = {"NODE", "VERDICT", "SCORE", "REASON", NULL},
                             *const plain[] = {"NODE", "VERDICT", "REASON", NULL};
    struct grid grid;
    size_t i;
    json_t *one;
    grid_init(&grid, stays ? plain : heads);
    json_array_foreach(candidates, i, one)
    {
        char score[RENDER_TEXT] = "-";
        const char *node = json_text(one, "node"), *verdict = json_text(one, "verdict"),
                   *reason = json_text(one, "reason");
        if (json_is_number(json_object_get(one, "score")) &&
            strcmp(verdict, "refused") != 0)
            (void)snprintf(score, sizeof(score), "%.2f", json_decimal(one, "score"));
        if (stays)
            grid_row(&grid, (const char *const[]){node, verdict, reason});
        else
            grid_row(&grid, (const char *const[]){node, verdict, score, reason});
    }
    grid_print(&grid, stdout, render_is_coloured(stdout));
    grid_fini(&grid);
}

static void print_why(const json_t *why)
{
    const char *node = json_text(why, "node");
    bool stays = json_is_true(json_object_get(why, "stays")),
         is_lost = strcmp(json_text(why, "state"), "lost") == 0;
    print_safe(stdout, json_text(why, "instance"), false);
    fputs(!*node    ? " has no node"
          : is_lost ? " is lost with "
          : stays   ? " stays on "
                    : " goes to ",
          stdout);
    print_safe(stdout, node, false);
    fputs(": ", stdout);
    print_safe(stdout, json_text(why, "reason"), false);
    fputc('\n', stdout);
    if (*json_text(why, "trouble")) {
        printf("%s there, health %s: ", json_text(why, "state"),
               json_text(why, "health"));
        print_safe(stdout, json_text(why, "trouble"), false);
        fputc('\n', stdout);
    }
    fputc('\n', stdout);
    print_candidates(json_object_get(why, "candidates"), stays);
}

int verb_why(const struct invocation *in)
{
    struct target target;
    struct talk t;
    struct answer a;
    int code = target_parse(in, in->words.args[0], &target);
    if (code < 0)
        return target_fail(in, in->words.args[0], code);
    code = talk_open(&t, in);
    if (code != EXIT_DONE)
        return code;
    t.job_word = in->words.args[0];
    code = talk_get(&t, &a, "/v1/jobs/%s/%s/why?index=%u", target.ns, target.job,
                    target.has_index ? target.index : 0);
    if (code == EXIT_DONE) {
        if (!print_json(in, &a))
            print_why(a.data);
        say_view(in, &a);
        answer_close(&a);
    }
    talk_close(&t);
    return code;
}

/* ---- trace ---- */

static void print_trace(const json_t *trace)
{
    static const char *const heads[] = {"NODE", "STATE", "HAS IT", "HEARD", NULL};
    struct grid grid;
    size_t i;
    json_t *one;
    printf("%s %s was written by %s as its number %lld; %lld of %lld live members have "
           "it\n\n",
           json_text(trace, "job"), json_text(trace, "version"),
           json_text(trace, "writer"), json_number(trace, "number"),
           json_number(trace, "known_by"), json_number(trace, "members"));
    grid_init(&grid, heads);
    json_array_foreach(json_object_get(trace, "nodes"), i, one)
    {
        char heard[RENDER_TEXT] = "";
        const json_t *has = json_object_get(one, "has");
        long long heard_ms = json_number(one, "heard_ms");
        if (json_is_number(json_object_get(one, "heard_ms")))
            (void)age_text(heard_ms < 0 ? 0 : (uint64_t)heard_ms, heard);
        grid_row(&grid,
                 (const char *const[]){json_text(one, "node"), json_text(one, "state"),
                                       json_is_true(has)   ? "yes"
                                       : json_is_null(has) ? "unknown"
                                                           : "not yet",
                                       heard});
    }
    grid_print(&grid, stdout, render_is_coloured(stdout));
    grid_fini(&grid);
}

int verb_trace(const struct invocation *in)
{
    char word[256], version[16] = "";
    struct target target;
    struct talk t;
    struct answer a;
    (void)snprintf(word, sizeof(word), "%s", in->words.args[0]);
    char *at = strchr(word, '@');
    if (at) {
        *at = '\0';
        (void)snprintf(version, sizeof(version), "%.12s", at + 1);
        for (char *c = version; *c; c++)
            if (!(*c == 'v' && c == version) && (*c < '0' || *c > '9'))
                return fail(in, EXIT_USAGE, "usage",
                            "'%s': want JOB@vN, for example web@v7", in->words.args[0]);
    }
    int code = target_need_job(in, word, &target);
    if (code == EXIT_DONE)
        code = talk_open(&t, in);
    if (code != EXIT_DONE)
        return code;
    t.job_word = word;
    code = talk_get(&t, &a, "/v1/jobs/%s/%s/trace%s%s", target.ns, target.job,
                    *version ? "?version=" : "", version);
    if (code == EXIT_DONE) {
        if (!print_json(in, &a))
            print_trace(a.data);
        say_view(in, &a);
        answer_close(&a);
    }
    talk_close(&t);
    return code;
}
