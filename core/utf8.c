/* UTF-8.  See utf8.h. */
#include "core/utf8.h"

#include <assert.h>
#include <string.h>

/* The character of the sequence at `at`, whose length says how many bits its first byte has. */
static uint32_t point_of(const uint8_t *at, size_t len)
{
    uint32_t point = len == 1 ? at[0] : at[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++)
        point = point << 6 | (at[i] & 0x3fu);
    return point;
}

size_t utf8_sequence(struct bytes in)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (in.len == 0)
        return 0;
    uint8_t first = in.at[0];
    size_t len = first < 0x80             ? 1
                 : (first & 0xe0) == 0xc0 ? 2
                 : (first & 0xf0) == 0xe0 ? 3
                 : (first & 0xf8) == 0xf0 ? 4
                                          : 0;
    if (len < 2 || len > in.len)
        return len > in.len ? 0 : len;
    for (size_t i = 1; i < len; i++)
        if ((in.at[i] & 0xc0) != 0x80)
            return 0;
    uint32_t point = point_of(in.at, len);
    bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
    return point < smallest[len] || point > 0x10ffff || is_surrogate ? 0 : len;
}

static bool is_harmless(uint32_t point)
{
    if (point < 0x20 || (point >= 0x7f && point < 0xa0))
        return false;
    bool is_direction = point == 0x200e || point == 0x200f ||
                        (point >= 0x2028 && point <= 0x202e) ||
                        (point >= 0x2066 && point <= 0x2069);
    return !is_direction && point != 0xfeff;
}

size_t utf8_line(struct bytes in, char *out, size_t cap)
{
    assert(cap > 0);
    size_t len = 0;
    while (in.len > 0) {
        size_t step = utf8_sequence(in);
        bool is_kept = step > 0 && is_harmless(point_of(in.at, step));
        size_t wrote = is_kept ? step : 1;
        if (len + wrote >= cap)
            break;
        if (is_kept)
            memcpy(out + len, in.at, step);
        else
            out[len] = in.at[0] == '\t' ? ' ' : '?';
        len += wrote;
        in.at += step ? step : 1;
        in.len -= step ? step : 1;
    }
    out[len] = '\0';
    return len;
}

/* How many bytes of a character are here that has not all of it; 0: it is none at all. */
static size_t cut_short(struct bytes in)
{
    uint8_t first = in.at[0];
    size_t want = (first & 0xe0) == 0xc0   ? 2
                  : (first & 0xf0) == 0xe0 ? 3
                  : (first & 0xf8) == 0xf0 ? 4
                                           : 0;
    size_t n = 1;
    while (n < want && n < in.len && (in.at[n] & 0xc0) == 0x80)
        n++;
    return want > 0 && n < want ? n : 0;
}

/* One step of mending: what `in` begins with as `len` bytes of `out`; returns how much of it is read. */
static size_t mend_one(struct bytes in, char out[static 4], size_t *len)
{
    size_t step = utf8_sequence(in), dropped = step ? 0 : cut_short(in);
    *len = step;
    if (step > 0)
        memcpy(out, in.at, step);
    else if (!dropped)
        out[(*len)++] = '?';
    return step ? step : dropped ? dropped : 1;
}

size_t utf8_mend(char *text)
{
    struct bytes in = bytes_of_text(text);
    size_t len = 0;
    while (in.len > 0) {
        char one[4];
        size_t n, step = mend_one(in, one, &n);
        memcpy(text + len, one, n); /* behind what is still to be read */
        len += n;
        in.at += step;
        in.len -= step;
    }
    text[len] = '\0';
    return len;
}

size_t utf8_cut(const char *text, char *out, size_t cap)
{
    static const char mark[] = "...";
    struct bytes in = bytes_of_text(text);
    size_t len = 0,
           marked = 0; /* marked: how much there may be with the mark behind it */
    assert(cap > sizeof(mark) - 1);
    while (in.len > 0) {
        char one[4];
        size_t n, step = mend_one(in, one, &n);
        if (len + n >= cap) {
            memcpy(out + marked, mark, sizeof(mark));
            return marked + sizeof(mark) - 1;
        }
        memcpy(out + len, one, n);
        len += n;
        marked = len + sizeof(mark) <= cap ? len : marked;
        in.at += step;
        in.len -= step;
    }
    out[len] = '\0';
    return len;
}
