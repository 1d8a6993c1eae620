/* Sessions and counters of what simulated nodes seal, and the replay windows of who opens it: the real
 * ones, for all but the cipher.  No nonce may be used twice, and nothing may be refused that has not
 * come before.  Copies reach the nodes all the same, for what messages mean has to stand them. */
#ifndef SIM_SEAL_H
#define SIM_SEAL_H

#include "tests/sim/event.h"

void seal_boot(struct sim *s, unsigned node);
void seal_down(struct sim *s, unsigned node);
/* A nonce for what `from` sends to `to`, once or twice. */
struct sim_nonce seal_next(struct sim *s, unsigned from, unsigned to, bool is_copied);
void seal_open(struct sim *s, const struct sim_event *e);

/* The memory of a host is kept, and put back later with what the host slept meanwhile. */
struct seal_memory {
    struct sim_session session;
    uint64_t at_ms;
};
struct seal_memory seal_keep(const struct sim *s, unsigned node);
void seal_put_back(struct sim *s, unsigned node, const struct seal_memory *memory);

#endif
