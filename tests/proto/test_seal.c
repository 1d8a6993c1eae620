/* Secrets and sealed datagrams: golden bytes, every cut and flip, replays. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bounds.h"
#include "core/rng.h"
#include "proto/replay.h"
#include "proto/seal.h"

static const struct secret secret = {{1, 2, 3, 4, 5, 6, 7, 8}};
static const uint8_t session_a[SESSION_LEN] = "session a......",
                     session_b[SESSION_LEN] = "b";

static struct sealer *sealer(const uint8_t *session)
{
    cr_assert_eq(seal_init(), 0);
    struct keyring keys = keyring_of(&secret);
    struct sealer *s = sealer_new(&keys, session);
    cr_assert_not_null(s);
    return s;
}

static size_t seal(struct sealer *s, const char *text, uint8_t out[static DATAGRAM_MAX])
{
    int len = sealer_seal(s, bytes_of_text(text), out, DATAGRAM_MAX);
    cr_assert_eq(len, (int)strlen(text) + SEAL_OVERHEAD);
    return (size_t)len;
}

static int open_sealed(struct sealer *s, const uint8_t *in, size_t len)
{
    uint8_t out[DATAGRAM_MAX];
    return sealer_open(s, 0, (struct bytes){in, len}, out, sizeof(out));
}

Test(secret, survives_its_text)
{
    struct secret made, parsed;
    char text[45], spaced[64];
    cr_assert_eq(seal_init(), 0);
    secret_new(&made);
    secret_text(&made, text);
    cr_expect_eq(strlen(text), 44);
    snprintf(spaced, sizeof(spaced), " \t%s\r\n\n", text);
    cr_expect_eq(secret_parse(text, strlen(text), &parsed), 0);
    cr_expect_eq(memcmp(&made, &parsed, sizeof(made)), 0);
    memset(&parsed, 0, sizeof(parsed));
    cr_expect_eq(secret_parse(spaced, strlen(spaced), &parsed), 0);
    cr_expect_eq(memcmp(&made, &parsed, sizeof(made)), 0);
}

Test(secret, of_another_form_is_malformed)
{
    static const char *const rows[] = {
        "",
        "AAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=A",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA!",
        "AAAAAAAAAAAAAAAAAAAAAA AAAAAAAAAAAAAAAAAAAAA=",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=",
    };
    cr_assert_eq(seal_init(), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct secret parsed;
        cr_expect_eq(secret_parse(rows[i], strlen(rows[i]), &parsed), ERR_MALFORMED, "%s",
                     rows[i]);
    }
}

Test(identity, of_which_any_bit_is_another_is_not_sound)
{
    struct identity made;
    cr_assert_eq(seal_init(), 0);
    identity_new(&made);
    cr_assert(identity_is_sound(&made));
    for (size_t i = 0; i < 8 * sizeof(made); i++) {
        struct identity broken = made;
        ((uint8_t *)&broken)[i / 8] ^= (uint8_t)(1u << i % 8);
        cr_assert_not(identity_is_sound(&broken), "bit %zu", i);
    }
}

Test(identity, is_named_by_the_hash_of_its_key)
{
    struct identity a, b;
    cr_assert_eq(seal_init(), 0);
    identity_new(&a);
    identity_new(&b);
    cr_expect_not(node_id_equal(a.id, b.id));
    struct spec_hash hash = spec_hash_of(BYTES_OF(a.public_key));
    cr_expect_eq(memcmp(hash.at, a.id.at, sizeof(a.id.at)), 0);
}

Test(spec_hash, is_blake2b_256)
{
    char text[SPEC_HASH_TEXT];
    cr_assert_eq(seal_init(), 0);
    cr_expect_str_eq(spec_hash_text(spec_hash_of(bytes_of_text("abc")), text),
                     "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

Test(sealer, makes_these_bytes)
{
    uint8_t sealed[DATAGRAM_MAX];
    char hex[2 * DATAGRAM_MAX + 1];
    struct sealer *s = sealer(session_a);
    size_t len = seal(s, "hello", sealed);
    hex_encode(sealed, len, hex);
    cr_expect_str_eq(hex,
                     "02c0"
                     "73657373696f6e20612e2e2e2e2e2e00"
                     "0000000000000001"
                     "50b9b4fb391c945e5d79422f2e0108667e3b55033e",
                     "%s", hex);
    sealer_free(s);
}

Test(sealer, knows_a_datagram_of_0_1)
{
    static const char hex[] = "01c0"
                              "73657373696f6e20612e2e2e2e2e2e00"
                              "0000000000000001"
                              "50b9b4fb3916b4b7dca5ddfd4d9c0a709c1764105c";
    uint8_t sealed[sizeof(hex) / 2], out[DATAGRAM_MAX];
    for (size_t i = 0; i < sizeof(sealed); i++) {
        unsigned byte;
        cr_assert_eq(sscanf(hex + 2 * i, "%2x", &byte), 1);
        sealed[i] = (uint8_t)byte;
    }
    struct sealer *s = sealer(session_b);
    cr_expect_eq(sealer_open(s, 0, BYTES_OF(sealed), out, sizeof(out)), ERR_FORMER);
    cr_expect_eq(memcmp(out, "hello", 5), 0);
    cr_expect_eq(sealer_open(s, 0, BYTES_OF(sealed), out, sizeof(out)), ERR_REPLAYED);
    sealed[0] = 2;
    cr_expect_eq(sealer_open(s, 0, BYTES_OF(sealed), out, sizeof(out)), ERR_FORGED);
    sealer_free(s);
}

Test(sealer, opens_what_another_sealed)
{
    uint8_t sealed[DATAGRAM_MAX], out[DATAGRAM_MAX];
    struct sealer *a = sealer(session_a), *b = sealer(session_b);
    const char *const rows[] = {
        "", "x",
        "a longer one, with more than a block of sixty-four bytes in "
        "it, so that the cipher has to go round"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        size_t len = seal(a, rows[i], sealed);
        int plain = sealer_open(b, 0, (struct bytes){sealed, len}, out, sizeof(out));
        cr_assert_eq(plain, (int)strlen(rows[i]));
        cr_expect_eq(memcmp(out, rows[i], (size_t)plain), 0);
    }
    sealer_free(a);
    sealer_free(b);
}

Test(sealer, refuses_every_cut_and_every_flipped_bit)
{
    uint8_t sealed[DATAGRAM_MAX];
    struct sealer *a = sealer(session_a), *b = sealer(session_b);
    size_t len = seal(a, "some datagram", sealed);
    for (size_t cut = 0; cut < len; cut++)
        cr_expect_eq(open_sealed(b, sealed, cut),
                     cut < SEAL_OVERHEAD ? ERR_TRUNCATED : ERR_FORGED, "cut at %zu", cut);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_expect_eq(open_sealed(b, sealed, len),
                     bit / 8 == 0   ? ERR_UNSUPPORTED
                     : bit / 8 == 1 ? ERR_EPOCH
                                    : ERR_FORGED,
                     "bit %zu", bit);
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    cr_expect_geq(open_sealed(b, sealed, len), 0, "failures must not touch the window");
    sealer_free(a);
    sealer_free(b);
}

Test(sealer, refuses_another_secret_a_replay_and_its_own)
{
    uint8_t sealed[DATAGRAM_MAX];
    struct secret other = {{9}};
    struct keyring others = keyring_of(&other);
    struct sealer *a = sealer(session_a), *b = sealer(session_b);
    struct sealer *stranger = sealer_new(&others, session_b);
    size_t len = seal(a, "once", sealed);
    cr_expect_eq(open_sealed(stranger, sealed, len), ERR_EPOCH);
    sealed[1] = secret_epoch(&other);
    cr_expect_eq(open_sealed(stranger, sealed, len), ERR_FORGED);
    sealed[1] = secret_epoch(&secret);
    cr_expect_eq(open_sealed(b, sealed, len), 4);
    cr_expect_eq(open_sealed(b, sealed, len), ERR_REPLAYED);
    cr_expect_eq(open_sealed(a, sealed, len), ERR_REPLAYED);
    sealer_free(a);
    sealer_free(b);
    sealer_free(stranger);
}

/* Two nodes through a change of the secret, each a step behind the other. */
Test(sealer, opens_what_any_of_its_keys_sealed)
{
    uint8_t sealed[DATAGRAM_MAX];
    struct secret next = {{9}};
    struct keyring old = keyring_of(&secret), both = {{secret, next}, 2, true},
                   sending = {{next, secret}, 2, false}, new = keyring_of(&next);
    const struct {
        const struct keyring *from, *to;
        int result;
    } rows[] = {
        {&old, &old, 4},          {&old, &both, 4},           {&both, &old, 4},
        {&old, &sending, 4},      {&sending, &both, 4},       {&both, &sending, 4},
        {&new, &sending, 4},      {&sending, &new, 4},        {&new, &new, 4},
        {&both, &new, ERR_EPOCH}, {&sending, &old, ERR_EPOCH}};
    struct sealer *a = sealer(session_a), *b = sealer(session_b);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        sealer_set_keys(a, rows[i].from);
        sealer_set_keys(b, rows[i].to);
        size_t len = seal(a, "once", sealed);
        cr_expect_eq(open_sealed(b, sealed, len), rows[i].result, "row %zu", i);
        if (rows[i].result > 0)
            cr_expect_eq(open_sealed(b, sealed, len), ERR_REPLAYED, "row %zu", i);
    }
    sealer_free(a);
    sealer_free(b);
}

Test(keyring, survives_its_text)
{
    struct secret one = {{1, 2, 3}}, two = {{1, 2, 4}};
    struct keyring rows[] = {
        keyring_of(&one), {{one, two}, 2, true}, {{one, two}, 2, false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char text[KEYRING_TEXT];
        struct keyring parsed;
        keyring_text(&rows[i], text);
        cr_assert_eq(keyring_parse(text, sizeof(text), &parsed), 0, "row %zu", i);
        cr_expect_eq(parsed.n, rows[i].n);
        cr_expect_eq(parsed.is_second_next, rows[i].is_second_next);
        cr_expect_eq(memcmp(parsed.secrets, rows[i].secrets, parsed.n * sizeof(one)), 0);
        for (size_t len = 0; len < 44; len++)
            cr_expect_eq(keyring_parse(text, len, &parsed), ERR_MALFORMED, "%zu", len);
        for (size_t len = 46; rows[i].n > 1 && len < 94; len++)
            cr_expect_eq(keyring_parse(text, len, &parsed), ERR_MALFORMED, "%zu", len);
    }
}

Test(keyring, refuses_what_it_could_not_have_written)
{
#define ONE "AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define TWO "AQIEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    static const struct {
        const char *text;
        int result;
    } rows[] = {{ONE, 0},
                {"\n " ONE " \r\n\n", 0},
                {ONE "\nnext " TWO, 0},
                {ONE "\nlast " TWO "\n", 0},
                {ONE "\n" TWO, ERR_MALFORMED},
                {ONE "\nnext " ONE, ERR_MALFORMED}, /* nothing to tell them by */
                {ONE "\nnext " TWO "\n" TWO, ERR_MALFORMED},
                {ONE "\nnext", ERR_MALFORMED},
                {"", ERR_MALFORMED}};
    struct keyring keys;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        cr_expect_eq(keyring_parse(rows[i].text, strlen(rows[i].text), &keys),
                     rows[i].result, "row %zu", i);
}

Test(secret, is_handed_on_in_these_bytes)
{
    static const uint8_t nonce[SECRET_NONCE_LEN] = {7};
    struct secret one = {{1, 2, 3}}, two = {{1, 2, 4}}, opened;
    uint8_t wrapped[SECRET_WRAPPED_LEN];
    char hex[2 * SECRET_WRAPPED_LEN + 1];
    secret_wrap(&one, &two, SECRET_PATIENT, nonce, wrapped);
    hex_encode(wrapped, sizeof(wrapped), hex);
    cr_expect_str_eq(hex, "014736"
                          "070000000000000000000000000000000000000000000000"
                          "d981f0561f7565ff8bd679712270e59cd4c118240b21724a3f5747bfea58c0"
                          "b4ed7880ceed5d9d28994e2f547da1402c");
    cr_assert_eq(secret_unwrap(&one, BYTES_OF(wrapped), &opened), 0);
    cr_expect_eq(memcmp(opened.at, two.at, SECRET_LEN), 0);
    cr_expect_eq(secret_unwrap(&two, BYTES_OF(wrapped), &opened), ERR_EPOCH);
    cr_expect_eq(secret_wrapped_urgency(BYTES_OF(wrapped)), SECRET_PATIENT);
    wrapped[0] = SECRET_FORCED;
    cr_expect_eq(secret_unwrap(&one, BYTES_OF(wrapped), &opened), ERR_FORGED);
    wrapped[0] = 3;
    cr_expect_eq(secret_unwrap(&one, BYTES_OF(wrapped), &opened), ERR_MALFORMED);
    secret_wrap(&one, &two, SECRET_FORCED, nonce, wrapped);
    cr_expect_eq(secret_unwrap(&one, BYTES_OF(wrapped), &opened), 0);
    cr_expect_eq(secret_wrapped_urgency(BYTES_OF(wrapped)), SECRET_FORCED);
}

Test(secret, has_a_byte_that_names_it)
{
    struct secret two[2] = {{{1, 2, 3}}, {{1, 2, 4}}};
    struct keyring keys = {{two[0], two[1]}, 2, false};
    cr_expect_eq(secret_epoch(&two[0]), 71);
    cr_expect_eq(secret_epoch(&two[1]), 54);
    cr_expect_eq(keyring_find(&keys, 71), &keys.secrets[0]);
    cr_expect_eq(keyring_find(&keys, 54), &keys.secrets[1]);
    cr_expect_null(keyring_find(&keys, 0));
    for (unsigned i = 0; i < 1000; i++) {
        struct secret s = {{(uint8_t)i, (uint8_t)(i >> 8)}};
        cr_expect_neq(secret_epoch(&s), 0);
    }
}

Test(sealer, refuses_too_small_buffers)
{
    uint8_t out[64], sealed[DATAGRAM_MAX];
    struct sealer *a = sealer(session_a), *b = sealer(session_b);
    cr_expect_eq(sealer_seal(a, bytes_of_text("12345"), out, SEAL_OVERHEAD + 4),
                 ERR_BOUND);
    size_t len = seal(a, "12345", sealed);
    cr_expect_eq(sealer_open(b, 0, (struct bytes){sealed, len}, out, 4), ERR_BOUND);
    sealer_free(a);
    sealer_free(b);
}

Test(sealer, sends_the_same_bytes_twice_as_different_ones)
{
    uint8_t first[DATAGRAM_MAX], second[DATAGRAM_MAX];
    struct sealer *a = sealer(session_a);
    size_t len = seal(a, "same", first);
    seal(a, "same", second);
    cr_expect_neq(memcmp(first + SEAL_HEADER, second + SEAL_HEADER, len - SEAL_HEADER),
                  0);
    sealer_free(a);
}

/* ---- sessions ---- */

Test(session, is_spent_with_age_and_when_a_clock_moves_against_the_monotonic_one)
{
    static const struct clocks drawn = {100000, 500000, 1700000000000};
    static const struct {
        const char *what;
        int64_t monotonic, boot, wall; /* since */
        bool is_spent;
    } rows[] = {
        {"at once", 0, 0, 0, false},
        {"time passes", 60000, 60000, 60000, false},
        {"a wall clock that is slewed", 600000, 600000, 601999, false},
        {"or read a moment later", 600000, 600003, 598001, false},
        {"a quarter of an hour", 900000, 900000, 900000, true},
        {"a millisecond less", 899999, 899999, 899999, false},
        {"it slept", 1000, 3001, 1000, true},
        {"a nap", 1000, 3000, 1000, false},
        {"its wall clock was set forward", 1000, 1000, 3001, true},
        {"and back", 1000, 1000, -1001, true},
        {"by a second", 1000, 1000, 0, false},
        {"memory of a minute ago", 10, 60010, 60010, true},
        {"a monotonic clock that went back", -1, -1, -1, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct clocks now = {drawn.monotonic_ms + (uint64_t)rows[i].monotonic,
                             drawn.boot_ms + (uint64_t)rows[i].boot,
                             drawn.wall_ms + (uint64_t)rows[i].wall};
        cr_expect_eq(session_is_spent(&drawn, &now), rows[i].is_spent, "%s",
                     rows[i].what);
    }
}

/* Peers take the new session of one they know as they took the old one. */
Test(sealer, changes_its_session_and_loses_nothing)
{
    uint8_t sealed[3][DATAGRAM_MAX];
    const struct clocks at = {1, 1, 1}, soon = {2, 2, 2};
    struct sealer *a = sealer(session_a), *b = sealer(session_b);
    cr_expect(sealer_is_spent(a, &(struct clocks){1, 1, 1700000000000}));
    size_t len = seal(a, "old", sealed[0]);
    seal(a, "old", sealed[1]);
    sealer_renew(a, (const uint8_t *)"session c......", &at);
    cr_expect_not(sealer_is_spent(a, &soon));
    seal(a, "new", sealed[2]);
    cr_expect_eq(open_sealed(b, sealed[1], len), 3);
    cr_expect_eq(open_sealed(b, sealed[2], len), 3);
    cr_expect_eq(open_sealed(b, sealed[0], len), 3, "it was long on its way");
    for (size_t i = 0; i < 3; i++) {
        cr_expect_eq(open_sealed(b, sealed[i], len), ERR_REPLAYED);
        cr_expect_eq(open_sealed(a, sealed[i], len), ERR_REPLAYED, "its own");
    }
    sealer_free(a);
    sealer_free(b);
}

/* ---- the window ---- */

static void session_of(uint32_t i, uint8_t out[static SESSION_LEN])
{
    memset(out, 0, SESSION_LEN);
    memcpy(out, &i, sizeof(i));
}

Test(replay, takes_each_counter_once_within_the_window)
{
    static const struct {
        uint64_t counter;
        int result;
    } rows[] = {
        {10, 0},
        {10, ERR_REPLAYED},
        {9, 0},
        {12, 0},
        {10, ERR_REPLAYED}, /* the one it moved from */
        {11, 0},
        {11, ERR_REPLAYED},
        {9, ERR_REPLAYED},
        {1033, 0},          /* 10 is the last in the window */
        {10, ERR_REPLAYED}, /* seen */
        {13, 0},
        {9, ERR_REPLAYED}, /* too old */
        {5000, 0},
        {1033, ERR_REPLAYED}, /* far behind */
        {3977, 0},            /* the last in the window */
        {3976, ERR_REPLAYED}, /* one behind it, never seen */
        {6024, 0},            /* exactly one window further */
        {5000, ERR_REPLAYED},
        {5001, 0},
        {UINT64_MAX, 0},
        {UINT64_MAX, ERR_REPLAYED},
        {UINT64_MAX - 1023, 0},
        {UINT64_MAX - 1024, ERR_REPLAYED},
        {0, ERR_REPLAYED},
    };
    struct replay_table t;
    replay_init(&t, 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        cr_expect_eq(replay_check(&t, session_a, rows[i].counter), rows[i].result,
                     "row %zu", i);
    replay_fini(&t);
}

/* Against a list of all that was taken: jumps of all lengths, old ones again and again. */
Test(replay, takes_what_was_not_taken_and_is_not_too_old)
{
    enum { COUNTERS = 20000 };
    static bool is_taken[COUNTERS];
    struct replay_table t;
    struct rng rng;
    replay_init(&t, 1);
    rng_init(&rng, 3);
    uint64_t newest = 1;
    for (size_t i = 0; newest + 3 * SEAL_WINDOW < COUNTERS; i++) {
        static const uint64_t steps[] = {2, 3, 70, SEAL_WINDOW, 3 * SEAL_WINDOW};
        uint64_t step = rng_below(&rng, i % 64 ? 2 : 1 + steps[rng_below(&rng, 5)]);
        uint64_t behind = rng_below(&rng, SEAL_WINDOW + 20);
        uint64_t counter = i % 3 == 0         ? newest + step
                           : behind >= newest ? 1
                                              : newest - behind;
        bool is_new =
            !is_taken[counter] && (counter > newest || newest - counter < SEAL_WINDOW);
        cr_assert_eq(replay_check(&t, session_a, counter) == 0, is_new || i == 0,
                     "%zu: %llu, newest %llu", i, (unsigned long long)counter,
                     (unsigned long long)newest);
        is_taken[counter] = true;
        newest = counter > newest ? counter : newest;
    }
    replay_fini(&t);
}

Test(replay, a_burst_in_any_order_is_taken_whole)
{
    struct replay_table t;
    uint64_t burst[SEAL_WINDOW];
    struct rng rng;
    replay_init(&t, 1);
    rng_init(&rng, 5);
    for (size_t i = 0; i < SEAL_WINDOW; i++)
        burst[i] = 100 + i;
    rng_shuffle(&rng, burst, SEAL_WINDOW, sizeof(burst[0]));
    for (size_t i = 0; i < SEAL_WINDOW; i++)
        cr_assert_eq(replay_check(&t, session_a, burst[i]), 0);
    for (size_t i = 0; i < SEAL_WINDOW; i++)
        cr_assert_eq(replay_check(&t, session_a, burst[i]), ERR_REPLAYED);
    replay_fini(&t);
}

Test(replay, table_costs_nothing_until_somebody_is_heard)
{
    struct replay_table t;
    uint8_t session[SESSION_LEN];
    replay_init(&t, 1);
    cr_expect_eq(t.cap, 0);
    for (uint32_t i = 0; i < 3; i++) {
        session_of(i, session);
        cr_expect_eq(replay_check(&t, session, 1), 0);
    }
    cr_expect_leq(t.cap, 16);
    replay_fini(&t);
}

Test(replay, table_forgets_who_was_not_heard_for_longest)
{
    struct replay_table t;
    uint8_t session[SESSION_LEN];
    replay_init(&t, 7);
    for (uint32_t i = 0; i < SEAL_SESSIONS; i++) {
        session_of(i, session);
        cr_assert_eq(replay_check(&t, session, 5), 0);
    }
    session_of(0, session);
    cr_expect_eq(replay_check(&t, session, 6), 0); /* the first is heard again */
    session_of(SEAL_SESSIONS, session);
    cr_expect_eq(replay_check(&t, session, 5), 0); /* so the second goes for this one */
    cr_expect_eq(t.cap, SEAL_SESSIONS);
    for (uint32_t i = 0; i <= SEAL_SESSIONS; i++) {
        session_of(i, session);
        if (i != 1)
            cr_assert_eq(replay_check(&t, session, 5), ERR_REPLAYED, "%u", i);
    }
    session_of(1, session);
    cr_expect_eq(replay_check(&t, session, 5), 0, "forgotten, so it is new");
    replay_fini(&t);
}
