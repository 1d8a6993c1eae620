/* Log files: times, cuts, rotation, and reading on across it. */
#include "isolate/logs.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "isolate/files.h"

struct place {
    char dir[64];
    struct log_file log;
};

static void place_open(struct place *p, uint64_t max_bytes, uint32_t max_files)
{
    struct err err = {0};
    (void)strcpy(p->dir, "/tmp/stratos-logs-XXXXXX");
    cr_assert(mkdtemp(p->dir));
    cr_assert(log_file_open(&p->log, p->dir, "stdout", max_bytes, max_files, &err) == 0,
              "%s", err.text);
}

static void place_close(struct place *p)
{
    log_file_close(&p->log);
    cr_assert(dir_empty(p->dir) == 0);
    (void)rmdir(p->dir);
}

static void put(struct place *p, uint64_t at_unix_ms, const char *text)
{
    cr_assert(log_file_write(&p->log, at_unix_ms, bytes_of_text(text)) == 0);
}

static const char *get(const struct place *p, uint64_t since, struct log_cursor *c,
                       size_t cap)
{
    static char out[1 << 20];
    long len = log_read(p->dir, "stdout", since, c, (uint8_t *)out, cap);
    cr_assert(len >= 0 && (size_t)len <= cap);
    out[len] = '\0';
    return out;
}

Test(logs, lines_carry_their_time_and_pieces_join)
{
    struct place p;
    char path[128];
    struct arena arena;
    struct bytes content;
    place_open(&p, 1 << 20, 2);
    put(&p, 1000, "one\ntw");
    put(&p, 2000, "o\n\n");
    put(&p, 3000, "tail");
    struct log_cursor c = {0};
    cr_assert_str_eq(get(&p, 0, &c, 4096), "one\ntwo\n\n",
                     "a line without its end waits");
    log_file_close(&p.log);
    cr_assert_str_eq(get(&p, 0, &c, 4096), "tail\n");
    cr_assert_str_eq(get(&p, 0, &c, 4096), "");
    (void)snprintf(path, sizeof(path), "%s/stdout.log", p.dir);
    arena_init(&arena, 0);
    cr_assert(file_read(path, 4096, &arena, &content) == 0);
    cr_assert(
        bytes_equal(content, bytes_of_text("1000 one\n1000 two\n2000 \n3000 tail\n")));
    arena_fini(&arena);
    struct log_cursor since = {0};
    cr_assert_str_eq(get(&p, 2000, &since, 4096), "\ntail\n");
    place_close(&p);
}

Test(logs, a_reader_follows_through_rotation_and_small_buffers)
{
    struct place p;
    static char all[1 << 20], wanted[1 << 20];
    char line[64];
    size_t n_wanted = 0, n_all = 0;
    place_open(&p, 500, 100); /* none is lost while the reader lags */
    struct log_cursor c = {0};
    for (int i = 0; i < 900; i++) {
        (void)snprintf(line, sizeof(line), "line number %d\n", i);
        put(&p, 1700000000000 + (uint64_t)i, line);
        n_wanted +=
            (size_t)snprintf(wanted + n_wanted, sizeof(wanted) - n_wanted, "%s", line);
        if (i % 37 == 0)
            n_all += (size_t)snprintf(all + n_all, sizeof(all) - n_all, "%s",
                                      get(&p, 0, &c, 100));
    }
    for (const char *more; *(more = get(&p, 0, &c, 100));)
        n_all += (size_t)snprintf(all + n_all, sizeof(all) - n_all, "%s", more);
    cr_assert(strlen(all) == strlen(wanted) && strcmp(all, wanted) == 0,
              "%zu of %zu bytes", n_all, n_wanted);
    place_close(&p);
}

Test(logs, old_files_go_and_long_lines_are_cut)
{
    struct place p;
    char path[128];
    static char text[50001];
    place_open(&p, 1000, 3);
    for (int i = 0; i < 200; i++)
        put(&p, 5, "0123456789\n");
    (void)snprintf(path, sizeof(path), "%s/stdout.log.2", p.dir);
    cr_assert(access(path, F_OK) == 0);
    (void)snprintf(path, sizeof(path), "%s/stdout.log.3", p.dir);
    cr_assert(access(path, F_OK) < 0);
    memset(text, 'x', 50000);
    put(&p, 5, text);
    put(&p, 5, "\n");
    struct log_cursor c = {0};
    const char *all = get(&p, 0, &c, 1 << 19);
    size_t n = 0;
    for (const char *at = all; *at; at++)
        n += *at == 'x';
    cr_assert(n > 0 && n <= 50000);
    place_close(&p);
}

Test(logs, nothing_there_is_nothing_to_read)
{
    struct log_cursor c = {0};
    uint8_t out[16];
    cr_assert(log_read("/nonexistent", "stdout", 0, &c, out, sizeof(out)) == 0);
}
