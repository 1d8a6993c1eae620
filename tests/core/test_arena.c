/* The arena: alignment, zeroes, limits, overflow. */
#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include <criterion/criterion.h>

#include "core/arena.h"

Test(arena, memory_is_zeroed_and_aligned_also_after_clear)
{
    struct arena a;
    arena_init(&a, 0);
    for (int round = 0; round < 3; round++) {
        for (size_t size = 1; size < 3000; size += 7) {
            uint8_t *at = arena_alloc(&a, size);
            cr_assert(at);
            cr_assert_eq((uintptr_t)at % alignof(max_align_t), 0);
            for (size_t i = 0; i < size; i++)
                cr_assert_eq(at[i], 0);
            memset(at, 0xff, size);
        }
        arena_clear(&a);
        cr_assert_eq(a.used, 0);
    }
    arena_fini(&a);
}

Test(arena, the_limit_holds_and_is_given_back_by_clear)
{
    struct arena a;
    arena_init(&a, 10000);
    size_t taken = 0;
    while (arena_alloc(&a, 100))
        taken += 100;
    cr_assert_gt(taken, 8000);
    cr_assert_leq(taken, 10000);
    cr_assert_null(
        arena_text(&a, "a text that is longer than what is left, surely: "
                       "one hundred bytes of it at least, to be on the safe side"));
    arena_clear(&a);
    cr_assert(arena_alloc(&a, 9000));
    arena_fini(&a);
}

Test(arena, sizes_that_overflow_are_refused)
{
    struct arena a;
    arena_init(&a, 0);
    cr_assert_null(arena_alloc(&a, SIZE_MAX));
    cr_assert_null(arena_alloc(&a, SIZE_MAX - 3));
    cr_assert_null(arena_array(&a, SIZE_MAX / 2, 4));
    cr_assert(arena_array(&a, 1000, 8));
    arena_fini(&a);
}

Test(arena, texts_and_bytes_are_copies)
{
    struct arena a;
    arena_init(&a, 0);
    char from[] = "abc";
    const char *text = arena_text(&a, from);
    struct bytes bytes = arena_bytes(&a, bytes_of_text(from));
    from[0] = 'x';
    cr_assert_str_eq(text, "abc");
    cr_assert(bytes_equal(bytes, bytes_of_text("abc")));
    cr_assert_null(arena_text(&a, NULL));
    cr_assert_null(arena_bytes(&a, (struct bytes){0}).at);
    cr_assert_str_eq(arena_printf(&a, "%d-%s", 7, "up"), "7-up");
    cr_assert_str_eq(arena_text_of(&a, (struct bytes){0}), "");
    arena_fini(&a);
}

Test(arena, a_growing_array_keeps_its_elements)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    uint32_t *list = NULL;
    size_t cap = 0, n = 0;
    while (arena_grow(&a, (void **)&list, n, &cap, sizeof(*list)) == 0) {
        list[n] = (uint32_t)n;
        n++;
    }
    cr_assert_gt(n, 10000);
    cr_assert_eq(arena_grow(&a, (void **)&list, n, &cap, sizeof(*list)), -ENOMEM);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(list[i], i);
    arena_fini(&a);
}
