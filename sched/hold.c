/* The mass-failure hold: counts deaths within one suspicion window.  See hold.h. */
#include "sched/hold.h"

void hold_init(struct hold *h, uint32_t hold_ms)
{
    *h = (struct hold){.hold_ms = hold_ms};
}

static size_t recent_deaths(const struct hold *h, uint64_t now_ms)
{
    size_t kept = h->n_deaths < HOLD_DEATHS_MAX ? h->n_deaths : HOLD_DEATHS_MAX;
    size_t n = 0;
    for (size_t i = 0; i < kept; i++)
        n += now_ms - h->deaths_ms[i] <= HOLD_WINDOW_MS;
    /* A ring that is full of recent deaths stands for all that fell out of it. */
    return n == HOLD_DEATHS_MAX ? h->n_deaths : n;
}

void hold_death(struct hold *h, uint64_t now_ms, size_t n_live)
{
    if (recent_deaths(h, now_ms) == 0)
        h->n_deaths = 0;
    h->deaths_ms[h->n_deaths++ % HOLD_DEATHS_MAX] = now_ms;
    size_t deaths = recent_deaths(h, now_ms);
    if (2 * deaths > deaths + n_live)
        h->until_ms = now_ms + h->hold_ms;
}

void hold_return(struct hold *h, uint64_t now_ms, size_t n_live, size_t n_dead)
{
    if (hold_is_on(h, now_ms) && 2 * n_dead <= n_dead + n_live)
        *h = (struct hold){.hold_ms = h->hold_ms};
}

bool hold_is_on(const struct hold *h, uint64_t now_ms)
{
    return h->until_ms > now_ms;
}

uint64_t hold_deadline_ms(const struct hold *h)
{
    return h->until_ms ? h->until_ms : UINT64_MAX;
}
