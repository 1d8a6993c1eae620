/* Probing: who answers.  SWIM's round-robin probes, direct and then through others, Lifeguard's
 * local health, probes of the dead, and the telling of rumors between probes. */
#ifndef GOSSIP_SWIM_H
#define GOSSIP_SWIM_H

#include "gossip/stream.h"

void swim_start(struct gossip *g, uint64_t now_ms);
void swim_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);
uint64_t swim_deadline_ms(const struct gossip *g);

void swim_ping(struct gossip *g, uint64_t now_ms, struct peer *to, struct gossip_effects *fx);
/* One whose answer bears `sequence`. */
void swim_probe(struct gossip *g, uint64_t now_ms, struct peer *to, uint32_t sequence,
                struct gossip_effects *fx);
/* Ask whoever is at an address. */
void swim_ping_address(struct gossip *g, uint64_t now_ms, struct endpoint at,
                       struct gossip_effects *fx);
void swim_hear_ping(struct gossip *g, uint64_t now_ms, struct endpoint from,
                    const struct message *m, struct gossip_effects *fx);
void swim_hear_ack(struct gossip *g, uint64_t now_ms, const struct message *m,
                   struct gossip_effects *fx);
void swim_hear_nack(struct gossip *g, uint64_t now_ms, const struct message *m);
void swim_refused(struct gossip *g, uint64_t now_ms, struct endpoint at, struct gossip_effects *fx);

/* The probe by stream: opened by us; asked by a peer. */
void swim_stream_opened(struct gossip *g, uint64_t now_ms, struct stream *s,
                        struct gossip_effects *fx);
void swim_stream_ping(struct gossip *g, uint64_t now_ms, struct stream *s, const struct message *m,
                      struct gossip_effects *fx);

#endif
