/* See import_read.h. */
#include "sched/import_read.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ids.h"
#include "core/utf8.h"

enum { TEXT_MAX = 768, KEYS_KNOWN_MAX = 64, HINTS_MAX = 1000 };

void import_say(struct app_import *import, enum import_kind kind, const struct doc *at,
                const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    import_report_add(import->report, kind, import->id, at, "%s", text);
    import->is_refused = import->is_refused || kind == IMPORT_ERROR;
}

void import_comments(struct app_import *import, const char *indent, struct yaml_text *out)
{
    const struct import_report *r = import->report;
    for (; import->n_commented < r->n; import->n_commented++) {
        const struct import_note *note = &r->notes[import->n_commented];
        char line[401]; /* whole characters, and less than yaml_add takes */
        (void)utf8_line(bytes_of_text(note->text), line, sizeof(line));
        yaml_add(out, "%s# %s: %s\n", indent, import_kind_name(note->kind), line);
    }
}

bool import_is_null(const struct doc *value)
{
    return value->kind == DOC_SCALAR && !value->is_quoted &&
           (!*value->text || strcmp(value->text, "null") == 0 ||
            strcmp(value->text, "~") == 0);
}

const struct doc *import_get(const struct doc *map, const char *key)
{
    const struct doc *value = doc_find(map, key);
    return value && !import_is_null(value) ? value : NULL;
}

static const struct doc *of_kind(struct app_import *import, const struct doc *map,
                                 const char *key, enum doc_kind kind)
{
    static const char *const wanted[] = {"a single value", "an object", "a list"};
    const struct doc *value = import_get(map, key);
    if (!value || value->kind == kind)
        return value;
    import_say(import, IMPORT_ERROR, value, "%s wants %s", key, wanted[kind]);
    return NULL;
}

const struct doc *import_map(struct app_import *import, const struct doc *map,
                             const char *key)
{
    return of_kind(import, map, key, DOC_MAP);
}

const struct doc *import_list(struct app_import *import, const struct doc *map,
                              const char *key)
{
    return of_kind(import, map, key, DOC_LIST);
}

const char *import_text(struct app_import *import, const struct doc *map, const char *key)
{
    const struct doc *value = of_kind(import, map, key, DOC_SCALAR);
    return value ? value->text : NULL;
}

bool import_bool(struct app_import *import, const struct doc *map, const char *key)
{
    const char *text = import_text(import, map, key);
    bool value = false;
    if (text && text_bool(text, &value) < 0)
        import_say(import, IMPORT_ERROR, doc_find(map, key),
                   "%s wants true or false, not '%.64s'", key, text);
    return value;
}

#define NO_MAX 1e15 /* of a number that nobody bounds */

double import_number(struct app_import *import, const struct doc *map, const char *key,
                     double fallback, double min, double max)
{
    const char *text = import_text(import, map, key);
    char *end = NULL;
    if (!text)
        return fallback;
    double number = strtod(text, &end);
    bool is_decimal = text[strspn(text, "0123456789.eE+-")] == '\0';
    if (!is_decimal || end == text || *end || !isfinite(number))
        import_say(import, IMPORT_ERROR, doc_find(map, key),
                   "%s wants a number, not '%.64s'", key, text);
    else if (number < min && max >= NO_MAX)
        import_say(import, IMPORT_ERROR, doc_find(map, key),
                   "%s wants a number of %.12g or more, not %.64s", key, min, text);
    else if (number < min || number > max)
        import_say(import, IMPORT_ERROR, doc_find(map, key),
                   "%s wants a number from %.12g to %.12g, not %.64s", key, min, max,
                   text);
    else
        return number;
    return fallback;
}

uint32_t import_whole(struct app_import *import, const struct doc *map, const char *key,
                      uint32_t fallback, uint32_t min, uint32_t max)
{
    double number = import_number(import, map, key, fallback, min, max);
    if (floor(number) == number)
        return (uint32_t)number;
    import_say(import, IMPORT_ERROR, doc_find(map, key),
               "%s wants a whole number, not %.64s", key, doc_find(map, key)->text);
    return fallback;
}

uint32_t import_ms(struct app_import *import, const struct doc *map, const char *key,
                   double fallback_s, uint32_t min_ms)
{
    double ms = import_number(import, map, key, fallback_s, 0, NO_MAX) * 1000;
    double kept = ms < min_ms ? min_ms : ms > DURATION_MS_MAX ? DURATION_MS_MAX : ms;
    if (kept != ms)
        import_say(import, IMPORT_CHANGED, doc_find(map, key),
                   "%s: %.12g seconds become %.12g: a job file has from %.12g to %.12g",
                   key, ms / 1000, kept / 1000, (double)min_ms / 1000,
                   (double)DURATION_MS_MAX / 1000);
    return (uint32_t)kept;
}

bool import_says_nothing(const struct doc *value)
{
    static const char *const nothings[] = {"", "0", "0.0", "false", "null"};
    for (size_t i = 0;
         value->kind == DOC_SCALAR && i < sizeof(nothings) / sizeof(nothings[0]); i++)
        if (strcmp(value->text, nothings[i]) == 0)
            return true;
    return value->kind != DOC_SCALAR && value->n == 0;
}

/* Is the value, or the only item of a list, one of "a|b"? */
static bool is_usual(const struct doc *value, const char *usual)
{
    if (value->kind == DOC_LIST && value->n == 1)
        value = value->child;
    if (!usual || value->kind != DOC_SCALAR)
        return false;
    size_t len = strlen(value->text);
    while (*usual) {
        size_t n = strcspn(usual, "|");
        if (n == len && memcmp(usual, value->text, n) == 0)
            return true;
        usual += n + (usual[n] == '|');
    }
    return false;
}

static void tell_unknown(struct app_import *import, const struct doc *value,
                         const char *where, const struct import_key *keys)
{
    const char *names[KEYS_KNOWN_MAX + 1] = {NULL};
    for (size_t i = 0; keys[i].name && i < KEYS_KNOWN_MAX; i++)
        names[i] = keys[i].name;
    bool is_many = import->report->n > HINTS_MAX;
    const char *near = is_many ? NULL : did_you_mean(value->key, names);
    import_say(import, IMPORT_DROPPED, value, "%s%s%.64s is not carried over: %s%s%s",
               where, *where ? "." : "", value->key,
               near ? "Marathon does not know it; did you mean "
                    : "there is nothing like it here",
               near ? near : "", near ? "?" : "");
}

void import_keys(struct app_import *import, const struct doc *map, const char *where,
                 const struct import_key *keys)
{
    for (const struct doc *v = map && map->kind == DOC_MAP ? map->child : NULL; v;
         v = v->next) {
        const struct import_key *key = keys;
        while (key->name && strcmp(key->name, v->key) != 0)
            key++;
        bool is_silent = import_says_nothing(v) || is_usual(v, key->usual);
        bool is_empty = v->kind == DOC_SCALAR ? import_is_null(v) : v->n == 0;
        if (!key->name && !is_empty)
            tell_unknown(import, v, where, keys);
        else if (key->name && key->why && !is_silent)
            import_say(import, IMPORT_DROPPED, v, "%s%s%s is not carried over: %s", where,
                       *where ? "." : "", v->key, key->why);
    }
}
