/* params, ${{name}} and defaults. */
#include "sched/jobfile_params.h"

#include <criterion/criterion.h>
#include <string.h>

#include "sched/spec.h"

struct reading {
    struct arena arena;
    struct complaints complaints;
    struct jobfile file;
    int error;
};

static void read_with(struct reading *r, const char *text, struct jobfile_param *list,
                      size_t n)
{
    struct jobfile_params params = {.list = list, .n = n};
    *r = (struct reading){0};
    arena_init(&r->arena, 0);
    r->complaints.arena = &r->arena;
    r->error = jobfile_read_with(bytes_of_text(text), &params, NULL, &r->arena, &r->complaints,
                                 &r->file);
}

Test(jobfile_params, a_param_has_its_default_or_what_is_given)
{
    static const char text[] =
        "params: {copies: 2, tag: v1, user: }\njob: web\ncount: ${{copies}}\n"
        "labels: {tag: 'x-${{ tag }}-y', lit: '$${{tag}}'}\n"
        "task: {command: ['./${{tag}}', '$${{tag}}', '${PATH}'], user: '${{user}}'}\n";
    struct jobfile_param given[] = {{"user", "nobody", false}, {"copies", "5", false}};
    struct reading r;
    read_with(&r, text, given, 2);
    cr_assert_eq(r.error, 0, "%s", r.complaints.n ? r.complaints.list[0].text : "");
    const struct job_spec *s = r.file.jobs;
    cr_expect_eq(s->count, 5);
    cr_expect_str_eq(s->labels[0].value, "${{tag}}");
    cr_expect_str_eq(s->labels[1].value, "x-v1-y");
    cr_expect_str_eq(s->task.argv[0], "./v1");
    cr_expect_str_eq(s->task.argv[1], "$${{tag}}",
                     "left for the start, which makes ${{tag}} of it");
    cr_expect_str_eq(s->task.user, "nobody");
    cr_expect(given[0].is_used && given[1].is_used);
    arena_fini(&r.arena);
}

Test(jobfile_params, the_submitters_namespace_is_for_jobs_that_leave_it_open)
{
    static const struct {
        const char *text, *said; /* NULL: it is read */
    } rows[] = {
        {"job: a\ntask: x", NULL},
        {"namespace: prod\njob: a\ntask: x", NULL},
        {"jobs: [{job: a, task: x}, {job: b, namespace: prod, task: x}]", NULL},
        {"namespace: shop\njob: a\ntask: x",
         "namespace: the file says shop, and the command -n prod: take one away"},
        {"defaults: {namespace: shop}\njobs: [{job: a, task: x}]",
         "namespace: the file says shop, and the command -n prod: take one away"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reading r = {0};
        struct jobfile_params params = {.ns = "prod"};
        arena_init(&r.arena, 0);
        r.complaints.arena = &r.arena;
        r.error = jobfile_read_with(bytes_of_text(rows[i].text), &params, NULL, &r.arena, &r.complaints, &r.file);
        cr_expect_eq(r.error < 0, rows[i].said != NULL, "%s", rows[i].text);
        if (rows[i].said)
            cr_expect_str_eq(r.complaints.list[0].text, rows[i].said);
        for (size_t k = 0; !rows[i].said && k < r.file.n_jobs; k++)
            cr_expect_str_eq(r.file.jobs[k].ns, "prod");
        arena_fini(&r.arena);
    }
}

Test(jobfile_params, mistakes_are_said_at_their_places)
{
    static const struct {
        const char *text, *said;
        unsigned line;
    } rows[] = {
        {"params: {tag: }\njob: a\ntask: x",
         "tag has no default: give it with -p tag=VALUE", 1},
        {"params: {tag: v}\njob: a\ntask: '${{tga}}'", "did you mean tag?", 3},
        {"job: a\ntask: '${{tag}}'", "no param is called so; add it to params", 2},
        {"params: {a b: v}\njob: a\ntask: x", "'a b' is no name", 1},
        {"params: {a: [v]}\njob: a\ntask: x", "a wants a single value", 1},
        {"params: {a: '${{a}}'}\njob: a\ntask: x", "a value holds no ${{", 1},
        {"params: [a]\njob: a\ntask: x", "params: wants a map", 1},
        {"params: {n: many}\njob: a\ntask: x\ncount: ${{n}}", "not 'many'", 4},
        {"defaults: {count: 2}\njob: a\ntask: x", "defaults stands beside jobs", 1},
        {"defaults: {cuont: 2}\njobs: [{job: a, task: x}]", "did you mean 'count'?", 1},
        {"defaults: {job: b}\njobs: [{job: a, task: x}]",
         "a job's name cannot be that of all", 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reading r;
        read_with(&r, rows[i].text, NULL, 0);
        cr_assert_eq(r.complaints.n, 1, "%s: %zu", rows[i].text, r.complaints.n);
        cr_expect(strstr(r.complaints.list[0].text, rows[i].said), "%s\n-> %s",
                  rows[i].text, r.complaints.list[0].text);
        cr_expect_eq(r.complaints.list[0].line, rows[i].line);
        arena_fini(&r.arena);
    }
}

Test(jobfile_params, defaults_lie_under_each_job)
{
    struct reading r;
    read_with(
        &r,
        "params: {m: 64M}\n"
        "defaults: {count: 3, labels: {team: shop, tier: x}, constraints: [{attr: "
        "hostname, "
        "op: unique}], task: {user: nobody, resources: {cpu: 2, memory: '${{m}}'}}}\n"
        "jobs:\n"
        "- {job: a, task: {command: x}}\n"
        "- {job: b, count: 1, constraints: null, labels: {tier: y}, task: {command: y, "
        "resources: {cpu: 1}}}\n",
        NULL, 0);
    cr_assert_eq(r.error, 0, "%s", r.complaints.n ? r.complaints.list[0].text : "");
    const struct job_spec *a = &r.file.jobs[0], *b = &r.file.jobs[1];
    cr_expect(a->count == 3 && b->count == 1);
    cr_expect(a->n_constraints == 1 && b->n_constraints == 0);
    cr_expect(a->task.cpu_milli == 2000 && b->task.cpu_milli == 1000);
    cr_expect(b->task.memory_bytes == 64 << 20);
    cr_expect_str_eq(b->labels[1].value, "y");
    cr_expect_str_eq(b->labels[0].value, "shop");
    cr_expect_str_eq(b->task.user, "nobody");
    arena_fini(&r.arena);
}
