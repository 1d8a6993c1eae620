/* The walk through a range of ports. */
#include <criterion/criterion.h>
#include <string.h>

#include "agent/ports.h"

static const struct port_set none;

/* What is asked when every answer is `state`, in order; returns how many. */
static size_t walk(struct port_draw *d, const struct port_set * not,
                   enum port_state state, uint16_t *out, size_t cap)
{
    uint16_t ports[7];
    size_t n = 0, n_asked, place;
    while ((n_asked = port_draw_ask(d, not, ports, 7)) > 0)
        for (size_t i = 0; i < n_asked; i++) {
            (void)port_draw_answer(d, ports[i], state, &place);
            cr_assert_lt(n, cap);
            out[n++] = ports[i];
        }
    return n;
}

Test(ports, each_port_of_a_range_comes_once_whatever_the_start)
{
    static const struct port_range ranges[] = {{20000, 20000}, {20000, 20001},
                                               {20000, 20009}, {20000, 20096},
                                               {65520, 65535}, {1, 64}};
    static uint16_t out[200];
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        for (uint64_t seed = 0; seed < 30; seed++) {
            struct port_draw d;
            struct port_set seen = {0};
            struct rng rng;
            size_t size = (size_t)(ranges[i].high - ranges[i].low) + 1;
            rng_init(&rng, seed);
            port_draw_begin(&d, ranges[i], NULL, 0, false, &rng);
            size_t n = walk(&d, &none, PORT_TAKEN, out, 200);
            cr_assert_eq(n, size, "range %zu, seed %llu: %zu", i,
                         (unsigned long long)seed, n);
            for (size_t k = 0; k < n; k++) {
                cr_assert(out[k] >= ranges[i].low && out[k] <= ranges[i].high);
                cr_assert_not(port_set_has(&seen, out[k]));
                port_set_add(&seen, out[k]);
            }
            cr_assert_eq(d.n_taken, size);
        }
}

Test(ports, the_whole_range_of_numbers_can_be_walked)
{
    static uint16_t out[70000];
    struct port_draw d;
    struct rng rng;
    rng_init(&rng, 1);
    port_draw_begin(&d, (struct port_range){1, 65535}, NULL, 0, false, &rng);
    cr_assert_eq(walk(&d, &none, PORT_TAKEN, out, 70000), 65535);
}

Test(ports, kept_ports_come_first_and_doubted_ones_last)
{
    static const uint16_t kept[] = {20005, 0, 20002, 31000};
    uint16_t out[20];
    struct rng rng;
    for (int is_doubted = 0; is_doubted < 2; is_doubted++) {
        struct port_draw d;
        rng_init(&rng, 3);
        port_draw_begin(&d, (struct port_range){20000, 20009}, kept, 4, is_doubted, &rng);
        cr_assert_eq(walk(&d, &none, PORT_TAKEN, out, 20), 10);
        cr_assert_eq(out[is_doubted ? 8 : 0], 20005);
        cr_assert_eq(out[is_doubted ? 9 : 1], 20002);
    }
}

Test(ports, what_is_not_to_be_had_is_not_asked_for)
{
    uint16_t out[20];
    struct port_set not = {0};
    struct port_draw d;
    struct rng rng;
    rng_init(&rng, 5);
    for (uint16_t port = 20000; port < 20009; port++)
        port_set_add(&not, port);
    port_draw_begin(&d, (struct port_range){20000, 20009}, NULL, 0, false, &rng);
    cr_assert_eq(walk(&d, &not, PORT_FREE, out, 20), 1);
    cr_assert_eq(out[0], 20009);
}

Test(ports, what_lingers_is_the_last_choice_but_for_who_had_it)
{
    static const uint16_t kept[] = {20001};
    struct port_draw d;
    struct rng rng;
    size_t place;
    rng_init(&rng, 7);
    port_draw_begin(&d, (struct port_range){20000, 20002}, kept, 1, false, &rng);
    cr_assert(port_draw_answer(&d, 20001, PORT_LINGERS, &place));
    cr_assert_eq(place, 0);
    uint16_t next;
    cr_assert_eq(port_draw_ask(&d, &none, &next, 1), 1);
    cr_assert_not(port_draw_answer(&d, next, PORT_LINGERS, &place));
    cr_assert_eq(place, SIZE_MAX);
    cr_assert_eq(port_draw_last(&d, &none), next);
    cr_assert_eq(port_draw_last(&d, &none), 0);
}

Test(ports, what_was_not_answered_is_asked_for_again)
{
    struct port_draw d;
    struct rng rng;
    uint16_t first[4], again[4];
    size_t place;
    rng_init(&rng, 9);
    port_draw_begin(&d, (struct port_range){20000, 20009}, NULL, 0, false, &rng);
    cr_assert_eq(port_draw_ask(&d, &none, first, 4), 4);
    (void)port_draw_answer(&d, first[0], PORT_TAKEN, &place);
    cr_assert_eq(port_draw_ask(&d, &none, again, 4), 4);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(again[i], first[i + 1]);
    cr_assert_not(port_draw_answer(&d, 31000, PORT_FREE, &place),
                  "nobody asked for that");
}
