/* How many may read logs at once: see api_logs.h.  A reader that follows stays for days, and each holds
 * buffers here, a stream to every node that has a part, and there one of the connections that peers share:
 * without a bound those who read would keep out those who order. */
#include <string.h>

#include "agent/api_logs.h"

static bool has_same_token(const struct caller *a, const struct caller *b)
{
    return a->has_token && b->has_token &&
           memcmp(a->token.id, b->token.id, sizeof(a->token.id)) == 0;
}

const char *logs_join(struct logs *l)
{
    size_t n = 0, n_of_token = 0;
    for (const struct logs *o = l->agent->logs; o; o = o->next) {
        n += o->is_of_peer == l->is_of_peer;
        n_of_token += has_same_token(&o->who, &l->who);
    }
    if (n_of_token >= LOGS_READERS_PER_TOKEN)
        return "this token reads logs 16 times at this node already: end one of them";
    if (n >= (l->is_of_peer ? LOGS_READERS_OF_PEERS : LOGS_READERS_MAX))
        return l->is_of_peer ? "128 readers at other nodes are served here already"
                             : "logs are read 64 times at this node already: end one of "
                               "them, or ask "
                               "another node";
    l->next = l->agent->logs;
    l->agent->logs = l;
    return NULL;
}

void logs_part(struct logs *l)
{
    struct logs **at = &l->agent->logs;
    while (*at && *at != l)
        at = &(*at)->next;
    if (*at)
        *at = l->next;
}

size_t logs_count(const struct agent *a)
{
    size_t n = 0;
    for (const struct logs *l = a->logs; l; l = l->next)
        n++;
    return n;
}

size_t logs_count_streams(const struct agent *a)
{
    size_t n = 0;
    for (const struct logs *l = a->logs; l; l = l->next)
        n += l->n_open;
    return n;
}
