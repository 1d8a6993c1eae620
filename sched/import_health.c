/* A Marathon app's health and readiness checks. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sched/import_app.h"

enum { FAILURES_MAX = 1000 }; /* of a job file */

enum check_kind { CHECK_HTTP, CHECK_TCP, CHECK_NONE };

static struct app_port *port_named(struct app_ports *ports, const char *name)
{
    char label[NAME_LEN_MAX + 1];
    bool is_label = import_label(name, strlen(name), label);
    for (size_t i = 0; is_label && i < ports->n; i++)
        if (strcmp(ports->list[i].name, label) == 0)
            return &ports->list[i];
    return NULL;
}

/* A port that none of the app's is becomes one of the job's, so that the check is not lost. */
static const struct app_port *port_numbered(struct app_import *import,
                                            const struct doc *check, uint16_t number,
                                            struct app_ports *ports)
{
    for (size_t i = 0; i < ports->n; i++)
        if (ports->list[i].check_number == number)
            return &ports->list[i];
    const struct app_port *port = import_ports_fixed(ports, number);
    if (port)
        import_say(
            import, IMPORT_CHANGED, doc_find(check, "port"),
            "none of the app's ports is %u, which a check names: it is a fixed port of "
            "the job",
            number);
    else
        import_say(
            import, IMPORT_ERROR, doc_find(check, "port"),
            "a job has at most %d ports: there is none left for a check of port %u",
            PORTS_MAX, number);
    return port;
}

/* Which port a check looks at: by number, by name, by index, else the first. */
static const struct app_port *check_port(struct app_import *import,
                                         const struct doc *check, struct app_ports *ports)
{
    uint32_t number = import_whole(import, check, "port", 0, 0, UINT16_MAX);
    const char *name = import_text(import, check, "portName");
    uint32_t index = import_whole(import, check, "portIndex", 0, 0, UINT16_MAX);
    if (number)
        return port_numbered(import, check, (uint16_t)number, ports);
    const struct app_port *named = name ? port_named(ports, name) : NULL;
    if (named)
        return named;
    if (name)
        import_say(import, IMPORT_ERROR, check,
                   "a check names the port '%.64s', which the app "
                   "does not have",
                   name);
    else if (index >= ports->n)
        import_say(import, IMPORT_ERROR, check,
                   "a check wants the port of index %u, and the app has %zu", index,
                   ports->n);
    else
        return &ports->list[index];
    return NULL;
}

static enum check_kind check_kind(struct app_import *import, const struct doc *check)
{
    const char *protocol = import_text(import, check, "protocol");
    if (!protocol || strcmp(protocol, "HTTP") == 0 || strcmp(protocol, "MESOS_HTTP") == 0)
        return CHECK_HTTP;
    if (strcmp(protocol, "TCP") == 0 || strcmp(protocol, "MESOS_TCP") == 0)
        return CHECK_TCP;
    if (strcmp(protocol, "HTTPS") == 0 || strcmp(protocol, "MESOS_HTTPS") == 0) {
        import_say(import, IMPORT_CHANGED, check,
                   "an HTTPS check becomes a tcp check: this version speaks no TLS");
        return CHECK_TCP;
    }
    if (strcmp(protocol, "COMMAND") == 0)
        import_say(
            import, IMPORT_DROPPED, check,
            "a COMMAND check is not carried over: this version has http and tcp checks");
    else
        import_say(import, IMPORT_ERROR, check,
                   "protocol of a check wants HTTP, HTTPS, TCP, MESOS_HTTP, MESOS_HTTPS, "
                   "MESOS_TCP or COMMAND, not '%.32s'",
                   protocol);
    return CHECK_NONE;
}

/* 0 is two things in Marathon: its own checks then never kill, a Mesos check kills at the first. */
static void write_failures(struct app_import *import, const struct doc *check,
                           struct yaml_text *out)
{
    const char *protocol = import_text(import, check, "protocol");
    uint32_t failures =
        import_whole(import, check, "maxConsecutiveFailures", 3, 0, UINT32_MAX);
    bool is_mesos = protocol && strncmp(protocol, "MESOS_", 6) == 0;
    if (failures > FAILURES_MAX)
        import_say(import, IMPORT_CHANGED, doc_find(check, "maxConsecutiveFailures"),
                   "maxConsecutiveFailures %u becomes max_failures %d, the most there is",
                   failures, FAILURES_MAX);
    if (failures == 0 && !is_mesos)
        yaml_add(out, ", unready_after: 1, max_failures: 0");
    else
        yaml_add(out, ", max_failures: %u",
                 failures == 0             ? 1u
                 : failures > FAILURES_MAX ? (unsigned)FAILURES_MAX
                                           : failures);
}

/* "health" is "/health", as in Marathon; what a request line cannot hold is escaped. */
static const char *path_of(struct app_import *import, const struct doc *check)
{
    const char *path = import_text(import, check, "path");
    if (!path || !*path)
        return "/";
    char *out = arena_alloc(import->arena, 3 * strlen(path) + 2), *to = out;
    if (!out)
        return "/";
    if (*path != '/')
        *to++ = '/';
    for (const char *at = path; *at; at++) {
        bool is_bad = strchr(" \t\r\n", *at) != NULL;
        to += snprintf(to, 4, is_bad ? "%%%02X" : "%c", (unsigned char)*at);
    }
    *to = '\0';
    if (strcmp(out, path) != 0)
        import_say(import, IMPORT_CHANGED, doc_find(check, "path"),
                   "path '%.64s' becomes %.80s", path, out);
    return out;
}

static void write_times(struct app_import *import, const struct doc *check,
                        double interval_s, double timeout_s, struct yaml_text *out)
{
    yaml_add(out, ", interval: ");
    yaml_duration(out, import_ms(import, check, "intervalSeconds", interval_s, 100));
    yaml_add(out, ", timeout: ");
    yaml_duration(out, import_ms(import, check, "timeoutSeconds", timeout_s, 10));
}

static void write_head(struct app_import *import, const struct doc *check,
                       enum check_kind kind, const struct app_port *port, size_t n,
                       struct yaml_text *out)
{
    if (n == 0)
        yaml_add(out, "health:  # what was left out there has Marathon's defaults\n");
    yaml_add(out, "  - {name: %s", kind == CHECK_HTTP ? "http" : "tcp");
    yaml_add(out, n > 0 ? "-%zu, " : ", ", n + 1);
    if (kind == CHECK_HTTP) {
        yaml_add(out, "http: ");
        yaml_scalar(out, path_of(import, check));
    } else {
        yaml_add(out, "tcp: true");
    }
    yaml_add(out, ", port: ");
    yaml_scalar(out, port->name);
}

/* ---- health checks ---- */

static const struct import_key health_keys[] = {
    {"protocol", NULL, NULL},
    {"path", NULL, NULL},
    {"port", NULL, NULL},
    {"portIndex", NULL, NULL},
    {"portName", NULL, NULL},
    {"command", NULL, NULL}, /* its check is told as a whole */
    {"gracePeriodSeconds", NULL, NULL},
    {"intervalSeconds", NULL, NULL},
    {"timeoutSeconds", NULL, NULL},
    {"maxConsecutiveFailures", NULL, NULL},
    {"delaySeconds", "a check begins at once, and grace says how long it may fail", "15"},
    {"ignoreHttp1xx", "1xx are no answers here: the one that follows counts", NULL},
    {"ipProtocol", "a task is asked at its node's address", "IPv4"},
    {0}};

static void write_health(struct app_import *import, const struct doc *check,
                         struct app_ports *ports, size_t *n, struct yaml_text *out)
{
    if (check->kind != DOC_MAP) {
        import_say(import, IMPORT_ERROR, check, "healthChecks: each wants an object");
        return;
    }
    import_keys(import, check, "healthChecks", health_keys);
    enum check_kind kind = check_kind(import, check);
    const struct app_port *port =
        kind == CHECK_NONE ? NULL : check_port(import, check, ports);
    if (port && *n == HEALTH_MAX)
        import_say(import, IMPORT_ERROR, check, "a job has at most %d checks",
                   HEALTH_MAX);
    if (!port || *n == HEALTH_MAX)
        return;
    write_head(import, check, kind, port, (*n)++, out);
    write_times(import, check, 60, 20, out);
    yaml_add(out, ", grace: ");
    yaml_duration(out, import_ms(import, check, "gracePeriodSeconds", 300, 0));
    write_failures(import, check, out);
    yaml_add(out, "}\n");
}

/* ---- readiness checks ---- */

static const struct import_key ready_keys[] = {
    {"name", NULL, NULL},
    {"protocol", NULL, NULL},
    {"path", NULL, NULL},
    {"portName", NULL, NULL},
    {"intervalSeconds", NULL, NULL},
    {"timeoutSeconds", NULL, NULL},
    {"httpStatusCodesForReady", NULL, NULL},
    {"preserveLastResponse", "status shows what a check said", "true"},
    {0}};

/* One range that holds exactly the codes listed, or the first code, told. */
static void write_codes(struct app_import *import, const struct doc *check,
                        struct yaml_text *out)
{
    const struct doc *list = import_list(import, check, "httpStatusCodesForReady");
    unsigned low = 0, high = 0, n = 0;
    for (const struct doc *c = list ? list->child : NULL; c; c = c->next, n++) {
        uint64_t code = 0;
        if (c->kind != DOC_SCALAR || text_uint(c->text, 599, &code) < 0 || code < 100) {
            import_say(import, IMPORT_ERROR, c,
                       "httpStatusCodesForReady wants codes from 100 to 599");
            return;
        }
        low = n == 0 || code < low ? (unsigned)code : low;
        high = code > high ? (unsigned)code : high;
    }
    if (n == 0)
        low = high = 200;
    if (n > 0 && high - low + 1 != n)
        import_say(import, IMPORT_CHANGED, list,
                   "httpStatusCodesForReady becomes the range %u-%u", low, high);
    if (low == high)
        yaml_add(out, ", status: %u", low);
    else
        yaml_add(out, ", status: %u-%u", low, high);
}

static void write_ready(struct app_import *import, const struct doc *check,
                        struct app_ports *ports, size_t *n, struct yaml_text *out)
{
    if (check->kind != DOC_MAP) {
        import_say(import, IMPORT_ERROR, check, "readinessChecks: each wants an object");
        return;
    }
    import_keys(import, check, "readinessChecks", ready_keys);
    const char *protocol = import_text(import, check, "protocol");
    enum check_kind kind =
        protocol && strcmp(protocol, "HTTPS") == 0 ? CHECK_TCP : CHECK_HTTP;
    const struct app_port *port = check_port(import, check, ports);
    if (!port || *n == HEALTH_MAX)
        return;
    import_say(import, IMPORT_CHANGED, check,
               "a readiness check becomes a check of kind ready, which goes on after the "
               "rollout%s",
               kind == CHECK_TCP ? ", and a tcp check: this version speaks no TLS" : "");
    write_head(import, check, kind, port, (*n)++, out);
    write_times(import, check, 30, 10, out);
    yaml_add(out, ", kind: ready");
    if (kind == CHECK_HTTP)
        write_codes(import, check, out);
    yaml_add(out, "}\n");
}

void import_health_write(struct app_import *import, const struct doc *app,
                         struct app_ports *ports, struct yaml_text *out)
{
    const struct doc *checks = import_list(import, app, "healthChecks"),
                     *ready = import_list(import, app, "readinessChecks");
    size_t n = 0;
    for (const struct doc *check = checks ? checks->child : NULL; check;
         check = check->next)
        write_health(import, check, ports, &n, out);
    if (n > 0 && ready && ready->n > 0)
        import_say(
            import, IMPORT_DROPPED, ready,
            "readinessChecks is not carried over: an update waits for the checks under "
            "health");
    else
        for (const struct doc *check = ready ? ready->child : NULL; check;
             check = check->next)
            write_ready(import, check, ports, &n, out);
}
