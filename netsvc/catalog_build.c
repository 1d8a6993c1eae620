/* Building the catalog: the one place of this floor that looks into the members and the
 * table.
 *
 * Rules say under which name a job is served; claims say who runs it and how it is. */
#include "netsvc/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "proto/record.h"

/* An endpoint on its way into its service. */
struct found {
    size_t service; /* index into the services */
    struct catalog_endpoint endpoint;
};

struct build {
    struct catalog *catalog;
    struct arena *arena;
    const struct members *members;
    const char *const *called; /* of each member; NULL: its name */
    const struct catalog_rule **rules; /* sorted by (ns, job) */
    size_t n_rules;
    struct catalog_service *services;
    size_t n_services;
    struct catalog_node *nodes;
    struct endpoint
        *member_at; /* where each member's tasks are reached, in members_at order */
    struct found *found;
    size_t n_found, found_cap;
};

static int compare_pair(const char *ns_a, const char *a, const char *ns_b, const char *b)
{
    int order = strcmp(ns_a, ns_b);
    return order ? order : strcmp(a, b);
}

/* ---- services, from the rules ---- */

static int rule_order(const void *a, const void *b)
{
    const struct catalog_rule *x = *(const struct catalog_rule *const *)a;
    const struct catalog_rule *y = *(const struct catalog_rule *const *)b;
    return compare_pair(x->ns, x->job, y->ns, y->job);
}

static int service_order(const void *a, const void *b)
{
    const struct catalog_service *x = a, *y = b;
    return compare_pair(x->ns, x->name, y->ns, y->name);
}

static int build_services(struct build *b, const struct catalog_rule *rules, size_t n)
{
    b->rules = arena_array(b->arena, n + 1, sizeof(*b->rules));
    b->services = arena_array(b->arena, n + 1, sizeof(*b->services));
    if (!b->rules || !b->services)
        return -1;
    for (size_t i = 0; i < n; i++) {
        b->rules[i] = &rules[i];
        b->services[i] = (struct catalog_service){
            .ns = arena_text(b->arena, rules[i].ns),
            .name = arena_text(b->arena, rules[i].service),
            .protocol =
                arena_text(b->arena, rules[i].protocol ? rules[i].protocol : "tcp"),
            .port_name = arena_text(b->arena, rules[i].port_name),
        };
        if (!b->services[i].ns || !b->services[i].name || !b->services[i].protocol)
            return -1;
    }
    b->n_rules = n;
    qsort(b->rules, n, sizeof(*b->rules), rule_order);
    qsort(b->services, n, sizeof(*b->services), service_order);
    for (size_t i = 0; i < n; i++) /* two jobs may serve under one name */
        if (i == 0 ||
            service_order(&b->services[b->n_services - 1], &b->services[i]) != 0)
            b->services[b->n_services++] = b->services[i];
    b->catalog->services = b->services;
    b->catalog->n_services = b->n_services;
    return 0;
}

static const struct catalog_rule *find_rule(const struct build *b, const char *ns,
                                            const char *job)
{
    const struct catalog_rule key = {.ns = ns, .job = job}, *at = &key;
    const struct catalog_rule **found =
        bsearch(&at, b->rules, b->n_rules, sizeof(*b->rules), rule_order);
    return found ? *found : NULL;
}

/* ---- nodes, from the members ---- */

static bool is_live(const struct member *m)
{
    return m->state == MEMBER_ALIVE || m->state == MEMBER_SUSPECT;
}

/* Where the node's tasks are reached: as it says itself, else where gossip reaches it. */
static struct endpoint node_address(const struct table *table, const struct member *m)
{
    struct endpoint at = m->endpoint;
    at.port = 0;
    struct key key = key_node(m->id);
    const struct entry *e = table_get(table, key_bytes(&key));
    struct arena scratch;
    arena_init(&scratch, 0);
    struct node_doc doc;
    struct endpoint said;
    if (e && record_decode_node(e->value, &scratch, &doc) == 0 && doc.address &&
        endpoint_parse(doc.address, 0, &said) == 0) {
        at = said;
        at.port = 0;
    }
    arena_fini(&scratch);
    return at;
}

static const char *called(const struct build *b, size_t member_at)
{
    return b->called ? b->called[member_at] : members_at(b->members, member_at)->name;
}

/* By name; of two nodes with one name the live one comes first and is kept. */
static int node_order(const void *a, const void *b)
{
    const struct catalog_node *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : (int)y->is_live - (int)x->is_live;
}

static int build_nodes(struct build *b, const struct table *table)
{
    size_t n = members_count(b->members), kept = 0;
    b->nodes = arena_array(b->arena, n + 1, sizeof(*b->nodes));
    b->member_at = arena_array(b->arena, n + 1, sizeof(*b->member_at));
    if (!b->nodes || !b->member_at)
        return -1;
    for (size_t i = 0; i < n; i++) {
        const struct member *m = members_at(b->members, i);
        char *name = arena_text(b->arena, called(b, i));
        if (!name)
            return -1;
        for (char *c = name; *c;
             c++) /* host names may have capitals, lookups have none */
            *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
        b->member_at[i] = node_address(table, m);
        b->nodes[i] = (struct catalog_node){name, b->member_at[i], is_live(m)};
    }
    qsort(b->nodes, n, sizeof(*b->nodes), node_order);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || strcmp(b->nodes[kept - 1].name, b->nodes[i].name) != 0)
            b->nodes[kept++] = b->nodes[i];
    b->catalog->nodes = b->nodes;
    b->catalog->n_nodes = kept;
    return 0;
}

static int host_order(const void *a, const void *b)
{
    return endpoint_compare(a, b);
}

static int build_hosts(struct build *b)
{
    size_t n = members_count(b->members), n_live = 0, kept = 0;
    struct endpoint *hosts = arena_array(b->arena, n + 1, sizeof(*hosts));
    if (!hosts)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (is_live(members_at(b->members, i)))
            hosts[n_live++] = b->member_at[i];
    qsort(hosts, n_live, sizeof(*hosts), host_order);
    for (size_t i = 0; i < n_live; i++)
        if (kept == 0 || !endpoint_equal(&hosts[kept - 1], &hosts[i]))
            hosts[kept++] = hosts[i];
    b->catalog->hosts = hosts;
    b->catalog->n_hosts = kept;
    return 0;
}

/* The member's place in members_at order, which is by id. */
static const struct member *find_member(const struct build *b, struct node_id id,
                                        size_t *ret_at)
{
    size_t low = 0, high = members_count(b->members);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct member *m = members_at(b->members, middle);
        int order = node_id_compare(m->id, id);
        if (order == 0) {
            *ret_at = middle;
            return m;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- endpoints, from the claims ---- */

static const char *why_not(struct build *b, const struct member *m, size_t member_at,
                           const struct claim_doc *claim)
{
    if (m->state == MEMBER_DEAD)
        return arena_printf(b->arena, "node %s is dead", called(b, member_at));
    if (m->state == MEMBER_LEFT)
        return arena_printf(b->arena, "node %s has left", called(b, member_at));
    switch (claim->state) {
    case INSTANCE_PENDING:
    case INSTANCE_STARTING:
        return "starting";
    case INSTANCE_STOPPING:
        return "stopping";
    case INSTANCE_FINISHED:
        return "finished";
    case INSTANCE_FAILED:
        return "failed";
    case INSTANCE_LOST:
        return "lost";
    case INSTANCE_RUNNING:
        break;
    }
    if (claim->check.name && *claim->check.name)
        return arena_printf(b->arena, "health check '%s' %s: %s", claim->check.name,
                            claim->health == HEALTH_FAILING ? "fails"
                                                            : "has not passed yet",
                            *claim->check.said ? claim->check.said : "it says no more");
    return claim->health == HEALTH_FAILING ? "health check failing" : "starting";
}

static uint16_t claim_port(const struct claim_doc *claim, const char *name)
{
    for (size_t i = 0; name && i < claim->n_ports; i++)
        if (strcmp(claim->ports[i].name, name) == 0)
            return claim->ports[i].port;
    return 0;
}

/* The claim's ports in the catalog's memory; NULL when that is out. */
static const struct catalog_port *copy_ports(struct arena *arena,
                                             const struct claim_doc *claim)
{
    struct catalog_port *ports = arena_array(arena, claim->n_ports + 1, sizeof(*ports));
    for (size_t i = 0; ports && i < claim->n_ports; i++) {
        ports[i] = (struct catalog_port){arena_text(arena, claim->ports[i].name),
                                         claim->ports[i].port};
        if (!ports[i].name)
            return NULL;
    }
    return ports;
}

static int add_endpoint(struct build *b, const struct catalog_rule *rule, uint32_t index,
                        const struct member *m, size_t member_at,
                        const struct claim_doc *claim)
{
    const struct catalog_service *service =
        catalog_find(b->catalog, rule->ns, rule->service);
    if (!service || arena_grow(b->arena, (void **)&b->found, b->n_found, &b->found_cap,
                               sizeof(*b->found)) < 0)
        return -1;
    struct endpoint at = b->member_at[member_at];
    at.port = claim_port(claim, rule->port_name);
    bool is_served = is_live(m) && claim_is_healthy(claim->state, claim->health);
    struct catalog_endpoint endpoint = {
        .instance = arena_printf(b->arena, "%s.%u", rule->job, index),
        .index = index,
        .node = arena_text(b->arena, called(b, member_at)),
        .at = at,
        .ports = copy_ports(b->arena, claim),
        .n_ports = claim->n_ports,
        .health = claim->health,
        .is_served = is_served,
        .reason = is_served ? NULL : why_not(b, m, member_at, claim),
    };
    if (!endpoint.instance || !endpoint.node || !endpoint.ports ||
        (!is_served && !endpoint.reason))
        return -1;
    b->found[b->n_found++] =
        (struct found){.service = (size_t)(service - b->services), .endpoint = endpoint};
    return 0;
}

/* A claim that does not parse is of a newer version or damaged: it is not served, and
 * whoever wrote it hears of it elsewhere. */
static int visit_claim(void *ctx, const struct entry *e)
{
    struct build *b = ctx;
    struct key_parts parts;
    if (key_parse(e->key, &parts) < 0 || parts.kind != KEY_CLAIM)
        return 0;
    char ns[NAME_LEN_MAX + 1] = "", job[NAME_LEN_MAX + 1] = "";
    if (parts.ns.len > NAME_LEN_MAX || parts.name.len > NAME_LEN_MAX)
        return 0;
    memcpy(ns, parts.ns.at, parts.ns.len);
    memcpy(job, parts.name.at, parts.name.len);
    size_t at;
    const struct catalog_rule *rule = find_rule(b, ns, job);
    const struct member *m = rule ? find_member(b, parts.node, &at) : NULL;
    if (!m)
        return 0;
    struct arena scratch;
    struct claim_doc claim;
    arena_init(&scratch, 0);
    int status = record_decode_claim(e->value, &scratch, &claim) == 0
                     ? add_endpoint(b, rule, parts.index, m, at, &claim)
                     : 0;
    arena_fini(&scratch);
    return status;
}

static int found_order(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->service != y->service)
        return x->service < y->service ? -1 : 1;
    if (x->endpoint.index != y->endpoint.index)
        return x->endpoint.index < y->endpoint.index ? -1 : 1;
    return strcmp(x->endpoint.node, y->endpoint.node);
}

static int build_endpoints(struct build *b, const struct table *table)
{
    if (table_each(table, bytes_of_text("claim/"), visit_claim, b) != 0)
        return -1;
    struct catalog_endpoint *all = arena_array(b->arena, b->n_found + 1, sizeof(*all));
    if (!all)
        return -1;
    if (b->n_found > 0)
        qsort(b->found, b->n_found, sizeof(*b->found), found_order);
    for (size_t i = 0; i < b->n_found; i++) {
        struct catalog_service *service = &b->services[b->found[i].service];
        all[i] = b->found[i].endpoint;
        if (service->n_endpoints++ == 0)
            service->endpoints = &all[i];
    }
    return 0;
}

/* ---- the snapshot ---- */

struct catalog *catalog_build(const struct members *members, const struct table *table,
                              const char *const *called,
                              const struct catalog_rule *rules, size_t n_rules,
                              bool is_ready, uint32_t serial)
{
    struct arena *arena = malloc(sizeof(*arena));
    if (!arena)
        return NULL;
    arena_init(arena, 0);
    struct build b = {.arena = arena, .members = members, .called = called};
    b.catalog = arena_alloc(arena, sizeof(*b.catalog));
    if (!b.catalog)
        goto fail;
    *b.catalog = (struct catalog){
        .arena = arena, .refs = 1, .is_ready = is_ready, .serial = serial};
    if (build_services(&b, rules, n_rules) < 0 || build_nodes(&b, table) < 0 ||
        build_hosts(&b) < 0 || build_endpoints(&b, table) < 0)
        goto fail;
    return b.catalog;
fail:
    arena_fini(arena);
    free(arena);
    return NULL;
}
