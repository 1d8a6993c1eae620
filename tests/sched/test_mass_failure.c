/* The mass-failure hold: how many deaths at once make a node doubt itself. */
#include <criterion/criterion.h>

#include "sched/mass_failure.h"

enum { START_MS = 1000000 };

struct row {
    size_t n_members, n_deaths; /* members before, self included */
    uint64_t apart_ms;          /* between two deaths */
    bool is_on;
};

static const struct row rows[] = {
    {1, 0, 0, false},      {2, 1, 0, false}, /* half of two is no majority: the other
                                                takes over */
    {3, 1, 0, false},      {3, 2, 0, true},      {4, 2, 0, false},
    {4, 3, 0, true},       {5, 2, 0, false},     {5, 3, 0, true},
    {5, 4, 0, true},       {100, 50, 0, false},  {100, 51, 0, true},
    {1000, 500, 0, false}, {1000, 501, 0, true}, /* more than the ring remembers */
    {5, 4, 7000, true},   /* three within one window, of the four that are left then */
    {5, 4, 8000, true},   /* the last two, of three */
    {5, 4, 16000, false}, /* one by one */
};

Test(mass_failure, begins_when_more_than_half_vanish_within_one_window)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        struct mass_failure h;
        uint64_t now_ms = START_MS;
        mass_failure_init(&h, MASS_FAILURE_DEFAULT_MS);
        cr_assert_not(mass_failure_is_on(&h, now_ms));
        for (size_t k = 0; k < row->n_deaths; k++) {
            now_ms += k ? row->apart_ms : 0;
            mass_failure_death(&h, now_ms, row->n_members - k - 1, k + 1, false);
        }
        cr_assert_eq(mass_failure_is_on(&h, now_ms), row->is_on,
                     "%zu of %zu, %llu ms apart", row->n_deaths, row->n_members,
                     (unsigned long long)row->apart_ms);
    }
}

Test(mass_failure, ends_by_itself_after_its_time)
{
    struct mass_failure h;
    mass_failure_init(&h, 5000);
    cr_assert_eq(mass_failure_deadline_ms(&h), UINT64_MAX);
    mass_failure_death(&h, START_MS, 2, 1, false);
    cr_assert_eq(mass_failure_deadline_ms(&h), START_MS + 5000);
    mass_failure_death(&h, START_MS, 1, 2, false);
    cr_assert_eq(mass_failure_deadline_ms(&h), START_MS + 5000);
    cr_assert(mass_failure_is_on(&h, START_MS + 4999));
    cr_assert_not(mass_failure_is_on(&h, START_MS + 5000));
}

Test(mass_failure, is_prolonged_by_further_deaths)
{
    struct mass_failure h;
    mass_failure_init(&h, 5000);
    for (size_t left = 4; left > 1; left--)
        mass_failure_death(&h, START_MS, left, 5 - left, false);
    mass_failure_death(&h, START_MS + 3000, 1, 4, false);
    cr_assert_eq(mass_failure_deadline_ms(&h), START_MS + 8000);
}

Test(mass_failure, ends_at_once_when_half_are_back_and_has_forgotten_the_deaths)
{
    struct mass_failure h;
    mass_failure_init(&h, 5000);
    for (size_t left = 4; left > 0; left--)
        mass_failure_death(&h, START_MS, left, 5 - left, false);
    mass_failure_return(&h, START_MS + 10, 2, 3);
    cr_assert(mass_failure_is_on(&h, START_MS + 10), "three of five are missing");
    mass_failure_return(&h, START_MS + 20, 3, 2);
    cr_assert_not(mass_failure_is_on(&h, START_MS + 20));
    mass_failure_death(&h, START_MS + 30, 2, 3, false);
    cr_assert_not(mass_failure_is_on(&h, START_MS + 30), "what came back did not die");
}

Test(mass_failure, a_return_without_a_hold_forgets_no_deaths)
{
    struct mass_failure h;
    mass_failure_init(&h, 5000);
    mass_failure_death(&h, START_MS, 4, 1, false);
    mass_failure_death(&h, START_MS, 3, 2, false);
    mass_failure_return(&h, START_MS + 10, 4, 1);
    mass_failure_death(&h, START_MS + 20, 3, 2, false);
    mass_failure_death(&h, START_MS + 20, 2, 3, false);
    cr_assert(mass_failure_is_on(&h, START_MS + 20));
}

/* A host that is restarted again and again is one host. */
Test(mass_failure, one_member_that_dies_again_is_no_second_one)
{
    for (size_t n_members = 2; n_members < 5; n_members++) {
        struct mass_failure h;
        uint64_t now_ms = START_MS;
        mass_failure_init(&h, 5000);
        for (int i = 0; i < 6; i++, now_ms += 2000) {
            mass_failure_death(&h, now_ms, n_members - 1, 1, false);
            cr_assert_not(mass_failure_is_on(&h, now_ms), "of %zu", n_members);
            mass_failure_return(&h, now_ms + 1000, n_members, 0);
        }
    }
}

Test(mass_failure, a_death_heard_of_in_silence_is_doubted)
{
    struct mass_failure h;
    mass_failure_init(&h, 5000);
    mass_failure_death(&h, START_MS, 9, 1, true);
    cr_assert(mass_failure_is_on(&h, START_MS));
    mass_failure_death(&h, START_MS + 4000, 8, 2, true);
    cr_assert_eq(mass_failure_deadline_ms(&h), START_MS + 9000);
}

Test(mass_failure, waking_up_without_most_of_the_others_begins_one)
{
    for (size_t n_live = 1; n_live < 6; n_live++) {
        for (size_t n_dead = 0; n_dead < 6; n_dead++) {
            struct mass_failure h;
            mass_failure_init(&h, 5000);
            mass_failure_wake(&h, START_MS, n_live, n_dead);
            cr_assert_eq(mass_failure_is_on(&h, START_MS), n_dead > n_live,
                         "%zu live, %zu dead", n_live, n_dead);
        }
    }
}

Test(mass_failure, a_long_trickle_of_deaths_is_not_one_failure)
{
    struct mass_failure h;
    uint64_t now_ms = START_MS;
    mass_failure_init(&h, 5000);
    for (size_t left = 9000; left > 2000; left--, now_ms += 200) {
        mass_failure_death(&h, now_ms, left, 9001 - left, false);
        cr_assert_not(mass_failure_is_on(&h, now_ms), "%zu left", left);
    }
}

/* The first death of many looks like the only one, so the others are asked. */
Test(mass_failure, after_a_death_the_answers_of_the_others_tell_whether_most_are_there)
{
    static const struct {
        size_t n_live, n_asked, n_missed;
        bool is_answered;
    } cases[] = {
        {6, 5, 5, false},  {6, 5, 3, false},   {6, 5, 2, true}, {6, 5, 0, true},
        {2, 1, 1, false},  {2, 1, 0, true},    {1, 0, 0, true}, /* nobody else to ask */
        {99, 16, 8, true}, {99, 16, 9, false}, /* 56 of 100 by what the sample says */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mass_failure h;
        mass_failure_init(&h, 5000);
        mass_failure_death(&h, START_MS, cases[i].n_live, 1, false);
        cr_assert(mass_failure_is_asking(&h, START_MS));
        cr_assert_not(mass_failure_is_on(&h, START_MS),
                      "it is not said yet that many have failed");
        cr_assert_eq(mass_failure_census(&h, START_MS + 10, cases[i].n_live, 1,
                                         cases[i].n_asked, cases[i].n_missed),
                     cases[i].is_answered, "case %zu", i);
        cr_assert_neq(mass_failure_is_asking(&h, START_MS + 10), cases[i].is_answered,
                      "case %zu", i);
        cr_assert_not(mass_failure_is_asking(&h, START_MS + 5000), "not for ever");
    }
}

Test(mass_failure, an_answered_question_is_not_asked_again_within_a_second)
{
    struct mass_failure h;
    mass_failure_init(&h, 5000);
    mass_failure_death(&h, START_MS, 9, 1, false);
    cr_assert(mass_failure_census(&h, START_MS + 10, 9, 1, 8, 0));
    mass_failure_death(&h, START_MS + 500, 8, 2, false);
    cr_assert_not(mass_failure_is_asking(&h, START_MS + 500));
    mass_failure_death(&h, START_MS + 1500, 7, 3, false);
    cr_assert(mass_failure_is_asking(&h, START_MS + 1500));
    cr_assert_eq(mass_failure_deadline_ms(&h), START_MS + 6500);
}
