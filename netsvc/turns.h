/* Whose turn it is: connections that have something to be read, source by source.
 *
 * The sources take turns, and so do the connections of one source, so that a source with
 * a thousand connections is served no more often than one with a single one.  A source
 * whose budget is used up waits until there is some again. */
#ifndef NETSVC_TURNS_H
#define NETSVC_TURNS_H

#include <stddef.h>

#include "netsvc/budget.h"

struct turn_group;

/* Embedded in a connection; zeroed is ready for use. */
struct turn {
    struct turn *next, *previous;
    struct turn_group *group; /* NULL: not queued */
};

/* Embedded in a source; zeroed is ready for use.  Stays where it is while anything of it
 * is queued. */
struct turn_group {
    struct turn_group *next, *previous;
    struct turn *first, *last;
    struct budget *budget; /* NULL: without bound */
    bool is_waiting;       /* for its budget */
};

struct turn_list {
    struct turn_group *first, *last;
};

struct turns {
    struct turn_list ready, waiting;
    uint64_t earliest_ns; /* when the first of those that wait may go on, if any does */
    uint64_t n_waits;     /* how often a source had to */
};

/* At the end of its group; one that is queued already stays where it is. */
void turns_add(struct turns *q, struct turn_group *g, struct turn *t);
/* One that is not queued may be given. */
void turns_drop(struct turns *q, struct turn *t);
/* Take out whoever is next; *ret_budget is what its time is taken from, or NULL.  NULL
 * when nobody is, or when all wait: then *ret_wait_ns tells how long, and is UINT64_MAX
 * otherwise. */
struct turn *turns_next(struct turns *q, uint64_t now_ns, struct budget **ret_budget,
                        uint64_t *ret_wait_ns);
bool turns_is_empty(const struct turns *q);

#endif
