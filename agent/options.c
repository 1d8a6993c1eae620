/* The agent's options: what the flags left open comes from stratos.yaml, then from the
 * defaults.
 *
 * Strings are static or live as long as the process: an agent reads its options once. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "core/arena.h"
#include "core/bounds.h"
#include "core/doc.h"

enum { PATH_TEXT_MAX = 512 };

/* A copy that lives as long as the process, and is still found by those who look for leaks. */
static const char *keep(const char *text)
{
    static struct arena kept;
    return arena_text(&kept, text);
}

/* ---- defaults ---- */

/* "$VARIABLE/stratos/REST", or "$HOME/FALLBACK/stratos/REST" (XDG base directories). */
static const char *xdg_path(const char *variable, const char *fallback, const char *rest)
{
    char text[PATH_TEXT_MAX];
    const char *base = getenv(variable), *home = getenv("HOME");
    if (base && *base == '/')
        (void)snprintf(text, sizeof(text), "%s/stratos%s", base, rest);
    else if (home && *home == '/' && fallback)
        (void)snprintf(text, sizeof(text), "%s/%s/stratos%s", home, fallback, rest);
    else
        (void)snprintf(text, sizeof(text), "/tmp/stratos-%u%s", (unsigned)geteuid(),
                       rest);
    return keep(text);
}

const char *agent_default_socket(void)
{
    return geteuid() == 0 ? "/run/stratos/stratos.sock"
                          : xdg_path("XDG_RUNTIME_DIR", NULL, "/stratos.sock");
}

const char *agent_default_secret_file(void)
{
    return geteuid() == 0 ? "/etc/stratos/secret"
                          : xdg_path("XDG_CONFIG_HOME", ".config", "/secret");
}

void agent_options_default(struct agent_options *o)
{
    if (!o->data_dir)
        o->data_dir = geteuid() == 0 ? "/var/lib/stratos"
                                     : xdg_path("XDG_DATA_HOME", ".local/share", "");
    if (!o->secret_file)
        o->secret_file = agent_default_secret_file();
    if (!o->socket)
        o->socket = agent_default_socket();
}

/* ---- stratos.yaml ---- */

struct text_key {
    const char *key;
    const char **at;
};

static void add(const char **list, size_t *n, size_t cap, const char *text,
                struct complaints *complaints, const struct doc *at)
{
    if (*n == cap)
        complain(complaints, at->line, at->column, "at most %zu of these", cap);
    else
        list[(*n)++] = keep(text);
}

/* "a,b", or a list of them. */
static void read_peers(struct agent_options *o, const struct doc *value,
                       struct complaints *c)
{
    if (value->kind == DOC_LIST) {
        for (const struct doc *one = value->child; one; one = one->next) {
            if (one->kind == DOC_SCALAR)
                add(o->join, &o->n_join, JOIN_MAX, one->text, c, one);
            else
                complain(c, one->line, one->column, "wanted an address");
        }
        return;
    }
    if (value->kind == DOC_MAP) {
        complain(c, value->line, value->column, "wanted addresses: a list, or a,b");
        return;
    }
    char *copy = strdup(value->text), *rest = copy;
    for (char *one; copy && (one = strsep(&rest, ",")) != NULL;) {
        one += strspn(one, " ");
        if (*one)
            add(o->join, &o->n_join, JOIN_MAX, one, c, value);
    }
    free(copy);
}

/* A map, or a list of "k=v". */
static void read_attributes(struct agent_options *o, const struct doc *value,
                            struct complaints *c)
{
    for (const struct doc *one = value->child; one; one = one->next) {
        char pair[PATH_TEXT_MAX];
        if (one->kind != DOC_SCALAR ||
            (value->kind == DOC_LIST && !strchr(one->text, '='))) {
            complain(c, one->line, one->column, "wanted an attribute: key: value");
            continue;
        }
        if (value->kind == DOC_MAP)
            (void)snprintf(pair, sizeof(pair), "%s=%s", one->key, one->text);
        else
            (void)snprintf(pair, sizeof(pair), "%s", one->text);
        add(o->attrs, &o->n_attrs, ATTRS_MAX, pair, c, one);
    }
    if (value->kind == DOC_SCALAR)
        complain(c, value->line, value->column, "wanted attributes: a map");
}

static void read_switch(bool *at, const struct doc *value, struct complaints *c)
{
    bool is_on = false;
    if (value->kind != DOC_SCALAR || text_bool(value->text, &is_on) < 0)
        complain(c, value->line, value->column, "wanted true or false");
    *at = *at || is_on;
}

static void read_key(struct agent_options *o, const struct doc *value,
                     struct complaints *c)
{
    const struct text_key keys[] = {
        {"name", &o->name},
        {"data", &o->data_dir},
        {"secret-file", &o->secret_file},
        {"bind", &o->bind},
        {"http", &o->http},
        {"dns", &o->dns},
        {"socket", &o->socket},
        {"cpu", &o->cpu},
        {"memory", &o->memory},
        {"ports", &o->ports},
        {"profile", &o->profile},
        {"ack", &o->ack},
        {"reap", &o->reap},
    };
    static const char *const names[] = {
        "name",         "data",        "secret-file", "bind",      "http",    "dns",
        "socket",       "cpu",         "memory",      "ports",     "profile", "join",
        "attr",         "no-discover", "debug",       "http-open", "ack",     "adopt",
        "new-identity", "reap",        NULL};
    if (strcmp(value->key, "join") == 0) {
        if (o->n_join == 0)
            read_peers(o, value, c);
        return;
    }
    if (strcmp(value->key, "attr") == 0) {
        read_attributes(o, value, c);
        return;
    }
    bool adopts = false, is_new = false;
    const struct {
        const char *key;
        bool *at;
    } switches[] = {{"no-discover", &o->no_discover},
                    {"debug", &o->is_debug},
                    {"http-open", &o->http_open},
                    {"adopt", &adopts},
                    {"new-identity", &is_new}};
    for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
        if (strcmp(value->key, switches[i].key) != 0)
            continue;
        read_switch(switches[i].at, value, c);
        if (o->machine == MACHINE_SAME && (adopts || is_new))
            o->machine = adopts ? MACHINE_ADOPT : MACHINE_NEW;
        return;
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(value->key, keys[i].key) != 0)
            continue;
        if (value->kind != DOC_SCALAR)
            complain(c, value->line, value->column, "wanted one value");
        else if (!*keys[i].at)
            *keys[i].at = keep(value->text);
        return;
    }
    const char *meant = did_you_mean(value->key, names);
    complain(c, value->key_line, value->key_column, "unknown key '%s'%s%s%s", value->key,
             meant ? ": did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
}

static int read_file(const char *path, struct arena *arena, struct bytes *ret_text,
                     struct err *err)
{
    size_t len = 0;
    uint8_t *at = arena_alloc(arena, JOBFILE_LEN_MAX);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || !at) {
        int error = at ? -errno : -ENOMEM;
        if (fd >= 0)
            close(fd);
        return err_set(err, error, "%s: %s", path, err_text(error));
    }
    ssize_t n;
    while ((n = read(fd, at + len, JOBFILE_LEN_MAX - len)) > 0)
        len += (size_t)n;
    int error = n < 0 ? -errno : 0;
    close(fd);
    if (error < 0)
        return err_set(err, error, "%s: %s", path, err_text(error));
    *ret_text = (struct bytes){at, len};
    return 0;
}

int agent_options_read(struct agent_options *o, const char *path, struct err *err)
{
    struct arena arena;
    struct bytes text;
    struct doc *docs = NULL;
    size_t n = 0;
    arena_init(&arena, 64 << 20);
    struct complaints complaints = {.arena = &arena};
    int error = read_file(path, &arena, &text, err);
    if (error < 0)
        goto out;
    error = doc_read(text, &arena, &complaints, &docs, &n);
    if (error == 0 && n > 0 && docs[0].kind != DOC_MAP)
        complain(&complaints, docs[0].line, docs[0].column, "wanted `key: value` lines");
    for (const struct doc *one = error == 0 && n > 0 ? docs[0].child : NULL; one;
         one = one->next) {
        if (one->key)
            read_key(o, one, &complaints);
    }
    if (complaints.n > 0)
        error = err_set(err, ERR_INVALID, "%s:%u:%u: %s", path, complaints.list[0].line,
                        complaints.list[0].column, complaints.list[0].text);
    else if (error < 0)
        (void)err_set(err, error, "%s: %s", path, err_text(error));
out:
    arena_fini(&arena);
    return error;
}
