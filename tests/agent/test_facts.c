/* Attributes of a node, and what is made of the operator's words. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "agent/facts.h"

static const struct facts facts = {
    .hostname = "box", .kernel = "6.1.0", .arch = "amd64", .os = "linux", .landlock = 4};

static void check(const char *const *attrs, size_t n_attrs, const char *want)
{
    struct arena arena;
    const struct pair *pairs;
    size_t n;
    struct err err = {0};
    char got[512] = "";
    arena_init(&arena, 0);
    cr_assert_eq(facts_attributes(&facts, "n1", attrs, n_attrs, &arena, &pairs, &n, &err),
                 0, "%s", err.text);
    for (size_t i = 0; i < n; i++) {
        size_t at = strlen(got);
        (void)snprintf(got + at, sizeof(got) - at, "%s=%s;", pairs[i].key,
                       pairs[i].value);
    }
    cr_assert_str_eq(got, want);
    arena_fini(&arena);
}

Test(facts, what_tasks_can_be_kept_to_is_an_attribute)
{
    struct facts box = facts;
    struct arena arena;
    const struct pair *pairs;
    size_t n;
    struct err err = {0};
    box.cgroup = "container";
    box.swap = "not-limited";
    arena_init(&arena, 0);
    cr_assert_eq(facts_attributes(&box, "n1", NULL, 0, &arena, &pairs, &n, &err), 0);
    cr_assert_eq(n, 7);
    cr_assert_str_eq(pairs[0].key, "cgroup");
    cr_assert_str_eq(pairs[0].value, "container");
    cr_assert_str_eq(pairs[6].key, "swap");
    cr_assert_str_eq(pairs[6].value, "not-limited");
    arena_fini(&arena);
}

Test(facts, attributes_are_sorted_and_begin_with_what_the_host_is)
{
    check(NULL, 0, "hostname=n1;landlock=4;os.arch=amd64;os.kernel=6.1.0;os.name=linux;");
    check((const char *const[]){"rack=r1", "disk=ssd", "empty="}, 3,
          "disk=ssd;empty=;hostname=n1;landlock=4;os.arch=amd64;os.kernel=6.1.0;"
          "os.name=linux;rack=r1;");
}

Test(facts, the_later_word_wins_also_over_the_hosts_own)
{
    check(
        (const char *const[]){"rack=r1", "rack=r2=x", "os.arch=arm64"}, 3,
        "hostname=n1;landlock=4;os.arch=arm64;os.kernel=6.1.0;os.name=linux;rack=r2=x;");
}

Test(facts, an_attribute_without_a_name_or_a_value_is_refused_by_its_text)
{
    static const char *const bad[] = {"rack", "=r1", "", "="};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct arena arena;
        const struct pair *pairs = NULL;
        size_t n;
        struct err err = {0};
        arena_init(&arena, 0);
        cr_assert_eq(facts_attributes(&facts, "n1", &bad[i], 1, &arena, &pairs, &n, &err),
                     ERR_INVALID, "'%s'", bad[i]);
        cr_assert_null(pairs);
        cr_assert_not_null(strstr(err.text, bad[i]));
        arena_fini(&arena);
    }
}

Test(facts, this_host_has_a_label_for_a_name_and_something_to_give)
{
    struct arena arena;
    struct facts own;
    struct err err = {0};
    arena_init(&arena, 0);
    cr_assert_eq(facts_read(&arena, &own, &err), 0);
    cr_assert(name_is_valid(bytes_of_text(own.hostname)), "%s", own.hostname);
    cr_assert_geq(own.cpu_milli, 1000);
    cr_assert_gt(own.memory_bytes, 1u << 20);
    arena_fini(&arena);
}
