/* API tokens: every one that was changed, is of another secret or too old is refused. */
#include "proto/token.h"

#include <criterion/criterion.h>
#include <string.h>

static struct keyring keys_of(uint8_t fill)
{
    struct secret secret;
    memset(secret.at, fill, sizeof(secret.at));
    return keyring_of(&secret);
}

static struct token sample(void)
{
    return (struct token){.id = {1, 2, 3, 4, 5, 6, 7, 8},
                          .scope = TOKEN_READ,
                          .expires_unix_s = 1000,
                          .n_namespaces = 2,
                          .namespaces = {"shop", "default"}};
}

Test(token, what_was_made_is_read_back)
{
    struct keyring keys = keys_of(7);
    struct token in = sample(), out = {0};
    char text[TOKEN_TEXT];
    cr_assert_eq(token_make(&keys, &in, text), 0);
    cr_assert_eq(strncmp(text, "st1.", 4), 0);
    cr_assert_null(strpbrk(text, "+/= \n"), "it fits into a header and a URL: %s", text);
    cr_assert_eq(token_open(&keys, text, 999, &out), 0);
    cr_assert_eq(out.scope, TOKEN_READ);
    cr_assert_eq(out.expires_unix_s, 1000);
    cr_assert_eq(out.n_namespaces, 2);
    cr_assert_str_eq(out.namespaces[1], "default");
    cr_assert_arr_eq(out.id, in.id, sizeof(in.id));
}

Test(token, its_bytes_are_fixed)
{
    struct keyring keys = keys_of(7);
    struct token in = sample();
    char text[TOKEN_TEXT];
    cr_assert_eq(token_make(&keys, &in, text), 0);
    cr_assert_str_eq(text, "st1.UwEBAgMEBQYHCAAAAAAAAAPoAgRzaG9wB2RlZmF1bHQ"
                           ".g4p2TuJSXmfI0ckgeWtTp2GgiFGFS8UC2DsBpZI9xr0");
}

Test(token, any_other_byte_is_refused)
{
    struct keyring keys = keys_of(7);
    struct token in = sample(), out;
    char text[TOKEN_TEXT], changed[TOKEN_TEXT];
    cr_assert_eq(token_make(&keys, &in, text), 0);
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        for (const char *c = "A9_-.~ "; *c; c++) {
            memcpy(changed, text, len + 1);
            if (changed[i] == *c)
                continue;
            changed[i] = *c;
            cr_assert_lt(token_open(&keys, changed, 0, &out), 0, "%zu: %s", i, changed);
        }
        memcpy(changed, text, len + 1);
        changed[i] = '\0';
        cr_assert_lt(token_open(&keys, changed, 0, &out), 0, "cut at %zu", i);
    }
    memcpy(changed, text, len);
    memcpy(changed + len, "A", 2);
    cr_assert_lt(token_open(&keys, changed, 0, &out), 0);
}

Test(token, it_ends_with_its_time_and_with_its_secret)
{
    struct keyring keys = keys_of(7), other = keys_of(8), both = keys;
    struct token in = sample(), out;
    char text[TOKEN_TEXT];
    cr_assert_eq(token_make(&keys, &in, text), 0);
    cr_assert_eq(token_open(&keys, text, 1000, &out), ERR_EXPIRED);
    cr_assert_eq(token_open(&keys, text, UINT64_MAX, &out), ERR_EXPIRED);
    cr_assert_eq(token_open(&other, text, 0, &out), ERR_EPOCH);
    both.secrets[0] = other.secrets[0];
    both.secrets[1] = keys.secrets[0];
    both.n = 2;
    cr_assert_eq(token_open(&both, text, 0, &out), 0, "good while the secret changes");
}

Test(token, what_is_no_token_is_malformed)
{
    struct keyring keys = keys_of(7);
    struct token out;
    char longest[2 * TOKEN_TEXT];
    memset(longest, 'A', sizeof(longest));
    memcpy(longest, "st1.", 4);
    longest[sizeof(longest) - 1] = '\0';
    const char *const texts[] = {"",          "st1",  "st1.",  "st1..",  "st1.AA",
                                 "st1.AA.AA", "st2.", ".....", "Bearer", longest};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        cr_assert_eq(token_open(&keys, texts[i], 0, &out), ERR_MALFORMED, "%s", texts[i]);
}

Test(token, it_reaches_its_namespaces_only)
{
    struct token some = sample(), all = sample();
    all.n_namespaces = 0;
    cr_assert(token_reaches(&some, "shop"));
    cr_assert_not(token_reaches(&some, "sho"));
    cr_assert_not(token_reaches(&some, "other"));
    cr_assert_not(token_reaches(&some, NULL), "what belongs to no namespace");
    cr_assert(token_reaches(&all, "other"));
    cr_assert(token_reaches(&all, NULL));
}

Test(token, the_most_namespaces_fit)
{
    struct keyring keys = keys_of(7);
    struct token in = sample(), out;
    char text[TOKEN_TEXT];
    in.n_namespaces = TOKEN_NAMESPACES_MAX;
    for (size_t i = 0; i < TOKEN_NAMESPACES_MAX; i++)
        memset(in.namespaces[i], 'a', NAME_LEN_MAX);
    cr_assert_eq(token_make(&keys, &in, text), 0);
    cr_assert_eq(token_open(&keys, text, 0, &out), 0);
    cr_assert_eq(out.n_namespaces, TOKEN_NAMESPACES_MAX);
    in.n_namespaces++;
    cr_assert_eq(token_make(&keys, &in, text), ERR_BOUND);
}
