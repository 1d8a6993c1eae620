/* The table: merging as a maximum, prefix scans, digests, and a naive model beside it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/rng.h"
#include "gossip/table/table.h"

enum { ENTRIES = 200, KEYS = 40 };

static struct node_id node(uint8_t n)
{
    struct node_id id;
    memset(id.at, n, sizeof(id.at));
    return id;
}

struct sample {
    struct entry entry;
    char key[64], value[16];
};

/* Records and rows of three writers over few keys, so that everything meets everything. */
static void draw(struct rng *rng, struct sample *s, size_t i)
{
    uint8_t writer = (uint8_t)(1 + rng_below(rng, 3));
    unsigned k = (unsigned)rng_below(rng, KEYS);
    *s = (struct sample){0};
    if (k % 2) {
        char id[NODE_ID_TEXT];
        (void)snprintf(s->key, sizeof(s->key), "claim/%s/%u", node_id_text(node(writer), id), k);
    } else {
        (void)snprintf(s->key, sizeof(s->key), "var/%u", k);
    }
    (void)snprintf(s->value, sizeof(s->value), "%zu", i);
    s->entry = (struct entry){
        .key = bytes_of_text(s->key),
        .value = bytes_of_text(s->value),
        .writer = node(writer),
        .epoch = 1 + rng_below(rng, 2),
        .number = i + 1,
        .generation = rng_below(rng, 4),
        .stamp = rng_below(rng, 4),
    };
    s->entry.kind = table_kind(s->entry.key);
    if (rng_chance(rng, 0.2))
        s->entry.value = (struct bytes){0};
}

static int append(void *ctx, const struct entry *e)
{
    char *text = ctx;
    size_t len = strlen(text);
    (void)snprintf(text + len, 8192 - len, "%.*s=%.*s\n", (int)e->key.len, (const char *)e->key.at,
                   (int)e->value.len, (const char *)e->value.at);
    return 0;
}

static char *dump(const struct table *t)
{
    char *text = calloc(1, 8192);
    (void)table_each(t, (struct bytes){0}, append, text);
    return text;
}

Test(table, any_order_and_repetition_end_in_the_same_table)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct rng rng;
        struct sample *samples = calloc(ENTRIES, sizeof(*samples));
        size_t order[2 * ENTRIES];
        struct table a, b;
        rng_init(&rng, seed);
        cr_assert_eq(table_init(&a), 0);
        cr_assert_eq(table_init(&b), 0);
        for (size_t i = 0; i < ENTRIES; i++) {
            draw(&rng, &samples[i], i);
            order[i] = order[ENTRIES + i] = i;
        }
        /* draw() copies: the views have to point into the array. */
        for (size_t i = 0; i < ENTRIES; i++) {
            samples[i].entry.key.at = (const uint8_t *)samples[i].key;
            if (samples[i].entry.value.at)
                samples[i].entry.value.at = (const uint8_t *)samples[i].value;
            cr_assert_geq(table_merge(&a, &samples[i].entry, NULL), 0);
        }
        rng_shuffle(&rng, order, 2 * ENTRIES, sizeof(order[0]));
        for (size_t i = 0; i < 2 * ENTRIES; i++)
            cr_assert_geq(table_merge(&b, &samples[order[i]].entry, NULL), 0);
        char *left = dump(&a), *right = dump(&b);
        cr_assert_str_eq(left, right, "seed %u", (unsigned)seed);
        cr_assert_eq(table_digest(&a), table_digest(&b));
        cr_assert_arr_eq(a.hashes, b.hashes, sizeof(a.hashes));
        cr_assert_eq(table_count(&a), table_count(&b));
        cr_assert_eq(a.n_bytes, b.n_bytes);
        free(left);
        free(right);
        free(samples);
        table_fini(&a);
        table_fini(&b);
    }
}

Test(table, it_agrees_with_a_naive_model)
{
    struct rng rng;
    struct table t;
    static struct sample model[ENTRIES * 5];
    size_t n = 0;
    rng_init(&rng, 99);
    cr_assert_eq(table_init(&t), 0);
    for (size_t i = 0; i < ENTRIES * 5; i++) {
        struct sample *s = &model[n];
        draw(&rng, s, i);
        int result = table_merge(&t, &s->entry, NULL);
        size_t k = 0;
        while (k < n && strcmp(model[k].key, s->key) != 0)
            k++;
        bool is_newer = k == n || entry_compare(&s->entry, &model[k].entry) > 0;
        cr_assert_eq(result == MERGE_NEW || result == MERGE_REPLACED, is_newer);
        if (k == n)
            n++;
        else if (is_newer)
            model[k] = *s;
    }
    size_t n_live = 0;
    for (size_t k = 0; k < n; k++) {
        const struct entry *e = table_get(&t, bytes_of_text(model[k].key));
        cr_assert_eq(e != NULL, model[k].entry.value.at != NULL);
        if (!e)
            continue;
        n_live++;
        cr_assert_eq(e->value.len, strlen(model[k].value));
        cr_assert_arr_eq(e->value.at, model[k].value, e->value.len);
    }
    cr_assert_eq(table_count(&t), n_live);
    for (size_t k = 0; k < n; k++)
        table_remove(&t, bytes_of_text(model[k].key));
    cr_assert_eq(t.digest, 0);
    cr_assert_eq(t.n_bytes, 0);
    cr_assert_eq(t.by_key.n + t.by_number.n + t.by_hash.n + t.by_author.n + t.bodies.live, 0);
    table_fini(&t);
}

Test(table, a_row_is_accepted_only_from_the_node_in_its_key)
{
    static const struct {
        const char *key;
        int result;
    } rows[] = {
        {"node/01010101010101010101010101010101", 0},
        {"claim/01010101010101010101010101010101/default/web/0", 0},
        {"claim/02020202020202020202020202020202/default/web/0", ERR_INVALID},
        {"claim/0101010101010101010101010101010/default/web/0", ERR_INVALID},
        {"claim/01010101010101010101010101010101x", ERR_INVALID},
        {"claim/0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A/default/web/0", ERR_INVALID},
        {"refuse/", ERR_INVALID},
        {"done/01010101010101010101010101010101/r", 0},
        {"var/x", 0},
        {"", ERR_BOUND},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct entry e = {
            .key = bytes_of_text(rows[i].key), .writer = node(1), .epoch = 1, .number = 1};
        cr_assert_eq(table_check(&e), rows[i].result, "%s", rows[i].key);
    }
}

Test(table, lengths_are_bounded_by_kind)
{
    static uint8_t big[SPEC_LEN_MAX + 1];
    static const struct {
        const char *key;
        size_t len;
        int result;
    } rows[] = {
        {"var/x", ENTRY_LEN_MAX, 0},
        {"var/x", ENTRY_LEN_MAX + 1, ERR_BOUND},
        {"spec/a/b/c", SPEC_LEN_MAX, 0},
        {"spec/a/b/c", SPEC_LEN_MAX + 1, ERR_BOUND},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct entry e = {.key = bytes_of_text(rows[i].key), .value = {big, rows[i].len},
                          .writer = node(1), .number = 1};
        cr_assert_eq(table_check(&e), rows[i].result, "%s %zu", rows[i].key, rows[i].len);
    }
}

Test(table, prefix_scans_are_in_key_order_and_skip_tombstones)
{
    static const char *const keys[] = {"b/2", "a/1", "b/10", "b/1", "c", "b", "b/3"};
    struct table t;
    char text[8192] = "";
    cr_assert_eq(table_init(&t), 0);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct entry e = {.kind = ENTRY_RECORD, .key = bytes_of_text(keys[i]),
                          .value = bytes_of_text("v"), .writer = node(1), .number = i + 1};
        if (strcmp(keys[i], "b/3") == 0)
            e.value = (struct bytes){0};
        cr_assert_eq(table_merge(&t, &e, NULL), MERGE_NEW);
    }
    (void)table_each(&t, bytes_of_text("b/"), append, text);
    cr_assert_str_eq(text, "b/1=v\nb/10=v\nb/2=v\n");
    table_fini(&t);
}

Test(table, a_concurrent_write_names_its_loser)
{
    struct table t;
    struct node_id loser;
    struct entry a = {.kind = ENTRY_RECORD, .key = bytes_of_text("var/x"),
                      .value = bytes_of_text("a"), .writer = node(1), .number = 1,
                      .generation = 1, .stamp = 5};
    struct entry b = a;
    b.writer = node(2);
    b.value = bytes_of_text("b");
    b.stamp = 6;
    cr_assert_eq(table_init(&t), 0);
    cr_assert_eq(table_merge(&t, &a, &loser), MERGE_NEW);
    cr_assert_eq(table_merge(&t, &b, &loser), MERGE_REPLACED);
    cr_assert(node_id_equal(loser, node(1)));
    cr_assert_eq(table_merge(&t, &a, &loser), MERGE_LOST);
    cr_assert_eq(table_merge(&t, &b, &loser), MERGE_STALE);
    b.generation = 2;
    cr_assert_eq(table_merge(&t, &b, &loser), MERGE_NEW);
    table_fini(&t);
}
