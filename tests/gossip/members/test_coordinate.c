/* Coordinates learned from made-up networks, by members that each see a few others at a
 * time. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "core/err.h"
#include "gossip/members/coordinate.h"

enum { N = 32, ROUNDS = 600 };

static uint32_t rtts[N][N];

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* The median of the guesses' relative errors after `ROUNDS` probes by each, over the wire
 * form. */
static double learn(double noise, uint64_t seed)
{
    static struct coordinate_self all[N];
    static double errors[N * N];
    struct rng rng;
    size_t n = 0;
    rng_init(&rng, seed);
    for (size_t i = 0; i < N; i++)
        coordinate_init(&all[i]);
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < N; i++) {
            size_t k = (i + 1 + (size_t)rng_below(&rng, N - 1)) % N;
            uint8_t wire[COORDINATE_WIRE];
            struct coordinate other;
            double factor = 1 + noise * rng_unit(&rng);
            coordinate_encode(&all[k].now, wire);
            cr_assert_eq(coordinate_decode(BYTES_OF(wire), &other), 0);
            coordinate_learn(&all[i], &other, (uint32_t)(rtts[i][k] * factor), &rng);
        }
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < i; k++)
            errors[n++] = fabs(coordinate_rtt_us(&all[i].now, &all[k].now) - rtts[i][k]) /
                          rtts[i][k];
    }
    qsort(errors, n, sizeof(double), compare);
    return errors[n / 2];
}

static void fill(double (*of)(size_t, size_t))
{
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < N; k++)
            rtts[i][k] = (uint32_t)of(i, k);
    }
}

static double line(size_t i, size_t k)
{
    return 1000 * fabs((double)i - (double)k);
}

static double grid(size_t i, size_t k)
{
    double x = (double)(i % 6) - (double)(k % 6), y = (double)(i / 6) - (double)(k / 6);
    return 10000 * sqrt(x * x + y * y);
}

static double two_sites(size_t i, size_t k)
{
    return (i < N / 2) == (k < N / 2) ? 1000 : 10000;
}

static double slow_access(size_t i, size_t k)
{
    return 2000 + 3000 * (double)(i % 4) + 3000 * (double)(k % 4);
}

static double rack(size_t i, size_t k)
{
    return i / 8 == k / 8 ? 150 : 300;
}

Test(coordinate, networks_of_many_shapes_are_guessed_from_samples)
{
    static const struct {
        const char *name;
        double (*of)(size_t, size_t);
        double noise, bound;
    } rows[] = {
        {"a line", line, 0, 0.05},         {"a grid", grid, 0, 0.05},
        {"two sites", two_sites, 0, 0.10}, {"slow access", slow_access, 0, 0.10},
        {"racks", rack, 0, 0.25},          {"a noisy grid", grid, 0.2, 0.15},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fill(rows[i].of);
        double error = learn(rows[i].noise, i + 1);
        cr_log_info("%s: %.3f", rows[i].name, error);
        cr_expect_leq(error, rows[i].bound, "%s: %.3f", rows[i].name, error);
    }
}

Test(coordinate, the_wire_form_is_eleven_bytes_within_16_microseconds)
{
    struct coordinate c = {.at_us = {1600, -3200, 16},
                           .height_us = 320,
                           .adjustment_us = -160,
                           .error = 0.25};
    static const uint8_t golden[COORDINATE_WIRE] = {0, 100, 0xff, 0x38, 0, 1,
                                                    0, 20,  0xff, 0xf6, 25};
    uint8_t wire[COORDINATE_WIRE];
    struct coordinate back;
    coordinate_encode(&c, wire);
    cr_assert_arr_eq(wire, golden, sizeof(golden));
    cr_assert_eq(coordinate_decode(BYTES_OF(wire), &back), 0);
    cr_assert_float_eq(coordinate_rtt_us(&c, &back), 2 * 320 - 2 * 160, 1);
    for (size_t len = 0; len < COORDINATE_WIRE; len++)
        cr_assert_eq(coordinate_decode((struct bytes){wire, len}, &back), ERR_MALFORMED);
    wire[10] = 151;
    cr_assert_eq(coordinate_decode(BYTES_OF(wire), &back), ERR_MALFORMED);
    wire[10] = 150;
    wire[6] = 0x80; /* a height below zero */
    cr_assert_eq(coordinate_decode(BYTES_OF(wire), &back), ERR_MALFORMED);
}

Test(coordinate, an_impossible_sample_changes_nothing)
{
    struct coordinate_self self;
    struct coordinate other = {.error = 1};
    struct rng rng;
    rng_init(&rng, 1);
    coordinate_init(&self);
    coordinate_learn(&self, &other, 0, &rng);
    coordinate_learn(&self, &other, UINT32_MAX, &rng);
    cr_assert_eq(self.n_samples, 0);
    cr_assert_float_eq(self.now.error, 1.5, 1e-9);
}
