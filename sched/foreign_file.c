/* The marks of other systems' files.  See foreign_file.h. */
#include "sched/foreign_file.h"

#include <string.h>

#define NO_IMPORTER                                                                      \
    "; this version has no importer for it: write its command into a job file (stratos " \
    "init)"

/* ---- by the tree ---- */

static const char *text_at(const struct doc *map, const char *key)
{
    const struct doc *value = doc_find(map, key);
    return value && value->kind == DOC_SCALAR ? value->text : NULL;
}

static bool has_map(const struct doc *map, const char *key)
{
    const struct doc *value = doc_find(map, key);
    return value && value->kind == DOC_MAP;
}

/* Compose: services, each a map that says what to run. */
static bool is_compose(const struct doc *root)
{
    const struct doc *services = doc_find(root, "services");
    if (!services || services->kind != DOC_MAP || !services->child)
        return false;
    for (const struct doc *s = services->child; s; s = s->next)
        if (s->kind != DOC_MAP || !(doc_find(s, "image") || doc_find(s, "build") ||
                                    doc_find(s, "command") || doc_find(s, "extends")))
            return false;
    return true;
}

static bool is_marathon(const struct doc *root)
{
    if (has_map(root, "app"))
        root = doc_find(root, "app");
    if (!doc_find(root, "id"))
        return false;
    return doc_find(root, "cmd") || doc_find(root, "args") ||
           doc_find(root, "container") || doc_find(root, "containers") ||
           doc_find(root, "instances") || doc_find(root, "apps") ||
           doc_find(root, "groups");
}

/* Procfile: a map of texts alone, one of them a name that such files have. */
static bool is_procfile(const struct doc *root)
{
    bool has_name = false;
    for (const struct doc *c = root->child; c; c = c->next) {
        if (c->kind != DOC_SCALAR || !strchr(c->text, ' '))
            return false;
        has_name = has_name || strcmp(c->key, "web") == 0 ||
                   strcmp(c->key, "worker") == 0 || strcmp(c->key, "release") == 0;
    }
    return has_name;
}

const char *foreign_file_of_doc(const struct doc *root, struct arena *arena)
{
    if (root->kind == DOC_LIST && root->child)
        root = root->child;
    if (root->kind != DOC_MAP || doc_find(root, "job") || doc_find(root, "jobs"))
        return NULL;
    const char *kind = text_at(root, "kind");
    if (text_at(root, "apiVersion") && kind)
        return arena_printf(arena, "this is a Kubernetes %.40s" NO_IMPORTER, kind);
    if (is_compose(root))
        return "this is a Compose file" NO_IMPORTER
               ", and take its images' programs along: images are not supported";
    if (has_map(root, "Job") || has_map(root, "TaskGroups"))
        return "this is a Nomad job in JSON" NO_IMPORTER;
    if (doc_find(root, "id") && has_map(root, "run"))
        return "this is a Metronome job" NO_IMPORTER;
    if (is_marathon(root))
        return "this is a file of Marathon's: make a job file of it with "
               "`stratos import marathon FILE`";
    if (text_at(root, "command") && text_at(root, "name") &&
        (doc_find(root, "schedule") || doc_find(root, "parents")))
        return "this is a Chronos job" NO_IMPORTER;
    return is_procfile(root) ? "this is a Procfile" NO_IMPORTER : NULL;
}

/* ---- by the text ---- */

struct line {
    const char *at;
    size_t len;
};

static bool begins(struct line l, const char *with)
{
    size_t len = strlen(with);
    return l.len >= len && memcmp(l.at, with, len) == 0;
}

static bool holds(struct line l, const char *what)
{
    return memmem(l.at, l.len, what, strlen(what)) != NULL;
}

/* Five fields of a clock, or @daily, and a command. */
static bool is_crontab(struct line l)
{
    if (begins(l, "@daily") || begins(l, "@hourly") || begins(l, "@reboot") ||
        begins(l, "@weekly") || begins(l, "@monthly"))
        return true;
    size_t fields = 0, i = 0;
    while (fields < 5 && i < l.len) {
        size_t from = i;
        while (i < l.len && strchr("0123456789*/,-", l.at[i]) && l.at[i])
            i++;
        if (i == from || i == l.len || (l.at[i] != ' ' && l.at[i] != '\t'))
            return false;
        while (i < l.len && (l.at[i] == ' ' || l.at[i] == '\t'))
            i++;
        fields++;
    }
    return fields == 5 && i < l.len;
}

static const char *section_of(struct line l)
{
    static const char *const units[] = {"[Unit]", "[Service]", "[Timer]", "[Install]",
                                        "[Socket]"};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (begins(l, units[i]))
            return "this is a systemd unit" NO_IMPORTER;
    if (begins(l, "[program:") || begins(l, "[supervisord]") || begins(l, "[group:") ||
        begins(l, "[unix_http_server]"))
        return "this is a supervisord configuration" NO_IMPORTER;
    return NULL;
}

static const char *program_of(struct line l)
{
    if (begins(l, "job \"") && holds(l, "{"))
        return "this is HCL, a job of Nomad's" NO_IMPORTER;
    if (begins(l, "FROM "))
        return "this is a Dockerfile: a job file says what runs, not how it is built "
               "(stratos init)";
    if (begins(l, "check process ") || begins(l, "check system "))
        return "this is a configuration of monit's" NO_IMPORTER;
    if (begins(l, "#!"))
        return "this is a script: name it in a job file, task: {command: [/path/of/it]}";
    if ((holds(l, "Process(") || holds(l, "Task(") || holds(l, "Job(")) && holds(l, "="))
        return "this is a configuration of Aurora's" NO_IMPORTER;
    return is_crontab(l) ? "this is a crontab" NO_IMPORTER : NULL;
}

const char *foreign_file_of_text(struct bytes text, unsigned *ret_line)
{
    const char *at = (const char *)text.at, *end = at + text.len;
    for (unsigned number = 1; at < end; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        struct line l = {at, (size_t)((newline ? newline : end) - at)};
        at = newline ? newline + 1 : end;
        bool is_script = number == 1 && begins(l, "#!");
        if (l.len == 0 || (l.at[0] == '#' && !is_script) || l.at[0] == ';')
            continue;
        const char *found = section_of(l);
        if (!found)
            found = program_of(l);
        if (found) {
            *ret_line = number;
            return found;
        }
        if (holds(l, ": ") || number > 200)
            return NULL; /* a map after all */
    }
    return NULL;
}
