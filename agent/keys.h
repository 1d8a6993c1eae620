/* The rotation of the secret, joined to gossip: the record `secret/next` offers a new
 * one, the rows of the live members say who opens and seals with what. */
#ifndef AGENT_KEYS_H
#define AGENT_KEYS_H

#include "agent/node.h"
#include "agent/rotation.h"

enum {
    KEYS_STEP_MS = 200, /* between two looks at all rows while something is under way */
    /* Who dies while we have two keys is waited for as if it lived: cut off for less than
     * this, nobody is locked out. */
    KEYS_PATIENCE_MS = 120 * 1000,
};

struct keys {
    struct rotation rotation;
    uint64_t next_ms;  /* when to look again; 0: nothing is under way */
    uint64_t begun_ms; /* since when there are two keys; 0: there is one */
    /* since when nobody needs the record; 0: somebody does, or none is there */
    uint64_t over_ms;
    uint64_t lacking_ms; /* since when somebody needs it and it is not there; 0: not so */
    bool is_forced;      /* the record says: wait for nobody who is away */
};

/* With the secrets of the file.  `now_ms`: when the node was made, and whom it remembers
 * began to count as dead. */
void keys_init(struct keys *k, const struct keyring *keys, uint64_t now_ms);

/* Go on with a rotation, if there is one.  True when the keys have changed: NODE_KEYS is
 * in `out`, and our own row is to be published after it. */
bool keys_step(struct keys *k, struct gossip *g, struct node_id self, struct moment at,
               struct node_effects *out);
uint64_t keys_deadline_ms(const struct keys *k);

/* ORDER_ROTATE: write the record.  ERR_CONFLICT with a text while a rotation is under
 * way, or when a member would be locked out. */
int keys_rotate(const struct keyring *keys, struct gossip *g, struct moment at,
                const struct order *command, struct node_effects *out, struct err *err);

#endif
