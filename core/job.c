/* Specs as values.  See job.h. */
#include "core/job.h"

#include <string.h>

/* A member that is not compared here would be taken over without a look at what it does. */
_Static_assert(sizeof(void *) != 8 || sizeof(struct health_spec) == 56,
               "struct health_spec has changed: compare its members below");

bool health_spec_equal(const struct health_spec *a, const struct health_spec *b)
{
    const char *x = a->path ? a->path : "", *y = b->path ? b->path : "";
    return a->kind == b->kind && a->role == b->role && strcmp(x, y) == 0 &&
           a->port_index == b->port_index && a->interval_ms == b->interval_ms &&
           a->timeout_ms == b->timeout_ms && a->grace_ms == b->grace_ms &&
           a->unready_after == b->unready_after && a->max_failures == b->max_failures &&
           a->status_min == b->status_min && a->status_max == b->status_max;
}
