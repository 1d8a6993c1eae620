/* Who may use the HTTP API from a browser: a page that came from this very API, and nobody else's.
 *
 * Loopback keeps other hosts out, not other sites: their pages run in a browser on this host.  They
 * can send requests here (then Origin is theirs), and by pointing a name of theirs at 127.0.0.1 they
 * can even read the answers (then Host is that name). */
#ifndef AGENT_GUARD_H
#define AGENT_GUARD_H

#include <stdbool.h>

#include "core/ids.h"

/* Where we serve, and as who. */
struct guard_self {
    struct endpoint at;
    /* of the node: served as NAME and NAME.node.stratos beyond loopback */
    const char *name;
};

/* Is `host`, a Host header or the authority of the target, a name or address of this host itself?
 * NULL (no header, which no browser does) is fine. */
bool guard_host_is_own(const char *host, const struct guard_self *self);
/* Is `origin`, an Origin header, the page that `host` serves?  NULL: no page at all. */
bool guard_origin_is_own(const char *origin, const char *host);

#endif
