/* How often strangers are spoken of.  See strangers.h. */
#include "agent/strangers.h"

bool strangers_hear(struct strangers *s, uint64_t now_ms, uint64_t pause_ms)
{
    if (s->has_said && now_ms - s->said_ms < pause_ms)
        return false;
    s->said_ms = now_ms;
    s->has_said = true;
    return true;
}
