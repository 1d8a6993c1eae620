/* What a step of gossip asks of its host.  Effects are performed in order; everything that one points to
 * lives in their arena until gossip_effects_clear. */
#ifndef GOSSIP_FACE_EFFECTS_H
#define GOSSIP_FACE_EFFECTS_H

#include "core/arena.h"
#include "core/store.h"
#include "gossip/face/replica.h"

enum gossip_effect_kind {
    GOSSIP_SEND,           /* a datagram `bytes` to `endpoint` */
    GOSSIP_STREAM_OPEN,    /* connect stream `stream` to `endpoint` */
    GOSSIP_STREAM_SEND,    /* one frame on `stream` */
    GOSSIP_STREAM_CLOSE,   /* after what was sent has left */
    GOSSIP_PERSIST,        /* `changes`; is_synced when own writes are among them */
    /* `member`: a copy, new or changed state/name/address.  Self is told at the start; a member
     * that was forgotten is told as left and found no more. */
    GOSSIP_MEMBER_CHANGED,
    GOSSIP_TABLE_CHANGED,  /* `key`: this entry is new or changed (by us or by others) */
    /* `key`: a concurrent write lost; `member.name` is its writer's, NULL when it is not known */
    GOSSIP_CONFLICT,
    GOSSIP_KNOCKED,        /* why `endpoint` is silent: `knock`; member.id: who is there, if a member */
    GOSSIP_OLD_COPY,       /* peers know writes of ours that our store lacks; told once in a life */
    /* `member` lives twice: here, or where it is believed to be, and at `endpoint`.  Of self: when
     * gossip_is_stopped, ours is the younger life. */
    GOSSIP_TWIN,
    GOSSIP_READY,          /* the first sync is done, or we know that we are alone */
    GOSSIP_LEFT,           /* our leave has been told; the agent may end */
};

/* What a stream to an address came to that does not answer datagrams. */
enum knock {
    KNOCK_NONE,
    KNOCK_NOBODY,  /* its host says that nobody listens there */
    KNOCK_SILENT,  /* no host that answers */
    KNOCK_SECRET,  /* an agent with another secret */
    KNOCK_VERSION, /* an agent of another version */
    KNOCK_FOREIGN, /* no agent, or it hung up */
    KNOCK_MEMBER,  /* an agent with our secret: only its datagrams do not come */
};
const char *knock_text(enum knock how); /* for people */

struct gossip_effect {
    enum gossip_effect_kind kind;
    enum knock knock;
    struct endpoint endpoint;
    uint32_t stream;
    struct bytes bytes;
    struct member member;
    enum member_state was; /* MEMBER_CHANGED: the state before; equal to state for a new one, */
    bool has_moved;        /* or for one that has another address or name */
    struct bytes key;
    struct store_change *changes;
    size_t n_changes;
    bool is_synced;
};

struct gossip_effects {
    struct arena arena;
    struct gossip_effect *list;
    size_t n, cap;
    size_t n_lost; /* effects that found no memory: counted, the protocol repairs */
};

void gossip_effects_init(struct gossip_effects *fx);
void gossip_effects_fini(struct gossip_effects *fx);
void gossip_effects_clear(struct gossip_effects *fx);

#endif
