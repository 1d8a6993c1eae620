/* How long a session of sealed datagrams is good (seal.h).  Pure: who seals hands its clocks in.
 *
 * All members seal under one key, so a session and its counter must never be used twice.  A process
 * draws its session at random and counts under it; but the memory of a virtual machine can be put
 * back to what it was, and then it counts over numbers that are used already.  Its monotonic clock
 * goes on from where it was while another clock of the host shows the time that has passed, so a
 * session is spent when one of them has moved against it.  A machine whose clocks were all put
 * back as well is not noticed so: therefore a session is short. */
#ifndef PROTO_SESSION_H
#define PROTO_SESSION_H

#include <stdbool.h>
#include <stdint.h>

enum { SESSION_LIFE_MS = 15 * 60 * 1000, SESSION_JUMP_MS = 2000 };

/* Looked at in one moment. */
struct clocks {
    uint64_t monotonic_ms, boot_ms, wall_ms; /* boot_ms: goes on while the host sleeps */
};

/* Of a session that was drawn at `drawn`; all zero: never, so it is spent. */
bool session_is_spent(const struct clocks *drawn, const struct clocks *now);

#endif
