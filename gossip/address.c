/* A change of our own address.  See address.h. */
#include "gossip/address.h"

#include <string.h>

#include "core/trace.h"
#include "gossip/machine/family.h"
#include "gossip/join.h"
#include "gossip/detect/news.h"
#include "gossip/detect/relay.h"
#include "gossip/machine/stream.h"
#include "gossip/detect/twin.h"

enum { AGREE_PERIODS = 2 }; /* of probing: a node asks one member in each */

/* They hang on an address that is not ours any more. */
static void drop_streams(struct gossip *g, struct gossip_effects *fx)
{
    for (size_t i = 0; g->sync.n_streams > 0 && i < STREAMS_MAX; i++) {
        if (g->sync.streams[i].id != 0)
            stream_close(g, &g->sync.streams[i], fx);
    }
}

/* What was asked from the old address proves nothing, and neither does the time in which we were mute. */
static void resume_probing(struct gossip *g, uint64_t now_ms, uint64_t mute_for_ms)
{
    struct swim *s = &g->swim;
    const struct peer_list *suspects = &g->members.roles[ROLE_SUSPECT];
    for (size_t i = 0; i < PROBES_MAX; i++)
        s->probes[i] = (struct probe){0};
    s->failed = (struct probe){0};
    s->next_ms = now_ms + rng_below(&g->rng, g->profile.probe_period_ms);
    for (size_t i = 0; i < suspects->n; i++) {
        struct trouble *trouble = members_in(&g->members, ROLE_SUSPECT, i)->trouble;
        trouble->suspected_ms += mute_for_ms;
        trouble->dead_at_ms += mute_for_ms;
    }
    memset(g->twin.checks, 0, sizeof(g->twin.checks)); /* their answers could not reach us */
    s->suspects_ms = now_ms; /* look again at when something is due at one */
    relay_clear(g);
}

/* Who is asked knows us by the question, and its answer says whether our table is behind.  The rumor is
 * kept for those whom this does not reach. */
static void ask_members(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    for (size_t i = 0; i < g->members.roles[ROLE_LIVE].n && i < DIRECT_MEMBERS; i++) {
        struct peer *to = members_in(&g->members, ROLE_LIVE, i);
        struct message m = machine_message(g, now_ms, MESSAGE_PING, to);
        machine_send(g, family_endpoint(g, to), to, &m, false, fx);
    }
}

void address_move(struct gossip *g, uint64_t now_ms, struct endpoint to,
                  struct gossip_effects *fx)
{
    struct own_address *own = &g->own_address;
    bool was_mute = machine_is_mute(g);
    char text[ADDRESS_TEXT_MAX];
    if (g->is_leaving || endpoint_equal(&g->self->member.endpoint, &to))
        return;
    trace(g->tracer, "move: %s", to.family ? endpoint_text(&to, text) : "no address");
    twin_remember_own(g, &g->self->member.endpoint);
    own->observed = own->last[0].at = own->last[1].at = (struct endpoint){0};
    news_move(g, now_ms, to, fx);
    if (!g->is_started)
        return;
    drop_streams(g, fx);
    if (machine_is_mute(g)) {
        own->mute_ms = now_ms;
        own->was_ready = own->was_ready || g->is_ready;
        g->is_ready = false;
        g->join.held_back = NULL;
        return;
    }
    resume_probing(g, now_ms, was_mute && own->mute_ms ? now_ms - own->mute_ms : 0);
    ask_members(g, now_ms, fx);
    if (was_mute)
        join_again(g, now_ms, own->was_ready, fx);
}

void address_hear_ack(struct gossip *g, uint64_t now_ms, const struct message *m)
{
    struct own_address *own = &g->own_address;
    struct witness *last = own->last;
    if (m->has_target) /* it was a relay's ping */
        return;
    if (!node_id_equal(last[0].by, m->sender.id))
        last[1] = last[0];
    last[0] = (struct witness){m->sender.id, m->observed, now_ms};
    if (last[1].heard_ms == 0 || !endpoint_is_same_host(&last[0].at, &last[1].at) ||
        now_ms - last[1].heard_ms > AGREE_PERIODS * (uint64_t)g->profile.probe_period_ms)
        return;
    if (!endpoint_is_same_host(&own->observed, &last[0].at))
        own->observed = last[0].at;
}
