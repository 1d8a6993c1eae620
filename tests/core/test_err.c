/* Errors: every code has a name and a phrase, context goes in front, nothing overflows.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <criterion/criterion.h>

#include "core/err.h"

Test(err, every_code_has_a_name_and_a_phrase)
{
    for (int code = ERR_STOPPED; code <= ERR_MALFORMED; code++) {
        cr_assert_str_neq(err_name(code), "UNKNOWN", "%d", code);
        cr_assert_str_neq(err_text(code), "unknown error", "%d", code);
    }
    cr_assert_str_eq(err_name(-ENOENT), "ENOENT");
    cr_assert_str_eq(err_text(-ENOENT), "No such file or directory");
    cr_assert_str_eq(err_name(0), "OK");
    cr_assert_str_eq(err_name(INT_MIN), "UNKNOWN");
    cr_assert_str_eq(err_text(INT_MIN), "unknown error");
    cr_assert_str_eq(err_name(-4095), "EOF");
}

Test(err, context_is_put_in_front)
{
    struct err err;
    cr_assert_eq(err_set(&err, ERR_BOUND, "must be at most %d", 65536), ERR_BOUND);
    cr_assert_eq(err_wrap(&err, "memory"), ERR_BOUND);
    cr_assert_eq(err_wrap(&err, "job '%s'", "web"), ERR_BOUND);
    cr_assert_str_eq(err.text, "job 'web': memory: must be at most 65536");
    cr_assert_eq(err_set(NULL, ERR_BOUND, "x"), ERR_BOUND);
    cr_assert_eq(err_wrap(NULL, "x"), -EINVAL);
}

Test(err, texts_that_are_too_long_are_cut)
{
    struct err err;
    char longest[600];
    for (int pad = 500; pad < 520; pad++) {
        memset(longest, 'x', sizeof(longest));
        longest[pad] = '\0';
        (void)err_set(&err, ERR_BOUND, "inner");
        (void)err_wrap(&err, "%s", longest);
        cr_assert_leq(strlen(err.text), sizeof(err.text) - 1, "%d", pad);
        cr_assert_eq(err.text[0], 'x');
    }
    (void)err_set(&err, ERR_BOUND, "%s", longest);
    (void)err_wrap(&err, "outer");
    cr_assert_eq(strlen(err.text), sizeof(err.text) - 1);
    cr_assert_eq(strncmp(err.text, "outer: xxx", 10), 0);
}
