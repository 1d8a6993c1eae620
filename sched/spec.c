/* Specs as canonical JSON.
 *
 * Two equal specs must make the same bytes on every machine, since the hash of the bytes
 * is the version.  So keys are put in sorted order here, except under `ports`, whose
 * order is part of the meaning (the first port is PORT0), and numbers with units are
 * written in one way only. */
#include "sched/spec.h"

#include <stdlib.h>
#include <string.h>

#include "sched/defaults.h"
#include "sched/jobfile_task.h"
#include "sched/spec_json.h"

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
    char text[SIZE_TEXT];
    if (b->is_full || bytes != usual)
        put(b, object, key, json_string(size_text(bytes, text)));
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

/* What a check has that does not say: see jobfile_health_read. */
static uint32_t usual_unready_after(const struct health_spec *check)
{
    bool restarts_first = check->role == HEALTH_LIVE && check->max_failures > 0 &&
                          check->max_failures < DEFAULT_HEALTH_UNREADY_AFTER;
    return restarts_first ? check->max_failures : DEFAULT_HEALTH_UNREADY_AFTER;
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
    if (b->is_full || check->role != HEALTH_LIVE)
        put_text(b, map, "kind", check->role == HEALTH_LIVE ? "live" : "ready", NULL);
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
    put_uint(b, map, "unready_after", check->unready_after, usual_unready_after(check));
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
    if (!spec->service_name) {
        put(b, root, "service", json_string("none"));
        return;
    }
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

static json_t *rlimit_json(struct body *b, const struct rlimit_name *name, uint64_t value)
{
    char text[SIZE_TEXT];
    if (value == RLIMITS_UNLIMITED)
        return json_string("unlimited");
    if (name->unit == RLIMITS_BYTES)
        return json_string(size_text(value, text));
    if (name->unit == RLIMITS_SECONDS)
        return json_string(arena_printf(b->arena, "%llus", (unsigned long long)value));
    return json_integer((json_int_t)value);
}

/* What a job does not ask for is not in its body, whatever the node then sets. */
static void put_limits(struct body *b, json_t *map, const struct task_spec *task)
{
    json_t *limits = json_object();
    char text[SIZE_TEXT];
    if (task->cpu_cap_milli)
        put(b, limits, "cpu", json_string(milli_text(b->arena, task->cpu_cap_milli)));
    if (task->has_swap)
        put(b, limits, "swap", json_string(size_text(task->swap_bytes, text)));
    put_object(b, map, "limits", limits);
}

static void put_rlimits(struct body *b, json_t *map, const struct task_spec *task)
{
    json_t *rlimits = json_object();
    for (int kind = 0; kind < RLIMITS_KINDS; kind++)
        if (rlimits_has(&task->rlimits, (enum rlimit_kind)kind))
            put(b, rlimits, rlimit_names[kind].text,
                rlimit_json(b, &rlimit_names[kind], task->rlimits.at[kind]));
    put_object(b, map, "rlimits", rlimits);
}

static void put_task(struct body *b, json_t *root, const struct task_spec *task)
{
    json_t *map = json_object(), *isolation = json_object(), *logs = json_object(),
           *resources = json_object(), *stop = json_object();
    put_command(b, map, task);
    put_text(b, map, "dir", task->dir, NULL);
    put_pairs(b, map, "env", task->env, task->n_env);
    put_text(b, isolation, "api", jobfile_api_name(task->api),
             jobfile_api_name(API_NONE));
    put_object(b, map, "isolation", isolation);
    put_limits(b, map, task);
    put_duration(b, logs, "keep", task->log_keep_ms, DEFAULT_LOG_KEEP_MS);
    put_uint(b, logs, "max_files", task->log_max_files, DEFAULT_LOG_MAX_FILES);
    put_size(b, logs, "max_size", task->log_max_bytes, DEFAULT_LOG_MAX_BYTES);
    put_object(b, map, "logs", logs);
    put_milli(b, resources, "cpu", task->cpu_milli, DEFAULT_CPU_MILLI);
    put_size(b, resources, "memory", task->memory_bytes, DEFAULT_MEMORY_BYTES);
    put_uint(b, resources, "pids", task->pids, DEFAULT_PIDS);
    put_object(b, map, "resources", resources);
    put_rlimits(b, map, task);
    const char *signal = jobfile_signal_name(task->stop_signal);
    put_text(b, stop, "signal", signal, jobfile_signal_name(DEFAULT_STOP_SIGNAL));
    put_duration(b, stop, "timeout", task->stop_timeout_ms, DEFAULT_STOP_TIMEOUT_MS);
    put_text(b, stop, "to", task->stop_main ? "main" : NULL, NULL);
    put_object(b, map, "stop", stop);
    put_text(b, map, "user", task->user, NULL);
    put(b, root, "task", map);
}

/* ---- who sees which key ----
 *
 * A task sees what its processes could tell apart: what they are, what they are given, what holds
 * them.  The rest is between us and the cluster, and an edit of it restarts nothing.  A new key
 * goes to one side or the other, with the writer that puts it into the body: a test compares this
 * table with the reader's.  A key that is missing all the same counts as seen: the safe side. */
const struct spec_key spec_keys[] = {
    {"constraints", false}, /* where it may run: a node that still may keeps it */
    {"count", false},       /* how many others there are */
    {"health", false},      /* who asks it, and how often */
    {"job", true},          /* STRATOS_JOB */
    {"labels", false},      /* for people and tools */
    {"namespace", true},    /* STRATOS_NAMESPACE */
    {"ports", true}, /* names, numbers and order: PORT_*; protocol: what it may bind */
    {"priority", false}, /* who is placed first */
    {"restart", false},  /* what follows an exit */
    {"service", false},  /* its name in DNS */
    {"task.capabilities", true},
    {"task.command", true},
    {"task.dir", true},
    {"task.env", true},
    {"task.files", true},
    {"task.group", true},
    {"task.isolation", true},
    {"task.limits", true},
    {"task.logs", false},     /* what becomes of what it has written */
    {"task.resources", true}, /* its control group enforces them */
    {"task.rlimits", true},
    {"task.shell", true},
    {"task.stop", false}, /* what comes at its end */
    {"task.success_codes", false},
    {"task.umask", true},
    {"task.user", true},
    {"update", false}, /* how it will be replaced */
};
const size_t n_spec_keys = sizeof(spec_keys) / sizeof(spec_keys[0]);

/* ---- all of it ---- */

static json_t *root_json(struct body *b, const struct job_spec *spec)
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

json_t *spec_json(const struct job_spec *spec, bool is_full, struct arena *arena)
{
    struct body b = {.arena = arena, .is_full = is_full};
    json_t *root = root_json(&b, spec);
    if (!b.is_failed)
        return root;
    json_decref(root);
    return NULL;
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
    json_t *root = spec_json(spec, false, arena);
    char *json = root ? json_dumps(root, JSON_COMPACT) : NULL;
    struct bytes out = json ? escape(json, strlen(json), arena) : (struct bytes){0};
    free(json);
    json_decref(root);
    return out;
}
