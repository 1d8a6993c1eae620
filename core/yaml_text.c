/* Scalars and indentation for written job files.  Which characters need an escape:
 * YAML 1.1, 5.1 (printable) and 5.4 (line breaks), as libyaml has them. */
#include "core/yaml_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static void append(struct yaml_text *t, const char *text, size_t len)
{
    if (t->is_failed)
        return;
    if (t->len + len + 1 > t->cap) {
        size_t cap = (t->len + len + 1) * 2 + 256;
        char *at = arena_alloc(t->arena, cap);
        if (!at) {
            t->is_failed = true;
            return;
        }
        if (t->len)
            memcpy(at, t->at, t->len);
        t->at = at;
        t->cap = cap;
    }
    memcpy(t->at + t->len, text, len);
    t->len += len;
    t->at[t->len] = '\0';
}

void yaml_add(struct yaml_text *t, const char *format, ...)
{
    char text[512]; /* the callers' fixed phrases and names; long texts go through
                       yaml_scalar */
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n > 0)
        append(t, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

/* 1, 1.5, 1e3, 0x1F, 0o17, 1_000, 1:30, 2001-12-14, .inf: what some reader of YAML 1.1 or 1.2 takes
 * for a number or a date (yaml.org/type; YAML 1.2, 10.3). */
static bool looks_like_number(const char *text)
{
    text += *text == '-' || *text == '+';
    if (strcasecmp(text, ".inf") == 0 || strcasecmp(text, ".nan") == 0)
        return true;
    bool is_digit = *text >= '0' && *text <= '9';
    if (!is_digit && !(*text == '.' && text[1] >= '0' && text[1] <= '9'))
        return false;
    if (*text == '0' && text[1] && strchr("xXoObB", text[1]))
        return text[2 + strspn(text + 2, "0123456789abcdefABCDEF_")] == '\0';
    if (strspn(text, "0123456789") == 4 && text[4] == '-')
        return true;
    return text[strspn(text, "0123456789_.:eE+-")] == '\0';
}

static bool looks_typed(const char *text)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on",
                                        "off",  "null",  "y",   "n"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return looks_like_number(text);
}

static bool is_plain(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && strspn(text, ALNUM "/_.$") > 0 &&
           strspn(text, ALNUM " /_.$=+@%^-") == len && text[len - 1] != ' ' &&
           !looks_typed(text);
}

/* Only what can stand between single quotes: printable ASCII. */
static bool is_ascii(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

static void single_quoted(struct yaml_text *t, const char *text)
{
    append(t, "'", 1);
    for (; *text; text++)
        append(t, *text == '\'' ? "''" : text, *text == '\'' ? 2 : 1);
    append(t, "'", 1);
}

/* The code point at `at`, valid UTF-8 (a YAML reader gave it), and its length. */
static size_t code_at(const unsigned char *at, unsigned *ret_code)
{
    size_t len = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    unsigned code = len == 1 ? at[0] : at[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80) { /* not UTF-8 after all: byte by byte */
            *ret_code = at[0];
            return 1;
        }
        code = code << 6 | (at[i] & 0x3fu);
    }
    *ret_code = code;
    return len;
}

static bool needs_escape(unsigned code)
{
    return code < ' ' || (code >= 0x7f && code < 0xa0) || code == 0x2028 ||
           code == 0x2029 || code == 0xfeff || code == 0xfffe || code == 0xffff;
}

static void double_quoted(struct yaml_text *t, const char *text)
{
    append(t, "\"", 1);
    const unsigned char *at = (const unsigned char *)text;
    while (*at) {
        unsigned code;
        size_t len = code_at(at, &code);
        if (code == '\n')
            append(t, "\\n", 2);
        else if (code == '"' || code == '\\')
            yaml_add(t, "\\%c", (int)code);
        else if (needs_escape(code))
            yaml_add(t, "\\u%04x", code);
        else
            append(t, (const char *)at, len);
        at += len;
    }
    append(t, "\"", 1);
}

void yaml_scalar(struct yaml_text *t, const char *text)
{
    if (is_plain(text))
        append(t, text, strlen(text));
    else if (strpbrk(text, "\"\\") && is_ascii(text))
        single_quoted(t, text);
    else
        double_quoted(t, text);
}

void yaml_duration(struct yaml_text *t, uint32_t ms)
{
    if (ms && ms % 3600000 == 0)
        yaml_add(t, "%uh", ms / 3600000);
    else if (ms && ms % 60000 == 0)
        yaml_add(t, "%um", ms / 60000);
    else if (ms % 1000 == 0)
        yaml_add(t, "%us", ms / 1000);
    else
        yaml_add(t, "%ums", ms);
}

void yaml_indented(struct yaml_text *t, const char *first, const char *block)
{
    int width = (int)strlen(first);
    append(t, first, strlen(first));
    while (*block) {
        size_t len = strcspn(block, "\n");
        append(t, block, len);
        append(t, "\n", 1);
        block += len + (block[len] == '\n');
        if (*block && *block != '\n')
            yaml_add(t, "%*s", width, "");
    }
}
