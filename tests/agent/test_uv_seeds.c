/* --join as text: addresses at once, names through the loop. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "agent/uv_seeds.h"

struct answer {
    unsigned n_done;
    struct endpoint seeds[8];
    size_t n;
};

static void on_done(void *ctx, const struct endpoint *seeds, size_t n)
{
    struct answer *a = ctx;
    a->n_done++;
    a->n = n;
    memcpy(a->seeds, seeds, (n < 8 ? n : 8) * sizeof(*seeds));
}

static int resolve(const char *const *texts, size_t n, struct answer *a, struct err *err)
{
    uv_loop_t loop;
    memset(a, 0, sizeof(*a));
    cr_assert_eq(uv_loop_init(&loop), 0);
    int status = seeds_resolve(&loop, texts, n, 7780, on_done, a, err);
    uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&loop), 0);
    return status;
}

Test(uv_seeds, addresses_are_taken_as_they_are)
{
    static const char *const texts[] = {"127.0.0.1", "127.0.0.2:99", "[::1]:5"};
    struct answer a;
    struct err err = {0};
    cr_assert_eq(resolve(texts, 3, &a, &err), 0);
    cr_assert_eq(a.n_done, 1);
    cr_assert_eq(a.n, 3);
    cr_expect_eq(a.seeds[0].port, 7780);
    cr_expect_eq(a.seeds[1].port, 99);
    cr_expect_eq(a.seeds[2].family, 6);
}

Test(uv_seeds, no_seeds_are_an_answer_too)
{
    struct answer a;
    struct err err = {0};
    cr_assert_eq(resolve(NULL, 0, &a, &err), 0);
    cr_expect(a.n_done == 1 && a.n == 0);
}

static bool is_localhost_listed(void)
{
    char line[256];
    bool is_listed = false;
    FILE *hosts = fopen("/etc/hosts", "re");
    while (hosts && !is_listed && fgets(line, sizeof(line), hosts))
        is_listed = strncmp(line, "127.0.0.1", 9) == 0 && strstr(line, "localhost");
    if (hosts)
        fclose(hosts);
    return is_listed;
}

Test(uv_seeds, a_name_is_looked_up_in_the_hosts_file)
{
    static const char *const texts[] = {"localhost:99", "127.0.0.2"};
    struct answer a;
    struct err err = {0};
    bool is_found = false;
    if (!is_localhost_listed())
        cr_skip_test("a bare image without /etc/hosts");
    cr_assert_eq(resolve(texts, 2, &a, &err), 0);
    cr_assert_eq(a.n_done, 1);
    cr_assert_geq(a.n, 2);
    for (size_t i = 0; i < a.n; i++)
        is_found |= a.seeds[i].family == 4 && a.seeds[i].address[0] == 127 &&
                    a.seeds[i].address[3] == 1 && a.seeds[i].port == 99;
    cr_expect(is_found);
}

Test(uv_seeds, what_is_neither_address_nor_name_is_refused)
{
    static const char *const bad[] = {"",           "two words", "host:0",
                                      "host:65536", "a/b",       ":x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct answer a;
        struct err err = {0};
        cr_expect_eq(resolve(&bad[i], 1, &a, &err), ERR_INVALID, "'%s'", bad[i]);
        cr_expect_eq(a.n_done, 0);
        cr_expect(strstr(err.text, "--join"), "%s", err.text);
    }
}
