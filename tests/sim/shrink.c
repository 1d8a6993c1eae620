/* Delta debugging of failing seeds.  See shrink.h. */
#include "tests/sim/shrink.h"

#include <stdio.h>
#include <string.h>

#include "tests/sim/scenario.h"

enum { TRIES = 400 };

/* Leave out the kept acts number [from, from + len) as well, if it still fails then. */
static bool try_without(size_t n, bool *is_left_out, size_t from, size_t len,
                        bool (*fails)(void *ctx, const bool *is_left_out), void *ctx)
{
    bool trial[FATES_MAX];
    size_t kept = 0;
    memcpy(trial, is_left_out, n * sizeof(*trial));
    for (size_t i = 0; i < n; i++) {
        if (is_left_out[i])
            continue;
        if (kept >= from && kept < from + len)
            trial[i] = true;
        kept++;
    }
    if (!fails(ctx, trial))
        return false;
    memcpy(is_left_out, trial, n * sizeof(*trial));
    return true;
}

static size_t count_kept(size_t n, const bool *is_left_out)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        kept += !is_left_out[i];
    return kept;
}

void shrink(size_t n, bool *is_left_out,
            bool (*fails)(void *ctx, const bool *is_left_out), void *ctx, int tries)
{
    memset(is_left_out, 0, n * sizeof(*is_left_out));
    for (size_t len = (n + 1) / 2; len > 0; len = len > 1 ? (len + 1) / 2 : 0) {
        bool is_progress = true;
        while (is_progress && tries > 0) {
            is_progress = false;
            for (size_t from = 0; from < count_kept(n, is_left_out) && tries > 0;
                 tries--) {
                if (try_without(n, is_left_out, from, len, fails, ctx))
                    is_progress = true;
                else
                    from += len;
            }
        }
    }
}

static bool seed_fails(void *ctx, const bool *is_left_out)
{
    const struct sim_options *o = ctx;
    return !scenario_run(o, is_left_out, false).is_passed;
}

int shrink_seed(uint64_t seed, unsigned nodes)
{
    static struct fate fates[FATES_MAX];
    static bool is_left_out[FATES_MAX];
    struct sim_options o = scenario_options(seed, nodes);
    scenario_print(&o);
    if (!seed_fails(&o, NULL)) {
        printf("this seed passes: nothing to shrink\n");
        return 1;
    }
    size_t n = fate_draw(&o, SCENARIO_BOOT_MS, fates);
    shrink(n, is_left_out, seed_fails, &o, TRIES);
    printf("%zu of %zu acts are needed:\n", count_kept(n, is_left_out), n);
    for (size_t i = 0; i < n; i++) {
        char text[128];
        if (!is_left_out[i])
            printf("%s\n", fate_text(&fates[i], text, sizeof(text)));
    }
    printf("%s\n", scenario_run(&o, is_left_out, false).why);
    return 0;
}

/* Fails when acts 3 and 17 are both there. */
static bool made_up(void *ctx, const bool *is_left_out)
{
    (void)ctx;
    return !is_left_out[3] && !is_left_out[17];
}

bool shrink_self_check(void)
{
    bool is_left_out[40];
    shrink(40, is_left_out, made_up, NULL, TRIES);
    bool is_right = count_kept(40, is_left_out) == 2 && made_up(NULL, is_left_out);
    if (!is_right)
        (void)fprintf(stderr,
                      "sim: the shrinker does not find two needed acts among forty\n");
    return is_right;
}
