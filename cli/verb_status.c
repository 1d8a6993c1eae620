/* `status`: the overview, one job, one instance, or one node. */
#include <stdlib.h>
#include <string.h>

#include "cli/follow.h"
#include "cli/overview.h"
#include "cli/tables.h"
#include "cli/verbs.h"
#include "core/bounds.h"
#include "core/doc.h"

enum { NODE_JOBS_MAX = 500, WORDS_SUGGEST_MAX = 512 };

/* ---- a job, an instance ---- */

static const json_t *find_instance(const json_t *status, const struct target *target)
{
    char name[128];
    size_t i;
    json_t *instance;
    (void)snprintf(name, sizeof(name), "%s.%u", target->job, (unsigned)target->index);
    json_array_foreach(json_object_get(status, "instances"), i, instance)
    {
        if (strcmp(json_text(instance, "name"), name) == 0)
            return instance;
    }
    return NULL;
}

static void show_job(const json_t *status)
{
    const json_t *instances = json_object_get(status, "instances");
    size_t n = json_array_size(instances);
    const char *condition = json_text(status, "condition"),
               *cause = json_text(status, "cause");
    printf("%s/%s %s: %s, %s", json_text(status, "namespace"), json_text(status, "job"),
           json_text(status, "version"), json_text(status, "type"),
           *condition ? condition : json_text(status, "status"));
    if (json_is_number(json_object_get(status, "count")))
        printf(", %lld wanted", json_number(status, "count"));
    const char *api = json_text(json_object_get(status, "isolation"), "api");
    if (*api && strcmp(api, "none") != 0)
        printf(", its tasks may %s by the API", api);
    if (*cause) {
        fputs(": ", stdout);
        print_safe(stdout, cause, false);
    }
    puts("\n");
    const json_t **list = calloc(n > 0 ? n : 1, sizeof(*list));
    for (size_t i = 0; list && i < n; i++)
        list[i] = json_array_get(instances, i);
    if (list && n > 0)
        instances_print(list, n);
    else
        puts("no instances");
    free(list);
}

/* In the units of the tables. */
static void show_value(const char *key, const json_t *value)
{
    char text[RENDER_TEXT];
    if (json_is_number(value) && strcmp(key, "memory") == 0)
        fputs(size_rounded((uint64_t)json_number_value(value), text), stdout);
    else if (json_is_number(value) && strcmp(key, "silent_ms") == 0)
        fputs(age_text((uint64_t)json_number_value(value), text), stdout);
    else if (json_is_number(value) && strcmp(key, "rtt_ms") == 0)
        fputs(rtt_text(json_number_value(value), text), stdout);
    else if (json_is_string(value) && *json_string_value(value))
        print_safe(stdout, json_string_value(value), false);
    else if (json_is_number(value))
        printf("%.10g", json_number_value(value));
    else
        fputs(json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "-", stdout);
}

/* One `key  value` a line, a map as `key.name  value`. */
static void show_object(const json_t *object)
{
    const char *key, *name;
    json_t *value, *inner;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (json_is_array(value))
            continue;
        if (!json_is_object(value)) {
            printf("%-20s  ", key);
            show_value(key, value);
            fputc('\n', stdout);
            continue;
        }
        json_object_foreach(value, name, inner)
        {
            char label[160];
            (void)snprintf(label, sizeof(label), "%s.%s", key, name);
            printf("%-20s  ", label);
            show_value(name, inner);
            fputc('\n', stdout);
        }
    }
}

static int no_instance(struct talk *t, const struct target *target, const json_t *status)
{
    long long count = json_number(status, "count");
    if (strcmp(json_text(status, "status"), "stopped") == 0 || count == 0)
        return fail(t->in, EXIT_NO_SUCH, "not_found", "no %s.%u: %s %s", target->job,
                    (unsigned)target->index, target->job,
                    count == 0 ? "has no instances" : "is stopped");
    if (count == 1)
        return fail(t->in, EXIT_NO_SUCH, "not_found", "no %s.%u: %s has 0 alone",
                    target->job, (unsigned)target->index, target->job);
    return fail(t->in, EXIT_NO_SUCH, "not_found", "no %s.%u: %s has 0-%lld", target->job,
                (unsigned)target->index, target->job, count - 1);
}

static int show_target(struct talk *t, const struct target *target,
                       const struct answer *a)
{
    if (!target->has_index) {
        if (!print_json(t->in, a))
            show_job(a->data);
        say_view(t->in, a);
        return EXIT_DONE;
    }
    const json_t *instance = find_instance(a->data, target);
    if (!instance)
        return no_instance(t, target, a->data);
    if (t->in->is_json)
        print_wrapped(a, json_deep_copy(instance));
    else
        show_object(instance);
    say_view(t->in, a);
    return EXIT_DONE;
}

/* ---- a node ---- */

static const json_t *find_member(const json_t *members, const char *word)
{
    size_t i;
    json_t *member;
    json_array_foreach(members, i, member)
    {
        if (strcmp(json_text(member, "name"), word) == 0 ||
            strcmp(json_text(member, "id"), word) == 0)
            return member;
    }
    return NULL;
}

/* The instances of every job that are on `node`. */
static json_t *instances_on(struct talk *t, const char *node)
{
    json_t *found = json_array();
    struct answer jobs, status;
    if (talk_get(t, &jobs, "/v1/jobs") != EXIT_DONE)
        return found;
    for (size_t j = 0; j < json_array_size(jobs.data) && j < NODE_JOBS_MAX; j++) {
        const json_t *job = json_array_get(jobs.data, j);
        if (talk_get(t, &status, "/v1/jobs/%s/%s", json_text(job, "namespace"),
                     json_text(job, "job")) != EXIT_DONE)
            continue;
        size_t i;
        json_t *one;
        json_array_foreach(json_object_get(status.data, "instances"), i, one)
        {
            if (strcmp(json_text(one, "node"), node) == 0)
                (void)json_array_append(found, one);
        }
        answer_close(&status);
    }
    answer_close(&jobs);
    return found;
}

static void show_node(struct talk *t, const struct answer *members, const json_t *member)
{
    t->is_quiet = true;
    json_t *found = instances_on(t, json_text(member, "name"));
    t->is_quiet = false;
    if (t->in->is_json) {
        json_t *data = json_deep_copy(member);
        (void)json_object_set(data, "instances", found);
        print_wrapped(members, data);
    } else {
        show_object(member);
        size_t n = json_array_size(found);
        const json_t **list = calloc(n > 0 ? n : 1, sizeof(*list));
        for (size_t i = 0; list && i < n; i++)
            list[i] = json_array_get(found, i);
        fputc('\n', stdout);
        if (list && n > 0)
            instances_print(list, n);
        else
            puts("no instances");
        free(list);
    }
    json_decref(found);
    say_view(t->in, members);
}

/* Who asks by a name should know that another node has it, too. */
static void say_namesakes(const struct answer *members, const char *name)
{
    size_t i;
    json_t *one;
    json_array_foreach(members->data, i, one)
    {
        if (strcmp(json_text(one, "namesake"), name) != 0)
            continue;
        (void)out_flush();
        print_safe(stderr, name, false);
        fputs(" is the node above; another of that name, at ", stderr);
        print_safe(stderr, json_text(one, "address"), false);
        fprintf(stderr, " (%s), is called %s\n", json_text(one, "state"),
                json_text(one, "id"));
    }
}

static int no_such_thing(struct talk *t, const struct answer *members, const char *word)
{
    const char *names[WORDS_SUGGEST_MAX + 1];
    size_t n = 0, i;
    json_t *one;
    struct answer jobs = {0};
    t->is_quiet = true;
    (void)talk_get(t, &jobs, "/v1/jobs");
    t->is_quiet = false;
    json_array_foreach(jobs.data, i, one)
    {
        if (n < WORDS_SUGGEST_MAX)
            names[n++] = json_text(one, "job");
    }
    json_array_foreach(members->data, i, one)
    {
        if (n < WORDS_SUGGEST_MAX)
            names[n++] = json_text(one, "name");
    }
    names[n] = NULL;
    char meant[2 * NAME_LEN_MAX + 2];
    bool is_meant = job_meant(t->in, jobs.data, word, names, meant, sizeof(meant));
    int code = fail(t->in, EXIT_NO_SUCH, "not_found", "no job or node '%s'%s%s%s", word,
                    is_meant ? ": did you mean '" : "", is_meant ? meant : "",
                    is_meant ? "'?" : "");
    answer_close(&jobs);
    return code;
}

static int show_word(struct talk *t, const char *word)
{
    struct target target;
    struct answer a;
    int status = target_parse(t->in, word, &target);
    if (status == ERR_NOT_FOUND)
        return target_fail(t->in, word, status);
    if (status == 0) {
        t->is_quiet = true;
        int code = talk_get(t, &a, "/v1/jobs/%s/%s", target.ns, target.job);
        t->is_quiet = false;
        if (code == EXIT_DONE) {
            code = show_target(t, &target, &a);
            answer_close(&a);
            return code;
        }
    }
    int code = talk_get(t, &a, "/v1/members");
    if (code != EXIT_DONE)
        return code;
    const json_t *member = find_member(a.data, word);
    if (member) {
        show_node(t, &a, member);
        if (!t->in->is_json)
            say_namesakes(&a, json_text(member, "name"));
    } else {
        code = no_such_thing(t, &a, word);
    }
    answer_close(&a);
    return code;
}

int verb_status(const struct invocation *in)
{
    struct talk t;
    int code = overview_check(in);
    if (code == EXIT_DONE)
        code = talk_open(&t, in);
    if (code != EXIT_DONE)
        return code;
    do {
        if (words_has(&in->words, "watch"))
            overview_clear();
        code =
            in->words.n_args == 0 ? overview_show(&t) : show_word(&t, in->words.args[0]);
    } while (code == EXIT_DONE && overview_again(in));
    talk_close(&t);
    return code;
}
