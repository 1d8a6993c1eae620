/* Network coordinates: a round trip between any two members, guessed from few that were
 * measured.
 *
 * Vivaldi (Dabek et al. 2004) in three dimensions with a height for the way from the host
 * to the network, and the adjustment term of Ledlie et al. (2007) for what no such space
 * can hold. */
#ifndef GOSSIP_MEMBERS_COORDINATE_H
#define GOSSIP_MEMBERS_COORDINATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/rng.h"

enum {
    COORDINATE_DIMENSIONS = 3,
    COORDINATE_WINDOW = 20, /* samples that the adjustment is the mean of */
    COORDINATE_WIRE =
        11, /* bytes: places, height and adjustment in 16 us steps, error in 1/100 */
};

struct coordinate {
    double at_us[COORDINATE_DIMENSIONS];
    double height_us, adjustment_us;
    double error; /* relative: 0 sure, 1.5 knows nothing */
};

/* One's own, with what it is learned from. */
struct coordinate_self {
    struct coordinate now;
    double samples_us[COORDINATE_WINDOW];
    size_t n_samples, next_sample;
};

void coordinate_init(struct coordinate_self *self);
/* A round trip to somebody at `other` took `rtt_us`; 0 and more than ten seconds are
 * ignored. */
void coordinate_learn(struct coordinate_self *self, const struct coordinate *other,
                      uint32_t rtt_us, struct rng *rng);
double coordinate_rtt_us(const struct coordinate *a, const struct coordinate *b);

void coordinate_encode(const struct coordinate *c, uint8_t out[static COORDINATE_WIRE]);
/* ERR_MALFORMED: wrong length or an impossible error. */
int coordinate_decode(struct bytes in, struct coordinate *ret_coordinate);

#endif
