/* See log_line.h. */
#include "isolate/log_line.h"

#include <stdio.h>
#include <string.h>

const char *const log_streams[LOG_STREAMS] = {"stdout", "stderr"};

enum { DIGITS_MAX = 16 }; /* of milliseconds: enough for 300,000 years */

size_t log_line_stamp(uint64_t at_unix_ms, char out[static LOG_STAMP_MAX])
{
    return (size_t)snprintf(out, LOG_STAMP_MAX, "%llu ", (unsigned long long)at_unix_ms);
}

size_t log_line_lost(uint64_t at_unix_ms, uint64_t n_bytes, const char *cause,
                     char out[static LOG_NOTE_MAX])
{
    return (size_t)snprintf(out, LOG_NOTE_MAX, "%llu!lost %llu %.80s\n",
                            (unsigned long long)at_unix_ms, (unsigned long long)n_bytes,
                            cause);
}

/* Digits at the beginning; returns how many. */
static size_t read_number(struct bytes in, uint64_t *ret_number)
{
    size_t n = 0;
    *ret_number = 0;
    for (; n < in.len && n < DIGITS_MAX && in.at[n] >= '0' && in.at[n] <= '9'; n++)
        *ret_number = *ret_number * 10 + (uint64_t)(in.at[n] - '0');
    return n;
}

static void skip(struct bytes *in, size_t n)
{
    in->at += n;
    in->len -= n;
}

size_t log_line_read(struct bytes in, struct log_line *ret_line)
{
    static const char lost[] = "!lost ";
    const uint8_t *end = in.len ? memchr(in.at, '\n', in.len) : NULL;
    size_t used = end ? (size_t)(end - in.at) + 1 : in.len;
    struct bytes rest = {in.at, end ? used - 1 : used};
    struct log_line line = {0};
    size_t n = read_number(rest, &line.at_unix_ms);
    line.has_stamp = n > 0 && n < rest.len && (rest.at[n] == ' ' || rest.at[n] == '!');
    if (!line.has_stamp) {
        line.at_unix_ms = 0;
    } else {
        skip(&rest, n);
        if (bytes_start_with(rest, bytes_of_text(lost))) {
            line.is_lost = true;
            skip(&rest, sizeof(lost) - 1);
            skip(&rest, read_number(rest, &line.lost_bytes));
        }
        if (rest.len && (rest.at[0] == ' ' || !line.is_lost))
            skip(&rest, 1);
    }
    line.text = rest;
    *ret_line = line;
    return used;
}

size_t log_line_room(size_t len, struct bytes in)
{
    size_t room = len < LOG_TEXT_MAX ? LOG_TEXT_MAX - len : 0;
    size_t most = LOG_TEXT_MAX + 3 - len;
    while (room < in.len && room < most && (in.at[room] & 0xc0) == 0x80)
        room++;
    return room < in.len ? room : in.len;
}
