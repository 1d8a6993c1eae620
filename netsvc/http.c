/* The request parser: llhttp finds the pieces, this keeps them within bounds and decodes
 * them.
 *
 * llhttp is paused at the end of the headers and at the end of the message, so that bytes
 * are counted exactly and a pipelined request is left for its turn.  See http.h. */
#include "netsvc/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <llhttp.h>

#include "core/bounds.h"
#include "core/err.h"

enum {
    BODY_FIRST = 4096,
    PARAMS_ARENA_MAX =
        4 * HTTP_HEADER_MAX + 16 * 1024, /* every parameter, with its padding */
    /* Chunk sizes, extensions and trailers: what a message may cost beyond its body. */
    BODY_OVERHEAD_MAX = HTTP_BODY_MAX,
};

struct http_parser {
    llhttp_t llhttp;
    enum http_event state; /* HTTP_EVENT_MORE in the head, HTTP_EVENT_HEAD in the body */
    int status;
    size_t head_bytes, body_bytes; /* as received */
    size_t text_len;
    uint8_t *body;
    size_t body_len, body_cap;
    struct arena arena;
    struct http_request request;
    struct http_pair headers[HTTP_HEADERS_MAX];
    struct http_pair params[HTTP_PARAMS_MAX];
    char text[HTTP_HEADER_MAX + 1]; /* target, names and values, each with a NUL */
};

/* ---- what llhttp calls ---- */

static struct http_parser *owner(llhttp_t *llhttp)
{
    return llhttp->data;
}

static int refuse(struct http_parser *p, int status)
{
    if (p->status == 0)
        p->status = status;
    return HPE_USER;
}

static int text_add(struct http_parser *p, const char *at, size_t len)
{
    if (len > HTTP_HEADER_MAX - p->text_len)
        return refuse(p, 431);
    memcpy(p->text + p->text_len, at, len);
    p->text_len += len;
    return 0;
}

static int text_end(struct http_parser *p)
{
    return text_add(p, "", 1);
}

static int on_url(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *p = owner(llhttp);
    p->request.target = p->text;
    return text_add(p, at, len);
}

static int on_url_complete(llhttp_t *llhttp)
{
    return text_end(owner(llhttp));
}

static int on_field(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *p = owner(llhttp);
    if (p->state != HTTP_EVENT_MORE)
        return 0; /* a trailer: read past, never believed */
    if (p->request.n_headers == HTTP_HEADERS_MAX)
        return refuse(p, 431);
    struct http_pair *header = &p->headers[p->request.n_headers];
    if (!header->name)
        header->name = p->text + p->text_len;
    return text_add(p, at, len);
}

static int on_field_complete(llhttp_t *llhttp)
{
    struct http_parser *p = owner(llhttp);
    if (p->state != HTTP_EVENT_MORE)
        return 0;
    int status = text_end(p);
    p->headers[p->request.n_headers].value = p->text + p->text_len;
    return status;
}

static int on_value(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *p = owner(llhttp);
    if (p->state != HTTP_EVENT_MORE)
        return 0;
    /* A value without a name goes on from the line before: folding is obsolete (RFC
     * 9112, 5.2). */
    if (p->request.n_headers == HTTP_HEADERS_MAX ||
        !p->headers[p->request.n_headers].name)
        return refuse(p, 400);
    return text_add(p, at, len);
}

static int on_value_complete(llhttp_t *llhttp)
{
    struct http_parser *p = owner(llhttp);
    if (p->state != HTTP_EVENT_MORE)
        return 0;
    if (p->request.n_headers == HTTP_HEADERS_MAX ||
        !p->headers[p->request.n_headers].name)
        return refuse(p, 400);
    const char *value = p->headers[p->request.n_headers].value;
    while (p->text + p->text_len > value &&
           (p->text[p->text_len - 1] == ' ' || p->text[p->text_len - 1] == '\t'))
        p->text_len--;
    p->request.n_headers++;
    return text_end(p);
}

static int on_headers_complete(llhttp_t *llhttp)
{
    llhttp->upgrade = 0; /* an upgrade may be ignored (RFC 9110, 7.8), and is */
    return HPE_PAUSED;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *p = owner(llhttp);
    if (len > HTTP_BODY_MAX - p->body_len)
        return refuse(p, 413);
    size_t cap = p->body_cap ? p->body_cap : BODY_FIRST;
    while (cap < p->body_len + len)
        cap *= 2;
    if (cap != p->body_cap) {
        uint8_t *body = realloc(p->body, cap);
        if (!body)
            return refuse(p, 500);
        p->body = body;
        p->body_cap = cap;
    }
    memcpy(p->body + p->body_len, at, len);
    p->body_len += len;
    return 0;
}

static int on_message_complete(llhttp_t *llhttp)
{
    (void)llhttp;
    return HPE_PAUSED;
}

static const llhttp_settings_t SETTINGS = {
    .on_url = on_url,
    .on_url_complete = on_url_complete,
    .on_header_field = on_field,
    .on_header_field_complete = on_field_complete,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* ---- life ---- */

struct http_parser *http_parser_new(void)
{
    struct http_parser *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    arena_init(&p->arena, PARAMS_ARENA_MAX);
    http_parser_next(p);
    return p;
}

void http_parser_free(struct http_parser *p)
{
    if (!p)
        return;
    arena_fini(&p->arena);
    free(p->body);
    free(p);
}

void http_parser_next(struct http_parser *p)
{
    llhttp_init(&p->llhttp, HTTP_REQUEST, &SETTINGS);
    p->llhttp.data = p;
    arena_clear(&p->arena);
    free(p->body); /* an idle connection keeps no large body */
    p->body = NULL;
    p->body_len = p->body_cap = p->body_bytes = 0;
    p->head_bytes = p->text_len = 0;
    p->status = 0;
    p->state = HTTP_EVENT_MORE;
    memset(p->headers, 0, sizeof(p->headers));
    p->request = (struct http_request){.headers = p->headers, .params = p->params};
}

/* ---- the head, once complete ---- */

static int decode_params(struct http_parser *p, const char *query)
{
    while (*query) {
        size_t len = strcspn(query, "&");
        size_t name_len = strcspn(query, "=&");
        if (len > 0) {
            if (p->request.n_params == HTTP_PARAMS_MAX)
                return ERR_BOUND;
            char *name, *value;
            size_t skip = name_len < len ? name_len + 1 : len;
            struct bytes raw_name = {(const uint8_t *)query, name_len};
            struct bytes raw_value = {(const uint8_t *)query + skip, len - skip};
            int status = http_decode(raw_name, true, &p->arena, &name);
            if (status == 0)
                status = http_decode(raw_value, true, &p->arena, &value);
            if (status < 0)
                return status;
            p->params[p->request.n_params++] = (struct http_pair){name, value};
        }
        query += len + (query[len] == '&');
    }
    return 0;
}

/* "/a%20b?c=d", "http://host/a?c=d" (RFC 9112, 3.2.2) or "*". */
static int decode_target(struct http_parser *p)
{
    const char *at = p->request.target;
    if (strncasecmp(at, "http://", 7) == 0) {
        at += 7;
        at += strcspn(at, "/?");
    }
    size_t len = strcspn(at, "?#");
    char *path;
    int status =
        http_decode((struct bytes){(const uint8_t *)at, len}, false, &p->arena, &path);
    if (status < 0)
        return status;
    if (*path == '\0')
        path = arena_text(&p->arena, "/");
    if (!path)
        return -ENOMEM;
    if (*path != '/' && strcmp(path, "*") != 0)
        return ERR_MALFORMED;
    for (const char *c = path; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return ERR_MALFORMED;
    p->request.path = path;
    return at[len] == '?' ? decode_params(p, at + len + 1) : 0;
}

static size_t count_header(const struct http_request *r, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_headers; i++)
        n += strcasecmp(r->headers[i].name, name) == 0;
    return n;
}

/* Which framing and methods are served.  Returns the status to refuse with, or 0. */
static int check_framing(struct http_parser *p)
{
    struct http_request *r = &p->request;
    const char *coding = http_request_header(r, "transfer-encoding");
    if (p->llhttp.http_major != 1)
        return 505;
    /* Two ways to say where the message ends are how requests are smuggled (RFC
     * 9112, 6.3). */
    if (coding && http_request_header(r, "content-length"))
        return 400;
    if (coding && (r->is_old || count_header(r, "transfer-encoding") != 1))
        return 400;
    if (coding && strcasecmp(coding, "chunked") != 0)
        return 501;
    if (p->llhttp.content_length > HTTP_BODY_MAX)
        return 413;
    if (count_header(r, "host") > 1 || (!r->is_old && count_header(r, "host") == 0))
        return 400;
    static const llhttp_method_t served[] = {
        HTTP_GET, HTTP_HEAD, HTTP_PUT, HTTP_POST, HTTP_DELETE, HTTP_PATCH, HTTP_OPTIONS};
    for (size_t i = 0; i < sizeof(served) / sizeof(served[0]); i++)
        if (p->llhttp.method == served[i])
            return 0;
    return 501;
}

static int finish_head(struct http_parser *p)
{
    struct http_request *r = &p->request;
    r->is_old = p->llhttp.http_major == 1 && p->llhttp.http_minor == 0;
    r->is_head = p->llhttp.method == HTTP_HEAD;
    r->method =
        r->is_head ? "GET" : llhttp_method_name((llhttp_method_t)p->llhttp.method);
    r->keep_alive = llhttp_should_keep_alive(&p->llhttp) != 0;
    const char *expect = http_request_header(r, "expect");
    bool has_body = p->llhttp.content_length > 0 || (p->llhttp.flags & F_CHUNKED);
    r->expects_continue =
        expect && !r->is_old && has_body && strcasecmp(expect, "100-continue") == 0;
    int status = check_framing(p);
    if (status != 0)
        return status;
    switch (decode_target(p)) {
    case 0:
        return 0;
    case -ENOMEM:
        return 431; /* the arena's bound, in practice */
    default:
        return 400;
    }
}

/* ---- feeding ---- */

static int status_of(const struct http_parser *p, llhttp_errno_t error, uint8_t first)
{
    if (p->status != 0)
        return p->status;
    if (error == HPE_INVALID_METHOD)
        return first >= 'A' && first <= 'Z' ? 501 : 400;
    if (error == HPE_INVALID_VERSION || error == HPE_PAUSED_H2_UPGRADE)
        return 505;
    return 400;
}

static enum http_event refuse_now(struct http_parser *p, int status)
{
    p->status = status;
    p->state = HTTP_EVENT_REFUSED;
    return HTTP_EVENT_REFUSED;
}

static enum http_event head_done(struct http_parser *p)
{
    int status = finish_head(p);
    if (status != 0)
        return refuse_now(p, status);
    p->state = HTTP_EVENT_HEAD;
    llhttp_resume(&p->llhttp);
    return HTTP_EVENT_HEAD;
}

/* One step of llhttp over at most what the bound leaves. */
static enum http_event step(struct http_parser *p, struct bytes in, size_t *ret_used)
{
    bool is_head = p->state == HTTP_EVENT_MORE;
    size_t left = is_head ? HTTP_HEADER_MAX - p->head_bytes
                          : HTTP_BODY_MAX + BODY_OVERHEAD_MAX - p->body_bytes;
    size_t len = in.len < left ? in.len : left;
    if (len == 0 && in.len > 0)
        return refuse_now(p, is_head ? 431 : 413);
    uint8_t first = is_head && p->head_bytes == 0 && len > 0 ? in.at[0] : 'A';
    const char *at = (const char *)in.at;
    llhttp_errno_t error = llhttp_execute(&p->llhttp, at, len);
    size_t used =
        error == HPE_PAUSED ? (size_t)(llhttp_get_error_pos(&p->llhttp) - at) : len;
    *(is_head ? &p->head_bytes : &p->body_bytes) += used;
    *ret_used += used;
    if (error == HPE_PAUSED && is_head)
        return head_done(p);
    if (error == HPE_PAUSED) {
        p->request.body = (struct bytes){p->body, p->body_len};
        p->state = HTTP_EVENT_DONE;
        return HTTP_EVENT_DONE;
    }
    return error == HPE_OK ? HTTP_EVENT_MORE : refuse_now(p, status_of(p, error, first));
}

enum http_event http_parser_feed(struct http_parser *p, struct bytes in, size_t *ret_used)
{
    *ret_used = 0;
    if (p->state == HTTP_EVENT_DONE || p->state == HTTP_EVENT_REFUSED)
        return p->state;
    if (in.len == 0 && p->state == HTTP_EVENT_MORE)
        return HTTP_EVENT_MORE;
    static const uint8_t nothing[1];
    /* After the head, llhttp is stepped once even without input: a message without a body
     * is complete now. */
    struct bytes left = in.len ? in : (struct bytes){nothing, 0};
    enum http_event event = HTTP_EVENT_MORE;
    do {
        size_t before = *ret_used;
        event = step(p, left, ret_used);
        left.at += *ret_used - before;
        left.len -= *ret_used - before;
    } while (event == HTTP_EVENT_MORE && left.len > 0);
    return event;
}

bool http_parser_is_idle(const struct http_parser *p)
{
    return p->state == HTTP_EVENT_MORE && p->head_bytes == 0;
}

bool http_parser_is_in_body(const struct http_parser *p)
{
    return p->state == HTTP_EVENT_HEAD;
}

int http_parser_status(const struct http_parser *p)
{
    return p->status;
}

const struct http_request *http_parser_request(const struct http_parser *p)
{
    return &p->request;
}

static const char *pair_find(const struct http_pair *pairs, size_t n, const char *name,
                             int (*compare)(const char *, const char *))
{
    for (size_t i = 0; i < n; i++)
        if (compare(pairs[i].name, name) == 0)
            return pairs[i].value;
    return NULL;
}

const char *http_request_header(const struct http_request *r, const char *name)
{
    return pair_find(r->headers, r->n_headers, name, strcasecmp);
}

const char *http_request_param(const struct http_request *r, const char *name)
{
    return pair_find(r->params, r->n_params, name, strcmp);
}
