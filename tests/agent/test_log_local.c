/* What a node reads of its own files: to where they ended when it was asked, whatever becomes of them. */
#include "agent/log_local.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isolate/files.h"

enum { ASKED_MS = 5000, LINES = 20000 }; /* more than a buffer takes */

struct world {
    char data[64], dir[128], path[160];
    struct log_local local;
};

static void world_open(struct world *w)
{
    *w = (struct world){.data = "/tmp/stratos-test-XXXXXX"};
    cr_assert(mkdtemp(w->data));
    (void)snprintf(w->dir, sizeof(w->dir), "%s/tasks", w->data);
    cr_assert_eq(mkdir(w->dir, 0700), 0);
    (void)strcat(w->dir, "/d.web.0");
    cr_assert_eq(mkdir(w->dir, 0700), 0);
    (void)snprintf(w->path, sizeof(w->path), "%s/stdout.log", w->dir);
    w->local = (struct log_local){
        .data_dir = w->data,
        .node = "n1",
        .asked = {.ns = "d", .job = "web", .has_index = true, .wants = {true, false}}};
}

static void world_close(struct world *w)
{
    log_local_fini(&w->local);
    cr_assert_eq(dir_empty(w->data), 0);
    (void)rmdir(w->data);
}

static void write_lines(const char *path, uint64_t at_unix_ms, unsigned n)
{
    FILE *file = fopen(path, "ae");
    cr_assert(file);
    for (unsigned i = 0; i < n; i++)
        (void)fprintf(file, "%llu line %u of many\n", (unsigned long long)at_unix_ms, i);
    cr_assert_eq(fclose(file), 0);
}

/* Returns how many lines there were; a gap is counted apart. */
static unsigned take_all(struct world *w, unsigned *ret_n_gaps)
{
    struct log_frame f;
    unsigned n = 0;
    while (log_local_head(&w->local, w->local.sources[0], &f)) {
        n += f.kind == LOG_LINE;
        *ret_n_gaps += f.kind == LOG_MISSING;
        log_local_take(w->local.sources[0]);
    }
    return n;
}

static unsigned read_on(struct world *w, unsigned *ret_n_gaps)
{
    unsigned n = 0;
    for (int i = 0; i < 100 && !w->local.sources[0]->is_done; i++) {
        log_local_fill(&w->local, ASKED_MS);
        n += take_all(w, ret_n_gaps);
    }
    cr_assert(w->local.sources[0]->is_done);
    return n;
}

Test(log_local, what_comes_after_a_gap_is_read_to_the_end)
{
    struct world w;
    unsigned n_gaps = 0;
    world_open(&w);
    write_lines(w.path, 1000, LINES);
    log_local_fill(&w.local, ASKED_MS);
    unsigned n = take_all(&w, &n_gaps);
    cr_assert(n > 0 && n < LINES && n_gaps == 0, "%u", n);
    cr_assert_eq(unlink(w.path), 0); /* rotated away while it was read */
    write_lines(w.path, 2000, LINES);
    cr_assert_eq(read_on(&w, &n_gaps), LINES);
    cr_assert_eq(n_gaps, 1);
    world_close(&w);
}

Test(log_local, a_writer_that_is_faster_than_its_reader_is_left_behind)
{
    struct world w;
    unsigned n_gaps = 0;
    world_open(&w);
    write_lines(w.path, 1000, LINES);
    log_local_fill(&w.local, ASKED_MS);
    (void)take_all(&w, &n_gaps);
    cr_assert_eq(unlink(w.path), 0);
    write_lines(w.path, ASKED_MS + 1, 3 * LINES);
    unsigned n = read_on(&w, &n_gaps);
    cr_assert(n > 0 && n < 3 * LINES && n_gaps == 1, "%u", n);
    world_close(&w);
}

Test(log_local, a_link_in_the_place_of_a_directory_leads_nowhere)
{
    struct world w;
    char other[128];
    world_open(&w);
    write_lines(w.path, 1000, 1);
    (void)snprintf(other, sizeof(other), "%s/tasks/d.web.1", w.data);
    cr_assert_eq(symlink(w.dir, other), 0);
    w.local.asked.index = 1;
    log_local_fill(&w.local, ASKED_MS);
    cr_assert_eq(w.local.n, 0);
    w.local.asked.has_index = false;
    log_local_fill(&w.local, ASKED_MS + 2000);
    cr_assert_eq(w.local.n, 1);
    world_close(&w);
}
