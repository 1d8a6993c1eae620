/* Large tables that lost entries are mended by the hashes of parts, and small ones by lists alone. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "gossip/machine/machine.h"
#include "gossip/spread/parts.h"
#include "tests/lib/crowd.h"

enum { LARGE = 140000, SMALL = 20000 };

static const struct node_id writer = {{7}};

static bool merge(struct crowd *c, size_t node, size_t i)
{
    char key[40];
    (void)snprintf(key, sizeof(key), "var/default/%zu", i);
    struct entry e = {.kind = ENTRY_RECORD,
                      .key = bytes_of_text(key),
                      .value = bytes_of_text("x"),
                      .writer = writer,
                      .epoch = 1,
                      .number = i + 1,
                      .generation = 1,
                      .stamp = 1};
    return table_merge(&c->nodes[node].gossip->table, &e, NULL) > 0;
}

/* Two that have seen all, and of which each lacks one in `one_in`, others than the other one. */
static struct crowd *two(size_t n, size_t one_in)
{
    struct crowd *c = crowd_new(2, 1, &gossip_profile_lan);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < 2; k++)
            if (i % one_in != k)
                cr_assert(merge(c, k, i));
    }
    for (size_t k = 0; k < 2; k++)
        cr_assert_eq(seen_advance(&c->nodes[k].gossip->seen, writer, 1, 0, n), 1);
    return c;
}

static uint64_t n_compared(const struct crowd *c)
{
    return (c->nodes[0].metrics.syncs + c->nodes[1].metrics.syncs) / 2;
}

static void mend(struct crowd *c, size_t n)
{
    for (int i = 0;
         i < 3000 && c->nodes[0].gossip->table.digest != c->nodes[1].gossip->table.digest;
         i++)
        crowd_run(c, 100);
    for (size_t k = 0; k < 2; k++)
        cr_expect_eq(table_size(&c->nodes[k].gossip->table), n);
}

Test(parts, a_large_table_is_mended_in_few_comparisons)
{
    struct crowd *c = two(LARGE, 200);
    c->n_stream_bytes = 0;
    mend(c, LARGE);
    cr_expect_leq(n_compared(c), 10, "%u comparisons", (unsigned)n_compared(c));
    cr_expect_lt(c->n_stream_bytes, 2200000, "%u bytes", (unsigned)c->n_stream_bytes);
    crowd_free(c);
}

Test(parts, a_small_table_is_mended_by_lists)
{
    struct crowd *c = two(SMALL, 200);
    mend(c, SMALL);
    cr_expect_leq(n_compared(c), 5);
    crowd_free(c);
}

Test(parts, each_key_is_of_one_part_and_parts_are_of_equal_size)
{
    size_t counts[TABLE_PARTS] = {0};
    for (size_t i = 0; i < 100 * TABLE_PARTS; i++) {
        char key[40];
        (void)snprintf(key, sizeof(key), "var/default/%zu", i);
        cr_assert_lt(table_part(bytes_of_text(key)), TABLE_PARTS);
        counts[table_part(bytes_of_text(key))]++;
    }
    for (size_t i = 0; i < TABLE_PARTS; i++)
        cr_expect(counts[i] > 40 && counts[i] < 180, "part %zu has %zu", i, counts[i]);
}

Test(parts, a_message_speaks_of_the_parts_that_it_names)
{
    uint8_t bits[2 * TABLE_PARTS / 8] = {0};
    struct bytes key = bytes_of_text("var/default/a");
    uint32_t part = table_part(key);
    struct message m = {0};
    cr_expect(parts_speak_of(&m, 0, key), "it names none: all of the bucket");
    m.listed_parts = (struct bytes){bits, sizeof(bits)};
    cr_expect_not(parts_speak_of(&m, 0, key));
    bits[TABLE_PARTS / 8 + part / 8] = (uint8_t)(1u << part % 8);
    cr_expect_not(parts_speak_of(&m, 0, key));
    cr_expect(parts_speak_of(&m, 1, key));
}
