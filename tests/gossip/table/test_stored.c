/* What the store gives back is what was put in, or damaged. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/err.h"
#include "gossip/table/stored.h"

static const struct entry sample = {
    .kind = ENTRY_RECORD,
    .key = {(const uint8_t *)"var/x", 5},
    .value = {(const uint8_t *)"value", 5},
    .writer = {{1, 2, 3}},
    .epoch = 7,
    .number = 8,
    .generation = 9,
    .stamp = 10,
};

Test(stored, an_entry_comes_back_as_it_was)
{
    struct arena arena;
    struct entry out;
    arena_init(&arena, 0);
    struct entry tombstone = sample, empty = sample;
    tombstone.value = (struct bytes){0};
    empty.value.len = 0;
    const struct entry *all[] = {&sample, &tombstone, &empty};
    for (size_t i = 0; i < 3; i++) {
        struct bytes stored = stored_entry_encode(all[i], &arena);
        cr_assert_eq(stored_entry_decode(sample.key, stored, &out), 0);
        cr_assert(bytes_equal(out.value, all[i]->value));
        cr_assert_eq(out.value.at == NULL, all[i]->value.at == NULL);
        cr_assert(node_id_equal(out.writer, sample.writer));
        cr_assert(out.epoch == 7 && out.number == 8 && out.generation == 9 && out.stamp == 10);
    }
    arena_fini(&arena);
}

Test(stored, the_bytes_of_version_one_are_these)
{
    struct arena arena;
    char text[256];
    arena_init(&arena, 0);
    struct bytes stored = stored_entry_encode(&sample, &arena);
    hex_encode(stored.at, stored.len - 8, text);
    cr_assert_str_eq(text, "0100"
                           "01020300000000000000000000000000"
                           "0000000000000007" "0000000000000008"
                           "0000000000000009" "000000000000000a"
                           "76616c7565");
    arena_fini(&arena);
}

Test(stored, every_truncation_and_every_flipped_bit_is_damage)
{
    struct arena arena;
    struct entry entry;
    struct member member;
    char name[NAME_LEN_MAX + 1];
    uint64_t a, b;
    arena_init(&arena, 0);
    struct member peer = {.id = {{9}}, .name = "n9", .endpoint = {4, {127, 0, 0, 1}, 7780},
                          .incarnation = 3};
    struct bytes forms[] = {
        stored_entry_encode(&sample, &arena),
        stored_number_encode(1, 2, &arena),
        stored_peer_encode(&peer, &arena),
    };
    cr_assert_eq(stored_peer_decode(forms[2], name, &member), 0);
    cr_assert_str_eq(member.name, "n9");
    cr_assert_eq(member.endpoint.port, 7780);
    cr_assert_eq(stored_number_decode(forms[1], &a, &b), 0);
    cr_assert(a == 1 && b == 2);
    cr_assert_eq(stored_entry_decode(bytes_of_text("var/y"), forms[0], &entry), ERR_DAMAGED);
    for (size_t form = 0; form < 3; form++) {
        uint8_t copy[256];
        for (size_t i = 0; i < forms[form].len * 9; i++) {
            struct bytes in = {copy, i < forms[form].len ? i : forms[form].len};
            memcpy(copy, forms[form].at, forms[form].len);
            if (i >= forms[form].len)
                copy[(i - forms[form].len) / 8] ^= (uint8_t)(1u << i % 8);
            if (i >= forms[form].len && memcmp(copy, forms[form].at, forms[form].len) == 0)
                continue;
            int err = form == 0   ? stored_entry_decode(sample.key, in, &entry)
                      : form == 1 ? stored_number_decode(in, &a, &b)
                                  : stored_peer_decode(in, name, &member);
            cr_assert_eq(err, ERR_DAMAGED, "form %zu, case %zu", form, i);
        }
    }
    arena_fini(&arena);
}
