/* The lines of a request's head, or of the trailers behind a chunked body, looked at byte
 * by byte: is each one exactly what RFC 9112 says?
 *
 * Servers and proxies that forgive different faults see different requests in the same
 * bytes; that is how requests are smuggled.  So nothing is forgiven here: no folded line,
 * no space before a colon, no line that ends in LF or CR alone, no control byte. */
#ifndef NETSVC_HTTP_LINES_H
#define NETSVC_HTTP_LINES_H

#include <stdbool.h>

#include "core/bytes.h"

/* Why a request is not served: the status to answer, and a sentence for people. */
struct http_refusal {
    int status;      /* 0: it is served */
    const char *why; /* constant text without quotes */
};

enum http_lines_event {
    HTTP_LINES_MORE, /* all input is used, no empty line yet */
    HTTP_LINES_DONE, /* the empty line was read */
    HTTP_LINES_BAD,  /* see `refusal` */
};

enum http_lines_state {
    HTTP_LINES_METHOD,
    HTTP_LINES_TARGET,
    HTTP_LINES_VERSION,
    HTTP_LINES_LF,
    HTTP_LINES_NAME,
    HTTP_LINES_VALUE,
    HTTP_LINES_LAST_LF,
    HTTP_LINES_OVER, /* done or bad: nothing more is taken */
};

struct http_lines {
    enum http_lines_state state;
    size_t n; /* bytes of the word that is being read */
    struct http_refusal refusal;
};

/* A head begins with the request line; trailers do not. */
void http_lines_init(struct http_lines *l, bool has_request_line);
/* Take bytes up to the end of the empty line; *ret_used tells how many. */
enum http_lines_event http_lines_take(struct http_lines *l, struct bytes in,
                                      size_t *ret_used);

/* May `c` stand in a method or a header's name (RFC 9110, 5.6.2)? */
bool http_is_token(uint8_t c);

#endif
