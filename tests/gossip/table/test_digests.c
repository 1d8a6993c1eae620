#include <criterion/criterion.h>

#include "gossip/table/digests.h"

Test(digests, a_former_one_is_known_for_five_seconds_and_not_while_it_is_our_own_again)
{
    struct digests d = {0};
    digests_move(&d, 1000, 7);
    digests_move(&d, 2000, 8);
    cr_expect(digests_is_former(&d, 2000, 7));
    cr_expect(digests_is_former(&d, 7000, 7));
    cr_expect_not(digests_is_former(&d, 7001, 7));
    cr_expect_not(digests_is_former(&d, 2000, 9));
    digests_move(&d, 9000, 7);
    cr_expect_not(digests_is_former(&d, 9000, 7));
    cr_expect(digests_is_former(&d, 9000, 8));
    digests_move(&d, 9500, 9);
    cr_expect(digests_is_former(&d, 14000, 7), "it counts from the last time");
}

Test(digests, the_last_64_are_kept)
{
    struct digests d = {0};
    for (uint64_t i = 1; i <= 66; i++)
        digests_move(&d, 1000, i);
    cr_expect_not(digests_is_former(&d, 1000, 1));
    cr_expect(digests_is_former(&d, 1000, 2));
    cr_expect(digests_is_former(&d, 1000, 65));
}

Test(digests, a_foreign_one_is_dated_from_its_first_showing_unless_it_was_ours_since)
{
    struct digests d = {0};
    cr_expect_eq(digests_show(&d, 1000, 7), 1000);
    cr_expect_eq(digests_show(&d, 1300, 7), 1000);
    digests_move(&d, 1400, 7);
    digests_move(&d, 1500, 8);
    cr_expect_eq(digests_show(&d, 1600, 7), 1600);
}
