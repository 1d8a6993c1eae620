/* Changes that wait for the disk: nothing is lost, nothing overtakes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backlog.h"

static struct bytes text(const char *t)
{
    return bytes_of_text(t);
}

static bool holds(struct store *store, const char *key, const char *value)
{
    uint8_t *got;
    size_t len;
    if (store_read(store, STORE_TABLE, text(key), &got, &len, NULL) < 0)
        return value == NULL;
    bool is_same = value && len == strlen(value) && memcmp(got, value, len) == 0;
    free(got);
    return is_same;
}

static int put(struct backlog *b, struct store *store, const char *key, const char *value)
{
    struct store_change change = {.space = STORE_TABLE,
                                  .key = text(key),
                                  .value = value ? text(value) : (struct bytes){0}};
    struct err err = {0};
    return backlog_write(b, store, &change, 1, true, &err);
}

/* The same five writes to one key and one each of their own, failing from every place for
 * every length: the store ends as if it had never failed. */
Test(backlog, every_failure_is_made_good_and_order_is_kept)
{
    for (unsigned countdown = 0; countdown <= 5; countdown++) {
        for (unsigned repeat = 0; repeat <= 6; repeat++) {
            struct store *store = store_mem_new();
            struct backlog b;
            char key[8], value[8];
            backlog_init(&b);
            store_mem_fault(store, countdown, repeat);
            for (unsigned i = 0; i < 5; i++) {
                struct store_change changes[2];
                struct err err = {0};
                (void)snprintf(key, sizeof(key), "k%u", i);
                (void)snprintf(value, sizeof(value), "%u", i);
                changes[0] =
                    (struct store_change){STORE_TABLE, text("last"), text(value)};
                changes[1] = (struct store_change){STORE_TABLE, text(key), text(value)};
                int status = backlog_write(&b, store, changes, 2, true, &err);
                cr_assert_eq(status<0, b.n> 0,
                             "an error, and only that, leaves a backlog");
                if (status == 0)
                    cr_assert(holds(store, "last", value));
            }
            for (unsigned i = 0; b.n > 0 && i < 20; i++)
                (void)backlog_write(&b, store, NULL, 0, true, NULL);
            cr_assert_eq(b.n, 0, "countdown %u repeat %u", countdown, repeat);
            cr_assert_not(b.is_overflown);
            cr_assert(holds(store, "last", "4"), "countdown %u repeat %u", countdown,
                      repeat);
            for (unsigned i = 0; i < 5; i++) {
                (void)snprintf(key, sizeof(key), "k%u", i);
                (void)snprintf(value, sizeof(value), "%u", i);
                cr_assert(holds(store, key, value), "countdown %u repeat %u: %s",
                          countdown, repeat, key);
            }
            backlog_fini(&b);
            store_close(store);
        }
    }
}

Test(backlog, keeps_copies_also_of_deletions_and_of_empty_values)
{
    struct store *store = store_mem_new();
    struct backlog b;
    char key[] = "a", value[] = "old";
    backlog_init(&b);
    cr_assert_eq(put(&b, store, "gone", "x"), 0);
    store_mem_fault(store, 0, 3);
    cr_assert_lt(put(&b, store, key, value), 0);
    cr_assert_lt(put(&b, store, "gone", NULL), 0);
    cr_assert_lt(put(&b, store, "empty", ""), 0);
    cr_assert_eq(b.n, 3);
    memset(key, 'z', 1);
    memset(value, 'z', 3);
    cr_assert_eq(backlog_write(&b, store, NULL, 0, true, NULL), 0);
    cr_assert(holds(store, "a", "old"));
    cr_assert(holds(store, "gone", NULL));
    cr_assert(holds(store, "empty", ""));
    backlog_fini(&b);
    store_close(store);
}

Test(backlog, without_changes_nothing_is_written)
{
    struct store *store = store_mem_new();
    struct backlog b;
    backlog_init(&b);
    store_mem_fault(store, 0, 1);
    cr_assert_eq(backlog_write(&b, store, NULL, 0, true, NULL), 0);
    cr_assert_lt(put(&b, store, "a", "1"), 0, "the fault was still to come");
    backlog_fini(&b);
    store_close(store);
}

Test(backlog, says_when_it_could_not_keep_everything)
{
    struct store *store = store_mem_new();
    struct backlog b;
    backlog_init(&b);
    b.arena.limit = 4096;
    store_mem_fault(store, 0, 100);
    for (unsigned i = 0; i < 100; i++) {
        char key[80];
        (void)snprintf(key, sizeof(key), "%070u", i);
        cr_assert_lt(put(&b, store, key, "v"), 0);
    }
    cr_assert(b.is_overflown);
    cr_assert_gt(b.n, 0);
    store_mem_fault(store, 0, 0);
    cr_assert_eq(put(&b, store, "a", "1"), 0);
    cr_assert_not(b.is_overflown, "what was kept is written, and counting starts anew");
    backlog_fini(&b);
    store_close(store);
}
