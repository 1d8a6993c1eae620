/* The oldest line first, whoever has it; nobody is waited for who cannot have an older one. */
#include "agent/log_merge.h"

#include <criterion/criterion.h>

Test(log_merge, the_oldest_head_is_next_and_so_up_to_the_second)
{
    struct log_rank ranks[] = {{.has_head = true, .head_unix_ms = 20},
                               {.has_head = true, .head_unix_ms = 10},
                               {.is_done = true}};
    uint64_t until;
    bool waits;
    cr_expect_eq(log_merge_next(ranks, 3, false, &until, &waits), 1);
    cr_expect(until == 20 && !waits);
    ranks[1] = (struct log_rank){.is_done = true};
    cr_expect_eq(log_merge_next(ranks, 3, false, &until, &waits), 0);
    cr_expect(until == UINT64_MAX && !waits);
    ranks[0] = ranks[1];
    cr_expect_eq(log_merge_next(ranks, 3, false, &until, &waits), LOG_MERGE_NONE);
    cr_expect(!waits);
    cr_expect_eq(log_merge_next(ranks, 0, false, &until, &waits), LOG_MERGE_NONE);
}

Test(log_merge, a_source_without_a_head_is_waited_for_unless_it_can_have_nothing_older)
{
    struct log_rank ranks[] = {{.has_head = true, .head_unix_ms = 20},
                               {.upto_unix_ms = 15}};
    uint64_t until;
    bool waits;
    cr_expect_eq(log_merge_next(ranks, 2, false, &until, &waits), LOG_MERGE_NONE);
    cr_expect(waits);
    cr_expect_eq(log_merge_next(ranks, 2, true, &until, &waits), 0);
    cr_expect(!waits && until == UINT64_MAX);
    ranks[1].upto_unix_ms = 30;
    cr_expect_eq(log_merge_next(ranks, 2, false, &until, &waits), 0);
    cr_expect(!waits && until == 30);
}

Test(log_merge, of_lines_of_one_time_the_smaller_tie_is_next_wherever_it_stands)
{
    struct log_rank ranks[] = {{.has_head = true, .head_unix_ms = 7, .tie = 5},
                               {.has_head = true, .head_unix_ms = 7, .tie = 4},
                               {.has_head = true, .head_unix_ms = 7, .tie = 6}};
    uint64_t until;
    bool waits;
    cr_expect_eq(log_merge_next(ranks, 3, false, &until, &waits), 1);
    cr_expect_eq(until, 7);
    ranks[1].tie = 9;
    cr_expect_eq(log_merge_next(ranks, 3, false, &until, &waits), 0);
}
