/* The Noise handshake: golden bytes, published vectors, and both sides against each other
 * with every message cut, changed, repeated and out of turn.
 *
 * The golden bytes were computed by another implementation of the specification, which
 * itself reproduces the published vector for this protocol.  NOISE_VECTORS=FILE checks
 * against such a file directly: cacophony.txt of the Haskell library of that name, or any
 * other in its JSON form. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "proto/noise.h"
#include "proto/seal.h"

enum { MESSAGE_MAX = 4096 };

static const char name[] = "Noise_XXpsk3_25519_ChaChaPoly_BLAKE2b";

struct message {
    uint8_t at[MESSAGE_MAX];
    size_t len;
};

/* Both sides, the initiator first, and what they said. */
struct pair_of {
    struct noise side[2];
    struct message said[3];
};

static void keys_from(uint8_t first, uint8_t out[static NOISE_KEY_LEN])
{
    for (size_t i = 0; i < NOISE_KEY_LEN; i++)
        out[i] = (uint8_t)(first + i);
}

static struct pair_of begin_with(uint8_t psk_of_responder, const char *prologue)
{
    struct pair_of p;
    cr_assert_eq(seal_init(), 0);
    for (unsigned i = 0; i < 2; i++) {
        uint8_t psk[NOISE_KEY_LEN], own[NOISE_KEY_LEN], ephemeral[NOISE_KEY_LEN];
        keys_from(i == 0 ? 100 : psk_of_responder, psk);
        keys_from((uint8_t)(1 + 64 * i), own);
        keys_from((uint8_t)(33 + 64 * i), ephemeral);
        noise_begin(&p.side[i], i == 0, bytes_of_text(i == 0 ? "prologue" : prologue),
                    psk, own, ephemeral);
    }
    return p;
}

static struct pair_of begin(void)
{
    return begin_with(100, "prologue");
}

static const char *const payloads[] = {"", "two", "three"};

static void say(struct pair_of *p, unsigned i)
{
    int len = noise_write(&p->side[i % 2], bytes_of_text(payloads[i]), p->said[i].at,
                          MESSAGE_MAX);
    cr_assert_geq(len, 0);
    p->said[i].len = (size_t)len;
}

static int hear(struct pair_of *p, unsigned i, struct bytes in)
{
    uint8_t out[MESSAGE_MAX];
    return noise_read(&p->side[1 - i % 2], in, out, sizeof(out));
}

static struct bytes said(const struct pair_of *p, unsigned i)
{
    return (struct bytes){p->said[i].at, p->said[i].len};
}

/* All messages before number `i` have gone through. */
static struct pair_of begin_until(unsigned i)
{
    struct pair_of p = begin();
    for (unsigned k = 0; k < i; k++) {
        say(&p, k);
        cr_assert_eq(hear(&p, k, said(&p, k)), (int)strlen(payloads[k]));
    }
    return p;
}

static const char *hex_of(struct bytes in)
{
    static char hex[2 * MESSAGE_MAX + 1];
    hex_encode(in.at, in.len, hex);
    return hex;
}

static void expect_sealed(struct noise_cipher *c, const char *text, const char *hex)
{
    uint8_t out[64];
    int len = noise_cipher_seal(c, (struct bytes){0}, bytes_of_text(text), out);
    cr_expect_str_eq(hex_of((struct bytes){out, (size_t)len}), hex);
}

Test(noise, makes_these_bytes)
{
    static const char *const golden[] = {
        "5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b"
        "e99cc3c7421005e695156311e7f2bc86",
        "244fe3b963e899dd295baffce248d3530f3a9a7479ba063002680ebfe7adad49"
        "d523018a958fb0f6809091f97f054cb2f4887efff0d8618c1bc237450b78def4"
        "9858c53e21aeb1622816b21949a56bc00543dcfc8d6d541e21185c69739fed42"
        "2f7072",
        "cd627de92d6311dca4efbb7685f21ae0820fed5ca17372339a0544a1920ea592"
        "6a2960e0339f0b593741374ee627a45fec48a814555e0904e1914e447c32813d"
        "2afd059f9b"};
    struct pair_of p = begin_until(3);
    struct noise_cipher send[2], receive[2];
    for (unsigned i = 0; i < 3; i++)
        cr_expect_str_eq(hex_of(said(&p, i)), golden[i], "message %u", i + 1);
    cr_expect_eq(memcmp(p.side[0].hash, p.side[1].hash, NOISE_HASH_LEN), 0);
    for (unsigned i = 0; i < 2; i++) {
        noise_split(&p.side[i], &send[i], &receive[i]);
        cr_expect_eq(
            memcmp(p.side[i].peer_static, p.side[1 - i].own_static.public, NOISE_KEY_LEN),
            0);
    }
    cr_expect_eq(memcmp(send[0].key, receive[1].key, NOISE_KEY_LEN), 0);
    cr_expect_eq(memcmp(send[1].key, receive[0].key, NOISE_KEY_LEN), 0);
    expect_sealed(&send[0], "up", "d3a6b5c2376774d4f7c4edc890cc56ce0379");
    expect_sealed(&send[1], "down", "9d5f2d2e97b662e0c9bed5b42d61d2790c286280");
    noise_cipher_rekey(&send[0]);
    expect_sealed(&send[0], "up", "42c602c62690bc3c8bde2257372f3a4bd58c");
}

Test(noise, tells_sizes_that_are_right)
{
    static const int extra[] = {NOISE_1_EXTRA, NOISE_2_EXTRA, NOISE_3_EXTRA};
    struct pair_of p = begin_until(3);
    for (unsigned i = 0; i < 3; i++)
        cr_expect_eq(said(&p, i).len, strlen(payloads[i]) + (size_t)extra[i]);
    for (unsigned i = 0; i < 3; i++) {
        uint8_t out[MESSAGE_MAX];
        size_t len = strlen(payloads[i]);
        p = begin_until(i);
        cr_expect_eq(noise_write(&p.side[i % 2], bytes_of_text(payloads[i]), out,
                                 len + (size_t)extra[i] - 1),
                     ERR_BOUND);
        say(&p, i);
        cr_expect(len == 0 ||
                  noise_read(&p.side[1 - i % 2], said(&p, i), out, len - 1) == ERR_BOUND);
    }
}

Test(noise, opens_no_message_that_was_cut)
{
    for (unsigned i = 0; i < 3; i++) {
        struct pair_of whole = begin_until(i);
        say(&whole, i);
        size_t min = said(&whole, i).len - strlen(payloads[i]);
        for (size_t len = 0; len < said(&whole, i).len; len++) {
            struct pair_of p = whole;
            cr_expect_eq(hear(&p, i, (struct bytes){p.said[i].at, len}),
                         len < min ? ERR_TRUNCATED : ERR_FORGED, "message %u at %zu",
                         i + 1, len);
        }
    }
}

Test(noise, opens_no_message_with_a_bit_changed)
{
    for (unsigned i = 0; i < 3; i++) {
        struct pair_of whole = begin_until(i);
        say(&whole, i);
        for (size_t bit = 0; bit < 8 * said(&whole, i).len; bit++) {
            struct pair_of p = whole;
            p.said[i].at[bit / 8] ^= (uint8_t)(1u << bit % 8);
            /* The top bit of a public key is not part of it, but it is hashed. */
            cr_expect_eq(hear(&p, i, said(&p, i)), ERR_FORGED, "message %u bit %zu",
                         i + 1, bit);
            cr_expect_eq(hear(&p, i, said(&whole, i)), ERR_INVALID, "broken for good");
        }
    }
}

Test(noise, takes_each_message_once_and_in_its_turn)
{
    struct pair_of whole = begin_until(3);
    for (unsigned turn = 0; turn < 4; turn++) {
        for (unsigned i = 0; i < 3; i++) {
            for (unsigned to = 0; to < 2; to++) {
                uint8_t out[MESSAGE_MAX];
                struct pair_of p = begin_until(turn);
                bool is_next = i == turn && to == 1 - i % 2;
                if (is_next)
                    continue;
                cr_expect_lt(noise_read(&p.side[to], said(&whole, i), out, sizeof(out)),
                             0, "message %u to %u after %u", i + 1, to, turn);
                if (turn == 3 || to == turn % 2)
                    cr_expect_eq(
                        noise_write(&p.side[1 - to], (struct bytes){0}, out, sizeof(out)),
                        ERR_INVALID);
            }
        }
    }
}

Test(noise, finds_another_secret_at_the_third_message_and_another_prologue_at_the_first)
{
    struct pair_of p = begin_with(101, "prologue");
    for (unsigned i = 0; i < 3; i++) {
        say(&p, i);
        cr_expect_eq(hear(&p, i, said(&p, i)),
                     i < 2 ? (int)strlen(payloads[i]) : ERR_FORGED);
    }
    p = begin_with(100, "epilogue");
    say(&p, 0);
    cr_expect_eq(hear(&p, 0, said(&p, 0)), ERR_FORGED);
}

/* Points of small order: x25519 with them gives zeros whatever the secret. */
Test(noise, refuses_an_ephemeral_key_that_is_none)
{
    struct pair_of p = begin_until(1);
    uint8_t zero[NOISE_KEY_LEN] = {0}, out[MESSAGE_MAX];
    memcpy(p.side[1].peer_ephemeral, zero, sizeof(zero));
    cr_expect_eq(noise_write(&p.side[1], (struct bytes){0}, out, sizeof(out)),
                 ERR_FORGED);
    cr_expect_eq(noise_write(&p.side[1], (struct bytes){0}, out, sizeof(out)),
                 ERR_INVALID);
}

Test(noise, ciphers_open_in_order_until_a_rekey_of_one_side)
{
    struct pair_of p = begin_until(3);
    struct noise_cipher send, receive, other;
    uint8_t sealed[64], again[64], out[64];
    struct bytes none = {0}, text = bytes_of_text("text");
    noise_split(&p.side[0], &send, &other);
    noise_split(&p.side[1], &other, &receive);
    size_t len = (size_t)noise_cipher_seal(&send, none, text, sealed);
    (void)noise_cipher_seal(&send, none, text, again);
    cr_expect_eq(noise_cipher_open(&receive, none, (struct bytes){again, len}, out),
                 ERR_FORGED, "out of order");
    cr_expect_eq(noise_cipher_open(&receive, none, (struct bytes){sealed, len}, out), 4);
    cr_expect_eq(noise_cipher_open(&receive, none, (struct bytes){sealed, len}, out),
                 ERR_FORGED, "repeated");
    noise_cipher_rekey(&receive);
    cr_expect_eq(noise_cipher_open(&receive, none, (struct bytes){again, len}, out),
                 ERR_FORGED);
    noise_cipher_rekey(&send);
    (void)noise_cipher_seal(&send, none, text, sealed);
    cr_expect_eq(noise_cipher_open(&receive, none, (struct bytes){sealed, len}, out),
                 ERR_FORGED, "one was left out");
    cr_expect_eq(noise_cipher_open(&receive, none, (struct bytes){sealed, 15}, out),
                 ERR_TRUNCATED);
    receive.nonce = send.nonce - 1;
    cr_expect_eq(noise_cipher_open(&receive, none, (struct bytes){sealed, len}, sealed),
                 4, "in place");
    send.nonce = UINT64_MAX;
    cr_expect_eq(noise_cipher_seal(&send, none, text, sealed), ERR_BOUND);
    receive.nonce = UINT64_MAX;
    cr_expect_eq(noise_cipher_open(&receive, none, (struct bytes){again, len}, out),
                 ERR_BOUND);
}

/* ---- published vectors ---- */

static struct bytes field(const json_t *object, const char *key, uint8_t *out)
{
    const char *hex = json_string_value(json_object_get(object, key));
    size_t len = hex ? strlen(hex) / 2 : 0;
    cr_assert_leq(len, MESSAGE_MAX);
    cr_assert(!hex || hex_decode(hex, 2 * len, out, len) == 0);
    return (struct bytes){out, len};
}

static struct noise side_of(const json_t *vector, bool is_initiator)
{
    static const char *const keys[2][4] = {
        {"resp_prologue", "resp_psks", "resp_static", "resp_ephemeral"},
        {"init_prologue", "init_psks", "init_static", "init_ephemeral"}};
    const char *const *of = keys[is_initiator];
    uint8_t prologue[MESSAGE_MAX], psk[MESSAGE_MAX], own[MESSAGE_MAX], fresh[MESSAGE_MAX];
    struct bytes start = field(vector, of[0], prologue);
    json_t *psks =
        json_pack("{s:O}", "psk", json_array_get(json_object_get(vector, of[1]), 0));
    struct noise n;
    field(psks, "psk", psk);
    field(vector, of[2], own);
    field(vector, of[3], fresh);
    noise_begin(&n, is_initiator, start, psk, own, fresh);
    json_decref(psks);
    return n;
}

static void check_vector(const json_t *vector)
{
    struct noise side[2] = {side_of(vector, true), side_of(vector, false)};
    struct noise_cipher send[2], receive[2];
    const json_t *messages = json_object_get(vector, "messages");
    uint8_t payload[MESSAGE_MAX], right[MESSAGE_MAX], out[MESSAGE_MAX];
    cr_assert_gt(json_array_size(messages), 3);
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *m = json_array_get(messages, i);
        struct bytes plain = field(m, "payload", payload);
        struct bytes sealed = field(m, "ciphertext", right);
        size_t from = i % 2;
        int len = i < 3 ? noise_write(&side[from], plain, out, sizeof(out))
                        : noise_cipher_seal(&send[from], (struct bytes){0}, plain, out);
        cr_assert_eq(len, (int)sealed.len);
        cr_expect(bytes_equal((struct bytes){out, sealed.len}, sealed), "message %zu", i);
        len = i < 3
                  ? noise_read(&side[1 - from], sealed, out, sizeof(out))
                  : noise_cipher_open(&receive[1 - from], (struct bytes){0}, sealed, out);
        cr_assert_eq(len, (int)plain.len);
        for (size_t k = 0; i == 2 && k < 2; k++)
            noise_split(&side[k], &send[k], &receive[k]);
    }
}

Test(noise, agrees_with_published_vectors)
{
    const char *path = getenv("NOISE_VECTORS");
    if (!path)
        cr_skip_test("set NOISE_VECTORS to a vector file");
    json_t *file = json_load_file(path, 0, NULL);
    cr_assert(file);
    size_t i, n_checked = 0;
    json_t *vector;
    cr_assert_eq(seal_init(), 0);
    json_array_foreach(json_object_get(file, "vectors"), i, vector)
    {
        const char *protocol =
            json_string_value(json_object_get(vector, "protocol_name"));
        if (protocol && strcmp(protocol, name) == 0) {
            check_vector(vector);
            n_checked++;
        }
    }
    cr_expect_gt(n_checked, 0);
    json_decref(file);
}
