/* Whole gossip machines by the thousand in one process, on virtual time: all of membership, table and
 * tree, and what the papers and the bounds of this project say they should do.
 *
 *     bench_crowd [N ...]      each size in turn; 16 128 1000 10000 when none is named
 *
 * Each run builds N machines that know each other from the start (built as N joins, the list of each
 * would be told N times N), lets them be, and then measures in this order, in one life of the crowd:
 * whom they probe by chance and in the shared order, how fast a refutation is known by all, how fast
 * deaths are, how fast writes are, and whether all agree in the end.  Delays are those of a LAN, 1 to
 * 3 ms; the profile is lan.  10,000 machines need 14 GB, and are left out where there is less. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "gossip/machine/machine.h"
#include "tests/lib/crowd.h"

enum {
    PERIOD_MS = 1000,
    SETTLE_MS = 4000,
    SPAN_MS = 15000,  /* longer than anybody is left out */
    SAMPLES = 2000,   /* of first detections, at least */
    WINDOW_MS = 3700, /* between the moments of death that are looked at */
    NEWS = 8,
    DEATHS = 8,
    DEATH_MAX_MS = 60000,
    WRITES = 100,
    PAUSE_MS = 97,     /* between two writes */
    REST_MS = 10000,   /* for all to agree in the end */
    HEADERS = 42 + 28, /* seal, IP and UDP */
    PAIR_BYTES =
        135, /* what knowing one member costs one machine, with all there is beside it */
};

/* ---- what is watched ---- */

struct sample {
    uint32_t at_ms, target;
};

struct writing {
    uint64_t at_ms;
    size_t n_has;
    uint32_t longest_ms;
};

struct watch {
    struct crowd *crowd;
    struct sample *probes; /* in the order they were made */
    size_t n_probes, probes_cap;
    bool keeps_probes;
    size_t of; /* the member whose news or death is waited for */
    uint32_t incarnation;
    uint64_t from_ms, last_ms; /* last_ms: when the last has heard so far */
    bool *has_heard;           /* of each node */
    size_t n_heard;
    uint64_t probed_ms; /* when it was first probed */
    struct writing writes[WRITES];
    uint32_t *write_ms; /* of every write at every node */
    size_t n_write_ms;
};

static void watch_probe(void *ctx, size_t node, struct node_id target)
{
    struct watch *w = ctx;
    (void)node;
    if (crowd_index(target) == w->of && w->probed_ms == 0)
        w->probed_ms = w->crowd->now_ms;
    if (!w->keeps_probes)
        return;
    if (w->n_probes == w->probes_cap) {
        w->probes_cap = w->probes_cap ? 2 * w->probes_cap : 4096;
        w->probes = realloc(w->probes, w->probes_cap * sizeof(*w->probes));
        if (!w->probes)
            abort();
    }
    w->probes[w->n_probes++] =
        (struct sample){(uint32_t)w->crowd->now_ms, (uint32_t)crowd_index(target)};
}

static void watch_member(struct watch *w, size_t node, const struct member *m,
                         enum member_state was)
{
    bool is_dead = m->state == MEMBER_DEAD && was != MEMBER_DEAD;
    bool is_it = w->incarnation ? m->incarnation == w->incarnation : is_dead;
    if (crowd_index(m->id) != w->of || !is_it || w->has_heard[node])
        return;
    w->has_heard[node] = true;
    w->n_heard++;
    w->last_ms = w->crowd->now_ms;
}

static void watch_table(struct watch *w, struct bytes key)
{
    if (!bytes_start_with(key, bytes_of_text("var/")))
        return;
    struct writing *one =
        &w->writes[strtoul((const char *)key.at + 4, NULL, 10) % WRITES];
    one->longest_ms = (uint32_t)(w->crowd->now_ms - one->at_ms);
    one->n_has++;
    if (w->n_write_ms < WRITES * w->crowd->n)
        w->write_ms[w->n_write_ms++] = one->longest_ms;
}

static void watch_effect(void *ctx, size_t node, const struct gossip_effect *e)
{
    struct watch *w = ctx;
    if (e->kind == GOSSIP_MEMBER_CHANGED)
        watch_member(w, node, &e->member, e->was);
    else if (e->kind == GOSSIP_TABLE_CHANGED)
        watch_table(w, e->key);
}

/* ---- figures ---- */

struct spread {
    double p50, p99, longest;
};

struct figures {
    size_t n;
    double chance, chance_longest, shared, shared_longest,
        expected;                 /* periods until probed */
    double messages, bytes;       /* per member and period, nothing happening */
    double news_ms;               /* mean until all know */
    double probed_s;              /* a death: mean until first probed */
    double dead_s, dead_longest;  /* until all know it dead */
    struct spread at_one, at_all; /* a write, ms */
    double write_messages;
    uint64_t n_accused;
    size_t n_whole;
    bool agree;
    double build_s, run_s, virtual_s, memory_gb;
    uint64_t n_steps;
};

static int n_passed, n_failed;

static void expect(size_t n, bool is_so, const char *what)
{
    n_passed += is_so;
    n_failed += !is_so;
    if (!is_so)
        printf("NOT SO with %zu: %s\n", n, what);
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static struct spread spread_of(uint32_t *list, size_t n)
{
    if (n == 0)
        return (struct spread){0};
    qsort(list, n, sizeof(*list), by_size);
    return (struct spread){list[n / 2], list[(n * 99 + 99) / 100 - 1], list[n - 1]};
}

static double cpu_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool has_memory_for(size_t n)
{
    char line[128];
    double kb = HUGE_VAL;
    FILE *file = fopen("/proc/meminfo", "r");
    while (file && fgets(line, sizeof(line), file)) {
        if (strncmp(line, "MemAvailable:", 13) == 0)
            kb = strtod(line + 13, NULL);
    }
    if (file)
        (void)fclose(file);
    return kb * 1024 > (double)n * (double)n * PAIR_BYTES;
}

static void tell_progress(const struct crowd *c, const char *done)
{
    if (c->n < 2000)
        return;
    (void)fprintf(stderr, "%zu nodes: %s after %.0f s of CPU\n", c->n, done, cpu_s());
}

static double memory_gb(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss * 1024 / 1e9;
}

/* ---- whom they probe ---- */

static void set_without(struct crowd *c, unsigned parts)
{
    for (size_t i = 0; i < c->n; i++)
        c->nodes[i].gossip->profile.without = parts;
}

/* In which period after `from_ms` each member is first probed by anybody: were it dead since then,
 * that would be when it is met, for without failures nobody's choice depends on another's. */
static void look_at(const struct watch *w, uint64_t from_ms, uint64_t *first_ms,
                    double *sum, double *longest)
{
    size_t n = w->crowd->n;
    memset(first_ms, 0, n * sizeof(*first_ms));
    for (size_t i = 0; i < w->n_probes; i++) {
        const struct sample *p = &w->probes[i];
        if (p->at_ms > from_ms && first_ms[p->target] == 0)
            first_ms[p->target] = p->at_ms;
    }
    for (size_t i = 0; i < n; i++) {
        double after_ms = first_ms[i] ? (double)(first_ms[i] - from_ms) : SPAN_MS;
        double periods = ceil(after_ms / PERIOD_MS);
        *sum += periods;
        *longest = periods > *longest ? periods : *longest;
    }
}

static double first_probes(struct watch *w, double *ret_longest)
{
    struct crowd *c = w->crowd;
    size_t n_windows = c->n >= SAMPLES ? 1 : (SAMPLES + c->n - 1) / c->n;
    uint64_t *first_ms = calloc(c->n, sizeof(*first_ms)), start_ms = c->now_ms;
    double sum = 0;
    if (!first_ms)
        abort();
    w->n_probes = 0;
    w->keeps_probes = true;
    crowd_run(c, (n_windows - 1) * WINDOW_MS + SPAN_MS);
    w->keeps_probes = false;
    for (size_t i = 0; i < n_windows; i++)
        look_at(w, start_ms + i * WINDOW_MS, first_ms, &sum, ret_longest);
    free(first_ms);
    return sum / (double)(n_windows * c->n);
}

static void measure_probes(struct watch *w, struct figures *f)
{
    struct crowd *c = w->crowd;
    double others = (double)(c->n - 1);
    f->expected = 1 / (1 - pow(1 - 1 / others, others));
    set_without(c, GOSSIP_SHARED_ORDER);
    crowd_run(c, SETTLE_MS);
    f->chance = first_probes(w, &f->chance_longest);
    set_without(c, 0);
    crowd_run(c, SETTLE_MS);
    uint64_t start_ms = c->now_ms;
    c->n_datagrams = c->n_bytes = 0;
    f->shared = first_probes(w, &f->shared_longest);
    double member_periods = (double)(c->now_ms - start_ms) / PERIOD_MS * (double)c->n;
    f->messages = (double)c->n_datagrams / member_periods;
    f->bytes = (double)(c->n_bytes + HEADERS * c->n_datagrams) / member_periods;
}

/* ---- what happens ---- */

static void await(struct watch *w, size_t of, uint32_t incarnation)
{
    w->of = of;
    w->incarnation = incarnation;
    w->n_heard = 0;
    memset(w->has_heard, 0, w->crowd->n * sizeof(bool));
    w->from_ms = w->last_ms = w->crowd->now_ms;
    w->probed_ms = 0;
}

static void measure_news(struct watch *w, struct figures *f)
{
    struct crowd *c = w->crowd;
    for (uint32_t i = 0; i < NEWS; i++) {
        size_t of = (i * 31 + 7) % c->n;
        await(w, of, 2 + i);
        crowd_whisper(c, (i * 17 + 3) % c->n, of, 2 + i);
        while (w->n_heard < c->n - 1 && c->now_ms < w->from_ms + SPAN_MS)
            crowd_run(c, 10);
        f->news_ms += (double)(w->last_ms - w->from_ms) / NEWS;
        crowd_run(c, SETTLE_MS);
    }
}

static void measure_deaths(struct watch *w, struct figures *f)
{
    struct crowd *c = w->crowd;
    size_t n_deaths = c->n < 4 * DEATHS ? c->n / 4 : DEATHS;
    for (size_t i = 0; i < n_deaths; i++) {
        await(w, (2 * i + 1) * c->n / (2 * n_deaths), 0);
        crowd_kill(c, w->of);
        while (w->n_heard < crowd_n_up(c) && c->now_ms < w->from_ms + DEATH_MAX_MS)
            crowd_run(c, 10);
        expect(c->n, w->n_heard == crowd_n_up(c), "all know of a death");
        double took_s = (double)(w->last_ms - w->from_ms) / 1000;
        f->probed_s += (double)(w->probed_ms - w->from_ms) / 1000 / (double)n_deaths;
        f->dead_s += took_s / (double)n_deaths;
        f->dead_longest = took_s > f->dead_longest ? took_s : f->dead_longest;
        crowd_run(c, SETTLE_MS + 137 * i);
    }
    w->of = c->n;
}

static void measure_writes(struct watch *w, struct figures *f)
{
    struct crowd *c = w->crowd;
    uint32_t all_ms[WRITES];
    crowd_run(c, SETTLE_MS);
    uint64_t start_ms = c->now_ms, n_datagrams = c->n_datagrams;
    for (size_t i = 0; i < WRITES; i++) {
        char key[16];
        size_t node = (size_t)rng_below(&c->rng, c->n);
        while (!c->nodes[node].is_up)
            node = (node + 1) % c->n;
        (void)snprintf(key, sizeof(key), "var/%zu", i);
        w->writes[i].at_ms = c->now_ms;
        (void)crowd_write(c, node, key, "some value");
        crowd_run(c, PAUSE_MS);
    }
    f->write_messages = (double)(c->n_datagrams - n_datagrams) / (double)c->n /
                        ((double)(c->now_ms - start_ms) / 1000);
    crowd_run(c, REST_MS);
    for (size_t i = 0; i < WRITES; i++) {
        bool is_whole = w->writes[i].n_has == crowd_n_up(c);
        f->n_whole += is_whole;
        all_ms[i] = is_whole ? w->writes[i].longest_ms : UINT32_MAX;
    }
    f->at_one = spread_of(w->write_ms, w->n_write_ms);
    f->at_all = spread_of(all_ms, WRITES);
}

static bool all_agree(const struct crowd *c)
{
    const struct gossip *first = NULL;
    for (size_t i = 0; i < c->n; i++) {
        const struct gossip *g = c->nodes[i].gossip;
        if (!c->nodes[i].is_up)
            continue;
        first = first ? first : g;
        if (g->members.digest != first->members.digest ||
            g->table.digest != first->table.digest)
            return false;
    }
    return true;
}

static struct figures run(size_t n)
{
    struct figures f = {.n = n};
    double start_s = cpu_s();
    struct crowd *c = crowd_new(n, n, &gossip_profile_lan);
    struct watch w = {.crowd = c,
                      .of = n,
                      .has_heard = calloc(n, sizeof(bool)),
                      .write_ms = calloc(WRITES * n, sizeof(uint32_t))};
    uint64_t from_ms = c->now_ms;
    if (!w.has_heard || !w.write_ms)
        abort();
    f.build_s = cpu_s() - start_s;
    tell_progress(c, "built");
    c->watcher = (struct crowd_watcher){&w, watch_effect, watch_probe};
    crowd_run(c, SETTLE_MS);
    measure_probes(&w, &f);
    tell_progress(c, "probes measured");
    measure_news(&w, &f);
    tell_progress(c, "news measured");
    measure_deaths(&w, &f);
    tell_progress(c, "deaths measured");
    measure_writes(&w, &f);
    tell_progress(c, "writes measured");
    f.agree = all_agree(c);
    f.n_accused = c->n_accused;
    f.n_steps = c->n_events;
    f.virtual_s = (double)(c->now_ms - from_ms) / 1000;
    f.run_s = cpu_s() - start_s - f.build_s;
    f.memory_gb = memory_gb();
    free(w.probes);
    free(w.has_heard);
    free(w.write_ms);
    crowd_free(c);
    return f;
}

static void check(const struct figures *f)
{
    size_t n = f->n;
    expect(n, fabs(f->chance / f->expected - 1) < 0.05, "the first detection is e/(e-1)");
    expect(n, f->shared_longest <= 3, "a shared order leaves nobody out for long");
    expect(n, fabs(f->messages - 2) < 0.1, "two messages per member and period");
    expect(n, f->news_ms / log((double)n) < 200, "news spreads in logarithmic time");
    expect(n, f->n_whole == WRITES, "every write reaches everybody");
    expect(n, f->at_all.p99 <= (n <= 1000 ? 2000 : 4000),
           "a write is known by all in time");
    expect(n, f->n_accused == 0, "nobody dies that lives");
    expect(n, f->agree, "all agree in the end");
}

/* ---- the tables ---- */

static void print_tables(const struct figures *f, size_t n)
{
    printf("\n| members | first probed, by chance: mean, expected, longest | shared "
           "order: mean, "
           "longest | messages, bytes |\n| ---: | ---: | ---: | ---: |\n");
    for (size_t i = 0; i < n; i++)
        printf("| %zu | %.3f, %.3f, %.0f | %.3f, %.0f | %.2f, %.0f |\n", f[i].n,
               f[i].chance, f[i].expected, f[i].chance_longest, f[i].shared,
               f[i].shared_longest, f[i].messages, f[i].bytes);
    printf("\n| members | news known by all, over ln n | a dead member first probed | "
           "known dead by "
           "all: mean, longest |\n| ---: | ---: | ---: | ---: |\n");
    for (size_t i = 0; i < n; i++)
        printf("| %zu | %.0f ms, %.0f ms | %.1f s | %.1f, %.1f s |\n", f[i].n,
               f[i].news_ms, f[i].news_ms / log((double)f[i].n), f[i].probed_s,
               f[i].dead_s, f[i].dead_longest);
    printf("\n| members | a write at one node, p50, p99, max | at all nodes, p50, p99, "
           "max | "
           "datagrams per node and second meanwhile |\n| ---: | ---: | ---: | ---: |\n");
    for (size_t i = 0; i < n; i++)
        printf("| %zu | %.0f, %.0f, %.0f ms | %.0f, %.0f, %.0f ms | %.0f |\n", f[i].n,
               f[i].at_one.p50, f[i].at_one.p99, f[i].at_one.longest, f[i].at_all.p50,
               f[i].at_all.p99, f[i].at_all.longest, f[i].write_messages);
    printf("\n| members | virtual time | CPU: to build, to run | events | memory so far "
           "|\n| ---: | "
           "---: | ---: | ---: | ---: |\n");
    for (size_t i = 0; i < n; i++)
        printf("| %zu | %.0f s | %.1f, %.1f s | %.1f M | %.2f GB |\n", f[i].n,
               f[i].virtual_s, f[i].build_s, f[i].run_s, (double)f[i].n_steps / 1e6,
               f[i].memory_gb);
}

int main(int argc, char **argv)
{
    enum { SIZES_MAX = 8 };
    size_t sizes[SIZES_MAX] = {16, 128, 1000, 10000}, n = 4;
    struct figures figures[SIZES_MAX];
    size_t n_run = 0;
    for (int i = 1; i < argc && i <= SIZES_MAX; i++) {
        sizes[i - 1] = strtoul(argv[i], NULL, 10);
        n = (size_t)i;
    }
    for (size_t i = 0; i < n; i++) {
        if (sizes[i] < 8)
            return 2;
        if (!has_memory_for(sizes[i])) {
            printf("%zu members are left out: there is not enough memory\n", sizes[i]);
            continue;
        }
        figures[n_run] = run(sizes[i]);
        check(&figures[n_run++]);
    }
    print_tables(figures, n_run);
    printf("\n%d passed, %d failed\n", n_passed, n_failed);
    return n_failed ? 1 : 0;
}
