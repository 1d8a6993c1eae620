/* Own hosts and origins.  See guard.h. */
#include "agent/guard.h"

#include <string.h>
#include <strings.h>

#include "core/ids.h"

bool guard_host_is_own(const char *host)
{
    static const char name[] = "localhost";
    static const uint8_t v6[16] = {[15] = 1};
    struct endpoint at;
    if (!host)
        return true;
    size_t len = strcspn(host, ":");
    if (len == sizeof(name) - 1 && strncasecmp(host, name, len) == 0)
        return strspn(host + len, ":0123456789") == strlen(host + len);
    if (endpoint_parse(host, 80, &at) < 0)
        return false;
    return at.family == 4 ? at.address[0] == 127
                          : memcmp(at.address, v6, sizeof(v6)) == 0;
}

bool guard_origin_is_own(const char *origin, const char *host)
{
    static const char scheme[] = "http://";
    if (!origin)
        return true;
    return host && strncmp(origin, scheme, sizeof(scheme) - 1) == 0 &&
           strcasecmp(origin + sizeof(scheme) - 1, host) == 0;
}
