/* Which outputs of ended tasks go, and when. */
#include "isolate/log_keep.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isolate/files.h"
#include "isolate/log_runs.h"

static struct log_kept kept(const char *dir, uint64_t ended, uint64_t bytes,
                            uint32_t keep_s)
{
    struct log_kept k = {.ended_unix_s = ended, .bytes = bytes, .keep_s = keep_s};
    (void)snprintf(k.dir, sizeof(k.dir), "%s", dir);
    return k;
}

/* The dirs that go, by their first letters, oldest first. */
static const char *gone(const struct log_kept *list, size_t n)
{
    static char text[16];
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        if (list[i].is_over)
            text[len++] = list[i].dir[0];
    text[len] = '\0';
    return text;
}

Test(log_keep, what_was_kept_long_enough_goes)
{
    struct log_kept list[] = {kept("a", 100, 10, 50), kept("b", 100, 10, 1000),
                              kept("c", 149, 10, 1), kept("d", 150, 10, 1)};
    log_keep_choose(list, 4, 150, 1000);
    cr_assert_str_eq(gone(list, 4), "ac");
}

Test(log_keep, of_too_much_the_oldest_goes_first)
{
    struct log_kept list[] = {kept("new", 300, 40, 1000), kept("old", 100, 40, 1000),
                              kept("mid", 200, 40, 1000), kept("expired", 50, 500, 10)};
    log_keep_choose(list, 4, 400, 90);
    cr_assert_str_eq(gone(list, 4), "eo", "%s", gone(list, 4));
    log_keep_choose(list, 4, 400, 39);
    cr_assert_str_eq(gone(list, 4), "eomn");
    log_keep_choose(list, 0, 400, 1);
}

Test(log_keep, only_ended_tasks_are_found_with_what_they_asked_for)
{
    char tasks[] = "/tmp/stratos-keep-XXXXXX", path[128];
    struct log_kept *list;
    const struct log_run runs[] = {{1000, 1, 5}, {2000, 2, 77}};
    cr_assert(mkdtemp(tasks));
    for (int i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof(path), "%s/d.t.%d", tasks, i);
        cr_assert(mkdir(path, 0700) == 0);
    }
    (void)snprintf(path, sizeof(path), "%s/d.t.0", tasks);
    cr_assert(log_runs_add(path, &runs[0]) == 0 && log_runs_add(path, &runs[1]) == 0);
    (void)snprintf(path, sizeof(path), "%s/d.t.1/launch", tasks);
    cr_assert(file_swap(path, bytes_of_text("x")) == 0);
    size_t n = log_keep_scan(tasks, &list);
    cr_assert_eq(n, 2);
    for (size_t i = 0; i < n; i++) {
        bool is_first = strcmp(list[i].dir + strlen(tasks), "/d.t.0") == 0;
        cr_expect_eq(list[i].keep_s, is_first ? 77 : 7 * 24 * 3600);
        cr_expect(list[i].ended_unix_s > 1700000000);
    }
    free(list);
    (void)dir_empty(tasks);
    (void)rmdir(tasks);
}
