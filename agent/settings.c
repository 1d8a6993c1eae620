/* Options as text become values.  See settings.h. */
#include "agent/settings.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/doc.h"

enum { PORT_GOSSIP = 7780, PORT_HTTP = 7781, PORT_DNS = 8600 };

static int read_endpoint(const char *flag, const char *text, uint16_t port,
                         struct endpoint *ret, struct err *err)
{
    if (strcmp(text, "off") == 0) {
        *ret = (struct endpoint){0};
        return 0;
    }
    if (endpoint_parse(text, port, ret) < 0)
        return err_set(err, ERR_INVALID,
                       "--%s '%s': want ADDRESS:PORT, for example 127.0.0.1:%u", flag,
                       text, port);
    return 0;
}

static bool is_any(const struct endpoint *e)
{
    static const uint8_t zero[16];
    return memcmp(e->address, zero, e->family == 4 ? 4 : 16) == 0;
}

static bool is_loopback(const struct endpoint *e)
{
    static const uint8_t v6[16] = {[15] = 1};
    return e->family == 4 ? e->address[0] == 127 : memcmp(e->address, v6, 16) == 0;
}

static int read_addresses(struct agent *a, struct settings *s, struct err *err)
{
    const struct agent_options *o = a->options;
    facts_routable_address(&s->advertise);
    a->bind = s->advertise;
    a->bind.port = PORT_GOSSIP;
    int status = o->bind ? read_endpoint("bind", o->bind, PORT_GOSSIP, &a->bind, err) : 0;
    if (status == 0 && a->bind.family == 0)
        status =
            err_set(err, ERR_INVALID, "--bind: peers must be able to reach this node");
    if (status == 0)
        status = read_endpoint("http", o->http ? o->http : "127.0.0.1", PORT_HTTP,
                               &a->http, err);
    if (status == 0)
        status =
            read_endpoint("dns", o->dns ? o->dns : "127.0.0.1", PORT_DNS, &a->dns, err);
    if (status == 0 && a->http.family && !is_loopback(&a->http))
        status = err_set(
            err, ERR_INVALID,
            "--http '%s': the HTTP API has no tokens in this version and is served on "
            "loopback only; use --host over the sealed transport from elsewhere",
            o->http);
    if (!is_any(&a->bind))
        s->advertise = a->bind;
    s->advertise.port = a->bind.port;
    return status;
}

static int read_capacity(const struct agent_options *o, struct facts *facts,
                         struct settings *s, struct err *err)
{
    unsigned low, high;
    char end;
    if (o->cpu && text_cpu_milli(o->cpu, &facts->cpu_milli) < 0)
        return err_set(err, ERR_INVALID,
                       "--cpu '%s': want a number of cores, for example 1.5", o->cpu);
    if (o->memory && text_size_bytes(o->memory, &facts->memory_bytes) < 0)
        return err_set(err, ERR_INVALID, "--memory '%s': want a size, for example 2G",
                       o->memory);
    s->port_min = 20000;
    s->port_max = 29999;
    if (!o->ports)
        return 0;
    if (sscanf(o->ports, "%u-%u%c", &low, &high, &end) != 2 || low < 1 || low > high ||
        high > UINT16_MAX)
        return err_set(err, ERR_INVALID,
                       "--ports '%s': want LOW-HIGH, for example 20000-29999", o->ports);
    s->port_min = (uint16_t)low;
    s->port_max = (uint16_t)high;
    return 0;
}

static int read_identity(struct agent *a, const struct facts *facts, struct err *err)
{
    const char *name = a->options->name ? a->options->name : facts->hostname;
    if (!name_is_valid(bytes_of_text(name)))
        return err_set(err, ERR_INVALID,
                       "--name '%s': want lower-case letters, digits and '-', at most %d",
                       name, NAME_LEN_MAX);
    memcpy(a->name, name, strlen(name) + 1);
    return 0;
}

static const char *own_binary(struct arena *arena)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    path[n > 0 ? n : 0] = '\0';
    return arena_text(arena, path);
}

int settings_read(struct agent *a, struct settings *s, struct err *err)
{
    const struct agent_options *o = a->options;
    struct facts facts;
    char address[ADDRESS_TEXT_MAX];
    *s = (struct settings){.profile =
                               gossip_profile_named(o->profile ? o->profile : "lan")};
    if (!s->profile)
        return err_set(err, ERR_INVALID, "--profile '%s': want lan, wan or local",
                       o->profile);
    int status = facts_read(&a->arena, &facts, err);
    if (status == 0)
        status = read_identity(a, &facts, err);
    if (status == 0)
        status = read_addresses(a, s, err);
    if (status == 0)
        status = read_capacity(o, &facts, s, err);
    if (status == 0)
        status = facts_attributes(&facts, a->name, o->attrs, o->n_attrs, &a->arena,
                                  &s->self.attributes, &s->self.n_attributes, err);
    s->self.name = a->name;
    s->self.version = STRATOS_VERSION;
    s->self.address = arena_text(&a->arena, endpoint_host_text(&s->advertise, address));
    s->self.cpu_milli = facts.cpu_milli;
    s->self.memory_bytes = facts.memory_bytes;
    s->binary = own_binary(&a->arena);
    return status;
}

void settings_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') ||
        strlen(path) >= sizeof(to.sun_path))
        return;
    memcpy(to.sun_path, path, strlen(path));
    if (path[0] == '@')
        to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, len);
    (void)close(fd);
}
