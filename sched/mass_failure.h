/* The mass-failure hold: a node that sees many members fail at once first doubts itself
 * (DESIGN 5).  While it holds, the dead keep what they held; new work is still placed. */
#ifndef SCHED_MASS_FAILURE_H
#define SCHED_MASS_FAILURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MASS_FAILURE_WINDOW_MS = 15000,
    MASS_FAILURE_DEFAULT_MS = 30000,
    MASS_FAILURE_STEP_MS = 1000,
    MASS_FAILURE_FRESH_MS =
        1000, /* so long an answered census holds for the next death, too */
    MASS_FAILURE_STEPS = 16
};

_Static_assert(MASS_FAILURE_STEPS *MASS_FAILURE_STEP_MS > MASS_FAILURE_WINDOW_MS,
               "the steps cover the window");

struct mass_failure {
    uint32_t hold_ms;
    uint64_t until_ms; /* 0 = not holding */
    /* 0 = the others are not being asked whether they are there */
    uint64_t asking_until_ms;
    uint64_t answered_ms; /* when enough of them last were; 0 = never */
    struct mass_failure_step {
        uint64_t step; /* now_ms / MASS_FAILURE_STEP_MS */
        size_t n;
    } deaths[MASS_FAILURE_STEPS]; /* how many died in each of the last steps, a ring */
};

void mass_failure_init(struct mass_failure *h, uint32_t hold_ms);
/* A member is believed dead.  Unless that begins a hold, the others are to be asked whether they are
 * there (mass_failure_is_asking): of many that vanish at once, the first to be believed dead looks like the only
 * one.
 *
 *     n_live   live members that are left, self included
 *     n_dead   members that are dead by now, this one included
 *     is_deaf  we have heard none of the living lately: this death may be the first of many */
void mass_failure_death(struct mass_failure *h, uint64_t now_ms, size_t n_live,
                        size_t n_dead, bool is_deaf);
/* We are up and may decide.  If more than half of the members that we remember are missing, it may be
 * we who are cut off: that begins a hold. */
void mass_failure_wake(struct mass_failure *h, uint64_t now_ms, size_t n_live,
                       size_t n_dead);
/* A member came back: the hold ends if no more than half are missing. */
void mass_failure_return(struct mass_failure *h, uint64_t now_ms, size_t n_live,
                         size_t n_dead);
/* What asking has brought so far: `n_asked` of the others were asked since the death, and `n_missed` of
 * these have not answered yet.  True when most of them are there: then it was a death like any other. */
bool mass_failure_census(struct mass_failure *h, uint64_t now_ms, size_t n_live,
                         size_t n_dead, size_t n_asked, size_t n_missed);
bool mass_failure_is_asking(const struct mass_failure *h, uint64_t now_ms);
bool mass_failure_is_on(const struct mass_failure *h, uint64_t now_ms);
uint64_t mass_failure_deadline_ms(const struct mass_failure *h); /* UINT64_MAX: none */

#endif
