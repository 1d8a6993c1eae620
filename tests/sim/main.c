/* The simulator's command line: one seed or many, on as many processes as there are cores.
 *
 *     sim --seeds 1-100 --nodes 50 [--twice]     sim --seed 7 --nodes 5 --verbose
 *     sim --seed 7 --nodes 5 --shrink            which acts of a failing seed are needed to fail
 *     sim --stories mass --seeds 1-5             runs with a known outcome, by a part of their names
 *     sim --seeds 1-600 --first                  ends with the first that fails */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/seal.h"
#include "tests/sim/scenario.h"
#include "tests/sim/shrink.h"
#include "tests/sim/story.h"

enum { WORKERS_MAX = 64 };

struct arguments {
    uint64_t first, last;
    unsigned nodes, workers;
    const char *stories; /* NULL: none; "": all */
    bool is_twice, is_verbose, is_shrinking, is_first;
};

static double seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* One seed; with --twice it must leave the same trace both times. */
static bool run_seed(const struct arguments *args, uint64_t seed)
{
    struct sim_options o = scenario_options(seed, args->nodes);
    double start = seconds();
    struct scenario_result r = scenario_run(&o, NULL, args->is_verbose);
    if (r.is_passed && args->is_twice) {
        struct scenario_result again = scenario_run(&o, NULL, false);
        if (again.trace_hash != r.trace_hash) {
            r.is_passed = false;
            (void)snprintf(r.why, sizeof(r.why),
                           "the same seed left two traces: %016llx and %016llx",
                           (unsigned long long)r.trace_hash,
                           (unsigned long long)again.trace_hash);
        }
    }
    if (r.is_passed && args->first != args->last) {
        printf(
            "ok   seed=%llu whole=%.1fs converged=%.1fs steps=%llu trace=%016llx %.1fs\n",
            (unsigned long long)seed, (double)r.whole_ms / 1000,
            (double)r.converged_ms / 1000, (unsigned long long)r.n_steps,
            (unsigned long long)r.trace_hash, seconds() - start);
    } else {
        printf("%s ", r.is_passed ? "ok  " : "FAIL");
        scenario_print(&o);
        printf("     %s converged=%.1fs steps=%llu datagrams=%llu trace=%016llx %.1fs\n",
               r.is_passed ? "" : r.why, (double)r.converged_ms / 1000,
               (unsigned long long)r.n_steps, (unsigned long long)r.n_datagrams,
               (unsigned long long)r.trace_hash, seconds() - start);
    }
    (void)fflush(stdout);
    return r.is_passed;
}

/* Worker `w` of `n` takes every n-th seed; its exit code is its number of failures. */
static int run_share(const struct arguments *args, unsigned w)
{
    int failed = 0;
    for (uint64_t seed = args->first + w;
         seed <= args->last && !(failed && args->is_first); seed += args->workers)
        failed += !run_seed(args, seed);
    return failed > 100 ? 100 : failed;
}

/* On as many processes; with --first all end with the first failure. */
static int run_shares(const struct arguments *args)
{
    pid_t workers[WORKERS_MAX];
    int failed = 0;
    for (unsigned w = 0; w < args->workers; w++) {
        workers[w] = fork();
        if (workers[w] == 0)
            _exit(run_share(args, w));
    }
    int status;
    for (pid_t ended; (ended = wait(&status)) > 0;) {
        bool ends_all = args->is_first && failed == 0;
        if (failed == 0 || !args->is_first) /* those that were stopped have not failed */
            failed += WIFEXITED(status) ? WEXITSTATUS(status) : 1;
        for (unsigned w = 0; w < args->workers; w++) {
            if (workers[w] == ended)
                workers[w] = 0;
            else if (ends_all && failed > 0 && workers[w] > 0)
                (void)kill(workers[w], SIGTERM);
        }
    }
    return failed;
}

static bool parse(int argc, char **argv, struct arguments *args)
{
    *args = (struct arguments){.first = 1, .last = 1, .nodes = 5, .workers = 1};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        char *end = NULL;
        if (strcmp(argv[i], "--twice") == 0) {
            args->is_twice = true;
            continue;
        }
        if (strcmp(argv[i], "--first") == 0) {
            args->is_first = true;
            continue;
        }
        if (strcmp(argv[i], "--shrink") == 0) {
            args->is_shrinking = true;
            continue;
        }
        if (strcmp(argv[i], "--verbose") == 0) {
            args->is_verbose = true;
            continue;
        }
        i++;
        if (strcmp(argv[i - 1], "--stories") == 0 && i < argc) {
            args->stories = value;
            continue;
        }
        if (strcmp(argv[i - 1], "--seed") == 0) {
            args->first = args->last = strtoull(value, &end, 10);
        } else if (strcmp(argv[i - 1], "--seeds") == 0) {
            args->first = strtoull(value, &end, 10);
            args->last = *end == '-' ? strtoull(end + 1, &end, 10) : args->first;
        } else if (strcmp(argv[i - 1], "--nodes") == 0) {
            args->nodes = (unsigned)strtoul(value, &end, 10);
        } else if (strcmp(argv[i - 1], "--workers") == 0) {
            args->workers = (unsigned)strtoul(value, &end, 10);
        }
        if (!end || end == value || *end)
            return false;
    }
    return args->nodes >= 1 && args->nodes <= SIM_NODES_MAX && args->workers >= 1 &&
           args->workers <= WORKERS_MAX;
}

int main(int argc, char **argv)
{
    struct arguments args;
    if (!parse(argc, argv, &args) || seal_init() < 0) {
        (void)fprintf(
            stderr,
            "usage: sim [--seed N | --seeds A-B] [--nodes N] [--workers N] [--twice] "
            "[--verbose] [--shrink] [--first] [--stories PART]\n");
        return 2;
    }
    if (!shrink_self_check())
        return 2;
    if (args.is_shrinking)
        return shrink_seed(args.first, args.nodes);
    int failed = 0, passed;
    if (args.stories) {
        failed =
            story_tell_all(args.stories, args.first, args.last, args.is_verbose, &passed);
        printf("%d passed, %d failed\n", passed, failed);
        return failed || !passed ? 1 : 0;
    }
    failed = args.workers == 1 ? run_share(&args, 0) : run_shares(&args);
    uint64_t total = args.last - args.first + 1;
    if (failed && args.is_first)
        printf("ended with the first that fails\n");
    else
        printf("%llu passed, %d failed\n", (unsigned long long)(total - (uint64_t)failed),
               failed);
    return failed ? 1 : 0;
}
