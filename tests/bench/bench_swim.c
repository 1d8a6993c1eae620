/* What membership costs and how fast it is, against what the papers expect: SWIM (Das et
 * al. 2002) sections 3 to 5, Lifeguard (Dadgar et al. 2018) section V.
 *
 *     bench_swim            all tables, up to 10,000 members; minutes
 *     bench_swim --quick    small ones, as a test: fails when a figure leaves its bounds
 *
 * At 10,000 members all machines at once would need 40 GB.  There each machine runs
 * alone, in turn, among members that answer every probe, and its probes are put on one
 * time line: without failures the choice of whom to probe depends on nobody else.
 * Dissemination there is the real queue of rumors and the real draw of members, without
 * the rest of the machine. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/machine.h"
#include "tests/lib/crowd.h"

enum {
    PERIOD_MS = 1000,
    UNIX_MS = 1800000000,
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

/* ---- whom machines probe, and when ---- */

struct probes {
    size_t n;
    uint64_t from_ms, until_ms;
    double *first_ms; /* of each member: its first probe by anybody after from_ms;
                         HUGE_VAL: none */
    size_t n_probes;
};

static size_t index_of(struct node_id id)
{
    return (size_t)id.at[1] << 16 | (size_t)id.at[2] << 8 | id.at[3];
}

/* The target's ack, as it would come in a moment. */
static void answer(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    struct arena arena;
    struct bytes out;
    struct peer *target = members_peer(&g->members, g->swim.target);
    struct message m = {.kind = MESSAGE_ACK,
                        .sender = machine_member(target),
                        .sequence = g->swim.sequence,
                        .digest = g->table.digest,
                        .members_digest = g->members.digest};
    arena_init(&arena, 0);
    if (message_encode(&m, &arena, &out) == 0)
        (void)gossip_receive(g, now_ms, UNIX_MS + now_ms, target->member.endpoint, out,
                             fx);
    arena_fini(&arena);
}

static void run_alone(struct probes *p, size_t self, const struct gossip_profile *profile)
{
    struct metrics metrics = {0};
    struct gossip_effects fx;
    uint64_t now_ms = 1000;
    struct gossip *g =
        crowd_machine(p->n, self, profile, self * 7919 + 1, &metrics, now_ms);
    gossip_effects_init(&fx);
    g->sync.periodic_ms = UINT64_MAX;
    while (now_ms < p->until_ms) {
        uint64_t n_before = metrics.probes;
        now_ms = gossip_deadline_ms(g) > now_ms ? gossip_deadline_ms(g) : now_ms + 1;
        gossip_tick(g, now_ms, UNIX_MS + now_ms, &fx);
        if (metrics.probes > n_before && !node_id_is_zero(g->swim.target)) {
            size_t of = index_of(g->swim.target);
            if (now_ms > p->from_ms && now_ms < p->until_ms) {
                double after_ms = (double)(now_ms - p->from_ms);
                p->first_ms[of] = after_ms < p->first_ms[of] ? after_ms : p->first_ms[of];
                p->n_probes++;
            }
            answer(g, now_ms, &fx);
        }
        gossip_effects_clear(&fx);
    }
    gossip_effects_fini(&fx);
    gossip_free(g);
}

struct detection {
    double mean_periods, longest_periods, messages;
};

/* In which period after its death a member is first probed.  Many beginnings for small n.
 */
static struct detection first_detection(size_t n, unsigned without)
{
    enum { FROM_MS = 4000, SPAN_MS = 20000 };
    struct gossip_profile profile = lan_without(without);
    size_t rounds = n >= 2000 ? 1 : 2000 / n, n_found = 0;
    struct detection d = {0};
    double sum = 0;
    struct probes p = {.n = n, .first_ms = calloc(n, sizeof(double))};
    for (size_t round = 0; round < rounds; round++) {
        p.from_ms = FROM_MS + round * 37 * PERIOD_MS / 10;
        p.until_ms = p.from_ms + SPAN_MS;
        for (size_t i = 0; i < n; i++)
            p.first_ms[i] = HUGE_VAL;
        for (size_t i = 0; i < n; i++)
            run_alone(&p, i, &profile);
        for (size_t i = 0; i < n; i++) {
            double periods = ceil(p.first_ms[i] / PERIOD_MS);
            if (p.first_ms[i] == HUGE_VAL)
                periods = SPAN_MS / PERIOD_MS;
            sum += periods;
            n_found++;
            d.longest_periods = periods > d.longest_periods ? periods : d.longest_periods;
        }
    }
    d.mean_periods = sum / (double)n_found;
    /* Each probe is a ping and an ack. */
    d.messages = 2.0 * (double)p.n_probes / (double)rounds / (double)n /
                 (SPAN_MS / (double)PERIOD_MS);
    free(p.first_ms);
    return d;
}

static void table_detection(const size_t *sizes, size_t n_sizes)
{
    printf("\nThe period after a death in which somebody first probes the dead member, "
           "and messages per\n"
           "member and period while nothing fails (expected: e/(e-1) = 1.58 in large "
           "clusters; 2.0)\n\n"
           "| members | by chance (SWIM): mean, longest | shared order: mean, longest | "
           "messages |\n"
           "| ---: | ---: | ---: | ---: |\n");
    for (size_t i = 0; i < n_sizes; i++) {
        struct detection chance = first_detection(sizes[i], GOSSIP_SHARED_ORDER);
        struct detection shared = first_detection(sizes[i], 0);
        double q = pow(1.0 - 1.0 / (double)(sizes[i] - 1), (double)(sizes[i] - 1));
        double expected = 1.0 / (1.0 - q);
        printf("| %zu | %.3f (expected %.3f), %.0f | %.3f, %.0f | %.2f |\n", sizes[i],
               chance.mean_periods, expected, chance.longest_periods, shared.mean_periods,
               shared.longest_periods, shared.messages);
        (void)fflush(stdout);
        expect(fabs(chance.mean_periods / expected - 1) < 0.05,
               "the first detection is e/(e-1)");
        expect(shared.longest_periods <= 3, "a shared order leaves nobody out for long");
        expect(fabs(shared.messages - 2.0) < 0.1, "two messages per member and period");
    }
}

/* ---- the whole machine: load, dissemination, death ---- */

static double spread_ms(size_t n, uint64_t seed)
{
    struct gossip_profile profile = lan_without(0);
    struct crowd *c = crowd_new(n, seed, &profile);
    crowd_run(c, 3000);
    double sum = 0;
    enum { TIMES = 8 };
    for (uint32_t i = 0; i < TIMES; i++) {
        size_t of = (i * 31 + 7) % n;
        uint64_t start_ms = c->now_ms;
        crowd_whisper(c, (i * 17 + 3) % n, of, 2 + i);
        while (crowd_count_incarnation(c, of, 2 + i) < n - 1 &&
               c->now_ms < start_ms + 20000)
            crowd_run(c, 10);
        sum += (double)(c->now_ms - start_ms);
        crowd_run(c, 5000);
    }
    crowd_free(c);
    return sum / TIMES;
}

struct teller {
    struct rumor_queue queue;
    struct rumor *rumor;
    uint64_t heard_ms, next_ms;
};

static bool take_it(void *ctx, struct rumor **slot)
{
    (void)slot;
    *(size_t *)ctx += 1;
    return true;
}

/* The queue and the draw alone: one rumor, told on by everybody every gossip period. */
static double spread_alone_ms(size_t n, uint64_t seed)
{
    struct gossip_profile profile = lan_without(0);
    struct gossip *g = crowd_machine(n, 0, &profile, seed, NULL, 0);
    struct teller *all = calloc(n, sizeof(*all));
    unsigned limit = rumor_limit(profile.retransmit_mult, n);
    size_t n_heard = 1;
    uint64_t now_ms = 1;
    for (size_t i = 0; i < n; i++)
        rumor_init(&all[i].queue);
    all[1].heard_ms = all[1].next_ms = 1;
    rumor_put(&all[1].queue, &all[1].rumor);
    for (; n_heard < n - 1 && now_ms < 20000; now_ms++) {
        for (size_t i = 1; i < n; i++) {
            struct peer *to[8];
            size_t taken = 0;
            if (!all[i].rumor || all[i].heard_ms > now_ms ||
                all[i].next_ms > now_ms)
                continue;
            all[i].next_ms = now_ms + profile.gossip_period_ms;
            size_t k = members_draw(&g->members, ROLE_LIVE, &g->rng, NULL, to,
                                    profile.gossip_fanout);
            for (size_t m = 0; m < k && all[i].rumor; m++) {
                struct teller *t = &all[index_of(to[m]->member.id)];
                (void)rumor_take(&all[i].queue, limit, take_it, &taken);
                if (t->heard_ms)
                    continue;
                t->heard_ms = t->next_ms = now_ms + 2;
                rumor_put(&t->queue, &t->rumor);
                n_heard++;
            }
        }
    }
    for (size_t i = 0; i < n; i++)
        rumor_drop(&all[i].queue, &all[i].rumor);
    free(all);
    gossip_free(g);
    return (double)now_ms;
}

static void table_spread(const size_t *sizes, size_t n_sizes)
{
    printf("\nHow long news takes to reach all (ms; profile lan: a gossip period of 200 "
           "ms, fan-out 3)\n\n"
           "| members | whole machines | queue and draw alone | alone / ln n |\n| ---: | "
           "---: | ---: | ---: |\n");
    for (size_t i = 0; i < n_sizes; i++) {
        double alone = 0;
        for (uint64_t seed = 1; seed <= 5; seed++)
            alone += spread_alone_ms(sizes[i], seed) / 5;
        double whole = sizes[i] <= 1000 ? spread_ms(sizes[i], 5) : 0;
        char text[32] = "-";
        if (whole > 0)
            (void)snprintf(text, sizeof(text), "%.0f", whole);
        printf("| %zu | %s | %.0f | %.0f |\n", sizes[i], text, alone,
               alone / log((double)sizes[i]));
        (void)fflush(stdout);
        expect(alone / log((double)sizes[i]) < 400, "news spreads in logarithmic time");
    }
}

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
    static const size_t sizes[] = {16, 128, 1000, 10000};
    is_quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    table_detection(sizes, is_quick ? 2 : 4);
    table_spread(sizes, is_quick ? 2 : 4);
    table_death(sizes, is_quick ? 2 : 3);
    table_slow();
    table_loss();
    printf("\n%d passed, %d failed\n", n_passed, n_failed);
    return n_failed ? 1 : 0;
}
