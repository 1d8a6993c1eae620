/* Metrics as Prometheus reads them (text exposition format 0.0.4). */
#ifndef NETSVC_METRICS_TEXT_H
#define NETSVC_METRICS_TEXT_H

#include "core/arena.h"
#include "core/metrics.h"

/* A value of this moment, or with labels a counter.  Those of one name with different labels stand
 * next to each other. */
struct metrics_gauge {
    const char *name,
        *help; /* the name gets the prefix stratos_, a counter the suffix _total */
    const char *label, *label_value; /* NULL: none */
    double value;
    bool is_counter;
};

#define METRICS_TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* NUL-terminated, in `arena`; NULL when it is full. */
char *metrics_text(const struct metrics *metrics, const struct metrics_gauge *gauges,
                   size_t n_gauges, struct arena *arena);

#endif
