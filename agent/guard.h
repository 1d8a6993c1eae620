/* Who may use the HTTP API from a browser: a page that came from this very API, and nobody else's.
 *
 * Loopback keeps other hosts out, not other sites: their pages run in a browser on this host.  They
 * can send requests here (then Origin is theirs), and by pointing a name of theirs at 127.0.0.1 they
 * can even read the answers (then Host is that name). */
#ifndef AGENT_GUARD_H
#define AGENT_GUARD_H

#include <stdbool.h>

/* Is `host`, a Host header, a name or address of this host itself?  NULL (no header, which no
 * browser does) is fine. */
bool guard_host_is_own(const char *host);
/* Is `origin`, an Origin header, the page that `host` serves?  NULL: no page at all. */
bool guard_origin_is_own(const char *origin, const char *host);

#endif
