/* A store of form 1 becomes one of form 2: alike on all nodes, whatever the names, whenever it is
 * stopped; a newer one is left alone. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "gossip/table/form.h"
#include "gossip/table/stored.h"

/* Each with the key that it has in form 2. */
static const struct {
    const char *was, *is;
} keys[] = {
    {"var/a", "var/default/a"},
    {"var/default", "var/default/default"},
    {"var/default/a", "var/default/default/a"},
    {"var/default/default/a", "var/default/default/default/a"},
    {"var/default/zoo", "var/default/default/zoo"},
    {"var/defaults/a", "var/default/defaults/a"},
    {"var/db/host", "var/default/db/host"},
    {"var/shop/a", "var/default/shop/a"},
    {"var/zoo", "var/default/zoo"},
    {"var/with space", "var/default/with space"},
    {"lost/var/a", "lost/var/default/a"},
    {"lost/var/default/a", "lost/var/default/default/a"},
    {"lost/job/default/web", "lost/job/default/web"},
    {"job/default/web", "job/default/web"},
    {"vary/a", "vary/a"},
};
enum { N_KEYS = sizeof(keys) / sizeof(keys[0]), MANY = 150, LARGE = 60000 };

/* ---- a store that is cut off ---- */

struct cut {
    struct store base;
    struct store *in;
    unsigned left;      /* writes until the end */
    bool takes_last;    /* the last is on the disk, only nobody heard so */
    unsigned n_written; /* in all */
};

static int cut_write(struct store *s, const struct store_change *changes, size_t n,
                     bool is_synced, struct err *err)
{
    struct cut *c = (struct cut *)s;
    cr_assert(is_synced, "a power cut takes what is not");
    c->n_written++;
    if (c->left > 0 && c->left-- > 0)
        return store_write(c->in, changes, n, is_synced, err);
    if (c->takes_last)
        (void)store_write(c->in, changes, n, is_synced, err);
    return err_set(err, ERR_STORE, "the end");
}

static int cut_read(struct store *s, enum store_space space, struct bytes key,
                    uint8_t **ret_value, size_t *ret_len, struct err *err)
{
    return store_read(((struct cut *)s)->in, space, key, ret_value, ret_len, err);
}

static int cut_each(struct store *s, enum store_space space, struct bytes prefix,
                    int (*visit)(void *ctx, struct bytes key, struct bytes value),
                    void *ctx, struct err *err)
{
    return store_each(((struct cut *)s)->in, space, prefix, visit, ctx, err);
}

static struct cut cut_of(struct store *in, unsigned left, bool takes_last)
{
    static const struct store_ops ops = {
        .write = cut_write, .read = cut_read, .each = cut_each};
    return (struct cut){{&ops}, in, left, takes_last, 0};
}

/* ---- contents ---- */

static void put(struct store *s, const char *key, size_t number, size_t len)
{
    static uint8_t value[LARGE];
    struct arena arena;
    arena_init(&arena, 0);
    memset(value, (int)number, len);
    struct entry e = {.key = bytes_of_text(key),
                      .value = number % 4 == 3 ? (struct bytes){0}
                                               : (struct bytes){value, len},
                      .writer = {{(uint8_t)number, 1}},
                      .epoch = 7,
                      .number = number + 1,
                      .generation = 2 * number + 1,
                      .stamp = 1000 + number};
    struct store_change change = {STORE_TABLE, e.key, stored_entry_encode(&e, &arena)};
    cr_assert_eq(store_write(s, &change, 1, true, NULL), 0);
    arena_fini(&arena);
}

/* With `is_large` each depth takes several batches. */
static struct store *filled(bool is_turned, bool is_large)
{
    struct store *s = store_mem_new();
    for (size_t i = 0; i < N_KEYS; i++)
        put(s, is_turned ? keys[i].is : keys[i].was, i, 10);
    for (size_t i = 0; i < MANY && is_large; i++) {
        char key[64];
        (void)snprintf(key, sizeof(key), "var/%s%slarge-%zu", is_turned ? "default/" : "",
                       i % 2 ? "default/" : "", i);
        put(s, key, i, LARGE);
    }
    return s;
}

static int copy_one(void *ctx, struct bytes key, struct bytes value)
{
    struct store_change change = {STORE_TABLE, key, value};
    return store_write(ctx, &change, 1, true, NULL);
}

struct applied {
    struct form form;
    struct store *to;
};

static int apply_one(void *ctx, struct bytes key, struct bytes value)
{
    struct applied *a = ctx;
    struct arena arena;
    arena_init(&arena, 0);
    cr_assert_eq(form_apply(&a->form, STORE_TABLE, &key, &value, &arena), 0);
    (void)copy_one(a->to, key, value);
    arena_fini(&arena);
    return 0;
}

/* As a node reads it that cannot write. */
static struct store *as_read(struct store *s)
{
    struct applied a = {.to = store_mem_new()};
    cr_assert_eq(form_read(s, &a.form, NULL), 0);
    cr_assert_eq(store_each(s, STORE_TABLE, (struct bytes){0}, apply_one, &a, NULL), 0);
    return a.to;
}

static int check_one(void *ctx, struct bytes key, struct bytes value)
{
    uint8_t *read;
    size_t len;
    if (store_read(ctx, STORE_TABLE, key, &read, &len, NULL) < 0)
        return -1;
    bool is_same = bytes_equal(value, (struct bytes){read, len});
    free(read);
    return is_same ? 0 : -1;
}

static bool are_same(struct store *a, struct store *b)
{
    return store_each(a, STORE_TABLE, (struct bytes){0}, check_one, b, NULL) == 0 &&
           store_each(b, STORE_TABLE, (struct bytes){0}, check_one, a, NULL) == 0;
}

/* ---- tests ---- */

Test(form, one_becomes_two_with_every_entry_as_it_was)
{
    struct store *s = filled(false, true), *wanted = filled(true, true);
    struct form form;
    cr_assert_eq(form_turn(s, NULL), 0);
    cr_assert(are_same(s, wanted));
    cr_assert_eq(form_read(s, &form, NULL), 0);
    cr_assert_eq(form.depths_left, 0);

    /* What is written from now on is never turned, whatever it looks like. */
    put(s, "var/shop/new", 1, 10);
    put(wanted, "var/shop/new", 1, 10);
    struct cut second = cut_of(s, 0, false);
    cr_assert_eq(form_turn(&second.base, NULL), 0, "there is nothing to write");
    cr_assert(are_same(s, wanted));
    store_close(s);
    store_close(wanted);
}

Test(form, turning_can_be_stopped_at_each_write_and_goes_on)
{
    for (int is_large = 0; is_large < 2; is_large++) {
        struct store *wanted = filled(true, is_large);
        unsigned n_stopped = 0;
        int status = -1;
        for (unsigned k = 0; status != 0; k++) {
            struct store *s = filled(false, is_large);
            struct cut cut = cut_of(s, k / 2, k % 2);
            struct err err;
            status = form_turn(&cut.base, &err);
            cr_assert(status == 0 || status == ERR_STORE, "%s", err.text);
            n_stopped += status != 0;
            struct store *read = as_read(s);
            cr_assert(are_same(read, wanted), "read after stop %u", k);
            cr_assert_eq(form_turn(s, NULL), 0);
            cr_assert(are_same(s, wanted), "turned after stop %u", k);
            store_close(read);
            store_close(s);
        }
        cr_assert_geq(n_stopped, is_large ? 12 : 8, "%u", n_stopped);
        store_close(wanted);
    }
}

Test(form, an_empty_store_is_of_this_form_at_once)
{
    struct store *s = store_mem_new();
    struct cut cut = cut_of(s, 9, false);
    struct form form;
    cr_assert_eq(form_turn(&cut.base, NULL), 0);
    cr_assert_eq(cut.n_written, 1);
    cr_assert_eq(form_read(s, &form, NULL), 0);
    cr_assert_eq(form.depths_left, 0);
    store_close(s);
}

static void put_number(struct store *s, const char *key, uint64_t a, uint64_t b)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct store_change change = {STORE_LOCAL, bytes_of_text(key),
                                  stored_number_encode(a, b, &arena)};
    cr_assert_eq(store_write(s, &change, 1, true, NULL), 0);
    arena_fini(&arena);
}

Test(form, of_a_newer_version_is_refused_in_words_and_left_alone)
{
    struct store *s = filled(false, false), *wanted = filled(false, false);
    struct err err;
    put_number(s, "form", 3, 0);
    cr_assert_eq(form_turn(s, &err), ERR_UNSUPPORTED);
    cr_assert_str_eq(
        err.text, "the store is of form 3, which a newer version has written; this one "
                  "reads forms 1 and 2: start that version again");
    cr_assert(are_same(s, wanted));
    store_close(s);
    store_close(wanted);
}

Test(form, what_is_damaged_is_said_to_be)
{
    static const uint64_t bad[][2] = {{2, 33}, {1, 0}, {0, 0}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct store *s = store_mem_new();
        put_number(s, "form", bad[i][0], bad[i][1]);
        cr_assert_eq(form_turn(s, NULL), ERR_DAMAGED);
        store_close(s);
    }
    struct store *s = filled(false, false);
    struct store_change change = {STORE_TABLE, bytes_of_text("var/b"),
                                  bytes_of_text("x")};
    cr_assert_eq(store_write(s, &change, 1, true, NULL), 0);
    cr_assert_eq(form_turn(s, NULL), ERR_DAMAGED);
    store_close(s);
}

Test(form, what_was_stale_in_some_buckets_is_in_all)
{
    struct arena arena;
    arena_init(&arena, 0);
    for (uint64_t bits = 0; bits < 2; bits++) {
        struct store *s = store_mem_new();
        uint64_t words[2], all = bits ? UINT64_MAX : 0;
        put_number(s, "stale/", 0, bits);
        struct form form = {.depths_left = 1};
        struct bytes key = bytes_of_text("stale/"),
                     value = stored_number_encode(0, bits, &arena);
        cr_assert_eq(form_apply(&form, STORE_LOCAL, &key, &value, &arena), 0);
        cr_assert_eq(stored_number_decode(value, &words[0], &words[1]), 0);
        cr_assert(words[0] == all && words[1] == all, "as it is read");

        uint8_t *read;
        size_t len;
        cr_assert_eq(form_turn(s, NULL), 0);
        cr_assert_eq(store_read(s, STORE_LOCAL, key, &read, &len, NULL), 0);
        cr_assert_eq(
            stored_number_decode((struct bytes){read, len}, &words[0], &words[1]), 0);
        cr_assert(words[0] == all && words[1] == all, "as it is turned");
        free(read);
        store_close(s);
    }
    arena_fini(&arena);
}
