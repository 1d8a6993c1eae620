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
    const char *const *names = NULL;
    size_t n = 0;
    cr_assert_eq(
        files_validate(bytes_of_text("jobs: [{job: a, task: {command: x}}, {job: b, "
                                     "namespace: c, task: {command: x}}]"),
                       &arena, &complaints, &names, &n),
        0);
    cr_assert_eq(n, 2);
    cr_expect_str_eq(names[0], "default/a");
    cr_expect_str_eq(names[1], "c/b");
    arena_fini(&arena);
}

Test(files, a_bad_file_is_complained_about)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct complaints complaints = {.arena = &arena};
    const char *const *names = NULL;
    size_t n = 0;
    cr_expect_lt(files_validate(bytes_of_text("jbo: a"), &arena, &complaints, &names, &n),
                 0);
    cr_expect_gt(complaints.n, 0);
    cr_expect_null(names);
    arena_fini(&arena);
}

Test(files, only_marathons_files_are_imported)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct complaints notes = {.arena = &arena};
    char *yaml = NULL;
    cr_assert_eq(files_import("marathon",
                              bytes_of_text("{\"id\": \"a\", \"cmd\": \"x\"}"), &arena,
                              &notes, &yaml),
                 0);
    cr_expect(strstr(yaml, "job: a\n"));
    cr_expect_eq(notes.n, 0);
    cr_expect_eq(files_import("nomad", bytes_of_text(""), &arena, &notes, &yaml),
                 ERR_UNSUPPORTED);
    cr_expect_eq(notes.n, 1);
    arena_fini(&arena);
}
