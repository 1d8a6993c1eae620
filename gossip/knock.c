/* Streams that are opened to see how that ends.  See knock.h. */
#include "gossip/knock.h"

#include "gossip/machine/stream.h"

const char *knock_text(enum knock how)
{
    switch (how) {
    case KNOCK_NONE:
        break;
    case KNOCK_NOBODY:
        return "nothing there: nobody listens on that port";
    case KNOCK_SILENT:
        return "nothing there: no answer by UDP or TCP";
    case KNOCK_SECRET:
        return "another secret: an agent is there, and its secret file is not this one's";
    case KNOCK_VERSION:
        return "another version: an agent is there, and speaks of streams in another way";
    case KNOCK_FOREIGN:
        return "something else: what listens there is no agent, or one of another "
               "version";
    case KNOCK_MEMBER:
        return "no UDP: an agent of this cluster answers there by TCP alone";
    }
    return "no answer";
}

static void tell(struct gossip_effects *fx, struct endpoint at, enum knock how,
                 struct node_id who)
{
    struct gossip_effect *effect = effect_add(fx, GOSSIP_KNOCKED);
    if (!effect)
        return;
    effect->endpoint = at;
    effect->knock = how;
    effect->member.id = who;
}

bool knock_at(struct gossip *g, uint64_t now_ms, struct endpoint at,
              struct gossip_effects *fx)
{
    size_t n = 0;
    for (size_t i = 0; g->sync.n_streams > 0 && i < STREAMS_MAX; i++) {
        const struct stream *s = &g->sync.streams[i];
        if (s->id == 0 || s->use != USE_KNOCK)
            continue;
        if (endpoint_equal(&s->at, &at))
            return false;
        n++;
    }
    static const struct node_id nobody;
    return n < KNOCKS_MAX && stream_connect_to(g, now_ms, nobody, at, USE_KNOCK, fx);
}

void knock_opened(struct gossip *g, struct stream *s, struct node_id peer,
                  struct gossip_effects *fx)
{
    const struct peer *known = members_peer(&g->members, peer);
    if (!known || !peer_is_live(known)) /* else its datagrams have come meanwhile */
        tell(fx, s->at, KNOCK_MEMBER, peer);
    stream_close(g, s, fx);
}

void knock_failed(struct stream *s, enum knock how, struct gossip_effects *fx)
{
    static const struct node_id nobody;
    tell(fx, s->at, how, nobody);
}
