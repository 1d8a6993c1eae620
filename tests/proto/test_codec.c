/* Messages: golden bytes, round trip, every truncation, impossible values. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "proto/codec.h"

static struct message_member member(uint8_t n, const char *name)
{
    struct message_member m = {
        .name = name,
        .endpoint = {4, {127, 0, 0, n}, 7780},
        .state = MEMBER_SUSPECT,
        .incarnation = 5,
    };
    memset(m.id.at, n, sizeof(m.id.at));
    memset(m.accuser.at, n + 1, sizeof(m.accuser.at));
    return m;
}

static void fill(struct message *m, struct message_member *members, struct message_entry *entries,
                 struct message_range *range, struct message_seen *seen, uint64_t *numbers,
                 uint32_t *listed)
{
    *members = member(7, "seven");
    members->endpoint = (struct endpoint){6, {0xfe, 0x80, [15] = 1}, 1};
    members->second = (struct endpoint){4, {10, 0, 0, 1}, 2};
    entries[0] = (struct message_entry){bytes_of_text("var/a"), bytes_of_text("1"), 3, 4, 5};
    entries[1] = (struct message_entry){.key = bytes_of_text("var/b"), .number = 6};
    entries[2] = (struct message_entry){bytes_of_text("var/c"), {(const uint8_t *)"", 0}, 7, 0, 0};
    *range = (struct message_range){members->id, 2, 2, 9, entries, 3, 1, 8};
    *seen = (struct message_seen){members->id, 2, 9, true, 1, 8, {{7, 6}, {5, 4}, {3, 2}}};
    for (size_t i = 0; i < MESSAGE_BUCKETS; i++)
        numbers[i] = i;
    listed[0] = 0;
    listed[1] = 127;
    *m = (struct message){
        .kind = MESSAGE_PUSH,
        .sender = member(1, "n1"),
        .to = members->id,
        .sequence = 77,
        .has_target = true,
        .target = member(3, "n3"),
        .digest = 11,
        .members_digest = 12,
        .known_epoch = 13,
        .known_number = 14,
        .at_unix_ms = 15,
        .epoch = 16,
        .members = members,
        .n_members = 1,
        .ranges = range,
        .n_ranges = 1,
        .seen = seen,
        .n_seen = 1,
        .buckets = numbers,
        .n_buckets = MESSAGE_BUCKETS,
        .listed = listed,
        .n_listed = 2,
        .items = numbers,
        .n_items = 5,
    };
}

Test(codec, a_ping_looks_like_this)
{
    struct arena arena;
    struct bytes out;
    char text[512];
    struct message m = {.kind = MESSAGE_PING, .sender = member(1, "n1"), .sequence = 9,
                        .digest = 0x0102030405060708, .epoch = 0x1112131415161718};
    arena_init(&arena, 0);
    cr_assert_eq(message_encode(&m, &arena, &out), 0);
    hex_encode(out.at, out.len, text);
    cr_assert_str_eq(text, "0801"
                           "1234"
                           "0a1001010101010101010101010101010101"
                           "12026e31"
                           "1a067f0000011e64"
                           "2001"
                           "2805"
                           "321002020202020202020202020202020202"
                           "2009"
                           "310807060504030201"
                           "91011817161514131211");
    arena_fini(&arena);
}

Test(codec, a_message_comes_back_as_it_was)
{
    struct arena arena;
    struct bytes out;
    struct message m, back;
    struct message_member members[1];
    struct message_entry entries[3];
    struct message_range range;
    struct message_seen seen;
    uint64_t numbers[MESSAGE_BUCKETS];
    uint32_t listed[2];
    arena_init(&arena, 0);
    fill(&m, members, entries, &range, &seen, numbers, listed);
    m.coordinate = (struct bytes){(const uint8_t *)"0123456789a", MESSAGE_COORDINATE};
    m.observed = (struct endpoint){6, {0xfd, 0, [15] = 9}, 7780};
    m.graves = 21;
    cr_assert_eq(message_encode(&m, &arena, &out), 0);
    cr_assert_eq(message_decode(out, &arena, &back), 0);
    cr_assert(bytes_equal(back.coordinate, m.coordinate));
    cr_assert(endpoint_equal(&back.observed, &m.observed));
    cr_assert(back.kind == m.kind && back.sequence == 77 && back.has_target);
    cr_assert(node_id_equal(back.to, m.to));
    cr_assert_str_eq(back.sender.name, "n1");
    cr_assert(node_id_equal(back.sender.accuser, m.sender.accuser));
    cr_assert(endpoint_equal(&back.members[0].endpoint, &members[0].endpoint));
    cr_assert(endpoint_equal(&back.members[0].second, &members[0].second));
    cr_assert_eq(back.members[0].state, MEMBER_SUSPECT);
    cr_assert(back.digest == 11 && back.members_digest == 12 && back.known_epoch == 13 &&
              back.known_number == 14 && back.at_unix_ms == 15 && back.epoch == 16);
    cr_assert(back.ranges[0].before_epoch == 1 && back.ranges[0].before_number == 8);
    cr_assert(back.n_ranges == 1 && back.ranges[0].n_entries == 3 && back.ranges[0].through == 9);
    cr_assert(bytes_equal(back.ranges[0].entries[0].value, entries[0].value));
    cr_assert_eq(back.ranges[0].entries[0].stamp, 5);
    cr_assert_null(back.ranges[0].entries[1].value.at);
    cr_assert_not_null(back.ranges[0].entries[2].value.at);
    cr_assert(back.n_seen == 1 && back.seen[0].number == 9 && back.seen[0].is_stale &&
              back.seen[0].before_epoch == 1 && back.seen[0].before_number == 8);
    cr_assert_eq(memcmp(back.seen[0].older, seen.older, sizeof(seen.older)), 0);
    cr_assert_eq(back.graves, 21);
    cr_assert(back.n_buckets == MESSAGE_BUCKETS && back.buckets[127] == 127);
    cr_assert(back.n_listed == 2 && back.listed[1] == 127 && back.n_items == 5);
    arena_fini(&arena);
}

Test(codec, a_second_endpoint_is_of_the_other_family)
{
    struct arena arena;
    arena_init(&arena, 0);
    for (uint8_t first = 4; first <= 6; first += 2) {
        for (uint8_t second = 0; second <= 6; second += second ? 2 : 4) {
            struct bytes out;
            struct message back, m = {.kind = MESSAGE_ACK,
                                      .sender = {.id = {{1}}, .name = "n",
                                                 .endpoint = {first, {127}, 1},
                                                 .second = {second, {127}, 1}}};
            cr_assert_eq(message_encode(&m, &arena, &out), 0);
            cr_assert_eq(message_decode(out, &arena, &back), first == second ? ERR_MALFORMED : 0);
        }
    }
    arena_fini(&arena);
}

Test(codec, a_coordinate_has_one_length)
{
    static const uint8_t any[16];
    struct arena arena;
    struct bytes out;
    arena_init(&arena, 0);
    for (size_t len = 0; len <= sizeof(any); len++) {
        struct message back, m = {.kind = MESSAGE_ACK,
                                  .sender = {.id = {{1}}, .name = "n", .endpoint = {4, {127}, 1}},
                                  .coordinate = {any, len}};
        cr_assert_eq(message_encode(&m, &arena, &out), 0);
        int expected = len == 0 || len == MESSAGE_COORDINATE ? 0 : ERR_MALFORMED;
        cr_assert_eq(message_decode(out, &arena, &back), expected, "%zu bytes", len);
    }
    arena_fini(&arena);
}

Test(codec, a_truncated_message_is_refused_or_lacks_its_end)
{
    struct arena arena;
    struct bytes out;
    struct message m, back;
    struct message_member members[1];
    struct message_entry entries[3];
    struct message_range range;
    struct message_seen seen;
    uint64_t numbers[MESSAGE_BUCKETS];
    uint32_t listed[2];
    arena_init(&arena, 0);
    fill(&m, members, entries, &range, &seen, numbers, listed);
    cr_assert_eq(message_encode(&m, &arena, &out), 0);
    for (size_t len = 0; len < out.len; len++) {
        /* A heap copy of exactly this length, so that reading past it is caught. */
        uint8_t *copy = malloc(len + 1);
        memcpy(copy, out.at, len);
        struct arena bounded;
        arena_init(&bounded, 1 << 20);
        int err = message_decode((struct bytes){copy, len}, &bounded, &back);
        cr_assert(err == 0 || err == ERR_MALFORMED, "%zu: %d", len, err);
        arena_fini(&bounded);
        free(copy);
    }
    arena_fini(&arena);
}

static int after(void (*damage)(struct message *m))
{
    struct arena arena;
    struct bytes out;
    struct message m, back;
    struct message_member members[1];
    struct message_entry entries[3];
    struct message_range range;
    struct message_seen seen;
    uint64_t numbers[MESSAGE_BUCKETS];
    uint32_t listed[2];
    arena_init(&arena, 0);
    fill(&m, members, entries, &range, &seen, numbers, listed);
    damage(&m);
    int err = message_encode(&m, &arena, &out);
    if (err == 0)
        err = message_decode(out, &arena, &back);
    arena_fini(&arena);
    return err;
}

static void no_kind(struct message *m)
{
    m->kind = 0;
}
static void strange_kind(struct message *m)
{
    m->kind = MESSAGE_KINDS;
}
static void no_sender(struct message *m)
{
    m->sender.id = (struct node_id){0};
}
static void strange_state(struct message *m)
{
    m->members[0].state = (enum member_state)(MEMBER_LEFT + 1);
}
static void long_name(struct message *m)
{
    m->sender.name = "0123456789012345678901234567890123456789012345678901234567890123";
}
static void no_key(struct message *m)
{
    m->ranges[0].entries[1].key.len = 0;
}
static void long_key(struct message *m)
{
    static uint8_t key[KEY_LEN_MAX + 1];
    m->ranges[0].entries[1].key = BYTES_OF(key);
}
static void few_buckets(struct message *m)
{
    m->n_buckets = 127;
}
static void few_parts(struct message *m)
{
    m->parts = m->buckets;
    m->n_parts = MESSAGE_BUCKETS;
}
static void part_too_high(struct message *m)
{
    m->listed[0] = MESSAGE_PARTS;
    m->differing = m->listed;
    m->n_differing = 1;
    m->n_listed = 0;
}
static void unsaid_too_high(struct message *m)
{
    part_too_high(m);
    m->unsaid = m->differing;
    m->n_unsaid = 1;
    m->n_differing = 0;
}
static void parts_of_no_bucket(struct message *m)
{
    static uint64_t parts[MESSAGE_PARTS];
    m->kind = MESSAGE_BUCKET_PARTS;
    m->parts = parts;
    m->n_parts = MESSAGE_PARTS;
    m->n_listed = 0;
}
static void parts_of_some_bucket(struct message *m)
{
    static uint8_t bits[MESSAGE_PARTS / 8 - 1];
    m->n_listed = 1;
    m->listed_parts = BYTES_OF(bits);
}
static void parts_of_many_buckets(struct message *m)
{
    static uint32_t listed[MESSAGE_PARTED_MAX + 1];
    m->kind = MESSAGE_BUCKET_PARTS;
    m->listed = listed;
    m->n_listed = MESSAGE_PARTED_MAX + 1;
}
static void bucket_too_high(struct message *m)
{
    m->listed[0] = 128;
}
static void no_writer(struct message *m)
{
    m->ranges[0].writer = (struct node_id){0};
}

Test(codec, impossible_values_are_refused)
{
    void (*const all[])(struct message *) = {no_kind,
                                             strange_kind,
                                             no_sender,
                                             strange_state,
                                             long_name,
                                             no_key,
                                             long_key,
                                             few_buckets,
                                             bucket_too_high,
                                             few_parts,
                                             part_too_high,
                                             unsaid_too_high,
                                             no_writer,
                                             parts_of_no_bucket,
                                             parts_of_some_bucket,
                                             parts_of_many_buckets};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        cr_assert_eq(after(all[i]), ERR_MALFORMED, "case %zu", i);
}

Test(codec, parts_of_buckets_arrive_with_the_buckets_that_they_are_of)
{
    struct arena arena;
    struct bytes wire;
    uint32_t listed[2] = {3, 127};
    uint64_t parts[2 * MESSAGE_PARTS] = {[0] = 5, [2 * MESSAGE_PARTS - 1] = 9};
    uint8_t bits[2 * MESSAGE_PARTS / 8] = {[0] = 1, [255] = 0x80};
    struct message m = {.kind = MESSAGE_BUCKET_PARTS,
                        .sender = {.id = {{1}}, .name = "n"},
                        .listed = listed,
                        .n_listed = 2,
                        .parts = parts,
                        .n_parts = 2 * MESSAGE_PARTS,
                        .listed_parts = BYTES_OF(bits)},
                   out;
    m.sender.endpoint = (struct endpoint){4, {127, 0, 0, 1}, 7780};
    arena_init(&arena, 0);
    cr_assert_eq(message_encode(&m, &arena, &wire), 0);
    cr_assert_eq(message_decode(wire, &arena, &out), 0);
    cr_assert_eq(out.n_listed, 2);
    cr_assert_eq(out.n_parts, 2 * MESSAGE_PARTS);
    cr_expect_eq(out.parts[2 * MESSAGE_PARTS - 1], 9);
    cr_expect(bytes_equal(out.listed_parts, m.listed_parts));
    arena_fini(&arena);
}

Test(codec, a_line_tells_of_three_older_lives_at_most_and_of_none_by_half)
{
    for (uint8_t n = 0; n <= 2 * MESSAGE_OLDER + 2; n++) {
        struct arena arena;
        struct bytes wire;
        uint8_t frame[512], *at = frame;
        struct message out, m = {.kind = MESSAGE_HAVE, .sender = member(1, "n1")};
        arena_init(&arena, 0);
        cr_assert_eq(message_encode(&m, &arena, &wire), 0);
        memcpy(at, wire.at, wire.len);
        at += wire.len;
        *at++ = 13 << 3 | 2; /* seen */
        *at++ = (uint8_t)(18 + 2 + n);
        *at++ = 1 << 3 | 2; /* its writer */
        *at++ = 16;
        memset(at, 7, 16);
        at += 16;
        *at++ = 7 << 3 | 2; /* older */
        *at++ = n;
        memset(at, 5, n);
        at += n;
        int err = message_decode((struct bytes){frame, (size_t)(at - frame)}, &arena, &out);
        cr_expect_eq(err == 0, n % 2 == 0 && n <= 2 * MESSAGE_OLDER, "%u numbers: %d", n, err);
        arena_fini(&arena);
    }
}

Test(codec, a_message_of_nothing_but_parts_stays_within_its_arena)
{
    /* Field 11 (members), empty, over and over: two bytes on the wire, a hundred in memory. */
    static uint8_t frame[FRAME_MAX];
    struct arena arena;
    struct message m;
    for (size_t i = 0; i + 1 < sizeof(frame); i += 2)
        frame[i] = 11 << 3 | 2;
    arena_init(&arena, 1 << 20);
    cr_assert_lt(message_decode(BYTES_OF(frame), &arena, &m), 0);
    arena_fini(&arena);
}

Test(codec, sizes_are_never_underestimated)
{
    struct arena arena;
    arena_init(&arena, 0);
    char name[NAME_LEN_MAX + 1] = "";
    memset(name, 'n', NAME_LEN_MAX);
    struct message_member longest = member(0xff, name);
    longest.endpoint.family = 6;
    longest.second.family = 4;
    longest.incarnation = UINT32_MAX;
    longest.state = MEMBER_LEFT;
    static uint8_t value[ENTRY_LEN_MAX];
    struct message_entry entry = {bytes_of_text("var/a"), BYTES_OF(value), UINT64_MAX, UINT64_MAX,
                                  UINT64_MAX};
    struct message_range range = {longest.id, UINT64_MAX, UINT64_MAX, UINT64_MAX, NULL, 0,
                                  UINT64_MAX, UINT64_MAX};
    struct message m = {.kind = MESSAGE_PUSH, .sender = longest, .to = longest.id,
                        .sequence = UINT32_MAX, .has_target = true, .target = longest,
                        .digest = 1, .members_digest = 1, .known_epoch = UINT64_MAX,
                        .known_number = UINT64_MAX, .at_unix_ms = UINT64_MAX,
                        .epoch = UINT64_MAX,
                        .coordinate = {value, MESSAGE_COORDINATE}};
    struct bytes bare, more;
    cr_assert_eq(message_encode(&m, &arena, &bare), 0);
    cr_assert_leq(bare.len, MESSAGE_HEADER_SIZE);
    m.members = &longest;
    m.n_members = 1;
    cr_assert_eq(message_encode(&m, &arena, &more), 0);
    cr_assert_leq(more.len - bare.len, message_member_size(&longest));
    m.n_members = 0;
    m.ranges = &range;
    m.n_ranges = 1;
    cr_assert_eq(message_encode(&m, &arena, &more), 0);
    cr_assert_leq(more.len - bare.len, MESSAGE_RANGE_SIZE);
    range.entries = &entry;
    range.n_entries = 1;
    struct bytes with;
    cr_assert_eq(message_encode(&m, &arena, &with), 0);
    cr_assert_leq(with.len - more.len, message_entry_size(entry.key, entry.value) + 4);
    arena_fini(&arena);
}
