/* How often strangers are spoken of.  See strangers.h. */
#include "agent/strangers.h"

enum { SAY_MS = 60000 };

bool strangers_hear(struct strangers *s, uint64_t now_ms)
{
    if (s->has_said && now_ms - s->said_ms < SAY_MS)
        return false;
    s->said_ms = now_ms;
    s->has_said = true;
    return true;
}
