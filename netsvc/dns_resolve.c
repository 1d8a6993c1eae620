/* `resolve`: what a name gives, for people, with what was left out and why.  See dns.h. */
#include <errno.h>
#include <string.h>

#include "core/err.h"
#include "netsvc/dns.h"
#include "netsvc/dns_zone.h"

struct resolution {
    struct arena *arena;
    struct dns_record *records;
    size_t n_records, records_cap;
    struct dns_omission *omitted;
    size_t n_omitted, omitted_cap;
};

static int add_record(struct resolution *r, const char *type, const char *value)
{
    if (!value || arena_grow(r->arena, (void **)&r->records, r->n_records,
                             &r->records_cap, sizeof(*r->records)) < 0)
        return -ENOMEM;
    r->records[r->n_records++] = (struct dns_record){type, value, DNS_TTL_S};
    return 0;
}

static int add_omission(struct resolution *r, const char *instance, const char *reason)
{
    if (!reason || arena_grow(r->arena, (void **)&r->omitted, r->n_omitted,
                              &r->omitted_cap, sizeof(*r->omitted)) < 0)
        return -ENOMEM;
    r->omitted[r->n_omitted++] = (struct dns_omission){instance, reason};
    return 0;
}

static int add_address(struct resolution *r, const struct endpoint *at)
{
    char text[ADDRESS_TEXT_MAX];
    if (at->family == 0)
        return 0;
    return add_record(r, at->family == 6 ? "AAAA" : "A",
                      arena_text(r->arena, endpoint_host_text(at, text)));
}

static bool has_address(const struct dns_match *m, size_t before,
                        const struct endpoint *at)
{
    for (size_t i = 0; i < before; i++) {
        const struct catalog_endpoint *e = &m->service->endpoints[i];
        if (e->is_served && dns_match_has(m, e) && e->at.family == at->family &&
            memcmp(e->at.address, at->address, sizeof(at->address)) == 0)
            return true;
    }
    return false;
}

static int add_srv(struct resolution *r, const struct catalog_endpoint *e)
{
    char host[DNS_HEX_MAX];
    if (dns_address_label(&e->at, host) == 0)
        return 0;
    return add_record(r, "SRV",
                      arena_printf(r->arena, "0 %d %u %s.addr.stratos.", DNS_SRV_WEIGHT,
                                   e->at.port, host));
}

static int resolve_service(struct resolution *r, const struct dns_match *m)
{
    const struct catalog_service *s = m->service;
    int status = 0;
    for (size_t i = 0; i < s->n_endpoints && status == 0; i++) {
        const struct catalog_endpoint *e = &s->endpoints[i];
        if (m->kind != DNS_KIND_PORT && e->is_served && dns_match_has(m, e) &&
            !has_address(m, i, &e->at))
            status = add_address(r, &e->at);
    }
    for (size_t i = 0; i < s->n_endpoints && status == 0; i++) {
        const struct catalog_endpoint *e = &s->endpoints[i];
        if (!dns_match_has(m, e))
            continue;
        if (!e->is_served)
            status = add_omission(r, e->instance, e->reason ? e->reason : "not healthy");
        else if (e->at.port != 0)
            status = add_srv(r, e);
    }
    return status;
}

static int resolve_servers(struct resolution *r, const struct catalog *c)
{
    int status = 0;
    for (size_t i = 0; i < c->n_nodes && status == 0; i++)
        if (c->nodes[i].is_live)
            status = add_address(r, &c->nodes[i].at);
    return status;
}

static int resolve_match(struct resolution *r, const struct catalog *c,
                         const struct dns_match *m)
{
    switch (m->kind) {
    case DNS_KIND_OFF_ZONE:
    case DNS_KIND_NONE:
        return ERR_NOT_FOUND;
    case DNS_KIND_EMPTY:
        return 0;
    case DNS_KIND_APEX:
        return add_record(r, "NS", "ns.stratos.");
    case DNS_KIND_SERVERS:
        return resolve_servers(r, c);
    case DNS_KIND_NODE:
        return m->node->is_live ? add_address(r, &m->node->at)
                                : add_omission(r, m->node->name, "the node is not alive");
    case DNS_KIND_ADDRESS:
        return add_address(r, &m->address);
    case DNS_KIND_SERVICE:
    case DNS_KIND_INSTANCE:
    case DNS_KIND_PORT:
        return resolve_service(r, m);
    }
    return ERR_NOT_FOUND;
}

/* "web" and "web.shop" are short for names below service.stratos. */
static int read_name(const char *text, struct arena *arena, struct dns_name *ret_name)
{
    int status = dns_name_of_text(text, ret_name);
    if (status < 0 || dns_zone_holds(ret_name))
        return status;
    size_t len = strlen(text);
    len -= len > 0 && text[len - 1] == '.';
    const char *whole = arena_printf(arena, "%.*s.service.stratos", (int)len, text);
    return whole ? dns_name_of_text(whole, ret_name) : -ENOMEM;
}

int dns_resolve(const struct catalog *catalog, const char *name, struct arena *arena,
                struct dns_record **ret_records, size_t *ret_n,
                struct dns_omission **ret_omitted, size_t *ret_n_omitted)
{
    struct dns_name parsed;
    if (!catalog || !catalog->is_ready)
        return ERR_NOT_READY;
    int status = read_name(name, arena, &parsed);
    if (status < 0)
        return status == ERR_MALFORMED ? ERR_NOT_FOUND : status;
    struct dns_match match = dns_zone_match(catalog, &parsed);
    struct resolution r = {.arena = arena};
    status = resolve_match(&r, catalog, &match);
    if (status < 0)
        return status;
    *ret_records = r.records;
    *ret_n = r.n_records;
    *ret_omitted = r.omitted;
    *ret_n_omitted = r.n_omitted;
    return 0;
}
