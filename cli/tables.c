/* The tables of jobs, members and instances. */
#include "cli/tables.h"

#include <stdlib.h>
#include <string.h>

#include "cli/talk.h"
#include "core/bounds.h"

unsigned job_rank(const json_t *job)
{
    static const char *const words[JOB_CALM] = {"Crashing", "Waiting for room", "Lost",
                                                "Degraded", "Deploying"};
    const char *condition = json_text(job, "condition");
    for (unsigned i = 0; i < JOB_CALM; i++)
        if (strncmp(condition, words[i], strlen(words[i])) == 0)
            return i;
    return JOB_CALM;
}

enum { RANK_DEPLOYING = JOB_CALM - 1 };

static void add_job(struct grid *grid, const json_t *job, bool is_marked, bool is_wide)
{
    char healthy[64];
    const char *cells[GRID_COLUMNS_MAX], *condition = json_text(job, "condition");
    size_t n = 0;
    (void)snprintf(healthy, sizeof(healthy), "%lld/%lld", json_number(job, "healthy"),
                   json_number(job, "count"));
    if (is_marked)
        cells[n++] = job_rank(job) < RANK_DEPLOYING ? "!" : " ";
    cells[n++] = json_text(job, "namespace");
    cells[n++] = json_text(job, "job");
    cells[n++] = json_text(job, "type");
    cells[n++] = json_text(job, "version");
    cells[n++] = healthy;
    cells[n++] = *condition ? condition : json_text(job, "status");
    if (is_wide)
        cells[n++] = json_text(job, "cause");
    grid_row(grid, cells);
}

static void print_jobs(const json_t *jobs, bool is_marked, bool is_wide)
{
    static const char *const heads[] = {" ",      "NAMESPACE", "JOB",
                                        "TYPE",   "VERSION",   "HEALTHY",
                                        "STATUS", "CAUSE",     NULL},
                             *const fewer[] = {" ",       "NAMESPACE", "JOB",    "TYPE",
                                               "VERSION", "HEALTHY",   "STATUS", NULL};
    struct grid grid;
    size_t i;
    json_t *job;
    grid_init(&grid, (is_wide ? heads : fewer) + !is_marked);
    json_array_foreach(jobs, i, job) add_job(&grid, job, is_marked, is_wide);
    grid_print(&grid, stdout, render_is_coloured(stdout));
    grid_fini(&grid);
}

void jobs_print(const json_t *jobs)
{
    print_jobs(jobs, false, false);
}

void jobs_print_marked(const json_t *jobs, bool is_wide)
{
    size_t i;
    json_t *job;
    bool is_marked = false;
    json_array_foreach(jobs, i, job) is_marked =
        is_marked || job_rank(job) < RANK_DEPLOYING;
    print_jobs(jobs, is_marked, is_wide);
}

/* What a node was named, be that the name it keeps or not. */
static const char *given_name(const json_t *member)
{
    const char *namesake = json_text(member, "namesake");
    return *namesake ? namesake : json_text(member, "name");
}

/* n2 before n10; of one name the node first that keeps it. */
static int by_name(const void *a, const void *b)
{
    const json_t *const *left = a, *const *right = b;
    int order = strverscmp(given_name(*left), given_name(*right));
    bool keeps_left = !*json_text(*left, "namesake"),
         keeps_right = !*json_text(*right, "namesake");
    return order ? order : (int)keeps_right - (int)keeps_left;
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

/* Names are for people and DNS, and both would be misled by two nodes with the same one. */
static void warn_of_namesakes(const json_t *const *members, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *name = json_text(members[i], "namesake"),
                   *state = json_text(members[i], "state");
        bool is_gone = strcmp(state, "dead") == 0 || strcmp(state, "left") == 0;
        if (!*name)
            continue;
        (void)out_flush();
        fputs("warning: more than one node is named ", stderr);
        print_safe(stderr, name, false);
        fputs("; the one at ", stderr);
        print_safe(stderr, json_text(members[i], "address"), false);
        fprintf(stderr, " is called %s:\n", json_text(members[i], "id"));
        if (is_gone)
            fprintf(stderr, "it is gone: stratos forget %s\n",
                    json_text(members[i], "id"));
        else
            fputs("start it with a --name of its own\n", stderr);
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
        (void)out_flush();
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

static void warn_of_twins(const json_t *const *members, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *at = json_text(members[i], "cloned_at");
        if (!*at)
            continue;
        (void)out_flush();
        fputs("warning: the identity of ", stderr);
        print_safe(stderr, json_text(members[i], "name"), false);
        fputs(" lives at ", stderr);
        print_safe(stderr, at, false);
        fputs(", too: a copy of its data runs in two places. The younger of the two has "
              "stopped;\nstart that one with an empty --data, so that it joins as a new "
              "node\n",
              stderr);
    }
}

/* Of the disk of the node that is asked the cause is known as well. */
static void warn_of_disks(const json_t *const *members, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *disk = json_object_get(members[i], "disk");
        const char *state = json_text(disk, "state"), *cause = json_text(disk, "cause");
        if (!*state)
            continue;
        (void)out_flush();
        fputs("warning: ", stderr);
        print_safe(stderr, json_text(members[i], "name"), false);
        fprintf(stderr, "'s disk is ");
        print_safe(stderr, state, false);
        fputs(strcmp(state, "full") == 0 ? ": it gets no new work, and may refuse orders"
                                         : ": its work moves to other nodes",
              stderr);
        fputs(*cause ? ": " : "", stderr);
        print_safe(stderr, cause, false);
        if (json_is_true(json_object_get(disk, "waiting")))
            fputs("; it waits for that before it joins the others", stderr);
        fputc('\n', stderr);
    }
}

static void warn_of_taskless(const json_t *const *members, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *attributes = json_object_get(members[i], "attributes");
        if (strcmp(json_text(attributes, "tasks"), "none") != 0)
            continue;
        (void)out_flush();
        fputs("warning: ", stderr);
        print_safe(stderr, json_text(members[i], "name"), false);
        fputs(" cannot run tasks, and is given none: ", stderr);
        print_safe(stderr, json_text(attributes, "tasks.cause"), false);
        fputc('\n', stderr);
    }
}

/* Others cannot say so of it: to them it is dead. */
static void warn_of_addresses(const json_t *const *members, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *lack = json_text(members[i], "no_address");
        if (!*lack)
            continue;
        (void)out_flush();
        fputs("warning: ", stderr);
        print_safe(stderr, json_text(members[i], "name"), false);
        fprintf(stderr,
                "'s host has %s address: what runs there stays, and it takes "
                "nothing new and no orders until there is one\n",
                strcmp(lack, "waiting") == 0 ? "no" : "lost its");
    }
}

/* What fills the table, and what to do. */
static void warn_of_table(const json_t *const *members, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *table = json_object_get(members[i], "table");
        if (!table)
            continue;
        (void)out_flush();
        fprintf(stderr, "warning: the table is %lld %% full of ",
                json_number(table, "percent"));
        print_safe(stderr, json_text(table, "of"), false);
        fputs(": ", stderr);
        print_safe(stderr, json_text(table, "cause"), false);
        fputc('\n', stderr);
    }
}

enum { STATE_MAX = 64 };

/* "alive", "suspect 3.1s", "dead 44s", "away until 12:04:10". */
static const char *state_text(const json_t *member, bool is_former,
                              char out[static STATE_MAX])
{
    char age[RENDER_TEXT];
    const char *state = json_text(member, "state"),
               *until = json_text(member, "away_until");
    bool is_silent = strcmp(state, "dead") == 0 || strcmp(state, "suspect") == 0;
    if (is_former)
        (void)snprintf(out, STATE_MAX, "other version");
    else if (strlen(until) >= 19)
        (void)snprintf(out, STATE_MAX, "away until %.8s", until + 11);
    else if (is_silent && json_is_number(json_object_get(member, "silent_ms")))
        (void)snprintf(out, STATE_MAX, "%s %s", state,
                       age_text((uint64_t)json_number(member, "silent_ms"), age));
    else
        (void)snprintf(out, STATE_MAX, "%s", state);
    return out;
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
        char used[RENDER_TEXT], all[RENDER_TEXT], state[160], word[STATE_MAX],
            address[160];
        const json_t *capacity = json_object_get(member, "capacity");
        const json_t *reserved = json_object_get(member, "reserved");
        if (json_is_number(json_object_get(member, "rtt_ms")))
            (void)rtt_text(json_decimal(member, "rtt_ms"), rtt);
        if (capacity) {
            (void)snprintf(cpu, sizeof(cpu), "%s/%s",
                           cores_text(json_decimal(reserved, "cpu"), used),
                           cores_text(json_decimal(capacity, "cpu"), all));
            (void)snprintf(memory, sizeof(memory), "%s/%s",
                           size_rounded((uint64_t)json_number(reserved, "memory"), used),
                           size_rounded((uint64_t)json_number(capacity, "memory"), all));
        }
        bool is_draining = json_is_true(json_object_get(member, "draining")) &&
                           strcmp(json_text(member, "state"), "left") != 0;
        const char *disk = json_text(json_object_get(member, "disk"), "state");
        bool is_cloned = *json_text(member, "cloned_at") != '\0';
        bool is_former = json_is_true(json_object_get(member, "other_version"));
        const char *lack = json_text(member, "no_address"),
                   *nat = json_text(member, "nat");
        bool is_taskless =
            strcmp(json_text(json_object_get(member, "attributes"), "tasks"), "none") ==
            0;
        (void)snprintf(state, sizeof(state), "%s%s%s%s%s%s%s%s",
                       state_text(member, is_former, word),
                       is_draining ? " draining" : "", *disk ? ", disk " : "", disk,
                       is_taskless ? ", no tasks" : "", *lack ? ", " : "", lack,
                       is_cloned ? ", cloned" : "");
        (void)snprintf(address, sizeof(address), "%s%s%s", json_text(member, "address"),
                       *nat ? " nat=" : "", nat);
        const char *namesake = json_text(member, "namesake");
        char name[2 * NAME_LEN_MAX];
        (void)snprintf(name, sizeof(name), *namesake ? "%s (%s)" : "%s",
                       json_text(member, "name"), namesake);
        grid_row(&grid, (const char *const[]){name, state, address, rtt, cpu, memory,
                                              json_text(member, "version")});
    }
    grid_print(&grid, stdout, render_is_coloured(stdout));
    grid_fini(&grid);
    if (list) {
        warn_of_namesakes(list, n);
        warn_of_twins(list, n);
        warn_of_clocks(list, n);
        warn_of_disks(list, n);
        warn_of_taskless(list, n);
        warn_of_addresses(list, n);
        warn_of_table(list, n);
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
    bool has_words = *json_text(json_object_get(instance, "check"), "said") != '\0';
    bool is_well =
        strcmp(state, "finished") == 0 ||
        (strcmp(state, "running") == 0 && strcmp(health, "failing") != 0 && !has_words);
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
