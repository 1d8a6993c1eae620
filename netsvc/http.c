/* The request parser: http_lines.c says whether a head is well-formed and where it ends,
 * llhttp finds its pieces, http_head.c judges them, http_body.c finds the end of the
 * body; this keeps it all within bounds.
 *
 * llhttp sees nothing but lines that were found well-formed, and never a body: of what it
 * forgives, nothing is left.  See http.h. */
#include "netsvc/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <llhttp.h>

#include "core/bounds.h"
#include "netsvc/http_body.h"
#include "netsvc/http_head.h"

enum {
    BODY_FIRST = 4096,
    TEXT_FIRST = 1024, /* most heads are shorter */
    TEXT_KEPT = 4096,
    TEXT_MAX = HTTP_HEADER_MAX + 1,
    TEXTS_MAX = 5 * HTTP_HEADER_MAX + 16 * 1024, /* path and parameters, decoded and not,
                                                    with their padding */
    BLANK_MAX = 4, /* two empty lines before a request are forgiven (RFC 9112, 2.2) */
};

struct http_parser {
    llhttp_t llhttp;
    enum http_event state; /* HTTP_EVENT_MORE in the head, HTTP_EVENT_HEAD in the body */
    struct http_refusal refusal;
    bool is_fresh;              /* nothing was fed since http_parser_next */
    size_t n_blank, head_bytes; /* as received */
    struct http_lines lines;
    struct http_body framing;
    char *text; /* target, names and values, each with a NUL; moves while it grows */
    size_t text_len, text_cap;
    uint16_t at[HTTP_HEADERS_MAX][2]; /* where names and values of headers are in it */
    uint8_t *body;
    size_t body_len, body_cap;
    struct arena arena;
    struct http_request request;
    struct http_pair headers[HTTP_HEADERS_MAX];
    struct http_pair params[HTTP_PARAMS_MAX];
};

/* ---- what llhttp calls ---- */

static struct http_parser *owner(llhttp_t *llhttp)
{
    return llhttp->data;
}

static void refuse(struct http_parser *p, int status, const char *why)
{
    if (p->refusal.status == 0)
        p->refusal = (struct http_refusal){status, why};
}

static int text_add(struct http_parser *p, const char *at, size_t len)
{
    size_t cap = p->text_cap ? p->text_cap : TEXT_FIRST;
    if (len > TEXT_MAX - p->text_len)
        return HPE_USER; /* not reached: the head is bounded, and longer than its texts */
    while (cap < p->text_len + len)
        cap *= 2;
    if (cap != p->text_cap) {
        char *text = realloc(p->text, cap);
        if (!text) {
            refuse(p, 500, "this node is out of memory");
            return HPE_USER;
        }
        p->text = text;
        p->text_cap = cap;
    }
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
    return text_add(owner(llhttp), at, len);
}

static int on_url_complete(llhttp_t *llhttp)
{
    struct http_parser *p = owner(llhttp);
    int status = text_end(p);
    p->at[0][0] = (uint16_t)p->text_len;
    return status;
}

static int on_field(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *p = owner(llhttp);
    if (p->request.n_headers == HTTP_HEADERS_MAX) {
        refuse(p, 431, "the request has more than 64 headers");
        return HPE_USER;
    }
    return text_add(p, at, len);
}

static int on_field_complete(llhttp_t *llhttp)
{
    struct http_parser *p = owner(llhttp);
    int status = text_end(p);
    p->at[p->request.n_headers][1] = (uint16_t)p->text_len;
    return status;
}

static int on_value(llhttp_t *llhttp, const char *at, size_t len)
{
    return text_add(owner(llhttp), at, len);
}

static int on_value_complete(llhttp_t *llhttp)
{
    struct http_parser *p = owner(llhttp);
    size_t value = p->at[p->request.n_headers][1];
    while (p->text_len > value &&
           (p->text[p->text_len - 1] == ' ' || p->text[p->text_len - 1] == '\t'))
        p->text_len--;
    int status = text_end(p);
    if (++p->request.n_headers < HTTP_HEADERS_MAX) /* where the next one's name begins */
        p->at[p->request.n_headers][0] = (uint16_t)p->text_len;
    return status;
}

static int on_headers_complete(llhttp_t *llhttp)
{
    (void)llhttp; /* an upgrade may be ignored (RFC 9110, 7.8), and is */
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
};

/* ---- life ---- */

struct http_parser *http_parser_new(void)
{
    struct http_parser *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    arena_init(&p->arena, TEXTS_MAX);
    http_parser_next(p);
    return p;
}

void http_parser_free(struct http_parser *p)
{
    if (!p)
        return;
    arena_fini(&p->arena);
    free(p->body);
    free(p->text);
    free(p);
}

void http_parser_next(struct http_parser *p)
{
    if (p->is_fresh)
        return;
    p->is_fresh = true;
    llhttp_init(&p->llhttp, HTTP_REQUEST, &SETTINGS);
    /* A later 1.x is answered as 1.1 (RFC 9110, 2.5). */
    p->llhttp.lenient_flags = LENIENT_VERSION;
    p->llhttp.data = p;
    http_lines_init(&p->lines, true);
    arena_clear(&p->arena);
    free(p->body); /* an idle connection keeps no large body */
    p->body = NULL;
    p->body_len = p->body_cap = 0;
    p->n_blank = p->head_bytes = p->text_len = 0;
    p->refusal = (struct http_refusal){0};
    p->state = HTTP_EVENT_MORE;
    if (p->text_cap > TEXT_KEPT) {
        free(p->text);
        p->text = NULL;
        p->text_cap = 0;
    }
    p->request = (struct http_request){.headers = p->headers, .params = p->params};
}

/* ---- the head ---- */

/* Lines that http_lines.c let pass, which llhttp does not know all the same.  It takes
 * every version; what it says about one is said about PRI, the method of HTTP/2's
 * preface. */
static void refuse_unknown(struct http_parser *p, llhttp_errno_t error)
{
    if (error == HPE_INVALID_METHOD || error == HPE_INVALID_CONSTANT ||
        error == HPE_INVALID_VERSION)
        refuse(p, 501, "this method is not known here");
    else
        refuse(p, 400, "the request line or a header is malformed");
}

static enum http_event refused(struct http_parser *p)
{
    p->request.is_head = p->llhttp.method == HTTP_HEAD; /* its answer has no body */
    p->state = HTTP_EVENT_REFUSED;
    return HTTP_EVENT_REFUSED;
}

static enum http_event head_done(struct http_parser *p)
{
    struct http_request *r = &p->request;
    struct http_framing framing;
    if (p->refusal.status == 0 && p->llhttp.method == HTTP_CONNECT)
        refuse(p, 501, "this is no proxy: CONNECT is not served");
    if (p->refusal.status != 0)
        return refused(p);
    r->is_old = p->llhttp.http_minor == 0;
    r->is_head = p->llhttp.method == HTTP_HEAD;
    r->method =
        r->is_head ? "GET" : llhttp_method_name((llhttp_method_t)p->llhttp.method);
    r->keep_alive = llhttp_should_keep_alive(&p->llhttp) != 0;
    r->target = p->text;
    for (size_t i = 0; i < r->n_headers; i++)
        p->headers[i] = (struct http_pair){p->text + p->at[i][0], p->text + p->at[i][1]};
    p->refusal = http_head_judge(r, p->params, &p->arena, &framing);
    if (p->refusal.status != 0)
        return refused(p);
    if (framing.len > HTTP_BODY_MAX)
        r->expects_continue = false; /* it is not wanted */
    http_body_init(&p->framing, framing.is_chunked, framing.len);
    p->state = HTTP_EVENT_HEAD;
    return HTTP_EVENT_HEAD;
}

static enum http_event feed_head(struct http_parser *p, struct bytes in, size_t *ret_used)
{
    static const char blank[] = "\r\n\r\n";
    p->is_fresh = false;
    size_t used = 0;
    while (p->head_bytes == 0 && p->n_blank < BLANK_MAX && used < in.len &&
           in.at[used] == (uint8_t)blank[p->n_blank]) {
        used++;
        p->n_blank++;
    }
    *ret_used = used;
    size_t left = HTTP_HEADER_MAX - p->head_bytes;
    struct bytes part = {in.at + used, in.len - used < left ? in.len - used : left};
    if (part.len == 0 && used == in.len)
        return HTTP_EVENT_MORE;
    if (p->head_bytes == 0 && p->n_blank % 2 == 1) {
        refuse(p, 400, "a CR stands without LF: end each line with CR LF");
        return refused(p);
    }
    enum http_lines_event event = http_lines_take(&p->lines, part, &used);
    p->head_bytes += used;
    *ret_used += used;
    if (event == HTTP_LINES_BAD) {
        p->refusal = p->lines.refusal;
        return refused(p);
    }
    llhttp_errno_t error = p->refusal.status
                               ? HPE_OK
                               : llhttp_execute(&p->llhttp, (const char *)part.at, used);
    if (error == HPE_USER)
        return refused(p); /* a bound, whatever else may come */
    if (error != HPE_OK && error != HPE_PAUSED)
        refuse_unknown(p, error);
    if (event == HTTP_LINES_DONE && p->llhttp.http_major != 1)
        refuse(p, 505, "HTTP/1.1 and HTTP/1.0 are served, no other version");
    if (event == HTTP_LINES_DONE && error == HPE_OK)
        refuse_unknown(p, HPE_INTERNAL); /* it saw no end */
    if (event == HTTP_LINES_DONE)
        return head_done(p);
    if (p->head_bytes < HTTP_HEADER_MAX)
        return HTTP_EVENT_MORE;
    refuse(p, 431,
           "the request line and headers are too large: at most 16 KiB are taken");
    return refused(p);
}

/* ---- the body ---- */

static bool body_add(struct http_parser *p, struct bytes in)
{
    size_t cap = p->body_cap ? p->body_cap : BODY_FIRST;
    while (cap < p->body_len + in.len)
        cap *= 2;
    if (in.len > 0 && cap != p->body_cap) {
        uint8_t *body = realloc(p->body, cap);
        if (!body)
            return false;
        p->body = body;
        p->body_cap = cap;
    }
    if (in.len > 0)
        memcpy(p->body + p->body_len, in.at, in.len);
    p->body_len += in.len;
    return true;
}

static enum http_event feed_body(struct http_parser *p, struct bytes in, size_t *ret_used)
{
    enum http_body_event event;
    do {
        size_t used;
        struct bytes content;
        event = http_body_take(&p->framing, in, &used, &content);
        in.at += used;
        in.len -= used;
        *ret_used += used;
        if (event == HTTP_BODY_BAD)
            p->refusal = p->framing.refusal;
        else if (!body_add(p, content))
            refuse(p, 500, "this node is out of memory");
        if (p->refusal.status != 0)
            return refused(p);
    } while (event == HTTP_BODY_MORE && in.len > 0);
    if (event == HTTP_BODY_MORE)
        return HTTP_EVENT_MORE;
    p->request.body = (struct bytes){p->body, p->body_len};
    p->state = HTTP_EVENT_DONE;
    return HTTP_EVENT_DONE;
}

enum http_event http_parser_feed(struct http_parser *p, struct bytes in, size_t *ret_used)
{
    static const uint8_t nothing[1];
    if (in.len == 0)
        in.at = nothing;
    *ret_used = 0;
    if (p->state == HTTP_EVENT_MORE)
        return feed_head(p, in, ret_used);
    return p->state == HTTP_EVENT_HEAD ? feed_body(p, in, ret_used) : p->state;
}

bool http_parser_is_idle(const struct http_parser *p)
{
    return p->state == HTTP_EVENT_MORE && p->head_bytes == 0;
}

bool http_parser_is_in_body(const struct http_parser *p)
{
    return p->state == HTTP_EVENT_HEAD;
}

size_t http_parser_held(const struct http_parser *p)
{
    return sizeof(*p) + p->text_cap + p->body_cap + p->arena.used;
}

int http_parser_status(const struct http_parser *p)
{
    return p->refusal.status;
}

const char *http_parser_why(const struct http_parser *p)
{
    return p->refusal.why;
}

const struct http_request *http_parser_request(const struct http_parser *p)
{
    return &p->request;
}
