/* What each part of membership beyond plain SWIM is worth: deaths, Lifeguard's experiment (Dadgar et al.
 * 2018, section V), and loss.  What a crowd costs and how fast news spreads in it, to 10,000 members, is
 * measured in bench_crowd.
 *
 *     bench_swim            all tables; minutes
 *     bench_swim --quick    small ones, as a test: fails when a figure leaves its bounds */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/crowd.h"

enum {
    OVERHEAD = 42 + 28 /* seal, IP and UDP */
};

static bool is_quick;
static int n_passed, n_failed;

static void expect(bool is_so, const char *what)
{
    n_passed += is_so;
    n_failed += !is_so;
    if (!is_so)
        printf("NOT SO: %s\n", what);
}

static struct gossip_profile lan_without(unsigned parts)
{
    struct gossip_profile profile = gossip_profile_lan;
    profile.without = parts;
    return profile;
}

/* ---- death ---- */

static void table_death(const size_t *sizes, size_t n_sizes)
{
    printf("\nWhole machines: a member is killed without a word until all know it dead "
           "(s), and idle cost per\n"
           "member and second with %d bytes of seal, IP and UDP headers per datagram\n\n"
           "| members | plain SWIM: mean, longest | everything on: mean, longest | "
           "datagrams | bytes |\n"
           "| ---: | ---: | ---: | ---: | ---: |\n",
           OVERHEAD);
    for (size_t i = 0; i < n_sizes; i++) {
        double mean[2] = {0}, longest[2] = {0}, datagrams = 0, bytes = 0;
        enum { TIMES = 10, IDLE_S = 60 };
        for (int on = 0; on < 2; on++) {
            struct gossip_profile profile = lan_without(on ? 0 : GOSSIP_PLAIN_SWIM);
            struct crowd *c = crowd_new(sizes[i], 3, &profile);
            crowd_run(c, 5000);
            c->n_datagrams = c->n_bytes = 0;
            crowd_run(c, IDLE_S * 1000);
            datagrams = (double)c->n_datagrams / (double)sizes[i] / IDLE_S;
            bytes = (double)(c->n_bytes + OVERHEAD * c->n_datagrams) / (double)sizes[i] /
                    IDLE_S;
            for (size_t k = 0; k < TIMES; k++) {
                size_t victim = sizes[i] / 2 + (k & 1 ? k / 2 : sizes[i] / 2 - 1 - k / 2);
                if (sizes[i] < 4 * TIMES && k >= sizes[i] / 4)
                    break;
                uint64_t start_ms = c->now_ms;
                crowd_kill(c, victim);
                while (crowd_count_state(c, victim, MEMBER_DEAD) < crowd_n_up(c) &&
                       c->now_ms < start_ms + 60000)
                    crowd_run(c, 20);
                double took = (double)(c->now_ms - start_ms) / 1000;
                mean[on] += took / (double)(sizes[i] < 4 * TIMES ? sizes[i] / 4 : TIMES);
                longest[on] = took > longest[on] ? took : longest[on];
                crowd_run(c, 3000 + 137 * k);
            }
            crowd_free(c);
        }
        printf("| %zu | %.1f, %.1f | %.1f, %.1f | %.2f | %.0f |\n", sizes[i], mean[0],
               longest[0], mean[1], longest[1], datagrams, bytes);
        (void)fflush(stdout);
        expect(longest[1] <= (sizes[i] <= 128 ? 5.0 : 6.5), "a death is known in time");
        expect(datagrams <= 2.05, "two datagrams per member and period");
    }
}

/* ---- Lifeguard's experiment ---- */

static const struct {
    const char *name;
    unsigned without;
} variants[] = {
    {"plain SWIM", GOSSIP_PLAIN_SWIM},
    {"+ local health", GOSSIP_PLAIN_SWIM & ~GOSSIP_LOCAL_HEALTH},
    {"+ dynamic suspicion", GOSSIP_PLAIN_SWIM & ~GOSSIP_DYNAMIC_SUSPICION},
    {"+ buddy", GOSSIP_PLAIN_SWIM & ~GOSSIP_BUDDY},
    {"Lifeguard (these three)",
     GOSSIP_PLAIN_SWIM &
         ~(GOSSIP_LOCAL_HEALTH | GOSSIP_DYNAMIC_SUSPICION | GOSSIP_BUDDY)},
    {"+ asking suspects", GOSSIP_PLAIN_SWIM & ~GOSSIP_ASK_SUSPECTS},
    {"+ noticing stalls", GOSSIP_PLAIN_SWIM & ~GOSSIP_NOTICE_STALLS},
    {"+ doubting silence", GOSSIP_PLAIN_SWIM & ~GOSSIP_DOUBT_SILENCE},
    {"everything", 0},
};

struct accusations {
    uint64_t all, by_well;
};

static struct accusations slow_members(unsigned without, enum crowd_slowness slowness,
                                       size_t n_slow, uint64_t slow_ms, uint64_t well_ms)
{
    enum { N = 128, FOR_MS = 120000 };
    struct gossip_profile profile = lan_without(without);
    struct crowd *c = crowd_new(N, 11, &profile);
    crowd_run(c, 5000);
    for (size_t i = 0; i < n_slow; i++)
        c->nodes[(i * N) / n_slow].slowness = slowness;
    c->slow_from_ms = c->now_ms;
    c->slow_until_ms = c->now_ms + FOR_MS;
    c->slow_ms = slow_ms;
    c->well_ms = well_ms;
    crowd_run(c, FOR_MS + 20000);
    struct accusations a = {c->n_accused, c->n_accused_by_well};
    crowd_free(c);
    return a;
}

static void table_slow(void)
{
    static const struct {
        enum crowd_slowness slowness;
        size_t n_slow;
        uint64_t slow_ms, well_ms;
    } settings[] = {{CROWD_LATE_MAIL, 4, 2048, 64},  {CROWD_LATE_MAIL, 16, 2048, 64},
                    {CROWD_LATE_MAIL, 16, 8192, 64}, {CROWD_LATE_MAIL, 32, 16384, 1024},
                    {CROWD_STOPPED, 16, 2048, 64},   {CROWD_STOPPED, 16, 4096, 4}};
    size_t n_settings = sizeof(settings) / sizeof(settings[0]);
    uint64_t plain[8] = {0}, everything[8] = {0}, sum_plain = 0, sum_everything = 0;
    printf("\nLifeguard's experiment: 128 members, of which C are slow for D ms, well "
           "for I ms, and so on for two\n"
           "minutes.  Deaths of well members, told by anybody / of these by members that "
           "are well themselves\n\n"
           "| |");
    for (size_t k = 0; k < n_settings; k++)
        printf(" %s C=%zu D=%u I=%u |",
               settings[k].slowness == CROWD_STOPPED ? "stopped" : "late mail",
               settings[k].n_slow, (unsigned)settings[k].slow_ms,
               (unsigned)settings[k].well_ms);
    printf("\n| --- |");
    for (size_t k = 0; k < n_settings; k++)
        printf(" ---: |");
    printf("\n");
    for (size_t v = 0; v < sizeof(variants) / sizeof(variants[0]); v++) {
        bool is_end = v == 0 || variants[v].without == 0;
        if (is_quick && !is_end)
            continue;
        printf("| %s |", variants[v].name);
        for (size_t k = 0; k < n_settings; k++) {
            if (is_quick && k % 2 == 0)
                continue;
            struct accusations a = slow_members(variants[v].without, settings[k].slowness,
                                                settings[k].n_slow, settings[k].slow_ms,
                                                settings[k].well_ms);
            printf(" %llu / %llu |", (unsigned long long)a.all,
                   (unsigned long long)a.by_well);
            (void)fflush(stdout);
            plain[k] = v == 0 ? a.all : plain[k];
            everything[k] = a.all;
        }
        printf("\n");
    }
    for (size_t k = 0; k < n_settings; k++) {
        sum_plain += plain[k];
        sum_everything += everything[k];
    }
    printf("\nEverything on: %.2f %% of plain SWIM's.\n",
           100.0 * (double)sum_everything / (double)sum_plain);
    expect(sum_plain > 0, "plain SWIM accuses");
    expect(sum_everything * 50 <= sum_plain,
           "false accusations are at most 2 % of plain SWIM's");
}

static void table_loss(void)
{
    uint64_t for_s = is_quick ? 60 : 600;
    printf("\nLoss of 15 %% of the datagrams for %llu s among 128 members: deaths of "
           "running members, in all views\n\n"
           "| | deaths |\n| --- | ---: |\n",
           (unsigned long long)for_s);
    for (int on = 0; on < 2; on++) {
        struct gossip_profile profile = lan_without(on ? 0 : GOSSIP_PLAIN_SWIM);
        struct crowd *c = crowd_new(128, 13, &profile);
        c->loss = 0.15;
        crowd_run(c, for_s * 1000);
        printf("| %s | %llu |\n", on ? "everything" : "plain SWIM",
               (unsigned long long)c->n_accused);
        (void)fflush(stdout);
        if (on)
            expect(c->n_accused == 0, "loss kills nobody");
        crowd_free(c);
    }
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {16, 128, 1000};
    is_quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    if (argc < 2 || strcmp(argv[1], "--faults") != 0)
        table_death(sizes, is_quick ? 2 : 3);
    table_slow();
    table_loss();
    printf("\n%d passed, %d failed\n", n_passed, n_failed);
    return n_failed ? 1 : 0;
}
