/* Deciding code does not log; it tells a tracer that was handed in (NULL = off). */
#ifndef CORE_TRACE_H
#define CORE_TRACE_H

#include <stdarg.h>
#include <stdint.h>

struct tracer {
    void (*line)(void *ctx, uint64_t now_ms, const char *text); /* one line, no newline */
    void *ctx;
    uint64_t now_ms; /* set by whoever steps the machine */
};

void trace(const struct tracer *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
