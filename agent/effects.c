/* The list of a node's effects.  See effects.h. */
#include "agent/effects.h"

#include <errno.h>

struct spent {
    struct spent *next;
    struct arena arena;
};

void node_effects_init(struct node_effects *fx)
{
    *fx = (struct node_effects){0};
    gossip_effects_init(&fx->gossip);
}

static void free_spent(struct node_effects *fx)
{
    for (struct spent *s = fx->spent; s; s = s->next)
        arena_fini(&s->arena);
    fx->spent = NULL;
}

int node_effects_keep(struct node_effects *fx, struct arena *arena)
{
    struct spent *s = arena_alloc(&fx->gossip.arena, sizeof(*s));
    if (!s)
        return -ENOMEM;
    *s = (struct spent){.next = fx->spent, .arena = *arena};
    fx->spent = s;
    arena_init(arena, arena->limit);
    return 0;
}

void node_effects_fini(struct node_effects *fx)
{
    free_spent(fx);
    gossip_effects_fini(&fx->gossip);
    *fx = (struct node_effects){0};
}

void node_effects_clear(struct node_effects *fx)
{
    free_spent(fx);
    gossip_effects_clear(&fx->gossip);
    fx->list = NULL;
    fx->n = fx->cap = fx->n_routed = 0;
}

struct arena *node_effects_arena(struct node_effects *fx)
{
    return &fx->gossip.arena;
}

struct node_effect *node_effects_add(struct node_effects *fx, enum node_effect_kind kind)
{
    static struct node_effect scratch;
    if (arena_grow(&fx->gossip.arena, (void **)&fx->list, fx->n, &fx->cap,
                   sizeof(*fx->list)) < 0) {
        fx->gossip.n_lost++;
        return &scratch;
    }
    struct node_effect *effect = &fx->list[fx->n++];
    *effect = (struct node_effect){.kind = kind};
    return effect;
}
