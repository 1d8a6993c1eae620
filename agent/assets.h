/* Files that are part of the binary: the dashboard's page. */
#ifndef AGENT_ASSETS_H
#define AGENT_ASSETS_H

#include "core/bytes.h"

struct asset {
    const char *path, *type; /* "/", "text/html; charset=utf-8" */
    struct bytes body;
};

const struct asset *asset_find(const char *path); /* NULL if there is none */

#endif
