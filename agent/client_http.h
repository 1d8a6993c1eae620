/* Reading an HTTP/1.1 answer (RFC 9112): a pure machine, bytes in, status and body pieces
 * out.
 *
 * It knows what our own server sends: a status line, headers, and a body framed by
 * Content-Length, by chunks, or by the end of the connection. */
#ifndef AGENT_CLIENT_HTTP_H
#define AGENT_CLIENT_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bounds.h"
#include "core/bytes.h"

enum http_phase {
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

struct client_http {
    enum http_phase phase;
    int status;
    bool is_chunked, has_length,
        is_closing;        /* closing: the server ends the connection after it */
    uint64_t left;         /* of the body, or of the chunk */
    size_t n_header_bytes; /* all header lines so far; HTTP_HEADER_MAX */
    char line[4096];       /* the line being collected */
    size_t line_len;
    char node[64], view[128]; /* X-Stratos-Node, X-Stratos-View */
};

void client_http_init(struct client_http *r);

/* Take bytes of `in` from *used on.  Returns 1 with a piece of the body in *ret_piece
 * (pointing into `in`), 0 when all of `in` was taken or the answer is complete,
 * ERR_MALFORMED or ERR_BOUND. Informational answers (1xx) are skipped. */
int client_http_feed(struct client_http *r, struct bytes in, size_t *used,
                     struct bytes *ret_piece);

/* The connection ended: 0 if that completes the answer, ERR_TRUNCATED otherwise. */
int client_http_end(struct client_http *r);

bool client_http_has_headers(
    const struct client_http *r); /* status and headers are known */
bool client_http_is_complete(const struct client_http *r);

#endif
