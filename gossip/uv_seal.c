/* Three clocks and the random device.  See uv_seal.h. */
#include "gossip/uv_seal.h"

#include <time.h>

static uint64_t clock_ms(clockid_t clock)
{
    struct timespec at;
    (void)clock_gettime(clock, &at);
    return (uint64_t)at.tv_sec * 1000 + (uint64_t)at.tv_nsec / 1000000;
}

int uv_seal(struct sealer *s, struct bytes plain, uint8_t *out, size_t cap)
{
    struct clocks now = {.monotonic_ms = clock_ms(CLOCK_MONOTONIC),
                         .boot_ms = clock_ms(CLOCK_BOOTTIME),
                         .wall_ms = clock_ms(CLOCK_REALTIME)};
    if (sealer_is_spent(s, &now)) {
        uint8_t session[SESSION_LEN];
        random_bytes(session, sizeof(session));
        sealer_renew(s, session, &now);
    }
    return sealer_seal(s, plain, out, cap);
}
