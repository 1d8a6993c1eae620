/* Graves at one machine: who is let go and when, what a grave covers, and 400 days of hosts that come and go. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "gossip/spread/collect.h"
#include "gossip/spread/entries.h"
#include "gossip/spread/grave.h"
#include "gossip/spread/water.h"
#include "tests/gossip/world.h"

enum { LAG_MS = 1400 };

struct fixture {
    struct gossip_profile profile;
    struct gossip *g;
    struct gossip_effects fx;
    uint64_t now_ms;
};

static void init(struct fixture *f)
{
    *f = (struct fixture){.profile = gossip_profile_lan, .now_ms = 1000};
    struct gossip_options options = {.id = {{1}},
                                     .name = "self",
                                     .endpoint = {4, {127, 0, 0, 1}, 7780},
                                     .profile = &f->profile,
                                     .epoch = 5,
                                     .seed = 7};
    f->g = gossip_new(&options, 0);
    gossip_effects_init(&f->fx);
    gossip_join(f->g, 0, NULL, 0, &f->fx);
    cr_assert(f->g->is_ready);
}

static void fini(struct fixture *f)
{
    gossip_effects_fini(&f->fx);
    gossip_free(f->g);
}

static struct node_id former(size_t i)
{
    return (struct node_id){{(uint8_t)(2 + i % 200), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
}

/* It came, wrote its row, made and deleted something, went, and is forgotten; its row with it. */
static void come_and_go(struct fixture *f, size_t i)
{
    char key[KEY_LEN_MAX], forget[KEY_LEN_MAX], id[NODE_ID_TEXT];
    (void)snprintf(key, sizeof(key), "var/default/%zu", i % 1000);
    (void)snprintf(forget, sizeof(forget), "forget/%s", node_id_text(former(i), id));
    struct message_entry e = {
        .key = bytes_of_text(key), .number = 3, .generation = 2 + i, .stamp = 1};
    struct message_range range = {former(i), 9, 0, 3, &e, 1, 1, 0};
    cr_assert_gt(entries_hear(f->g, f->now_ms, &range, false, &f->fx), 0);
    cr_assert_eq(entries_write(f->g, f->now_ms, bytes_of_text(forget), bytes_of_text("1"), NULL,
                               &f->fx),
                 0);
}

static void look(struct fixture *f, unsigned times)
{
    for (unsigned n = 0; n < times; n++) {
        f->now_ms += f->profile.collect_lag_ms;
        collect_tick(f->g, f->now_ms, &f->fx);
        collect_run(f->g, &f->fx);
        gossip_effects_clear(&f->fx);
        arena_clear(&f->g->scratch);
        batch_drop(&f->g->batch);
    }
}

Test(grave, of_400_days_of_100_new_hosts_a_day_no_writer_is_left, .timeout = 120)
{
    enum { DAYS = 400, HOSTS_A_DAY = 100 };
    struct fixture f;
    size_t most = 0;
    init(&f);
    for (size_t day = 0; day < DAYS; day++) {
        for (size_t i = 0; i < HOSTS_A_DAY; i++)
            come_and_go(&f, day * HOSTS_A_DAY + i);
        look(&f, 4);
        most = f.g->seen.n > most ? f.g->seen.n : most;
    }
    look(&f, 2);
    cr_expect_eq(f.g->seen.n, 1, "%zu lines: its own is left", f.g->seen.n);
    cr_expect_leq(most, 2 * HOSTS_A_DAY, "%zu lines", most);
    cr_expect_leq(table_size(gossip_table(f.g)), DAYS * HOSTS_A_DAY + 1, "%zu entries: a grave for each",
                  table_size(gossip_table(f.g)));
    fini(&f);
}

Test(grave, a_backlog_of_9000_is_gone_within_half_a_day)
{
    struct fixture f;
    init(&f);
    for (size_t i = 0; i < 9000; i++)
        come_and_go(&f, i);
    cr_assert_eq(f.g->seen.n, 9001);
    look(&f, 12 * 6 + 1);
    cr_expect_eq(f.g->seen.n, 1, "%zu", f.g->seen.n);
    fini(&f);
}

static bool is_buried(const struct fixture *f, size_t i, uint64_t *ret_number)
{
    struct grave grave;
    if (!grave_of(f->g, former(i), &grave))
        return false;
    *ret_number = grave.line.number;
    return true;
}

Test(grave, nothing_of_a_writer_may_come_between_two_looks)
{
    struct fixture f;
    uint64_t number = 0;
    init(&f);
    come_and_go(&f, 0);
    look(&f, 1);
    cr_assert_not(is_buried(&f, 0, &number));
    struct message_entry e = {.key = bytes_of_text("var/late"), .number = 4, .generation = 1, .stamp = 1};
    struct message_range range = {former(0), 9, 3, 4, &e, 1, 0, 0};
    cr_assert_gt(entries_hear(f.g, f.now_ms, &range, false, &f.fx), 0);
    look(&f, 1);
    cr_assert_not(is_buried(&f, 0, &number), "it had more to say");
    look(&f, 1);
    cr_assert(is_buried(&f, 0, &number));
    cr_expect_eq(number, 4);
    fini(&f);
}

static void hear_grave(struct fixture *f, size_t i, const char *value)
{
    char key[KEY_LEN_MAX], id[NODE_ID_TEXT];
    (void)snprintf(key, sizeof(key), "grave/%s", node_id_text(former(i), id));
    struct message_entry e = {.key = bytes_of_text(key), .value = bytes_of_text(value), .number = 3};
    struct message_range range = {former(i), 9, 0, 0, &e, 1, 0, 0};
    (void)entries_hear(f->g, f->now_ms, &range, false, &f->fx);
}

Test(grave, who_missed_what_is_under_graves_is_cleaned_by_who_has_the_same_and_is_not_stale)
{
    struct fixture f;
    init(&f);
    hear_grave(&f, 0, "1 2 0 0 0 0 0 0 0 0");
    cr_assert(water_is_stale(f.g));
    struct node_id peer = former(7);
    struct stream s = {.peer = peer, .graves = f.g->table.graves};
    cr_expect(water_can_clean(f.g, &s));
    cr_expect(water_is_clean_peer(f.g, &s));
    s.stale = &peer;
    s.n_stale = 1;
    cr_expect_not(water_can_clean(f.g, &s), "it says that it is stale itself");
    s.n_stale = 0;
    s.graves ^= 1;
    cr_expect_not(water_can_clean(f.g, &s), "it may not know of all");
    cr_expect_not(water_is_clean_peer(f.g, &s));
    fini(&f);
}

Test(grave, what_a_grave_covers_is_refused_and_what_it_does_not_is_news)
{
    struct fixture f;
    init(&f);
    hear_grave(&f, 0, "1 2 5 7 0 0 0 0 0 0");
    cr_assert_null(seen_find(&f.g->seen, former(0)));
    const struct {
        uint64_t epoch, number;
        bool is_news;
    } rows[] = {{9, 3, false}, {9, 4, true}, {5, 7, false}, {5, 8, true}, {6, 1, true}, {10, 1, true}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "var/%zu", i);
        struct message_entry e = {bytes_of_text(key), bytes_of_text("x"), rows[i].number, 1, 1};
        struct message_range range = {former(0), rows[i].epoch, 0, 0, &e, 1, 0, 0};
        /* It is not stale in any bucket any more, and neither is who says it. */
        memset(f.g->collect.stale, 0, sizeof(f.g->collect.stale));
        cr_expect_eq(entries_hear(f.g, f.now_ms, &range, false, &f.fx) > 0, rows[i].is_news, "row %zu", i);
    }
    fini(&f);
}

Test(grave, other_lines_take_part_of_a_comparison_as_their_graves_say)
{
    struct fixture f;
    init(&f);
    hear_grave(&f, 0, "1 2 5 7 0 0 0 0 0 0");
    struct stream s = {.graves = f.g->table.graves};
    struct seen_number theirs = grave_their_seen(f.g, &s, former(0));
    cr_expect(theirs.epoch == 9 && theirs.number == 3 && theirs.before_epoch == 5);
    s.graves ^= 1;
    cr_expect_eq(grave_their_seen(f.g, &s, former(0)).number, 0, "it may never have heard of it");
    struct seen_number line = {.writer = former(0), .epoch = 11, .number = 1};
    s.theirs = &line;
    s.n_theirs = 1;
    cr_expect_eq(grave_their_seen(f.g, &s, former(0)).epoch, 11);
    fini(&f);
}

/* They are in no range: a joiner has them by what still differs. */
Test(grave, a_joiner_has_3000_graves_within_ten_seconds, .timeout = 120)
{
    enum { GRAVES = 3000 };
    struct gossip_profile profile = gossip_profile_lan;
    profile.collect_lag_ms = LAG_MS;
    struct world *w = world_new(2, 30, &profile);
    struct fixture f = {.profile = profile};
    world_start(w, 0, NULL, 0);
    world_run(w, 1000);
    f.g = w->nodes[0].gossip;
    gossip_effects_init(&f.fx);
    for (size_t i = 0; i < GRAVES; i++)
        come_and_go(&f, i);
    gossip_effects_fini(&f.fx);
    world_run(w, 60 * LAG_MS);
    cr_assert_leq(f.g->seen.n, 2);
    world_start(w, 1, (size_t[]){0}, 1);
    uint64_t took = world_until(w, world_is_equal, 60000);
    cr_expect_leq(took, 10000, "%d ms", (int)took);
    cr_expect_eq(w->nodes[1].gossip->seen.n, w->nodes[0].gossip->seen.n + 1);
    world_run(w, 60000);
    cr_expect_not(water_is_stale(w->nodes[1].gossip));
    world_free(w);
}

/* ---- rows ---- */

Test(grave, a_row_that_nobody_can_have_written_says_nothing)
{
    static const char *const values[] = {"", "1", "1 2 3 4 5 6 7 8 9 10 11", "x 2 0 0 0 0 0 0 0 0",
                                         "1073741823 2 0 0 0 0 0 0 0 0",
                                         "1 99999999999999 0 0 0 0 0 0 0 0",
                                         "1 2 9 4 0 0 0 0 0 0", "1 2 8 4 0 0 0 0 0 0"};
    size_t n = sizeof(values) / sizeof(values[0]);
    for (size_t i = 0; i < n; i++) {
        struct fixture f;
        char key[KEY_LEN_MAX], id[NODE_ID_TEXT];
        init(&f);
        (void)snprintf(key, sizeof(key), "grave/%s", node_id_text(former(0), id));
        struct message_entry e = {
            .key = bytes_of_text(key), .value = bytes_of_text(values[i]), .number = 3};
        struct message_range range = {former(0), 9, 0, 0, &e, 1, 0, 0};
        (void)entries_hear(f.g, f.now_ms, &range, false, &f.fx);
        struct grave grave;
        cr_expect_eq(grave_of(f.g, former(0), &grave), i == n - 1, "'%s'", values[i]);
        cr_expect_eq(water_is_stale(f.g), i == n - 1, "'%s'", values[i]);
        fini(&f);
    }
}
