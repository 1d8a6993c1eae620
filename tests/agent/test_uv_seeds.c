/* --join as text: addresses at once, names through the loop, again while the node is alone. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "agent/uv_seeds.h"

struct fixture {
    uv_loop_t loop;
    uv_timer_t bound; /* ends the test whatever happens */
    struct uv_seeds *seeds;
    unsigned n_found, n_asked;
    unsigned ends_after; /* answers */
    bool is_met;
    struct endpoint list[8];
    size_t n, n_unknown;
};

static void end(struct fixture *f)
{
    uv_seeds_close(f->seeds);
    f->seeds = NULL;
    uv_close((uv_handle_t *)&f->bound, NULL);
}

static void on_bound(uv_timer_t *timer)
{
    end(timer->data);
}

static void on_found(void *ctx, const struct endpoint *seeds, size_t n, size_t n_unknown)
{
    struct fixture *f = ctx;
    f->n_found++;
    f->n = n;
    f->n_unknown = n_unknown;
    memcpy(f->list, seeds, (n < 8 ? n : 8) * sizeof(*seeds));
    if (f->n_found == f->ends_after)
        (void)uv_timer_start(&f->bound, on_bound, 0, 0);
}

static bool is_alone(void *ctx)
{
    struct fixture *f = ctx;
    f->n_asked++;
    return !f->is_met;
}

static int resolve(struct fixture *f, const char *const *texts, size_t n,
                   uint64_t bound_ms, struct err *err)
{
    const struct uv_seeds_events events = {
        .found = on_found, .is_alone = is_alone, .ctx = f};
    cr_assert_eq(uv_loop_init(&f->loop), 0);
    (void)uv_timer_init(&f->loop, &f->bound);
    f->bound.data = f;
    (void)uv_timer_start(&f->bound, on_bound, bound_ms, 0);
    int status = uv_seeds_open(&f->loop, texts, n, 7780, &events, &f->seeds, err);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&f->loop), 0);
    return status;
}

static bool has(const struct fixture *f, const char *text)
{
    struct endpoint e;
    cr_assert_eq(endpoint_parse(text, 0, &e), 0);
    for (size_t i = 0; i < f->n; i++)
        if (endpoint_equal(&e, &f->list[i]))
            return true;
    return false;
}

/* A mount namespace of our own, where `path` is ours to write. */
static void take_file(const char *path, const char *text)
{
    char own[] = "/tmp/seeds-test.XXXXXX";
    int fd = mkstemp(own);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    bool is_bound = mount(own, path, NULL, MS_BIND, NULL) == 0;
    (void)unlink(own);
    if (!is_bound)
        cr_skip_test("no mounts here");
}

/* No name server answers there, and /etc/hosts is the test's own. */
static void take_resolver(const char *hosts)
{
    if (access("/etc/hosts", F_OK) != 0 || access("/etc/resolv.conf", F_OK) != 0)
        cr_skip_test("a bare image without /etc/hosts");
    if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        cr_skip_test("no namespaces here");
    take_file("/etc/hosts", hosts);
    take_file("/etc/resolv.conf", "nameserver 127.0.0.1\n");
}

Test(uv_seeds, addresses_are_taken_as_they_are)
{
    static const char *const texts[] = {"127.0.0.1", "127.0.0.2:99", "[::1]:5"};
    struct fixture f = {.ends_after = 1};
    struct err err = {0};
    cr_assert_eq(resolve(&f, texts, 3, 5000, &err), 0);
    cr_assert_eq(f.n_found, 1);
    cr_assert_eq(f.n, 3);
    cr_expect(has(&f, "127.0.0.1:7780") && has(&f, "127.0.0.2:99") && has(&f, "[::1]:5"));
}

Test(uv_seeds, no_seeds_are_an_answer_too)
{
    struct fixture f = {.ends_after = 1};
    struct err err = {0};
    cr_assert_eq(resolve(&f, NULL, 0, 5000, &err), 0);
    cr_expect(f.n_found == 1 && f.n == 0 && f.n_unknown == 0);
}

Test(uv_seeds, localhost_is_this_host_without_asking_anybody)
{
    static const char *const texts[] = {"localhost:99", "LocalHost.", "n1.localhost:5"};
    struct fixture f = {.ends_after = 1};
    struct err err = {0};
    if (unshare(CLONE_NEWNET) < 0)
        cr_skip_test("no namespaces here");
    cr_assert_eq(resolve(&f, texts, 3, 5000, &err), 0);
    cr_assert_eq(f.n, 6);
    cr_expect(has(&f, "127.0.0.1:99") && has(&f, "[::1]:99"));
    cr_expect(has(&f, "127.0.0.1:7780") && has(&f, "127.0.0.1:5"));
}

Test(uv_seeds, a_name_is_looked_up_in_the_hosts_file)
{
    static const char *const texts[] = {"seed-one:99", "127.0.0.2"};
    struct fixture f = {.ends_after = 2};
    struct err err = {0};
    take_resolver("127.0.0.9 seed-one\n");
    cr_assert_eq(resolve(&f, texts, 2, 5000, &err), 0);
    cr_assert_eq(f.n_found, 2, "the address is told without waiting for the name");
    cr_assert_eq(f.n_unknown, 0);
    cr_expect(f.n == 2 && has(&f, "127.0.0.9:99") && has(&f, "127.0.0.2:7780"));
}

static void on_named(uv_timer_t *timer)
{
    FILE *hosts = fopen("/etc/hosts", "w");
    cr_assert_not_null(hosts);
    fputs("127.0.0.9 seed-one\n", hosts);
    (void)fclose(hosts);
    uv_close((uv_handle_t *)timer, NULL);
}

Test(uv_seeds, a_name_without_an_address_is_asked_for_until_it_has_one)
{
    static const char *const texts[] = {"seed-one"};
    const struct uv_seeds_events events = {.found = on_found, .is_alone = is_alone};
    struct fixture f = {.ends_after = 2};
    struct uv_seeds_events own = events;
    struct err err = {0};
    uv_timer_t naming;
    take_resolver("127.0.0.1 localhost\n");
    own.ctx = &f;
    cr_assert_eq(uv_loop_init(&f.loop), 0);
    (void)uv_timer_init(&f.loop, &f.bound);
    (void)uv_timer_init(&f.loop, &naming);
    f.bound.data = &f;
    (void)uv_timer_start(&f.bound, on_bound, 30000, 0);
    (void)uv_timer_start(&naming, on_named, 1500, 0);
    cr_assert_eq(uv_seeds_open(&f.loop, texts, 1, 7780, &own, &f.seeds, &err), 0);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&f.loop), 0);
    cr_assert_eq(f.n_found, 2, "%u", f.n_found);
    cr_expect(f.n == 1 && f.n_unknown == 0 && has(&f, "127.0.0.9:7780"));
    cr_expect_geq(f.n_asked, 1);
}

Test(uv_seeds, who_has_met_somebody_asks_no_more)
{
    static const char *const texts[] = {"seed-one"};
    struct fixture f = {.is_met = true};
    struct err err = {0};
    take_resolver("127.0.0.1 localhost\n");
    cr_assert_eq(resolve(&f, texts, 1, 4000, &err), 0);
    cr_expect(f.n_found == 1 && f.n_unknown == 1 && f.n == 0);
    cr_expect_eq(f.n_asked, 1);
}

Test(uv_seeds, can_be_closed_in_the_middle_of_a_look_up)
{
    static const char *const texts[] = {"seed-one", "seed-two"};
    struct fixture f = {0};
    struct err err = {0};
    take_resolver("127.0.0.1 localhost\n");
    cr_assert_eq(resolve(&f, texts, 2, 0, &err), 0);
    cr_expect_eq(f.n_found, 0);
}

Test(uv_seeds, what_is_neither_address_nor_name_is_refused)
{
    static const char *const bad[] = {"",           "two words", "host:0",
                                      "host:65536", "a/b",       ":x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct fixture f = {0};
        struct err err = {0};
        cr_expect_eq(resolve(&f, &bad[i], 1, 0, &err), ERR_INVALID, "'%s'", bad[i]);
        cr_expect_eq(f.n_found, 0);
        cr_expect(strstr(err.text, "--join"), "%s", err.text);
    }
}
