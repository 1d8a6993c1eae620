/* Files without an agent. */
#include "agent/files.h"

#include <criterion/criterion.h>
#include <string.h>

#include "core/err.h"

Test(files, a_good_file_is_listed_by_its_jobs)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct complaints complaints = {.arena = &arena};
    struct files_jobs jobs = {0};
    cr_assert_eq(
        files_validate(bytes_of_text("jobs: [{job: a, task: {command: x}}, {job: b, "
                                     "namespace: c, task: {command: x}}]"),
                       NULL, NULL, &arena, &complaints, &jobs),
        0);
    cr_assert_eq(jobs.n, 2);
    cr_expect_str_eq(jobs.names[0], "default/a");
    cr_expect_str_eq(jobs.names[1], "c/b");
    arena_fini(&arena);
}

Test(files, a_bad_file_is_complained_about)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct complaints complaints = {.arena = &arena};
    struct files_jobs jobs = {0};
    cr_expect_lt(
        files_validate(bytes_of_text("jbo: a"), NULL, NULL, &arena, &complaints, &jobs), 0);
    cr_expect_gt(complaints.n, 0);
    cr_expect_null(jobs.names);
    arena_fini(&arena);
}

Test(files, the_jobs_of_several_are_the_text_of_one)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct complaints complaints = {.arena = &arena};
    struct files_source jobs[2] = {{.params = "p=1"}, {.params = ""}};
    struct files_jobs both;
    struct jobfile file;
    cr_assert_eq(files_validate(bytes_of_text("job: a\ntask: x"), NULL, NULL, &arena,
                                &complaints, &jobs[0].jobs),
                 0);
    jobs[0].text = bytes_of_text("job: a\ntask: x");
    jobs[1].text = bytes_of_text("jobs: [{job: b, task: y}, {job: c, task: z}]");
    cr_assert_eq(
        files_validate(bytes_of_text("jobs: [{job: b, task: y}, {job: c, task: z}]"),
                       NULL, NULL, &arena, &complaints, &jobs[1].jobs),
        0);
    cr_assert_eq(
        files_validate(files_join(jobs, 2, &arena), NULL, NULL, &arena, &complaints, &both), 0);
    cr_assert_eq(both.n, 3);
    cr_expect_str_eq(both.names[2], "default/c");
    /* Beside them it tells what they were made of. */
    cr_assert_eq(jobfile_read(files_join(jobs, 2, &arena), &arena, &complaints, &file), 0);
    const struct doc *first = file.submitted ? file.submitted->child : NULL;
    cr_assert(first && first->next && !first->next->next);
    cr_expect_str_eq(doc_find(first, "text")->text, "job: a\ntask: x");
    cr_expect_str_eq(doc_find(first, "params")->text, "p=1");
    cr_expect_str_eq(doc_find(first->next, "jobs")->child->next->text, "default/c");
    arena_fini(&arena);
}

Test(files, a_file_of_marathons_becomes_a_job_file)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct import_report report = {.arena = &arena};
    char *yaml = NULL;
    cr_assert_eq(
        files_import(bytes_of_text("{\"id\": \"a\", \"cmd\": \"x\", \"ports\": []}"),
                     false, &report, &yaml),
        0);
    cr_expect(strstr(yaml, "job: a\n"));
    cr_expect_eq(report.n, 0);
    arena_fini(&arena);
}
