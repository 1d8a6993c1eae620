/* The tables of jobs, members and instances. */
#include "cli/tables.h"

#include <stdlib.h>
#include <string.h>

#include "cli/talk.h"

void jobs_print(const json_t *jobs)
{
    static const char *const heads[] = {"NAMESPACE", "JOB",    "TYPE", "VERSION",
                                        "HEALTHY",   "STATUS", NULL};
    struct grid grid;
    size_t i;
    json_t *job;
    grid_init(&grid, heads);
    json_array_foreach(jobs, i, job)
    {
        char healthy[64];
        (void)snprintf(healthy, sizeof(healthy), "%lld/%lld", json_number(job, "healthy"),
                       json_number(job, "count"));
        grid_row(&grid,
                 (const char *const[]){json_text(job, "namespace"), json_text(job, "job"),
                                       json_text(job, "type"), json_text(job, "version"),
                                       healthy, json_text(job, "status")});
    }
    grid_print(&grid, stdout, render_is_coloured(stdout));
    grid_fini(&grid);
}

static int by_name(const void *a, const void *b)
{
    const json_t *const *left = a, *const *right = b;
    return strverscmp(json_text(*left, "name"),
                      json_text(*right, "name")); /* n2 before n10 */
}

static const json_t **sorted(const json_t *members, size_t n)
{
    const json_t **list = calloc(n > 0 ? n : 1, sizeof(*list));
    for (size_t i = 0; list && i < n; i++)
        list[i] = json_array_get(members, i);
    if (list)
        qsort(list, n, sizeof(const json_t *), by_name);
    return list;
}

/* Names are for people and DNS, and both are misled by two nodes with the same one. */
static void warn_of_namesakes(const json_t *const *sorted_members, size_t n)
{
    const char *last = "";
    for (size_t i = 1; i < n; i++) {
        const char *name = json_text(sorted_members[i], "name");
        if (strcmp(name, json_text(sorted_members[i - 1], "name")) != 0 ||
            strcmp(name, last) == 0)
            continue;
        fflush(stdout);
        fputs("warning: more than one node is named ", stderr);
        print_safe(stderr, name, false);
        fputs(": start each with a --name of its own,\n"
              "or `stratos forget` the one that is gone\n",
              stderr);
        last = name;
    }
}

/* In whole seconds once it is many: for how long, the log of that node says better. */
static void warn_of_clocks(const json_t *const *members, size_t n)
{
    enum { REFUSES_MS = 500, JUDGES_MIN = 2, MANY_MS = 10000 };
    size_t n_alive = 0;
    for (size_t i = 0; i < n; i++)
        n_alive += strcmp(json_text(members[i], "state"), "alive") == 0;
    for (size_t i = 0; i < n; i++) {
        long long skew_ms = json_number(members[i], "clock_skew_ms");
        long long off_ms = skew_ms < 0 ? -skew_ms : skew_ms;
        if (skew_ms == 0 || strcmp(json_text(members[i], "state"), "alive") != 0)
            continue;
        fflush(stdout);
        fputs("warning: the clock of ", stderr);
        print_safe(stderr, json_text(members[i], "name"), false);
        fprintf(stderr, " is %lld %s %s its peers'%s\n",
                off_ms < MANY_MS ? off_ms : off_ms / 1000, off_ms < MANY_MS ? "ms" : "s",
                skew_ms > 0 ? "ahead of" : "behind",
                off_ms > REFUSES_MS && n_alive > JUDGES_MIN
                    ? ": it takes no orders until it is set"
                    : "");
    }
}

void members_print(const json_t *members)
{
    static const char *const heads[] = {"NODE", "STATE",  "ADDRESS", "RTT",
                                        "CPU",  "MEMORY", "VERSION", NULL};
    struct grid grid;
    size_t n = json_array_size(members);
    const json_t **list = sorted(members, n);
    grid_init(&grid, heads);
    for (size_t i = 0; list && i < n; i++) {
        const json_t *member = list[i];
        char rtt[RENDER_TEXT] = "", cpu[80] = "", memory[80] = "";
        char used[RENDER_TEXT], all[RENDER_TEXT], state[64];
        const json_t *capacity = json_object_get(member, "capacity");
        const json_t *reserved = json_object_get(member, "reserved");
        if (json_is_number(json_object_get(member, "rtt_ms")))
            (void)rtt_text(json_decimal(member, "rtt_ms"), rtt);
        if (capacity) {
            (void)snprintf(cpu, sizeof(cpu), "%s/%s",
                           cores_text(json_decimal(reserved, "cpu"), used),
                           cores_text(json_decimal(capacity, "cpu"), all));
            (void)snprintf(memory, sizeof(memory), "%s/%s",
                           size_text((uint64_t)json_number(reserved, "memory"), used),
                           size_text((uint64_t)json_number(capacity, "memory"), all));
        }
        bool is_draining = json_is_true(json_object_get(member, "draining")) &&
                           strcmp(json_text(member, "state"), "left") != 0;
        (void)snprintf(state, sizeof(state), "%s%s%s", json_text(member, "state"),
                       is_draining ? " draining" : "",
                       *json_text(member, "away_until") ? " away" : "");
        grid_row(&grid, (const char *const[]){json_text(member, "name"), state,
                                              json_text(member, "address"), rtt, cpu,
                                              memory, json_text(member, "version")});
    }
    grid_print(&grid, stdout, render_is_coloured(stdout));
    grid_fini(&grid);
    if (list) {
        warn_of_namesakes(list, n);
        warn_of_clocks(list, n);
    }
    free(list);
}

/* "127.77.0.1:20000", with "+1" for each further port. */
static void address_text(const json_t *instance, char *out, size_t cap)
{
    const json_t *ports = json_object_get(instance, "ports");
    const char *address = json_text(instance, "address");
    size_t n = json_object_size(ports);
    out[0] = '\0';
    void *first = json_object_iter((json_t *)(uintptr_t)ports);
    if (*address && first)
        (void)snprintf(out, cap, "%s:%lld", address,
                       (long long)json_number_value(json_object_iter_value(first)));
    else if (*address)
        (void)snprintf(out, cap, "%s", address);
    size_t len = strlen(out);
    if (n > 1)
        (void)snprintf(out + len, cap - len, "+%zu", n - 1);
}

static bool is_explained(const json_t *instance)
{
    const char *state = json_text(instance, "state"),
               *health = json_text(instance, "health");
    bool is_well = strcmp(state, "finished") == 0 ||
                   (strcmp(state, "running") == 0 && strcmp(health, "failing") != 0);
    return !is_well && *json_text(instance, "reason");
}

/* Below the table, where there is room: neighbours with the same reason share a line. */
static void reasons_print(const json_t *const *instances, size_t n)
{
    bool has_any = false;
    for (size_t i = 0; i < n; i++) {
        if (!is_explained(instances[i]))
            continue;
        const char *reason = json_text(instances[i], "reason");
        fputs(has_any ? "" : "\n", stdout);
        has_any = true;
        print_safe(stdout, json_text(instances[i], "name"), false);
        while (i + 1 < n && is_explained(instances[i + 1]) &&
               strcmp(json_text(instances[i + 1], "reason"), reason) == 0) {
            fputs(", ", stdout);
            print_safe(stdout, json_text(instances[++i], "name"), false);
        }
        fputs(": ", stdout);
        print_safe(stdout, reason, false);
        fputc('\n', stdout);
    }
}

void instances_print(const json_t *const *instances, size_t n)
{
    static const char *const heads[] = {"INSTANCE", "NODE",    "STATE",
                                        "HEALTH",   "VERSION", "AGE",
                                        "RESTARTS", "ADDRESS", NULL};
    struct grid grid;
    grid_init(&grid, heads);
    for (size_t i = 0; i < n; i++) {
        const json_t *one = instances[i];
        char age[RENDER_TEXT] = "", restarts[RENDER_TEXT], address[128];
        uint64_t at = time_parse(json_text(one, "started_at")), now = now_unix_ms();
        if (at > 0)
            (void)age_text(now > at ? now - at : 0, age);
        (void)snprintf(restarts, sizeof(restarts), "%lld", json_number(one, "restarts"));
        address_text(one, address, sizeof(address));
        grid_row(&grid, (const char *const[]){
                            json_text(one, "name"), json_text(one, "node"),
                            json_text(one, "state"), json_text(one, "health"),
                            json_text(one, "version"), age, restarts, address});
    }
    grid_print(&grid, stdout, render_is_coloured(stdout));
    grid_fini(&grid);
    reasons_print(instances, n);
}
