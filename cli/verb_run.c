/* `run`: submit the jobs of a file, say who has them, follow them until they are healthy. */
#include <string.h>
#include <unistd.h>

#include "cli/announce.h"
#include "cli/follow.h"
#include "cli/input.h"
#include "cli/job_words.h"
#include "cli/verbs.h"
#include "core/bounds.h"
#include "core/doc.h"

enum { INTRODUCED_MS = 2000, POLL_MS = 100, NOTE_MAX = 512 };

static void say_submitted(const struct invocation *in, const json_t *data)
{
    char text[ANNOUNCE_MAX];
    const char *first = NULL;
    char more[32] = "";
    size_t i, n_lost = 0;
    json_t *job;
    if (in->is_json)
        return;
    json_array_foreach(json_object_get(data, "jobs"), i, job)
    {
        announce_text(job, now_unix_ms(), text);
        print_safe(stderr, text, true);
        if (!json_is_false(json_object_get(job, "text_kept")))
            continue;
        first = first ? first : json_text(job, "job");
        n_lost++;
    }
    if (n_lost > 1)
        (void)snprintf(more, sizeof(more), " and %zu more", n_lost - 1);
    if (n_lost > 0)
        fprintf(
            stderr,
            "the text of %s%s is not kept, it is too large: `inspect --file` will show "
            "the canonical form\n",
            first, more);
    say_told(in, data);
}

enum { QUERY_MAX = ESCAPED_MAX + 1700 }; /* a note of 512 bytes, escaped */

static int query_of(const struct invocation *in, char *out, size_t cap)
{
    char note[1600];
    const char *if_version = words_value(&in->words, "if-version"),
               *text = words_value(&in->words, "note");
    uint64_t number = 0;
    if (if_version && strcmp(if_version, "new") != 0 &&
        text_uint(if_version + (*if_version == 'v'), UINT32_MAX, &number) < 0)
        return fail(in, EXIT_USAGE, "usage",
                    "--if-version wants a version or 'new', not '%s'", if_version);
    if (text && strlen(text) > NOTE_MAX)
        return fail(in, EXIT_USAGE, "usage", "the note takes %zu bytes, at most %d fit",
                    strlen(text), NOTE_MAX);
    (void)talk_escape(text ? text : "", false, note, sizeof(note));
    (void)snprintf(out, cap, "%s%s%s%s%s",
                   words_has(&in->words, "keep-scale") ? "&keep_scale=1" : "",
                   if_version ? "&if_version=" : "", if_version ? if_version : "",
                   text ? "&note=" : "", note);
    if (out[0] == '&')
        out[0] = '?';
    return EXIT_DONE;
}

/* Where a job that was made of words is found: its name, which every node answers, and its ports. */
static void say_where(const struct follow *job)
{
    const json_t *instances = json_object_get(job->last.data, "instances");
    json_t *instance;
    size_t i;
    bool is_default = strcmp(job->target.ns, "default") == 0;
    printf("%s%s%s.service.stratos", job->target.job, is_default ? "" : ".",
           is_default ? "" : job->target.ns);
    json_array_foreach(instances, i, instance)
    {
        const char *name;
        json_t *port;
        json_object_foreach(json_object_get(instance, "ports"), name, port)
            printf("%s %s=%s:%lld", i == 0 ? ":" : "", name,
                   json_text(instance, "address"), (long long)json_integer_value(port));
    }
    putchar('\n');
}

static void say_done(const struct invocation *in, const struct answer *submitted,
                     const struct follow *jobs, size_t n)
{
    if (!in->is_json) {
        for (size_t i = 0; i < n; i++) {
            const char *type = json_text(jobs[i].last.data, "type");
            const char *word = strcmp(type, "cron") == 0    ? "scheduled"
                               : strcmp(type, "batch") == 0 ? "finished"
                                                            : "healthy";
            printf("%s/%s %s: %lld of %lld %s\n", jobs[i].target.ns, jobs[i].target.job,
                   jobs[i].version, jobs[i].rollout.ready, jobs[i].rollout.wanted, word);
            if (job_words_given(in))
                say_where(&jobs[i]);
        }
        return;
    }
    json_t *data = json_deep_copy(submitted->data), *status = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append(status, jobs[i].last.data);
    (void)json_object_set_new(data, "status", status);
    print_wrapped(&jobs[n - 1].last, data);
}

static int follow_submitted(struct talk *t, const struct answer *submitted,
                            uint64_t timeout_ms, struct arena *arena)
{
    const json_t *list = json_object_get(submitted->data, "jobs");
    size_t n = json_array_size(list);
    struct follow *jobs = arena_array(arena, n, sizeof(*jobs));
    if (n == 0)
        return EXIT_DONE;
    if (!jobs)
        return fail(t->in, EXIT_FAILED, "failed", "out of memory");
    for (size_t i = 0; i < n; i++) {
        const json_t *job = json_array_get(list, i);
        struct follow *f = &jobs[i];
        (void)snprintf(f->target.ns, sizeof(f->target.ns), "%s",
                       json_text(job, "namespace"));
        (void)snprintf(f->target.job, sizeof(f->target.job), "%s", json_text(job, "job"));
        announce_version(job, f->version, sizeof(f->version));
    }
    int code = follow_all(t, jobs, n, timeout_ms);
    if (code == EXIT_DONE)
        say_done(t->in, submitted, jobs, n);
    follow_close(jobs, n);
    return code;
}

/* A member whose row has not arrived takes no work: in a cluster that is just starting, what
 * is placed now would crowd on the few that have introduced themselves. */
static bool is_introduced(const json_t *members)
{
    size_t i;
    json_t *member;
    json_array_foreach(members, i, member)
    {
        if (strcmp(json_text(member, "state"), "alive") == 0 &&
            !*json_text(member, "version"))
            return false;
    }
    return true;
}

static void wait_for_introductions(struct talk *t)
{
    bool is_ready = false;
    t->is_quiet = true;
    for (unsigned waited = 0; !is_ready && waited < INTRODUCED_MS; waited += POLL_MS) {
        struct answer members;
        is_ready = talk_get(t, &members, "/v1/members") != EXIT_DONE;
        if (is_ready)
            break; /* whatever is wrong, the submission will say it */
        is_ready = is_introduced(members.data);
        answer_close(&members);
        if (!is_ready)
            (void)usleep(POLL_MS * 1000);
    }
    t->is_quiet = false;
}

static int submit(struct talk *t, struct bytes text, const char *query,
                  uint64_t timeout_ms, struct arena *arena)
{
    const struct invocation *in = t->in;
    struct answer a;
    wait_for_introductions(t);
    int code = talk_order(t, "POST", text, &a, "/v1/jobs%s", query);
    if (code != EXIT_DONE)
        return code;
    say_submitted(in, a.data);
    if (words_has(&in->words, "detach"))
        (void)print_json(in, &a);
    else
        code = follow_submitted(t, &a, timeout_ms, arena);
    answer_close(&a);
    return code;
}

/* As it is: it may become a file. */
static void print_file(const struct invocation *in, const char *text)
{
    json_t *root =
        in->is_json ? json_pack("{s:i, s:{s:s}}", "api", 1, "data", "file", text) : NULL;
    if (root)
        (void)json_dumpf(root, stdout, JSON_COMPACT);
    fputs(root ? "\n" : text, stdout);
    json_decref(root);
}

/* Of a command the file that it stands for: what is submitted is shown first. */
static int text_of_command(const struct invocation *in, struct arena *arena,
                           struct bytes *ret_text)
{
    struct sources sources;
    int code = job_words_text(in, arena, ret_text);
    if (code == EXIT_DONE)
        code = input_text(in, "<command line>", *ret_text, arena, &sources);
    if (code == EXIT_DONE && words_has(&in->words, "print"))
        print_file(in, (const char *)ret_text->at);
    else if (code == EXIT_DONE && !in->is_json)
        print_safe(stderr, (const char *)ret_text->at, true);
    return code;
}

static int text_of_files(const struct invocation *in, struct arena *arena,
                         struct bytes *ret_text)
{
    struct sources sources;
    int code = job_words_refuse(in);
    if (code == EXIT_DONE)
        code = input_sources(in, arena, &sources);
    if (code != EXIT_DONE)
        return code;
    *ret_text = input_joined(&sources, arena);
    if (!ret_text->at)
        return fail(in, EXIT_FAILED, "failed", "out of memory");
    if (ret_text->len > JOBFILE_LEN_MAX)
        return fail(
            in, EXIT_USAGE, "invalid",
            "the files' jobs take more than 1 MiB together: submit fewer at once");
    return EXIT_DONE;
}

int verb_run(const struct invocation *in)
{
    struct arena arena;
    struct bytes text = {0};
    struct talk t;
    char query[QUERY_MAX];
    uint64_t timeout_ms;
    bool is_command = job_words_given(in);
    bool prints = is_command && words_has(&in->words, "print");
    arena_init(&arena, 0);
    int code =
        query_of(in, query, sizeof(query)); /* the words first, then what they name */
    if (code == EXIT_DONE)
        code = follow_timeout(in, &timeout_ms);
    if (code == EXIT_DONE)
        code = is_command ? text_of_command(in, &arena, &text)
                          : text_of_files(in, &arena, &text);
    if (code != EXIT_DONE || prints) {
        arena_fini(&arena);
        return code;
    }
    if (code == EXIT_DONE)
        code = talk_open(&t, in);
    if (code == EXIT_DONE) {
        code = submit(&t, text, query, timeout_ms, &arena);
        talk_close(&t);
    }
    arena_fini(&arena);
    return code;
}
