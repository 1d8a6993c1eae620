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

#include "agent/params.h"
#include "core/doc.h"

enum {
    PORT_GOSSIP = 7780,
    PORT_HTTP = 7781,
    PORT_DNS = 8600,
    LOCAL_LONE_PERIODS = 3, /* of probing: loopback is there at once */
    REAP_MIN_MS = 10 * 60 * 1000,
};

#define REAP_MAX_MS (30 * 24 * 3600 * 1000ull)

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

static int read_addresses(struct agent *a, struct err *err)
{
    const struct agent_options *o = a->options;
    a->wanted = (struct endpoint){.port = PORT_GOSSIP};
    int status =
        o->bind ? read_endpoint("bind", o->bind, PORT_GOSSIP, &a->wanted, err) : 0;
    if (status == 0 && o->bind && a->wanted.family == 0)
        status =
            err_set(err, ERR_INVALID, "--bind: peers must be able to reach this node");
    if (status == 0)
        status = read_endpoint("http", o->http ? o->http : "127.0.0.1", PORT_HTTP,
                               &a->http, err);
    if (status == 0)
        status =
            read_endpoint("dns", o->dns ? o->dns : "127.0.0.1", PORT_DNS, &a->dns, err);
    if (status == 0 && o->http_open && a->http.family && !endpoint_is_loopback(&a->http))
        status = err_set(
            err, ERR_INVALID,
            "--http-open with --http '%s' would let everyone who reaches this address "
            "run "
            "programs on every host: leave --http-open away, and use `stratos token`",
            o->http);
    a->bind.port = a->wanted.port;
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

/* On any address is on loopback, too. */
static const char *api_address(struct arena *arena, const struct endpoint *http)
{
    char text[ADDRESS_TEXT_MAX];
    struct endpoint at =
        address_is_any(http) ? endpoint_loopback(http->family, http->port) : *http;
    return http->family ? arena_printf(arena, "http://%s", endpoint_text(&at, text))
                        : NULL;
}

/* Deletions wait no longer for who is gone than it is remembered. */
static int read_reap(const struct agent_options *o, struct gossip_profile *profile,
                     struct err *err)
{
    uint64_t ms;
    if (!o->reap)
        return 0;
    if (text_duration_ms(o->reap, &ms) < 0 || ms < REAP_MIN_MS || ms > REAP_MAX_MS)
        return err_set(err, ERR_INVALID,
                       "--reap '%s': want a time from 10m to 30d, for example 1h",
                       o->reap);
    profile->reap_after_ms = (uint32_t)ms;
    if (profile->collect_hold_ms > profile->reap_after_ms)
        profile->collect_hold_ms = profile->reap_after_ms;
    return 0;
}

/* A host that can run nothing offers nothing, which older versions of the others understand as well. */
static void read_tasks(const struct agent *a, struct facts *facts)
{
    bool can_run = a->tasks_cause[0] == '\0';
    if (!a->has_cgroups)
        return;
    facts->tasks = !can_run ? "none" : a->tasks_lack[0] ? "limited" : "full";
    facts->tasks_cause = !can_run           ? a->tasks_cause
                         : a->tasks_lack[0] ? a->tasks_lack
                                            : NULL;
    if (can_run)
        return;
    facts->cpu_milli = 0;
    facts->memory_bytes = 0;
}

int settings_read(struct agent *a, struct settings *s, struct err *err)
{
    const struct agent_options *o = a->options;
    struct facts facts;
    const struct gossip_profile *profile =
        gossip_profile_named(o->profile ? o->profile : "lan");
    *s = (struct settings){0};
    if (!profile)
        return err_set(err, ERR_INVALID, "--profile '%s': want lan, wan or local",
                       o->profile);
    s->profile = *profile;
    if (read_reap(o, &s->profile, err) < 0)
        return err->code;
    if (param_ack(o->ack, &s->ack) < 0)
        return err_set(err, ERR_INVALID,
                       "--ack '%s': want a number of members, majority or all", o->ack);
    if (profile == &gossip_profile_local)
        s->lone_ms = LOCAL_LONE_PERIODS * s->profile.probe_period_ms;
    int status = facts_read(&a->arena, &facts, err);
    if (status == 0)
        status = read_identity(a, &facts, err);
    if (status == 0)
        status = read_addresses(a, err);
    if (status == 0)
        status = read_capacity(o, &facts, s, err);
    if (a->has_cgroups) {
        facts.cgroup = cgroup_mode_name(a->cgroups.mode);
        if (a->cgroups.mode != CGROUP_NONE)
            facts.swap = cgroup_swap_name(a->cgroups.swap);
    }
    read_tasks(a, &facts);
    if (status == 0)
        status = facts_attributes(&facts, a->name, o->attrs, o->n_attrs, &a->arena,
                                  &s->self.attributes, &s->self.n_attributes, err);
    s->self.name = a->name;
    s->self.version = STRATOS_VERSION;
    s->self.address = "";
    s->self.cpu_milli = facts.cpu_milli;
    s->self.memory_bytes = facts.memory_bytes;
    s->binary = own_binary(&a->arena);
    s->api = api_address(&a->arena, &a->http);
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
