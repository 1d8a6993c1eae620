/* See overview.h. */
#include "cli/overview.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/event_text.h"
#include "cli/tables.h"
#include "cli/verdict.h"

enum { WATCH_MS = 1000, NAMED_MAX = 8, EVENTS_TOLD = 2 };

static const char *layout(const struct invocation *in)
{
    const char *word = words_value(&in->words, "output");
    return word ? word : "table";
}

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

int overview_check(const struct invocation *in)
{
    static const char *const layouts[] = {"wide", "json", "name", NULL};
    const char *word = layout(in);
    bool is_known = is(word, "table");
    for (size_t i = 0; layouts[i]; i++)
        is_known = is_known || is(word, layouts[i]);
    if (!is_known)
        return fail(in, EXIT_USAGE, "usage", "-o wants wide, json or name, not '%s'",
                    word);
    if (in->words.n_args > 0 && (!is(word, "table") || words_value(&in->words, "label")))
        return fail(in, EXIT_USAGE, "usage",
                    "-o and -l are for the list of all jobs: without '%s'",
                    in->words.args[0]);
    if (words_has(&in->words, "watch") && (in->is_json || isatty(STDOUT_FILENO) == 0))
        return fail(in, EXIT_USAGE, "usage",
                    "--watch wants a terminal: for programs there is `stratos events -f "
                    "--json`");
    return EXIT_DONE;
}

/* ---- which jobs ---- */

/* "team=shop": has the label that value?  "team": has it the label at all? */
static bool has_label(const json_t *job, const char *wanted)
{
    char key[300];
    const char *sign = strchr(wanted, '=');
    size_t len = sign ? (size_t)(sign - wanted) : strlen(wanted);
    if (len >= sizeof(key))
        return false;
    memcpy(key, wanted, len);
    key[len] = '\0';
    const json_t *value = json_object_get(json_object_get(job, "labels"), key);
    return json_is_string(value) && (!sign || is(json_string_value(value), sign + 1));
}

void overview_select(const struct invocation *in, json_t *jobs)
{
    for (size_t i = 0; i < in->words.n_given; i++) {
        const struct given *given = &in->words.given[i];
        if (!is(given->flag->name, "label"))
            continue;
        for (size_t k = json_array_size(jobs); k-- > 0;)
            if (!has_label(json_array_get(jobs, k), given->value))
                (void)json_array_remove(jobs, k);
    }
}

/* ---- what stands where ---- */

static json_t *worst_first(const json_t *jobs)
{
    json_t *out = json_array(), *job;
    size_t i;
    for (unsigned rank = 0; rank <= JOB_CALM; rank++)
        json_array_foreach(jobs, i, job)
        {
            if (job_rank(job) == rank)
                (void)json_array_append(out, job);
        }
    return out;
}

static void print_names(const json_t *jobs)
{
    size_t i;
    json_t *job;
    json_array_foreach(jobs, i, job)
    {
        const char *ns = json_text(job, "namespace");
        if (!is(ns, "default"))
            printf("%s/", ns);
        puts(json_text(job, "job"));
    }
}

/* NULL: of an agent that makes none. */
static const json_t *ask_verdict(struct talk *t, struct answer *a)
{
    *a = (struct answer){0};
    t->is_quiet = true;
    (void)talk_get(t, a, "/v1/verdict");
    t->is_quiet = false;
    return a->data;
}

static void print_overview(const struct invocation *in, const json_t *jobs,
                           const json_t *members, const json_t *verdict)
{
    json_t *sorted = worst_first(jobs);
    verdict_print(verdict);
    fputs(verdict ? "\n" : "", stdout);
    members_print(members);
    fputc('\n', stdout);
    if (json_array_size(sorted) > 0)
        jobs_print_marked(sorted, is(layout(in), "wide"));
    else
        puts(words_has(&in->words, "label") ? "no jobs with that label" : "no jobs");
    json_decref(sorted);
}

int overview_show(struct talk *t)
{
    const struct invocation *in = t->in;
    struct answer jobs, members, verdict = {0};
    int code = talk_get(t, &jobs, "/v1/jobs");
    if (code != EXIT_DONE)
        return code;
    json_t *list = json_object_get(jobs.root, "data");
    overview_select(in, list);
    if (is(layout(in), "name")) {
        print_names(list);
        answer_close(&jobs);
        return EXIT_DONE;
    }
    code = talk_get(t, &members, "/v1/members");
    if (code == EXIT_DONE) {
        const json_t *said = ask_verdict(t, &verdict);
        if (in->is_json || is(layout(in), "json"))
            print_wrapped(&jobs, json_pack("{s:O, s:O, s:O?}", "jobs", list, "members",
                                           members.data, "verdict", said));
        else
            print_overview(in, list, members.data, said);
        say_view(in, &jobs);
        answer_close(&verdict);
        answer_close(&members);
    }
    answer_close(&jobs);
    return code;
}

/* ---- --watch ---- */

void overview_clear(void)
{
    fputs("\033[H\033[2J", stdout);
}

bool overview_again(const struct invocation *in)
{
    if (!words_has(&in->words, "watch"))
        return false;
    fflush(stdout);
    (void)usleep(WATCH_MS * 1000); /* a shorter sleep does no harm */
    return true;
}

/* ---- `stratos` alone ---- */

static void nodes_line(const json_t *members)
{
    char cpu[RENDER_TEXT], cpu_all[RENDER_TEXT], memory[RENDER_TEXT],
        memory_all[RENDER_TEXT];
    double used = 0, offered = 0, bytes = 0, bytes_offered = 0;
    size_t i, n_alive = 0, n = json_array_size(members);
    json_t *m;
    json_array_foreach(members, i, m)
    {
        const json_t *has = json_object_get(m, "capacity"),
                     *takes = json_object_get(m, "reserved");
        if (!is(json_text(m, "state"), "alive"))
            continue;
        n_alive++;
        used += json_decimal(takes, "cpu");
        offered += json_decimal(has, "cpu");
        bytes += json_decimal(takes, "memory");
        bytes_offered += json_decimal(has, "memory");
    }
    printf("Nodes   %zu of %zu alive; reserved: %s of %s cores, %s of %s\n", n_alive, n,
           cores_text(used, cpu), cores_text(offered, cpu_all),
           size_rounded((uint64_t)bytes, memory),
           size_rounded((uint64_t)bytes_offered, memory_all));
}

static void jobs_line(const json_t *jobs)
{
    json_t *sorted = worst_first(jobs), *job;
    size_t i, n = json_array_size(sorted);
    fputs("Jobs    ", stdout);
    json_array_foreach(sorted, i, job)
    {
        const char *ns = json_text(job, "namespace"),
                   *condition = json_text(job, "condition");
        if (i == NAMED_MAX)
            break;
        printf("%s%s%s%s %s", i ? ", " : "", is(ns, "default") ? "" : ns,
               is(ns, "default") ? "" : "/", json_text(job, "job"),
               *condition ? condition : json_text(job, "status"));
    }
    if (n > NAMED_MAX)
        printf(" and %zu more", n - NAMED_MAX);
    fputc('\n', stdout);
    json_decref(sorted);
}

static void event_line(const json_t *event)
{
    char text[1024];
    const char *at = json_text(event, "at");
    event_text(event, text, sizeof(text));
    printf("%.8s  ", strlen(at) >= 19 ? at + 11 : "");
    print_safe(stdout, text, false);
    fputc('\n', stdout);
}

bool overview_lines(struct talk *t)
{
    struct answer a;
    size_t i;
    json_t *event;
    bool has_jobs = false;
    t->is_quiet = true;
    fputc('\n', stdout);
    if (talk_get(t, &a, "/v1/members") == EXIT_DONE) {
        nodes_line(a.data);
        answer_close(&a);
    }
    if (talk_get(t, &a, "/v1/jobs") == EXIT_DONE) {
        has_jobs = json_array_size(a.data) > 0;
        if (has_jobs)
            jobs_line(a.data);
        answer_close(&a);
    }
    if (talk_get(t, &a, "/v1/events?limit=%d", EVENTS_TOLD) == EXIT_DONE) {
        json_array_foreach(a.data, i, event) event_line(event);
        answer_close(&a);
    }
    t->is_quiet = false;
    return has_jobs;
}
