/* The bytes under the client: a blocking connection to an agent, either its unix socket
 * or a sealed stream (proto/seal.h) to its peer port.  Every call has a deadline. */
#ifndef AGENT_CLIENT_WIRE_H
#define AGENT_CLIENT_WIRE_H

#include "agent/client.h"
#include "core/bytes.h"
#include "core/err.h"
#include "core/ids.h"

struct client_wire;

/* deadline_ms: of client_wire_now_ms; 0 = none. */
int client_wire_open(const struct client_target *target, uint64_t deadline_ms,
                     struct client_wire **ret_wire, struct err *err);
void client_wire_close(struct client_wire *w);

/* All of `out`, or an error: -EPIPE, -ECONNRESET, ERR_TIMEOUT, -EINTR. */
int client_wire_send(struct client_wire *w, struct bytes out, uint64_t deadline_ms);
/* Some bytes in *ret_in, valid until the next call.  Returns 1, 0 at the end of the
 * connection, or an error as above; ERR_FORGED for a frame whose seal does not open. */
int client_wire_receive(struct client_wire *w, uint64_t deadline_ms,
                        struct bytes *ret_in);

uint64_t client_wire_now_ms(void); /* monotonic */

/* The address of "HOST[:PORT]", "[::1]:PORT": as written, or asked of the resolver. */
int client_resolve(const char *text, uint16_t default_port, struct endpoint *ret_endpoint,
                   struct err *err);

#endif
