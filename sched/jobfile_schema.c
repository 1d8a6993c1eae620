/* Maps read by tables of keys.  See jobfile_schema.h. */
#include "sched/jobfile_schema.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/err.h"

enum { SHOWN_MAX = 64 }; /* bytes of a quoted value */

void schema_refuse(struct job_reader *r, const struct doc *at, const char *format, ...)
{
    char text[768];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    r->complaints->file = at->file;
    complain(r->complaints, at->line, at->column, "%s", text);
    r->complaints->file = NULL;
    if (!r->error)
        r->error = ERR_INVALID;
}

struct doc schema_key_place(const struct doc *value)
{
    return (struct doc){
        .line = value->key_line, .column = value->key_column, .file = value->file};
}

static bool is_before(const struct complaint *a, const struct complaint *b)
{
    if (a->file != b->file && (!a->file || !b->file))
        return a->file != NULL; /* what is used was read first */
    if (a->file != b->file)
        return strcmp(a->file->name, b->file->name) < 0;
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

/* ---- maps ---- */

bool schema_is_nothing(const struct doc *value)
{
    if (value->kind != DOC_SCALAR)
        return value->n == 0;
    return !value->is_quoted && (!*value->text || strcmp(value->text, "~") == 0 ||
                                 strcmp(value->text, "null") == 0);
}

const struct doc *schema_find(const struct doc *map, const char *key)
{
    const struct doc *value = doc_find(map, key);
    return value && !schema_is_nothing(value) ? value : NULL;
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
        if (key->name && !schema_is_nothing(value))
            key->read(r, key, value, to);
        else if (!key->name)
            r->unknown(r, value, keys, where);
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

/* "10 seconds" -> "10s": what a duration was probably meant to be; "" when there is no telling. */
static const char *duration_wish(const char *text, char out[static 32])
{
    static const struct {
        const char *word, *unit;
    } words[] = {{"", "s"},    {"ms", "ms"}, {"msec", "ms"}, {"milli", "ms"}, {"s", "s"},
                 {"sec", "s"}, {"min", "m"}, {"m", "m"},     {"h", "h"},      {"d", "d"},
                 {"day", "d"}, {"week", ""}, {"mo", ""}};
    size_t n = strspn(text, "0123456789");
    const char *word = text + n + strspn(text + n, " ");
    const char *unit = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t len = strlen(words[i].word);
        if (strncasecmp(word, words[i].word, len) == 0 && (len > 0 || !*word) &&
            len >= longest) {
            unit = words[i].unit;
            longest = len;
        }
    }
    out[0] = '\0';
    if (n > 0 && n < 10 && unit && *unit)
        (void)snprintf(out, 32, ": write %.*s%s", (int)n, text, unit);
    return out;
}

SCHEMA_READER(schema_duration)
{
    const char *text = schema_text_of(r, value);
    uint64_t ms;
    char wish[32];
    if (!text)
        return;
    if (text_duration_ms(text, &ms) < 0)
        schema_refuse(
            r, value,
            "%s: wants a duration such as 250ms, 10s, 5m, 1h30m or 2d, not '%.*s'%s",
            key->name, SHOWN_MAX, text, duration_wish(text, wish));
    else if (ms < key->min)
        schema_refuse(r, value, "%s: must be at least %llu%s, not '%.*s'", key->name,
                      (unsigned long long)(key->min % 1000 ? key->min : key->min / 1000),
                      key->min % 1000 ? "ms" : "s", SHOWN_MAX, text);
    else if (ms > DURATION_MS_MAX)
        schema_refuse(r, value, "%s: must be at most %dd, not '%.*s'", key->name,
                      DURATION_MS_MAX / (24 * 3600 * 1000), SHOWN_MAX, text);
    else
        *(uint32_t *)member(key, to) = (uint32_t)ms;
}

static void read_thousandths(struct job_reader *r, const struct key *key,
                             const struct doc *value, bool is_cpu, void *to)
{
    const char *text = schema_text_of(r, value);
    uint32_t milli = 0;
    if (!text)
        return;
    int status = is_cpu ? text_cpu_milli(text, &milli) : text_milli(text, &milli);
    if (status == 0 && milli >= key->min && milli <= key->max) {
        *(uint32_t *)member(key, to) = milli;
        return;
    }
    size_t n = strspn(text, "0123456789");
    char wish[48] = "";
    if (is_cpu && n > 0 && n < 6 && strcmp(text + n, "%") == 0)
        (void)snprintf(wish, sizeof(wish), ": %s is %g cores", text,
                       strtod(text, NULL) / 100);
    schema_refuse(r, value,
                  "%s: wants a number from %g to %g%s, in steps of 0.001, not '%.*s'%s",
                  key->name, (double)key->min / 1000, (double)key->max / 1000,
                  is_cpu ? " (cores)" : "", SHOWN_MAX, text, wish);
}

SCHEMA_READER(schema_cpu)
{
    read_thousandths(r, key, value, true, to);
}

SCHEMA_READER(schema_decimal)
{
    read_thousandths(r, key, value, false, to);
}

/* 1048576 -> "1M" */
static const char *size_shown(uint64_t bytes, char out[static 32])
{
    static const char units[] = " KMGT";
    size_t unit = 0;
    while (unit < 4 && bytes > 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    (void)snprintf(out, 32, "%llu%.*s", (unsigned long long)bytes, unit > 0,
                   units + unit);
    return out;
}

SCHEMA_READER(schema_size)
{
    const char *text = schema_text_of(r, value);
    uint64_t bytes;
    char bound[32];
    if (!text)
        return;
    bool is_bare = text[strspn(text, "0123456789")] == '\0';
    if (text_size_bytes(text, &bytes) < 0)
        schema_refuse(r, value, "%s: wants a size such as 64K, 256M or 1G, not '%.*s'",
                      key->name, SHOWN_MAX, text);
    else if (bytes < key->min && is_bare && bytes > 0)
        schema_refuse(r, value, "%s: %s is bytes: write %s%s", key->name, text, text,
                      key->min < 1 << 20 ? "K" : "M");
    else if (bytes < key->min)
        schema_refuse(r, value, "%s: must be at least %s, not '%.*s'", key->name,
                      size_shown(key->min, bound), SHOWN_MAX, text);
    else if (bytes > key->max)
        schema_refuse(r, value, "%s: must be at most %s, not '%.*s'", key->name,
                      size_shown(key->max, bound), SHOWN_MAX, text);
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
    struct doc at = schema_key_place(value);
    schema_refuse(r, &at, "%s is not supported by this version; %s", key->name,
                  key->text);
}

/* ---- maps of texts ---- */

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    return strcmp(x->key, y->key);
}

/* Programs take names such as spring.datasource-url, but none with spaces or controls. */
static bool is_variable(const char *name)
{
    for (; *name; name++)
        if ((unsigned char)*name <= ' ' || *name == 0x7f)
            return false;
    return true;
}

static bool is_key_sane(struct job_reader *r, const struct doc *value, bool is_env)
{
    struct doc at = schema_key_place(value);
    if (!*value->key)
        schema_refuse(r, &at, "a name must not be empty");
    else if (strlen(value->key) > KEY_TEXT_MAX)
        schema_refuse(r, &at, "a name may have at most %d bytes", KEY_TEXT_MAX);
    else if (is_env && strchr(value->key, '='))
        schema_refuse(r, &at, "the name of a variable has no '='");
    else if (is_env && !r->is_stored && !is_variable(value->key))
        schema_refuse(r, &at, "'%.64s' is no name of a variable: it holds no space",
                      value->key);
    else
        return true;
    return false;
}

/* "NAME=VALUE" taken apart; NULL with a complaint when there is no '='. */
static const struct doc *split_pair(struct job_reader *r, const struct doc *list,
                                    const struct doc *item)
{
    const char *text = schema_text_of(r, item), *sign = text ? strchr(text, '=') : NULL;
    if (!text)
        return NULL;
    if (!sign) {
        schema_refuse(r, item, "%.64s: wants NAME=VALUE, not '%.64s'", called(list),
                      text);
        return NULL;
    }
    struct doc *pair = schema_array(r, 1, sizeof(*pair));
    if (!pair)
        return NULL;
    *pair = *item;
    pair->key = arena_text_of(
        r->arena, (struct bytes){(const uint8_t *)text, (size_t)(sign - text)});
    pair->text = sign + 1;
    pair->key_line = item->line;
    pair->key_column = item->column;
    if (!pair->key)
        r->error = -ENOMEM;
    return pair->key ? pair : NULL;
}

static void refuse_doubles(struct job_reader *r, const struct doc *list,
                           const struct pair *sorted, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (strcmp(sorted[i - 1].key, sorted[i].key) == 0)
            schema_refuse(r, list, "%.64s: '%.64s' is here twice", called(list),
                          sorted[i].key);
}

void schema_pairs(struct job_reader *r, const struct doc *value, size_t max, bool is_env,
                  const struct pair **ret_pairs, size_t *ret_n)
{
    bool is_list = value->kind == DOC_LIST && is_env;
    if (!is_list && !schema_is_map(r, value, max))
        return;
    if (is_list && !schema_is_list(r, value, max))
        return;
    struct pair *pairs = schema_array(r, value->n, sizeof(*pairs));
    size_t n = 0;
    if (!pairs)
        return;
    for (const struct doc *item = value->child; item; item = item->next) {
        const struct doc *pair = is_list ? split_pair(r, value, item) : item;
        const char *text = pair ? schema_text_of(r, pair) : NULL;
        if (text && is_key_sane(r, pair, is_env))
            pairs[n++] = (struct pair){pair->key, text};
    }
    /* Sorted, so that equal maps make equal specs whatever order they were written in. */
    qsort(pairs, n, sizeof(*pairs), compare_pairs);
    if (is_list)
        refuse_doubles(r, value, pairs, n);
    *ret_pairs = pairs;
    *ret_n = n;
}
