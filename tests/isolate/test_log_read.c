/* Reading on across rotation, from the end, and through what others did to the files. */
#include "isolate/log_read.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "isolate/files.h"
#include "isolate/log_file.h"

struct place {
    char dir[64], path[128];
    struct log_file log;
};

static void place_open(struct place *p, uint64_t max_bytes, uint32_t max_files)
{
    struct err err = {0};
    (void)strcpy(p->dir, "/tmp/stratos-logs-XXXXXX");
    cr_assert(mkdtemp(p->dir));
    (void)snprintf(p->path, sizeof(p->path), "%s/stdout.log", p->dir);
    cr_assert(log_file_open(&p->log, p->dir, "stdout", max_bytes, max_files, &err) == 0,
              "%s", err.text);
}

static void place_close(struct place *p)
{
    log_file_close(&p->log, 9);
    cr_assert(dir_empty(p->dir) == 0);
    (void)rmdir(p->dir);
}

static void put(struct place *p, uint64_t at_unix_ms, const char *text)
{
    log_file_write(&p->log, at_unix_ms, bytes_of_text(text));
}

static const char *get(const struct place *p, struct log_cursor *c, bool with_unfinished,
                       size_t cap, bool *ret_is_gap)
{
    static char out[1 << 20];
    bool is_gap;
    long len = log_read(p->dir, "stdout", c, with_unfinished, (uint8_t *)out, cap,
                        ret_is_gap ? ret_is_gap : &is_gap);
    cr_assert(len >= 0 && (size_t)len <= cap, "%ld", len);
    out[len] = '\0';
    return out;
}

Test(log_read, a_line_without_its_end_waits_or_is_taken_in_two)
{
    struct place p;
    struct log_cursor c = {0};
    place_open(&p, 1 << 20, 2);
    put(&p, 1000, "one\ntw");
    cr_assert_str_eq(get(&p, &c, false, 4096, NULL), "1000 one\n");
    cr_assert_str_eq(get(&p, &c, false, 4096, NULL), "");
    cr_assert_str_eq(get(&p, &c, true, 4096, NULL), "1000 tw\n");
    cr_assert_str_eq(get(&p, &c, true, 4096, NULL), "");
    put(&p, 2000, "o\nthree\n");
    cr_assert_str_eq(get(&p, &c, false, 4096, NULL), "1000 o\n2000 three\n");
    place_close(&p);
}

Test(log_read, a_reader_follows_through_rotation_and_small_buffers)
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
        n_wanted += (size_t)snprintf(wanted + n_wanted, sizeof(wanted) - n_wanted,
                                     "%llu %s", 1700000000000ull + (unsigned)i, line);
        if (i % 37 == 0)
            n_all += (size_t)snprintf(all + n_all, sizeof(all) - n_all, "%s",
                                      get(&p, &c, false, 100, NULL));
    }
    for (const char *more; *(more = get(&p, &c, false, 100, NULL));)
        n_all += (size_t)snprintf(all + n_all, sizeof(all) - n_all, "%s", more);
    cr_assert(strlen(all) == strlen(wanted) && strcmp(all, wanted) == 0,
              "%zu of %zu bytes", n_all, n_wanted);
    place_close(&p);
}

Test(log_read, a_reader_that_is_too_slow_is_told)
{
    struct place p;
    bool is_gap = false;
    struct log_cursor c = {0};
    place_open(&p, 100, 2);
    put(&p, 1, "first\n");
    cr_assert_str_eq(get(&p, &c, false, 4096, &is_gap), "1 first\n");
    cr_assert_not(is_gap);
    for (int i = 0; i < 100; i++)
        put(&p, 2, "0123456789\n");
    cr_assert(strlen(get(&p, &c, false, 4096, &is_gap)) > 0);
    cr_assert(is_gap);
    place_close(&p);
}

Test(log_read, what_was_read_is_not_read_again_when_the_file_is_removed)
{
    struct place p;
    bool is_gap = false;
    struct log_cursor c = {0};
    place_open(&p, 100, 5);
    for (uint64_t i = 0; i < 12; i++)
        put(&p, 4000000000000 + i, "0123456789\n"); /* younger than every file */
    while (*get(&p, &c, false, 4096, NULL))
        continue;
    cr_assert(unlink(p.path) == 0);
    put(&p, 4000000001000, "new\n");
    cr_assert_str_eq(get(&p, &c, false, 4096, &is_gap), "4000000001000 new\n");
    cr_assert(is_gap);
    place_close(&p);
}

Test(log_read, a_line_longer_than_the_buffer_says_so_and_fits_the_largest)
{
    struct place p;
    static uint8_t buf[LOG_READ_MIN];
    static char text[LOG_TEXT_MAX + 2];
    struct log_cursor c = {0};
    bool is_gap;
    place_open(&p, 10 << 20, 2);
    memset(text, 'x', LOG_TEXT_MAX);
    text[LOG_TEXT_MAX] = '\n';
    put(&p, 1700000000000, text);
    cr_assert_eq(log_read(p.dir, "stdout", &c, false, buf, 65536, &is_gap), -ENOBUFS);
    cr_assert_eq(log_read(p.dir, "stdout", &c, false, buf, sizeof(buf), &is_gap),
                 14 + LOG_TEXT_MAX + 1);
    place_close(&p);
}

Test(log_read, the_last_lines_are_found_across_files)
{
    struct place p;
    place_open(&p, 100, 50);
    for (uint64_t i = 0; i < 100; i++) {
        char line[32];
        (void)snprintf(line, sizeof(line), "line %03u\n", (unsigned)i);
        put(&p, 10 + i, line);
    }
    static const uint64_t wants[] = {0, 1, 2, 9, 10, 50, 100, 1000};
    for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
        struct log_cursor c;
        uint64_t n;
        unsigned seen = 0, first = 1000;
        cr_assert_eq(log_seek_tail(p.dir, "stdout", wants[i], &c, &n), 0);
        cr_expect_eq(n, wants[i] < 100 ? wants[i] : 100);
        for (const char *text; *(text = get(&p, &c, false, 4096, NULL));)
            for (const char *at = text; (at = strstr(at, "line ")); at++, seen++)
                first = seen ? first : (unsigned)atoi(at + 5);
        cr_expect_eq(seen, n, "%u of %u", seen, (unsigned)n);
        cr_expect(n == 0 || first == 100 - n, "%u", first);
    }
    place_close(&p);
}

Test(log_read, who_begins_in_the_middle_of_a_line_reads_its_rest_with_its_time)
{
    static const size_t lengths[] = {0, 1, 20, 70000, 200000};
    static char text[200001];
    memset(text, '7', sizeof(text) - 1); /* as a stamp is written */
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct place p;
        struct log_cursor c;
        uint64_t n;
        place_open(&p, 1 << 20, 2);
        put(&p, 1000, "one\ntwo\n");
        put(&p, 2000, text + sizeof(text) - 1 - lengths[i]);
        cr_assert_eq(log_seek_tail(p.dir, "stdout", 0, &c, &n), 0);
        put(&p, 3000, "7 rest\nnext\n");
        const char *wanted =
            lengths[i] ? "2000 7 rest\n3000 next\n" : "3000 7 rest\n3000 next\n";
        cr_assert_str_eq(get(&p, &c, false, 4096, NULL), wanted, "row %zu", i);
        place_close(&p);
    }
}

Test(log_read, files_that_are_older_than_wanted_are_passed_over)
{
    struct place p;
    struct log_cursor c;
    place_open(&p, 100, 50);
    for (int i = 0; i < 100; i++)
        put(&p, 5, "0123456789\n");
    cr_assert_eq(log_seek_since(p.dir, "stdout", 4000000000000, &c), 0);
    size_t young = strlen(get(&p, &c, false, 4096, NULL));
    cr_assert(young > 0 && young <= 120, "%zu", young);
    cr_assert_eq(log_seek_since(p.dir, "stdout", 0, &c), 0);
    size_t all = 0;
    for (const char *text; *(text = get(&p, &c, false, 4096, NULL));)
        all += strlen(text);
    cr_assert_eq(all, 100 * 13);
    place_close(&p);
}

Test(log_read, nothing_there_is_nothing_to_read)
{
    struct log_cursor c = {0};
    uint8_t out[64];
    bool is_gap;
    uint64_t n;
    cr_assert(log_read("/nonexistent", "stdout", &c, true, out, sizeof(out), &is_gap) ==
              0);
    cr_assert(log_seek_tail("/nonexistent", "stdout", 5, &c, &n) == 0 && n == 0);
}
