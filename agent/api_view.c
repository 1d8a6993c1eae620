/* A node's view as a text, for X-Stratos-View and `after`.  See api_after.c. */
#include <stdio.h>

#include "agent/api.h"

/* How far `writer`'s entries are known here; zero when nothing of it is. */
struct seen_number api_seen(const struct agent *a, struct node_id writer)
{
    const struct seen_number *seen;
    size_t low = 0, high = gossip_seen(node_gossip(a->node), &seen);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = node_id_compare(seen[middle].writer, writer);
        if (order == 0)
            return seen[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return (struct seen_number){.writer = writer};
}

char *api_view_text(const struct agent *a, char out[static VIEW_TEXT])
{
    char id[NODE_ID_TEXT];
    struct seen_number own = api_seen(a, a->home.identity.id);
    (void)snprintf(out, VIEW_TEXT, "%016llx.%s.%llx.%llx",
                   (unsigned long long)gossip_digest(node_gossip(a->node)),
                   node_id_text(own.writer, id), (unsigned long long)own.epoch,
                   (unsigned long long)own.number);
    return out;
}
