/* Bytes of an HTTP connection: fed whole and in pieces the parser must come to the same requests,
 * stay within its bounds, and never read past the end. */
#include <stdlib.h>
#include <string.h>

#include "core/bounds.h"
#include "core/hash.h"
#include "netsvc/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REQUESTS_MAX = 64 };

static uint64_t digest_text(uint64_t seed, const char *text)
{
    return hash64(bytes_of_text(text ? text : "-"), seed);
}

static uint64_t digest(const struct http_request *r, uint64_t seed)
{
    seed = digest_text(seed, r->method);
    seed = digest_text(seed, r->path);
    seed = digest_text(seed, r->raw_path);
    seed = digest_text(seed, r->authority);
    if (!r->path || !r->raw_path ||
        (r->authority && !http_authority_is_valid(r->authority)))
        abort();
    if (r->n_headers > HTTP_HEADERS_MAX || r->n_params > HTTP_PARAMS_MAX ||
        r->body.len > HTTP_BODY_MAX)
        abort();
    for (size_t i = 0; i < r->n_headers; i++)
        seed = digest_text(digest_text(seed, r->headers[i].name), r->headers[i].value);
    for (size_t i = 0; i < r->n_params; i++)
        seed = digest_text(digest_text(seed, r->params[i].name), r->params[i].value);
    return hash64(r->body, seed);
}

/* Feed in pieces of at most `piece` bytes; what came out, as one number. */
static uint64_t run(struct bytes in, size_t piece)
{
    struct http_parser *p = http_parser_new();
    uint64_t seed = 1;
    int n_requests = 0;
    while (p && n_requests < REQUESTS_MAX) {
        struct bytes part = {in.at, in.len < piece ? in.len : piece};
        size_t used = 0;
        enum http_event event = http_parser_feed(p, part, &used);
        if (used > part.len)
            abort();
        in.at += used;
        in.len -= used;
        if (event == HTTP_EVENT_REFUSED) {
            if (http_parser_status(p) < 400 || !http_parser_why(p))
                abort();
            seed =
                hash_mix(seed, 1); /* which status may depend on where the pieces end */
            break;
        }
        if (event == HTTP_EVENT_DONE) {
            seed = digest(http_parser_request(p), seed);
            http_parser_next(p);
            n_requests++;
        }
        if (event == HTTP_EVENT_MORE && in.len == 0)
            break;
    }
    http_parser_free(p);
    return seed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = {data, size};
    if (run(in, size ? size : 1) != run(in, 7))
        abort();
    return 0;
}
