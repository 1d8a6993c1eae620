/* Constraints against one node. */
#include "sched/constraint.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct pair attributes[] = {
    {"disk", "ssd"}, {"os.arch", "amd64"}, {"rack", "a)b"}};
static const struct node_doc node = {
    .name = "n1", .attributes = attributes, .n_attributes = 3};

Test(constraint, holds_exactly_when_the_whole_value_matches)
{
    static const struct {
        struct constraint c;
        bool holds;
    } rows[] = {
        {{"os.arch", "amd64", CONSTRAINT_EQ}, true},
        {{"os.arch", "amd6", CONSTRAINT_EQ}, false},
        {{"hostname", "n1", CONSTRAINT_EQ}, true},
        {{"node", "n1", CONSTRAINT_EQ}, true},
        {{"node", "n2", CONSTRAINT_EQ}, false},
        {{"gpu", "1", CONSTRAINT_EQ}, false},
        {{"disk", "ssd|nvme", CONSTRAINT_LIKE}, true},
        {{"disk", "s|ss", CONSTRAINT_LIKE}, false},
        {{"disk", "s", CONSTRAINT_LIKE}, false},
        {{"disk", "s.*", CONSTRAINT_LIKE}, true},
        {{"disk", "^s{2}d$", CONSTRAINT_LIKE}, true},
        {{"disk", "sd", CONSTRAINT_LIKE}, false},
        {{"disk", "ssd)|(x", CONSTRAINT_LIKE}, false},
        {{"rack", "a\\)b", CONSTRAINT_LIKE}, true},
        {{"gpu", ".*", CONSTRAINT_LIKE}, false},
        {{"disk", "(", CONSTRAINT_LIKE}, false},
        {{"gpu", NULL, CONSTRAINT_UNIQUE}, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(constraint_holds(&rows[i].c, &node), rows[i].holds, "%s %s",
                     rows[i].c.attr, rows[i].c.value ? rows[i].c.value : "unique");
}

Test(constraint, attributes_are_found_by_name)
{
    cr_expect_str_eq(attribute_of(&node, "hostname"), "n1");
    cr_expect_str_eq(attribute_of(&node, "disk"), "ssd");
    cr_expect_null(attribute_of(&node, "dis"));
}

Test(constraint, says_what_is_wrong_with_a_value)
{
    static const struct {
        struct constraint c;
        const char *text; /* NULL = nothing */
    } rows[] = {
        {{"os.arch", "amd64", CONSTRAINT_EQ}, NULL},
        {{"os.arch", NULL, CONSTRAINT_EQ}, "wants a value"},
        {{"os arch", "x", CONSTRAINT_EQ}, "attribute's name"},
        {{"", "x", CONSTRAINT_EQ}, "attribute's name"},
        {{"hostname", NULL, CONSTRAINT_UNIQUE}, NULL},
        {{"hostname", "x", CONSTRAINT_UNIQUE}, "takes no value"},
        {{"disk", "(a", CONSTRAINT_LIKE}, "is no pattern: a ( has no )"},
        {{"disk", "(a)\\1", CONSTRAINT_LIKE}, "refer back"},
        {{"disk", "\\\\1", CONSTRAINT_LIKE}, NULL},
        {{"disk", "((a{1,200}){1,200}){1,200}", CONSTRAINT_LIKE}, "repetition"},
        {{"disk", "a{99999}", CONSTRAINT_LIKE}, "repetition"},
        {{"disk", "a{2,3}", CONSTRAINT_LIKE}, NULL},
        {{"disk", "[a-z]+[0-9]+([.-][a-z]+)+", CONSTRAINT_LIKE}, NULL},
        {{"disk", "[])]+(x)*[^]]{1,20}", CONSTRAINT_LIKE}, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = {0};
        int error = constraint_check(&rows[i].c, &err);
        cr_expect_eq(error < 0, rows[i].text != NULL, "row %zu: %d %s", i, error,
                     err.text);
        cr_expect(!rows[i].text || strstr(err.text, rows[i].text), "row %zu: %s", i,
                  err.text);
    }
}

Test(constraint, a_pattern_has_a_limited_length)
{
    char pattern[PATTERN_LEN_MAX + 2];
    memset(pattern, 'a', sizeof(pattern));
    pattern[sizeof(pattern) - 1] = '\0';
    struct constraint c = {"disk", pattern, CONSTRAINT_LIKE};
    cr_expect_eq(constraint_check(&c, NULL), ERR_BOUND);
    cr_expect_not(constraint_holds(&c, &node));
    pattern[PATTERN_LEN_MAX] = '\0';
    cr_expect_eq(constraint_check(&c, NULL), 0);
}
