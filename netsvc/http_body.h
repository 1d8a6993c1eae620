/* Where a request's body ends: after a number of bytes, or after its last chunk (RFC
 * 9112, 6 and 7). What is content and what only frames it is told apart without copying. */
#ifndef NETSVC_HTTP_BODY_H
#define NETSVC_HTTP_BODY_H

#include <stdint.h>

#include "netsvc/http_lines.h"

enum http_body_event { HTTP_BODY_MORE, HTTP_BODY_DONE, HTTP_BODY_BAD };

enum http_body_state {
    HTTP_BODY_PLAIN,
    HTTP_BODY_SIZE,      /* of a chunk: hexadecimal digits */
    HTTP_BODY_SPACE,     /* before an extension's semicolon */
    HTTP_BODY_EXTENSION, /* read past */
    HTTP_BODY_SIZE_LF,
    HTTP_BODY_CHUNK,
    HTTP_BODY_CHUNK_CR,
    HTTP_BODY_CHUNK_LF,
    HTTP_BODY_TRAILERS, /* read past, never believed */
    HTTP_BODY_OVER,
};

struct http_body {
    enum http_body_state state;
    uint64_t left;      /* bytes of the body or chunk still to come */
    size_t n_digits;    /* of the size that is being read */
    size_t n_line;      /* bytes of the line that is being read */
    uint64_t n_content; /* announced so far */
    size_t n_framing;   /* bytes that were no content */
    struct http_lines trailers;
    struct http_refusal refusal;
};

/* A body of `len` bytes, or with `is_chunked` one that tells as it goes. */
void http_body_init(struct http_body *b, bool is_chunked, uint64_t len);
/* One step: take bytes up to the end of a stretch of content or of framing; *ret_used
 * tells how many, *ret_content which of them are content.  Call again until the input is
 * used or the event is another than MORE; once without input too, since an empty body is
 * done at once.  413 for more than HTTP_BODY_MAX of content, and for framing out of all
 * proportion. */
enum http_body_event http_body_take(struct http_body *b, struct bytes in,
                                    size_t *ret_used, struct bytes *ret_content);

#endif
