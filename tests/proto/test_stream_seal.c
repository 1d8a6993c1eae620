/* Sealed streams against themselves: whole, byte by byte, cut, flipped, replayed, forged.
 */
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/bounds.h"
#include "proto/hello.h"
#include "proto/seal.h"
#include "proto/secret.h"

static const struct secret secret = {{1, 2, 3}}, other_secret = {{1, 2, 4}};

enum { WIRE_MAX = FRAME_MAX + 1024 };

/* Both ends, and what each has put on the wire for the other. */
struct pair_of {
    struct sealed_stream *a, *b; /* initiator, responder */
    uint8_t hello_1[HELLO_1_LEN], hello_2[HELLO_2_LEN], hello_3[HELLO_3_LEN];
};

static struct identity identity_of(uint8_t fill)
{
    struct identity made;
    uint8_t seed[crypto_sign_SEEDBYTES];
    memset(seed, fill, sizeof(seed));
    crypto_sign_seed_keypair(made.public_key, made.secret_key, seed);
    made.id = identity_id(made.public_key);
    return made;
}

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
    struct keyring keys_a = keyring_of(a), keys_b = keyring_of(b);
    struct identity self_a = identity_of(10), self_b = identity_of(11);
    struct pair_of p = {.a = sealed_stream_new(&keys_a, &self_a, true, STREAM_API),
                        .b = sealed_stream_new(&keys_b, &self_b, false, STREAM_GOSSIP)};
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
    cr_assert_eq(take_pending(p.a, p.hello_3, HELLO_3_LEN), HELLO_3_LEN);
    cr_assert_eq(feed(p.b, p.hello_3, HELLO_3_LEN), 0);
    cr_assert(sealed_stream_is_open(p.b));
    return p;
}

static size_t seal(struct sealed_stream *s, const char *text, uint8_t *out, size_t cap)
{
    int len = sealed_stream_seal(s, bytes_of_text(text), out, cap);
    cr_assert_eq(len, (int)strlen(text) + STREAM_OVERHEAD);
    return (size_t)len;
}

/* The bytes below were computed by another implementation of the primitives and of Noise,
 * from hello.h. */
static const char golden_1[] =
    "53540347018f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f58"
    "a84159f93908d7ba0f59f8e49baaf9ebddb6e27e1790939ee7b7d31c701ba0";
static const char golden_2[] =
    "53540347007d9c24316539825c1896e57f28197746793ce60cbee3ad47da9d07b85fa55e2a5b"
    "c0a36feb9a9a9faeaf3d535f3bfce9a05bec5f5773d3941c09d126b836939f0651583b3d73e4"
    "547715b2b164c6da3c9c5c93d1ff8b0567b678a8f429e9856fd74772fc49696e5959a893c3bf"
    "4360417683ddee1aa4de793f698a7fd8e9f4df51477cd8fd9a464ae955d5559120401493";
static const char golden_3[] =
    "ce872f684d2182f9f9921a96bf8d714eda040214d8566e468aa618858fd81f1532573754dd43"
    "77bf81ed58208cd7b84b1b9dcaaeab87cee3c4b985f779044877d181fbcac376d4762f374fcc"
    "a867f49d5f34ce6572962dec6091547581c2b3018c";
static const char golden_keys[] =
    "67f6632e6ba54f9c525a1d27242850c9d46a6b2775516e9266faebefc49affa2fe7f0c3322d8"
    "9d33457512af94309b4fb98b5afc7ac477ae3496376dd822c91e";
static const char golden_guest[] =
    "0188be16ff3ebe2df138647dd13118b5b9c36bfd2cc7ec0634af6ddfa642c556ad2b6ff9e404"
    "fdd0a03eb228582d345b776a942dca9469d5a64af2af9e40535106fd471ac664614137ebbab6"
    "a5e73fbf9cb1d03f022739ddfa06015b7b6e43d0e8";

static const char *hex_of(const uint8_t *in, size_t len)
{
    static char hex[2 * HELLO_2_LEN + 1];
    hex_encode(in, len, hex);
    return hex;
}

/* Both sides of a hello with fixed chance, up to message 3. */
static void play(struct hello *a, struct hello *b, const struct identity *self,
                 enum stream_purpose purpose, uint8_t first[static HELLO_1_LEN],
                 uint8_t second[static HELLO_2_LEN], uint8_t third[static HELLO_3_LEN])
{
    uint8_t chance_a[HELLO_CHANCE_LEN], chance_b[HELLO_CHANCE_LEN];
    struct identity other = identity_of(11);
    struct keyring keys = keyring_of(&secret);
    cr_assert_eq(seal_init(), 0);
    for (size_t i = 0; i < HELLO_CHANCE_LEN; i++) {
        chance_a[i] = (uint8_t)i;
        chance_b[i] = (uint8_t)(100 + i);
    }
    hello_begin(a, &secret, self, purpose, chance_a, first);
    cr_assert_eq(hello_check(b, &keys, first), 0);
    cr_assert_eq(hello_answer(b, &keys, &other, chance_b, second), 0);
    cr_assert_eq(hello_finish(a, second, third), 0);
    cr_expect(node_id_equal(a->peer, other.id));
    cr_expect_eq(b->purpose, purpose);
}

Test(hello, is_these_bytes)
{
    uint8_t first[HELLO_1_LEN], second[HELLO_2_LEN], third[HELLO_3_LEN];
    struct hello a, b;
    struct noise_cipher send[2], receive[2];
    struct identity self = identity_of(10);
    play(&a, &b, &self, STREAM_GOSSIP, first, second, third);
    cr_expect_str_eq(hex_of(first, sizeof(first)), golden_1);
    cr_expect_str_eq(hex_of(second, sizeof(second)), golden_2);
    cr_expect_str_eq(hex_of(third, sizeof(third)), golden_3);
    cr_assert_eq(hello_confirm(&b, third), 0);
    cr_expect(node_id_equal(b.peer, self.id));
    noise_split(&a.noise, &send[0], &receive[0]);
    noise_split(&b.noise, &send[1], &receive[1]);
    cr_expect_eq(strncmp(hex_of(send[0].key, 32), golden_keys, 64), 0);
    cr_expect_eq(strncmp(hex_of(receive[0].key, 32), golden_keys + 64, 64), 0);
    cr_expect_eq(memcmp(send[0].key, receive[1].key, NOISE_KEY_LEN), 0);
    cr_expect_eq(memcmp(send[1].key, receive[0].key, NOISE_KEY_LEN), 0);
}

Test(hello, takes_a_guest_for_the_api_alone)
{
    uint8_t first[HELLO_1_LEN], second[HELLO_2_LEN], third[HELLO_3_LEN];
    struct hello a, b;
    play(&a, &b, NULL, STREAM_API, first, second, third);
    cr_expect_str_eq(hex_of(third, sizeof(third)), golden_guest);
    cr_expect_eq(hello_confirm(&b, third), 0);
    cr_expect(node_id_is_zero(b.peer));
    play(&a, &b, NULL, STREAM_GOSSIP, first, second, third);
    cr_expect_eq(hello_confirm(&b, third), ERR_DENIED);
}

/* A member that says it is another: its card, but not its key. */
Test(hello, takes_no_card_of_another)
{
    uint8_t first[HELLO_1_LEN], second[HELLO_2_LEN], third[HELLO_3_LEN];
    struct hello a, b;
    struct identity thief = identity_of(10), victim = identity_of(12);
    memcpy(thief.public_key, victim.public_key, sizeof(thief.public_key));
    play(&a, &b, &thief, STREAM_GOSSIP, first, second, third);
    cr_expect_eq(hello_confirm(&b, third), ERR_FORGED);

    static const uint8_t zeros[32];
    memcpy(thief.public_key, zeros, sizeof(zeros)); /* no point of the main subgroup */
    play(&a, &b, &thief, STREAM_GOSSIP, first, second, third);
    cr_expect_eq(hello_confirm(&b, third), ERR_FORGED);
}

Test(stream_seal, opens_and_carries_frames_both_ways)
{
    struct pair_of p = opened();
    struct sealed_stream *ends[] = {p.a, p.b};
    cr_expect_eq(sealed_stream_purpose(p.a), STREAM_API);
    cr_expect_eq(sealed_stream_purpose(p.b), STREAM_API);
    cr_expect(node_id_equal(sealed_stream_peer(p.a), identity_of(11).id));
    cr_expect(node_id_equal(sealed_stream_peer(p.b), identity_of(10).id));
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
    take_pending(p.a, p.hello_3, HELLO_3_LEN);
    for (size_t i = 0; i < HELLO_3_LEN; i++)
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
    cr_expect_eq(feed(p.b, p.hello_1, HELLO_1_LEN), ERR_EPOCH);
    cr_expect_eq(take_pending(p.b, p.hello_2, sizeof(p.hello_2)), HELLO_2_LEN);
    cr_expect_eq(feed(p.a, p.hello_2, HELLO_2_LEN), ERR_EPOCH);
    cr_expect_not(sealed_stream_is_open(p.a));
    cr_expect_not(sealed_stream_is_open(p.b));
    cr_expect_eq(feed(p.b, p.hello_1, 1), ERR_EPOCH, "broken stays broken");
    end(&p);
}

/* Two sides in the middle of a change of the secret: the initiator's epoch decides. */
Test(stream_seal, opens_with_any_key_of_the_ring)
{
    struct keyring one = keyring_of(&other_secret),
                   both = {{secret, other_secret}, 2, false};
    struct identity self = identity_of(10);
    for (int i = 0; i < 2; i++) {
        struct pair_of p = {
            .a = sealed_stream_new(i ? &both : &one, &self, true, STREAM_GOSSIP),
            .b = sealed_stream_new(i ? &one : &both, &self, false, STREAM_GOSSIP)};
        take_pending(p.a, p.hello_1, sizeof(p.hello_1));
        cr_expect_eq(feed(p.b, p.hello_1, HELLO_1_LEN), i ? ERR_EPOCH : 0);
        take_pending(p.b, p.hello_2, sizeof(p.hello_2));
        cr_expect_eq(feed(p.a, p.hello_2, HELLO_2_LEN), i ? ERR_EPOCH : 0);
        cr_expect_eq(sealed_stream_is_open(p.a), i == 0);
        end(&p);
    }
}

/* Past 2^16 frames, and past 64 MiB: both sides change keys together. */
Test(stream_seal, takes_new_keys_in_step)
{
    struct pair_of p = opened();
    uint8_t *plain = calloc(1, FRAME_MAX), *wire = malloc(WIRE_MAX);
    for (unsigned i = 0; i < (1u << 16) + 300; i++) {
        struct bytes in = {plain, i < 290 ? FRAME_MAX : 1}, frame;
        size_t used = 0;
        int len = sealed_stream_seal(p.a, in, wire, WIRE_MAX);
        cr_assert_geq(len, 0);
        cr_assert_eq(
            sealed_stream_feed(p.b, (struct bytes){wire, (size_t)len}, &used, &frame), 1,
            "frame %u", i);
    }
    free(plain);
    free(wire);
    end(&p);
}

/* The stream against ciphers that are seen: the frame after 2^16 needs another key, which cannot
 * open what was sealed before, nor be told from it. */
Test(stream_seal, seals_nothing_with_the_old_key_after_a_change)
{
    enum { REKEY_FRAMES = 1 << 16 };
    static const uint8_t chance[HELLO_CHANCE_LEN] = {3};
    struct keyring keys = keyring_of(&secret);
    struct identity self = identity_of(10), other = identity_of(11);
    struct hello h;
    struct noise_cipher send, receive, stale;
    uint8_t first[HELLO_1_LEN], second[HELLO_2_LEN], third[HELLO_3_LEN], wire[64],
        out[64];
    cr_assert_eq(seal_init(), 0);
    struct sealed_stream *s = sealed_stream_new(&keys, &self, true, STREAM_GOSSIP);
    cr_assert_eq(take_pending(s, first, sizeof(first)), HELLO_1_LEN);
    cr_assert_eq(hello_check(&h, &keys, first), 0);
    cr_assert_eq(hello_answer(&h, &keys, &other, chance, second), 0);
    cr_assert_eq(feed(s, second, sizeof(second)), 0);
    cr_assert_eq(take_pending(s, third, sizeof(third)), HELLO_3_LEN);
    cr_assert_eq(hello_confirm(&h, third), 0);
    noise_split(&h.noise, &send, &receive);
    for (unsigned i = 0; i <= REKEY_FRAMES; i++) {
        size_t len = seal(s, "frame", wire, sizeof(wire));
        struct bytes sealed = {wire + 4, len - 4};
        if (i == REKEY_FRAMES) {
            stale = receive;
            noise_cipher_rekey(&receive);
            cr_expect_neq(memcmp(stale.key, receive.key, NOISE_KEY_LEN), 0);
            cr_expect_eq(noise_cipher_open(&stale, (struct bytes){0}, sealed, out),
                         ERR_FORGED);
        }
        cr_assert_eq(noise_cipher_open(&receive, (struct bytes){0}, sealed, out), 5,
                     "frame %u", i);
    }
    sealed_stream_free(s);
}

Test(stream_seal, refuses_other_protocols_at_their_first_bytes)
{
    struct pair_of p = begin(&secret, &secret);
    cr_expect_eq(feed(p.b, (const uint8_t *)"GET / HTTP/1.1\r\n", 16), ERR_FORGED);
    end(&p);
    p = begin(&secret, &secret);
    cr_expect_eq(feed(p.b, (const uint8_t *)"ST", 2), 0);
    cr_expect_eq(feed(p.b, (const uint8_t *)"\x01", 1), ERR_UNSUPPORTED);
    end(&p);
}

Test(stream_seal, tells_both_sides_of_another_version)
{
    struct pair_of p = begin(&secret, &secret);
    uint8_t other[HELLO_1_LEN];
    memcpy(other, p.hello_1, sizeof(other));
    other[2]++;
    cr_expect_eq(feed(p.b, other, sizeof(other)), ERR_UNSUPPORTED);
    cr_expect_eq(take_pending(p.b, p.hello_2, sizeof(p.hello_2)), HELLO_2_LEN);
    cr_expect_eq(p.hello_2[2], p.hello_1[2], "it answers with its own");
    p.hello_2[2]++;
    cr_expect_eq(feed(p.a, p.hello_2, HELLO_2_LEN), ERR_UNSUPPORTED);
    cr_expect_eq(take_pending(p.a, p.hello_2, sizeof(p.hello_2)), 0);
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
    take_pending(p.a, p.hello_3, HELLO_3_LEN);
    if (message == 3)
        p.hello_3[bit / 8] ^= mask;
    (void)feed(p.b, p.hello_3, HELLO_3_LEN);
    is_open = sealed_stream_is_open(p.b);
out:
    end(&p);
    return is_open;
}

Test(stream_seal, opens_with_no_bit_of_the_hello_changed)
{
    const size_t lens[] = {HELLO_1_LEN, HELLO_2_LEN, HELLO_3_LEN};
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
    take_pending(p.a, p.hello_3, HELLO_3_LEN);
    cr_assert_eq(feed(p.b, p.hello_3, HELLO_3_LEN - 1), 0);
    cr_expect_not(sealed_stream_is_open(p.b));
    end(&p);
}

/* Any of the three messages of a hello, of this stream or another, to either side at any time: only
 * the one that is awaited is taken. */
Test(stream_seal, takes_no_hello_message_in_place_of_another)
{
    enum { TO_INITIATOR, TO_RESPONDER, TO_RESPONDER_AGAIN, STAGES };
    for (int stage = 0; stage < STAGES; stage++) {
        for (int which = 0; which < 6; which++) {
            struct pair_of p = begin(&secret, &secret), other = opened();
            const uint8_t *messages[] = {p.hello_1,     p.hello_2,     p.hello_3,
                                         other.hello_1, other.hello_2, other.hello_3};
            const size_t lens[] = {HELLO_1_LEN, HELLO_2_LEN, HELLO_3_LEN};
            struct sealed_stream *to = stage == TO_INITIATOR ? p.a : p.b;
            int awaited = stage == TO_INITIATOR ? 1 : stage == TO_RESPONDER ? 0 : 2;
            if (stage != TO_RESPONDER) {
                cr_assert_eq(feed(p.b, p.hello_1, HELLO_1_LEN), 0);
                take_pending(p.b, p.hello_2, sizeof(p.hello_2));
            }
            if (stage == TO_RESPONDER_AGAIN) {
                cr_assert_eq(feed(p.a, p.hello_2, HELLO_2_LEN), 0);
                take_pending(p.a, p.hello_3, HELLO_3_LEN);
            }
            uint8_t wire[3 * HELLO_2_LEN] = {0};
            memcpy(wire, messages[which], lens[which % 3]);
            size_t used = 0;
            struct bytes frame;
            int result = sealed_stream_feed(
                to, (struct bytes){wire, which == awaited ? lens[awaited] : sizeof(wire)},
                &used, &frame);
            /* A recorded first message is answered, and no more: see the test below. */
            if (stage == TO_RESPONDER && which == 3)
                cr_expect_not(sealed_stream_is_open(to));
            else
                cr_expect_eq(result == 0, which == awaited, "stage %d message %d", stage,
                             which);
            cr_expect_eq(sealed_stream_is_open(to),
                         which == awaited && stage != TO_RESPONDER, "stage %d message %d",
                         stage, which);
            end(&p);
            end(&other);
        }
    }
}

Test(stream_seal, gives_nothing_for_a_recorded_hello)
{
    struct pair_of p = opened(), again = begin(&secret, &secret),
                   third = begin(&secret, &secret);
    uint8_t wire[256];
    size_t len = seal(p.a, "recorded", wire, sizeof(wire));

    /* All that the initiator ever sent, to a new responder. */
    cr_expect_eq(feed(again.b, p.hello_1, HELLO_1_LEN), 0);
    cr_expect_eq(feed(again.b, p.hello_3, HELLO_3_LEN), ERR_FORGED);
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

Test(stream_seal, waits_for_every_byte_of_a_frame)
{
    struct pair_of p = opened();
    uint8_t wire[64];
    struct bytes frame;
    size_t used, len = seal(p.a, "frame", wire, sizeof(wire));
    for (size_t at = 0; at < len; at++) {
        int result = sealed_stream_feed(p.b, (struct bytes){wire + at, 1}, &used, &frame);
        cr_expect_eq(result, at + 1 == len, "byte %zu", at);
    }
    end(&p);
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
                                         {0, 0, 0, 15},
                                         {0, 8, 0, 17},
                                         {0xff, 0xff, 0xff, 0xff},
                                         {0x80, 0, 0, 0}};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        struct pair_of p = opened();
        cr_expect_eq(feed(p.b, lengths[i], 4), ERR_MALFORMED, "row %zu", i);
        end(&p);
    }
    struct pair_of p = opened();
    static const uint8_t largest[] = {0, 8, 0, 16};
    cr_expect_eq(feed(p.b, largest, 4), 0);
    end(&p);
}
