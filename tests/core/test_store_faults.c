/* The store on a disk that is full or fails: RocksDB's own calls are made to fail, in the foreground
 * and in its background, and a file system is really filled.
 *
 * What it calls is taken over here; the calls of everybody else go through. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "core/rng.h"
#include "core/store.h"

/* ---- calls that fail ---- */

enum { FAIL_WRITE = 1u << 0, FAIL_SYNC = 1u << 1, FAIL_RESERVE = 1u << 2 };

static unsigned fail_what, fail_permille; /* 1000: each of them */
static int fail_errno;
static const char *fail_where = "/store/"; /* in files whose path holds this */
static _Atomic uint64_t dice = 1;          /* RocksDB's threads throw it as well */

static bool fails(int fd, unsigned what)
{
    char link[64], path[512];
    if (!(fail_what & what))
        return false;
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof(path) - 1);
    path[len > 0 ? len : 0] = '\0';
    if (!strstr(path, "/store/") || !strstr(path, fail_where))
        return false;
    uint64_t x = dice += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    if ((x ^ x >> 31) % 1000 >= fail_permille)
        return false;
    errno = fail_errno;
    return true;
}

/* Half of it reaches the file, as on a disk that fills up just then. */
ssize_t write(int fd, const void *buf, size_t len)
{
    if (!fails(fd, FAIL_WRITE))
        return syscall(SYS_write, fd, buf, len);
    (void)syscall(SYS_write, fd, buf, len / 2);
    errno = fail_errno;
    return -1;
}

int fdatasync(int fd)
{
    return fails(fd, FAIL_SYNC) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return fails(fd, FAIL_SYNC) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fallocate64(int fd, int mode, off64_t from, off64_t len);
int fallocate64(int fd, int mode, off64_t from, off64_t len)
{
    return fails(fd, FAIL_RESERVE) ? -1
                                   : (int)syscall(SYS_fallocate, fd, mode, from, len);
}

/* ---- the fixture ---- */

struct fixture {
    char dir[64], path[80];
    struct store *store;
    struct err err;
};

static void init(struct fixture *f)
{
    *f = (struct fixture){.dir = "/tmp/stratos-faults-XXXXXX"};
    cr_assert(mkdtemp(f->dir));
    (void)snprintf(f->path, sizeof(f->path), "%s/store", f->dir);
}

static void fini(struct fixture *f)
{
    char command[128];
    store_close(f->store);
    (void)snprintf(command, sizeof(command), "rm -rf %s", f->dir);
    cr_assert_eq(system(command), 0);
}

static int open_store(struct fixture *f)
{
    bool was_damaged = false;
    f->store = NULL;
    int status = store_rocks_open(f->path, &f->store, &was_damaged, &f->err);
    cr_assert_not(was_damaged, "%s", f->err.text);
    return status;
}

static int put(struct fixture *f, enum store_space space, const char *key,
               const char *value, size_t len)
{
    struct store_change change = {
        space, bytes_of_text(key), {(const uint8_t *)value, len}};
    return store_write(f->store, &change, 1, true, &f->err);
}

static bool holds(struct fixture *f, enum store_space space, const char *key)
{
    uint8_t *got = NULL;
    size_t len;
    int status = store_read(f->store, space, bytes_of_text(key), &got, &len, &f->err);
    cr_assert(status == 0 || status == ERR_NOT_FOUND, "%s", f->err.text);
    free(got);
    return status == 0;
}

static enum store_trouble trouble(struct fixture *f, bool expect_spent)
{
    bool is_spent;
    enum store_trouble t = store_trouble(f->store, &is_spent);
    cr_assert_eq(is_spent, expect_spent);
    return t;
}

/* ---- one failure ---- */

Test(store_faults, a_write_that_fails_is_told_apart_from_one_whose_sync_fails)
{
    static const struct {
        unsigned what;
        int cause, code;
        enum store_trouble trouble;
        bool may_be_there;
    } rows[] = {
        {FAIL_WRITE, ENOSPC, -ENOSPC, STORE_NO_SPACE, false},
        {FAIL_WRITE, EDQUOT, -ENOSPC, STORE_NO_SPACE, false},
        {FAIL_WRITE, EIO, ERR_STORE, STORE_FAILING, false},
        {FAIL_WRITE, EROFS, ERR_STORE, STORE_FAILING, false},
        {FAIL_SYNC, EIO, ERR_UNSURE, STORE_FAILING, true},
        {FAIL_SYNC, ENOSPC, ERR_UNSURE, STORE_NO_SPACE, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f;
        init(&f);
        cr_assert_eq(open_store(&f), 0, "%s", f.err.text);
        cr_assert_eq(put(&f, STORE_TABLE, "before", "1", 1), 0);
        cr_assert_eq(trouble(&f, false), STORE_WELL);
        fail_what = rows[i].what;
        fail_errno = rows[i].cause;
        fail_permille = 1000;
        cr_assert_eq(put(&f, STORE_TABLE, "first", "1", 1), rows[i].code, "row %zu: %s",
                     i, f.err.text);
        cr_assert_eq(f.err.code, rows[i].code, "row %zu", i);
        cr_assert_not(holds(&f, STORE_TABLE, "first"), "row %zu", i);
        fail_what = 0;
        cr_assert_eq(trouble(&f, true), rows[i].trouble, "row %zu", i);
        /* The disk is well again, this store is not: nothing more is written by it. */
        int later = put(&f, STORE_TABLE, "second", "1", 1);
        cr_assert(later == -ENOSPC || later == ERR_STORE, "row %zu: %d", i, later);
        store_close(f.store);
        cr_assert_eq(open_store(&f), 0, "row %zu: %s", i, f.err.text);
        cr_assert(holds(&f, STORE_TABLE, "before"));
        cr_assert_not(holds(&f, STORE_TABLE, "second"), "row %zu", i);
        bool is_there = holds(&f, STORE_TABLE, "first");
        cr_assert(rows[i].may_be_there || !is_there, "row %zu", i);
        cr_assert_eq(put(&f, STORE_TABLE, "first", "1", 1), 0);
        cr_assert_eq(trouble(&f, false), STORE_WELL);
        fini(&f);
    }
}

/* Tables are written by RocksDB's own thread: the next look at the store tells of it. */
Test(store_faults, a_failure_in_the_background_is_seen_without_a_write)
{
    enum { LEN = 1200000 }; /* more than it keeps in memory */
    static char value[LEN];
    struct fixture f;
    bool is_spent = false;
    init(&f);
    cr_assert_eq(open_store(&f), 0, "%s", f.err.text);
    cr_assert_eq(put(&f, STORE_TABLE, "large", value, LEN), 0);
    fail_what = FAIL_SYNC;
    fail_where = ".sst";
    fail_errno = EIO;
    fail_permille = 1000;
    cr_assert_eq(put(&f, STORE_TABLE, "small", "1", 1), 0); /* now a table is begun */
    for (int i = 0; i < 200 && !is_spent; i++) {
        (void)usleep(10000);
        store_check(f.store);
        (void)store_trouble(f.store, &is_spent);
    }
    cr_assert(is_spent);
    cr_assert_eq(trouble(&f, true), STORE_FAILING);
    fail_what = 0;
    store_close(f.store);
    cr_assert_eq(open_store(&f), 0, "%s", f.err.text);
    cr_assert(holds(&f, STORE_TABLE, "large") && holds(&f, STORE_TABLE, "small"));
    fini(&f);
}

/* ---- many failures ---- */

enum { KEYS = 60, ROUNDS = 4, LIVES = 12 };

struct model {
    struct rng rng;
    int is[KEYS];         /* the last that was taken */
    int may_be[KEYS][16]; /* later ones whose sync failed */
    size_t n_may_be[KEYS];
    int number;
};

static int read_number(struct fixture *f, int key)
{
    char name[16];
    uint8_t *got;
    size_t len;
    int number = 0;
    (void)snprintf(name, sizeof(name), "k%d", key);
    if (store_read(f->store, key % 2 ? STORE_LOCAL : STORE_TABLE, bytes_of_text(name),
                   &got, &len, &f->err) < 0)
        return 0;
    memcpy(&number, got, sizeof(number));
    free(got);
    return number;
}

static void check(struct fixture *f, struct model *m, unsigned life)
{
    for (int key = 0; key < KEYS; key++) {
        int number = read_number(f, key);
        bool is_right = number == m->is[key];
        for (size_t i = 0; i < m->n_may_be[key]; i++)
            is_right |= number == m->may_be[key][i];
        cr_assert(is_right, "life %u: key %d is %d and should be %d", life, key, number,
                  m->is[key]);
        m->is[key] = number;
        m->n_may_be[key] = 0;
    }
}

static void write_some(struct fixture *f, struct model *m)
{
    static char value[40000];
    for (uint64_t n = 5 + rng_below(&m->rng, 60); n > 0; n--) {
        char name[16];
        int key = (int)rng_below(&m->rng, KEYS);
        size_t len = 100 + rng_below(&m->rng, sizeof(value) - 100);
        (void)snprintf(name, sizeof(name), "k%d", key);
        m->number++;
        memcpy(value, &m->number, sizeof(m->number));
        int status = put(f, key % 2 ? STORE_LOCAL : STORE_TABLE, name, value, len);
        if (status == 0) {
            m->is[key] = m->number;
            m->n_may_be[key] = 0;
        } else if (status == ERR_UNSURE) {
            m->may_be[key][m->n_may_be[key]++] = m->number;
        } else {
            cr_assert(status == -ENOSPC || status == ERR_STORE, "%d: %s", status,
                      f->err.text);
        }
        if (status < 0 && rng_chance(&m->rng, 0.5))
            return;
    }
}

/* Opening, writing, tables, logs, closing: wherever the disk refuses, the process lives, the store can
 * be opened again, what was taken is there, and what was refused is not. */
Test(store_faults, wherever_the_disk_refuses_nothing_is_lost_and_the_process_lives)
{
    static const struct {
        unsigned what;
        int cause;
    } kinds[] = {{FAIL_WRITE | FAIL_RESERVE, ENOSPC},
                 {FAIL_WRITE | FAIL_SYNC | FAIL_RESERVE, ENOSPC},
                 {FAIL_WRITE | FAIL_SYNC, EIO}};
    for (unsigned round = 0; round < ROUNDS * 3; round++) {
        static struct model m;
        struct fixture f;
        memset(&m, 0, sizeof(m));
        init(&f);
        rng_init(&m.rng, round + 1);
        dice = round + 1;
        for (unsigned life = 0; life < LIVES; life++) {
            fail_errno = kinds[round % 3].cause;
            fail_permille = rng_chance(&m.rng, 0.5) ? 5 : 60;
            fail_what = rng_chance(&m.rng, 0.3) ? kinds[round % 3].what : 0;
            for (unsigned tries = 0; open_store(&f) < 0; tries++) {
                cr_assert_lt(tries, 40, "%s", f.err.text);
                fail_what = tries > 20 ? 0 : fail_what;
            }
            fail_what = 0;
            check(&f, &m, life);
            fail_what = kinds[round % 3].what;
            write_some(&f, &m);
            fail_what = rng_chance(&m.rng, 0.5) ? fail_what : 0;
            store_close(f.store);
            f.store = NULL;
        }
        fail_what = 0;
        fini(&f);
    }
}

/* ---- a disk that is really full ---- */

static bool mount_small(struct fixture *f, const char *options)
{
    init(f);
    return mount("tmpfs", f->dir, "tmpfs", 0, options) == 0;
}

static void unmount(struct fixture *f)
{
    store_close(f->store);
    f->store = NULL;
    cr_assert_eq(umount2(f->dir, MNT_DETACH), 0);
    fini(f);
}

static void fill(const struct fixture *f, off_t leave)
{
    static char block[65536];
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/filler", f->dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (size_t len = sizeof(block); len >= 4096;)
        len = write(fd, block, len) == (ssize_t)len ? len : len / 2;
    cr_assert_eq(ftruncate(fd, lseek(fd, 0, SEEK_END) - leave), 0);
    close(fd);
}

/* A process that ends without a word leaves a log to be read again. */
static void leave_a_log(struct fixture *f, int n)
{
    pid_t pid = fork();
    if (pid == 0) {
        static char value[20000];
        bool is_written = open_store(f) == 0;
        for (int i = 0; i < n && is_written; i++) {
            char key[16];
            (void)snprintf(key, sizeof(key), "k%d", i);
            is_written = put(f, STORE_TABLE, key, value, sizeof(value)) == 0;
        }
        _exit(is_written ? 0 : 1);
    }
    int status = -1;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
}

static uint64_t written(const struct fixture *f)
{
    char command[256], text[32] = "";
    (void)snprintf(
        command, sizeof(command),
        "cd %s && find . -type f ! -name filler -printf '%%p %%s %%T@\\n' | sort "
        "| cksum",
        f->dir);
    FILE *pipe = popen(command, "r");
    cr_assert(pipe && fgets(text, sizeof(text), pipe));
    (void)pclose(pipe);
    return strtoull(text, NULL, 10);
}

Test(store_faults, a_full_disk_can_be_read_and_is_written_again_when_there_is_room)
{
    static const off_t left[] = {0, 4096, 65536, 1 << 20};
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
        struct fixture f;
        if (!mount_small(&f, "size=24m")) {
            fini(&f);
            cr_skip_test("cannot mount a tmpfs");
        }
        leave_a_log(&f, 60);
        fill(&f, left[i]);
        cr_assert_gt(store_rocks_wants(f.path), (uint64_t)left[i], "its log is counted");
        uint64_t was = written(&f);
        cr_assert_eq(store_rocks_open_to_read(f.path, &f.store, &f.err), 0, "%s",
                     f.err.text);
        cr_assert(holds(&f, STORE_TABLE, "k0") && holds(&f, STORE_TABLE, "k59"));
        cr_assert_eq(put(&f, STORE_TABLE, "new", "1", 1), ERR_STORE);
        store_close(f.store);
        cr_assert_eq(written(&f), was, "reading wrote something");
        /* Whoever tries all the same gets an error, or an open store; never the end. */
        int status = open_store(&f);
        cr_assert(status == 0 || status == -ENOSPC, "%d: %s", status, f.err.text);
        store_close(f.store);
        char path[96];
        (void)snprintf(path, sizeof(path), "%s/filler", f.dir);
        cr_assert_eq(unlink(path), 0);
        cr_assert_eq(open_store(&f), 0, "%s", f.err.text);
        cr_assert(holds(&f, STORE_TABLE, "k0") && holds(&f, STORE_TABLE, "k59"));
        cr_assert_eq(put(&f, STORE_TABLE, "new", "1", 1), 0, "%s", f.err.text);
        unmount(&f);
    }
}

Test(store_faults, a_disk_without_inodes_refuses_before_a_file_is_missed)
{
    struct fixture f;
    if (!mount_small(&f, "size=24m,nr_inodes=40")) {
        fini(&f);
        cr_skip_test("cannot mount a tmpfs");
    }
    cr_assert_eq(open_store(&f), 0, "%s", f.err.text);
    cr_assert_eq(put(&f, STORE_TABLE, "before", "1", 1), 0);
    char path[96];
    int fd, n = 0;
    do {
        (void)snprintf(path, sizeof(path), "%s/file%d", f.dir, n++);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        (void)close(fd);
    } while (fd >= 0);
    cr_assert_eq(put(&f, STORE_TABLE, "refused", "1", 1), -ENOSPC);
    cr_assert(strstr(f.err.text, "no more files"), "%s", f.err.text);
    cr_assert_eq(trouble(&f, false), STORE_NO_SPACE);
    store_close(f.store);
    cr_assert_lt(open_store(&f), 0);
    cr_assert_eq(store_rocks_open_to_read(f.path, &f.store, &f.err), 0, "%s", f.err.text);
    cr_assert(holds(&f, STORE_TABLE, "before"));
    store_close(f.store);
    for (int i = 0; i < n; i++) {
        (void)snprintf(path, sizeof(path), "%s/file%d", f.dir, i);
        (void)unlink(path);
    }
    cr_assert_eq(open_store(&f), 0, "%s", f.err.text);
    cr_assert_eq(put(&f, STORE_TABLE, "after", "1", 1), 0);
    unmount(&f);
}

Test(store_faults, a_store_whose_making_was_cut_short_is_no_damage)
{
    struct fixture f;
    if (!mount_small(&f, "size=1m")) {
        fini(&f);
        cr_skip_test("cannot mount a tmpfs");
    }
    cr_assert_eq(store_rocks_open_to_read(f.path, &f.store, &f.err), ERR_NOT_FOUND);
    for (off_t left = 0; left <= 64 << 10; left += 4096) {
        char path[96];
        fill(&f, left);
        int status = open_store(&f); /* no damage: open_store looks */
        cr_assert(status == 0 || status == -ENOSPC, "%d: %s", status, f.err.text);
        if (status < 0 && store_rocks_open_to_read(f.path, &f.store, &f.err) < 0)
            f.store = NULL;
        store_close(f.store);
        (void)snprintf(path, sizeof(path), "%s/filler", f.dir);
        cr_assert_eq(unlink(path), 0);
    }
    cr_assert_eq(open_store(&f), 0, "%s", f.err.text);
    unmount(&f);
}
