/* What a query parameter may say. */
#include "agent/params.h"

#include <criterion/criterion.h>
#include <stddef.h>

#include "agent/node.h"
#include "core/err.h"

Test(params, ack_is_a_number_of_members_or_a_word)
{
    static const struct {
        const char *text;
        int status, ack;
    } rows[] = {
        {NULL, 0, ACK_DEFAULT},        {"all", 0, ACK_ALL},
        {"majority", 0, ACK_MAJORITY}, {"1", 0, 1},
        {"10000", 0, 10000},           {"0", ERR_INVALID, 7},
        {"-1", ERR_INVALID, 7},        {"-3", ERR_INVALID, 7},
        {"10001", ERR_INVALID, 7},     {"4294967298", ERR_INVALID, 7},
        {"most", ERR_INVALID, 7},      {"", ERR_INVALID, 7},
        {"2x", ERR_INVALID, 7},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int ack = 7;
        cr_assert_eq(param_ack(rows[i].text, &ack), rows[i].status, "row %zu", i);
        cr_assert_eq(ack, rows[i].ack, "row %zu", i);
    }
}

Test(params, a_version_that_cannot_be_read_is_not_any_version)
{
    static const struct {
        const char *text;
        int status;
        uint32_t version;
    } rows[] = {
        {NULL, 0, 0},
        {"3", 0, 3},
        {"v3", 0, 3},
        {"", ERR_INVALID, 7},
        {"v", ERR_INVALID, 7},
        {"latest", ERR_INVALID, 7},
        {"0", ERR_INVALID, 7},
        {"v0", ERR_INVALID, 7},
        {"4294967296", ERR_INVALID, 7},
        {"vv3", ERR_INVALID, 7},
        {"3.1", ERR_INVALID, 7},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t version = 7;
        cr_assert_eq(param_version(rows[i].text, &version), rows[i].status, "row %zu", i);
        cr_assert_eq(version, rows[i].version, "row %zu", i);
    }
}

Test(params, an_index_is_of_an_instance_that_can_be)
{
    uint32_t index = 7;
    cr_assert_eq(param_index("99999", &index), 0);
    cr_assert_eq(index, 99999);
    cr_assert_eq(param_index(NULL, &index), 0);
    cr_assert_eq(index, 0);
    static const char *const wrong[] = {"100000", "4294967296", "-1", "", "x", "1 "};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_assert_eq(param_index(wrong[i], &index), ERR_INVALID, "'%s'", wrong[i]);
}

Test(params, only_if_new_is_a_word_or_version_zero)
{
    static const struct {
        const char *text;
        int status;
        uint32_t version;
        bool is_new;
    } rows[] = {
        {NULL, 0, 0, false},
        {"new", 0, 0, true},
        {"0", 0, 0, true},
        {"3", 0, 3, false},
        {"v3", 0, 3, false},
        {"v0", ERR_INVALID, 7, false},
        {"news", ERR_INVALID, 7, false},
        {"", ERR_INVALID, 7, false},
        {"00", ERR_INVALID, 7, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t version = 7;
        bool is_new = false;
        cr_assert_eq(param_if_version(rows[i].text, &version, &is_new), rows[i].status,
                     "row %zu", i);
        cr_assert_eq(version, rows[i].version, "row %zu", i);
        cr_assert_eq(is_new, rows[i].is_new, "row %zu", i);
    }
}
