/* The mass-failure hold: counts deaths within one suspicion window.  See mass_failure.h. */
#include "sched/mass_failure.h"

void mass_failure_init(struct mass_failure *h, uint32_t hold_ms)
{
    *h = (struct mass_failure){.hold_ms = hold_ms};
}

/* Counted by steps, so that any number of deaths takes the same room. */
static size_t recent_deaths(const struct mass_failure *h, uint64_t step)
{
    size_t n = 0;
    for (size_t i = 0; i < MASS_FAILURE_STEPS; i++)
        n += step - h->deaths[i].step < MASS_FAILURE_STEPS ? h->deaths[i].n : 0;
    return n;
}

/* Who died twice within the window is missing once. */
void mass_failure_death(struct mass_failure *h, uint64_t now_ms, size_t n_live,
                        size_t n_dead, bool is_deaf)
{
    uint64_t step = now_ms / MASS_FAILURE_STEP_MS;
    struct mass_failure_step *now = &h->deaths[step % MASS_FAILURE_STEPS];
    if (now->step != step)
        *now = (struct mass_failure_step){.step = step};
    now->n++;
    size_t recent = recent_deaths(h, step);
    size_t deaths = recent < n_dead ? recent : n_dead;
    if (is_deaf || 2 * deaths > deaths + n_live) {
        h->until_ms = now_ms + h->hold_ms;
        h->asking_until_ms = 0;
    } else if (h->answered_ms == 0 || now_ms >= h->answered_ms + MASS_FAILURE_FRESH_MS) {
        h->asking_until_ms = now_ms + h->hold_ms;
    }
}

bool mass_failure_census(struct mass_failure *h, uint64_t now_ms, size_t n_live,
                         size_t n_dead, size_t n_asked, size_t n_missed)
{
    size_t recent = recent_deaths(h, now_ms / MASS_FAILURE_STEP_MS);
    size_t deaths = recent < n_dead ? recent : n_dead;
    /* Who was asked stands for all others. */
    size_t missing = n_asked ? ((n_live - 1) * n_missed + n_asked - 1) / n_asked : 0;
    if (!mass_failure_is_asking(h, now_ms) || 2 * (deaths + missing) > deaths + n_live)
        return false;
    h->asking_until_ms = 0;
    h->answered_ms = now_ms;
    return true;
}

void mass_failure_wake(struct mass_failure *h, uint64_t now_ms, size_t n_live,
                       size_t n_dead)
{
    if (2 * n_dead > n_dead + n_live)
        h->until_ms = now_ms + h->hold_ms;
}

void mass_failure_return(struct mass_failure *h, uint64_t now_ms, size_t n_live,
                         size_t n_dead)
{
    if (mass_failure_is_on(h, now_ms) && 2 * n_dead <= n_dead + n_live)
        *h = (struct mass_failure){.hold_ms = h->hold_ms,
                                   .asking_until_ms = h->asking_until_ms};
}

bool mass_failure_is_asking(const struct mass_failure *h, uint64_t now_ms)
{
    return h->asking_until_ms > now_ms;
}

bool mass_failure_is_on(const struct mass_failure *h, uint64_t now_ms)
{
    return h->until_ms > now_ms;
}

uint64_t mass_failure_deadline_ms(const struct mass_failure *h)
{
    uint64_t until_ms = h->until_ms ? h->until_ms : UINT64_MAX;
    return h->asking_until_ms && h->asking_until_ms < until_ms ? h->asking_until_ms
                                                               : until_ms;
}
