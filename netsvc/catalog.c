/* Looking into a catalog, and its life: the last reference frees it.  Built in
 * catalog_build.c. */
#include "netsvc/catalog.h"

#include <stdlib.h>
#include <string.h>

static int service_order(const void *a, const void *b)
{
    const struct catalog_service *x = a, *y = b;
    int order = strcmp(x->ns, y->ns);
    return order ? order : strcmp(x->name, y->name);
}

struct catalog *catalog_ref(struct catalog *c)
{
    c->refs++;
    return c;
}

void catalog_unref(struct catalog *c)
{
    if (!c || --c->refs > 0 || !c->arena)
        return;
    struct arena *arena = c->arena; /* holds the catalog itself */
    arena_fini(arena);
    free(arena);
}

const struct catalog_service *catalog_find(const struct catalog *c, const char *ns,
                                           const char *name)
{
    struct catalog_service key = {.ns = ns, .name = name};
    return c->n_services ? bsearch(&key, c->services, c->n_services, sizeof(*c->services),
                                   service_order)
                         : NULL;
}

const struct catalog_node *catalog_find_node(const struct catalog *c, const char *name)
{
    size_t low = 0, high = c->n_nodes;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(c->nodes[middle].name, name);
        if (order == 0)
            return &c->nodes[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static int host_order(const void *a, const void *b)
{
    return endpoint_compare(a, b);
}

bool catalog_has_host(const struct catalog *c, const struct endpoint *at)
{
    struct endpoint host = *at;
    host.port = 0;
    return c->n_hosts &&
           bsearch(&host, c->hosts, c->n_hosts, sizeof(*c->hosts), host_order);
}
