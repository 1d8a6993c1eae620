/* Low waters, one machine at a time: who may publish one, and when; who is cleaned by whom; what is
 * not taken or told because of them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "gossip/gossip.h"
#include "gossip/spread/collect.h"
#include "gossip/spread/entries.h"
#include "gossip/detect/news.h"
#include "gossip/table/stored.h"
#include "gossip/spread/tell.h"
#include "gossip/spread/water.h"

enum { LAG_MS = 1000, PEERS = 2 };

struct fixture {
    struct gossip_profile profile;
    struct gossip *g;
    struct gossip_effects fx;
};

static struct node_id id_of(uint8_t i)
{
    return (struct node_id){{i, 1}};
}

static struct peer *peer_of(const struct fixture *f, uint8_t i)
{
    return members_peer(&f->g->members, id_of(i));
}

static void hear(struct fixture *f, uint8_t i, enum member_state state,
                 uint32_t incarnation)
{
    struct message_member m = {.id = id_of(i),
                               .name = "somebody",
                               .endpoint = {4, {127, 0, 0, i}, 7780},
                               .state = state,
                               .incarnation = incarnation};
    news_hear(f->g, 500, &m, NEWS_RUMOR, &f->fx);
}

static void init(struct fixture *f)
{
    *f = (struct fixture){.profile = gossip_profile_lan};
    f->profile.collect_lag_ms = LAG_MS;
    struct gossip_options options = {.id = id_of(1),
                                     .name = "self",
                                     .endpoint = {4, {127, 0, 0, 1}, 7780},
                                     .profile = &f->profile,
                                     .epoch = 5,
                                     .seed = 7};
    f->g = gossip_new(&options, 0);
    gossip_effects_init(&f->fx);
    gossip_join(f->g, 0, NULL, 0, &f->fx);
    cr_assert(f->g->is_ready);
    for (uint8_t i = 2; i < 2 + PEERS; i++)
        hear(f, i, MEMBER_ALIVE, 1);
}

static void fini(struct fixture *f)
{
    gossip_effects_fini(&f->fx);
    gossip_free(f->g);
}

/* NULL deletes. */
static void write(struct fixture *f, const char *key, const char *value)
{
    struct bytes v = value ? bytes_of_text(value) : (struct bytes){0};
    cr_assert_eq(gossip_publish(f->g, 500, 500, bytes_of_text(key), v, NULL, &f->fx), 0);
}

/* This member says how much of ours it has. */
static void say(struct fixture *f, uint8_t i, uint64_t number)
{
    struct heard *heard = peer_hear(peer_of(f, i));
    heard->at_ms = 500;
    heard->same_ms = UINT64_MAX; /* and that it has seen all else that we have */
    heard->known_epoch = gossip_epoch(f->g);
    heard->known_number = number;
    heard->known_incarnation = peer_of(f, i)->member.incarnation;
}

static void all_say(struct fixture *f, uint64_t number)
{
    for (uint8_t i = 2; i < 2 + PEERS; i++)
        say(f, i, number);
}

/* The n-th look at what all have seen, and what is published then. */
static uint64_t look(struct fixture *f, uint64_t n)
{
    collect_tick(f->g, n * LAG_MS, &f->fx);
    return water_of(f->g, gossip_id(f->g)).number;
}

/* One variable made and removed, everywhere: numbers 1 and 2. */
static void delete_one(struct fixture *f)
{
    write(f, "var/a", "x");
    write(f, "var/a", NULL);
    all_say(f, 2);
}

Test(low_water, a_deletion_is_covered_a_lag_after_all_have_it_and_no_sooner)
{
    struct fixture f;
    init(&f);
    write(&f, "var/a", "x");
    all_say(&f, 1);
    cr_assert_eq(look(&f, 1), 0);
    write(&f, "var/a", NULL);
    all_say(&f, 2);
    cr_assert_eq(look(&f, 2), 0, "what is on its way has not arrived yet");
    cr_assert_eq(look(&f, 3), 2);
    fini(&f);
}

Test(low_water, who_came_back_and_has_not_spoken_is_not_taken_to_have_what_it_had)
{
    struct fixture f;
    init(&f);
    delete_one(&f);
    hear(&f, 2, MEMBER_ALIVE, 2);
    for (uint64_t n = 1; n < 5; n++)
        cr_assert_eq(look(&f, n), 0);
    say(&f, 2, 1);
    for (uint64_t n = 5; n < 8; n++)
        cr_assert_eq(look(&f, n), 0, "it has lost something");
    say(&f, 2, 2);
    (void)look(&f, 8);
    cr_assert_eq(look(&f, 9), 2);
    fini(&f);
}

Test(low_water, a_deletion_stays_until_all_have_seen_what_it_may_have_deleted_or_long_enough)
{
    enum { PATIENCE_LAGS = 60 };
    for (unsigned comes_back = 0; comes_back < 2; comes_back++) {
        struct fixture f;
        init(&f);
        f.g->profile.collect_hold_ms = 20 * LAG_MS;
        delete_one(&f);
        cr_assert_eq(look(&f, 1), 0);
        /* One has not shown what we have since that look. */
        peer_hear(peer_of(&f, 2))->same_ms = LAG_MS - 1;
        for (uint64_t n = 2; n < 20; n++)
            cr_assert_eq(look(&f, n), 0, "look %d", (int)n);
        if (comes_back)
            peer_hear(peer_of(&f, 2))->same_ms = LAG_MS;
        cr_assert_eq(look(&f, 20), comes_back ? 2 : 0);
        (void)look(&f, PATIENCE_LAGS);
        cr_assert_eq(look(&f, PATIENCE_LAGS + 1), 2, "where all write all the time none may ever show it");
        fini(&f);
    }
}

Test(low_water, the_stale_publish_none)
{
    struct fixture f;
    init(&f);
    delete_one(&f);
    f.g->collect.stale[1] = 1;
    for (uint64_t n = 1; n < 5; n++)
        cr_assert_eq(look(&f, n), 0);
    f.g->collect.stale[1] = 0;
    cr_assert_eq(look(&f, 5), 2);
    fini(&f);
}

static void restore(struct fixture *f, const uint8_t *key, size_t len, uint64_t a,
                    uint64_t b)
{
    struct arena arena;
    arena_init(&arena, 0);
    cr_assert_eq(gossip_restore(f->g, STORE_LOCAL, (struct bytes){key, len},
                                stored_number_encode(a, b, &arena)),
                 0);
    arena_fini(&arena);
}

Test(low_water, who_is_stale_is_so_after_a_restart)
{
    static const uint8_t buckets[] = "stale/",
                         writer[6 + 16] = {'s', 't', 'a', 'l', 'e', '/', 2, 1};
    struct fixture f;
    init(&f);
    restore(&f, writer, sizeof(writer), 0, 0);
    cr_assert_not(water_is_stale(f.g));
    restore(&f, buckets, sizeof(buckets) - 1, 2, 0);
    for (uint32_t i = 0; i < TABLE_BUCKETS; i++)
        cr_expect_eq(water_is_stale_bucket(f.g, i), i == 1, "bucket %u", (unsigned)i);
    cr_assert(f.g->seen.spans[seen_at_least(&f.g->seen, id_of(2))].is_stale);
    fini(&f);
}

/* ---- who cleans ---- */

enum { EPOCH = 9, LOW = 10, ROW = 20 };

/* Member 2's low water, of which we have seen nothing yet: we are stale. */
static void hear_water(struct fixture *f)
{
    char key[KEY_LEN_MAX], id[NODE_ID_TEXT];
    (void)snprintf(key, sizeof(key), "water/%s", node_id_text(id_of(2), id));
    struct message_entry row = {
        .key = bytes_of_text(key), .value = bytes_of_text("10 1"), .number = ROW};
    struct message_range range = {.writer = id_of(2),
                                  .epoch = EPOCH,
                                  .through = ROW,
                                  .entries = &row,
                                  .n_entries = 1};
    cr_assert_gt(entries_hear(f->g, 500, &range, false, &f->fx), 0);
    cr_assert_eq(water_of(f->g, id_of(2)).number, LOW);
    cr_assert(water_is_stale(f->g));
}

Test(low_water, a_bucket_is_cleaned_by_who_missed_none_of_those_deletions)
{
    const struct {
        struct seen_number seen;
        bool is_stale, cleans;
    } rows[] = {
        {{id_of(2), EPOCH, LOW, 0, 0, {{0}}}, false, true},
        {{id_of(2), EPOCH, LOW - 1, 0, 0, {{0}}}, false, false},
        {{id_of(2), EPOCH - 1, LOW + 5, 0, 0, {{0}}}, false, false},
        {{id_of(3), EPOCH, LOW, 0, 0, {{0}}}, false, false},
        {{id_of(2), EPOCH, LOW, 0, 0, {{0}}}, true, false},
    };
    struct fixture f;
    init(&f);
    hear_water(&f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct seen_number seen = rows[i].seen;
        struct node_id stale = id_of(2);
        struct stream s = {
            .theirs = &seen, .n_theirs = 1, .stale = &stale, .n_stale = rows[i].is_stale};
        cr_expect_eq(water_can_clean(f.g, &s), rows[i].cleans, "row %zu", i);
    }
    fini(&f);
}

/* The others have greeted: of this writer's deletions they know as little as we do. */
static void greet(struct fixture *f, uint8_t peer, bool has_missed)
{
    struct seen_number seen = {.writer = id_of(2), .epoch = EPOCH, .number = has_missed ? LOW - 1 : LOW};
    struct stream s = {.peer = id_of(peer), .theirs = &seen, .n_theirs = 1};
    water_hear_greeting(f->g, &s);
}

Test(low_water, who_is_stale_ceases_to_be_when_nobody_is_left_who_knows_and_no_sooner)
{
    struct fixture f;
    init(&f);
    hear_water(&f);
    water_give_up(f.g, &f.fx);
    cr_expect(water_is_stale(f.g), "nobody has greeted yet");
    greet(&f, 2, true);
    water_give_up(f.g, &f.fx);
    cr_expect(water_is_stale(f.g), "the other one may know");
    greet(&f, 3, false);
    water_give_up(f.g, &f.fx);
    cr_expect(water_is_stale(f.g), "it knows");
    greet(&f, 3, true);
    f.g->collect.n_marks++; /* we have missed more meanwhile: it was not asked of that */
    water_give_up(f.g, &f.fx);
    cr_expect(water_is_stale(f.g));
    greet(&f, 2, true);
    greet(&f, 3, true);
    water_give_up(f.g, &f.fx);
    cr_expect_not(water_is_stale(f.g));
    cr_expect_not(f.g->seen.spans[seen_at_least(&f.g->seen, id_of(2))].is_stale);
    fini(&f);
}

/* ---- what is neither taken nor told ---- */

Test(low_water, rows_of_who_was_forgotten_are_not_taken_before_it_shows_itself_again)
{
    struct fixture f;
    char key[KEY_LEN_MAX], id[NODE_ID_TEXT];
    (void)snprintf(key, sizeof(key), "node/%s", node_id_text(id_of(2), id));
    struct message_entry row = {
        .key = bytes_of_text(key), .value = bytes_of_text("x"), .number = 1};
    struct message_range range = {.writer = id_of(2),
                                  .epoch = EPOCH,
                                  .through = 1,
                                  .entries = &row,
                                  .n_entries = 1};
    init(&f);
    hear(&f, 2, MEMBER_DEAD, 1);
    cr_assert_eq(gossip_forget(f.g, 500, id_of(2), &f.fx), 0);
    hear(&f, 2, MEMBER_DEAD, 1);
    cr_assert_null(peer_of(&f, 2), "that is no news any more");
    (void)entries_hear(f.g, 500, &range, false, &f.fx);
    cr_assert_null(table_get(gossip_table(f.g), row.key));
    hear(&f, 2, MEMBER_ALIVE, 2);
    range.through = row.number = 2;
    (void)entries_hear(f.g, 500, &range, false, &f.fx);
    cr_assert_not_null(table_get(gossip_table(f.g), row.key));
    fini(&f);
}

Test(low_water, a_push_from_below_it_is_left_to_a_comparison)
{
    struct fixture f;
    init(&f);
    delete_one(&f);
    (void)look(&f, 1);
    cr_assert_eq(look(&f, 2), 2);
    for (uint64_t after = 0; after < 4; after++) {
        struct push_range range = {.writer = gossip_id(f.g),
                                   .epoch = gossip_epoch(f.g),
                                   .after = after,
                                   .through = f.g->number};
        cr_expect_eq(tell_measure(f.g, &range).is_too_large, after < 2, "after %u",
                     (unsigned)after);
    }
    fini(&f);
}
