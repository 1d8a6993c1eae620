/* For how long the work of dead members is left alone.  See node.h. */
#include "agent/node_inner.h"

#include "core/doc.h"

bool node_is_takeover_held(const struct node *n, uint64_t now_ms)
{
    return mass_failure_is_on(&n->holder.hold, now_ms);
}

uint64_t node_takeover_wait_ms(const struct node *n, uint64_t now_ms, bool *ret_is_asking)
{
    const struct mass_failure *h = &n->holder.hold;
    *ret_is_asking = !mass_failure_is_on(h, now_ms) && mass_failure_is_asking(h, now_ms);
    if (*ret_is_asking)
        return h->asking_until_ms - now_ms;
    return mass_failure_is_on(h, now_ms) ? h->until_ms - now_ms : 0;
}

uint64_t node_away_until_ms(const struct node *n, struct node_id id, uint64_t now_ms)
{
    return aways_until_ms(&n->holder.aways, id, now_ms);
}

void node_tell_hold(struct node *n, struct moment at, struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    char span[SPAN_TEXT];
    bool is_on = mass_failure_is_on(&n->holder.hold, at.now_ms);
    if (is_on == n->has_told_hold)
        return;
    n->has_told_hold = is_on;
    struct node_event *event = &node_effects_add(out, NODE_EVENT)->event;
    *event = (struct node_event){.kind = "hold",
                                 .subject = arena_text(arena, n->self.name),
                                 .state = is_on ? "on" : "off",
                                 .is_own = true};
    if (is_on)
        event->text = arena_printf(
            arena, "%s takes nothing over for %s: half of the members or more are silent",
            n->self.name, span_text(n->holder.hold.until_ms - at.now_ms, span));
    else
        event->text =
            arena_printf(arena, "%s takes over again what the dead held", n->self.name);
}
