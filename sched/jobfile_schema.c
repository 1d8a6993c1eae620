/* Maps read by tables of keys.  See jobfile_schema.h. */
#include "sched/jobfile_schema.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "sched/foreign.h"

enum {
    KEYS_MAX = 64,
    SHOWN_MAX = 64
}; /* rows of the largest table; bytes of a quoted value */

void schema_refuse(struct job_reader *r, const struct doc *at, const char *format, ...)
{
    char text[768];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    complain(r->complaints, at->line, at->column, "%s", text);
    if (!r->error)
        r->error = ERR_INVALID;
}

static bool is_before(const struct complaint *a, const struct complaint *b)
{
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

void schema_sort(struct complaints *complaints)
{
    for (size_t i = 1; i < complaints->n; i++) {
        struct complaint moved = complaints->list[i];
        size_t j = i;
        for (; j > 0 && is_before(&moved, &complaints->list[j - 1]); j--)
            complaints->list[j] = complaints->list[j - 1];
        complaints->list[j] = moved;
    }
}

void *schema_array(struct job_reader *r, size_t n, size_t size)
{
    if (n == 0)
        return NULL;
    void *out = arena_array(r->arena, n, size);
    if (!out)
        r->error = -ENOMEM;
    return out;
}

/* What a complaint calls the value: its key, or "item" within a list. */
static const char *called(const struct doc *value)
{
    return value->key ? value->key : "item";
}

static const char *kind_text(enum doc_kind kind)
{
    return kind == DOC_SCALAR ? "a single value" : kind == DOC_MAP ? "a map" : "a list";
}

const char *schema_text_of(struct job_reader *r, const struct doc *value)
{
    if (value->kind != DOC_SCALAR) {
        schema_refuse(r, value, "%.64s: wants a single value, not %s", called(value),
                      kind_text(value->kind));
        return NULL;
    }
    if (strlen(value->text) > TEXT_LEN_MAX) {
        schema_refuse(r, value, "%.64s: may have at most %d bytes", called(value),
                      TEXT_LEN_MAX);
        return NULL;
    }
    return value->text;
}

bool schema_is_list(struct job_reader *r, const struct doc *value, size_t max)
{
    if (value->kind != DOC_LIST)
        schema_refuse(r, value, "%.64s: wants a list", called(value));
    else if (value->n > max)
        schema_refuse(r, value, "%.64s: at most %zu are allowed, here are %zu",
                      called(value), max, value->n);
    else
        return true;
    return false;
}

bool schema_is_map(struct job_reader *r, const struct doc *value, size_t max)
{
    if (value->kind != DOC_MAP)
        schema_refuse(r, value, "%.64s: wants a map (key: value), not %s", called(value),
                      kind_text(value->kind));
    else if (value->n > max)
        schema_refuse(r, value, "%.64s: at most %zu are allowed, here are %zu",
                      called(value), max, value->n);
    else
        return true;
    return false;
}

/* ---- unknown keys ---- */

static void refuse_unknown(struct job_reader *r, const struct doc *value,
                           const struct key *keys, const char *where)
{
    struct doc at = {.line = value->key_line, .column = value->key_column};
    const struct foreign_name *foreign = foreign_find(where, value->key);
    if (foreign) {
        schema_refuse(r, &at,
                      "unknown key '%.64s': stratos calls this %s (%s calls it %s)",
                      value->key, foreign_relative(foreign->ours, where), foreign->system,
                      foreign->word);
        return;
    }
    const char *names[KEYS_MAX + 1] = {NULL};
    for (size_t i = 0; keys[i].name && i < KEYS_MAX; i++)
        names[i] = keys[i].name;
    const char *near = did_you_mean(value->key, names);
    char place[80] = "";
    if (*where)
        (void)snprintf(place, sizeof(place), " in %s", where);
    if (near)
        schema_refuse(r, &at, "unknown key '%.64s'%s; did you mean '%s'?", value->key,
                      place, near);
    else
        schema_refuse(r, &at, "unknown key '%.64s'%s", value->key, place);
}

void schema_read(struct job_reader *r, const struct doc *map, const struct key *keys,
                 const char *where, void *to)
{
    if (!schema_is_map(r, map, SIZE_MAX))
        return;
    for (const struct doc *value = map->child; value; value = value->next) {
        const struct key *key = keys;
        while (key->name && strcmp(key->name, value->key) != 0)
            key++;
        if (key->name)
            key->read(r, key, value, to);
        else
            refuse_unknown(r, value, keys, where);
    }
}

/* ---- readers ---- */

static void *member(const struct key *key, void *to)
{
    return (char *)to + key->offset;
}

SCHEMA_READER(schema_uint)
{
    const char *text = schema_text_of(r, value);
    uint64_t number;
    if (!text)
        return;
    if (text_uint(text, UINT32_MAX, &number) < 0 || number < key->min ||
        number > key->max)
        schema_refuse(r, value, "%s: wants a whole number from %llu to %llu, not '%.*s'",
                      key->name, (unsigned long long)key->min,
                      (unsigned long long)key->max, SHOWN_MAX, text);
    else
        *(uint32_t *)member(key, to) = (uint32_t)number;
}

SCHEMA_READER(schema_duration)
{
    const char *text = schema_text_of(r, value);
    uint64_t ms;
    if (!text)
        return;
    if (text_duration_ms(text, &ms) < 0)
        schema_refuse(
            r, value,
            "%s: wants a duration such as 250ms, 10s, 5m, 1h30m or 2d, not '%.*s'",
            key->name, SHOWN_MAX, text);
    else if (ms < key->min)
        schema_refuse(r, value, "%s: must be at least %llums", key->name,
                      (unsigned long long)key->min);
    else if (ms > DURATION_MS_MAX)
        schema_refuse(r, value, "%s: must be at most %dd", key->name,
                      DURATION_MS_MAX / (24 * 3600 * 1000));
    else
        *(uint32_t *)member(key, to) = (uint32_t)ms;
}

SCHEMA_READER(schema_cpu)
{
    const char *text = schema_text_of(r, value);
    uint32_t milli;
    if (!text)
        return;
    if (text_cpu_milli(text, &milli) < 0 || milli < key->min || milli > key->max)
        schema_refuse(
            r, value, "%s: wants a number from %g to %g, in steps of 0.001, not '%.*s'",
            key->name, (double)key->min / 1000, (double)key->max / 1000, SHOWN_MAX, text);
    else
        *(uint32_t *)member(key, to) = milli;
}

SCHEMA_READER(schema_size)
{
    const char *text = schema_text_of(r, value);
    uint64_t bytes;
    if (!text)
        return;
    if (text_size_bytes(text, &bytes) < 0)
        schema_refuse(r, value, "%s: wants a size such as 64K, 256M or 1G, not '%.*s'",
                      key->name, SHOWN_MAX, text);
    else if (bytes < key->min)
        schema_refuse(r, value, "%s: must be at least %lluK", key->name,
                      (unsigned long long)key->min >> 10);
    else if (bytes > key->max)
        schema_refuse(r, value, "%s: must be at most %lluM", key->name,
                      (unsigned long long)key->max >> 20);
    else
        *(uint64_t *)member(key, to) = bytes;
}

SCHEMA_READER(schema_text)
{
    const char *text = schema_text_of(r, value);
    if (text && !*text)
        schema_refuse(r, value, "%s: must not be empty", key->name);
    else if (text)
        *(const char **)member(key, to) = text;
}

const char *schema_label_of(struct job_reader *r, const struct doc *value)
{
    const char *text = schema_text_of(r, value);
    if (!text || name_is_valid(bytes_of_text(text)))
        return text;
    schema_refuse(r, value,
                  "%.64s: wants a name of a-z, 0-9 and '-' (not first or last), at most "
                  "%d long, not '%.*s'",
                  called(value), NAME_LEN_MAX, SHOWN_MAX, text);
    return NULL;
}

SCHEMA_READER(schema_label)
{
    const char *text = schema_label_of(r, value);
    if (text)
        *(const char **)member(key, to) = text;
}

SCHEMA_READER(schema_keep)
{
    (void)r;
    *(const struct doc **)member(key, to) = value;
}

/* Is `word` one of the words in `list`, which ends at '|' or NUL? */
static bool is_word_of(const char *list, const char *word)
{
    size_t len = strlen(word);
    while (*list && *list != '|') {
        size_t n = strcspn(list, " |");
        if (n == len && memcmp(list, word, n) == 0)
            return true;
        list += n;
        list += *list == ' ';
    }
    return false;
}

SCHEMA_READER(schema_only)
{
    (void)to;
    const char *text = schema_text_of(r, value);
    if (!text || is_word_of(key->text, text))
        return;
    int n = (int)strcspn(key->text, " |");
    const char *later = strchr(key->text, '|');
    if (!later || later[1] == '\0' || is_word_of(later + 1, text))
        schema_refuse(
            r, value,
            "%s: %.*s is not supported by this version; leave it out or write %.*s",
            key->name, SHOWN_MAX, text, n, key->text);
    else
        schema_refuse(r, value, "%s: wants %.*s, not '%.*s'", key->name, n, key->text,
                      SHOWN_MAX, text);
}

SCHEMA_READER(schema_refused)
{
    (void)to;
    struct doc at = {.line = value->key_line, .column = value->key_column};
    schema_refuse(r, &at, "%s is not supported by this version; %s", key->name,
                  key->text);
}

/* ---- maps of texts ---- */

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    return strcmp(x->key, y->key);
}

static bool is_key_sane(struct job_reader *r, const struct doc *value, bool is_env)
{
    struct doc at = {.line = value->key_line, .column = value->key_column};
    if (!*value->key)
        schema_refuse(r, &at, "a name must not be empty");
    else if (strlen(value->key) > KEY_TEXT_MAX)
        schema_refuse(r, &at, "a name may have at most %d bytes", KEY_TEXT_MAX);
    else if (is_env && strchr(value->key, '='))
        schema_refuse(r, &at, "the name of a variable has no '='");
    else
        return true;
    return false;
}

void schema_pairs(struct job_reader *r, const struct doc *map, size_t max, bool is_env,
                  const struct pair **ret_pairs, size_t *ret_n)
{
    if (!schema_is_map(r, map, max))
        return;
    struct pair *pairs = schema_array(r, map->n, sizeof(*pairs));
    size_t n = 0;
    if (!pairs)
        return;
    for (const struct doc *value = map->child; value; value = value->next) {
        const char *text = schema_text_of(r, value);
        if (text && is_key_sane(r, value, is_env))
            pairs[n++] = (struct pair){value->key, text};
    }
    /* Sorted, so that equal maps make equal specs whatever order they were written in. */
    qsort(pairs, n, sizeof(*pairs), compare_pairs);
    *ret_pairs = pairs;
    *ret_n = n;
}
