/* One identity on two live nodes: a directory of data was copied, a virtual machine cloned.
 *
 * A life is known by its epoch and its endpoint.  Word of a live member at another endpoint is either the
 * same life that has moved (the epoch is the same), another life after the old one ended (nobody answers where it
 * was), or a twin: both answer, under different epochs.  So whoever hears such word of a member it has spoken
 * to asks both places before it believes anything.  Both twins are told, and all others.  The life of the
 * greater epoch stops; nobody believes any word of it, so the elder goes on as it was.
 *
 * A node that hears itself speak from where it never was asks there itself: so twins that no member
 * compares find each other, too. */
#ifndef GOSSIP_DETECT_TWIN_H
#define GOSSIP_DETECT_TWIN_H

#include "gossip/machine/machine.h"

/* `believe` takes over word that was held back. */
void twin_start(struct gossip *g, uint64_t now_ms, twin_believe *believe);
/* Our address is another one now: answers to what was asked could not reach us. */
void twin_drop_checks(struct gossip *g);
/* The step's first look at a message: true when it was dealt with, and is not to be heard otherwise. */
bool twin_hear(struct gossip *g, uint64_t now_ms, struct endpoint from,
               const struct message *m, struct gossip_effects *fx);
/* The same of a frame, which has no address to answer to. */
bool twin_hear_frame(struct gossip *g, uint64_t now_ms, const struct message *m,
                     struct gossip_effects *fx);
/* A rumor that `peer`, who is live, is alive elsewhere: true when that is to be found out first. */
bool twin_doubts(struct gossip *g, uint64_t now_ms, const struct peer *peer,
                 const struct message_member *m, struct gossip_effects *fx);
/* A rumor that we are alive at `at`. */
void twin_hear_of_self(struct gossip *g, uint64_t now_ms, const struct endpoint *at,
                       struct gossip_effects *fx);
void twin_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);
uint64_t twin_deadline_ms(const struct gossip *g);
/* This life was at `at` until now: word of it there is of ourselves. */
void twin_remember_own(struct gossip *g, const struct endpoint *at);
/* See gossip_twin. */
bool twin_of(const struct gossip *g, struct node_id id, struct endpoint *ret_other);
/* This life is the younger of two, and has stopped. */
bool twin_is_stopped(const struct gossip *g);

#endif
