/* What the parts of a request's head mean together.  See http_head.h. */
#include "netsvc/http_head.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "core/err.h"

static const struct http_refusal served;

static struct http_refusal refuse(int status, const char *why)
{
    return (struct http_refusal){status, why};
}

static size_t count_header(const struct http_request *r, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_headers; i++)
        n += strcasecmp(r->headers[i].name, name) == 0;
    return n;
}

/* ---- framing ---- */

static bool length_of(const char *text, uint64_t *ret)
{
    uint64_t len = 0;
    if (*text == '\0')
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || len > UINT64_MAX / 10 - 1)
            return false;
        len = len * 10 + (uint64_t)(*text - '0');
    }
    *ret = len;
    return true;
}

/* The list of Transfer-Encoding.  Only chunked tells where a body ends, so it must be the
 * last one. */
static struct http_refusal judge_coding(const char *list)
{
    size_t n = 0, n_chunked = 0;
    bool is_chunked = false;
    for (const char *at = list; *at;) {
        size_t len = strcspn(at, ", \t");
        if (len > 0) {
            is_chunked = len == 7 && strncasecmp(at, "chunked", 7) == 0;
            n++;
            n_chunked += is_chunked;
        }
        at += len + (at[len] != '\0');
    }
    if (!is_chunked || n_chunked > 1)
        return refuse(400, "Transfer-Encoding must end in chunked, once");
    return n > 1 ? refuse(501, "no Transfer-Encoding but chunked is understood") : served;
}

/* Two ways to say where the message ends are how requests are smuggled (RFC 9112, 6.3). */
static struct http_refusal judge_framing(const struct http_request *r,
                                         struct http_framing *ret)
{
    const char *coding = http_request_header(r, "transfer-encoding");
    const char *length = http_request_header(r, "content-length");
    *ret = (struct http_framing){.is_chunked = coding != NULL};
    if (count_header(r, "content-length") > 1 ||
        (length && !length_of(length, &ret->len)))
        return refuse(400,
                      "Content-Length must be there once at most, in decimal digits");
    if (!coding)
        return served;
    if (length)
        return refuse(400, "send Content-Length or Transfer-Encoding, not both");
    if (r->is_old)
        return refuse(400, "HTTP/1.0 has no Transfer-Encoding: send Content-Length");
    if (count_header(r, "transfer-encoding") > 1)
        return refuse(400, "Transfer-Encoding must be there once at most");
    return judge_coding(coding);
}

/* Nothing but "100-continue" may be expected here (RFC 9110, 10.1.1). */
static struct http_refusal judge_expect(struct http_request *r)
{
    for (size_t i = 0; i < r->n_headers; i++) {
        if (strcasecmp(r->headers[i].name, "expect") != 0)
            continue;
        for (const char *at = r->headers[i].value; *at;) {
            size_t len = strcspn(at, ", \t");
            if (len > 0 && (len != 12 || strncasecmp(at, "100-continue", 12) != 0))
                return refuse(417, "nothing can be expected here but 100-continue");
            r->expects_continue = r->expects_continue || len > 0;
            at += len + (at[len] != '\0');
        }
    }
    r->expects_continue = r->expects_continue && r->has_body && !r->is_old;
    return served;
}

/* ---- authorities ---- */

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* unreserved / sub-delims (RFC 3986, 2) */
static bool is_plain(char c)
{
    bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    return c != '\0' &&
           (is_letter || (c >= '0' && c <= '9') || strchr("-._~!$&'()*+,;=", c));
}

static size_t name_len(const char *at)
{
    size_t n = 0;
    while (is_plain(at[n]) || (at[n] == '%' && is_hex(at[n + 1]) && is_hex(at[n + 2])))
        n += at[n] == '%' ? 3 : 1;
    return n;
}

/* "[::1]"; 0 when it is none. */
static size_t bracket_len(const char *at)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    const char *end = strchr(at, ']');
    size_t len = end ? (size_t)(end - at) - 1 : 0;
    if (len == 0 || len >= sizeof(text))
        return 0;
    memcpy(text, at + 1, len);
    text[len] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1 ? len + 2 : 0;
}

bool http_authority_is_valid(const char *text)
{
    size_t n = *text == '[' ? bracket_len(text) : name_len(text);
    if (*text == '[' && n == 0)
        return false;
    if (text[n] == '\0')
        return true;
    unsigned port = 0;
    const char *digits = text + n + 1;
    for (; text[n] == ':' && *digits >= '0' && *digits <= '9' && port <= 65535; digits++)
        port = port * 10 + (unsigned)(*digits - '0');
    return text[n] == ':' && *digits == '\0' && port <= 65535;
}

static struct http_refusal judge_host(struct http_request *r)
{
    size_t n = count_header(r, "host");
    r->authority = http_request_header(r, "host");
    if (n > 1 || (n == 0 && !r->is_old))
        return refuse(400, "a request must have one Host header");
    if (n == 1 && !http_authority_is_valid(r->authority))
        return refuse(400, "Host must be a name or an address, and perhaps a port");
    return served;
}

/* ---- the target ---- */

static struct http_refusal out_of_memory(void)
{
    return refuse(500, "this node is out of memory");
}

/* "name=value", "name=" or "name". */
static struct http_refusal judge_param(struct http_request *r, struct bytes text,
                                       struct http_pair *params, struct arena *arena)
{
    const uint8_t *equals = memchr(text.at, '=', text.len);
    size_t name_len = equals ? (size_t)(equals - text.at) : text.len;
    size_t skip = equals ? name_len + 1 : name_len;
    struct bytes raw = {text.at + skip, text.len - skip};
    char *name, *value = NULL;
    if (r->n_params == HTTP_PARAMS_MAX)
        return refuse(400, "the query has more than 64 parameters");
    int status = http_decode((struct bytes){text.at, name_len}, true, arena, &name);
    if (status == 0)
        status = http_decode(raw, true, arena, &value);
    if (status == -ENOMEM)
        return out_of_memory();
    if (status < 0)
        return refuse(400, "the query must be UTF-8, and each % begin a %XX");
    params[r->n_params++] = (struct http_pair){name, value};
    return served;
}

static struct http_refusal judge_query(struct http_request *r, const char *query,
                                       struct http_pair *params, struct arena *arena)
{
    struct http_refusal refusal = served;
    while (*query && refusal.status == 0) {
        size_t len = strcspn(query, "&");
        if (len > 0)
            refusal = judge_param(r, (struct bytes){(const uint8_t *)query, len}, params,
                                  arena);
        query += len + (query[len] == '&');
    }
    return refusal;
}

/* The authority of "http://host:1/path"; *at moves to the path. */
static struct http_refusal judge_absolute(struct http_request *r, const char **at,
                                          struct arena *arena)
{
    const char *host = *at + strlen("http://");
    size_t len = strcspn(host, "/?");
    r->authority = arena_text_of(arena, (struct bytes){(const uint8_t *)host, len});
    if (!r->authority)
        return out_of_memory();
    if (len == 0 || *r->authority == ':' || !http_authority_is_valid(r->authority))
        return refuse(400, "the address asked for must have a host, and perhaps a port");
    *at = host + len;
    if (**at == '\0' && strcmp(r->method, "OPTIONS") == 0)
        *at = "*"; /* RFC 9112, 3.2.4 */
    return served;
}

/* "/a%20b?c=d", "http://host/a?c=d" (RFC 9112, 3.2.2) or "*" (3.2.4). */
static struct http_refusal judge_target(struct http_request *r, struct http_pair *params,
                                        struct arena *arena)
{
    const char *at = r->target;
    struct http_refusal refusal = served;
    char *path = NULL;
    if (strchr(at, '#'))
        return refuse(400, "a target has no fragment: what follows # is not sent");
    if (strncasecmp(at, "https://", 8) == 0)
        return refuse(421, "https is not served here: ask by http");
    if (strncasecmp(at, "http://", 7) == 0)
        refusal = judge_absolute(r, &at, arena);
    if (refusal.status != 0)
        return refusal;
    size_t len = strcspn(at, "?");
    struct bytes raw = {(const uint8_t *)at, len};
    r->raw_path = len > 0 ? arena_text_of(arena, raw) : "/";
    int status = len > 0 ? http_decode(raw, false, arena, &path) : 0;
    if (!r->raw_path || status == -ENOMEM)
        return out_of_memory();
    if (status < 0)
        return refuse(400, "the path must be UTF-8, and each % begin a %XX");
    r->path = len > 0 ? path : "/";
    bool is_asterisk = strcmp(at, "*") == 0 && strcmp(r->method, "OPTIONS") == 0;
    if (*r->raw_path != '/' && !is_asterisk)
        return refuse(400, "the target must be a path that begins with a slash, or an "
                           "address as http://host/path");
    for (const char *c = r->path; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return refuse(400, "the path has a control character");
    return at[len] == '?' ? judge_query(r, at + len + 1, params, arena) : served;
}

struct http_refusal http_head_judge(struct http_request *r, struct http_pair *params,
                                    struct arena *arena, struct http_framing *ret)
{
    struct http_refusal refusal = judge_framing(r, ret);
    r->has_body = ret->is_chunked || ret->len > 0;
    if (refusal.status == 0)
        refusal = judge_host(r);
    if (refusal.status == 0)
        refusal = judge_target(r, params, arena);
    if (refusal.status == 0)
        refusal = judge_expect(r);
    return refusal;
}
