/* Sealed streams against themselves: whole, byte by byte, cut, flipped, replayed, forged.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/bounds.h"
#include "proto/hello.h"
#include "proto/seal.h"

static const struct secret secret = {{1, 2, 3}}, other_secret = {{1, 2, 4}};

enum { WIRE_MAX = FRAME_MAX + 1024 };

/* Both ends, and what each has put on the wire for the other. */
struct pair_of {
    struct sealed_stream *a, *b; /* initiator, responder */
    uint8_t hello_1[HELLO_1_LEN], hello_2[HELLO_2_LEN],
        hello_3[HELLO_HEADER_LEN + STREAM_OVERHEAD];
};

static size_t take_pending(struct sealed_stream *s, uint8_t *out, size_t cap)
{
    struct bytes pending = sealed_stream_pending(s);
    cr_assert_leq(pending.len, cap);
    if (pending.len)
        memcpy(out, pending.at, pending.len);
    return pending.len;
}

/* Feed everything; no frame is expected. */
static int feed(struct sealed_stream *s, const uint8_t *in, size_t len)
{
    struct bytes frame;
    size_t used = 0;
    int result = sealed_stream_feed(s, (struct bytes){in, len}, &used, &frame);
    if (result == 0)
        cr_assert_eq(used, len);
    return result;
}

static struct pair_of begin(const struct secret *a, const struct secret *b)
{
    cr_assert_eq(seal_init(), 0);
    struct pair_of p = {.a = sealed_stream_new(a, true, STREAM_API),
                        .b = sealed_stream_new(b, false, STREAM_GOSSIP)};
    cr_assert_eq(take_pending(p.a, p.hello_1, sizeof(p.hello_1)), HELLO_1_LEN);
    cr_assert_eq(take_pending(p.b, p.hello_2, sizeof(p.hello_2)), 0);
    return p;
}

static void end(struct pair_of *p)
{
    sealed_stream_free(p->a);
    sealed_stream_free(p->b);
}

static struct pair_of opened(void)
{
    struct pair_of p = begin(&secret, &secret);
    cr_assert_eq(feed(p.b, p.hello_1, HELLO_1_LEN), 0);
    cr_assert_not(sealed_stream_is_open(p.b));
    cr_assert_eq(take_pending(p.b, p.hello_2, sizeof(p.hello_2)), HELLO_2_LEN);
    cr_assert_eq(feed(p.a, p.hello_2, HELLO_2_LEN), 0);
    cr_assert(sealed_stream_is_open(p.a));
    cr_assert_eq(take_pending(p.a, p.hello_3, sizeof(p.hello_3)), sizeof(p.hello_3));
    cr_assert_eq(feed(p.b, p.hello_3, sizeof(p.hello_3)), 0);
    cr_assert(sealed_stream_is_open(p.b));
    return p;
}

static size_t seal(struct sealed_stream *s, const char *text, uint8_t *out, size_t cap)
{
    int len = sealed_stream_seal(s, bytes_of_text(text), out, cap);
    cr_assert_eq(len, (int)strlen(text) + STREAM_OVERHEAD);
    return (size_t)len;
}

/* The bytes below were computed by another implementation of the primitives, from
 * hello.h. */
static const char golden_1[] =
    "53540101000102030405060708090a0b0c0d0e0fd89e3bad79437dbed9f843418304f460ff05"
    "c7fe81fe4a9577a804cb9367ff66c90f378acdba01bb405106a9b6403b73ee8d38183fdd0e98"
    "537f2dba341e4cda";
static const char golden_2[] =
    "535401006465666768696a6b6c6d6e6f70717273521a0e65efec77cdfdb4c16cf8886d024123"
    "2cddbcfbecce6c1ac57efe83ac62777777777777777777777777777777777777777777777777"
    "ea03c9f4ac13da81b48e99e59ae9160ef47db74bfa89916247a2a55331d3995d";
static const char golden_keys[] =
    "91eec3664b45fada89e1f13d8d4a05b4a2e44c77fe13d78c63267b2ccf8019353dc905b39a40"
    "d34bea3c65bb126aac03715bb28dfce903033b2036d069c4277d";

static void sevens(void *ctx, const uint8_t *key, uint8_t *header)
{
    (void)ctx;
    (void)key;
    memset(header, 0x77, HELLO_HEADER_LEN);
}

Test(hello, is_these_bytes)
{
    uint8_t chance_a[HELLO_CHANCE_LEN], chance_b[HELLO_CHANCE_LEN];
    uint8_t first[HELLO_1_LEN], second[HELLO_2_LEN];
    char hex[2 * HELLO_2_LEN + 1];
    struct hello a, b;
    enum stream_purpose purpose;
    cr_assert_eq(seal_init(), 0);
    for (size_t i = 0; i < HELLO_CHANCE_LEN; i++) {
        chance_a[i] = (uint8_t)i;
        chance_b[i] = (uint8_t)(100 + i);
    }
    hello_begin(&a, &secret, STREAM_GOSSIP, chance_a, first);
    hex_encode(first, sizeof(first), hex);
    cr_expect_str_eq(hex, golden_1);
    cr_assert_eq(hello_check(&b, &secret, first, &purpose), 0);
    cr_expect_eq(purpose, STREAM_GOSSIP);
    cr_assert_eq(hello_answer(&b, chance_b, sevens, NULL, second), 0);
    hex_encode(second, sizeof(second), hex);
    cr_expect_str_eq(hex, golden_2);
    cr_assert_eq(hello_finish(&a, second), 0);
    hex_encode(a.initiator_key, 32, hex);
    hex_encode(a.responder_key, 32, hex + 64);
    cr_expect_str_eq(hex, golden_keys);
    cr_expect_eq(memcmp(a.initiator_key, b.initiator_key, 32), 0);
    cr_expect_eq(memcmp(a.responder_key, b.responder_key, 32), 0);
}

Test(stream_seal, opens_and_carries_frames_both_ways)
{
    struct pair_of p = opened();
    struct sealed_stream *ends[] = {p.a, p.b};
    cr_expect_eq(sealed_stream_purpose(p.a), STREAM_API);
    cr_expect_eq(sealed_stream_purpose(p.b), STREAM_API);
    for (int i = 0; i < 6; i++) {
        uint8_t wire[256];
        struct bytes frame;
        size_t used;
        const char *text = i < 2 ? "" : "a frame";
        size_t len = seal(ends[i % 2], text, wire, sizeof(wire));
        cr_assert_eq(
            sealed_stream_feed(ends[1 - i % 2], (struct bytes){wire, len}, &used, &frame),
            1);
        cr_expect_eq(used, len);
        cr_expect(bytes_equal(frame, bytes_of_text(text)));
    }
    end(&p);
}

Test(stream_seal, hands_out_one_frame_per_call)
{
    struct pair_of p = opened();
    uint8_t wire[256];
    struct bytes frame;
    size_t used;
    size_t first = seal(p.a, "one", wire, sizeof(wire));
    size_t both = first + seal(p.a, "two", wire + first, sizeof(wire) - first);
    cr_assert_eq(sealed_stream_feed(p.b, (struct bytes){wire, both}, &used, &frame), 1);
    cr_expect_eq(used, first);
    cr_expect(bytes_equal(frame, bytes_of_text("one")));
    cr_assert_eq(sealed_stream_feed(p.b, (struct bytes){wire + first, both - first},
                                    &used, &frame),
                 1);
    cr_expect(bytes_equal(frame, bytes_of_text("two")));
    cr_expect_eq(sealed_stream_feed(p.b, (struct bytes){wire, 0}, &used, &frame), 0);
    end(&p);
}

Test(stream_seal, works_byte_by_byte)
{
    struct pair_of p = begin(&secret, &secret);
    uint8_t wire[64];
    struct bytes frame = {0};
    size_t used;
    for (size_t i = 0; i < HELLO_1_LEN; i++)
        cr_assert_eq(feed(p.b, p.hello_1 + i, 1), 0);
    take_pending(p.b, p.hello_2, sizeof(p.hello_2));
    for (size_t i = 0; i < HELLO_2_LEN; i++)
        cr_assert_eq(feed(p.a, p.hello_2 + i, 1), 0);
    take_pending(p.a, p.hello_3, sizeof(p.hello_3));
    for (size_t i = 0; i < sizeof(p.hello_3); i++)
        cr_assert_eq(feed(p.b, p.hello_3 + i, 1), 0);
    for (int round = 0; round < 3; round++) {
        size_t len = seal(p.b, "slowly", wire, sizeof(wire));
        for (size_t i = 0; i < len; i++) {
            struct bytes in = {wire + i, 1};
            cr_assert_eq(sealed_stream_feed(p.a, in, &used, &frame), i + 1 == len);
        }
        cr_expect(bytes_equal(frame, bytes_of_text("slowly")));
    }
    end(&p);
}

Test(stream_seal, takes_hello_and_first_frame_in_one_piece)
{
    struct pair_of p = begin(&secret, &secret);
    uint8_t wire[256];
    struct bytes frame;
    size_t used;
    cr_assert_eq(feed(p.b, p.hello_1, HELLO_1_LEN), 0);
    take_pending(p.b, p.hello_2, sizeof(p.hello_2));
    cr_assert_eq(feed(p.a, p.hello_2, HELLO_2_LEN), 0);
    size_t len = take_pending(p.a, wire, sizeof(wire));
    len += seal(p.a, "early", wire + len, sizeof(wire) - len);
    cr_assert_eq(sealed_stream_feed(p.b, (struct bytes){wire, len}, &used, &frame), 1);
    cr_expect(sealed_stream_is_open(p.b));
    cr_expect(bytes_equal(frame, bytes_of_text("early")));
    end(&p);
}

Test(stream_seal, carries_frames_up_to_the_bound)
{
    static const size_t lens[] = {1, 491, 492, 65536, FRAME_MAX - 1, FRAME_MAX};
    struct pair_of p = opened();
    uint8_t *plain = malloc(FRAME_MAX + 1), *wire = malloc(WIRE_MAX);
    for (size_t i = 0; i <= FRAME_MAX; i++)
        plain[i] = (uint8_t)(i * 31 >> 3);
    for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
        struct bytes in = {plain, lens[i]}, frame;
        int len = sealed_stream_seal(p.a, in, wire, WIRE_MAX);
        cr_assert_eq(len, (int)lens[i] + STREAM_OVERHEAD);
        int result = 0;
        for (size_t at = 0, used; at < (size_t)len;
             at += used) { /* as a socket would give it */
            size_t chunk = (size_t)len - at < 4000 ? (size_t)len - at : 4000;
            result =
                sealed_stream_feed(p.b, (struct bytes){wire + at, chunk}, &used, &frame);
            cr_assert_geq(result, 0);
        }
        cr_assert_eq(result, 1);
        cr_expect(bytes_equal(frame, in), "%zu", lens[i]);
    }
    cr_expect_eq(
        sealed_stream_seal(p.a, (struct bytes){plain, FRAME_MAX + 1}, wire, WIRE_MAX),
        ERR_BOUND);
    cr_expect_eq(sealed_stream_seal(p.a, (struct bytes){plain, 9}, wire, 9), ERR_BOUND);
    free(plain);
    free(wire);
    end(&p);
}

Test(stream_seal, seals_nothing_before_it_is_open)
{
    struct pair_of p = begin(&secret, &secret);
    uint8_t wire[64];
    cr_expect_eq(sealed_stream_seal(p.a, bytes_of_text("x"), wire, sizeof(wire)),
                 ERR_NOT_READY);
    cr_expect_eq(feed(p.b, p.hello_1, HELLO_1_LEN), 0);
    cr_expect_eq(sealed_stream_seal(p.b, bytes_of_text("x"), wire, sizeof(wire)),
                 ERR_NOT_READY);
    end(&p);
}

Test(stream_seal, tells_both_sides_of_a_wrong_secret)
{
    struct pair_of p = begin(&secret, &other_secret);
    cr_expect_eq(feed(p.b, p.hello_1, HELLO_1_LEN), ERR_FORGED);
    cr_expect_eq(take_pending(p.b, p.hello_2, sizeof(p.hello_2)), HELLO_2_LEN);
    cr_expect_eq(feed(p.a, p.hello_2, HELLO_2_LEN), ERR_FORGED);
    cr_expect_not(sealed_stream_is_open(p.a));
    cr_expect_not(sealed_stream_is_open(p.b));
    cr_expect_eq(feed(p.b, p.hello_1, 1), ERR_FORGED, "broken stays broken");
    end(&p);
}

Test(stream_seal, refuses_other_protocols_at_their_first_bytes)
{
    struct pair_of p = begin(&secret, &secret);
    cr_expect_eq(feed(p.b, (const uint8_t *)"GET / HTTP/1.1\r\n", 16), ERR_FORGED);
    end(&p);
    p = begin(&secret, &secret);
    cr_expect_eq(feed(p.b, (const uint8_t *)"ST", 2), 0);
    cr_expect_eq(feed(p.b, (const uint8_t *)"\x02", 1), ERR_FORGED);
    end(&p);
}

/* Play the opening with one bit of one message flipped: nobody may end up open with the
 * other. */
static bool survives_flip(int message, size_t bit)
{
    struct pair_of p = begin(&secret, &secret);
    uint8_t mask = (uint8_t)(1u << bit % 8);
    bool is_open = false;
    if (message == 1)
        p.hello_1[bit / 8] ^= mask;
    if (feed(p.b, p.hello_1, HELLO_1_LEN) < 0)
        goto out;
    take_pending(p.b, p.hello_2, sizeof(p.hello_2));
    if (message == 2)
        p.hello_2[bit / 8] ^= mask;
    if (feed(p.a, p.hello_2, HELLO_2_LEN) < 0)
        goto out;
    take_pending(p.a, p.hello_3, sizeof(p.hello_3));
    if (message == 3)
        p.hello_3[bit / 8] ^= mask;
    (void)feed(p.b, p.hello_3, sizeof(p.hello_3));
    is_open = sealed_stream_is_open(p.b);
out:
    end(&p);
    return is_open;
}

Test(stream_seal, opens_with_no_bit_of_the_hello_changed)
{
    const size_t lens[] = {HELLO_1_LEN, HELLO_2_LEN, HELLO_HEADER_LEN + STREAM_OVERHEAD};
    for (int message = 1; message <= 3; message++)
        for (size_t bit = 0; bit < 8 * lens[message - 1]; bit++)
            cr_expect_not(survives_flip(message, bit), "message %d bit %zu", message,
                          bit);
}

Test(stream_seal, waits_for_every_byte_of_the_hello)
{
    for (size_t len = 0; len < HELLO_1_LEN; len++) {
        struct pair_of p = begin(&secret, &secret);
        cr_expect_eq(feed(p.b, p.hello_1, len), 0);
        cr_expect_eq(take_pending(p.b, p.hello_2, sizeof(p.hello_2)), 0);
        end(&p);
    }
    struct pair_of p = begin(&secret, &secret);
    cr_assert_eq(feed(p.b, p.hello_1, HELLO_1_LEN), 0);
    take_pending(p.b, p.hello_2, sizeof(p.hello_2));
    cr_assert_eq(feed(p.a, p.hello_2, HELLO_2_LEN - 1), 0);
    cr_expect_not(sealed_stream_is_open(p.a));
    cr_assert_eq(feed(p.a, p.hello_2 + HELLO_2_LEN - 1, 1), 0);
    take_pending(p.a, p.hello_3, sizeof(p.hello_3));
    cr_assert_eq(feed(p.b, p.hello_3, sizeof(p.hello_3) - 1), 0);
    cr_expect_not(sealed_stream_is_open(p.b));
    end(&p);
}

Test(stream_seal, gives_nothing_for_a_recorded_hello)
{
    struct pair_of p = opened(), again = begin(&secret, &secret),
                   third = begin(&secret, &secret);
    uint8_t wire[256];
    size_t len = seal(p.a, "recorded", wire, sizeof(wire));

    /* All that the initiator ever sent, to a new responder. */
    cr_expect_eq(feed(again.b, p.hello_1, HELLO_1_LEN), 0);
    cr_expect_eq(feed(again.b, p.hello_3, sizeof(p.hello_3)), ERR_FORGED);
    cr_expect_not(sealed_stream_is_open(again.b));
    cr_expect_lt(feed(again.b, wire, len), 0);

    /* All that the responder ever sent, to a new initiator; and its own hello back to it.
     */
    cr_expect_eq(feed(again.a, p.hello_2, HELLO_2_LEN), ERR_FORGED);
    uint8_t reflected[HELLO_2_LEN] = {0};
    memcpy(reflected, third.hello_1, HELLO_1_LEN);
    cr_expect_eq(feed(third.a, reflected, HELLO_2_LEN), ERR_FORGED);
    end(&p);
    end(&again);
    end(&third);
}

Test(stream_seal, breaks_on_any_flipped_bit_of_a_frame)
{
    struct pair_of p = opened();
    uint8_t wire[64];
    size_t len = seal(p.a, "frame", wire, sizeof(wire));
    end(&p);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        struct bytes frame;
        size_t used;
        p = opened();
        seal(p.a, "frame", wire, sizeof(wire));
        wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
        int result = sealed_stream_feed(p.b, (struct bytes){wire, len}, &used, &frame);
        /* A longer length waits for bytes that will not fit. */
        cr_expect(bit / 8 < 4 ? result <= 0 : result == ERR_FORGED, "bit %zu: %d", bit,
                  result);
        end(&p);
    }
}

Test(stream_seal, breaks_on_a_frame_repeated_or_left_out)
{
    struct pair_of p = opened();
    uint8_t one[64], two[64];
    struct bytes frame;
    size_t used, len = seal(p.a, "one", one, sizeof(one));
    seal(p.a, "two", two, sizeof(two));
    cr_expect_eq(sealed_stream_feed(p.b, (struct bytes){one, len}, &used, &frame), 1);
    cr_expect_eq(sealed_stream_feed(p.b, (struct bytes){one, len}, &used, &frame),
                 ERR_FORGED);
    end(&p);
    p = opened();
    seal(p.a, "one", one, sizeof(one));
    seal(p.a, "two", two, sizeof(two));
    cr_expect_eq(sealed_stream_feed(p.b, (struct bytes){two, len}, &used, &frame),
                 ERR_FORGED);
    end(&p);
}

Test(stream_seal, refuses_a_length_out_of_range_as_soon_as_it_is_there)
{
    static const uint8_t lengths[][4] = {{0, 0, 0, 0},
                                         {0, 0, 0, 16},
                                         {0, 8, 0, 18},
                                         {0xff, 0xff, 0xff, 0xff},
                                         {0x80, 0, 0, 0}};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        struct pair_of p = opened();
        cr_expect_eq(feed(p.b, lengths[i], 4), ERR_MALFORMED, "row %zu", i);
        end(&p);
    }
    struct pair_of p = opened();
    static const uint8_t largest[] = {0, 8, 0, 17};
    cr_expect_eq(feed(p.b, largest, 4), 0);
    end(&p);
}
