/* Keys of the table: one spelling per thing, and nothing else parses. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/err.h"
#include "proto/key.h"

static const struct node_id node = {
    {0xab, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff}};
#define NODE "ab0102030405060708090a0b0c0d0eff"
#define HASH "1700000000000000000000000000000000000000000000000000000000000000"

Test(key, has_one_spelling)
{
    struct spec_hash hash = {{0x17}};
    const struct {
        struct key key;
        const char *text;
    } rows[] = {
        {key_job("default", "web"), "job/default/web"},
        {key_spec("default", "web", hash), "spec/default/web/" HASH},
        {key_text("default", "web", hash), "text/default/web/" HASH},
        {key_version("default", "web", 4294967295, hash),
         "version/default/web/4294967295/" HASH},
        {key_control("a", "b"), "control/a/b"},
        {key_intent(node), "intent/" NODE},
        {key_var("shop", "db/Pass_word.v-1"), "var/shop/db/Pass_word.v-1"},
        {key_node(node), "node/" NODE},
        {key_secret(), "secret/next"},
        {key_claim(node, "default", "web", 0), "claim/" NODE "/default/web/0"},
        {key_claim(node, "default", "web", 99999), "claim/" NODE "/default/web/99999"},
        {key_refuse(node, "default", "web", 10), "refuse/" NODE "/default/web/10"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        cr_expect_str_eq(rows[i].key.text, rows[i].text);
        cr_expect_eq(rows[i].key.len, strlen(rows[i].text));
    }
}

Test(key, is_taken_apart_again)
{
    struct key_parts parts;
    struct key claim = key_claim(node, "prod", "web", 4217);
    cr_assert_eq(key_parse(key_bytes(&claim), &parts), 0);
    cr_expect_eq(parts.kind, KEY_CLAIM);
    cr_expect(node_id_equal(parts.node, node));
    cr_expect(bytes_equal(parts.ns, bytes_of_text("prod")));
    cr_expect(bytes_equal(parts.name, bytes_of_text("web")));
    cr_expect_eq(parts.index, 4217);

    cr_assert_eq(key_parse(bytes_of_text("spec/a/b/" HASH), &parts), 0);
    cr_expect_eq(parts.kind, KEY_SPEC);
    cr_expect_eq(parts.spec.at[0], 0x17);

    cr_assert_eq(key_parse(bytes_of_text("text/a/b/" HASH), &parts), 0);
    cr_expect_eq(parts.kind, KEY_TEXT);
    cr_expect_eq(parts.spec.at[0], 0x17);

    cr_assert_eq(key_parse(bytes_of_text("version/a/b/12/" HASH), &parts), 0);
    cr_expect_eq(parts.kind, KEY_VERSION);
    cr_expect_eq(parts.version, 12);
    cr_expect_eq(parts.spec.at[0], 0x17);

    cr_assert_eq(key_parse(bytes_of_text("var/shop/a/b"), &parts), 0);
    cr_expect(bytes_equal(parts.ns, bytes_of_text("shop")));
    cr_expect(bytes_equal(parts.name, bytes_of_text("a/b")));

    cr_assert_eq(key_parse(bytes_of_text("secret/next"), &parts), 0);
    cr_expect_eq(parts.kind, KEY_SECRET);
    cr_expect_eq(key_parse(bytes_of_text("secret/next/x"), &parts), ERR_MALFORMED);

    cr_assert_eq(key_parse(bytes_of_text("done/whatever this is"), &parts), 0);
    cr_expect_eq(parts.kind, KEY_OTHER);
}

Test(key, with_a_bad_part_does_not_parse)
{
    const char *const rows[] = {
        "",
        "job/",
        "job/default",
        "job/default/",
        "job/default/web/",
        "job//web",
        "job/Default/web",
        "job/default/web/x",
        "node/",
        "node/" NODE "/",
        "node/AB0102030405060708090a0b0c0d0eff",
        "node/ab01",
        "intent/zz0102030405060708090a0b0c0d0eff",
        "claim/" NODE "/default/web",
        "claim/" NODE "/default/web/",
        "claim/" NODE "/default/web/-1",
        "claim/" NODE "/default/web/01",
        "claim/" NODE "/default/web/100000",
        "claim/" NODE "/default/web/1000000000000",
        "claim/" NODE "/default/web/1x",
        "refuse/" NODE "/default//1",
        "spec/default/web/17",
        "version/default/web",
        "version/default/web/1",
        "version/default/web/0/" HASH,
        "version/default/web/01/" HASH,
        "version/default/web/4294967296/" HASH,
        "version/default/web/99999999999/" HASH,
        "version/default/web/1/17",
        "var/",
        "var/default",
        "var/default/",
        "var//a",
        "var/No/a",
        "var/default/with space",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct key_parts parts;
        cr_expect_eq(key_parse(bytes_of_text(rows[i]), &parts), ERR_MALFORMED, "%s",
                     rows[i]);
    }
}

Test(key, of_what_is_no_name_is_empty)
{
    char long_name[KEY_LEN_MAX + 1];
    memset(long_name, 'a', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    cr_expect_eq(key_job("default", "No Name").len, 0);
    cr_expect_eq(key_job("", "web").len, 0);
    cr_expect_eq(key_claim(node, "default", "web", 100000).len, 0);
    cr_expect_eq(key_version("default", "web", 0, (struct spec_hash){{1}}).len, 0);
    cr_expect_eq(key_var("default", "").len, 0);
    cr_expect_eq(key_var("No", "a").len, 0);
    cr_expect_eq(key_var("default", long_name).len, 0);

    /* The longest name fits into the longest namespace, and not a byte more into the shortest. */
    const char *ns = long_name + sizeof(long_name) - 1 - NAME_LEN_MAX,
               *name = long_name + sizeof(long_name) - 1 - VAR_NAME_LEN_MAX;
    cr_expect_eq(key_var(ns, name).len, KEY_LEN_MAX - 1);
    cr_expect_eq(key_var("a", name - 1).len, 0);

    struct key_parts parts;
    cr_expect_eq(key_parse(bytes_of_text(long_name), &parts), ERR_MALFORMED);
}
