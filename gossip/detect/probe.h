/* Probing: who answers.  SWIM's round-robin probes, direct and then through others and by a stream, and
 * Lifeguard's local health. */
#ifndef GOSSIP_DETECT_PROBE_H
#define GOSSIP_DETECT_PROBE_H

#include "gossip/machine/stream.h"

void probe_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);
uint64_t probe_deadline_ms(const struct gossip *g);
/* We did not run for `late_ms`. */
void probe_forgive(struct gossip *g, uint64_t late_ms);
/* What was asked so far proves nothing: our address was another. */
void probe_begin_anew(struct gossip *g, uint64_t now_ms);

/* is_datagram: it did not come by a stream. */
void probe_hear_ack(struct gossip *g, uint64_t now_ms, const struct message *m,
                    bool is_datagram, struct gossip_effects *fx);
void probe_hear_nack(struct gossip *g, uint64_t now_ms, const struct message *m);
void probe_refused(struct gossip *g, uint64_t now_ms, struct endpoint at,
                   struct gossip_effects *fx);

/* The probe by stream: opened by us; asked by a peer. */
void probe_stream_opened(struct gossip *g, uint64_t now_ms, struct stream *s,
                         struct gossip_effects *fx);
void probe_stream_ping(struct gossip *g, uint64_t now_ms, struct stream *s,
                       const struct message *m, struct gossip_effects *fx);

#endif
