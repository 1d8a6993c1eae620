/* Giving memory back: what goes, and that nothing is missed afterwards. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/memory.h"
#include "core/hash.h"

#ifdef __SANITIZE_ADDRESS__
enum { HAS_OWN_HEAP = 1 };
#else
enum { HAS_OWN_HEAP = 0 };
#endif

enum { PIECES = 4096, PIECE_LEN = 4000 };

static size_t resident_kb(void)
{
    char line[256];
    size_t kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    cr_assert(f);
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "VmRSS: %zu", &kb) == 1)
            break;
    fclose(f);
    return kb;
}

Test(memory, freed_heap_below_what_is_still_in_use_goes_back)
{
    if (HAS_OWN_HEAP)
        cr_skip_test("the sanitizer has a heap of its own");
    char *pieces[PIECES];
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = malloc(PIECE_LEN);
        cr_assert(pieces[i]);
        memset(pieces[i], 1, PIECE_LEN);
    }
    char *last = malloc(PIECE_LEN);
    for (size_t i = 0; i < PIECES; i++)
        free(pieces[i]);
    size_t before = resident_kb();
    memory_give_back();
    size_t after = resident_kb();
    free(last);
    cr_assert_lt(after + 8192, before, "%zu KiB before, %zu after", before, after);
}

Test(memory, code_and_constants_are_found_again)
{
    static const char text[] = "constants are in the same file as the code";
    uint64_t before = hash64(BYTES_OF(text), 1);
    for (int i = 0; i < 3; i++) {
        memory_give_back();
        cr_assert_eq(hash64(BYTES_OF(text), 1), before);
    }
}
