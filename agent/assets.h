/* The files of the web interface, carried inside the binary. */
#ifndef AGENT_ASSETS_H
#define AGENT_ASSETS_H

#include "core/bytes.h"

struct asset {
    const char *path;   /* "/" */
    const char *type;   /* content type */
    const char *policy; /* Content-Security-Policy to send with it */
    struct bytes body;
};

/* NULL when there is no such file; static memory. */
const struct asset *asset_find(const char *path);

#endif
