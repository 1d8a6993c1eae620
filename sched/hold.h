/* The mass-failure hold: a node that sees many members fail at once first doubts itself
 * (DESIGN 5).  While it holds, the dead keep what they held; new work is still placed. */
#ifndef SCHED_HOLD_H
#define SCHED_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HOLD_WINDOW_MS = 15000,
    HOLD_DEFAULT_MS = 30000,
    HOLD_STEP_MS = 1000,
    HOLD_FRESH_MS = 1000, /* so long an answered census holds for the next death, too */
    HOLD_STEPS = 16
};

_Static_assert(HOLD_STEPS *HOLD_STEP_MS > HOLD_WINDOW_MS, "the steps cover the window");

struct hold {
    uint32_t hold_ms;
    uint64_t until_ms; /* 0 = not holding */
    uint64_t
        asking_until_ms;  /* 0 = the others are not being asked whether they are there */
    uint64_t answered_ms; /* when enough of them last were; 0 = never */
    struct hold_step {
        uint64_t step; /* now_ms / HOLD_STEP_MS */
        size_t n;
    } deaths[HOLD_STEPS]; /* how many died in each of the last steps, a ring */
};

void hold_init(struct hold *h, uint32_t hold_ms);
/* A member died, and unless that begins a hold the others are to be asked whether they are there: of
 * many that vanish at once the first to be believed dead looks like the only one.  `n_live` is how many live members are left, self included, `n_dead` how many are
 * dead by now, this one included.  `is_deaf`: we have not heard from any of the living lately
 * either, so this death may be the first of many. */
void hold_death(struct hold *h, uint64_t now_ms, size_t n_live, size_t n_dead,
                bool is_deaf);
/* We are up and may decide: are more than half of those we remember missing, it may be us who is. */
void hold_wake(struct hold *h, uint64_t now_ms, size_t n_live, size_t n_dead);
/* A member came back: what was doubted is whole again if fewer than half are missing. */
void hold_return(struct hold *h, uint64_t now_ms, size_t n_live, size_t n_dead);
/* Of the others `n_asked` were asked since the death, and `n_missed` of these have not been heard yet.
 * True when that shows that most are there: then it was a death like any other. */
bool hold_census(struct hold *h, uint64_t now_ms, size_t n_live, size_t n_dead,
                 size_t n_asked, size_t n_missed);
bool hold_is_asking(const struct hold *h, uint64_t now_ms);
bool hold_is_on(const struct hold *h, uint64_t now_ms);
uint64_t hold_deadline_ms(const struct hold *h); /* UINT64_MAX: none */

#endif
