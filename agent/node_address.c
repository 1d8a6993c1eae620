/* What becomes of a node when its host's addresses change.  See node.h. */
#include "agent/node_inner.h"

const struct address *node_own_address(const struct node *n)
{
    return &n->address;
}

struct endpoint node_address_choice(const struct node *n,
                                    const struct address_facts *facts,
                                    bool is_joining_others)
{
    return address_choose(facts, n->address.last,
                          is_joining_others || gossip_seeks_others(n->gossip));
}

/* Tasks keep the address they were started with; what is told of them, and where they are probed,
 * follows. */
static void move(struct node *n, struct moment at, const struct endpoint *to,
                 struct node_effects *out)
{
    struct work_options *work = &n->holder.work.options;
    gossip_move(n->gossip, at.now_ms, *to, &out->gossip);
    work->address = *to;
    work->address.port = 0;
    n->address.observed = n->address.nat = (struct endpoint){0};
    n->self.nat = "";
    if (to->family) {
        n->address.last = *to;
        work->told = work->address;
        work->own.gossip = to->port;
        n->self.address = endpoint_host_text(to, n->address.text);
    }
    if (to->family && n->has_joined)
        (void)node_publish_self(n, at, out);
    (void)node_effects_add(out, NODE_CATALOG);
}

static void look_for_nat(struct node *n, struct moment at,
                         const struct address_facts *facts, struct node_effects *out)
{
    struct endpoint nat = gossip_observed(n->gossip);
    if (address_is_own(facts, &nat))
        nat = (struct endpoint){0};
    if (endpoint_is_same_host(&nat, &n->address.nat))
        return;
    n->address.nat = nat;
    n->self.nat = nat.family ? endpoint_host_text(&nat, n->address.nat_text) : "";
    address_tell_nat(n->self.name, &nat, out);
    if (n->has_joined)
        (void)node_publish_self(n, at, out);
}

bool node_addressed(struct node *n, struct moment at, const struct address_facts *facts,
                    struct endpoint to, struct node_effects *out)
{
    struct endpoint had = n->address.last, was = gossip_endpoint(n->gossip);
    bool has_changed = !endpoint_equal(&was, &to);
    bool is_lacking = to.family == 0 && had.family == 0 && !n->address.is_told;
    bool is_news = is_lacking || (has_changed && (n->has_joined || n->address.is_told));
    if (has_changed)
        move(n, at, &to, out);
    if (is_news)
        address_tell(n->self.name, facts, &had, &to, out);
    n->address.is_told |= is_lacking;
    if (to.family == 0 && !n->has_been_ready)
        n->holder.work.is_held = true;
    look_for_nat(n, at, facts, out);
    return n->has_joined;
}
