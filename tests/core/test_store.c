/* One suite for both stores; then what only one of them does: faults, and damage. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "core/store.h"

struct fixture {
    char dir[64], path[80];
    struct store *store;
    struct err err;
};

static void fixture_open(struct fixture *f, bool is_rocks)
{
    *f = (struct fixture){.dir = "/tmp/stratos-store-XXXXXX"};
    cr_assert(mkdtemp(f->dir));
    (void)snprintf(f->path, sizeof(f->path), "%s/store", f->dir);
    bool was_damaged = true;
    if (!is_rocks)
        f->store = store_mem_new();
    else
        cr_assert_eq(store_rocks_open(f->path, &f->store, &was_damaged, &f->err), 0, "%s",
                     f->err.text);
    cr_assert_eq(was_damaged, !is_rocks);
    cr_assert(f->store);
}

/* Call `each` with the path of every file in the directory. */
static void files(const char *path, void (*each)(const char *file))
{
    DIR *dir = opendir(path);
    cr_assert(dir);
    for (const struct dirent *e; (e = readdir(dir));) {
        char file[512];
        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
        each(file);
    }
    closedir(dir);
}

static void erase(const char *file)
{
    struct stat st;
    if (lstat(file, &st) == 0 && S_ISDIR(st.st_mode))
        files(file, erase);
    (void)remove(file);
}

static void fixture_close(struct fixture *f)
{
    store_close(f->store);
    erase(f->dir);
}

static struct store_change put(enum store_space space, const char *key, const char *value)
{
    return (struct store_change){space, bytes_of_text(key), bytes_of_text(value)};
}

static void write_one(struct fixture *f, enum store_space space, const char *key,
                      const char *value)
{
    struct store_change change = put(space, key, value);
    cr_assert_eq(store_write(f->store, &change, 1, true, &f->err), 0, "%s", f->err.text);
}

static void expect(struct fixture *f, enum store_space space, const char *key,
                   const char *value)
{
    uint8_t *got = NULL;
    size_t len = 0;
    int result = store_read(f->store, space, bytes_of_text(key), &got, &len, &f->err);
    cr_assert_eq(result, value ? 0 : ERR_NOT_FOUND, "%s", key);
    if (value)
        cr_assert(bytes_equal((struct bytes){got, len}, bytes_of_text(value)), "%s", key);
    cr_assert_eq(got != NULL, value != NULL);
    free(got);
}

static int list(void *ctx, struct bytes key, struct bytes value)
{
    char *out = ctx;
    (void)snprintf(out + strlen(out), 256 - strlen(out), "%.*s=%.*s ", (int)key.len,
                   (const char *)key.at, (int)value.len, (const char *)value.at);
    return key.at[key.len - 1] == '!' ? 7 : 0;
}

static void expect_each(struct fixture *f, enum store_space space, const char *prefix,
                        int result, const char *listed)
{
    char out[256] = "";
    cr_assert_eq(store_each(f->store, space, bytes_of_text(prefix), list, out, &f->err),
                 result);
    cr_assert_str_eq(out, listed);
}

Test(store, batches_spaces_and_order_are_the_same_in_both)
{
    for (int is_rocks = 0; is_rocks < 2; is_rocks++) {
        struct fixture f;
        fixture_open(&f, is_rocks);
        struct store_change batch[] = {
            put(STORE_TABLE, "b", "2"),     put(STORE_TABLE, "a/2", "y"),
            put(STORE_TABLE, "a/1", "x"),   put(STORE_ORDER, "a/1", "other"),
            put(STORE_TABLE, "a", ""),      put(STORE_TABLE, "gone", "1"),
            put(STORE_TABLE, "gone", NULL),
        };
        expect_each(&f, STORE_TABLE, "", 0, "");
        cr_assert_eq(store_write(f.store, batch, 7, true, &f.err), 0);
        cr_assert_eq(store_write(f.store, NULL, 0, false, &f.err), 0);
        expect(&f, STORE_TABLE, "a/1", "x");
        expect(&f, STORE_ORDER, "a/1", "other");
        expect(&f, STORE_LOCAL, "a/1", NULL);
        expect(&f, STORE_TABLE, "gone", NULL);
        expect(&f, STORE_TABLE, "a", "");
        expect_each(&f, STORE_TABLE, "", 0, "a= a/1=x a/2=y b=2 ");
        expect_each(&f, STORE_TABLE, "a/", 0, "a/1=x a/2=y ");
        expect_each(&f, STORE_TABLE, "c", 0, "");
        write_one(&f, STORE_TABLE, "a/1", "new");
        write_one(&f, STORE_TABLE, "a/1!", "stop here");
        expect_each(&f, STORE_TABLE, "a/", 7, "a/1=new a/1!=stop here ");
        write_one(&f, STORE_TABLE, "a/1!", NULL);
        write_one(&f, STORE_TABLE, "never there", NULL);
        expect_each(&f, STORE_TABLE, "a/", 0, "a/1=new a/2=y ");
        fixture_close(&f);
    }
    store_close(NULL);
}

struct count {
    size_t n;
    char last[8];
};

static int count_in_order(void *ctx, struct bytes key, struct bytes value)
{
    struct count *c = ctx;
    cr_assert_eq(key.len, 6);
    cr_assert(bytes_equal(key, value));
    cr_assert(memcmp(c->last, key.at, 6) < 0);
    memcpy(c->last, key.at, 6);
    c->n++;
    return 0;
}

Test(store, many_keys_come_back_in_order)
{
    for (int is_rocks = 0; is_rocks < 2; is_rocks++) {
        struct fixture f;
        fixture_open(&f, is_rocks);
        for (unsigned i = 0; i < 5000; i++) {
            char key[16];
            (void)snprintf(key, sizeof(key), "%06u", i * 7919 % 5000);
            struct store_change change = put(STORE_TABLE, key, key);
            cr_assert_eq(store_write(f.store, &change, 1, false, &f.err), 0);
        }
        struct count c = {0};
        cr_assert_eq(store_each(f.store, STORE_TABLE, (struct bytes){0}, count_in_order,
                                &c, &f.err),
                     0);
        cr_assert_eq(c.n, 5000);
        fixture_close(&f);
    }
}

Test(store_mem, injected_faults_change_nothing)
{
    struct fixture f;
    fixture_open(&f, false);
    struct store_change batch[] = {put(STORE_TABLE, "a", "1"),
                                   put(STORE_TABLE, "b", "1")};
    store_mem_fault(f.store, 1, 2);
    cr_assert_eq(store_write(f.store, batch, 1, true, &f.err), 0);
    cr_assert_eq(store_write(f.store, batch, 2, true, &f.err), ERR_STORE);
    cr_assert_eq(store_write(f.store, batch, 2, true, &f.err), ERR_STORE);
    expect_each(&f, STORE_TABLE, "", 0, "a=1 ");
    cr_assert_eq(store_write(f.store, batch, 2, true, &f.err), 0);
    expect_each(&f, STORE_TABLE, "", 0, "a=1 b=1 ");
    fixture_close(&f);
}

Test(store_mem, a_fault_of_the_sync_writes_and_says_that_it_may_have)
{
    struct fixture f;
    fixture_open(&f, false);
    struct store_change batch[] = {put(STORE_TABLE, "a", "1"),
                                   put(STORE_TABLE, "b", "1")};
    store_mem_fault(f.store, 0, 3);
    store_mem_fault_sync(f.store, 1);
    cr_assert_eq(store_write(f.store, batch, 1, false, &f.err), ERR_STORE);
    expect_each(&f, STORE_TABLE, "", 0, "");
    cr_assert_eq(store_write(f.store, batch, 1, true, &f.err), ERR_UNSURE);
    expect_each(&f, STORE_TABLE, "", 0, "a=1 ");
    cr_assert_eq(store_write(f.store, batch, 2, true, &f.err), ERR_STORE);
    expect_each(&f, STORE_TABLE, "", 0, "a=1 ");
    fixture_close(&f);
}

static void reopen(struct fixture *f, bool expect_damage)
{
    bool was_damaged = !expect_damage;
    store_close(f->store);
    f->store = NULL;
    cr_assert_eq(store_rocks_open(f->path, &f->store, &was_damaged, &f->err), 0, "%s",
                 f->err.text);
    cr_assert_eq(was_damaged, expect_damage);
}

/* Five batches behind a synced one, and a cut after each number of them. */
Test(store_mem, a_power_cut_keeps_whole_batches_up_to_a_point_behind_the_last_sync)
{
    for (size_t n_kept = 0; n_kept <= 5; n_kept++) {
        struct fixture f;
        fixture_open(&f, false);
        write_one(&f, STORE_TABLE, "a", "synced");
        write_one(&f, STORE_LOCAL, "b", "synced");
        const struct store_change batches[5][2] = {
            {put(STORE_TABLE, "a", "1"), put(STORE_TABLE, "c", "1")},
            {{STORE_LOCAL, bytes_of_text("b"), {0}}, put(STORE_TABLE, "a", "2")},
            {put(STORE_LOCAL, "b", "3"), put(STORE_LOCAL, "b", "3 again")},
            {{STORE_TABLE, bytes_of_text("a"), {0}}, {STORE_TABLE, bytes_of_text("c"), {0}}},
            {put(STORE_TABLE, "a", "5"), put(STORE_TABLE, "c", "5")}};
        static const char *const a[] = {"synced", "1", "2", "2", NULL, "5"};
        static const char *const b[] = {"synced", "synced", NULL, "3 again", "3 again",
                                        "3 again"};
        static const char *const c[] = {NULL, "1", "1", "1", NULL, "5"};
        for (size_t i = 0; i < 5; i++)
            cr_assert_eq(store_write(f.store, batches[i], 2, false, &f.err), 0);
        cr_expect_eq(store_mem_unsynced(f.store), 5);
        store_mem_cut(f.store, n_kept);
        expect(&f, STORE_TABLE, "a", a[n_kept]);
        expect(&f, STORE_LOCAL, "b", b[n_kept]);
        expect(&f, STORE_TABLE, "c", c[n_kept]);
        cr_assert_eq(store_write(f.store, batches[0], 2, false, &f.err), 0);
        write_one(&f, STORE_LOCAL, "d", "synced");
        store_mem_cut(f.store, 0); /* a synced write takes with it what came before it */
        expect(&f, STORE_TABLE, "a", "1");
        fixture_close(&f);
    }
}

Test(store_rocks, what_was_written_is_there_after_reopening)
{
    struct fixture f;
    fixture_open(&f, true);
    write_one(&f, STORE_LOCAL, "identity", "me");
    for (int i = 0; i < 3; i++)
        reopen(&f, false);
    expect(&f, STORE_LOCAL, "identity", "me");
    fixture_close(&f);
}

Test(store_rocks, a_killed_process_loses_nothing_that_was_synced)
{
    struct fixture f;
    fixture_open(&f, true);
    store_close(f.store);
    f.store = NULL;
    pid_t pid = fork();
    if (pid == 0) {
        bool was_damaged;
        if (store_rocks_open(f.path, &f.store, &was_damaged, &f.err) < 0)
            _exit(1);
        struct store_change change = put(STORE_TABLE, "k", "v");
        _exit(store_write(f.store, &change, 1, true, &f.err) == 0 ? 0 : 1);
    }
    int status = -1;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
    reopen(&f, false);
    expect(&f, STORE_TABLE, "k", "v");
    fixture_close(&f);
}

static void expect_conflict(struct fixture *f)
{
    struct store *second = NULL;
    bool was_damaged = false;
    cr_assert_eq(store_rocks_open(f->path, &second, &was_damaged, &f->err), ERR_CONFLICT);
    cr_assert(strstr(f->err.text, "another agent is running on this data directory"),
              "%s", f->err.text);
    cr_assert_null(second);
    cr_assert_not(was_damaged);
}

Test(store_rocks, a_store_that_this_process_has_open_is_refused_and_left_alone)
{
    struct fixture f;
    fixture_open(&f, true);
    write_one(&f, STORE_LOCAL, "identity", "me");
    expect_conflict(&f);
    expect(&f, STORE_LOCAL, "identity", "me");
    fixture_close(&f);
}

Test(store_rocks, a_store_that_another_process_has_open_is_refused_and_left_alone)
{
    struct fixture f;
    int ready[2], over[2];
    char byte = 0;
    fixture_open(&f, false);
    cr_assert(pipe(ready) == 0 && pipe(over) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct store *theirs;
        bool was_damaged;
        close(over[1]);
        if (store_rocks_open(f.path, &theirs, &was_damaged, &f.err) < 0)
            _exit(1);
        if (write(ready[1], "r", 1) == 1)
            (void)!read(over[0], &byte, 1);
        _exit(0);
    }
    close(ready[1]);
    close(over[0]);
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    expect_conflict(&f);
    close(over[1]); /* which ends the child */
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    reopen(&f, false);
    fixture_close(&f);
}

static void scramble(const char *file)
{
    /* In the middle of the log, the tables and the manifest, not in the notes beside
     * them. */
    if (!strstr(file, ".sst") && !strstr(file, ".log") && !strstr(file, "MANIFEST"))
        return;
    struct stat st;
    int fd = open(file, O_RDWR | O_CLOEXEC);
    cr_assert(fd >= 0 && fstat(fd, &st) == 0);
    for (off_t at = st.st_size / 3; at < st.st_size / 3 + 40 && at < st.st_size; at++) {
        uint8_t byte = 0;
        cr_assert_eq(pread(fd, &byte, 1, at), 1);
        byte ^= 0x55;
        cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
    }
    close(fd);
}

static void scramble_log(const char *file)
{
    if (strstr(file, ".log"))
        scramble(file);
}

static void scramble_tables(const char *file)
{
    if (strstr(file, ".sst"))
        scramble(file);
}

static void remove_tables(const char *file)
{
    if (strstr(file, ".sst"))
        (void)unlink(file);
}

static void remove_manifest(const char *file)
{
    if (strstr(file, "MANIFEST"))
        (void)unlink(file);
}

static void remove_current(const char *file)
{
    if (strstr(file, "CURRENT"))
        (void)unlink(file);
}

static void empty_current(const char *file)
{
    if (strstr(file, "CURRENT"))
        (void)truncate(file, 0);
}

static size_t count_aside(const char *dir)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    for (const struct dirent *e; (e = readdir(d));)
        n += strncmp(e->d_name, "store.damaged-", 14) == 0;
    closedir(d);
    return n;
}

Test(store_rocks, a_damaged_store_is_set_aside_and_a_fresh_one_opened)
{
    static void (*const harms[])(const char *) = {
        scramble,        scramble_log,   scramble_tables, remove_tables,
        remove_manifest, remove_current, empty_current};
    for (size_t i = 0; i < sizeof(harms) / sizeof(harms[0]); i++) {
        struct fixture f;
        fixture_open(&f, true);
        for (int j = 0; j < 50; j++) {
            char key[32];
            (void)snprintf(key, sizeof(key), "table/%d", j);
            write_one(&f, STORE_TABLE, key, "a value that is a little longer");
        }
        reopen(&f, false); /* the log becomes a table */
        for (int j = 0; j < 50; j++)
            write_one(&f, STORE_LOCAL, "identity", "a value that is a little longer");
        store_close(f.store);
        f.store = NULL;
        files(f.path, harms[i]);
        reopen(&f, true);
        cr_assert_eq(count_aside(f.dir), 1, "harm %zu", i);
        expect_each(&f, STORE_TABLE, "", 0, "");
        write_one(&f, STORE_TABLE, "k", "v");
        reopen(&f, false);
        expect(&f, STORE_TABLE, "k", "v");
        fixture_close(&f);
    }
}

Test(store_rocks, a_log_cut_short_by_a_crash_is_no_damage)
{
    struct fixture f;
    fixture_open(&f, true);
    write_one(&f, STORE_LOCAL, "first", "1");
    store_close(f.store);
    f.store = NULL;
    DIR *dir = opendir(f.path);
    for (const struct dirent *e; (e = readdir(dir));) {
        char file[512];
        (void)snprintf(file, sizeof(file), "%s/%s", f.path, e->d_name);
        if (!strstr(e->d_name, ".log"))
            continue;
        FILE *log = fopen(file, "a"); /* the head of a record that never came */
        fwrite("\x01\x02\x03\x04\xff\x00\x01torn", 1, 11, log);
        fclose(log);
    }
    closedir(dir);
    reopen(&f, false);
    expect(&f, STORE_LOCAL, "first", "1");
    fixture_close(&f);
}

Test(store_rocks, a_full_disk_refuses_writes_and_takes_them_again_later)
{
    struct fixture f;
    char filler[96], block[65536] = {1};
    fixture_open(&f, false);
    if (mount("tmpfs", f.dir, "tmpfs", 0, "size=24m") < 0) {
        fixture_close(&f);
        cr_skip_test("cannot mount a tmpfs");
    }
    store_close(f.store);
    f.store = NULL;
    reopen(&f, false);
    write_one(&f, STORE_TABLE, "before", "1");
    (void)snprintf(filler, sizeof(filler), "%s/filler", f.dir);
    int fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    while (write(fd, block, sizeof(block)) > 0)
        ;
    close(fd);
    struct store_change change = put(STORE_TABLE, "refused", "1");
    cr_assert_eq(store_write(f.store, &change, 1, true, &f.err), -ENOSPC);
    cr_assert(strstr(f.err.text, "no space left"), "%s", f.err.text);
    expect(&f, STORE_TABLE, "before", "1");
    cr_assert_eq(unlink(filler), 0);
    write_one(&f, STORE_TABLE, "after", "1");
    reopen(&f, false);
    expect_each(&f, STORE_TABLE, "", 0, "after=1 before=1 ");
    store_close(f.store);
    f.store = NULL;
    cr_assert_eq(umount2(f.dir, MNT_DETACH), 0);
    fixture_close(&f);
}

Test(store_rocks, a_place_that_cannot_be_had_is_an_error_with_words)
{
    struct store *store = NULL;
    bool was_damaged = false;
    struct err err = {0};
    cr_assert_eq(
        store_rocks_open("/nonexistent/parent/store", &store, &was_damaged, &err),
        ERR_STORE);
    cr_assert(strstr(err.text, "/nonexistent/parent/store"), "%s", err.text);
    cr_assert_eq(store_rocks_open("/dev/null", &store, &was_damaged, &err), ERR_STORE);
    cr_assert_null(store);
    cr_assert_not(was_damaged);
}

static off_t log_cut; /* negative: only measure */

static void cut_log(const char *file)
{
    struct stat st;
    if (!strstr(file, ".log") || stat(file, &st) < 0 || st.st_size == 0)
        return;
    if (log_cut < 0)
        log_cut = -st.st_size;
    else
        cr_assert_eq(truncate(file, log_cut), 0);
}

/* Writes of one key each in two spaces: the number of the last, and a key per number. */
static void write_batch(struct fixture *f, int number, bool is_synced)
{
    char key[16], text[16];
    (void)snprintf(key, sizeof(key), "k%02d", number);
    (void)snprintf(text, sizeof(text), "%d", number);
    struct store_change changes[] = {put(STORE_TABLE, key, "a value"),
                                     put(STORE_LOCAL, "number", text)};
    cr_assert_eq(store_write(f->store, changes, 2, is_synced, &f->err), 0);
}

Test(store_rocks, a_log_cut_anywhere_keeps_whole_batches_up_to_the_cut)
{
    enum { SYNCED = 3, BATCHES = 8, STEP = 23 };
    off_t synced_size = 0, size = 0;
    for (off_t cut = -1; cut <= size; cut += cut < 0 ? synced_size + 1 : STEP) {
        struct fixture f;
        fixture_open(&f, true);
        for (int i = 1; i <= BATCHES; i++) {
            write_batch(&f, i, i <= SYNCED);
            log_cut = -1;
            if (i == SYNCED && cut < 0) {
                files(f.path, cut_log);
                synced_size = -log_cut;
            }
        }
        store_close(f.store);
        f.store = NULL;
        log_cut = cut;
        files(f.path, cut_log);
        if (cut < 0)
            size = -log_cut;
        reopen(&f, false);
        uint8_t *got = NULL;
        size_t len = 0;
        cr_assert_eq(store_read(f.store, STORE_LOCAL, bytes_of_text("number"), &got, &len, &f.err), 0,
                     "cut at %ld of %ld", (long)cut, (long)size);
        int number = got[0] - '0';
        cr_assert_geq(number, SYNCED, "cut at %ld lost what was synced", (long)cut);
        for (int i = 1; i <= BATCHES; i++) {
            char key[16];
            (void)snprintf(key, sizeof(key), "k%02d", i);
            expect(&f, STORE_TABLE, key, i <= number ? "a value" : NULL);
        }
        free(got);
        fixture_close(&f);
    }
    cr_assert_gt(size, synced_size);
}
