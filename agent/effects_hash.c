/* A hash of what a step asked for: of values, never of addresses, so that two runs that ask for the same
 * have the same.  See recording.h. */
#include <string.h>

#include "agent/recording.h"
#include "core/hash.h"

static uint64_t number(uint64_t h, uint64_t v)
{
    return hash_mix(h + 1, v);
}

static uint64_t bytes(uint64_t h, struct bytes v)
{
    return v.at ? hash64(v, number(h, v.len)) : number(h, UINT64_MAX);
}

static uint64_t text(uint64_t h, const char *v)
{
    return bytes(h, v ? bytes_of_text(v) : (struct bytes){0});
}

static uint64_t endpoint(uint64_t h, const struct endpoint *v)
{
    h = number(h, (uint64_t)v->family << 16 | v->port);
    return bytes(h, (struct bytes){v->address, sizeof(v->address)});
}

static uint64_t of_changes(uint64_t h, const struct store_change *changes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        h = number(h, changes[i].space);
        h = bytes(h, changes[i].key);
        h = bytes(h, changes[i].value);
    }
    return h;
}

static uint64_t of_gossip(uint64_t h, const struct gossip_effect *e)
{
    h = number(h, e->kind);
    h = number(h, e->stream);
    h = endpoint(h, &e->endpoint);
    h = bytes(h, e->bytes);
    h = number(h, e->is_synced);
    return of_changes(h, e->changes, e->n_changes);
}

static uint64_t of_event(uint64_t h, const struct node_event *e)
{
    const char *const texts[] = {e->kind,  e->subject, e->state, e->text,
                                 e->cause, e->where,   e->ns,    e->because};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        h = text(h, texts[i]);
    return number(h, e->is_own);
}

static uint64_t of_result(uint64_t h, const struct node_result *r)
{
    h = number(h, (uint64_t)(int64_t)r->code);
    h = text(text(h, r->text), r->told);
    h = number(number(number(h, r->known_by), r->members), r->total);
    for (size_t i = 0; i < r->n_has; i++)
        h = text(h, r->has[i]);
    for (size_t i = 0; i < r->n_missing; i++)
        h = number(number(text(h, r->missing[i].name), r->missing[i].state),
                   r->missing[i].silent_ms);
    return number(h, r->took_ms);
}

static uint64_t of_task(uint64_t h, const struct node_effect *e)
{
    h = text(text(text(h, e->key), e->version), e->ns);
    for (size_t i = 0; i < e->n_env; i++)
        h = text(text(h, e->env[i].key), e->env[i].value);
    for (size_t i = 0; i < e->n_ports; i++)
        h = number(h, e->ports[i]);
    for (size_t i = 0; i < e->n_asks; i++)
        h = number(number(number(h, e->asks[i].port), e->asks[i].protocols),
                   e->asks[i].is_fixed);
    h = number(number(h, e->n_wanted), e->is_watch << 2 | e->is_quick << 1 | e->to_main);
    h = bytes(h, e->note);
    h = number(number(h, (uint64_t)(int64_t)e->signal), e->grace_ms);
    h = number(h, e->check);
    h = text(h, e->health ? e->health->name : NULL);
    return endpoint(h, &e->endpoint);
}

uint64_t effects_hash(const struct node *n, const struct node_effects *fx, size_t first)
{
    size_t n_staged;
    const struct store_change *staged = node_staged(n, &n_staged);
    uint64_t h = staged ? of_changes(1, staged, n_staged) : 0;
    for (size_t i = first; i < fx->n; i++) {
        const struct node_effect *e = &fx->list[i];
        h = number(h, e->kind);
        if (e->kind == NODE_GOSSIP)
            h = of_gossip(h, &e->gossip);
        else if (e->kind == NODE_EVENT)
            h = of_event(h, &e->event);
        else if (e->kind == NODE_DONE)
            h = number(of_result(h, &e->result), e->token);
        else
            h = of_task(h, e);
    }
    return h;
}
