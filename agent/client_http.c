/* Reading an HTTP/1.1 answer, as RFC 9112 section 6 and 7 frame it.
 *
 *     STATUS -> HEADERS -> BODY_LENGTH | BODY_TO_END | CHUNK_SIZE -> COMPLETE
 *                                          CHUNK_SIZE -> CHUNK_DATA -> CHUNK_END ->
 * CHUNK_SIZE CHUNK_SIZE (0) -> TRAILERS -> COMPLETE
 *
 * Lines are collected in a bounded buffer, bodies are passed on without a copy. */
#include "agent/client_http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/err.h"

void client_http_init(struct client_http *r)
{
    *r = (struct client_http){.phase = HTTP_STATUS};
}

bool client_http_has_headers(const struct client_http *r)
{
    return r->phase != HTTP_STATUS && r->phase != HTTP_HEADERS;
}

bool client_http_is_complete(const struct client_http *r)
{
    return r->phase == HTTP_COMPLETE;
}

/* "HTTP/1.1 200 OK" */
static int take_status(struct client_http *r)
{
    const char *at = r->line;
    if (strncmp(at, "HTTP/1.", 7) != 0 || (at[7] != '0' && at[7] != '1') || at[8] != ' ')
        return ERR_MALFORMED;
    for (int i = 9; i < 12; i++) {
        if (at[i] < '0' || at[i] > '9')
            return ERR_MALFORMED;
    }
    if (at[12] != ' ' && at[12] != '\0')
        return ERR_MALFORMED;
    r->status = (at[9] - '0') * 100 + (at[10] - '0') * 10 + (at[11] - '0');
    r->is_closing = at[7] == '0';
    r->phase = HTTP_HEADERS;
    return 0;
}

static int parse_length(const char *text, unsigned base, uint64_t *ret_value)
{
    uint64_t value = 0;
    size_t n = 0;
    for (; text[n] != '\0' && text[n] != ';' && text[n] != ' '; n++) {
        char c = text[n];
        unsigned digit;
        if (c >= '0' && c <= '9')
            digit = (unsigned)(c - '0');
        else if (base == 16 && (c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (unsigned)((c | 0x20) - 'a') + 10;
        else
            return ERR_MALFORMED;
        if (n >= 15) /* 16^15 bytes fit an uint64_t, and no answer is that long */
            return ERR_BOUND;
        value = value * base + digit;
    }
    if (n == 0)
        return ERR_MALFORMED;
    *ret_value = value;
    return 0;
}

static int take_header(struct client_http *r)
{
    char *colon = strchr(r->line, ':');
    if (!colon)
        return ERR_MALFORMED;
    *colon = '\0';
    const char *value = colon + 1 + strspn(colon + 1, " \t");
    char *end = r->line + r->line_len;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = '\0';

    if (strcasecmp(r->line, "content-length") == 0) {
        r->has_length = true;
        return parse_length(value, 10, &r->left);
    }
    if (strcasecmp(r->line, "transfer-encoding") == 0)
        r->is_chunked = strcasecmp(value, "chunked") == 0;
    else if (strcasecmp(r->line, "connection") == 0)
        r->is_closing = strcasecmp(value, "close") == 0;
    else if (strcasecmp(r->line, "x-stratos-node") == 0)
        (void)snprintf(r->node, sizeof(r->node), "%s", value);
    else if (strcasecmp(r->line, "x-stratos-view") == 0)
        (void)snprintf(r->view, sizeof(r->view), "%s", value);
    return 0;
}

static void end_headers(struct client_http *r)
{
    if (r->status < 200) {
        client_http_init(r);
    } else if (r->status == 204 || r->status == 304) {
        r->phase = HTTP_COMPLETE;
    } else if (r->is_chunked) {
        r->phase = HTTP_CHUNK_SIZE;
    } else if (r->has_length) {
        r->phase = r->left > 0 ? HTTP_BODY_LENGTH : HTTP_COMPLETE;
    } else {
        r->phase = HTTP_BODY_TO_END;
        r->is_closing = true;
    }
}

/* One whole line is in r->line, without its end. */
static int take_line(struct client_http *r)
{
    int error = 0;
    if (r->phase == HTTP_STATUS) {
        error = take_status(r);
    } else if (r->phase == HTTP_HEADERS) {
        if (r->line_len == 0)
            end_headers(r);
        else
            error = take_header(r);
    } else if (r->phase == HTTP_CHUNK_SIZE) {
        error = parse_length(r->line, 16, &r->left);
        r->phase = r->left > 0 ? HTTP_CHUNK_DATA : HTTP_TRAILERS;
        r->n_header_bytes = 0;
    } else if (r->phase == HTTP_CHUNK_END) {
        error = r->line_len == 0 ? 0 : ERR_MALFORMED;
        r->phase = HTTP_CHUNK_SIZE;
    } else if (r->line_len == 0) {
        r->phase = HTTP_COMPLETE;
    }
    r->line_len = 0;
    return error;
}

static int collect(struct client_http *r, char c)
{
    if (++r->n_header_bytes > HTTP_HEADER_MAX)
        return ERR_BOUND;
    if (c != '\n') {
        if (r->line_len + 1 >= sizeof(r->line))
            return ERR_BOUND;
        r->line[r->line_len++] = c;
        return 0;
    }
    if (r->line_len > 0 && r->line[r->line_len - 1] == '\r')
        r->line_len--;
    r->line[r->line_len] = '\0';
    return take_line(r);
}

int client_http_feed(struct client_http *r, struct bytes in, size_t *used,
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

int client_http_end(struct client_http *r)
{
    if (r->phase == HTTP_BODY_TO_END)
        r->phase = HTTP_COMPLETE;
    return r->phase == HTTP_COMPLETE ? 0 : ERR_TRUNCATED;
}
