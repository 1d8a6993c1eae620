/* See trace.h. */
#include "core/trace.h"

#include <stdio.h>

void trace(const struct tracer *t, const char *format, ...)
{
    if (!t || !t->line)
        return;
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    t->line(t->ctx, t->now_ms, text);
}
