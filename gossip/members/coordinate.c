/* Vivaldi: F. Dabek, R. Cox, F. Kaashoek, R. Morris, "Vivaldi: A Decentralized Network
 * Coordinate System", SIGCOMM 2004, figure 4 and section 5.4.  Adjustment and gravity: J.
 * Ledlie, P. Gardner, M. Seltzer, "Network Coordinates in the Wild", NSDI 2007. */
#include "gossip/members/coordinate.h"

#include <math.h>

#include "core/err.h"

enum { STEP_US = 16, RTT_MAX_US = 10 * 1000 * 1000 };

static const double error_max = 1.5, error_share = 0.25, force_share = 0.25;
static const double height_min_us = 10, origin_pull_us = 500e3;

void coordinate_init(struct coordinate_self *self)
{
    *self =
        (struct coordinate_self){.now = {.height_us = height_min_us, .error = error_max}};
}

static double length(const double v[static COORDINATE_DIMENSIONS])
{
    double sum = 0;
    for (int i = 0; i < COORDINATE_DIMENSIONS; i++)
        sum += v[i] * v[i];
    return sqrt(sum);
}

static double plain_rtt_us(const struct coordinate *a, const struct coordinate *b)
{
    double between[COORDINATE_DIMENSIONS];
    for (int i = 0; i < COORDINATE_DIMENSIONS; i++)
        between[i] = a->at_us[i] - b->at_us[i];
    return length(between) + a->height_us + b->height_us;
}

double coordinate_rtt_us(const struct coordinate *a, const struct coordinate *b)
{
    double plain_us = plain_rtt_us(a, b);
    double adjusted_us = plain_us + a->adjustment_us + b->adjustment_us;
    return adjusted_us > 0 ? adjusted_us : plain_us;
}

/* Push away from `other` by `force_us`, or draw nearer when it is negative.  Two at one
 * place part in a random direction. */
static void push(struct coordinate *self, const struct coordinate *other, double force_us,
                 struct rng *rng)
{
    double away[COORDINATE_DIMENSIONS];
    for (int i = 0; i < COORDINATE_DIMENSIONS; i++)
        away[i] = self->at_us[i] - other->at_us[i];
    double apart_us = length(away), unit = apart_us;
    if (apart_us < 1) {
        for (int i = 0; i < COORDINATE_DIMENSIONS; i++)
            away[i] = rng_unit(rng) - 0.5;
        unit = length(away) + 1e-9;
    }
    for (int i = 0; i < COORDINATE_DIMENSIONS; i++)
        self->at_us[i] += away[i] / unit * force_us;
    if (apart_us >= 1)
        self->height_us += (self->height_us + other->height_us) * force_us / apart_us;
    if (self->height_us < height_min_us)
        self->height_us = height_min_us;
}

/* All together may drift; a weak pull to the origin holds them. */
static void pull_home(struct coordinate *self)
{
    double far_us = length(self->at_us);
    double pull = far_us / origin_pull_us * (far_us / origin_pull_us);
    if (far_us < 1)
        return;
    pull = pull > 1 ? 1 : pull;
    for (int i = 0; i < COORDINATE_DIMENSIONS; i++)
        self->at_us[i] -= self->at_us[i] / far_us * pull * STEP_US;
}

static void adjust(struct coordinate_self *self, const struct coordinate *other,
                   double rtt_us)
{
    double sum = 0;
    self->samples_us[self->next_sample] = rtt_us - plain_rtt_us(&self->now, other);
    self->next_sample = (self->next_sample + 1) % COORDINATE_WINDOW;
    self->n_samples += self->n_samples < COORDINATE_WINDOW;
    for (size_t i = 0; i < self->n_samples; i++)
        sum += self->samples_us[i];
    /* Half: the other's half comes with its own. */
    self->now.adjustment_us = sum / (2.0 * (double)self->n_samples);
}

void coordinate_learn(struct coordinate_self *self, const struct coordinate *other,
                      uint32_t rtt_us, struct rng *rng)
{
    struct coordinate *now = &self->now;
    if (rtt_us == 0 || rtt_us > RTT_MAX_US)
        return;
    double guess_us = plain_rtt_us(now, other);
    double wrong = fabs(guess_us - rtt_us) / rtt_us;
    double total = now->error + other->error;
    double weight = now->error / (total > 1e-6 ? total : 1e-6);
    now->error = wrong * error_share * weight + now->error * (1 - error_share * weight);
    now->error = now->error > error_max ? error_max : now->error;
    push(now, other, force_share * weight * (rtt_us - guess_us), rng);
    pull_home(now);
    adjust(self, other, rtt_us);
}

/* ---- the wire: big-endian 16 bit numbers ---- */

static void put(uint8_t *out, double value_us)
{
    double steps = round(value_us / STEP_US);
    steps = steps > INT16_MAX ? INT16_MAX : steps < INT16_MIN ? INT16_MIN : steps;
    uint16_t bits = (uint16_t)(int16_t)steps;
    out[0] = (uint8_t)(bits >> 8);
    out[1] = (uint8_t)bits;
}

static double get(const uint8_t *in)
{
    return (double)(int16_t)(uint16_t)(in[0] << 8 | in[1]) * STEP_US;
}

void coordinate_encode(const struct coordinate *c, uint8_t out[static COORDINATE_WIRE])
{
    for (int i = 0; i < COORDINATE_DIMENSIONS; i++)
        put(out + (ptrdiff_t)2 * i, c->at_us[i]);
    put(out + 6, c->height_us);
    put(out + 8, c->adjustment_us);
    out[10] = (uint8_t)round(c->error * 100);
}

int coordinate_decode(struct bytes in, struct coordinate *ret_coordinate)
{
    if (in.len != COORDINATE_WIRE || in.at[10] > error_max * 100)
        return ERR_MALFORMED;
    struct coordinate c = {.height_us = get(in.at + 6),
                           .adjustment_us = get(in.at + 8),
                           .error = in.at[10] / 100.0};
    for (int i = 0; i < COORDINATE_DIMENSIONS; i++)
        c.at_us[i] = get(in.at + (ptrdiff_t)2 * i);
    if (c.height_us < 0)
        return ERR_MALFORMED;
    *ret_coordinate = c;
    return 0;
}
