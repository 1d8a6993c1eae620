/* A change of our own address.  See address.h. */
#include "gossip/address.h"

#include "core/trace.h"
#include "gossip/machine/family.h"
#include "gossip/join.h"
#include "gossip/detect/news.h"
#include "gossip/detect/swim.h"
#include "gossip/machine/stream.h"
#include "gossip/detect/twin.h"

enum { AGREE_PERIODS = 2 }; /* of probing: a node asks one member in each */

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
    stream_close_all(g, fx); /* they hang on an address that is not ours any more */
    if (machine_is_mute(g)) {
        own->mute_ms = now_ms;
        own->was_ready = own->was_ready || g->is_ready;
        join_undo(g);
        return;
    }
    swim_resume(g, now_ms, was_mute && own->mute_ms ? now_ms - own->mute_ms : 0);
    twin_drop_checks(g);
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
