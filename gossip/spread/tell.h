/* Telling one peer a range of a writer's entries: they are looked up when they are sent, so what was
 * superseded meanwhile costs nothing. */
#ifndef GOSSIP_SPREAD_TELL_H
#define GOSSIP_SPREAD_TELL_H

#include "gossip/spread/parcel.h"
#include "gossip/machine/stream.h"

struct tell_size {
    size_t bytes;
    bool has_records, needs_stream;
    bool is_too_large; /* a case for a comparison */
};

struct tell_size tell_measure(const struct gossip *g, const struct push_range *range);
/* One range at once, whatever its size; what is too large is counted and left to a comparison. */
void tell_range(struct gossip *g, uint64_t now_ms, struct peer *to,
                const struct push_range *range, struct gossip_effects *fx);
/* Many ranges that need no stream: full datagrams leave as they fill, the last with tell_rest. */
struct parcel tell_parcel(uint32_t sequence); /* of what is told again; 0: new, to be answered */
void tell_packed(struct gossip *g, uint64_t now_ms, struct peer *to, struct parcel *p,
                 const struct push_range *range, struct gossip_effects *fx);
void tell_rest(struct gossip *g, uint64_t now_ms, struct peer *to, struct parcel *p,
               struct gossip_effects *fx);

void tell_stream_opened(struct gossip *g, uint64_t now_ms, struct stream *s,
                        struct gossip_effects *fx);
/* One frame on a stream of ours was answered. */
void tell_hear_seen(struct gossip *g, struct stream *s, struct gossip_effects *fx);

#endif
