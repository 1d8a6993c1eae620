/* A complete head, judged: whom and what it asks for, how its body is framed, and what
 * makes it one that is not served. */
#ifndef NETSVC_HTTP_HEAD_H
#define NETSVC_HTTP_HEAD_H

#include "core/arena.h"
#include "netsvc/http.h"
#include "netsvc/http_lines.h"

/* How the body of a request is framed. */
struct http_framing {
    bool is_chunked;
    uint64_t len; /* of a body that is not chunked; 0: none */
};

/* `r` has method, target, headers and is_old; the rest of it is filled in here.  Up to
 * HTTP_PARAMS_MAX parameters go to `params`, decoded texts into `arena`.  A status of 0
 * says that it is served; a body that is too large is the body's matter. */
struct http_refusal http_head_judge(struct http_request *r, struct http_pair *params,
                                    struct arena *arena, struct http_framing *ret);

#endif
