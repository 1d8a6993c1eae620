/* What is believed of members: merging what is heard, suspicion, refutation.
 *
 * Beliefs order by (incarnation, state) with alive < suspect < dead < left; the greater one wins,
 * whoever says it and in whatever order it arrives. */
#ifndef GOSSIP_DETECT_NEWS_H
#define GOSSIP_DETECT_NEWS_H

#include "gossip/machine/machine.h"

enum news_source {
    NEWS_RUMOR, /* passed on as fresh news */
    NEWS_OWN,   /* the member's own word, of the life that was heard before: fresh, and nothing to doubt */
    NEWS_SYNC,  /* from somebody's list: never passed on; a death in it is only a suspicion */
};

void news_hear(struct gossip *g, uint64_t now_ms, const struct message_member *m,
               enum news_source source, struct gossip_effects *fx);
/* A datagram's rumors were heard: who still tells accusations that were refuted is told so, for under
 * loss a refutation does not reach everyone who heard of the suspicion. */
void news_correct(struct gossip *g, uint64_t now_ms, const struct message *m,
                  struct gossip_effects *fx);
/* Take over word of a known member that was held back (twin.h). */
void news_believe(struct gossip *g, uint64_t now_ms, const struct message_member *m,
                  struct gossip_effects *fx);
/* Our own probe of an alive member failed. */
void news_suspect(struct gossip *g, uint64_t now_ms, struct peer *peer, struct gossip_effects *fx);
/* A suspicion was not refuted in time. */
void news_dead(struct gossip *g, uint64_t now_ms, struct peer *peer, struct gossip_effects *fx);
/* The cluster was told to forget us while we were cut off: be a newer one that it was not told of. */
void news_survive(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);
/* We are reached at `to` from now on, or nowhere: tell it. */
void news_move(struct gossip *g, uint64_t now_ms, struct endpoint to, struct gossip_effects *fx);
/* We go: tell it. */
void news_leave(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);

/* Remembered peers and our own incarnation. */
int news_restore_peer(struct gossip *g, struct bytes value);
int news_restore_incarnation(struct gossip *g, struct bytes value);
/* PERSIST both. */
void news_persist(struct gossip *g, struct gossip_effects *fx);
void news_start(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);

#endif
