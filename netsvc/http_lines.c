/* The state machine over the lines of a head.  See http_lines.h; the grammar is that of
 * RFC 9112, 3 and 5. */
#include "netsvc/http_lines.h"

void http_lines_init(struct http_lines *l, bool has_request_line)
{
    *l = (struct http_lines){.state =
                                 has_request_line ? HTTP_LINES_METHOD : HTTP_LINES_NAME};
}

bool http_is_token(uint8_t c)
{
    /* "!#$%&'*+-.^_`|~", digits and letters: a bit for each byte. */
    static const uint32_t set[8] = {0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff};
    return (set[c / 32] >> c % 32 & 1) != 0;
}

static void bad(struct http_lines *l, int status, const char *why)
{
    l->refusal = (struct http_refusal){status, why};
}

static void go(struct http_lines *l, enum http_lines_state state)
{
    l->state = state;
    l->n = 0;
}

/* ---- the request line: method SP target SP version ---- */

static void take_method(struct http_lines *l, uint8_t c)
{
    if (http_is_token(c))
        l->n++;
    else if (c == ' ' && l->n > 0)
        go(l, HTTP_LINES_TARGET);
    else
        bad(l, 400, "this is no HTTP request: it must begin with a method and a space");
}

static void take_target(struct http_lines *l, uint8_t c)
{
    if (c > ' ' && c < 0x7f)
        l->n++;
    else if (c == ' ' && l->n > 0)
        go(l, HTTP_LINES_VERSION);
    else if (c == '\r' && l->n > 0)
        bad(l, 505, "the request line names no version: send HTTP/1.1 after the path");
    else
        bad(l, 400,
            "the request line must be method, path and version with one space between "
            "them; other bytes of a path are sent as %XX");
}

static void take_version(struct http_lines *l, uint8_t c)
{
    static const char form[] = "HTTP/0.0\r";
    bool is_digit = c >= '0' && c <= '9';
    if (form[l->n] == '0' ? !is_digit : c != (uint8_t)form[l->n])
        bad(l, 400, "the request line must end with a space and a version as HTTP/1.1");
    else if (++l->n == sizeof(form) - 1)
        go(l, HTTP_LINES_LF);
}

/* ---- header lines: name ":" value ---- */

static void take_name(struct http_lines *l, uint8_t c)
{
    bool is_space = c == ' ' || c == '\t';
    if (http_is_token(c))
        l->n++;
    else if (c == ':' && l->n > 0)
        go(l, HTTP_LINES_VALUE);
    else if (c == '\r' && l->n == 0)
        go(l, HTTP_LINES_LAST_LF);
    else if (is_space && l->n == 0)
        bad(l, 400, "a header line begins with a space: folded lines are not taken");
    else if (is_space)
        bad(l, 400, "a header has a space before its colon");
    else if (c == ':')
        bad(l, 400, "a header line has no name before its colon");
    else
        bad(l, 400, "a header's name has a byte that may not be there, or no colon");
}

static void take_value(struct http_lines *l, uint8_t c)
{
    if (c == '\r')
        go(l, HTTP_LINES_LF);
    else if (c == '\n')
        bad(l, 400, "a line ends in LF alone: end each with CR LF");
    else if ((c < ' ' && c != '\t') || c == 0x7f)
        bad(l, 400, "a header's value has a control byte");
}

static void take_lf(struct http_lines *l, uint8_t c)
{
    if (c != '\n')
        bad(l, 400, "a CR stands without LF: end each line with CR LF");
    else
        go(l, l->state == HTTP_LINES_LF ? HTTP_LINES_NAME : HTTP_LINES_OVER);
}

static void take(struct http_lines *l, uint8_t c)
{
    switch (l->state) {
    case HTTP_LINES_METHOD:
        take_method(l, c);
        break;
    case HTTP_LINES_TARGET:
        take_target(l, c);
        break;
    case HTTP_LINES_VERSION:
        take_version(l, c);
        break;
    case HTTP_LINES_NAME:
        take_name(l, c);
        break;
    case HTTP_LINES_VALUE:
        take_value(l, c);
        break;
    case HTTP_LINES_LF:
    case HTTP_LINES_LAST_LF:
        take_lf(l, c);
        break;
    case HTTP_LINES_OVER:
        break;
    }
}

enum http_lines_event http_lines_take(struct http_lines *l, struct bytes in,
                                      size_t *ret_used)
{
    size_t i = 0;
    while (i < in.len && l->state != HTTP_LINES_OVER) {
        take(l, in.at[i++]);
        if (l->refusal.status != 0)
            l->state = HTTP_LINES_OVER;
    }
    *ret_used = i;
    if (l->state != HTTP_LINES_OVER)
        return HTTP_LINES_MORE;
    return l->refusal.status != 0 ? HTTP_LINES_BAD : HTTP_LINES_DONE;
}
