/* The API's routes: which handler a method and a path lead to, and what they need.  Pure.
 *
 * A pattern is a path whose words in braces stand for one segment each, and a last one that ends in
 * three dots for all that is left: "/v1/jobs/{ns}/{job}/why", "/v1/vars/{name...}".  Paths are
 * matched as they were sent and decoded afterwards, so an escaped slash never parts two segments. */
#ifndef AGENT_ROUTES_H
#define AGENT_ROUTES_H

#include <stdbool.h>
#include <stddef.h>

struct agent;
struct api_call;

/* What the caller must have been given. */
enum route_need {
    NEED_NOTHING, /* DNS tells as much */
    NEED_READ, /* of the namespace in the path; of a list the caller sees its own part */
    NEED_WRITE,
    NEED_CLUSTER, /* to write what belongs to no namespace */
    NEED_SECRET,  /* the socket, or the cluster's secret: no token is enough */
};

struct route {
    const char *method, *pattern;
    enum route_need need;
    bool has_body;
    const char *params; /* query parameters, with a space between them */
    void (*handle)(struct agent *a, struct api_call *call);
    const char *summary;
};

enum { ROUTE_WORDS_MAX = 4, ROUTE_TEXT_MAX = 1024, ROUTE_ALLOW_MAX = 64 };

struct route_match {
    const struct route *route;
    /* what stood for {...}, decoded, in the pattern's order */
    const char *word[ROUTE_WORDS_MAX];
    size_t n_words;
    char text[ROUTE_TEXT_MAX];
};

/* `path` as sent, without query.  0; ERR_NOT_FOUND: no pattern fits; ERR_UNSUPPORTED: a pattern fits,
 * but not with this method, and `allow` says with which ("GET, HEAD"); ERR_MALFORMED: a bad escape. */
int route_find(const struct route *table, size_t n, const char *method, const char *path,
               struct route_match *ret_match, char allow[static ROUTE_ALLOW_MAX]);
/* What stood for {name}; NULL when the pattern has no such word. */
const char *route_word(const struct route_match *m, const char *name);
/* Are {ns} and {job}, where the pattern has them, names that a namespace and a job can have?  Whatever
 * else was sent there must reach no path, key or request. */
bool route_names_are_valid(const struct route_match *m);
/* Does the route take this query parameter? */
bool route_takes(const struct route *route, const char *param);

#endif
