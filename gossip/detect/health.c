/* See health.h. */
#include "gossip/detect/health.h"

uint64_t health_patience(const struct gossip *g)
{
    return machine_has(g, GOSSIP_LOCAL_HEALTH) ? g->health + 1 : 1;
}

void health_change(struct gossip *g, int change)
{
    int health = (int)g->health + change;
    health = health < 0 ? 0 : health > HEALTH_SCORE_MAX ? HEALTH_SCORE_MAX : health;
    g->health = (unsigned)health;
}
