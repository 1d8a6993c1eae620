/* What a job shows to others: its ports, its health checks, its name. */
#include <stdlib.h>
#include <string.h>

#include "sched/defaults.h"
#include "sched/jobfile_task.h"

/* ---- ports ---- */

static void read_port_number(struct job_reader *r, const struct doc *value,
                             struct port_spec *port)
{
    const char *text = schema_text_of(r, value);
    uint64_t number;
    if (!text || strcmp(text, "dynamic") == 0)
        return;
    if (text_uint(text, UINT16_MAX, &number) < 0 || number == 0)
        schema_refuse(
            r, value,
            "%.64s: wants dynamic or a port number from 1 to 65535, not '%.64s'%s",
            value->key, text,
            strchr(text, ':') ? ": a task uses the host's network, one number is enough"
            : strstr(text, "/udp") ? ": write {to: NUMBER, protocol: udp}"
            : strchr(text, '/')    ? ": the number is enough"
                                   : "");
    else
        port->host_port = (uint16_t)number;
}

static SCHEMA_READER(read_port_to)
{
    (void)key;
    read_port_number(r, value, to);
}

/* The word stands in DNS, and udp decides what is bound: a misspelt one must not pass for TCP. */
static SCHEMA_READER(read_protocol)
{
    static const char *const known[] = {
        "tcp",   "udp",   "http",  "https", "http2", "h2c",      "grpc",
        "ws",    "wss",   "tls",   "dns",   "ftp",   "ssh",      "smtp",
        "imap",  "ldap",  "ntp",   "sip",   "amqp",  "mqtt",     "redis",
        "mysql", "pgsql", "mongo", "kafka", "nats",  "memcache", NULL};
    static const char *const others[] = {"sctp", "dccp", "icmp", "quic", NULL};
    struct port_spec *port = to;
    const char *text = schema_label_of(r, value);
    if (!text)
        return;
    bool is_known = r->is_stored;
    for (size_t i = 0; known[i] && !is_known; i++)
        is_known = strcmp(known[i], text) == 0;
    const char *near = is_known ? NULL : did_you_mean(text, known);
    for (size_t i = 0; others[i]; i++)
        near = strcmp(others[i], text) == 0 ? NULL : near; /* meant as it stands */
    if (is_known)
        port->protocol = text;
    else if (near)
        schema_refuse(r, value, "%s: '%.64s' is none that is known; did you mean '%s'?",
                      key->name, text, near);
    else
        schema_refuse(
            r, value,
            "%s: '%.64s' is none that is known; write tcp or udp, or leave it out",
            key->name, text);
}

static const struct key port_keys[] = {
    {"to", .read = read_port_to},
    {"protocol", .read = read_protocol},
    {"host", schema_refused,
     .text = "leave it out: a task is reached at its node's address"},
    {0},
};

/* Two ports of one job cannot be the same port of the host. */
static void check_port(struct job_reader *r, const struct doc *value,
                       const struct port_spec *ports, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (ports[i].host_port && ports[j].host_port == ports[i].host_port &&
            (strcmp(ports[i].protocol, "udp") == 0) ==
                (strcmp(ports[j].protocol, "udp") == 0))
            schema_refuse(r, value, "%s: port %u is taken by %s already", ports[i].name,
                          ports[i].host_port, ports[j].name);
}

/* `ports: [http, admin]`: all dynamic. */
static const char *read_port_name(struct job_reader *r, const struct doc *item)
{
    const char *text = schema_text_of(r, item);
    if (!text)
        return NULL;
    if (text[strspn(text, "0123456789")] != '\0')
        return schema_label_of(r, item);
    schema_refuse(r, item, "ports: a list has names; give the port a name: {http: %.64s}",
                  text);
    return NULL;
}

static void read_port(struct job_reader *r, const struct doc *value, bool is_list,
                      struct port_spec *port)
{
    port->protocol = DEFAULT_PROTOCOL;
    if (is_list) {
        const char *name = read_port_name(r, value);
        port->name = name ? name : "";
        return;
    }
    struct doc name = {.kind = DOC_SCALAR,
                       .line = value->key_line,
                       .column = value->key_column,
                       .file = value->file,
                       .text = value->key,
                       .key = "port"};
    port->name = value->key;
    (void)schema_label_of(r, &name);
    if (value->kind == DOC_MAP)
        schema_read(r, value, port_keys, "ports", port);
    else
        read_port_number(r, value, port);
}

void jobfile_ports_read(struct job_reader *r, const struct doc *value,
                        struct job_spec *spec)
{
    bool is_list = value->kind == DOC_LIST;
    if (is_list ? !schema_is_list(r, value, PORTS_MAX)
                : !schema_is_map(r, value, PORTS_MAX))
        return;
    struct port_spec *ports = schema_array(r, value->n, sizeof(*ports));
    size_t n = 0;
    for (const struct doc *item = value->child; ports && item; item = item->next) {
        read_port(r, item, is_list, &ports[n]);
        for (size_t i = 0; is_list && i < n; i++)
            if (strcmp(ports[i].name, ports[n].name) == 0 && *ports[n].name)
                schema_refuse(r, item, "ports: '%.64s' is here twice", ports[n].name);
        check_port(r, item, ports, n);
        n++;
    }
    spec->ports = ports;
    spec->n_ports = ports ? n : 0;
}

/* The index of the port a check or service names; 0 with a complaint when there is none. */
static unsigned find_port(struct job_reader *r, const struct doc *value,
                          const struct job_spec *spec)
{
    const char *names[PORTS_MAX + 1] = {NULL};
    const char *text = schema_text_of(r, value);
    if (!text)
        return 0;
    for (unsigned i = 0; i < spec->n_ports; i++) {
        names[i] = spec->ports[i].name;
        if (strcmp(names[i], text) == 0)
            return i;
    }
    const char *near = did_you_mean(text, names);
    if (near)
        schema_refuse(r, value, "%.64s: no port is named '%.64s'; did you mean '%s'?",
                      value->key, text, near);
    else if (spec->n_ports)
        schema_refuse(r, value, "%.64s: no port is named '%.64s'; there is '%s'",
                      value->key, text, names[0]);
    else
        schema_refuse(r, value,
                      "%.64s: the job has no ports; add ports: {%.64s: dynamic}",
                      value->key, text);
    return 0;
}

/* ---- health ---- */

struct check_draft {
    struct health_spec spec;
    const struct doc *http, *tcp, *port, *status, *kind, *unready_after;
};

#define CHECK(member) offsetof(struct check_draft, member)

enum { CHECK_FAILURES_MAX = 1000 };

static const struct key health_keys[] = {
    {"name", schema_label, .offset = CHECK(spec.name)},
    {"http", schema_keep, .offset = CHECK(http)},
    {"tcp", schema_keep, .offset = CHECK(tcp)},
    {"exec", schema_refused, .text = "use http or tcp"},
    {"port", schema_keep, .offset = CHECK(port)},
    {"interval", schema_duration, .offset = CHECK(spec.interval_ms), .min = 100},
    {"timeout", schema_duration, .offset = CHECK(spec.timeout_ms), .min = 10},
    {"grace", schema_duration, .offset = CHECK(spec.grace_ms)},
    {"unready_after", schema_keep, .offset = CHECK(unready_after)},
    {"max_failures", schema_uint, .offset = CHECK(spec.max_failures),
     .max = CHECK_FAILURES_MAX},
    {"kind", schema_keep, .offset = CHECK(kind)},
    {"status", schema_keep, .offset = CHECK(status)},
    {0},
};

/* "200-399" or "204". */
static void read_status(struct job_reader *r, const struct doc *value,
                        struct health_spec *check)
{
    const char *text = schema_text_of(r, value);
    char low[4] = "", high[4] = "";
    uint64_t from, to;
    if (!text)
        return;
    size_t len = strlen(text);
    if (len == 3 || (len == 7 && text[3] == '-')) {
        memcpy(low, text, 3);
        memcpy(high, text + len - 3, 3);
    }
    if (text_uint(low, 599, &from) < 0 || text_uint(high, 599, &to) < 0 || from < 100 ||
        to < from) {
        schema_refuse(r, value,
                      "status: wants one code or a range such as 200-399, not '%.64s'",
                      text);
        return;
    }
    check->status_min = (uint16_t)from;
    check->status_max = (uint16_t)to;
}

static void read_path(struct job_reader *r, const struct doc *value,
                      struct health_spec *check)
{
    const char *text = schema_text_of(r, value);
    if (!text)
        return;
    if (text[0] != '/' || strpbrk(text, " \t\r\n"))
        schema_refuse(r, value, "http: wants a path such as /health, not '%.64s'", text);
    else
        check->path = text;
}

static void read_kind(struct job_reader *r, const struct doc *value,
                      struct health_spec *check)
{
    const char *text = schema_text_of(r, value);
    if (!text || strcmp(text, "live") == 0)
        return;
    if (strcmp(text, "ready") == 0)
        check->role = HEALTH_READY;
    else
        schema_refuse(r, value,
                      "kind: wants live (restarts the task) or ready (only leaves DNS), "
                      "not '%.64s'",
                      text);
}

/* Unless the file says it, a check that restarts the task after one failure leaves DNS with it; said,
 * more failures than a restart takes could never be reached. */
static void read_unready_after(struct job_reader *r, const struct doc *value,
                               struct health_spec *check)
{
    static const struct key key = {"unready_after", .min = 1, .max = CHECK_FAILURES_MAX};
    bool restarts = check->role == HEALTH_LIVE && check->max_failures > 0;
    if (!value) {
        if (restarts && check->max_failures < check->unready_after)
            check->unready_after = check->max_failures;
        return;
    }
    uint32_t n = 0;
    schema_uint(r, &key, value, &n);
    if (n == 0)
        return;
    check->unready_after = n;
    if (restarts && n > check->max_failures)
        schema_refuse(
            r, value,
            "unready_after: must be at most max_failures (%u), which restarts the "
            "task",
            check->max_failures);
}

static void read_check(struct job_reader *r, const struct doc *map, struct job_spec *spec,
                       struct health_spec *check)
{
    struct check_draft draft = {.spec = {.interval_ms = DEFAULT_HEALTH_INTERVAL_MS,
                                         .timeout_ms = DEFAULT_HEALTH_TIMEOUT_MS,
                                         .grace_ms = DEFAULT_HEALTH_GRACE_MS,
                                         .unready_after = DEFAULT_HEALTH_UNREADY_AFTER,
                                         .max_failures = DEFAULT_HEALTH_MAX_FAILURES,
                                         .status_min = DEFAULT_STATUS_MIN,
                                         .status_max = DEFAULT_STATUS_MAX}};
    schema_read(r, map, health_keys, "health", &draft);
    if (map->kind != DOC_MAP)
        return;
    draft.spec.kind = draft.http ? HEALTH_HTTP : HEALTH_TCP;
    if (draft.http && draft.tcp)
        schema_refuse(r, draft.tcp,
                      "health: a check is either http or tcp; write two checks");
    else if (!draft.http && !draft.tcp && !schema_find(map, "exec"))
        schema_refuse(r, map, "health: wants http: /path or tcp: true");
    if (draft.kind)
        read_kind(r, draft.kind, &draft.spec);
    read_unready_after(r, draft.unready_after, &draft.spec);
    if (draft.http)
        read_path(r, draft.http, &draft.spec);
    if (draft.status && draft.http)
        read_status(r, draft.status, &draft.spec);
    else if (draft.status)
        schema_refuse(r, draft.status, "status: only an http check has one");
    if (draft.tcp &&
        (draft.tcp->kind != DOC_SCALAR || strcmp(draft.tcp->text, "true") != 0))
        schema_refuse(r, draft.tcp, "tcp: wants true; the port's name goes to port");
    if (draft.port)
        draft.spec.port_index = find_port(r, draft.port, spec);
    else if (spec->n_ports == 0)
        schema_refuse(
            r, map, "health: the job has no ports to check; add ports: {http: dynamic}");
    *check = draft.spec;
}

/* A check without a name is called after its kind, and numbered from the second on. */
static void name_check(struct job_reader *r, const struct doc *map,
                       struct health_spec *checks, size_t i)
{
    const char *kind = checks[i].kind == HEALTH_HTTP ? "http" : "tcp";
    if (!checks[i].name)
        checks[i].name = i == 0 ? kind : arena_printf(r->arena, "%s-%zu", kind, i + 1);
    for (size_t j = 0; j < i && checks[i].name; j++)
        if (checks[j].name && strcmp(checks[j].name, checks[i].name) == 0)
            schema_refuse(r, map, "health: two checks are named '%s'", checks[i].name);
}

void jobfile_health_read(struct job_reader *r, const struct doc *list,
                         struct job_spec *spec)
{
    struct doc path = *list, map = *list, short_list = *list;
    if (list->kind == DOC_SCALAR) { /* health: /healthz */
        path.key = "http";
        path.next = NULL;
        map.kind = DOC_MAP;
        map.child = &path;
        short_list.kind = DOC_LIST;
        short_list.child = &map;
        map.n = short_list.n = 1;
        map.next = NULL;
        list = &short_list;
    }
    if (!schema_is_list(r, list, HEALTH_MAX))
        return;
    struct health_spec *checks = schema_array(r, list->n, sizeof(*checks));
    size_t n = 0;
    for (const struct doc *c = list->child; checks && c; c = c->next) {
        read_check(r, c, spec, &checks[n]);
        name_check(r, c, checks, n);
        n++;
    }
    spec->health = checks;
    spec->n_health = checks ? n : 0;
}

/* ---- service ---- */

struct service_draft {
    const char *name;
    const struct doc *port;
};

static const struct key service_keys[] = {
    {"name", schema_label, .offset = offsetof(struct service_draft, name)},
    {"port", schema_keep, .offset = offsetof(struct service_draft, port)},
    {"tags", schema_refused, .text = "use labels"},
    {"expose", schema_refused,
     .text = "give the port a number under ports to fix it on the host"},
    {"proxy_protocol", schema_only, .text = "false|true"},
    {"protocol", schema_refused,
     .text = "write it at the port: ports: {http: {to: dynamic, protocol: http}}"},
    {0},
};

void jobfile_service_read(struct job_reader *r, const struct doc *value,
                          struct job_spec *spec)
{
    if (value->kind == DOC_LIST && value->n == 1)
        value = value->child;
    if (value->kind == DOC_LIST) {
        schema_refuse(r, value,
                      "service: more than one is not supported by this version; every "
                      "port has its name in DNS anyway");
        return;
    }
    if (value->kind == DOC_SCALAR && strcmp(value->text, "none") == 0) {
        spec->service_name = NULL;
        return;
    }
    if (value->kind == DOC_SCALAR) { /* service: web */
        const char *name = schema_label_of(r, value);
        spec->service_name = name ? name : spec->service_name;
        return;
    }
    struct service_draft draft = {0};
    schema_read(r, value, service_keys, "service", &draft);
    if (draft.name)
        spec->service_name = draft.name;
    if (draft.port)
        spec->service_port = find_port(r, draft.port, spec);
}

const struct key_map jobfile_net_maps[] = {
    {"ports", port_keys},
    {"health", health_keys},
    {"service", service_keys},
    {0},
};
