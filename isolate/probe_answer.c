/* What a probe makes of what it meets.  See probe_answer.h. */
#include "isolate/probe_answer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/utf8.h"

void probe_answer_init(struct probe_answer *a, const struct health_spec *check)
{
    *a = (struct probe_answer){
        .is_http = check->kind == HEALTH_HTTP,
        .status_min = check->status_min ? check->status_min : 200,
        .status_max = check->status_max ? check->status_max : 399,
        .timeout_ms = check->timeout_ms ? check->timeout_ms : 1,
    };
    http_reader_init(&a->http, PROBE_ANSWER_MAX, NULL, 0);
}

/* ---- words ---- */

static bool __attribute__((format(printf, 3, 4)))
end_with(struct probe_answer *a, bool is_ok, const char *format, ...)
{
    char text[2 * PROBE_WORDS_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)utf8_line(bytes_of_text(text), a->words, sizeof(a->words));
    a->is_ok = is_ok;
    a->is_over = true;
    return true;
}

/* "2s", "300ms", "2.5s" */
static const char *time_text(uint32_t ms, char out[static 24])
{
    uint32_t tenths = ms % 1000 / 100;
    if (ms < 1000 || ms % 100)
        (void)snprintf(out, 24, "%ums", ms);
    else if (tenths)
        (void)snprintf(out, 24, "%u.%us", ms / 1000, tenths);
    else
        (void)snprintf(out, 24, "%us", ms / 1000);
    return out;
}

/* The body's first line that is not empty, harmless; "" when it is no text. */
static void body_line(const struct probe_answer *a, char out[static PROBE_LINE_MAX + 1])
{
    struct bytes line = {a->line, a->line_len};
    const uint8_t *end = memchr(line.at, '\n', line.len);
    if (end)
        line.len = (size_t)(end - line.at);
    while (line.len > 0 && strchr(" \t\r", line.at[line.len - 1]))
        line.len--;
    (void)utf8_line(line, out, PROBE_LINE_MAX + 1);
    if (out[0] == '?' && line.at[0] != '?')
        out[0] = '\0'; /* compressed, or an image: no words */
}

/* The status decides; one that is none counts as a server's error (9110, 15). */
static bool judge(struct probe_answer *a)
{
    unsigned status = (unsigned)a->http.status;
    bool is_ok = status >= a->status_min && status <= a->status_max && status >= 100 &&
                 status <= 599;
    char line[PROBE_LINE_MAX + 1], phrase[40];
    body_line(a, line);
    (void)utf8_line(bytes_of_text(a->http.phrase), phrase, sizeof(phrase));
    return end_with(a, is_ok, "answered %03u%s%s%s%s", status, *phrase ? " " : "", phrase,
                    *line ? ": " : "", line);
}

static bool is_printable(struct bytes in)
{
    for (size_t i = 0; i < in.len; i++)
        if (in.at[i] < ' ' || in.at[i] > '~')
            return false;
    return in.len > 0;
}

/* Who a stranger is can be seen from its first bytes: a TLS alert, the settings of HTTP/2 (RFC 9113,
 * 3.4), or a banner that is text. */
static bool judge_stranger(struct probe_answer *a)
{
    size_t len = a->n_bytes < sizeof(a->first) ? a->n_bytes : sizeof(a->first);
    struct bytes line = {a->first, len};
    if (a->http.status)
        return end_with(a, false, "answered %03u with headers that are not HTTP",
                        (unsigned)a->http.status);
    if (len >= 2 && a->first[0] == 0x15 && a->first[1] == 0x03)
        return end_with(a, false, "not HTTP: it speaks TLS");
    if (len >= 4 && a->first[0] == 0 && a->first[1] == 0 && a->first[3] == 4)
        return end_with(a, false, "not HTTP/1.1: it speaks HTTP/2");
    const uint8_t *end = memchr(line.at, '\n', line.len);
    if (end)
        line.len = (size_t)(end - line.at);
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    if (is_printable(line))
        return end_with(a, false, "not HTTP: %.*s", (int)line.len, (const char *)line.at);
    return end_with(a, false, "not HTTP");
}

/* ---- the connection ---- */

bool probe_answer_connected(struct probe_answer *a)
{
    a->is_connected = true;
    if (!a->is_http)
        return end_with(a, true, "connected");
    return a->is_over;
}

static void keep_line(struct probe_answer *a, struct bytes piece)
{
    while (a->line_len == 0 && piece.len > 0 && strchr(" \t\r\n", piece.at[0])) {
        piece.at++;
        piece.len--;
    }
    size_t room = sizeof(a->line) - a->line_len;
    size_t len = piece.len < room ? piece.len : room;
    memcpy(a->line + a->line_len, piece.at, len);
    a->line_len += len;
}

static void keep_first(struct probe_answer *a, struct bytes in)
{
    size_t from = a->n_bytes < sizeof(a->first) ? a->n_bytes : sizeof(a->first);
    size_t room = sizeof(a->first) - from;
    memcpy(a->first + from, in.at, in.len < room ? in.len : room);
    a->n_bytes += in.len;
}

bool probe_answer_feed(struct probe_answer *a, struct bytes in)
{
    struct bytes piece;
    size_t used = 0;
    int got;
    if (a->is_over || in.len == 0)
        return a->is_over;
    keep_first(a, in);
    while ((got = http_reader_feed(&a->http, in, &used, &piece)) > 0)
        keep_line(a, piece);
    a->is_broken = got < 0;
    if (!http_reader_has_headers(&a->http)) {
        if (got == ERR_BOUND || a->n_bytes >= PROBE_ANSWER_MAX)
            return end_with(a, false, "more than %d KiB of headers",
                            PROBE_ANSWER_MAX / 1024);
        return got < 0 ? judge_stranger(a) : false;
    }
    /* A body that is not framed as it says changes nothing of the status. */
    if (got < 0 || http_reader_is_complete(&a->http) || a->n_bytes >= PROBE_ANSWER_MAX)
        return judge(a);
    return false;
}

bool probe_answer_has_more(const struct probe_answer *a)
{
    return a->n_bytes >= PROBE_ANSWER_MAX && !a->is_broken &&
           !http_reader_is_complete(&a->http);
}

bool probe_answer_skip(struct probe_answer *a, struct bytes in)
{
    struct bytes piece;
    size_t used = 0;
    int got;
    while ((got = http_reader_feed(&a->http, in, &used, &piece)) > 0)
        ;
    a->is_broken = a->is_broken || got < 0;
    return !probe_answer_has_more(a);
}

static void end_early(struct probe_answer *a, int code)
{
    char within[24];
    bool has_begun = a->n_bytes > 0;
    (void)time_text(a->timeout_ms, within);
    if (code == ERR_TIMEOUT && !a->is_connected)
        (void)end_with(a, false, "no connection within %s", within);
    else if (code == ERR_TIMEOUT)
        (void)end_with(a, false, "no %sanswer within %s", has_begun ? "whole " : "",
                       within);
    else if (code == 0)
        (void)end_with(a, false, "the connection was closed %s",
                       has_begun ? "in the middle of the answer" : "without an answer");
    else if (code == -ECONNRESET || code == -EPIPE)
        (void)end_with(a, false, "the connection was reset %s",
                       has_begun ? "in the middle of the answer" : "without an answer");
    else if (code == -ECONNREFUSED)
        (void)end_with(a, false, "connection refused");
    else
        (void)end_with(a, false, "%s", err_text(code));
}

void probe_answer_end(struct probe_answer *a, int code)
{
    if (a->is_over)
        return;
    if (http_reader_has_headers(&a->http))
        (void)judge(a);
    else
        end_early(a, code);
}

/* ---- the request ---- */

struct request {
    char *out;
    size_t cap, len;
};

static void put(struct request *r, const char *text, size_t len)
{
    if (r->len < r->cap)
        memcpy(r->out + r->len, text, len < r->cap - r->len ? len : r->cap - r->len);
    r->len += len;
}

static void put_text(struct request *r, const char *text)
{
    put(r, text, strlen(text));
}

/* What RFC 3986 lets stand in a path and its query; the rest, "#" too, is encoded. */
static void put_path(struct request *r, const char *path)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        "-._~!$&'()*+,;=:@/?%[]";
    char hex[4];
    if (path[0] != '/')
        put_text(r, "/");
    for (; *path; path++) {
        if (strchr(plain, *path)) {
            put(r, path, 1);
            continue;
        }
        (void)snprintf(hex, sizeof(hex), "%%%02X", (unsigned char)*path);
        put(r, hex, 3);
    }
}

/* The port of the scheme is not written (9110, 4.2.3). */
static const char *host_text(const struct endpoint *to, char out[static ADDRESS_TEXT_MAX])
{
    enum { HTTP_PORT = 80 };
    if (to->port != HTTP_PORT)
        return endpoint_text(to, out);
    char host[ADDRESS_TEXT_MAX];
    (void)snprintf(out, ADDRESS_TEXT_MAX, to->family == 6 ? "[%.45s]" : "%.45s",
                   endpoint_host_text(to, host));
    return out;
}

size_t probe_request(const struct health_spec *check, const struct endpoint *to,
                     char *out, size_t cap)
{
    struct request r = {.out = out, .cap = cap};
    char host[ADDRESS_TEXT_MAX];
    put_text(&r, "GET ");
    put_path(&r, check->path ? check->path : "/");
    put_text(&r, " HTTP/1.1\r\nHost: ");
    put_text(&r, host_text(to, host));
    put_text(&r, "\r\nUser-Agent: stratos/" STRATOS_VERSION
                 "\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    return r.len;
}
