/* Own hosts and origins.  See guard.h. */
#include "agent/guard.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/bounds.h"

static bool is_any(const struct endpoint *at)
{
    static const uint8_t zero[16];
    return memcmp(at->address, zero, at->family == 4 ? 4 : 16) == 0;
}

/* "NAME", perhaps with a port behind it, in any case. */
static bool is_name(const char *host, const char *name)
{
    size_t len = strlen(name);
    return strncasecmp(host, name, len) == 0 &&
           (host[len] == '\0' ||
            (host[len] == ':' &&
             strspn(host + len + 1, "0123456789") == strlen(host + len + 1)));
}

bool guard_host_is_own(const char *host, const struct guard_self *self)
{
    struct endpoint at;
    char full[NAME_LEN_MAX + sizeof(".node.stratos")];
    if (!host || is_name(host, "localhost"))
        return true;
    if (endpoint_parse(host, 80, &at) == 0)
        /* Beyond loopback any address will do: it is names that can be pointed at others. */
        return endpoint_is_loopback(&at) || is_any(&self->at) ||
               endpoint_is_same_host(&at, &self->at);
    if (endpoint_is_loopback(&self->at))
        return false;
    (void)snprintf(full, sizeof(full), "%.63s.node.stratos", self->name);
    return is_name(host, self->name) || is_name(host, full);
}

bool guard_origin_is_own(const char *origin, const char *host)
{
    static const char scheme[] = "http://";
    if (!origin)
        return true;
    return host && strncmp(origin, scheme, sizeof(scheme) - 1) == 0 &&
           strcasecmp(origin + sizeof(scheme) - 1, host) == 0;
}
