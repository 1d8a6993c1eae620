/* use: other files' defaults, params and anchors, each mistake at its place. */
#include "sched/jobfile_use.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"

struct disk {
    const char *name, *text;
};

struct reading {
    const struct disk *disk;
    unsigned n_loads;
    struct arena arena;
    struct complaints complaints;
    struct jobfile file;
    int error;
};

static int load(void *ctx, const char *from, const char *name, struct arena *arena,
                const char **ret_path, struct bytes *ret_text, const char **ret_why)
{
    struct reading *r = ctx;
    (void)from;
    (void)arena;
    r->n_loads++;
    for (const struct disk *d = r->disk; d->name; d++)
        if (strcmp(d->name, name) == 0) {
            *ret_path = d->name;
            *ret_text = bytes_of_text(d->text);
            return 0;
        }
    *ret_why = "no such file or directory";
    return ERR_NOT_FOUND;
}

static void read_with(struct reading *r, const char *text, const struct disk *disk)
{
    struct jobfile_loader loader = {load, r};
    *r = (struct reading){.disk = disk};
    arena_init(&r->arena, 0);
    r->complaints.arena = &r->arena;
    r->error = jobfile_read_with(bytes_of_text(text), NULL, disk ? &loader : NULL, &r->arena,
                                 &r->complaints, &r->file);
}

Test(jobfile_use, what_others_bring_lies_under_what_the_file_says)
{
    static const struct disk disk[] = {
        {"base.yaml",
         "use: more.yaml\nparams: {tag: base, user: nobody}\nx-env: &env {A: base, B: base}\n"
         "defaults: {priority: 40, labels: {from: base, at: base}, task: {user: '${{user}}'}}\n"},
        {"more.yaml", "defaults: {count: 3, priority: 30, labels: {more: 'yes'}}\njobs: [{job: not-taken}]\n"},
        {"late.json", "{\"params\": {\"tag\": \"late\"}, \"defaults\": {\"labels\": {\"at\": \"late\"}}}"},
        {0}};
    struct reading r;
    read_with(&r,
              "use: [base.yaml, late.json]\nparams: {more: m}\ndefaults: {labels: {own: '${{tag}}${{more}}'}}\n"
              "jobs:\n- job: a\n  count: 1\n  task: {command: [x], env: {<<: *env, B: own}}\n- {job: b, task: {command: [y]}}\n",
              disk);
    cr_assert_eq(r.error, 0, "%s", r.complaints.n ? r.complaints.list[0].text : "");
    cr_assert_eq(r.file.n_jobs, 2, "jobs of used files are not taken");
    const struct job_spec *a = &r.file.jobs[0], *b = &r.file.jobs[1];
    cr_expect_eq(a->count, 1);
    cr_expect_eq(b->count, 3, "of what the used one uses");
    cr_expect_eq(a->priority, 40, "nearer wins");
    cr_expect_str_eq(a->task.user, "nobody");
    cr_assert_eq(a->n_labels, 4);
    for (size_t i = 0; i < a->n_labels; i++) {
        const char *key = a->labels[i].key, *value = a->labels[i].value;
        cr_expect_str_eq(value, strcmp(key, "at") == 0     ? "late"
                                : strcmp(key, "from") == 0 ? "base"
                                : strcmp(key, "more") == 0 ? "yes"
                                                           : "latem");
    }
    cr_assert_eq(a->task.n_env, 2);
    cr_expect_str_eq(a->task.env[0].value, "base", "an anchor of the other file");
    cr_expect_str_eq(a->task.env[1].value, "own");
    arena_fini(&r.arena);
}

Test(jobfile_use, under_one_job_alone_their_defaults_lie_at_once)
{
    static const struct disk disk[] = {{"base.yaml", "defaults: {count: 3, labels: {a: b}}\n"}, {0}};
    struct reading r;
    read_with(&r, "job: a\nuse: base.yaml\nlabels: {c: d}\ntask: x\n", disk);
    cr_assert_eq(r.error, 0, "%s", r.complaints.n ? r.complaints.list[0].text : "");
    cr_expect_eq(r.file.jobs[0].count, 3);
    cr_expect_eq(r.file.jobs[0].n_labels, 2);
    cr_expect(r.file.uses_files);
    arena_fini(&r.arena);
}

Test(jobfile_use, mistakes_are_said_in_the_file_and_line_where_they_are)
{
    static const struct disk disk[] = {
        {"self.yaml", "x-a: 1\nuse: [self.yaml]\n"},
        {"one.yaml", "use:\n- two.yaml\n"},
        {"two.yaml", "params: {a: b}\nuse: [one.yaml]\n"},
        {"typo.yaml", "defualts: {count: 2}\n"},
        {"bad.yaml", "defaults:\n  cuont: 2\n"},
        {"broken.yaml", "params: {a: [\n"},
        {"list.yaml", "- a\n"},
        {"several.yaml", "params: {a: b}\n---\nparams: {c: d}\n"},
        {"d1.yaml", "use: d2.yaml\n"}, {"d2.yaml", "use: d3.yaml\n"}, {"d3.yaml", "use: d4.yaml\n"},
        {"d4.yaml", "x-a: 1\nuse: d5.yaml\n"}, {"d5.yaml", "x-a: 1\n"},
        {0}};
    static const struct {
        const char *use, *file;
        unsigned line;
        const char *said;
    } rows[] = {
        {"none.yaml", NULL, 1, "use: none.yaml: no such file or directory"},
        {"self.yaml", "self.yaml", 2, "use: self.yaml uses itself"},
        {"one.yaml", "two.yaml", 2, "use: one.yaml uses itself, over this file"},
        {"typo.yaml", "typo.yaml", 1, "'defualts' is nothing that other files could use; did you mean 'defaults'?"},
        {"bad.yaml", "bad.yaml", 2, "unknown key 'cuont'; did you mean 'count'?"},
        {"broken.yaml", "broken.yaml", 1, "is not closed"},
        {"list.yaml", "list.yaml", 1, "wants a map with defaults, params or x-*"},
        {"several.yaml", "several.yaml", 3, "is one document"},
        {"d1.yaml", "d4.yaml", 2, "use: d5.yaml: files that use files, more than 4 deep"},
        {"{a: b}", NULL, 1, "use: wants a list of files"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[200];
        struct reading r;
        (void)snprintf(text, sizeof(text), "use: %s\njobs: [{job: a, task: x}]\n", rows[i].use);
        read_with(&r, text, disk);
        cr_expect_lt(r.error, 0, "%s", rows[i].use);
        cr_assert_geq(r.complaints.n, 1, "%s", rows[i].use);
        const struct complaint *c = &r.complaints.list[0];
        cr_expect(strstr(c->text, rows[i].said), "%s: %s", rows[i].use, c->text);
        cr_expect_eq(c->line, rows[i].line, "%s: line %u", rows[i].use, c->line);
        cr_expect(rows[i].file ? c->file && strcmp(c->file->name, rows[i].file) == 0 : !c->file, "%s",
                  rows[i].use);
        char *shown = complaints_text(&r.complaints, "main.yaml", bytes_of_text(text), &r.arena);
        cr_expect(strncmp(shown, rows[i].file ? rows[i].file : "main.yaml", 5) == 0, "%s", shown);
        arena_fini(&r.arena);
    }
}

Test(jobfile_use, where_there_are_no_files_it_says_what_to_do)
{
    struct reading r;
    read_with(&r, "job: a\nuse: [base.yaml]\ntask: x\n", NULL);
    cr_assert_lt(r.error, 0);
    cr_expect_eq(r.complaints.list[0].line, 2);
    cr_expect(strstr(r.complaints.list[0].text, "submit it with `stratos run FILE`"));
    arena_fini(&r.arena);
}

Test(jobfile_use, a_file_used_by_many_is_read_once_and_too_many_are_refused)
{
    static struct disk disk[40];
    static char names[40][16];
    char text[700] = "use: [";
    for (int i = 0; i < 39; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "f%d.yaml", i);
        disk[i] = (struct disk){names[i], "defaults: {labels: {a: b}}\n"};
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? ", " : "", names[i]);
    }
    (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "]\njob: a\ntask: x\n");
    struct reading r;
    read_with(&r, text, disk);
    cr_assert_lt(r.error, 0);
    cr_expect(strstr(r.complaints.list[0].text, "at most 32 are allowed"), "%s", r.complaints.list[0].text);
    arena_fini(&r.arena);
    disk[0].text = "x-a: &a {k: v}\n";
    disk[1].text = disk[2].text = "use: f0.yaml\ndefaults: {labels: *a}\n";
    read_with(&r, "use: [f1.yaml, f2.yaml]\njob: a\ntask: x\n", disk);
    cr_assert_eq(r.error, 0, "%s", r.complaints.n ? r.complaints.list[0].text : "");
    cr_expect_str_eq(r.file.jobs[0].labels[0].value, "v");
    arena_fini(&r.arena);
}
