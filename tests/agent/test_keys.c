/* Whole nodes that change their secret: with everybody there, and with one that crashes.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "agent/keys.h"
#include "core/err.h"
#include "host.h"
#include "proto/key.h"

enum { LONG_MS = 20000 };

static const struct secret old = {{1}}, next = {{2}};

static struct hosts *sealed_hosts(unsigned n)
{
    cr_assert_eq(seal_init(), 0);
    struct hosts *all = hosts_new(n);
    for (unsigned i = 0; i < n; i++) {
        all->hosts[i].options.keys = keyring_of(&old);
        host_start(&all->hosts[i]);
    }
    hosts_run(all, 3000);
    return all;
}

static void rotate(struct host *h, uint64_t token, bool is_forced)
{
    uint8_t value[SECRET_LEN + SECRET_NONCE_LEN] = {0};
    memcpy(value, next.at, SECRET_LEN);
    struct order command = {.kind = ORDER_ROTATE,
                            .token = token,
                            .value = BYTES_OF(value),
                            .is_forced = is_forced};
    host_command(h, &command);
}

static bool has_next_alone(const struct host *h)
{
    const struct keyring *keys = node_keys(h->node);
    return keys->n == 1 && memcmp(keys->secrets[0].at, next.at, SECRET_LEN) == 0;
}

static bool has_record(const struct host *h)
{
    struct key key = key_secret();
    return table_get(gossip_table(node_gossip(h->node)), key_bytes(&key)) != NULL;
}

static size_t n_alive(const struct host *h)
{
    return members_count_state(gossip_members(node_gossip(h->node)), MEMBER_ALIVE);
}

Test(keys, members_change_them_without_losing_a_datagram)
{
    struct hosts *all = sealed_hosts(4);
    rotate(&all->hosts[1], 1, false);
    hosts_run(all, 500);
    cr_assert_not_null(host_done(&all->hosts[1], 1));
    cr_expect_eq(host_done(&all->hosts[1], 1)->result.code, 0);
    rotate(&all->hosts[2], 2, false);
    hosts_run(all, LONG_MS);
    cr_expect_eq(host_done(&all->hosts[2], 2)->result.code, ERR_CONFLICT,
                 "one at a time");
    for (unsigned i = 0; i < 4; i++) {
        struct host *h = &all->hosts[i];
        cr_expect(has_next_alone(h), "%s", h->name);
        cr_expect_eq(h->n_unopened, 0, "%s", h->name);
        cr_expect_eq(n_alive(h), 4);
        cr_expect_not(has_record(h), "%s: the record is gone", h->name);
        cr_expect(host_said(h, "event secret cluster accepted"));
        cr_expect(host_said(h, "event secret cluster sending"));
        cr_expect(host_said(h, "event secret cluster replaced"));
        cr_expect_not(host_said(h, "suspect"));
    }
    hosts_free(all);
}

/* A crash at any moment, with a restart from disk soon after. */
Test(keys, change_also_for_a_node_that_crashes_meanwhile)
{
    for (uint64_t crash_ms = 0; crash_ms <= 8000; crash_ms += 250) {
        struct hosts *all = sealed_hosts(3);
        rotate(&all->hosts[0], 1, false);
        hosts_run(all, crash_ms);
        host_stop(&all->hosts[2]);
        hosts_run(all, 200);
        host_start(&all->hosts[2]);
        hosts_run(all, LONG_MS);
        for (unsigned i = 0; i < 3; i++) {
            cr_expect(has_next_alone(&all->hosts[i]), "n%u, crash at %llu", i + 1,
                      (unsigned long long)crash_ms);
            cr_expect_eq(n_alive(&all->hosts[i]), 3, "n%u, crash at %llu", i + 1,
                         (unsigned long long)crash_ms);
        }
        hosts_free(all);
    }
}

/* Cut off at any moment, believed dead, and back while the others have patience. */
Test(keys, change_also_for_a_node_that_is_cut_off_meanwhile)
{
    for (uint64_t cut_ms = 0; cut_ms <= 8000; cut_ms += 500) {
        struct hosts *all = sealed_hosts(3);
        rotate(&all->hosts[0], 1, false);
        hosts_run(all, cut_ms);
        all->hosts[2].is_cut = true;
        hosts_run(all, 60000);
        cr_expect_eq(n_alive(&all->hosts[0]), 2);
        all->hosts[2].is_cut = false;
        hosts_run(all, 60000);
        for (unsigned i = 0; i < 3; i++) {
            cr_expect(has_next_alone(&all->hosts[i]), "n%u, cut at %llu", i + 1,
                      (unsigned long long)cut_ms);
            cr_expect_eq(n_alive(&all->hosts[i]), 3, "n%u, cut at %llu", i + 1,
                         (unsigned long long)cut_ms);
            cr_expect_not(has_record(&all->hosts[i]));
        }
        hosts_free(all);
    }
}

/* Who remembers others by its disk alone waits for them as well. */
Test(keys, change_also_for_a_node_that_is_cut_off_while_the_others_restart)
{
    struct hosts *all = sealed_hosts(3);
    all->hosts[2].is_cut = true;
    rotate(&all->hosts[0], 1, false);
    hosts_run(all, 10000);
    for (unsigned i = 0; i < 2; i++)
        host_stop(&all->hosts[i]);
    for (unsigned i = 0; i < 2; i++)
        host_start(&all->hosts[i]);
    hosts_run(all, 30000);
    cr_expect_eq(node_keys(all->hosts[0].node)->n, 2);
    all->hosts[2].is_cut = false;
    hosts_run(all, 60000);
    for (unsigned i = 0; i < 3; i++) {
        cr_expect(has_next_alone(&all->hosts[i]), "n%u", i + 1);
        cr_expect_eq(n_alive(&all->hosts[i]), 3, "n%u", i + 1);
    }
    hosts_free(all);
}

/* It does not come back: patience ends, or somebody forgets it. */
Test(keys, wait_only_so_long_for_who_died_meanwhile)
{
    struct hosts *all = sealed_hosts(3);
    rotate(&all->hosts[0], 1, false);
    host_stop(&all->hosts[2]);
    hosts_run(all, 60000);
    cr_expect_eq(node_keys(all->hosts[0].node)->n, 2);
    hosts_run(all, KEYS_PATIENCE_MS);
    cr_expect(has_next_alone(&all->hosts[0]));
    cr_expect(has_next_alone(&all->hosts[1]));
    hosts_free(all);

    all = sealed_hosts(3);
    rotate(&all->hosts[0], 1, false);
    host_stop(&all->hosts[2]);
    hosts_run(all, 20000);
    (void)host_order(&all->hosts[0], ORDER_FORGET, "n3", 0);
    hosts_run(all, LONG_MS);
    cr_expect(has_next_alone(&all->hosts[0]));
    cr_expect(has_next_alone(&all->hosts[1]));
    hosts_free(all);
}

Test(keys, are_changed_without_an_absent_member_only_by_force)
{
    struct hosts *all = sealed_hosts(3);
    host_stop(&all->hosts[2]);
    hosts_run(all, 10000);
    rotate(&all->hosts[0], 1, false);
    hosts_run(all, 100);
    cr_expect_eq(host_done(&all->hosts[0], 1)->result.code, ERR_CONFLICT);
    cr_expect_not_null(strstr(host_done(&all->hosts[0], 1)->result.text, "'n3'"));
    rotate(&all->hosts[0], 2, true);
    hosts_run(all, LONG_MS);
    cr_expect(has_next_alone(&all->hosts[0]));
    cr_expect(has_next_alone(&all->hosts[1]));

    host_start(&all->hosts[2]);
    hosts_run(all, LONG_MS);
    cr_expect_eq(n_alive(&all->hosts[0]), 2, "with the old secret it is out");
    cr_expect_gt(all->hosts[0].n_unopened, 0);
    host_stop(&all->hosts[2]);
    all->hosts[2].options.keys = keyring_of(&next); /* its operator copies the file */
    host_start(&all->hosts[2]);
    hosts_run(all, LONG_MS);
    for (unsigned i = 0; i < 3; i++)
        cr_expect_eq(n_alive(&all->hosts[i]), 3);
    hosts_free(all);
}

Test(keys, of_a_node_alone_change_too)
{
    struct hosts *all = sealed_hosts(1);
    rotate(&all->hosts[0], 1, false);
    hosts_run(all, LONG_MS);
    cr_expect(has_next_alone(&all->hosts[0]));
    cr_expect_not(has_record(&all->hosts[0]));
    hosts_free(all);
}

Test(keys, of_a_node_without_any_cannot_be_changed)
{
    struct hosts *all = hosts_settled(1);
    rotate(&all->hosts[0], 1, false);
    cr_expect_eq(host_done(&all->hosts[0], 1)->result.code, ERR_INVALID);
    hosts_free(all);
}
