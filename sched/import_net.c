/* A Marathon app's ports and health checks.
 *
 * Marathon gives an app host ports of its choosing, unless requirePorts is set; a
 * container's ports are mapped to host ports by Docker's bridge.  Here a task uses the
 * host's network: a fixed container port becomes that very port of the host. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sched/import_app.h"
#include "sched/yaml_text.h"

const char *import_text(const struct doc *map, const char *key)
{
    const struct doc *value = doc_find(map, key);
    return value && value->kind == DOC_SCALAR ? value->text : NULL;
}

double import_number(const struct doc *map, const char *key, double fallback)
{
    const char *text = import_text(map, key);
    char *end = NULL;
    double number = text ? strtod(text, &end) : fallback;
    bool is_number =
        !text || (end != text && *end == '\0' && isfinite(number) && number >= 0);
    return is_number ? number : fallback;
}

uint32_t import_ms(const struct doc *map, const char *key, double fallback_s,
                   uint32_t min)
{
    double ms = import_number(map, key, fallback_s) * 1000;
    if (ms < min)
        ms = min;
    if (ms > DURATION_MS_MAX)
        ms = DURATION_MS_MAX;
    return (uint32_t)ms;
}

bool import_label(const char *text, size_t len, char ret_label[static NAME_LEN_MAX + 1])
{
    size_t n = 0;
    for (size_t i = 0; i < len && n < NAME_LEN_MAX; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x80 && isalnum(c))
            ret_label[n++] = (char)tolower(c);
        else if (n && ret_label[n - 1] != '-')
            ret_label[n++] = '-';
    }
    while (n && ret_label[n - 1] == '-')
        n--;
    ret_label[n] = '\0';
    return n > 0;
}

/* ---- ports ---- */

static bool is_name_taken(const struct app_ports *ports, const char *name)
{
    for (size_t i = 0; i < ports->n; i++)
        if (strcmp(ports->list[i].name, name) == 0)
            return true;
    return false;
}

/* The next port, named as the app names it, or port<N>. */
static struct app_port *add_port(const struct app_import *import, const struct doc *at,
                                 const char *name, const char *protocol,
                                 struct app_ports *ports)
{
    if (ports->n == PORTS_MAX) {
        complain(import->notes, at->line, at->column,
                 "%s: a job has at most %d ports; this one is left out", import->id,
                 PORTS_MAX);
        return NULL;
    }
    struct app_port *port = &ports->list[ports->n];
    *port = (struct app_port){.protocol = "tcp"};
    if (!name || !import_label(name, strlen(name), port->name) ||
        is_name_taken(ports, port->name))
        (void)snprintf(port->name, sizeof(port->name), "port%zu", ports->n);
    if (protocol && strcmp(protocol, "udp") == 0)
        port->protocol = "udp";
    else if (protocol && strcmp(protocol, "tcp") != 0)
        complain(import->notes, at->line, at->column,
                 "%s: port %s: protocol '%.32s' is carried over as tcp", import->id,
                 port->name, protocol);
    ports->n++;
    return port;
}

static uint16_t port_number(double number)
{
    return number >= 1 && number <= UINT16_MAX ? (uint16_t)number : 0;
}

/* `ports: [0, 8080]` and `portDefinitions: [{port, name, protocol}]`. */
static void add_definitions(const struct app_import *import, const struct doc *app,
                            const struct doc *list, struct app_ports *ports)
{
    const char *require = import_text(app, "requirePorts");
    bool is_fixed = require && strcmp(require, "true") == 0;
    for (const struct doc *item = list->child; item; item = item->next) {
        bool is_map = item->kind == DOC_MAP;
        double number = is_map                     ? import_number(item, "port", 0)
                        : item->kind == DOC_SCALAR ? strtod(item->text, NULL)
                                                   : 0;
        struct app_port *port =
            add_port(import, item, is_map ? import_text(item, "name") : NULL,
                     is_map ? import_text(item, "protocol") : NULL, ports);
        if (!port)
            return;
        port->check_number = port_number(number);
        if (is_fixed)
            port->number = port->check_number;
        else if (port->check_number)
            complain(import->notes, item->line, item->column,
                     "%s: %u is Marathon's service port (requirePorts is not set): the "
                     "host port stays "
                     "dynamic, as it is there",
                     import->id, port->check_number);
        if (is_map && doc_find(item, "labels"))
            complain(import->notes, item->line, item->column,
                     "%s: the labels of port %s are not carried over", import->id,
                     port->name);
    }
}

static void add_mappings(const struct app_import *import, const struct doc *list,
                         struct app_ports *ports)
{
    for (const struct doc *item = list->child; item; item = item->next) {
        if (item->kind != DOC_MAP)
            continue;
        struct app_port *port = add_port(import, item, import_text(item, "name"),
                                         import_text(item, "protocol"), ports);
        if (!port)
            return;
        uint16_t inside = port_number(import_number(item, "containerPort", 0));
        uint16_t outside = port_number(import_number(item, "hostPort", 0));
        port->number = inside ? inside : outside;
        port->check_number = port->number;
        if (inside)
            port->comment = "the container's port, now the host's";
        if (inside && outside && inside != outside)
            complain(import->notes, item->line, item->column,
                     "%s: hostPort %u is not mapped to containerPort %u: tasks use the "
                     "host's network, so the "
                     "port is %u",
                     import->id, outside, inside, inside);
        if (port_number(import_number(item, "servicePort", 0)))
            complain(import->notes, item->line, item->column,
                     "%s: servicePort is not carried over: this version has no balancer; "
                     "clients find the "
                     "port in DNS",
                     import->id);
    }
}

static const struct doc *port_mappings(const struct doc *app)
{
    const struct doc *container = doc_find(app, "container");
    if (!container || container->kind != DOC_MAP)
        return NULL;
    const struct doc *docker = doc_find(container, "docker");
    const struct doc *list = doc_find(container, "portMappings");
    if (!list && docker && docker->kind == DOC_MAP)
        list = doc_find(docker, "portMappings");
    return list && list->kind == DOC_LIST && list->n ? list : NULL;
}

void import_ports(const struct app_import *import, const struct doc *app,
                  struct app_ports *ret_ports)
{
    *ret_ports = (struct app_ports){0};
    const struct doc *mappings = port_mappings(app),
                     *list = doc_find(app, "portDefinitions");
    if (!list)
        list = doc_find(app, "ports");
    bool is_list = list && list->kind == DOC_LIST;
    if (mappings) {
        add_mappings(import, mappings, ret_ports);
        if (is_list && list->n)
            complain(import->notes, list->key_line, list->key_column,
                     "%s: %s is left out: the container's portMappings are taken",
                     import->id, list->key);
    } else if (is_list) {
        add_definitions(import, app, list, ret_ports);
    } else {
        struct app_port *port = add_port(import, app, NULL, NULL, ret_ports);
        if (port)
            port->comment = "$PORT0 and $PORT: Marathon gives every app one";
    }
}

void import_ports_write(const struct app_ports *ports, struct yaml_text *out)
{
    if (ports->n)
        yaml_add(out, "ports:\n");
    for (size_t i = 0; i < ports->n; i++) {
        const struct app_port *port = &ports->list[i];
        char number[16] = "dynamic";
        if (port->number)
            (void)snprintf(number, sizeof(number), "%u", port->number);
        if (strcmp(port->protocol, "tcp") == 0)
            yaml_add(out, "  %s: %s", port->name, number);
        else
            yaml_add(out, "  %s: {to: %s, protocol: %s}", port->name, number,
                     port->protocol);
        yaml_add(out, port->comment ? "  # %s\n" : "\n", port->comment);
    }
}

/* ---- health ---- */

/* Which port a check looks at: by number, by index, else the first. */
static const struct app_port *check_port(const struct app_import *import,
                                         const struct doc *check,
                                         const struct app_ports *ports)
{
    uint16_t number = port_number(import_number(check, "port", 0));
    for (size_t i = 0; number && i < ports->n; i++)
        if (ports->list[i].check_number == number)
            return &ports->list[i];
    double index = import_number(check, "portIndex", 0);
    if (!number && index < (double)ports->n)
        return &ports->list[(size_t)index];
    if (number)
        complain(import->notes, check->line, check->column,
                 "%s: the check of port %u is left out: none of the app's ports has that "
                 "number",
                 import->id, number);
    else
        complain(import->notes, check->line, check->column,
                 "%s: the check is left out: the app has no port of index %.0f",
                 import->id, index);
    return NULL;
}

enum check_kind { CHECK_HTTP, CHECK_TCP, CHECK_NONE };

static enum check_kind check_kind(const struct app_import *import,
                                  const struct doc *check)
{
    const char *protocol = import_text(check, "protocol");
    if (!protocol || strcmp(protocol, "HTTP") == 0 || strcmp(protocol, "MESOS_HTTP") == 0)
        return CHECK_HTTP;
    if (strcmp(protocol, "TCP") == 0 || strcmp(protocol, "MESOS_TCP") == 0)
        return CHECK_TCP;
    if (strcmp(protocol, "HTTPS") == 0 || strcmp(protocol, "MESOS_HTTPS") == 0) {
        complain(import->notes, check->line, check->column,
                 "%s: an HTTPS check becomes a tcp check: this version speaks no TLS",
                 import->id);
        return CHECK_TCP;
    }
    complain(import->notes, check->line, check->column,
             "%s: a %.32s check is not supported by this version and left out; use http "
             "or tcp",
             import->id, protocol);
    return CHECK_NONE;
}

static void write_check(const struct doc *check, enum check_kind kind,
                        const struct app_port *port, size_t n, struct yaml_text *out)
{
    const char *path = import_text(check, "path");
    yaml_add(out, "  - {name: %s", kind == CHECK_HTTP ? "http" : "tcp");
    yaml_add(out, n ? "-%zu, " : ", ", n + 1);
    if (kind == CHECK_HTTP) {
        yaml_add(out, "http: ");
        yaml_scalar(out,
                    path && path[0] == '/' && !strpbrk(path, " \t\r\n") ? path : "/");
    } else {
        yaml_add(out, "tcp: true");
    }
    yaml_add(out, ", port: %s, interval: ", port->name);
    yaml_duration(out, import_ms(check, "intervalSeconds", 60, 100));
    yaml_add(out, ", timeout: ");
    yaml_duration(out, import_ms(check, "timeoutSeconds", 20, 10));
    yaml_add(out, ", grace: ");
    yaml_duration(out, import_ms(check, "gracePeriodSeconds", 300, 0));
    double failures = import_number(check, "maxConsecutiveFailures", 3);
    yaml_add(out, ", max_failures: %u}\n",
             failures < 1 || failures > 1000 ? 1000u : (unsigned)failures);
}

static void note_check(const struct app_import *import, const struct doc *check)
{
    static const char *const dropped[] = {"delaySeconds", "ignoreHttp1xx", "ipProtocol"};
    if (doc_find(check, "maxConsecutiveFailures") &&
        import_number(check, "maxConsecutiveFailures", 3) < 1)
        complain(import->notes, check->line, check->column,
                 "%s: maxConsecutiveFailures 0 (never kill) becomes max_failures: 1000",
                 import->id);
    for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++) {
        const struct doc *value = doc_find(check, dropped[i]);
        if (value && value->kind == DOC_SCALAR && strcmp(value->text, "false") != 0)
            complain(import->notes, value->key_line, value->key_column,
                     "%s: %s of a check is not carried over", import->id, dropped[i]);
    }
}

void import_health_write(const struct app_import *import, const struct doc *app,
                         const struct app_ports *ports, struct yaml_text *out)
{
    const struct doc *list = doc_find(app, "healthChecks");
    size_t n = 0;
    for (const struct doc *check = list && list->kind == DOC_LIST ? list->child : NULL;
         check; check = check->next) {
        if (check->kind != DOC_MAP)
            continue;
        enum check_kind kind = check_kind(import, check);
        const struct app_port *port =
            kind == CHECK_NONE ? NULL : check_port(import, check, ports);
        if (!port)
            continue;
        if (n == HEALTH_MAX) {
            complain(import->notes, check->line, check->column,
                     "%s: a job has at most %d checks", import->id, HEALTH_MAX);
            break;
        }
        note_check(import, check);
        if (n == 0)
            yaml_add(out, "health:  # healthChecks; what was left out there has "
                          "Marathon's defaults\n");
        write_check(check, kind, port, n++, out);
    }
}
