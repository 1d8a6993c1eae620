/* Constraints against one node's attributes.  The regex is POSIX extended (IEEE
 * 1003.1, 9.4), in the C locale, and must match the whole value.
 *
 * Patterns come from users and are tried on every node, so what makes glibc's matcher
 * explode is refused up front: back-references (exponential time) and large repetitions
 * (each is a copy). */
#include "sched/constraint.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATS_MAX = 1000 };

static bool is_attr_name(const char *attr)
{
    size_t len = strlen(attr);
    return len > 0 && len <= KEY_TEXT_MAX &&
           strspn(attr,
                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-") ==
               len;
}

/* The product of all {m,n} bounds, which is what nesting them costs at worst. */
static unsigned long repeats_of(const char *pattern)
{
    unsigned long product = 1;
    for (const char *at = strchr(pattern, '{'); at; at = strchr(at + 1, '{')) {
        unsigned long low = strtoul(at + 1, NULL, 10), high = low;
        size_t digits = strspn(at + 1, "0123456789");
        if (at[1 + digits] == ',')
            high = strtoul(at + 2 + digits, NULL, 10);
        if (high < low)
            high = low;
        if (high > REPEATS_MAX)
            return high;
        product *= high ? high : 1;
        if (product > REPEATS_MAX)
            return product;
    }
    return product;
}

static bool has_back_reference(const char *pattern)
{
    for (const char *at = pattern; *at; at++)
        if (at[0] == '\\' && at[1]) {
            if (at[1] >= '1' && at[1] <= '9')
                return true;
            at++;
        }
    return false;
}

/* Cheap enough to be asked before every use. */
static int check_cost(const char *pattern, struct err *err)
{
    if (strlen(pattern) > PATTERN_LEN_MAX)
        return err_set(err, ERR_BOUND, "a pattern may have at most %d bytes",
                       PATTERN_LEN_MAX);
    if (has_back_reference(pattern))
        return err_set(err, ERR_INVALID, "a pattern may not refer back (\\1)");
    if (repeats_of(pattern) > REPEATS_MAX)
        return err_set(err, ERR_BOUND,
                       "a pattern's repetitions {m,n} may multiply to at most %d",
                       REPEATS_MAX);
    return 0;
}

static int check_pattern(const char *pattern, struct err *err)
{
    int error = check_cost(pattern, err);
    if (error < 0)
        return error;
    regex_t regex;
    error = regcomp(&regex, pattern, REG_EXTENDED);
    if (error) {
        char why[128];
        regerror(error, &regex, why, sizeof(why));
        return err_set(err, ERR_INVALID, "'%.64s' is no extended regular expression: %s",
                       pattern, why);
    }
    regfree(&regex);
    return 0;
}

int constraint_check(const struct constraint *c, struct err *err)
{
    if (!c->attr || !is_attr_name(c->attr))
        return err_set(
            err, ERR_INVALID,
            "an attribute's name has letters, digits and . _ / - only, such as os.arch");
    if (c->op == CONSTRAINT_UNIQUE)
        return c->value ? err_set(err, ERR_INVALID, "unique takes no value") : 0;
    if (!c->value)
        return err_set(err, ERR_INVALID, "wants a value to compare %s with", c->attr);
    return c->op == CONSTRAINT_LIKE ? check_pattern(c->value, err) : 0;
}

const char *attribute_of(const struct node_doc *node, const char *attr)
{
    if (strcmp(attr, "hostname") == 0 || strcmp(attr, "node") == 0)
        return node->name;
    for (size_t i = 0; i < node->n_attributes; i++)
        if (strcmp(node->attributes[i].key, attr) == 0)
            return node->attributes[i].value;
    return NULL;
}

/* The leftmost longest match (POSIX) is the whole value exactly when some match is;
 * anchoring this way cannot be undone by a stray parenthesis in the pattern. */
static bool matches_whole(const char *pattern, const char *value)
{
    if (check_cost(pattern, NULL) < 0)
        return false;
    regex_t regex;
    if (regcomp(&regex, pattern, REG_EXTENDED) != 0)
        return false;
    regmatch_t match;
    bool is_match = regexec(&regex, value, 1, &match, 0) == 0 && match.rm_so == 0 &&
                    (size_t)match.rm_eo == strlen(value);
    regfree(&regex);
    return is_match;
}

bool constraint_holds(const struct constraint *c, const struct node_doc *node)
{
    if (c->op == CONSTRAINT_UNIQUE)
        return true;
    const char *value = attribute_of(node, c->attr);
    if (!value || !c->value)
        return false;
    return c->op == CONSTRAINT_EQ ? strcmp(value, c->value) == 0
                                  : matches_whole(c->value, value);
}
