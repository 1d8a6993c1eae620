/* What a message says, taken apart: its header, its news, and the part of gossip that it is for.  Decides
 * nothing itself. */
#include "gossip/hear.h"

#include "core/err.h"
#include "gossip/address.h"
#include "gossip/machine/family.h"
#include "gossip/join.h"
#include "gossip/spread/lives.h"
#include "gossip/detect/news.h"
#include "gossip/detect/probe.h"
#include "gossip/spread/push.h"
#include "gossip/detect/relay.h"
#include "gossip/detect/swim.h"
#include "gossip/spread/sync.h"
#include "gossip/spread/tell.h"

/* How far it has seen our own numbers.  That only grows, but in a new incarnation it may have lost
 * what was not yet on its disk, so its first word to us counts whatever it says. */
static void hear_known(struct gossip *g, uint64_t now_ms, struct heard *heard,
                       const struct message *m)
{
    uint64_t epoch = m->known_epoch, number = m->known_number;
    if (machine_is_self(g, m->to))
        lives_heed(g, epoch, number);
    if (epoch != g->epoch) { /* of a former life, or of one that we do not know */
        epoch = g->epoch;
        number = 0;
    }
    bool is_reborn = m->sender.incarnation > heard->known_incarnation;
    if (m->sender.incarnation < heard->known_incarnation)
        return; /* it was long on its way, and says what was lost meanwhile */
    if (m->digest == machine_digest(g)) { /* the same table: all of ours is in it */
        number = g->number;
    } else if (!machine_is_self(g, m->to)) {
        return;
    }
    int order = seen_compare(epoch, number, heard->known_epoch, heard->known_number);
    if (order < 0 && !is_reborn)
        return;
    heard->known_epoch = epoch;
    heard->known_number = number;
    if (is_reborn)
        heard->known_incarnation = m->sender.incarnation;
    if (order < 0)
        push_ask_again(g, now_ms);
}

/* What every message says of its sender. */
void hear_header(struct gossip *g, uint64_t now_ms, const struct message *m, size_t len,
                 struct gossip_effects *out)
{
    const struct peer *known = members_peer(&g->members, m->sender.id);
    bool is_same_life = known && m->epoch != 0 && peer_heard(known)->epoch == m->epoch;
    news_hear(g, now_ms, &m->sender, is_same_life ? NEWS_OWN : NEWS_RUMOR, out);
    struct peer *peer = members_peer(&g->members, m->sender.id);
    if (!peer)
        return;
    g->newest_ms = now_ms;
    struct heard *heard = peer_hear(peer);
    if (!heard)
        return;
    heard->at_ms = now_ms;
    heard->digest = m->digest;
    heard->shown_ms = m->digest == machine_digest(g)
                          ? now_ms
                          : digests_show(&g->sync.digests, now_ms, m->digest);
    uint64_t same_ms = m->digest == machine_digest(g)
                           ? now_ms
                           : digests_own_until(&g->sync.digests, now_ms, m->digest);
    heard->same_ms = same_ms > heard->same_ms ? same_ms : heard->same_ms;
    heard->members_digest = m->members_digest;
    heard->bytes_in += len;
    if (m->epoch)
        heard->epoch = m->epoch;
    hear_known(g, now_ms, heard, m);
    if (m->digest == machine_digest(g)) /* as good as a comparison */
        lives_compared(g);
    sync_notice(g, now_ms, peer);
}

static void hear_way(struct gossip *g, struct endpoint from, struct node_id sender)
{
    struct peer *peer = members_peer(&g->members, sender);
    if (peer)
        family_hear(peer, from.family);
}

static void hear_news(struct gossip *g, uint64_t now_ms, const struct message *m,
                      struct gossip_effects *out)
{
    for (size_t i = 0; i < m->n_members; i++)
        news_hear(g, now_ms, &m->members[i], NEWS_RUMOR, out);
    if (m->n_members > 0)
        news_correct(g, now_ms, m, out);
}

int hear_datagram(struct gossip *g, uint64_t now_ms, struct endpoint from,
                  const struct message *m, size_t len, struct gossip_effects *out)
{
    hear_header(g, now_ms, m, len, out);
    hear_way(g, from, m->sender.id);
    hear_news(g, now_ms, m, out);
    switch (m->kind) {
    case MESSAGE_PING:
        swim_hear_ping(g, now_ms, from, m, out);
        break;
    case MESSAGE_PING_REQ:
        relay_hear_request(g, now_ms, from, m, out);
        break;
    case MESSAGE_ACK:
        g->answered = (struct answered){from, m->sender.id, now_ms};
        address_hear_ack(g, now_ms, m);
        probe_hear_ack(g, now_ms, m, true, out);
        break;
    case MESSAGE_NACK:
        probe_hear_nack(g, now_ms, m);
        break;
    case MESSAGE_PUSH:
        push_hear(g, now_ms, from, NULL, m, out);
        break;
    case MESSAGE_HAVE:
    case MESSAGE_GRAFT:
    case MESSAGE_PRUNE:
        push_hear_tree(g, now_ms, m, out);
        break;
    case MESSAGE_SEEN:
        push_hear_answer(g, now_ms, m);
        break;
    case MESSAGE_NEWS:
        break; /* all of it is in the header and the news */
    case MESSAGE_SYNC:
    case MESSAGE_SYNC_REPLY:
    case MESSAGE_GREET:
    case MESSAGE_BUSY:
    case MESSAGE_MEMBERS:
    case MESSAGE_ENTRIES:
    case MESSAGE_CREDIT:
    case MESSAGE_END:
    case MESSAGE_CHECK:
    case MESSAGE_LIST:
    case MESSAGE_DONE:
    case MESSAGE_TWIN:
    case MESSAGE_BUCKET_PARTS:
    case MESSAGE_KINDS:
        g->metrics->drop_malformed++;
        return ERR_INVALID;
    }
    return 0;
}

void hear_frame(struct gossip *g, uint64_t now_ms, struct stream *s,
                const struct message *m, struct gossip_effects *out)
{
    static const struct endpoint nowhere;
    switch (m->kind) {
    case MESSAGE_PING:
        hear_news(g, now_ms, m, out);
        probe_stream_ping(g, now_ms, s, m, out);
        break;
    case MESSAGE_ACK:
        probe_hear_ack(g, now_ms, m, false, out);
        stream_close(g, s, out);
        break;
    case MESSAGE_PUSH:
        push_hear(g, now_ms, nowhere, s, m, out);
        break;
    case MESSAGE_SEEN:
        tell_hear_seen(g, s, out);
        break;
    case MESSAGE_SYNC:
    case MESSAGE_SYNC_REPLY:
    case MESSAGE_GREET:
    case MESSAGE_BUSY:
    case MESSAGE_MEMBERS:
    case MESSAGE_ENTRIES:
    case MESSAGE_CREDIT:
    case MESSAGE_END:
    case MESSAGE_CHECK:
    case MESSAGE_LIST:
    case MESSAGE_DONE:
    case MESSAGE_BUCKET_PARTS:
        if (sync_hear(g, now_ms, s, m, out))
            join_synced(g, now_ms, out);
        break;
    case MESSAGE_PING_REQ:
    case MESSAGE_NACK:
    case MESSAGE_NEWS:
    case MESSAGE_HAVE:
    case MESSAGE_GRAFT:
    case MESSAGE_PRUNE:
    case MESSAGE_TWIN:
    case MESSAGE_KINDS:
        g->metrics->drop_malformed++;
        stream_close(g, s, out);
        break;
    }
}
