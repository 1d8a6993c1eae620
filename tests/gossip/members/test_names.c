/* One text, many that refer to it. */
#include "gossip/members/names.h"

#include <criterion/criterion.h>
#include <stdio.h>

Test(names, equal_texts_are_one_until_the_last_reference_is_dropped)
{
    struct names names;
    char text[16];
    const char *taken[200];
    names_init(&names);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 200; i++) {
            (void)snprintf(text, sizeof(text), "n%zu", i);
            const char *again = names_take(&names, text);
            cr_assert(round == 0 || again == taken[i]);
            cr_assert_str_eq(again, text);
            taken[i] = again;
        }
        cr_assert_eq(names.n, 200);
    }
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 200; i++)
            names_drop(&names, taken[i]);
        cr_assert_eq(names.n, round < 2 ? 200 : 0);
    }
    names_drop(&names, NULL);
    cr_assert_not_null(names_take(&names, "left behind"));
    names_fini(&names);
}
