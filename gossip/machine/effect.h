/* Appending effects: everything they point to is copied into the effects' arena.  An effect that
 * finds no memory is counted in n_lost and left out; the protocol repairs what that costs. */
#ifndef GOSSIP_MACHINE_EFFECT_H
#define GOSSIP_MACHINE_EFFECT_H

#include "gossip/face/effects.h"

enum { EFFECTS_BYTES_MAX = 64 << 20 }; /* a sync frame, its persistence, and pushes of it to all */

/* Returns the effect to fill, NULL when it is lost. */
struct gossip_effect *effect_add(struct gossip_effects *fx, enum gossip_effect_kind kind);
void effect_send(struct gossip_effects *fx, struct endpoint to, struct bytes datagram);
void effect_stream_open(struct gossip_effects *fx, uint32_t stream, struct endpoint to);
void effect_stream_send(struct gossip_effects *fx, uint32_t stream, struct bytes frame);
void effect_stream_close(struct gossip_effects *fx, uint32_t stream);
void effect_member(struct gossip_effects *fx, const struct member *member, enum member_state was);
void effect_moved(struct gossip_effects *fx, const struct member *member);
void effect_twin(struct gossip_effects *fx, const struct member *member,
                 const struct endpoint *other);
void effect_table(struct gossip_effects *fx, struct bytes key);
void effect_conflict(struct gossip_effects *fx, struct bytes key, const struct member *loser);

/* Changes of the store, gathered until they become one PERSIST effect. */
struct batch {
    struct store_change *changes; /* in the effects' arena */
    size_t n, cap;
    bool is_synced;
};

/* Key and value are in the effects' arena already; an empty key is one that found no memory. */
void batch_add(struct batch *b, struct gossip_effects *fx, enum store_space space,
               struct bytes key, struct bytes value);
void batch_flush(struct batch *b, struct gossip_effects *fx);
void batch_drop(struct batch *b);

#endif
