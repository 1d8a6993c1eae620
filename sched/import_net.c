/* A Marathon app's ports.
 *
 * Marathon gives an app host ports of its choosing, unless requirePorts is set; a
 * container's ports are mapped to host ports by Docker's bridge.  Here a task uses the
 * host's network: a fixed container port becomes that very port of the host. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sched/import_app.h"

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

/* PORT_A_B is one variable for a-b and a_b: names must differ in that, too. */
static bool is_name_taken(const struct app_ports *ports, const char *name)
{
    for (size_t i = 0; i < ports->n; i++)
        if (strcmp(ports->list[i].name, name) == 0)
            return true;
    return false;
}

static void set_protocol(struct app_import *import, const struct doc *at,
                         const char *protocol, struct app_port *port)
{
    bool is_both = protocol && strlen(protocol) == 7 && strstr(protocol, "tcp") &&
                   strstr(protocol, "udp") && protocol[3] == ',';
    port->protocol = protocol && strcmp(protocol, "udp") == 0 ? "udp" : "tcp";
    if (is_both)
        import_say(import, IMPORT_CHANGED, at,
                   "port %s: protocol '%s' becomes tcp; a dynamic port is free for both",
                   port->name, protocol);
    else if (protocol && strcmp(protocol, port->protocol) != 0)
        import_say(import, IMPORT_ERROR, at,
                   "port %s: protocol wants tcp or udp, not '%.32s'", port->name,
                   protocol);
}

/* The next port, named as the app names it, or port<N>. */
static struct app_port *add_port(struct app_import *import, const struct doc *at,
                                 const char *name, const char *protocol,
                                 struct app_ports *ports)
{
    if (ports->n == PORTS_MAX) {
        import_say(import, IMPORT_ERROR, at, "a job has at most %d ports", PORTS_MAX);
        return NULL;
    }
    struct app_port *port = &ports->list[ports->n];
    *port = (struct app_port){.protocol = "tcp"};
    bool is_label = name && import_label(name, strlen(name), port->name) &&
                    !is_name_taken(ports, port->name);
    if (!is_label)
        (void)snprintf(port->name, sizeof(port->name), "port%zu", ports->n);
    if (name && strcmp(name, port->name) != 0)
        import_say(import, IMPORT_CHANGED, at, "the port '%.64s' is called %s", name,
                   port->name);
    set_protocol(import, at, protocol, port);
    ports->n++;
    return port;
}

/* One port of the host cannot be two of a job's. */
static void check_taken(struct app_import *import, const struct doc *at,
                        const struct app_ports *ports)
{
    const struct app_port *last = &ports->list[ports->n - 1];
    for (size_t i = 0; last->number && i + 1 < ports->n; i++)
        if (ports->list[i].number == last->number &&
            strcmp(ports->list[i].protocol, last->protocol) == 0)
            import_say(import, IMPORT_ERROR, at, "port %u is here twice, as %s and %s",
                       last->number, ports->list[i].name, last->name);
}

static const struct import_key definition_keys[] = {
    {"port", NULL, NULL},
    {"name", NULL, NULL},
    {"protocol", NULL, NULL},
    {"labels",
     "ports have no labels here; a balancer or a VIP must be told the port's name", NULL},
    {0}};

static uint32_t definition_number(struct app_import *import, const struct doc *item)
{
    struct doc holder = {.kind = DOC_MAP, .n = 1}, value = *item;
    if (item->kind == DOC_MAP)
        return import_whole(import, item, "port", 0, 0, UINT16_MAX);
    value.key = "port";
    value.next = NULL;
    value.key_line = item->line;
    value.key_column = item->column;
    holder.child = &value;
    return import_whole(import, &holder, "port", 0, 0, UINT16_MAX);
}

/* `ports: [0, 8080]` and `portDefinitions: [{port, name, protocol}]`. */
static void add_definitions(struct app_import *import, const struct doc *app,
                            const struct doc *list, struct app_ports *ports)
{
    bool is_fixed = import_bool(import, app, "requirePorts");
    for (const struct doc *item = list->child; item; item = item->next) {
        bool is_map = item->kind == DOC_MAP;
        uint32_t number = definition_number(import, item);
        struct app_port *port =
            add_port(import, item, is_map ? import_text(import, item, "name") : NULL,
                     is_map ? import_text(import, item, "protocol") : NULL, ports);
        if (!port)
            return;
        if (is_map)
            import_keys(import, item, list->key, definition_keys);
        port->check_number = (uint16_t)number;
        port->number = is_fixed ? (uint16_t)number : 0;
        check_taken(import, item, ports);
        if (!is_fixed && number)
            import_say(
                import, IMPORT_CHANGED, item,
                "%u is Marathon's service port (requirePorts is not set): the host "
                "port stays dynamic, as it is there",
                number);
    }
}

static const struct import_key mapping_keys[] = {
    {"containerPort", NULL, NULL},
    {"hostPort", NULL, NULL},
    {"name", NULL, NULL},
    {"protocol", NULL, NULL},
    {"servicePort", "this version has no balancer; clients find the port in DNS", NULL},
    {"labels",
     "ports have no labels here; a balancer or a VIP must be told the port's name", NULL},
    {"networkNames", "tasks use the host's network", NULL},
    {0}};

static void tell_mapping(struct app_import *import, const struct doc *item,
                         uint32_t inside, uint32_t outside)
{
    if (inside && outside && inside != outside)
        import_say(import, IMPORT_CHANGED, doc_find(item, "hostPort"),
                   "hostPort %u is not mapped to containerPort %u: tasks use the host's "
                   "network, so the port is %u",
                   outside, inside, inside);
    else if (inside && !outside)
        import_say(
            import, IMPORT_CHANGED, doc_find(item, "containerPort"),
            "the host port was one of Marathon's choice; tasks use the host's network, "
            "so it is the container's, %u: one instance a node",
            inside);
}

static void add_mappings(struct app_import *import, const struct doc *list,
                         struct app_ports *ports)
{
    for (const struct doc *item = list->child; item; item = item->next) {
        if (item->kind != DOC_MAP) {
            import_say(import, IMPORT_ERROR, item, "portMappings: each wants an object");
            return;
        }
        struct app_port *port = add_port(import, item, import_text(import, item, "name"),
                                         import_text(import, item, "protocol"), ports);
        if (!port)
            return;
        uint32_t inside = import_whole(import, item, "containerPort", 0, 0, UINT16_MAX);
        uint32_t outside = import_whole(import, item, "hostPort", 0, 0, UINT16_MAX);
        port->number = (uint16_t)(inside ? inside : outside);
        port->check_number = port->number;
        if (inside)
            port->comment = "the container's port, now the host's";
        tell_mapping(import, item, inside, outside);
        check_taken(import, item, ports);
        import_keys(import, item, "portMappings", mapping_keys);
    }
}

static const struct doc *port_mappings(struct app_import *import, const struct doc *app)
{
    const struct doc *container = import_get(app, "container");
    if (!container || container->kind != DOC_MAP)
        return NULL;
    const struct doc *docker = import_get(container, "docker");
    const struct doc *list = import_list(import, container, "portMappings");
    if (!list && docker && docker->kind == DOC_MAP)
        list = import_list(import, docker, "portMappings");
    return list && list->n ? list : NULL;
}

void import_ports(struct app_import *import, const struct doc *app,
                  struct app_ports *ret_ports)
{
    *ret_ports = (struct app_ports){0};
    const struct doc *mappings = port_mappings(import, app),
                     *list = import_list(import, app, "portDefinitions"),
                     *plain = import_list(import, app, "ports");
    if (list && plain && plain->n > 0)
        import_say(import, IMPORT_DROPPED, plain,
                   "ports is not carried over: the app's portDefinitions are taken");
    list = list ? list : plain;
    if (mappings) {
        add_mappings(import, mappings, ret_ports);
        if (list && list->n)
            import_say(import, IMPORT_DROPPED, list,
                       "%s is not carried over: the container's portMappings are taken",
                       list->key);
    } else if (list) {
        add_definitions(import, app, list, ret_ports);
    } else {
        struct app_port *port = add_port(import, app, NULL, NULL, ret_ports);
        if (port)
            port->comment = "$PORT0 and $PORT: Marathon gives every app one";
    }
}

struct app_port *import_ports_fixed(struct app_ports *ports, uint16_t number)
{
    if (ports->n == PORTS_MAX)
        return NULL;
    struct app_port *port = &ports->list[ports->n];
    *port =
        (struct app_port){.protocol = "tcp", .number = number, .check_number = number};
    (void)snprintf(port->name, sizeof(port->name), "check-%u", number);
    port->comment = "a health check names it";
    ports->n++;
    return port;
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
        yaml_add(out, "  ");
        yaml_scalar(out, port->name);
        if (strcmp(port->protocol, "tcp") == 0)
            yaml_add(out, ": %s", number);
        else
            yaml_add(out, ": {to: %s, protocol: %s}", number, port->protocol);
        yaml_add(out, port->comment ? "  # %s\n" : "\n", port->comment);
    }
}
