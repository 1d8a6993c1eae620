/* The choice among a host's addresses.  See address.h.
 *
 * Link-local addresses (RFC 3927, RFC 4291) are never chosen: beyond their link they mean nothing, and
 * hosts give themselves one just when the real one is late.  They can be given. */
#include "agent/address.h"

#include <string.h>

bool address_is_any(const struct endpoint *at)
{
    static const uint8_t zero[16];
    return memcmp(at->address, zero, at->family == 4 ? 4 : 16) == 0;
}

static bool is_link_local(const struct endpoint *at)
{
    const uint8_t *a = at->address;
    return at->family == 4 ? a[0] == 169 && a[1] == 254
                           : a[0] == 0xfe && (a[1] & 0xc0) == 0x80;
}

static bool is_routable(const struct host_address *h)
{
    return !h->is_on_loopback && !endpoint_is_loopback(&h->at) && !is_link_local(&h->at);
}

bool address_is_own(const struct address_facts *f, const struct endpoint *at)
{
    for (size_t i = 0; i < f->n; i++)
        if (endpoint_is_same_host(&f->list[i].at, at))
            return true;
    return false;
}

/* The first of a family that peers can use; NULL. */
static const struct endpoint *first_routable(const struct address_facts *f,
                                             uint8_t family)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->list[i].at.family == family && f->list[i].is_up &&
            is_routable(&f->list[i]))
            return &f->list[i].at;
    return NULL;
}

/* The family of an address that is given limits what can be told: a socket for one hears nothing of the
 * other. */
static const struct endpoint *best(const struct address_facts *f)
{
    const struct endpoint *v4 = first_routable(f, 4), *v6 = first_routable(f, 6);
    if (f->is_given)
        return f->bind.family == 4 ? v4 : v6;
    return v4 ? v4 : v6;
}

static struct endpoint with_port(const struct endpoint *at, uint16_t port)
{
    struct endpoint e = *at;
    e.port = port;
    return e;
}

struct endpoint address_choose(const struct address_facts *f, struct endpoint present,
                               bool seeks_others)
{
    static const struct endpoint none;
    uint16_t port = f->bind.port;
    if (f->is_given && !address_is_any(&f->bind))
        return f->is_given_there ? f->bind : none;
    bool is_guess = present.family == 0 || endpoint_is_loopback(&present);
    if (!is_guess && address_is_own(f, &present))
        return with_port(&present, port);
    const struct endpoint *found = best(f);
    if (found)
        return with_port(found, port);
    if (endpoint_is_loopback(&present) || !seeks_others)
        return endpoint_loopback(f->is_given ? f->bind.family : 4, port);
    return none;
}

struct endpoint address_second(const struct address_facts *f,
                               const struct endpoint *choice,
                               const struct endpoint *present)
{
    static const struct endpoint none;
    if (f->is_given || choice->family == 0 || endpoint_is_loopback(choice))
        return none;
    uint8_t family = choice->family == 4 ? 6 : 4;
    if (present->family == family && address_is_own(f, present))
        return with_port(present, choice->port);
    const struct endpoint *found = first_routable(f, family);
    return found ? with_port(found, choice->port) : none;
}

bool address_is_elsewhere(const char *join)
{
    struct endpoint at;
    size_t len = strcspn(join, ":");
    if (endpoint_parse(join, 0, &at) == 0)
        return !endpoint_is_loopback(&at);
    return !name_is_localhost((struct bytes){(const uint8_t *)join, len});
}

/* ---- words ---- */

int address_refuse(const struct address *a, struct err *err)
{
    char text[ADDRESS_TEXT_MAX];
    if (a->last.family == 0)
        return err_set(
            err, ERR_NOT_READY,
            "nothing was written: this host has no address yet at which the "
            "others could reach it: wait for its network, or ask another node");
    return err_set(err, ERR_NOT_READY,
                   "nothing was written: this node is cut off, its host has lost its "
                   "address %s: mend its network, or ask another node",
                   endpoint_host_text(&a->last, text));
}

static const char *why_none(const struct address_facts *f, const struct endpoint *was,
                            struct arena *arena)
{
    char text[ADDRESS_TEXT_MAX];
    if (f->is_given && !address_is_any(&f->bind))
        return arena_printf(arena,
                            "this host does not have the address %s of --bind: what runs "
                            "here stays, and the node joins the others when it is there",
                            endpoint_host_text(&f->bind, text));
    if (was->family)
        return arena_printf(arena,
                            "the address %s is gone: what runs here stays, and the node "
                            "comes back when its host has an address",
                            endpoint_host_text(was, text));
    return "this host has no address that others could reach: what runs here stays, and "
           "the node joins them when there is one";
}

void address_tell(const char *node, const struct address_facts *facts,
                  const struct endpoint *was, const struct endpoint *is,
                  struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    char from[ADDRESS_TEXT_MAX], to[ADDRESS_TEXT_MAX];
    struct node_event *event = &node_effects_add(out, NODE_EVENT)->event;
    *event = (struct node_event){
        .kind = "address", .subject = arena_text(arena, node), .is_own = true};
    endpoint_host_text(is, to);
    endpoint_host_text(was, from);
    if (is->family) {
        event->state = arena_text(arena, to);
        event->text = was->family ? arena_printf(arena, "%s is at %s now, it was at %s",
                                                 node, to, from)
                                  : arena_printf(arena, "%s is at %s", node, to);
        return;
    }
    event->cause = why_none(facts, was, arena);
    event->state = was->family ? "cut off" : "waiting";
    event->text =
        was->family
            ? arena_printf(arena, "%s is cut off: its address %s is gone", node, from)
            : arena_printf(arena, "%s has no address yet", node);
}

void address_tell_nat(const char *node, const struct endpoint *nat,
                      struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    char at[ADDRESS_TEXT_MAX];
    struct node_event *event = &node_effects_add(out, NODE_EVENT)->event;
    *event = (struct node_event){.kind = "address",
                                 .subject = arena_text(arena, node),
                                 .state = nat->family ? "nat" : "direct",
                                 .is_own = true};
    if (nat->family == 0) {
        event->text = arena_printf(arena, "others see %s at its own address again", node);
        return;
    }
    event->text =
        arena_printf(arena, "others see %s at %s, which is none of its host's addresses",
                     node, endpoint_host_text(nat, at));
    event->cause = arena_printf(arena,
                                "others see this node at %s, none of its own addresses: "
                                "something between translates them, and who does not "
                                "know this node cannot reach it",
                                at);
}
