/* The plain-text half of http.h: percent-decoding and the writing of answers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/utf8.h"
#include "netsvc/http.h"

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_utf8(struct bytes in)
{
    while (in.len > 0) {
        size_t len = utf8_sequence(in);
        if (len == 0)
            return false;
        in.at += len;
        in.len -= len;
    }
    return true;
}

int http_decode(struct bytes in, bool is_query, struct arena *arena, char **ret_text)
{
    char *out = arena_alloc(arena, in.len + 1);
    if (!out)
        return -ENOMEM;
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.at[i];
        if (c == '%') {
            bool is_whole = in.len - i > 2;
            int high = is_whole ? hex_digit(in.at[i + 1]) : -1;
            int low = is_whole ? hex_digit(in.at[i + 2]) : -1;
            if (high < 0 || low < 0)
                return ERR_MALFORMED;
            c = (uint8_t)(high << 4 | low);
            i += 2;
        } else if (c == '+' && is_query) {
            c = ' ';
        }
        if (c == '\0')
            return ERR_MALFORMED;
        out[n++] = (char)c;
    }
    out[n] = '\0';
    if (!is_utf8((struct bytes){(const uint8_t *)out, n}))
        return ERR_MALFORMED; /* no name here is anything else, and no answer could say it */
    *ret_text = out;
    return 0;
}

const char *http_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "Status";
}

static void put_text(struct writer *out, const char *text)
{
    writer_bytes(out, bytes_of_text(text));
}

void http_error_write(int status, const char *why, struct writer *out)
{
    const char *code = status == 400                                     ? "malformed"
                       : status == 408                                   ? "timeout"
                       : status == 413 || status == 431                  ? "too_large"
                       : status == 421                                   ? "denied"
                       : status == 417 || status == 501 || status == 505 ? "unsupported"
                                                                         : "failed";
    put_text(out, "{\"error\":{\"code\":\"");
    put_text(out, code);
    put_text(out, "\",\"message\":\"");
    put_text(out, why);
    put_text(out, "\"}}");
}

/* A value may hold what a user typed; a line break in it would begin a header of theirs. */
static void put_header(struct writer *out, const char *name, const char *value)
{
    put_text(out, name);
    put_text(out, ": ");
    for (const char *c = value; *c; c++)
        writer_u8(out, (uint8_t)(*c == '\r' || *c == '\n' ? ' ' : *c));
    put_text(out, "\r\n");
}

void http_answer_write(const struct http_answer *a, struct writer *out)
{
    char line[64];
    (void)snprintf(line, sizeof(line), "HTTP/1.1 %d ", a->status);
    put_text(out, line);
    put_text(out, http_status_text(a->status));
    put_text(out, "\r\n");
    if (a->date)
        put_header(out, "Date", a->date);
    if (a->type)
        put_header(out, "Content-Type", a->type);
    bool has_length = !a->is_stream && a->status != 204 && a->status != 304;
    if (has_length) {
        (void)snprintf(line, sizeof(line), "%zu", a->body_len);
        put_header(out, "Content-Length", line);
    }
    if (a->is_stream && !a->is_old)
        put_header(out, "Transfer-Encoding", "chunked");
    bool stays = a->keep_alive && !(a->is_stream && a->is_old);
    if (!stays)
        put_header(out, "Connection", "close");
    else if (a->is_old)
        put_header(out, "Connection", "keep-alive");
    for (size_t i = 0; i < a->n_headers; i++)
        put_header(out, a->headers[i].name, a->headers[i].value);
    put_text(out, "\r\n");
}

void http_chunk_write(size_t len, struct writer *out)
{
    char line[24];
    (void)snprintf(line, sizeof(line), "%zx\r\n", len);
    put_text(out, line);
}

/* Days since 1970-01-01 to a civil date: the year is counted from March, so that the leap
 * day is its last. */
const char *http_date_text(int64_t unix_s, char out[static 32])
{
    static const char days[7][4] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const int64_t last = 253402300799; /* 9999-12-31T23:59:59Z */
    unix_s = unix_s < 0 ? 0 : unix_s > last ? last : unix_s;
    int64_t day = unix_s / 86400, second = unix_s % 86400;
    int64_t z = day + 719468; /* days from 0000-03-01 */
    int64_t era = z / 146097, of_era = z % 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t march_month = (5 * of_year + 2) / 153;
    int64_t month_day = of_year - (153 * march_month + 2) / 5 + 1;
    int64_t month = march_month < 10 ? march_month + 2 : march_month - 10;
    year += era * 400 + (month < 2);
    (void)snprintf(out, 32, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days[day % 7],
                   (unsigned)month_day % 100, months[month], (unsigned)year % 10000,
                   (unsigned)(second / 3600) % 100, (unsigned)(second / 60) % 60,
                   (unsigned)second % 60);
    return out;
}
