/* Finding the ports of a task before it starts.  See task_ports.h. */
#include "agent/task_ports.h"

#include <stdio.h>
#include <string.h>

#include "sched/spec_diff.h"

enum { ASK_AGAIN_MS = 1 }; /* in between the loop gets to what else there is */

const char *task_ports_own_flag(const struct own_ports *own, uint16_t port)
{
    if (port == 0)
        return NULL;
    return port == own->gossip ? "--bind"
           : port == own->http ? "--http"
           : port == own->dns  ? "--dns"
                               : NULL;
}

/* ---- ports ---- */

void task_ports_given(const struct work *w, const struct work_item *except,
                      struct port_set *out)
{
    const struct own_ports *own = &w->options.own;
    *out = (struct port_set){0};
    port_set_add(out, own->gossip);
    port_set_add(out, own->http);
    port_set_add(out, own->dns);
    for (const struct work_item *item = w->items; item; item = item->next)
        for (size_t i = 0; item != except && i < item->spec->n_ports; i++)
            port_set_add(out, item->ports[i].port);
}

size_t task_ports_fixed(const struct job_spec *spec, struct port_ask *out)
{
    size_t n = 0;
    for (size_t i = 0; i < spec->n_ports; i++) {
        const struct port_spec *port = &spec->ports[i];
        bool is_udp = strcmp(port->protocol, "udp") == 0;
        if (port->host_port)
            out[n++] =
                (struct port_ask){port->host_port, is_udp ? PORT_UDP : PORT_TCP, true};
    }
    return n;
}

static size_t count_missing(const struct work_item *item)
{
    size_t n = 0;
    for (size_t i = 0; i < item->spec->n_ports; i++)
        n += item->ports[i].port == 0;
    return n;
}

/* To the place where it was before, else to the first that has none. */
static void take_port(struct work_item *item, uint16_t port, size_t place)
{
    bool is_there = place < item->spec->n_ports && item->ports[place].port == 0;
    for (size_t i = 0; !is_there && i < item->spec->n_ports; i++) {
        place = i;
        is_there = item->ports[i].port == 0;
    }
    if (is_there)
        item->ports[place].port = port;
}

/* Of the fixed ports one that is spoken for on this very node; 0 when none is. */
static uint16_t find_blocked(const struct work *w, const struct work_item *item,
                             char why[static REASON_WHOLE_MAX])
{
    struct port_ask fixed[PORTS_MAX];
    size_t n = task_ports_fixed(item->spec, fixed);
    for (size_t i = 0; i < n; i++) {
        unsigned port = fixed[i].port;
        const char *flag = task_ports_own_flag(&w->options.own, fixed[i].port);
        if (flag) {
            (void)snprintf(why, REASON_WHOLE_MAX,
                           "port %u is the agent's own on this node (%s): choose "
                           "another, or dynamic",
                           port, flag);
            return fixed[i].port;
        }
        for (const struct work_item *o = w->items; o; o = o->next)
            for (size_t k = 0; o != item && k < o->spec->n_ports; k++)
                if (o->ports[k].port == port) {
                    (void)snprintf(why, REASON_WHOLE_MAX,
                                   "port %u is given to %.63s.%u on this node: this one "
                                   "starts as soon as it is free",
                                   port, o->spec->name, o->index);
                    return fixed[i].port;
                }
    }
    return 0;
}

static void say_none_free(const struct work *w, const struct work_item *item,
                          char why[static REASON_WHOLE_MAX])
{
    const struct port_range *range = &item->draw.range;
    uint32_t n = (uint32_t)range->high - range->low + 1, n_given = 0;
    struct port_set given;
    task_ports_given(w, item, &given);
    for (uint32_t port = range->low; port <= range->high; port++)
        n_given += port_set_has(&given, (uint16_t)port);
    size_t n_wanted = 0;
    for (size_t i = 0; i < item->spec->n_ports; i++)
        n_wanted += item->spec->ports[i].host_port == 0;
    if (n_wanted > n)
        (void)snprintf(why, REASON_WHOLE_MAX,
                       "%zu dynamic ports are wanted, and --ports %u-%u has %u", n_wanted,
                       range->low, range->high, n);
    else
        (void)snprintf(why, REASON_WHOLE_MAX,
                       "no port of --ports %u-%u is free: %u in use on this host, %u "
                       "given to tasks; this one starts as soon as one is free",
                       range->low, range->high, item->draw.n_taken, n_given);
}

void task_ports_ask(struct work *w, struct work_item *item, struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    struct port_ask *asks = arena_array(arena, PORT_ASKS_MAX, sizeof(*asks));
    uint16_t ports[PORT_ASKS_MAX];
    struct port_set given;
    size_t n = 0, n_missing = count_missing(item);
    item->ask_ms = UINT64_MAX;
    if (!asks)
        return; /* the effect is lost with it, and counted */
    if (!item->is_asked)
        n = task_ports_fixed(item->spec, asks);
    task_ports_given(w, NULL, &given); /* its own are those that it has already */
    size_t n_dynamic =
        n_missing ? port_draw_ask(&item->draw, &given, ports, PORT_ASKS_MAX - n) : 0;
    for (size_t i = 0; i < n_dynamic; i++)
        asks[n++] = (struct port_ask){ports[i], PORT_TCP | PORT_UDP, false};
    struct node_effect *effect = node_effects_add(out, NODE_PORTS);
    effect->key = arena_text(arena, item->key);
    effect->asks = asks;
    effect->n_asks = n;
    effect->n_wanted = n_missing;
}

/* ---- the start ---- */

static enum task_ports_stage task_ports_out(struct work *w, struct work_item *item,
                                            struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    struct node_effect *effect = node_effects_add(out, NODE_LAUNCH);
    item->is_drawing = item->is_doubted = false;
    effect->key = arena_text(arena, item->key);
    effect->task = &item->spec->task;
    char version[SPEC_HASH_TEXT];
    /* What the task sees: an edit that it cannot see is the same to its directory. */
    struct spec_hash task = spec_task_hash(item->spec);
    effect->version = arena_text(arena, spec_hash_text(task, version));
    effect->is_quick = lifecycle_is_quick(item->spec);
    effect->ns = item->spec->ns;
    effect->env = work_env(w, item, arena, &effect->n_env);
    effect->note = work_note(item, arena);
    uint16_t *ports = arena_array(arena, item->spec->n_ports, sizeof(*ports));
    for (size_t i = 0; ports && i < item->spec->n_ports; i++)
        ports[i] = item->ports[i].port;
    effect->ports = ports;
    effect->n_ports = ports ? item->spec->n_ports : 0;
    w->options.metrics->tasks_started++;
    return TASK_PORTS_OUT;
}

/* `port`: the fixed one that is in use; 0 = no dynamic one is free. */
static enum task_ports_stage refuse(struct work_item *item, uint16_t port)
{
    item->is_drawing = false;
    item->blocked_port = port;
    for (size_t i = 0; i < PORTS_MAX; i++)
        item->ports[i].port = 0;
    return TASK_PORTS_REFUSED;
}

enum task_ports_stage task_ports_begin(struct work *w, struct work_item *item,
                                       struct moment at, struct node_effects *out,
                                       char why[static REASON_WHOLE_MAX])
{
    const struct port_range range = {w->options.port_min, w->options.port_max};
    uint16_t kept[PORTS_MAX];
    (void)at;
    for (size_t i = 0; i < PORTS_MAX; i++)
        kept[i] = item->ports[i].port;
    memset(item->ports, 0, sizeof(item->ports));
    for (size_t i = 0; i < item->spec->n_ports; i++)
        item->ports[i] = (struct claim_port){item->spec->ports[i].name,
                                             item->spec->ports[i].host_port};
    if (item->spec->n_ports == 0)
        return task_ports_out(w, item, out);
    uint16_t blocked = find_blocked(w, item, why);
    if (blocked)
        return refuse(item, blocked);
    port_draw_begin(&item->draw, range, kept, PORTS_MAX, item->is_doubted, &w->rng);
    item->is_drawing = true;
    item->is_asked = false;
    task_ports_ask(w, item, out);
    return TASK_PORTS_ASKED;
}

/* The walk is over: what lingers is better than nothing. */
static void take_last(const struct work *w, struct work_item *item)
{
    struct port_set given;
    uint16_t port;
    do {
        task_ports_given(w, NULL, &given);
        port = port_draw_last(&item->draw, &given);
        if (port)
            take_port(item, port, SIZE_MAX);
    } while (port && count_missing(item));
}

enum task_ports_stage task_ports_answer(struct work *w, struct work_item *item,
                                        struct moment at, const struct port_ask *asks,
                                        const enum port_state *states, size_t n,
                                        struct node_effects *out,
                                        char why[static REASON_WHOLE_MAX])
{
    struct port_set given;
    uint16_t next;
    task_ports_given(w, NULL, &given);
    for (size_t i = 0; i < n; i++) {
        uint16_t port = asks[i].port;
        size_t place;
        if (asks[i].is_fixed && states[i] == PORT_TAKEN) {
            (void)snprintf(
                why, REASON_WHOLE_MAX,
                "port %u is in use on this host: this one starts as soon as it "
                "is free",
                port);
            return refuse(item, port);
        }
        bool is_free = !asks[i].is_fixed &&
                       port_draw_answer(&item->draw, port, states[i], &place) &&
                       !port_set_has(&given, port); /* of two in one step one has it */
        if (is_free && count_missing(item))
            take_port(item, port, place);
    }
    item->is_asked = true;
    if (count_missing(item) && port_draw_ask(&item->draw, &given, &next, 1) == 0)
        take_last(w, item);
    else if (count_missing(item)) {
        item->ask_ms = at.now_ms + ASK_AGAIN_MS;
        return TASK_PORTS_ASKED;
    }
    if (count_missing(item) == 0)
        return task_ports_out(w, item, out);
    say_none_free(w, item, why);
    return refuse(item, 0);
}
