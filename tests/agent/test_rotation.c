/* Changing the secret: the steps of one node, and many nodes that see each other late. */
#include <criterion/criterion.h>
#include <string.h>

#include "agent/rotation.h"
#include "core/rng.h"

static const struct secret old = {{1}}, next = {{2}}, rival = {{3}};
static const uint8_t nonce[SECRET_NONCE_LEN] = {9};

enum { NODES_MAX = 6 };

static struct rotation with(const struct secret *secret)
{
    cr_assert_eq(seal_init(), 0);
    return (struct rotation){.keys = keyring_of(secret)};
}

static struct bytes offer_of(const struct secret *from, const struct secret *to,
                             uint8_t out[static SECRET_WRAPPED_LEN])
{
    secret_wrap(from, to, SECRET_PATIENT, nonce, out);
    return (struct bytes){out, SECRET_WRAPPED_LEN};
}

Test(rotation, goes_through_its_phases)
{
    uint8_t record[SECRET_WRAPPED_LEN];
    uint8_t from = secret_epoch(&old), to = secret_epoch(&next);
    struct rotation r = with(&old);
    struct bytes offer = offer_of(&old, &next, record);
    struct rotation_peer peers[] = {{from, 0}, {from, to}};
    cr_expect_not(rotation_advance(&r, 1000, peers, 2));
    cr_expect(rotation_offer(&r, offer));
    cr_expect_not(rotation_offer(&r, offer), "once");
    cr_expect_eq(rotation_phase(&r), ROTATION_ACCEPTING);
    cr_expect_eq(rotation_own(&r).seals, from);
    cr_expect_eq(rotation_own(&r).opens, to);
    cr_expect_not(rotation_advance(&r, 2000, peers, 2), "one does not open it");
    peers[0].opens = to;
    cr_expect(rotation_advance(&r, 3000, peers, 2));
    cr_expect_eq(rotation_phase(&r), ROTATION_SENDING);
    cr_expect_eq(rotation_own(&r).seals, to);
    cr_expect_eq(rotation_own(&r).opens, from);
    cr_expect_not(rotation_advance(&r, 60000, peers, 2), "they seal with the old one");
    peers[0] = peers[1] = (struct rotation_peer){to, from};
    cr_expect_not(rotation_advance(&r, 61000, peers, 2), "not at once");
    cr_expect_not(rotation_is_over(&r, offer, peers, 2));
    cr_expect(rotation_advance(&r, 61000 + ROTATION_GRACE_MS, peers, 2));
    cr_expect_eq(rotation_phase(&r), ROTATION_ONE_KEY);
    cr_expect_eq(rotation_own(&r).seals, to);
    cr_expect_not(rotation_is_over(&r, offer, peers, 2), "they still open the old one");
    peers[0].opens = peers[1].opens = 0;
    cr_expect(rotation_is_over(&r, offer, peers, 2));
    cr_expect(rotation_is_over(&r, offer_of(&old, &rival, record), peers, 2),
              "a rival's");
    cr_expect_not(rotation_is_over(&r, offer_of(&next, &rival, record), peers, 2),
                  "the next one");
    offer = offer_of(&old, &next, record);
    cr_expect_not(rotation_offer(&r, offer), "it is what we have");
}

Test(rotation, begins_its_wait_anew_when_somebody_falls_back)
{
    uint8_t record[SECRET_WRAPPED_LEN];
    uint8_t from = secret_epoch(&old), to = secret_epoch(&next);
    struct rotation r = with(&old);
    struct rotation_peer ready = {to, from}, joiner = {from, 0};
    cr_assert(rotation_offer(&r, offer_of(&old, &next, record)));
    cr_assert(rotation_advance(&r, 1000, &ready, 1));
    cr_expect_not(rotation_advance(&r, 2000, &ready, 1));
    cr_expect_not(rotation_advance(&r, 3000, &joiner, 1), "a member joined with the old");
    cr_expect_not(rotation_advance(&r, 2000 + ROTATION_GRACE_MS, &ready, 1));
    cr_expect(rotation_advance(&r, 2000 + 2 * ROTATION_GRACE_MS, &ready, 1));
}

Test(rotation, takes_no_offer_it_cannot_open_or_that_comes_too_late)
{
    uint8_t record[SECRET_WRAPPED_LEN];
    struct rotation r = with(&old), without = {0};
    struct bytes offer = offer_of(&next, &rival, record);
    struct rotation_peer peer = {secret_epoch(&next), 0};
    cr_expect_not(rotation_offer(&r, offer), "for holders of another");
    cr_expect_not(rotation_offer(&without, offer_of(&old, &next, record)));
    cr_expect_not(rotation_advance(&without, 1000, NULL, 0));
    for (size_t bit = 0; bit < 8 * sizeof(record); bit++) {
        record[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_expect_not(rotation_offer(&r, offer), "bit %zu", bit);
        record[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < sizeof(record); len++)
        cr_expect_not(rotation_offer(&r, (struct bytes){record, len}), "%zu bytes", len);
    cr_expect(rotation_offer(&r, offer));
    cr_expect(rotation_offer(&r, offer_of(&old, &rival, record)),
              "of two written at once the one that stands");
    cr_expect_eq(rotation_own(&r).opens, secret_epoch(&rival));
    peer.seals = secret_epoch(&rival);
    cr_expect(rotation_advance(&r, 1000, &peer, 1));
    cr_expect_not(rotation_offer(&r, offer_of(&old, &next, record)), "under way");
}

Test(rotation, alone_it_waits_whether_somebody_comes)
{
    uint8_t record[SECRET_WRAPPED_LEN];
    struct rotation r = with(&old);
    cr_assert(rotation_offer(&r, offer_of(&old, &next, record)));
    cr_expect_not(rotation_advance(&r, 0, NULL, 0));
    cr_expect_not(rotation_advance(&r, ROTATION_GRACE_MS, NULL, 0));
    cr_expect(rotation_advance(&r, 1 + ROTATION_GRACE_MS, NULL, 0));
    cr_expect_eq(rotation_phase(&r), ROTATION_SENDING);
}

/* ---- many nodes ---- */

struct crowd {
    struct rotation nodes[NODES_MAX];
    struct rotation_peer seen[NODES_MAX][NODES_MAX]; /* whose row, as who knows it */
    size_t n;
    uint64_t now_ms;
};

/* Whatever anybody seals, everybody opens. */
static void check(const struct crowd *c, uint64_t seed)
{
    for (size_t i = 0; i < c->n; i++)
        for (size_t k = 0; k < c->n; k++)
            cr_assert(keyring_find(&c->nodes[k].keys, rotation_own(&c->nodes[i]).seals),
                      "seed %llu at %llu: %zu does not open what %zu seals",
                      (unsigned long long)seed, (unsigned long long)c->now_ms, k, i);
}

/* A node hears of one row, takes a look, or is started anew from its file. */
static void step(struct crowd *c, struct rng *rng, struct bytes offer, bool is_offered)
{
    size_t i = rng_below(rng, c->n), k = rng_below(rng, c->n);
    struct rotation *r = &c->nodes[i];
    struct rotation_peer live[NODES_MAX];
    size_t n = 0;
    char text[KEYRING_TEXT];
    c->now_ms += rng_below(rng, 300);
    switch (rng_below(rng, 8)) {
    case 0:
        if (is_offered)
            (void)rotation_offer(r, offer);
        break;
    case 1:
        if (rng_below(rng, 10) > 0)
            break;
        keyring_text(&r->keys, text);
        *r = (struct rotation){0};
        cr_assert_eq(keyring_parse(text, sizeof(text), &r->keys), 0);
        break;
    case 2:
    case 3:
        for (size_t other = 0; other < c->n; other++)
            if (other != i)
                live[n++] = c->seen[other][i];
        (void)rotation_advance(r, c->now_ms, live, n);
        break;
    default:
        c->seen[k][i] = rotation_own(&c->nodes[k]);
    }
}

static bool is_done(const struct crowd *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->nodes[i].keys.n != 1 ||
            rotation_own(&c->nodes[i]).seals != secret_epoch(&next))
            return false;
    return true;
}

Test(rotation, nobody_seals_what_another_does_not_open)
{
    uint8_t record[SECRET_WRAPPED_LEN];
    cr_assert_eq(seal_init(), 0);
    struct bytes offer = offer_of(&old, &next, record);
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        struct crowd c = {.n = 2 + rng_below(&rng, NODES_MAX - 1)};
        unsigned n_steps = 0;
        for (size_t i = 0; i < c.n; i++)
            c.nodes[i] = with(&old);
        while (!is_done(&c) && n_steps++ < 20000) {
            step(&c, &rng, offer, n_steps > 20);
            check(&c, seed);
        }
        cr_expect(is_done(&c), "seed %llu", (unsigned long long)seed);
    }
}

/* It slept while the others dropped the old secret, and the next change has begun. */
Test(rotation, a_third_secret_under_the_new_is_taken_while_the_old_is_still_opened)
{
    uint8_t first[SECRET_WRAPPED_LEN], second[SECRET_WRAPPED_LEN];
    struct rotation r = with(&old);
    struct rotation_peer ready = {secret_epoch(&next), secret_epoch(&old)};
    cr_assert(rotation_offer(&r, offer_of(&old, &next, first)));
    cr_assert(rotation_advance(&r, 1000, &ready, 1));
    cr_expect_not(rotation_offer(&r, offer_of(&old, &rival, second)), "under the old");
    cr_expect(rotation_offer(&r, offer_of(&next, &rival, second)));
    cr_expect_eq(rotation_phase(&r), ROTATION_ACCEPTING);
    cr_expect_eq(rotation_own(&r).seals, secret_epoch(&next));
    cr_expect_eq(rotation_own(&r).opens, secret_epoch(&rival));
}

Test(rotation, who_has_both_secrets_can_make_the_offer_again)
{
    uint8_t first[SECRET_WRAPPED_LEN], again[SECRET_WRAPPED_LEN],
        once_more[SECRET_WRAPPED_LEN];
    struct rotation r = with(&old), other = with(&old);
    struct bytes none = {0}, offer = offer_of(&old, &next, first);
    struct rotation_peer late = {secret_epoch(&old), 0},
                         ready = {secret_epoch(&old), secret_epoch(&next)};
    cr_expect_not(rotation_is_lacking(&r, none, &late, 1), "nothing is under way");
    cr_assert(rotation_offer(&r, offer));
    cr_expect(rotation_is_lacking(&r, none, &late, 1));
    cr_expect_not(rotation_is_lacking(&r, none, &ready, 1));
    cr_expect_not(rotation_is_lacking(&r, none, NULL, 0));
    cr_expect_not(rotation_is_lacking(&r, offer, &late, 1), "it is there to be found");
    rotation_wrap(&r, SECRET_FORCED, again);
    cr_expect_eq(secret_wrapped_urgency(BYTES_OF(again)), SECRET_FORCED);
    cr_assert(rotation_advance(&r, 1000, &ready, 1));
    cr_expect(rotation_is_lacking(&r, none, &late, 1), "also when it seals with the new");
    rotation_wrap(&r, SECRET_FORCED, once_more);
    cr_expect_arr_eq(again, once_more, sizeof(again),
                     "the same offer, for the same nonce");
    cr_expect(rotation_offer(&other, BYTES_OF(once_more)));
    cr_expect_arr_eq(other.keys.secrets[1].at, next.at, SECRET_LEN);
    rotation_wrap(&r, SECRET_PATIENT, once_more);
    cr_expect_arr_neq(again + 3, once_more + 3, SECRET_NONCE_LEN,
                      "and another for another");
}
