/* A blocking HTTP client for the agent's API: over the unix socket, or over a sealed
 * stream to a remote agent (--host). */
#ifndef AGENT_CLIENT_H
#define AGENT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/err.h"

struct client;

struct client_target {
    const char *socket;      /* unix socket; used unless `host` is set */
    const char *host;        /* "ADDR[:7780]": the peer port, sealed with the secret */
    const char *secret_file; /* for host */
};

/* Connects.  -ECONNREFUSED, -ENOENT ... with a text that says what to do ("no agent at
 * ...: start one with `stratos agent`"); ERR_FORGED when the secret is refused. */
int client_open(const struct client_target *target, struct client **ret_client,
                struct err *err);
void client_close(struct client *c);

struct client_answer {
    int status;
    uint8_t *body; /* malloc'ed, NUL-terminated; the caller frees */
    size_t len;
    char node[64], view[128]; /* X-Stratos-Node, X-Stratos-View */
};

/* One request; the body comes whole.  timeout_ms 0 = none.  ERR_TIMEOUT, -ECONNRESET ...  What is no
 * GET is sent once, over a connection of its own; ERR_UNSURE when it left and no whole answer came. */
int client_call(struct client *c, const char *method, const char *target,
                struct bytes body, unsigned timeout_ms, struct client_answer *ret_answer,
                struct err *err);
/* A streamed answer: `chunk` is called with each piece until the end or until it returns
 * non-zero (which is returned).  With a status >= 400 the body is in *ret_answer instead. */
int client_stream(struct client *c, const char *method, const char *target,
                  int (*chunk)(void *ctx, struct bytes in), void *ctx,
                  struct client_answer *ret_answer, struct err *err);

#endif
