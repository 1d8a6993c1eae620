/* Specs as canonical JSON, and what changed between two of them.
 *
 * Two equal specs must make the same bytes on every machine, since the hash of the bytes
 * is the version.  So keys are put in sorted order here, except under `ports`, whose
 * order is part of the meaning (the first port is PORT0), and numbers with units are
 * written in one way only. */
#include "sched/spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "core/doc.h"
#include "sched/defaults.h"
#include "sched/jobfile.h"
#include "sched/jobfile_task.h"

struct body {
    struct arena *arena;
    bool is_full;   /* with defaults: to compare, not to store */
    bool is_failed; /* out of memory */
};

static void put(struct body *b, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) < 0)
        b->is_failed = true;
}

static void append(struct body *b, json_t *list, json_t *value)
{
    if (json_array_append_new(list, value) < 0)
        b->is_failed = true;
}

/* An object that says nothing is left out. */
static void put_object(struct body *b, json_t *object, const char *key, json_t *value)
{
    if (json_object_size(value) == 0)
        json_decref(value);
    else
        put(b, object, key, value);
}

static void put_text(struct body *b, json_t *object, const char *key, const char *text,
                     const char *usual)
{
    if (text && (b->is_full || !usual || strcmp(text, usual) != 0))
        put(b, object, key, json_string(text));
}

static void put_uint(struct body *b, json_t *object, const char *key, uint64_t number,
                     uint64_t usual)
{
    if (b->is_full || number != usual)
        put(b, object, key, json_integer((json_int_t)number));
}

/* The largest unit that holds it exactly. */
static char *duration_text(struct arena *arena, uint32_t ms)
{
    static const struct {
        uint32_t ms;
        const char *unit;
    } units[] = {
        {24 * 3600 * 1000, "d"}, {3600 * 1000, "h"}, {60 * 1000, "m"}, {1000, "s"}};
    for (size_t i = 0; ms && i < sizeof(units) / sizeof(units[0]); i++)
        if (ms % units[i].ms == 0)
            return arena_printf(arena, "%u%s", ms / units[i].ms, units[i].unit);
    return ms ? arena_printf(arena, "%ums", ms) : arena_text(arena, "0s");
}

static char *size_text(struct arena *arena, uint64_t bytes)
{
    static const char units[] = "TGMK";
    for (unsigned i = 0; units[i]; i++) {
        unsigned shift = 40 - 10 * i;
        if (bytes && bytes % (1ULL << shift) == 0)
            return arena_printf(arena, "%llu%c", (unsigned long long)(bytes >> shift),
                                units[i]);
    }
    return arena_printf(arena, "%llu", (unsigned long long)bytes);
}

/* 1150 -> "1.15". */
static char *milli_text(struct arena *arena, uint32_t milli)
{
    char *text = arena_printf(arena, "%u.%03u", milli / 1000, milli % 1000);
    for (size_t len = text ? strlen(text) : 0;
         len && (text[len - 1] == '0' || text[len - 1] == '.'); len--) {
        bool is_point = text[len - 1] == '.';
        text[len - 1] = '\0';
        if (is_point)
            break;
    }
    return text;
}

static void put_duration(struct body *b, json_t *object, const char *key, uint32_t ms,
                         uint32_t usual)
{
    if (b->is_full || ms != usual)
        put(b, object, key, json_string(duration_text(b->arena, ms)));
}

static void put_size(struct body *b, json_t *object, const char *key, uint64_t bytes,
                     uint64_t usual)
{
    if (b->is_full || bytes != usual)
        put(b, object, key, json_string(size_text(b->arena, bytes)));
}

static void put_milli(struct body *b, json_t *object, const char *key, uint32_t milli,
                      uint32_t usual)
{
    if (b->is_full || milli != usual)
        put(b, object, key, json_string(milli_text(b->arena, milli)));
}

static void put_pairs(struct body *b, json_t *object, const char *key,
                      const struct pair *pairs, size_t n)
{
    json_t *map = json_object();
    for (size_t i = 0; i < n; i++)
        put(b, map, pairs[i].key, json_string(pairs[i].value));
    put_object(b, object, key, map);
}

/* ---- the parts, their keys in sorted order ---- */

static void put_constraints(struct body *b, json_t *root, const struct job_spec *spec)
{
    static const char *const ops[] = {"==", "like", "unique"};
    json_t *list = json_array();
    for (size_t i = 0; i < spec->n_constraints; i++) {
        const struct constraint *c = &spec->constraints[i];
        json_t *map = json_object();
        put_text(b, map, "attr", c->attr, NULL);
        put_text(b, map, "op", ops[c->op], NULL);
        put_text(b, map, "value", c->value, NULL);
        append(b, list, map);
    }
    if (spec->n_constraints)
        put(b, root, "constraints", list);
    else
        json_decref(list);
}

static json_t *check_json(struct body *b, const struct job_spec *spec,
                          const struct health_spec *check)
{
    bool is_http = check->kind == HEALTH_HTTP;
    json_t *map = json_object();
    put_duration(b, map, "grace", check->grace_ms, DEFAULT_HEALTH_GRACE_MS);
    if (is_http)
        put_text(b, map, "http", check->path, NULL);
    put_duration(b, map, "interval", check->interval_ms, DEFAULT_HEALTH_INTERVAL_MS);
    put_uint(b, map, "max_failures", check->max_failures, DEFAULT_HEALTH_MAX_FAILURES);
    put_text(b, map, "name", check->name, NULL);
    if (check->port_index < spec->n_ports)
        put_text(b, map, "port", spec->ports[check->port_index].name,
                 spec->ports[0].name);
    if (is_http && (b->is_full || check->status_min != DEFAULT_STATUS_MIN ||
                    check->status_max != DEFAULT_STATUS_MAX))
        put(b, map, "status",
            json_sprintf("%u-%u", check->status_min, check->status_max));
    if (!is_http)
        put(b, map, "tcp", json_true());
    put_duration(b, map, "timeout", check->timeout_ms, DEFAULT_HEALTH_TIMEOUT_MS);
    return map;
}

static void put_health(struct body *b, json_t *root, const struct job_spec *spec)
{
    json_t *list = json_array();
    for (size_t i = 0; i < spec->n_health; i++)
        append(b, list, check_json(b, spec, &spec->health[i]));
    if (spec->n_health)
        put(b, root, "health", list);
    else
        json_decref(list);
}

static void put_ports(struct body *b, json_t *root, const struct job_spec *spec)
{
    json_t *map = json_object();
    for (size_t i = 0; i < spec->n_ports; i++) {
        const struct port_spec *port = &spec->ports[i];
        json_t *to =
            port->host_port ? json_integer(port->host_port) : json_string("dynamic");
        if (b->is_full || strcmp(port->protocol, DEFAULT_PROTOCOL) != 0) {
            json_t *full = json_object();
            put(b, full, "protocol", json_string(port->protocol));
            put(b, full, "to", to);
            to = full;
        }
        put(b, map, port->name, to);
    }
    put_object(b, root, "ports", map);
}

static void put_restart(struct body *b, json_t *root, const struct restart_spec *restart)
{
    json_t *map = json_object();
    put_uint(b, map, "attempts", restart->attempts, DEFAULT_RESTART_ATTEMPTS);
    put_milli(b, map, "backoff", restart->backoff_permille,
              DEFAULT_RESTART_BACKOFF_PERMILLE);
    put_duration(b, map, "delay", restart->delay_ms, DEFAULT_RESTART_DELAY_MS);
    put_duration(b, map, "max_delay", restart->max_delay_ms,
                 DEFAULT_RESTART_MAX_DELAY_MS);
    put_duration(b, map, "window", restart->window_ms, DEFAULT_RESTART_WINDOW_MS);
    put_object(b, root, "restart", map);
}

static void put_service(struct body *b, json_t *root, const struct job_spec *spec)
{
    json_t *map = json_object();
    put_text(b, map, "name", spec->service_name, spec->name);
    if (spec->service_port < spec->n_ports)
        put_text(b, map, "port", spec->ports[spec->service_port].name,
                 spec->ports[0].name);
    put_object(b, root, "service", map);
}

static void put_command(struct body *b, json_t *map, const struct task_spec *task)
{
    bool is_shell = task->n_argv == 3 && strcmp(task->argv[0], "/bin/sh") == 0 &&
                    strcmp(task->argv[1], "-c") == 0;
    if (is_shell && task->argv[2][strspn(task->argv[2], " \t\r\n")] != '\0') {
        put_text(b, map, "command", task->argv[2], NULL);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < task->n_argv; i++)
        append(b, list, json_string(task->argv[i]));
    put(b, map, "command", list);
}

static void put_task(struct body *b, json_t *root, const struct task_spec *task)
{
    json_t *map = json_object(), *logs = json_object(), *resources = json_object(),
           *stop = json_object();
    put_command(b, map, task);
    put_text(b, map, "dir", task->dir, NULL);
    put_pairs(b, map, "env", task->env, task->n_env);
    put_uint(b, logs, "max_files", task->log_max_files, DEFAULT_LOG_MAX_FILES);
    put_size(b, logs, "max_size", task->log_max_bytes, DEFAULT_LOG_MAX_BYTES);
    put_object(b, map, "logs", logs);
    put_milli(b, resources, "cpu", task->cpu_milli, DEFAULT_CPU_MILLI);
    put_size(b, resources, "memory", task->memory_bytes, DEFAULT_MEMORY_BYTES);
    put_uint(b, resources, "pids", task->pids, DEFAULT_PIDS);
    put_object(b, map, "resources", resources);
    const char *signal = jobfile_signal_name(task->stop_signal);
    put_text(b, stop, "signal", signal, jobfile_signal_name(DEFAULT_STOP_SIGNAL));
    put_duration(b, stop, "timeout", task->stop_timeout_ms, DEFAULT_STOP_TIMEOUT_MS);
    put_object(b, map, "stop", stop);
    put_text(b, map, "user", task->user, NULL);
    put(b, root, "task", map);
}

static json_t *spec_json(struct body *b, const struct job_spec *spec)
{
    json_t *root = json_object(), *update = json_object();
    put_constraints(b, root, spec);
    put_uint(b, root, "count", spec->count, DEFAULT_COUNT);
    put_health(b, root, spec);
    put_text(b, root, "job", spec->name, NULL);
    put_pairs(b, root, "labels", spec->labels, spec->n_labels);
    put_text(b, root, "namespace", spec->ns, DEFAULT_NAMESPACE);
    put_ports(b, root, spec);
    put_uint(b, root, "priority", spec->priority, DEFAULT_PRIORITY);
    put_restart(b, root, &spec->restart);
    put_service(b, root, spec);
    put_task(b, root, &spec->task);
    put_uint(b, update, "max_parallel", spec->update.max_parallel, DEFAULT_MAX_PARALLEL);
    put_duration(b, update, "min_healthy_time", spec->update.min_healthy_time_ms,
                 DEFAULT_MIN_HEALTHY_TIME_MS);
    put_object(b, root, "update", update);
    return root;
}

/* ---- bytes ---- */

/* Characters JSON allows as they are, but a YAML reader refuses or takes for a line
 * break: DEL, C1 controls, U+2028, U+2029, U+FEFF, U+FFFE, U+FFFF (YAML 1.1, 5.1
 * and 5.4).  Returns the bytes it takes in UTF-8, or 0 for any other character. */
static size_t awkward_at(const unsigned char *at, size_t left, unsigned *ret_code)
{
    if (at[0] == 0x7f) {
        *ret_code = 0x7f;
        return 1;
    }
    if (at[0] == 0xc2 && left >= 2 && at[1] < 0xa0) {
        *ret_code = at[1];
        return 2;
    }
    if ((at[0] & 0xf0) != 0xe0 || left < 3)
        return 0;
    *ret_code = (at[0] & 0x0fu) << 12 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu);
    bool is_awkward = *ret_code == 0x2028 || *ret_code == 0x2029 || *ret_code == 0xfeff ||
                      *ret_code >= 0xfffe;
    return is_awkward ? 3 : 0;
}

/* Write those as \uXXXX; they can only stand inside strings. */
static struct bytes escape(const char *json, size_t len, struct arena *arena)
{
    const unsigned char *in = (const unsigned char *)json;
    size_t n_awkward = 0;
    unsigned code = 0;
    for (size_t i = 0; i < len; i++)
        n_awkward += awkward_at(in + i, len - i, &code) > 0;
    uint8_t *out = arena_alloc(arena, len + 6 * n_awkward + 1);
    if (!out)
        return (struct bytes){0};
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        size_t step = awkward_at(in + i, len - i, &code);
        if (step) {
            static const char digits[] = "0123456789abcdef";
            const uint8_t text[] = {'\\',
                                    'u',
                                    (uint8_t)digits[code >> 12],
                                    (uint8_t)digits[code >> 8 & 15],
                                    (uint8_t)digits[code >> 4 & 15],
                                    (uint8_t)digits[code & 15]};
            memcpy(out + n, text, sizeof(text));
            n += sizeof(text);
            i += step;
        } else {
            out[n++] = in[i++];
        }
    }
    return (struct bytes){out, n};
}

struct bytes spec_canonical(const struct job_spec *spec, struct arena *arena)
{
    struct body b = {.arena = arena};
    json_t *root = spec_json(&b, spec);
    char *json = b.is_failed ? NULL : json_dumps(root, JSON_COMPACT);
    struct bytes out = json ? escape(json, strlen(json), arena) : (struct bytes){0};
    free(json);
    json_decref(root);
    return out;
}

/* ---- differences ---- */

struct leaf {
    const char *path, *text;
};

struct leaves {
    struct arena *arena;
    struct leaf *list;
    size_t n, cap;
    bool is_failed;
};

static void flatten(struct leaves *to, const char *path, json_t *value)
{
    const char *key;
    json_t *child;
    size_t i;
    if (!path) {
        to->is_failed = true;
        return;
    }
    if (json_is_object(value)) {
        json_object_foreach(value, key, child)
            flatten(to,
                    *path ? arena_printf(to->arena, "%s.%s", path, key)
                          : arena_text(to->arena, key),
                    child);
        return;
    }
    if (json_is_array(value)) {
        json_array_foreach(value, i, child)
            flatten(to, arena_printf(to->arena, "%s[%zu]", path, i), child);
        return;
    }
    if (arena_grow(to->arena, (void **)&to->list, to->n, &to->cap, sizeof(*to->list)) <
        0) {
        to->is_failed = true;
        return;
    }
    const char *text =
        json_is_integer(value)
            ? arena_printf(to->arena, "%lld", (long long)json_integer_value(value))
            : arena_text(to->arena, json_is_string(value) ? json_string_value(value)
                                    : json_is_true(value) ? "true"
                                                          : "false");
    to->list[to->n++] = (struct leaf){path, text ? text : ""};
}

/* [10] after [2], as people count. */
static int compare_leaves(const void *a, const void *b)
{
    const struct leaf *x = a, *y = b;
    return strverscmp(x->path, y->path);
}

/* All that a body says, defaults included.  A body this version cannot read, written by a
 * newer one, is compared as it stands. */
static void leaves_of(struct leaves *to, struct bytes body)
{
    struct complaints ignored = {.arena = to->arena};
    struct jobfile file;
    struct body b = {.arena = to->arena, .is_full = true};
    if (body.len == 0)
        return;
    json_t *root = jobfile_read(body, to->arena, &ignored, &file) == 0 && file.n_jobs == 1
                       ? spec_json(&b, file.jobs)
                       : json_loadb((const char *)body.at, body.len, 0, NULL);
    if (root)
        flatten(to, "", root);
    json_decref(root);
    if (to->n)
        qsort(to->list, to->n, sizeof(*to->list), compare_leaves);
    to->is_failed = to->is_failed || b.is_failed;
}

enum { VALUE_SHOWN_MAX = 200 };

static char *change_text(struct arena *arena, const char *path, const char *before,
                         const char *after)
{
    return arena_printf(arena, "%s: %.*s -> %.*s", path, VALUE_SHOWN_MAX, before,
                        VALUE_SHOWN_MAX, after);
}

int spec_diff(struct bytes before, struct bytes after, struct arena *arena,
              const char *const **ret_lines, size_t *ret_n)
{
    struct leaves old = {.arena = arena}, new = {.arena = arena};
    leaves_of(&old, before);
    leaves_of(&new, after);
    const char **lines = arena_array(arena, old.n + new.n + 1, sizeof(*lines));
    if (!lines || old.is_failed || new.is_failed)
        return -ENOMEM;
    size_t n = 0, i = 0, j = 0;
    while (i < old.n || j < new.n) {
        int order = i == old.n   ? 1
                    : j == new.n ? -1
                                 : strverscmp(old.list[i].path, new.list[j].path);
        const char *path = order <= 0 ? old.list[i].path : new.list[j].path;
        const char *from = order <= 0 ? old.list[i++].text : "none";
        const char *to = order >= 0 ? new.list[j++].text : "none";
        if (order == 0 && strcmp(from, to) == 0)
            continue;
        lines[n] = change_text(arena, path, from, to);
        if (!lines[n++])
            return -ENOMEM;
    }
    *ret_lines = lines;
    *ret_n = n;
    return 0;
}
