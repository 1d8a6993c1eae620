/* Sealing with the host's clocks and chance: a session that is spent (proto/session.h) is drawn again
 * before the next datagram. */
#ifndef GOSSIP_UV_SEAL_H
#define GOSSIP_UV_SEAL_H

#include "proto/seal.h"

/* As sealer_seal. */
int uv_seal(struct sealer *s, struct bytes plain, uint8_t *out, size_t cap);

#endif
