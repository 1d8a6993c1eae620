/* Drawing ports.  See ports.h.
 *
 * The sequence has the n ports of the range, in steps that have no divisor with n in common, so that
 * each comes once, and before them (or behind, when they are doubted) the ports that were kept. */
#include "agent/ports.h"

#include <string.h>

bool port_set_has(const struct port_set *set, uint16_t port)
{
    return set->bits[port / 64] >> port % 64 & 1;
}

void port_set_add(struct port_set *set, uint16_t port)
{
    if (port)
        set->bits[port / 64] |= UINT64_C(1) << port % 64;
}

static uint32_t range_size(struct port_range range)
{
    return (uint32_t)range.high - range.low + 1;
}

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
    while (b) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

void port_draw_begin(struct port_draw *d, struct port_range range, const uint16_t *kept,
                     size_t n_kept, bool is_doubted, struct rng *rng)
{
    uint32_t n = range_size(range);
    *d = (struct port_draw){.range = range, .is_doubted = is_doubted};
    d->first = (uint32_t)rng_below(rng, n);
    d->step = 1 + (uint32_t)rng_below(rng, n);
    while (common_divisor(d->step, n) != 1)
        d->step++;
    for (size_t i = 0; kept && i < n_kept && i < PORTS_MAX; i++)
        if (kept[i] >= range.low && kept[i] <= range.high)
            d->kept[i] = kept[i];
}

static size_t place_of(const struct port_draw *d, uint16_t port)
{
    for (size_t i = 0; i < PORTS_MAX; i++)
        if (d->kept[i] == port)
            return i;
    return SIZE_MAX;
}

/* Number `at` of the sequence: a port, 0 where there is none; false behind its end. */
static bool port_at(const struct port_draw *d, uint32_t at, uint16_t *ret_port)
{
    uint32_t n = range_size(d->range);
    if (at >= n + PORTS_MAX)
        return false;
    bool is_kept = d->is_doubted ? at >= n : at < PORTS_MAX;
    if (is_kept) {
        *ret_port = d->kept[d->is_doubted ? at - n : at];
        return true;
    }
    uint64_t i = d->is_doubted ? at : at - PORTS_MAX;
    uint16_t port = (uint16_t)(d->range.low + (d->first + i * d->step) % n);
    *ret_port = place_of(d, port) == SIZE_MAX ? port : 0; /* those have their own turn */
    return true;
}

size_t port_draw_ask(const struct port_draw *d, const struct port_set * not,
                     uint16_t *out, size_t cap)
{
    uint16_t port;
    size_t n = 0;
    for (uint32_t at = d->at; n < cap && port_at(d, at, &port); at++)
        if (port && !port_set_has(not, port))
            out[n++] = port;
    return n;
}

bool port_draw_answer(struct port_draw *d, uint16_t port, enum port_state state,
                      size_t *ret_place)
{
    uint16_t seen = 0;
    while (seen != port)
        if (!port_at(d, d->at++, &seen))
            return false;
    *ret_place = place_of(d, port);
    d->n_taken += state == PORT_TAKEN;
    /* Who had it may have it again; for others it is the last choice. */
    if (state != PORT_LINGERS || (*ret_place != SIZE_MAX && !d->is_doubted))
        return state != PORT_TAKEN;
    if (d->n_lingering < PORTS_MAX)
        d->lingering[d->n_lingering++] = port;
    return false;
}

uint16_t port_draw_last(struct port_draw *d, const struct port_set * not )
{
    while (d->n_lingering) {
        uint16_t port = d->lingering[0];
        memmove(d->lingering, d->lingering + 1, --d->n_lingering * sizeof(port));
        if (!port_set_has(not, port))
            return port;
    }
    return 0;
}
