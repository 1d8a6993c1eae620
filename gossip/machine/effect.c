/* The list of effects.  See effect.h and gossip.h. */
#include "gossip/machine/effect.h"

void gossip_effects_init(struct gossip_effects *fx)
{
    *fx = (struct gossip_effects){0};
    arena_init(&fx->arena, EFFECTS_BYTES_MAX);
}

void gossip_effects_fini(struct gossip_effects *fx)
{
    arena_fini(&fx->arena);
    *fx = (struct gossip_effects){0};
}

void gossip_effects_clear(struct gossip_effects *fx)
{
    arena_clear(&fx->arena);
    fx->list = NULL;
    fx->n = fx->cap = 0;
}

struct gossip_effect *effect_add(struct gossip_effects *fx, enum gossip_effect_kind kind)
{
    if (arena_grow(&fx->arena, (void **)&fx->list, fx->n, &fx->cap, sizeof(*fx->list)) <
        0) {
        fx->n_lost++;
        return NULL;
    }
    struct gossip_effect *effect = &fx->list[fx->n++];
    *effect = (struct gossip_effect){.kind = kind};
    return effect;
}

/* An effect whose bytes found no memory is taken back. */
static void add_bytes(struct gossip_effects *fx, struct gossip_effect *effect,
                      struct bytes *at, struct bytes in)
{
    if (!effect)
        return;
    *at = arena_bytes(&fx->arena, in);
    if (!at->at) {
        fx->n--;
        fx->n_lost++;
    }
}

void effect_send(struct gossip_effects *fx, struct endpoint to, struct bytes datagram)
{
    struct gossip_effect *effect = effect_add(fx, GOSSIP_SEND);
    if (effect) {
        effect->endpoint = to;
        add_bytes(fx, effect, &effect->bytes, datagram);
    }
}

void effect_stream_open(struct gossip_effects *fx, uint32_t stream, struct endpoint to)
{
    struct gossip_effect *effect = effect_add(fx, GOSSIP_STREAM_OPEN);
    if (effect) {
        effect->stream = stream;
        effect->endpoint = to;
    }
}

void effect_stream_send(struct gossip_effects *fx, uint32_t stream, struct bytes frame)
{
    struct gossip_effect *effect = effect_add(fx, GOSSIP_STREAM_SEND);
    if (effect) {
        effect->stream = stream;
        add_bytes(fx, effect, &effect->bytes, frame);
    }
}

void effect_stream_close(struct gossip_effects *fx, uint32_t stream)
{
    struct gossip_effect *effect = effect_add(fx, GOSSIP_STREAM_CLOSE);
    if (effect)
        effect->stream = stream;
}

/* A copy, and its name with it: the member may be gone before the effect is performed. */
static bool add_member(struct gossip_effects *fx, struct gossip_effect *effect,
                       const struct member *member)
{
    effect->member = *member;
    effect->member.name = arena_text(&fx->arena, member->name);
    if (effect->member.name)
        return true;
    fx->n--;
    fx->n_lost++;
    return false;
}

void effect_member(struct gossip_effects *fx, const struct member *member,
                   enum member_state was)
{
    struct gossip_effect *effect = effect_add(fx, GOSSIP_MEMBER_CHANGED);
    if (effect && add_member(fx, effect, member))
        effect->was = was;
}

void effect_moved(struct gossip_effects *fx, const struct member *member)
{
    struct gossip_effect *effect = effect_add(fx, GOSSIP_MEMBER_CHANGED);
    if (effect && add_member(fx, effect, member)) {
        effect->was = member->state;
        effect->has_moved = true;
    }
}

void effect_twin(struct gossip_effects *fx, const struct member *member,
                 const struct endpoint *other)
{
    struct gossip_effect *effect = effect_add(fx, GOSSIP_TWIN);
    if (effect && add_member(fx, effect, member))
        effect->endpoint = *other;
}

void effect_table(struct gossip_effects *fx, struct bytes key)
{
    struct gossip_effect *effect = effect_add(fx, GOSSIP_TABLE_CHANGED);
    if (effect)
        add_bytes(fx, effect, &effect->key, key);
}

void effect_conflict(struct gossip_effects *fx, struct bytes key,
                     const struct member *loser)
{
    struct gossip_effect *effect = effect_add(fx, GOSSIP_CONFLICT);
    if (effect && (!loser || add_member(fx, effect, loser)))
        add_bytes(fx, effect, &effect->key, key);
}

void batch_add(struct batch *b, struct gossip_effects *fx, enum store_space space,
               struct bytes key, struct bytes value)
{
    if (!key.at || arena_grow(&fx->arena, (void **)&b->changes, b->n, &b->cap,
                              sizeof(*b->changes)) < 0) {
        fx->n_lost++;
        return;
    }
    b->changes[b->n++] =
        (struct store_change){.space = space, .key = key, .value = value};
}

void batch_flush(struct batch *b, struct gossip_effects *fx)
{
    struct gossip_effect *effect = b->n ? effect_add(fx, GOSSIP_PERSIST) : NULL;
    if (effect) {
        effect->changes = b->changes;
        effect->n_changes = b->n;
        effect->is_synced = b->is_synced;
    }
    batch_drop(b);
}

void batch_drop(struct batch *b)
{
    *b = (struct batch){0};
}
