/* Scalars of a document as values, and the nearest word for a misspelt one.  All of it
 * knows its bounds: a number too large is malformed, never wrapped.  See doc.h. */
#include <stdio.h>
#include <string.h>

#include "core/doc.h"
#include "core/err.h"

enum { WORD_MAX = 63 }; /* a longer word is no misspelt key */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits at *at, which moves past them. */
static int take_uint(const char **at, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (!is_digit(**at))
        return ERR_MALFORMED;
    for (; is_digit(**at); (*at)++)
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(**at - '0'), &value))
            return ERR_MALFORMED;
    *ret_value = value;
    return 0;
}

/* A decimal with at most three places, in thousandths. */
static int take_thousandths(const char **at, uint64_t *ret_value)
{
    uint64_t value;
    if (take_uint(at, &value) < 0 || __builtin_mul_overflow(value, 1000u, &value))
        return ERR_MALFORMED;
    if (**at == '.') {
        (*at)++;
        if (!is_digit(**at))
            return ERR_MALFORMED;
        for (uint64_t place = 100; is_digit(**at); (*at)++, place /= 10) {
            uint64_t part = (uint64_t)(**at - '0') * place;
            if (place == 0 || __builtin_add_overflow(value, part, &value))
                return ERR_MALFORMED;
        }
    }
    *ret_value = value;
    return 0;
}

int text_duration_ms(const char *text, uint64_t *ret_ms)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {{"d", 86400000}, {"h", 3600000}, {"ms", 1}, {"m", 60000}, {"s", 1000}};
    uint64_t total = 0, last = UINT64_MAX;
    if (strcmp(text, "0") == 0) { /* the one amount that needs no unit */
        *ret_ms = 0;
        return 0;
    }
    const char *at = text;
    do {
        uint64_t value;
        if (take_uint(&at, &value) < 0)
            return ERR_MALFORMED;
        size_t i = 0, n = sizeof(units) / sizeof(units[0]);
        while (i < n && strncmp(at, units[i].name, strlen(units[i].name)) != 0)
            i++;
        /* Units fall from left to right, so that 1m1h is a slip and not a sum. */
        if (i == n || units[i].ms >= last)
            return ERR_MALFORMED;
        last = units[i].ms;
        at += strlen(units[i].name);
        if (__builtin_mul_overflow(value, last, &value) ||
            __builtin_add_overflow(total, value, &total))
            return ERR_MALFORMED;
    } while (*at);
    *ret_ms = total;
    return 0;
}

/* "M" "m" "Mi" "MB" "MiB" "mb": of all of them 1024 is the base. */
static bool is_unit_tail(const char *text)
{
    static const char *const tails[] = {"", "i", "iB", "B", "b", "ib"};
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++)
        if (strcmp(text, tails[i]) == 0)
            return true;
    return false;
}

int text_size_bytes(const char *text, uint64_t *ret_bytes)
{
    static const char units[] = "KMGTkmgt";
    const char *at = text;
    uint64_t thousandths;
    if (take_thousandths(&at, &thousandths) < 0)
        return ERR_MALFORMED;
    if (!*at) {
        if (strchr(text, '.'))
            return ERR_MALFORMED;
        *ret_bytes = thousandths / 1000;
        return 0;
    }
    const char *unit = strchr(units, *at);
    if (!unit || !is_unit_tail(at + 1))
        return ERR_MALFORMED;
    unsigned shift = 10 * (unsigned)((unit - units) % 4 + 1);
    __extension__ unsigned __int128 bytes = thousandths;
    bytes = (bytes << shift) / 1000;
    if (bytes > UINT64_MAX)
        return ERR_MALFORMED;
    *ret_bytes = (uint64_t)bytes;
    return 0;
}

const char *size_text(uint64_t bytes, char out[static SIZE_TEXT])
{
    static const char units[] = "TGMK";
    for (unsigned i = 0; units[i]; i++) {
        unsigned shift = 40 - 10 * i;
        if (bytes && bytes % (1ULL << shift) == 0) {
            (void)snprintf(out, SIZE_TEXT, "%llu%c", (unsigned long long)(bytes >> shift),
                           units[i]);
            return out;
        }
    }
    (void)snprintf(out, SIZE_TEXT, "%llu", (unsigned long long)bytes);
    return out;
}

const char *size_text_below(uint64_t bytes, char out[static SIZE_TEXT])
{
    static const char units[] = "TGMK";
    for (unsigned i = 0; units[i]; i++) {
        unsigned shift = 40 - 10 * i;
        unsigned long long tenths = (bytes >> (shift - 10)) * 10 / 1024;
        if (bytes >> shift == 0)
            continue;
        if (tenths % 10 == 0 || tenths >= 1000)
            (void)snprintf(out, SIZE_TEXT, "%llu%c", tenths / 10, units[i]);
        else
            (void)snprintf(out, SIZE_TEXT, "%llu.%llu%c", tenths / 10, tenths % 10,
                           units[i]);
        return out;
    }
    (void)snprintf(out, SIZE_TEXT, "%llu", (unsigned long long)bytes);
    return out;
}

const char *thousandths_text(uint64_t milli, char out[static SIZE_TEXT])
{
    unsigned long long whole = milli / 1000, rest = milli % 1000;
    int digits = 3;
    while (rest && rest % 10 == 0) {
        rest /= 10;
        digits--;
    }
    if (rest)
        (void)snprintf(out, SIZE_TEXT, "%llu.%0*llu", whole, digits, rest);
    else
        (void)snprintf(out, SIZE_TEXT, "%llu", whole);
    return out;
}

const char *span_text(uint64_t ms, char out[static SPAN_TEXT])
{
    unsigned long long s = (ms + 500) / 1000;
    if (s < 60)
        (void)snprintf(out, SPAN_TEXT, "%llus", s);
    else if (s < 3600)
        (void)snprintf(out, SPAN_TEXT, "%llum%llus", s / 60, s % 60);
    else if (s < 86400)
        (void)snprintf(out, SPAN_TEXT, "%lluh%llum", s / 3600, s / 60 % 60);
    else
        (void)snprintf(out, SPAN_TEXT, "%llud%lluh", s / 86400, s / 3600 % 24);
    return out;
}

int text_cpu_milli(const char *text, uint32_t *ret_milli)
{
    uint64_t milli;
    const char *at = text;
    if (take_uint(&at, &milli) < 0 || strcmp(at, "m") != 0)
        return text_milli(text, ret_milli);
    if (milli > UINT32_MAX)
        return ERR_MALFORMED;
    *ret_milli = (uint32_t)milli;
    return 0;
}

int text_milli(const char *text, uint32_t *ret_milli)
{
    uint64_t milli;
    const char *at = text;
    if (take_thousandths(&at, &milli) < 0 || *at || milli > UINT32_MAX)
        return ERR_MALFORMED;
    *ret_milli = (uint32_t)milli;
    return 0;
}

int text_uint(const char *text, uint64_t max, uint64_t *ret_value)
{
    uint64_t value;
    const char *at = text;
    if (take_uint(&at, &value) < 0 || *at || value > max)
        return ERR_MALFORMED;
    *ret_value = value;
    return 0;
}

int text_bool(const char *text, bool *ret_value)
{
    bool is_true = strcmp(text, "true") == 0;
    if (!is_true && strcmp(text, "false") != 0)
        return ERR_MALFORMED;
    *ret_value = is_true;
    return 0;
}

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits between two words: insert, delete, replace, swap neighbours (Damerau 1964, in the
 * "optimal string alignment" form).  Three rows of the usual table are enough. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][WORD_MAX + 1];
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3],
               *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t change = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = min(change, min(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = min(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

const char *did_you_mean(const char *word, const char *const *candidates)
{
    size_t len = strlen(word), best = 3;
    const char *nearest = NULL;
    if (len > WORD_MAX)
        return NULL;
    for (; *candidates; candidates++) {
        size_t candidate_len = strlen(*candidates);
        if (candidate_len > WORD_MAX)
            continue;
        size_t edits = distance(word, len, *candidates, candidate_len);
        /* Two edits turn any two-letter word into any other: that is no likeness. */
        if (edits < best && (edits == 0 || edits < min(len, candidate_len))) {
            best = edits;
            nearest = *candidates;
        }
    }
    return nearest;
}
