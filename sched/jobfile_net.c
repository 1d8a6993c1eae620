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
            "%.64s: wants dynamic or a port number from 1 to 65535, not '%.64s'",
            value->key, text);
    else
        port->host_port = (uint16_t)number;
}

static SCHEMA_READER(read_port_to)
{
    (void)key;
    read_port_number(r, value, to);
}

static const struct key port_keys[] = {
    {"to", .read = read_port_to},
    {"protocol", schema_label, .offset = offsetof(struct port_spec, protocol)},
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

void jobfile_ports_read(struct job_reader *r, const struct doc *map,
                        struct job_spec *spec)
{
    if (!schema_is_map(r, map, PORTS_MAX))
        return;
    struct port_spec *ports = schema_array(r, map->n, sizeof(*ports));
    size_t n = 0;
    for (const struct doc *value = map->child; ports && value; value = value->next) {
        struct doc name = {.kind = DOC_SCALAR,
                           .line = value->key_line,
                           .column = value->key_column,
                           .text = value->key,
                           .key = "port"};
        ports[n] = (struct port_spec){.name = value->key, .protocol = DEFAULT_PROTOCOL};
        (void)schema_label_of(r, &name);
        if (value->kind == DOC_MAP)
            schema_read(r, value, port_keys, "ports", &ports[n]);
        else
            read_port_number(r, value, &ports[n]);
        check_port(r, value, ports, n);
        n++;
    }
    spec->ports = ports;
    spec->n_ports = ports ? n : 0;
}

/* The index of the port a check or service names; 0 with a complaint when there is none.
 */
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
    const struct doc *http, *tcp, *port, *status;
};

#define CHECK(member) offsetof(struct check_draft, member)

static const struct key health_keys[] = {
    {"name", schema_label, .offset = CHECK(spec.name)},
    {"http", schema_keep, .offset = CHECK(http)},
    {"tcp", schema_keep, .offset = CHECK(tcp)},
    {"exec", schema_refused, .text = "use http or tcp"},
    {"port", schema_keep, .offset = CHECK(port)},
    {"interval", schema_duration, .offset = CHECK(spec.interval_ms), .min = 100},
    {"timeout", schema_duration, .offset = CHECK(spec.timeout_ms), .min = 10},
    {"grace", schema_duration, .offset = CHECK(spec.grace_ms)},
    {"max_failures", schema_uint, .offset = CHECK(spec.max_failures), .min = 1,
     .max = 1000},
    {"kind", schema_only, .text = "ready|live"},
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

static void read_check(struct job_reader *r, const struct doc *map, struct job_spec *spec,
                       struct health_spec *check)
{
    struct check_draft draft = {.spec = {.interval_ms = DEFAULT_HEALTH_INTERVAL_MS,
                                         .timeout_ms = DEFAULT_HEALTH_TIMEOUT_MS,
                                         .grace_ms = DEFAULT_HEALTH_GRACE_MS,
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
    else if (!draft.http && !draft.tcp && !doc_find(map, "exec"))
        schema_refuse(r, map, "health: wants http: /path or tcp: true");
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
    if (!schema_is_list(r, list, HEALTH_MAX))
        return;
    struct health_spec *checks = schema_array(r, list->n, sizeof(*checks));
    size_t n = 0;
    for (const struct doc *map = list->child; checks && map; map = map->next) {
        read_check(r, map, spec, &checks[n]);
        name_check(r, map, checks, n);
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
                      "service: more than one (or none) is not supported by this "
                      "version; every port has "
                      "its name in DNS anyway");
        return;
    }
    struct service_draft draft = {0};
    schema_read(r, value, service_keys, "service", &draft);
    if (draft.name)
        spec->service_name = draft.name;
    if (draft.port)
        spec->service_port = find_port(r, draft.port, spec);
}
