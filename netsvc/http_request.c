/* Looking a name up in a request. */
#include <string.h>
#include <strings.h>

#include "netsvc/http.h"

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
