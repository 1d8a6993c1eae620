/* Constraints against one node's attributes.  What `like` means is in pattern.c; a
 * pattern must match the whole value. */
#include "sched/constraint.h"

#include <string.h>

#include "sched/pattern.h"

static bool is_attr_name(const char *attr)
{
    size_t len = strlen(attr);
    return len > 0 && len <= KEY_TEXT_MAX &&
           strspn(attr,
                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-") ==
               len;
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
    struct pattern pattern;
    int error = c->op == CONSTRAINT_LIKE ? pattern_compile(c->value, &pattern, err) : 0;
    if (error < 0)
        (void)err_wrap(err, "'%.64s' is no pattern", c->value);
    return error;
}

static bool is_name(const char *attr)
{
    return strcmp(attr, "hostname") == 0 || strcmp(attr, "node") == 0;
}

bool constraint_is_of_name(const struct constraint *c)
{
    return is_name(c->attr);
}

const char *attribute_of(const struct node_doc *node, const char *attr)
{
    if (is_name(attr))
        return node->name;
    for (size_t i = 0; i < node->n_attributes; i++)
        if (strcmp(node->attributes[i].key, attr) == 0)
            return node->attributes[i].value;
    return NULL;
}

static bool is_like(const char *text, const char *value)
{
    struct pattern pattern;
    return pattern_compile(text, &pattern, NULL) == 0 && pattern_matches(&pattern, value);
}

bool constraint_holds(const struct constraint *c, const struct node_doc *node)
{
    if (c->op == CONSTRAINT_UNIQUE)
        return true;
    const char *value = attribute_of(node, c->attr);
    if (!value || !c->value)
        return false;
    return c->op == CONSTRAINT_EQ ? strcmp(value, c->value) == 0
                                  : is_like(c->value, value);
}
