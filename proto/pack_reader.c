/* Msgpack, read side: see pack_reader.h. */
#include "proto/pack_reader.h"

#include "core/err.h"
#include "core/utf8.h"

/* The bytes that say which type follows. */
enum {
    FIX_MAP = 0x80, /* ..0x8f */
    FIX_ARRAY = 0x90,
    FIX_TEXT = 0xa0, /* ..0xbf */
    NIL = 0xc0,
    NEVER_USED = 0xc1,
    FALSE = 0xc2,
    TRUE = 0xc3,
    BIN_8 = 0xc4, /* 16, 32 follow */
    EXT_8 = 0xc7,
    FLOAT_32 = 0xca,
    FLOAT_64 = 0xcb,
    UINT_8 = 0xcc, /* 16, 32, 64 follow */
    UINT_64 = 0xcf,
    INT_8 = 0xd0,
    INT_64 = 0xd3,
    FIX_EXT_1 = 0xd4, /* 2, 4, 8, 16 follow */
    FIX_EXT_16 = 0xd8,
    TEXT_8 = 0xd9,
    TEXT_32 = 0xdb,
    ARRAY_16 = 0xdc,
    ARRAY_32 = 0xdd,
    MAP_16 = 0xde,
    MAP_32 = 0xdf,
    NEGATIVE_FIX = 0xe0,
};

/* An unsigned integer of 1 << power bytes. */
static uint64_t read_width(struct reader *r, unsigned power)
{
    switch (power) {
    case 0:
        return reader_u8(r);
    case 1:
        return reader_u16(r);
    case 2:
        return reader_u32(r);
    default:
        return reader_u64(r);
    }
}

/* Read the rest of a signed integer and extend its sign. */
static int64_t read_signed(struct reader *r, unsigned power)
{
    unsigned unused_bits = 64 - (8u << power);
    uint64_t wide = read_width(r, power) << unused_bits;
    return (int64_t)wide >> unused_bits;
}

/* Any integer; *ret_is_negative tells how to read the 64 bits returned. */
static uint64_t read_integer(struct reader *r, bool *ret_is_negative)
{
    uint8_t type = reader_u8(r);
    int64_t value = 0;
    *ret_is_negative = false;
    if (type < FIX_MAP)
        return type;
    if (type >= UINT_8 && type <= UINT_64)
        return read_width(r, (unsigned)type - UINT_8);
    if (type >= INT_8 && type <= INT_64)
        value = read_signed(r, (unsigned)type - INT_8);
    else if (type >= NEGATIVE_FIX)
        value = (int64_t)type - 256;
    else
        reader_fail(r, ERR_MALFORMED);
    *ret_is_negative = value < 0;
    return (uint64_t)value;
}

uint64_t pack_read_uint(struct reader *r, uint64_t max)
{
    bool is_negative;
    uint64_t value = read_integer(r, &is_negative);
    if (!is_negative && value <= max)
        return value;
    reader_fail(r, ERR_MALFORMED);
    return 0;
}

int64_t pack_read_int(struct reader *r, int64_t min, int64_t max)
{
    bool is_negative;
    uint64_t value = read_integer(r, &is_negative);
    bool fits = is_negative || value <= INT64_MAX;
    if (fits && (int64_t)value >= min && (int64_t)value <= max)
        return (int64_t)value;
    reader_fail(r, ERR_MALFORMED);
    return 0;
}

bool pack_read_bool(struct reader *r)
{
    uint8_t type = reader_u8(r);
    if (type != TRUE && type != FALSE)
        reader_fail(r, ERR_MALFORMED);
    return type == TRUE;
}

static bool is_text(struct bytes in)
{
    while (in.len > 0) {
        size_t len = utf8_sequence(in);
        if (len == 0 || in.at[0] == '\0')
            return false;
        in.at += len;
        in.len -= len;
    }
    return true;
}

struct bytes pack_read_text(struct reader *r, size_t len_max)
{
    uint8_t type = reader_u8(r);
    uint64_t len = 0;
    if (type >= FIX_TEXT && type < NIL)
        len = type - (unsigned)FIX_TEXT;
    else if (type >= TEXT_8 && type <= TEXT_32)
        len = read_width(r, (unsigned)type - TEXT_8);
    else
        reader_fail(r, ERR_MALFORMED);
    if (len > len_max)
        reader_fail(r, ERR_MALFORMED);
    struct bytes text = reader_take(r, (size_t)len);
    if (!is_text(text)) {
        reader_fail(r, ERR_MALFORMED);
        return (struct bytes){0};
    }
    return text;
}

struct bytes pack_read_bin(struct reader *r, size_t len)
{
    uint8_t type = reader_u8(r);
    if (type < BIN_8 || type >= EXT_8 || read_width(r, (unsigned)type - BIN_8) != len)
        reader_fail(r, ERR_MALFORMED);
    return reader_take(r, len);
}

struct bytes pack_read_bytes(struct reader *r, size_t len_max)
{
    uint8_t type = reader_u8(r);
    uint64_t len = 0;
    if (type >= BIN_8 && type < EXT_8)
        len = read_width(r, (unsigned)type - BIN_8);
    else
        reader_fail(r, ERR_MALFORMED);
    if (len > len_max)
        reader_fail(r, ERR_MALFORMED);
    return reader_error(r) ? (struct bytes){0} : reader_take(r, (size_t)len);
}

/* A pair takes two bytes or more: a count that the bytes left cannot hold is cut short
 * here. */
size_t pack_read_map(struct reader *r, size_t n_max)
{
    uint8_t type = reader_u8(r);
    uint64_t n = 0;
    if (type >= FIX_MAP && type < FIX_ARRAY)
        n = type - (unsigned)FIX_MAP;
    else if (type == MAP_16 || type == MAP_32)
        n = read_width(r, 1 + (unsigned)type - MAP_16);
    else
        reader_fail(r, ERR_MALFORMED);
    if (n > n_max)
        reader_fail(r, ERR_MALFORMED);
    if (n > r->left / 2)
        reader_fail(r, ERR_TRUNCATED);
    return r->error ? 0 : (size_t)n;
}

/* Step over the head of a value and its own bytes; returns how many values it contains. */
static uint64_t skip_head(struct reader *r)
{
    uint8_t type = reader_u8(r);
    if (type < FIX_MAP || type >= NEGATIVE_FIX || type == NIL || type == FALSE ||
        type == TRUE)
        return 0;
    if (type < FIX_ARRAY)
        return 2 * (type - (uint64_t)FIX_MAP);
    if (type < FIX_TEXT)
        return type - (uint64_t)FIX_ARRAY;
    if (type >= MAP_16)
        return 2 * read_width(r, 1 + (unsigned)type - MAP_16);
    if (type >= ARRAY_16)
        return read_width(r, 1 + (unsigned)type - ARRAY_16);
    uint64_t len = 0;
    if (type < NIL)
        len = type - (unsigned)FIX_TEXT;
    else if (type == NEVER_USED)
        reader_fail(r, ERR_MALFORMED);
    else if (type < EXT_8)
        len = read_width(r, (unsigned)type - BIN_8);
    else if (type < FLOAT_32)
        len = 1 + read_width(r, (unsigned)type - EXT_8);
    else if (type <= FLOAT_64)
        len = 4u << (type - (unsigned)FLOAT_32);
    else if (type < INT_8)
        len = 1u << (type - (unsigned)UINT_8);
    else if (type < FIX_EXT_1)
        len = 1u << (type - (unsigned)INT_8);
    else if (type <= FIX_EXT_16)
        len = 1 + (1u << (type - (unsigned)FIX_EXT_1));
    else
        len = read_width(r, (unsigned)type - TEXT_8);
    (void)reader_take(r, (size_t)len);
    return 0;
}

/* Instead of a stack, one count of values still to come; each takes a byte or more, so a
 * count beyond the bytes left is an early end, however deep the nesting. */
void pack_skip(struct reader *r)
{
    uint64_t n_open = 1;
    while (n_open > 0 && !reader_error(r)) {
        n_open += skip_head(r) - 1;
        if (n_open > r->left)
            reader_fail(r, ERR_TRUNCATED);
    }
}
