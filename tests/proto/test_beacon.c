/* The beacon: golden bytes, round trip, every truncation, impossible values. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/arena.h"
#include "proto/beacon.h"
#include "proto/codec.h"

static const struct beacon sample = {
    .id = {{0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad,
            0xae, 0xaf}},
    .endpoint = {4, {10, 77, 0, 1}, 7780},
    .n_members = 258,
    .epoch = 0x1112131415161718,
    .is_ready = true,
};

static const char golden[] = "07020104"
                             "0a4d0001000000000000000000000000"
                             "1e64"
                             "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
                             "00000102"
                             "1112131415161718"
                             "0000000000000000000000000000";

Test(beacon, golden_bytes)
{
    uint8_t out[BEACON_LEN];
    char hex[2 * BEACON_LEN + 1];
    beacon_encode(&sample, out);
    hex_encode(out, sizeof(out), hex);
    cr_expect_str_eq(hex, golden);
}

Test(beacon, comes_back_as_it_was)
{
    const struct endpoint endpoints[] = {{4, {10, 77, 0, 1}, 7780},
                                         {6, {0xfd, [15] = 9}, 65535}};
    for (size_t i = 0; i < 2; i++) {
        uint8_t out[BEACON_LEN];
        struct beacon b = sample, back;
        b.endpoint = endpoints[i];
        b.is_ready = i == 0;
        beacon_encode(&b, out);
        cr_assert_eq(beacon_decode(BYTES_OF(out), &back), 0);
        cr_expect(node_id_equal(back.id, b.id));
        cr_expect(endpoint_equal(&back.endpoint, &b.endpoint));
        cr_expect_eq(back.n_members, 258);
        cr_expect_eq(back.epoch, b.epoch);
        cr_expect_eq(back.is_ready, b.is_ready);
    }
}

Test(beacon, any_other_length_is_refused)
{
    uint8_t out[BEACON_LEN + 1] = {0};
    struct beacon back;
    beacon_encode(&sample, out);
    for (size_t len = 0; len < BEACON_LEN; len++)
        cr_expect_eq(beacon_decode((struct bytes){out, len}, &back), ERR_TRUNCATED, "%zu", len);
    cr_expect_eq(beacon_decode(BYTES_OF(out), &back), ERR_MALFORMED);
}

Test(beacon, impossible_values_are_refused)
{
    static const struct {
        size_t at, len;
        uint8_t value;
        int error;
    } rows[] = {
        {0, 1, 8, ERR_MALFORMED},  /* a message */
        {1, 1, 3, ERR_UNSUPPORTED},
        {1, 1, 0, ERR_UNSUPPORTED},
        {3, 1, 0, ERR_MALFORMED},  /* no address */
        {3, 1, 5, ERR_MALFORMED},
        {20, 2, 0, ERR_MALFORMED}, /* port */
        {22, 16, 0, ERR_MALFORMED},
        {38, 4, 0, ERR_MALFORMED}, /* nobody alive, not even the sender */
        {50, 14, 9, 0},            /* room: not looked at */
        {2, 1, 0xff, 0},           /* flags to come */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t out[BEACON_LEN];
        struct beacon back;
        beacon_encode(&sample, out);
        memset(out + rows[i].at, rows[i].value, rows[i].len);
        cr_expect_eq(beacon_decode(BYTES_OF(out), &back), rows[i].error, "row %zu", i);
    }
}

Test(beacon, of_0_1_is_read_without_an_epoch)
{
    uint8_t out[BEACON_LEN];
    struct beacon back;
    beacon_encode(&sample, out);
    out[1] = 1;
    cr_assert_eq(beacon_decode(BYTES_OF(out), &back), 0);
    cr_expect_eq(back.epoch, 0);
    cr_expect(node_id_equal(back.id, sample.id));
}

Test(beacon, is_no_message_so_that_it_cannot_be_replayed_to_the_gossip_port)
{
    uint8_t out[BEACON_LEN];
    struct arena arena;
    struct message m;
    arena_init(&arena, 1 << 20);
    beacon_encode(&sample, out);
    cr_expect_eq(message_decode(BYTES_OF(out), &arena, &m), ERR_MALFORMED);
    arena_fini(&arena);
}
