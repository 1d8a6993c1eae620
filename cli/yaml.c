/* JSON as block YAML.  Strings that YAML could read otherwise are quoted as JSON quotes
 * them, which YAML reads too. */
#include "cli/yaml.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { YAML_DEPTH_MAX = 64, FLOW_ITEMS_MAX = 8 };

static bool is_plain(const char *text)
{
    static const char first[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/.";
    static const char rest[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/.-";
    if (!*text || !strchr(first, *text))
        return false;
    return strspn(text, rest) == strlen(text);
}

static void print_text(const char *text, FILE *out)
{
    if (is_plain(text)) {
        fputs(text, out);
        return;
    }
    json_t *string = json_string(text);
    (void)json_dumpf(string, out, JSON_ENCODE_ANY);
    json_decref(string);
}

static void print_scalar(const json_t *value, FILE *out)
{
    if (json_is_string(value))
        print_text(json_string_value(value), out);
    else
        (void)json_dumpf(value, out, JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
}

static bool is_flow(const json_t *value)
{
    if (json_is_object(value))
        return json_object_size(value) == 0;
    if (!json_is_array(value))
        return true;
    size_t i;
    json_t *one;
    json_array_foreach(value, i, one)
    {
        bool is_scalar = !json_is_object(one) && !json_is_array(one);
        bool is_long = json_is_string(one) && json_string_length(one) > 40;
        if (!is_scalar || is_long)
            return false;
    }
    return json_array_size(value) <= FLOW_ITEMS_MAX;
}

static void print_flow(const json_t *value, FILE *out)
{
    if (json_is_object(value)) {
        fputs("{}", out);
        return;
    }
    if (!json_is_array(value)) {
        print_scalar(value, out);
        return;
    }
    size_t i;
    json_t *one;
    fputc('[', out);
    json_array_foreach(value, i, one)
    {
        fputs(i > 0 ? ", " : "", out);
        print_scalar(one, out);
    }
    fputc(']', out);
}

/* Print at `indent`; with `is_begun` the first line's indent is there already (after "-
 * "). */
static void print_block(const json_t *value, int indent, bool is_begun, FILE *out)
{
    const char *key;
    json_t *one;
    size_t i;
    if (indent > 2 * YAML_DEPTH_MAX)
        return; /* deeper than a job file can be */
    if (json_is_array(value)) {
        json_array_foreach(value, i, one)
        {
            fprintf(out, "%*s- ", is_begun ? 0 : indent, "");
            is_begun = false;
            if (is_flow(one)) {
                print_flow(one, out);
                fputc('\n', out);
            } else {
                print_block(one, indent + 2, true, out);
            }
        }
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, one)
    {
        fprintf(out, "%*s", is_begun ? 0 : indent, "");
        is_begun = false;
        print_text(key, out);
        fputc(':', out);
        if (is_flow(one)) {
            fputc(' ', out);
            print_flow(one, out);
            fputc('\n', out);
        } else {
            fputc('\n', out);
            print_block(one, indent + 2, false, out);
        }
    }
}

void yaml_print(const json_t *value, FILE *out)
{
    print_block(value, 0, false, out);
}
