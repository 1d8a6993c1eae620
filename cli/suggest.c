/* Looking a verb up, and what to say about one that is not there.  Verbs of other systems are pointed at
 * ours, never aliased: a script that half works is worse than one that says what to
 * write. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "core/doc.h"

enum { VERBS_MAX = 128 };

static const struct {
    const char *verb, *ours;
} foreign[] = {
    {"ps", "stratos status [JOB]"},
    {"kill", "stratos stop JOB"},
    {"killall", "stratos stop JOB"},
    {"delete", "stratos rm JOB"},
    {"destroy", "stratos rm JOB"},
    {"remove", "stratos rm JOB"},
    {"purge", "stratos rm JOB"},
    {"deploy", "stratos run FILE"},
    {"apply", "stratos run FILE"},
    {"create", "stratos run FILE"},
    {"submit", "stratos run FILE"},
    {"add", "stratos run FILE"},
    {"update", "stratos run FILE, with the changed file"},
    {"up", "stratos run FILE"},
    {"down", "stratos stop JOB"},
    {"ls", "stratos jobs"},
    {"list", "stratos jobs"},
    {"get", "stratos jobs, stratos members or stratos services"},
    {"describe", "stratos status JOB, or stratos inspect JOB"},
    {"show", "stratos status JOB"},
    {"info", "stratos status"},
    {"app", "stratos jobs, stratos status JOB, stratos run FILE"},
    {"job", "stratos jobs, stratos status JOB, stratos run FILE"},
    {"task", "stratos status JOB"},
    {"alloc", "stratos status JOB.N"},
    {"deployment", "stratos status JOB"},
    {"service", "stratos services [NAME]"},
    {"node", "stratos members, or stratos status NODE"},
    {"nodes", "stratos members"},
    {"server", "stratos agent, or stratos members"},
    {"cluster", "stratos members"},
    {"monitor", "stratos events -f"},
    {"tail", "stratos logs JOB -f"},
    {"kv", "stratos var set, get, ls, rm"},
    {"env", "stratos var ls"},
    {"config", "stratos var ls"},
    {"daemon", "stratos agent"},
    {"dig", "stratos resolve NAME"},
    {"suspend", "stratos stop JOB"},
    {"convert", "stratos import marathon FILE"},
    {"check", "stratos validate FILE"},
    {"lint", "stratos validate FILE"},
    {"fmt", "stratos validate FILE"},
};

static const char *const planned[] = {
    "plan",   "exec",     "follow", "rollback",   "promote", "trigger", "pause",
    "resume", "runs",     "graph",  "drain",      "undrain", "top",     "ui",
    "doctor", "snapshot", "schema", "completion", NULL,
};

static bool is_planned(const char *verb)
{
    for (size_t i = 0; planned[i]; i++) {
        if (strcmp(planned[i], verb) == 0)
            return true;
    }
    return false;
}

static const char *ours_for(const char *verb)
{
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        if (strcmp(foreign[i].verb, verb) == 0)
            return foreign[i].ours;
    }
    return NULL;
}

const struct command *command_find(const struct command_table *table, const char *first,
                                   const char *second, int *ret_used)
{
    size_t len = strlen(first);
    for (size_t i = 0; i < table->n; i++) {
        const char *name = table->commands[i].name;
        if (strcmp(name, first) == 0) {
            *ret_used = 1;
            return &table->commands[i];
        }
        bool is_pair = strncmp(name, first, len) == 0 && name[len] == ' ';
        if (is_pair && second && strcmp(name + len + 1, second) == 0) {
            *ret_used = 2;
            return &table->commands[i];
        }
    }
    return NULL;
}

bool command_is_group(const struct command_table *table, const char *first)
{
    size_t len = strlen(first);
    for (size_t i = 0; i < table->n; i++) {
        const char *name = table->commands[i].name;
        if (strncmp(name, first, len) == 0 && name[len] == ' ')
            return true;
    }
    return false;
}

/* "var" and "secret" alone, or with a second word that is not ours. */
static bool suggest_second(const struct command_table *table, const char *first,
                           const char *second, char *out, size_t cap)
{
    size_t len = strlen(first), used = 0;
    char list[256] = "";
    for (size_t i = 0; i < table->n; i++) {
        if (strncmp(table->commands[i].name, first, len) != 0 ||
            table->commands[i].name[len] != ' ')
            continue;
        int wrote = snprintf(list + used, sizeof(list) - used, "%sstratos %s",
                             used ? ", " : "", table->commands[i].name);
        used += (size_t)wrote < sizeof(list) - used ? (size_t)wrote : 0;
    }
    if (used == 0)
        return false;
    if (second)
        (void)snprintf(out, cap, "'%s %s' is no command: there is %s", first, second,
                       list);
    else
        (void)snprintf(out, cap, "'%s' wants a second word: %s", first, list);
    return true;
}

void command_suggest(const struct command_table *table, const char *first,
                     const char *second, char *out, size_t cap)
{
    if (is_planned(first)) {
        (void)snprintf(out, cap, "'%s' is planned but not part of stratos %s", first,
                       STRATOS_VERSION);
        return;
    }
    if (suggest_second(table, first, second, out, cap))
        return;
    const char *ours = ours_for(first);
    if (ours) {
        (void)snprintf(out, cap, "'%s' is no command of stratos: use %s", first, ours);
        return;
    }

    const char *verbs[VERBS_MAX + 1];
    size_t n_verbs = 0;
    for (size_t i = 0; i < table->n && n_verbs < VERBS_MAX; i++)
        verbs[n_verbs++] = table->commands[i].name;
    verbs[n_verbs] = NULL;
    const char *meant = did_you_mean(first, verbs);
    if (meant)
        (void)snprintf(out, cap, "'%s' is no command of stratos: did you mean '%s'?",
                       first, meant);
    else
        (void)snprintf(out, cap,
                       "'%s' is no command of stratos: `stratos help` lists them", first);
}
