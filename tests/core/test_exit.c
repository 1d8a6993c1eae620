/* What is said of an end. */
#include "core/exit.h"

#include <criterion/criterion.h>

static const struct {
    struct exit_fact fact;
    const char *words;
    int32_t status;
} rows[] = {
    {{EXIT_BY_CODE, .number = 0}, "exited with 0", 0},
    {{EXIT_BY_CODE, .number = 137}, "exited with 137", 137},
    {{EXIT_BY_SIGNAL, .number = 9}, "killed by signal 9 (KILL)", 137},
    {{EXIT_BY_SIGNAL, .number = 10}, "killed by signal 10 (USR1)", 138},
    {{EXIT_BY_SIGNAL, .number = 40}, "killed by signal 40", 168},
    {{EXIT_LOST, .number = 0}, "lost: its shim was killed", 137},
    {{EXIT_LOST, .is_host = true}, "lost: its host went down", 137},
    {{EXIT_NEVER, .number = 0},
     "never started: its agent or shim was killed before",
     137},
};

Test(exit, says_code_and_signal_apart_and_makes_nothing_up)
{
    char words[80];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_expect_str_eq(exit_words(&rows[i].fact, words, sizeof(words)), rows[i].words);
        cr_expect_eq(exit_status(&rows[i].fact), rows[i].status);
        cr_expect_eq(exit_is_success(&rows[i].fact), i == 0);
    }
}

Test(exit, comes_back_from_one_number)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (uint32_t notes = 0; notes < 16; notes++) {
            struct exit_fact fact = rows[i].fact;
            exit_take_notes(&fact, notes);
            struct exit_fact back = exit_unpack(exit_pack(&fact));
            cr_expect(back.kind == fact.kind && back.number == fact.number &&
                      exit_notes(&back) == notes);
        }
    cr_expect_eq(exit_unpack(200).kind, EXIT_LOST, "a kind of a later release");
}

Test(exit, a_status_of_0_1_0_is_taken_for_what_it_says)
{
    cr_expect_eq(exit_of_status(3, false).kind, EXIT_BY_CODE);
    cr_expect_eq(exit_of_status(137, true).number, 9);
    cr_expect(exit_of_status(137, true).is_oom);
    cr_expect_eq(exit_of_status(255, false).number, 255);
}
