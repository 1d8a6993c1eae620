/* The HTTP/1.1 message layer as pure functions of bytes: an incremental request parser
 * with bounds on everything, and the writing of answers.  RFC 9110, RFC 9112.
 *
 * It knows no sockets and no time; uv_http.c drives it. */
#ifndef NETSVC_HTTP_H
#define NETSVC_HTTP_H

#include <stdbool.h>

#include "core/arena.h"
#include "core/bytes.h"

enum { HTTP_HEADERS_MAX = 64, HTTP_PARAMS_MAX = 64 };

struct http_pair {
    const char *name, *value;
};

/* Everything points into the parser: valid until http_parser_next or _free. */
struct http_request {
    const char *method;    /* "GET"; a HEAD is shown as GET, see is_head */
    const char *target;    /* as sent */
    const char *path;      /* decoded, without query */
    const char *raw_path;  /* the same as sent: where a "%2F" is no "/" */
    const char *authority; /* of a target as "http://host:1/", else Host; NULL: neither */
    const struct http_pair *headers;
    size_t n_headers;
    const struct http_pair *params; /* the query, decoded, in order */
    size_t n_params;
    struct bytes body;
    bool is_head;
    bool keep_alive;       /* what the client allows */
    bool is_old;           /* HTTP/1.0: no chunks in the answer */
    bool has_body;         /* the head announces one */
    bool expects_continue; /* the client waits for "100 Continue" before it sends it */
};

enum http_event {
    HTTP_EVENT_MORE,    /* all input is used, the message goes on */
    HTTP_EVENT_HEAD,    /* request line and headers are read and allowed; feed the rest */
    HTTP_EVENT_DONE,    /* the request is complete */
    HTTP_EVENT_REFUSED, /* answer http_parser_status and close: the rest cannot be
                           understood */
};

struct http_parser;

struct http_parser *http_parser_new(void); /* NULL when out of memory */
void http_parser_free(struct http_parser *p);
/* Forget the finished request and begin the next one on the same connection. */
void http_parser_next(struct http_parser *p);
/* Take bytes up to the next event; *ret_used tells how many.  After HTTP_EVENT_DONE
 * nothing is taken until http_parser_next, after HTTP_EVENT_REFUSED never. */
enum http_event http_parser_feed(struct http_parser *p, struct bytes in,
                                 size_t *ret_used);
bool http_parser_is_idle(const struct http_parser *p); /* no byte of a request was seen */
bool http_parser_is_in_body(const struct http_parser *p);
size_t http_parser_held(const struct http_parser *p); /* bytes of memory */
/* 400, 413, 417, 421, 431, 500, 501, 505, and a sentence that says why. */
int http_parser_status(const struct http_parser *p);
const char *http_parser_why(const struct http_parser *p);
const struct http_request *http_parser_request(const struct http_parser *p);

/* By name in any case; the first one; NULL if absent. */
const char *http_request_header(const struct http_request *r, const char *name);
const char *http_request_param(const struct http_request *r, const char *name);

/* Is it a host and perhaps a port (RFC 3986, 3.2, without a user)?  An empty host is one. */
bool http_authority_is_valid(const char *text);
/* Undo percent-encoding into NUL-terminated text.  With `is_query`, '+' is a space.
 * ERR_MALFORMED for a bad or NUL escape and for what is not UTF-8, -ENOMEM. */
int http_decode(struct bytes in, bool is_query, struct arena *arena, char **ret_text);

/* ---- answers ---- */

struct http_answer {
    int status;
    const char *type; /* content type; NULL: none */
    const struct http_pair *headers;
    size_t n_headers;
    const char *date; /* RFC 9110 date; NULL: none */
    bool is_stream;   /* length unknown: chunked, or until the end for HTTP/1.0 */
    bool is_old;
    bool keep_alive;
    size_t body_len;
};

const char *http_status_text(int status); /* "Not Found"; never NULL */
/* The error object for a request that never came to a handler; `why` is without quotes. */
void http_error_write(int status, const char *why, struct writer *out);
/* Status line and headers with the empty line.  Line breaks in header values become
 * spaces. */
void http_answer_write(const struct http_answer *a, struct writer *out);
/* "1f\r\n" before `len` bytes of data, "\r\n" after them; the stream ends with
 * HTTP_LAST_CHUNK. */
void http_chunk_write(size_t len, struct writer *out);
#define HTTP_LAST_CHUNK "0\r\n\r\n"
#define HTTP_CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
/* "Sun, 06 Nov 1994 08:49:37 GMT"; `out` holds 32. Returns out. */
const char *http_date_text(int64_t unix_s, char out[static 32]);

#endif
