/* Reading an HTTP/1.1 answer (RFC 9110, RFC 9112): a pure machine, bytes in, status and pieces of the
 * body out.  The command line reads our own server with it, a health check reads whatever a task
 * runs, so it takes every answer the standard allows:
 *
 *   - any number of 1xx answers before the real one, which are skipped; 101 is a real one, for what
 *     follows it is no HTTP any more;
 *   - HTTP/1.0, HTTP/1.1 and later minor versions, lines that end in LF alone, empty lines before the
 *     status line, a reason phrase or none, folded headers (9112, 5.2);
 *   - bodies framed by Content-Length, by chunks with extensions and trailers, by the end of the
 *     connection; none after HEAD, 204 and 304 (9112, 6.3).
 *
 * What is no answer is ERR_MALFORMED at its first wrong byte. */
#ifndef CORE_HTTP_READER_H
#define CORE_HTTP_READER_H

#include "core/bytes.h"

enum { HTTP_READER_LINE_MAX = 1024, HTTP_PHRASE_MAX = 64 };

enum http_reader_phase {
    HTTP_STATUS,
    HTTP_HEADERS,
    HTTP_BODY_LENGTH,
    HTTP_BODY_TO_END,
    HTTP_CHUNK_SIZE,
    HTTP_CHUNK_DATA,
    HTTP_CHUNK_END,
    HTTP_TRAILERS,
    HTTP_COMPLETE,
};

/* A header whose value is wanted: NUL-terminated, cut to fit; untouched when it does not come. */
struct http_wanted {
    const char *name;
    char *value;
    size_t cap;
};

struct http_reader {
    enum http_reader_phase phase;
    int status;                    /* 0 = not known yet */
    char phrase[HTTP_PHRASE_MAX];  /* as it came, cut to fit */
    bool is_closing;               /* the server ends the connection after it */
    bool is_head;                  /* set it after init: the request was a HEAD */
    uint64_t left;                 /* of the body, or of the chunk */
    size_t n_head_bytes, head_max; /* of all header sections together */
    const struct http_wanted *wanted;
    size_t n_wanted;

    char line[HTTP_READER_LINE_MAX]; /* being collected; what does not fit is left out */
    size_t line_len;
    bool is_cut;     /* something was left out */
    bool is_held;    /* a header line has ended, and the next may go on with it */
    bool is_ignored; /* it began with a space and goes on with nothing */
    bool has_coding, is_chunked, has_length, is_length_bad;
    uint64_t length;
};

/* `head_max`: bytes of status line, headers and 1xx answers together; also of each chunk's line and of
 * the trailers.  `wanted` must outlive the reader. */
void http_reader_init(struct http_reader *r, size_t head_max,
                      const struct http_wanted *wanted, size_t n_wanted);

/* Take bytes of `in` from *used on.  Returns 1 with a piece of the body in *ret_piece (pointing into
 * `in`), 0 when all of `in` was taken or the answer is complete, ERR_MALFORMED or ERR_BOUND. */
int http_reader_feed(struct http_reader *r, struct bytes in, size_t *used,
                     struct bytes *ret_piece);

/* The connection ended: 0 if that completes the answer, ERR_TRUNCATED otherwise. */
int http_reader_end(struct http_reader *r);

/* The real answer's status and all of its headers are known. */
bool http_reader_has_headers(const struct http_reader *r);
bool http_reader_is_complete(const struct http_reader *r);

#endif
