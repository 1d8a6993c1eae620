/* The tracer gets whole lines with the time of the step. */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "core/trace.h"

static void keep(void *ctx, uint64_t now_ms, const char *text)
{
    (void)snprintf(ctx, 600, "%u %s", (unsigned)now_ms, text);
}

Test(trace, lines_reach_the_tracer_with_the_time_and_off_is_off)
{
    char line[600];
    struct tracer t = {.line = keep, .ctx = line, .now_ms = 42};
    trace(&t, "suspect %s", "n3");
    cr_assert_str_eq(line, "42 suspect n3");
    trace(&t, "%0700d", 1);
    cr_assert_eq(strlen(line), strlen("42 ") + 511);
    trace(NULL, "nobody listens");
    trace(&(struct tracer){0}, "nobody listens");
}
