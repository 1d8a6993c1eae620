/* When to draw another session.  See session.h. */
#include "proto/session.h"

/* By how much a clock has moved against the monotonic one, either way. */
static uint64_t moved_ms(uint64_t was_ms, uint64_t is_ms, uint64_t passed_ms)
{
    int64_t moved = (int64_t)(is_ms - was_ms - passed_ms);
    return moved < 0 ? 0 - (uint64_t)moved : (uint64_t)moved;
}

bool session_is_spent(const struct clocks *drawn, const struct clocks *now)
{
    uint64_t passed_ms = now->monotonic_ms - drawn->monotonic_ms;
    return passed_ms >=
               SESSION_LIFE_MS || /* a clock that went back has passed nearly 2^64 */
           moved_ms(drawn->boot_ms, now->boot_ms, passed_ms) > SESSION_JUMP_MS ||
           moved_ms(drawn->wall_ms, now->wall_ms, passed_ms) > SESSION_JUMP_MS;
}
