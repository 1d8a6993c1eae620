/* Reading an HTTP/1.1 answer, as RFC 9112 sections 4 to 7 frame it.
 *
 *     STATUS -> HEADERS -> BODY_LENGTH | BODY_TO_END | CHUNK_SIZE -> COMPLETE
 *        ^---- 1xx --'
 *                    CHUNK_SIZE -> CHUNK_DATA -> CHUNK_END -> CHUNK_SIZE
 *                    CHUNK_SIZE (0) -> TRAILERS -> COMPLETE
 *
 * Lines are collected in a bounded buffer, of which only the beginning is needed: headers may be
 * longer.  Bodies are passed on without a copy. */
#include "core/http_reader.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/err.h"

static const char VERSION_TEXT[] = "HTTP/1.";
enum { VERSION_LEN = sizeof(VERSION_TEXT) - 1, CODE_AT = VERSION_LEN + 2 };

void http_reader_init(struct http_reader *r, size_t head_max,
                      const struct http_wanted *wanted, size_t n_wanted)
{
    *r = (struct http_reader){.phase = HTTP_STATUS,
                              .head_max = head_max,
                              .wanted = wanted,
                              .n_wanted = n_wanted};
}

bool http_reader_has_headers(const struct http_reader *r)
{
    return r->phase != HTTP_STATUS && r->phase != HTTP_HEADERS;
}

bool http_reader_is_complete(const struct http_reader *r)
{
    return r->phase == HTTP_COMPLETE;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- the status line ---- */

/* The line so far can still become "HTTP/1.1 200 OK": the version, one space, three digits, and a
 * phrase that may be missing. */
static bool is_status_so_far(const struct http_reader *r)
{
    size_t last = r->line_len - 1;
    char c = r->line[last];
    if (last < VERSION_LEN)
        return c == VERSION_TEXT[last];
    if (last == VERSION_LEN || (last >= CODE_AT && last < CODE_AT + 3))
        return is_digit(c);
    return last == VERSION_LEN + 1 ? c == ' '
                                   : last != CODE_AT + 3 || c == ' ' || c == '\r';
}

static int take_status(struct http_reader *r)
{
    const char *code = r->line + CODE_AT;
    if (r->line_len < CODE_AT + 3)
        return ERR_MALFORMED;
    r->status = (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
    const char *phrase = code[3] == ' ' ? code + 4 : "";
    (void)snprintf(r->phrase, sizeof(r->phrase), "%.*s", HTTP_PHRASE_MAX - 1, phrase);
    r->is_closing = r->line[VERSION_LEN] == '0';
    r->phase = HTTP_HEADERS;
    return 0;
}

/* ---- headers ---- */

/* Digits up to anything else, whatever zeros lead; *ret_end is what follows them. */
static int take_number(const char *text, unsigned base, uint64_t *ret_value,
                       const char **ret_end)
{
    uint64_t value = 0;
    const char *at = text;
    for (;; at++) {
        unsigned digit;
        if (is_digit(*at))
            digit = (unsigned)(*at - '0');
        else if (base == 16 && (*at | 0x20) >= 'a' && (*at | 0x20) <= 'f')
            digit = (unsigned)((*at | 0x20) - 'a') + 10;
        else
            break;
        if (__builtin_mul_overflow(value, (uint64_t)base, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value))
            return ERR_BOUND;
    }
    if (at == text)
        return ERR_MALFORMED;
    *ret_value = value;
    *ret_end = at;
    return 0;
}

/* The next element of a list at *at, without the space around it; false at its end. */
static bool next_element(const char **at, struct bytes *ret_element)
{
    const char *from = *at + strspn(*at, " \t,");
    if (!*from)
        return false;
    size_t len = strcspn(from, ",");
    *at = from + len;
    while (len > 0 && (from[len - 1] == ' ' || from[len - 1] == '\t'))
        len--;
    *ret_element = (struct bytes){(const uint8_t *)from, len};
    return true;
}

static bool is_word(struct bytes element, const char *word)
{
    return element.len == strlen(word) &&
           strncasecmp((const char *)element.at, word, element.len) == 0;
}

/* Repeated, or a list: allowed while all say the same (9110, 8.6).  A wrong one only matters when
 * nothing else frames the body, so it is remembered. */
static void take_length(struct http_reader *r, const char *value)
{
    struct bytes element;
    bool has_any = false;
    while (next_element(&value, &element)) {
        uint64_t length = 0;
        const char *end = NULL;
        bool is_number = take_number((const char *)element.at, 10, &length, &end) == 0 &&
                         end == (const char *)element.at + element.len;
        if (!is_number || (r->has_length && length != r->length))
            r->is_length_bad = true;
        r->has_length = has_any = true;
        r->length = length;
    }
    if (!has_any || r->is_cut)
        r->has_length = r->is_length_bad = true;
}

/* Chunks frame the body when they are the last coding; of what else is there, the end of the
 * connection tells the end (9112, 6.3). */
static int take_coding(struct http_reader *r, const char *value)
{
    struct bytes element;
    if (r->is_cut)
        return ERR_BOUND;
    while (next_element(&value, &element)) {
        if (is_word(element, "identity")) /* HTTP as it was before 2014 */
            continue;
        if (is_word(element, "chunked") && r->is_chunked)
            return ERR_MALFORMED;
        r->is_chunked = is_word(element, "chunked");
        r->has_coding = true;
    }
    return 0;
}

static void take_connection(struct http_reader *r, const char *value)
{
    struct bytes element;
    bool is_kept = false, is_closed = r->is_cut;
    while (next_element(&value, &element)) {
        is_kept = is_kept || is_word(element, "keep-alive");
        is_closed = is_closed || is_word(element, "close");
    }
    if (is_kept || is_closed)
        r->is_closing = is_closed;
}

static char *trim_end(char *text, size_t len)
{
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        text[--len] = '\0';
    return text;
}

/* The held line, with what was folded into it.  Space before the colon is not allowed to servers,
 * and taken away all the same (9112, 5.1). */
static int take_header(struct http_reader *r)
{
    char *colon = strchr(r->line, ':');
    if (r->is_ignored)
        return 0;
    if (!colon || colon == r->line)
        return ERR_MALFORMED;
    *colon = '\0';
    const char *name = trim_end(r->line, (size_t)(colon - r->line));
    char *value = colon + 1 + strspn(colon + 1, " \t");
    (void)trim_end(value, strlen(value));
    if (strcasecmp(name, "transfer-encoding") == 0)
        return take_coding(r, value);
    if (strcasecmp(name, "content-length") == 0)
        take_length(r, value);
    else if (strcasecmp(name, "connection") == 0)
        take_connection(r, value);
    for (size_t i = 0; i < r->n_wanted; i++)
        if (strcasecmp(name, r->wanted[i].name) == 0)
            (void)snprintf(r->wanted[i].value, r->wanted[i].cap, "%s", value);
    return 0;
}

static int end_headers(struct http_reader *r)
{
    bool is_interim = r->status >= 100 && r->status < 200 && r->status != 101;
    if (is_interim) {
        struct http_reader next;
        http_reader_init(&next, r->head_max, r->wanted, r->n_wanted);
        next.n_head_bytes =
            r->n_head_bytes; /* an endless row of them is too long as well */
        next.is_head = r->is_head;
        *r = next;
    } else if (r->is_head || r->status == 101 || r->status == 204 || r->status == 304) {
        r->is_closing = r->is_closing || r->status == 101;
        r->phase = HTTP_COMPLETE;
    } else if (r->has_coding && r->is_chunked) {
        r->phase = HTTP_CHUNK_SIZE;
    } else if (r->has_length && !r->has_coding) {
        if (r->is_length_bad)
            return ERR_MALFORMED;
        r->left = r->length;
        r->phase = r->left > 0 ? HTTP_BODY_LENGTH : HTTP_COMPLETE;
    } else {
        r->phase = HTTP_BODY_TO_END;
        r->is_closing = true;
    }
    return 0;
}

/* ---- lines ---- */

/* "1a", "1a ;name=value": extensions mean nothing to us. */
static int take_chunk_size(struct http_reader *r)
{
    const char *end;
    int error = take_number(r->line, 16, &r->left, &end);
    if (error < 0)
        return error;
    end += strspn(end, " \t");
    if (*end && *end != ';')
        return ERR_MALFORMED;
    r->phase = r->left > 0 ? HTTP_CHUNK_DATA : HTTP_TRAILERS;
    r->n_head_bytes = 0;
    return 0;
}

/* One whole line is in r->line, without its end. */
static int take_line(struct http_reader *r)
{
    bool is_empty = r->line_len == 0;
    int error = 0;
    if (r->phase == HTTP_HEADERS && !is_empty) {
        r->is_held = true;
        return 0;
    }
    if (r->phase == HTTP_STATUS)
        error = take_status(r);
    else if (r->phase == HTTP_HEADERS)
        error = end_headers(r);
    else if (r->phase == HTTP_CHUNK_SIZE)
        error = take_chunk_size(r);
    else if (r->phase == HTTP_CHUNK_END)
        error = is_empty ? 0 : ERR_MALFORMED;
    if (r->phase == HTTP_CHUNK_END)
        r->phase = HTTP_CHUNK_SIZE;
    else if (r->phase == HTTP_TRAILERS && is_empty)
        r->phase = HTTP_COMPLETE;
    r->line_len = 0;
    r->is_cut = false;
    return error;
}

/* A NUL, and a CR that does not end the line, read as spaces (9110, 5.5; 9112, 2.2). */
static void push(struct http_reader *r, char c)
{
    if (r->line_len > 0 && r->line[r->line_len - 1] == '\r')
        r->line[r->line_len - 1] = ' ';
    if (r->line_len + 1 < sizeof(r->line))
        r->line[r->line_len++] = c ? c : ' ';
    else
        r->is_cut = true;
}

/* After the end of a header line: does the next begin with a space, it belongs to it. */
static int release(struct http_reader *r, char next)
{
    if (next == ' ' || next == '\t')
        return 0;
    r->line[r->line_len] = '\0';
    int error = take_header(r);
    r->line_len = 0;
    r->is_cut = r->is_held = r->is_ignored = false;
    return error;
}

static int collect(struct http_reader *r, char c)
{
    if (++r->n_head_bytes > r->head_max)
        return ERR_BOUND;
    if (r->phase == HTTP_STATUS && r->line_len == 0 && (c == '\r' || c == '\n'))
        return 0;
    if (r->phase == HTTP_HEADERS && r->line_len == 0 && (c == ' ' || c == '\t'))
        r->is_ignored = true; /* space before the first header (9112, 2.2) */
    if (r->is_held) {
        int error = release(r, c);
        if (error < 0)
            return error;
        r->is_held = false;
    }
    if (c != '\n') {
        push(r, c);
        bool is_wrong = r->phase == HTTP_STATUS && !r->is_cut && !is_status_so_far(r);
        return is_wrong ? ERR_MALFORMED : 0;
    }
    if (r->line_len > 0 && r->line[r->line_len - 1] == '\r')
        r->line_len--;
    r->line[r->line_len] = '\0';
    return take_line(r);
}

int http_reader_feed(struct http_reader *r, struct bytes in, size_t *used,
                     struct bytes *ret_piece)
{
    while (*used < in.len && r->phase != HTTP_COMPLETE) {
        bool is_counted = r->phase == HTTP_BODY_LENGTH || r->phase == HTTP_CHUNK_DATA;
        if (!is_counted && r->phase != HTTP_BODY_TO_END) {
            int error = collect(r, (char)in.at[(*used)++]);
            if (error < 0)
                return error;
            continue;
        }
        size_t len = in.len - *used;
        if (is_counted && len > r->left)
            len = (size_t)r->left;
        *ret_piece = (struct bytes){in.at + *used, len};
        *used += len;
        if (is_counted) {
            r->left -= len;
            if (r->left == 0)
                r->phase = r->phase == HTTP_CHUNK_DATA ? HTTP_CHUNK_END : HTTP_COMPLETE;
        }
        return 1;
    }
    return 0;
}

int http_reader_end(struct http_reader *r)
{
    if (r->phase == HTTP_BODY_TO_END)
        r->phase = HTTP_COMPLETE;
    return r->phase == HTTP_COMPLETE ? 0 : ERR_TRUNCATED;
}
