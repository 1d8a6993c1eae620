/* Secrets in the simulator.  Sealing is modelled by who holds what: a datagram carries the secret it
 * is sealed under, and who does not hold that one cannot read it.  Rotations are ordered here, and
 * an operator carries the new secret to who was shut out. */
#ifndef SIM_SECRET_H
#define SIM_SECRET_H

#include "tests/sim/world.h"

enum { SECRET_TOKEN = SIM_JOBS_MAX }; /* of the first rotation's answer */

struct secret secret_drawn(uint64_t seed, uint64_t number);
bool secret_opens(const struct keyring *keys, const struct secret *sealed);
/* What the operator copies to a node that is installed now: the file of a running one, if any. */
void secret_install(struct sim *s, unsigned node);

/* `stratos secret rotate` on `node`; the answer marks the rotation acknowledged. */
void secret_rotate(struct sim *s, unsigned node, bool is_forced);
void secret_answered(struct sim *s, const struct node_effect *e);

/* Once no rotation is under way: give who holds another secret the newest, and start it again. */
void secret_hand_out(struct sim *s);
/* One secret for each cluster, the last that was acknowledged, and no trace of it in the table. */
bool secret_is_settled(const struct sim *s, char *why, size_t cap);

#endif
