/* Gossip, variables, services and names as JSON.  See report.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/report.h"
#include "agent/sight.h"
#include "agent/text_json.h"
#include "core/err.h"
#include "netsvc/dns.h"
#include "proto/record.h"

static json_t *hex_text(uint64_t value)
{
    char text[17];
    (void)snprintf(text, sizeof(text), "%016llx", (unsigned long long)value);
    return json_string(text);
}

/* Who is out of reach is said beside whatever was asked. */
static json_t *warning(const struct node *n, const char *self, uint64_t now_ms)
{
    struct arena arena;
    struct sight sight;
    arena_init(&arena, 4 << 20);
    bool is_made = sight_of(n, self, now_ms, &arena, &sight) == 0;
    const char *text = is_made ? sight_text(&sight, &arena) : NULL;
    json_t *out = text ? json_string(text) : json_null();
    arena_fini(&arena);
    return out;
}

json_t *report_view(const struct node *n, const char *self, uint64_t now_ms)
{
    const struct gossip *g = node_gossip(n);
    const struct members *m = gossip_members(g);
    size_t alive = members_count_state(m, MEMBER_ALIVE),
           suspect = members_count_state(m, MEMBER_SUSPECT),
           dead = members_count_state(m, MEMBER_DEAD);
    uint64_t newest_ms = gossip_newest_ms(g);
    return json_pack("{s:I,s:I,s:I,s:I,s:o,s:I,s:I,s:o}", "alive", (json_int_t)alive,
                     "suspect", (json_int_t)suspect, "dead", (json_int_t)dead, "total",
                     (json_int_t)(alive + suspect + dead), "digest",
                     hex_text(gossip_digest(g)), "newest_ms",
                     (json_int_t)(newest_ms ? now_ms - newest_ms : 0), "reachable",
                     (json_int_t)alive, "warning", warning(n, self, now_ms));
}

json_t *report_envelope(const struct node *n, const char *self, uint64_t now_ms,
                        json_t *data)
{
    return json_pack("{s:i,s:s,s:o,s:o}", "api", 1, "node", self, "view",
                     report_view(n, self, now_ms), "data", data ? data : json_null());
}

json_t *report_error(const char *code, const char *message)
{
    return json_pack("{s:{s:s,s:o}}", "error", "code", code, "message",
                     text_json(message));
}

/* ---- gossip ---- */

/* By id: another node may bear our name. */
static bool is_self(const struct report *r, struct node_id id)
{
    return node_id_equal(gossip_id(r->gossip), id);
}

/* How many of `truth`'s numbers `seen` lacks, over all writers; both sorted by writer. */
static uint64_t behind(const struct seen_number *truth, size_t n_truth,
                       const struct seen_number *seen, size_t n_seen)
{
    uint64_t missing = 0;
    for (size_t i = 0, k = 0; i < n_truth; i++) {
        while (k < n_seen && node_id_compare(seen[k].writer, truth[i].writer) < 0)
            k++;
        bool is_known = k < n_seen && node_id_equal(seen[k].writer, truth[i].writer) &&
                        seen[k].epoch == truth[i].epoch;
        uint64_t number = is_known ? seen[k].number : 0;
        missing += truth[i].number > number ? truth[i].number - number : 0;
    }
    return missing;
}

static json_t *peer_json(const struct report *r, const struct member *m,
                         const struct seen_number *own, size_t n_own)
{
    struct peer_view peer;
    char id[NODE_ID_TEXT];
    json_t *out = json_pack("{s:s,s:s}", "node", report_name(r, m->id, id), "state",
                            member_state_name(m->state));
    if (!gossip_peer(r->gossip, m->id, &peer)) {
        (void)json_object_update_new(out, json_pack("{s:n,s:n,s:n,s:n,s:n,s:n,s:i,s:i}",
                                                    "digest", "behind", "late_ms",
                                                    "heard_ms", "rtt_ms", "clock_ms",
                                                    "bytes_in", 0, "bytes_out", 0));
        return out;
    }
    (void)json_object_set_new(out, "digest", hex_text(peer.digest));
    bool is_live = m->state == MEMBER_ALIVE || m->state == MEMBER_SUSPECT;
    (void)json_object_set_new(out, "behind",
                              !is_live        ? json_null()
                              : !peer.is_late ? json_integer(0)
                              : peer.n_seen   ? json_integer((json_int_t)behind(
                                                    own, n_own, peer.seen, peer.n_seen))
                                              : json_null());
    (void)json_object_set_new(
        out, "late_ms",
        !is_live ? json_null()
                 : json_integer(peer.is_late ? (json_int_t)peer.behind_ms : 0));
    (void)json_object_set_new(
        out, "heard_ms",
        peer.heard_ms ? json_integer((json_int_t)(r->at.now_ms - peer.heard_ms))
                      : json_null());
    (void)json_object_set_new(out, "rtt_ms",
                              is_live && m->rtt_us ? json_real(m->rtt_us / 1000.0)
                                                   : json_null());
    (void)json_object_set_new(out, "clock_ms",
                              peer.has_clock ? json_integer(peer.clock_ms) : json_null());
    (void)json_object_set_new(out, "bytes_in", json_integer((json_int_t)peer.bytes_in));
    (void)json_object_set_new(out, "bytes_out", json_integer((json_int_t)peer.bytes_out));
    return out;
}

/* One row of the who-knows-what map: what `observer` has not heard of each writer.  0: it is in step, null:
 * it is silent, or has not told.  Writes under way take a moment: only who is late lacks something. */
static json_t *map_row(const struct report *r, const struct member *observer,
                       const struct member *const *writers, size_t n_writers,
                       const struct seen_number *own, size_t n_own)
{
    struct peer_view peer = {0};
    bool is_own = is_self(r, observer->id);
    bool is_heard = is_own || (observer->state != MEMBER_DEAD &&
                               gossip_peer(r->gossip, observer->id, &peer));
    json_t *row = json_array();
    for (size_t i = 0; i < n_writers; i++) {
        struct node_id writer = writers[i]->id;
        const struct seen_number *truth = NULL, *seen = NULL;
        for (size_t k = 0; k < n_own; k++)
            truth = node_id_equal(own[k].writer, writer) ? &own[k] : truth;
        for (size_t k = 0; k < peer.n_seen; k++)
            seen = node_id_equal(peer.seen[k].writer, writer) ? &peer.seen[k] : seen;
        json_t *cell = json_null();
        if (is_heard && (is_own || !peer.is_late || !truth || writers[i] == observer))
            cell = json_integer(0);
        else if (is_heard && peer.n_seen)
            cell = json_integer((json_int_t)behind(truth, 1, seen, seen ? 1 : 0));
        (void)json_array_append_new(row, cell);
    }
    return row;
}

/* Who has left is gone, and no row or column of the map. */
static json_t *map_json(struct report *r, const struct member *const *sorted,
                        const struct seen_number *own, size_t n_own)
{
    size_t n = members_count(gossip_members(r->gossip)), n_shown = 0;
    const struct member **shown = arena_array(&r->arena, n + 1, sizeof(*shown));
    json_t *nodes = json_array(), *cells = json_array();
    char id[NODE_ID_TEXT];
    for (size_t i = 0; shown && i < n; i++) {
        if (sorted[i]->state != MEMBER_LEFT)
            shown[n_shown++] = sorted[i];
    }
    for (size_t i = 0; i < n_shown; i++) {
        (void)json_array_append_new(nodes, json_string(report_name(r, shown[i]->id, id)));
        (void)json_array_append_new(cells,
                                    map_row(r, shown[i], shown, n_shown, own, n_own));
    }
    return json_pack("{s:o,s:o}", "nodes", nodes, "cells", cells);
}

json_t *report_gossip(struct report *r, bool has_map)
{
    const struct members *members = gossip_members(r->gossip);
    const struct member **sorted = report_sorted(r);
    const struct seen_number *own;
    size_t n_own = gossip_seen(r->gossip, &own);
    json_t *seen = json_array(), *peers = json_array();
    char id[NODE_ID_TEXT];
    for (size_t i = 0; i < n_own; i++)
        (void)json_array_append_new(seen, json_pack("{s:s,s:I}", "node",
                                                    report_name(r, own[i].writer, id),
                                                    "number", (json_int_t)own[i].number));
    for (size_t i = 0; sorted && i < members_count(members); i++) {
        if (!is_self(r, sorted[i]->id))
            (void)json_array_append_new(peers, peer_json(r, sorted[i], own, n_own));
    }
    json_t *out =
        json_pack("{s:o,s:I,s:o,s:o,s:I}", "digest",
                  hex_text(gossip_digest(r->gossip)), "entries",
                  (json_int_t)table_count(gossip_table(r->gossip)), "seen", seen, "peers",
                  peers, "rumors", (json_int_t)gossip_rumors(r->gossip));
    if (has_map && sorted)
        (void)json_object_set_new(out, "map", map_json(r, sorted, own, n_own));
    return out;
}

/* ---- who has a job's version ---- */

/* true, false, or NULL when nothing is known of that member. */
static json_t *has_entry(const struct report *r, const struct member *m,
                         const struct entry *e)
{
    struct peer_view peer = {0};
    if (is_self(r, m->id))
        return json_true();
    if (!gossip_peer(r->gossip, m->id, &peer))
        return json_null();
    bool is_ours = is_self(r, e->writer) && e->epoch == gossip_epoch(r->gossip);
    if (peer.digest == gossip_digest(r->gossip) ||
        node_id_equal(m->id, e->writer) || (is_ours && peer.has_ours >= e->number))
        return json_true();
    for (size_t i = 0; i < peer.n_seen; i++)
        if (node_id_equal(peer.seen[i].writer, e->writer))
            return json_boolean(seen_line_covers(&peer.seen[i], e->epoch, e->number));
    return peer.n_seen ? json_false() : json_null();
}

json_t *report_trace(struct report *r, uint32_t job)
{
    const struct view_job *j = &r->view.jobs[job];
    const struct members *members = gossip_members(r->gossip);
    const struct member **sorted = report_sorted(r);
    struct key key = key_job(j->ns, j->name);
    const struct entry *e = table_get(gossip_table(r->gossip), key_bytes(&key));
    char writer[NODE_ID_TEXT], id[NODE_ID_TEXT], version[16];
    json_int_t live = 0, known = 0;
    if (!sorted || !e)
        return NULL;
    json_t *nodes = json_array();
    for (size_t i = 0; i < members_count(members); i++) {
        struct peer_view peer = {0};
        bool is_live =
            sorted[i]->state == MEMBER_ALIVE || sorted[i]->state == MEMBER_SUSPECT;
        bool is_heard = gossip_peer(r->gossip, sorted[i]->id, &peer) && peer.heard_ms;
        json_t *has = has_entry(r, sorted[i], e);
        live += is_live;
        known += is_live && json_is_true(has);
        (void)json_array_append_new(
            nodes,
            json_pack("{s:s,s:s,s:o,s:o}", "node", report_name(r, sorted[i]->id, id),
                      "state", member_state_name(sorted[i]->state), "has", has,
                      "heard_ms",
                      is_heard ? json_integer((json_int_t)(r->at.now_ms - peer.heard_ms))
                               : json_null()));
    }
    (void)snprintf(version, sizeof(version), "v%u", j->doc.version);
    return json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:o}", "job", j->name, "namespace",
                     j->ns, "version", version, "writer",
                     report_name(r, e->writer, writer), "number", (json_int_t)e->number,
                     "known_by", known, "members", live, "nodes", nodes);
}

/* ---- variables ---- */

/* Values that are not UTF-8 are given in hex under another name. */
json_t *report_variable(const struct entry *entry)
{
    struct key_parts parts;
    char id[NODE_ID_TEXT];
    if (key_parse(entry->key, &parts) < 0)
        return NULL;
    json_t *out = json_pack("{s:s%,s:s%,s:s}", "name", (const char *)parts.name.at,
                            parts.name.len, "namespace", (const char *)parts.ns.at,
                            parts.ns.len, "writer", node_id_text(entry->writer, id));
    json_t *value = json_stringn((const char *)entry->value.at, entry->value.len);
    if (value)
        (void)json_object_set_new(out, "value", value);
    char *hex = value ? NULL : malloc(2 * entry->value.len + 1);
    if (hex) {
        hex_encode(entry->value.at, entry->value.len, hex);
        (void)json_object_set_new(out, "value_hex", json_string(hex));
    }
    free(hex);
    return out;
}

static int variable_visit(void *ctx, const struct entry *entry)
{
    json_t *variable = report_variable(entry);
    return variable ? json_array_append_new(ctx, variable) : 0;
}

json_t *report_variables(const struct report *r)
{
    json_t *list = json_array();
    (void)table_each(gossip_table(r->gossip), bytes_of_text("var/"), variable_visit,
                     list);
    return list;
}

/* ---- services and names ---- */

/* Of what a node that is gone held nobody knows how it is. */
static json_t *endpoint_json(const struct catalog *c, const struct catalog_endpoint *e)
{
    char address[ADDRESS_TEXT_MAX];
    const struct catalog_node *node = catalog_find_node(c, e->node);
    bool is_known = node && node->is_live;
    json_t *out = json_pack(
        "{s:s,s:s,s:s,s:i,s:s,s:b}", "instance", e->instance, "node", e->node, "address",
        endpoint_host_text(&e->at, address), "port", e->at.port, "health",
        health_name(is_known ? e->health : HEALTH_UNKNOWN), "served", e->is_served);
    if (!e->is_served && e->reason)
        (void)json_object_set_new(out, "reason", text_json(e->reason));
    return out;
}

/* A job without ports serves nothing at an address. */
json_t *report_services(const struct catalog *c, const char *name)
{
    json_t *list = json_array();
    for (size_t i = 0; c && i < c->n_services; i++) {
        const struct catalog_service *s = &c->services[i];
        bool has_port = s->port_name && *s->port_name;
        if (!has_port || (name && strcmp(name, s->name) != 0))
            continue;
        json_t *endpoints = json_array();
        for (size_t k = 0; k < s->n_endpoints; k++)
            (void)json_array_append_new(endpoints, endpoint_json(c, &s->endpoints[k]));
        (void)json_array_append_new(list, json_pack("{s:s,s:s,s:s?,s:s?,s:o}", "name",
                                                    s->name, "namespace", s->ns, "port",
                                                    s->port_name, "protocol", s->protocol,
                                                    "endpoints", endpoints));
    }
    return list;
}

/* Labels that begin with __meta_ are for relabelling; Prometheus drops them afterwards. */
static json_t *target_json(const struct catalog_service *s,
                           const struct catalog_endpoint *e, const struct catalog_port *p)
{
    char text[ADDRESS_TEXT_MAX];
    struct endpoint at = e->at;
    at.port = p->port;
    return json_pack("{s:[s],s:{s:s,s:s,s:s,s:s,s:s,s:s}}", "targets",
                     endpoint_text(&at, text), "labels", "__meta_stratos_namespace",
                     s->ns, "__meta_stratos_service", s->name, "__meta_stratos_instance",
                     e->instance, "__meta_stratos_node", e->node, "__meta_stratos_port",
                     p->name, "__meta_stratos_health", health_name(e->health));
}

json_t *report_targets(const struct catalog *c)
{
    json_t *list = json_array();
    for (size_t i = 0; c && i < c->n_services; i++) {
        const struct catalog_service *s = &c->services[i];
        for (size_t k = 0; k < s->n_endpoints; k++) {
            const struct catalog_endpoint *e = &s->endpoints[k];
            const struct catalog_node *node = catalog_find_node(c, e->node);
            for (size_t n = 0; node && node->is_live && n < e->n_ports; n++)
                (void)json_array_append_new(list, target_json(s, e, &e->ports[n]));
        }
    }
    return list;
}

int report_resolve(const struct catalog *c, const char *name, json_t **ret_data)
{
    struct arena arena;
    struct dns_record *records;
    struct dns_omission *omitted;
    size_t n, n_omitted;
    arena_init(&arena, 16 << 20);
    int status = dns_resolve(c, name, &arena, &records, &n, &omitted, &n_omitted);
    if (status == 0) {
        json_t *answers = json_array(), *left_out = json_array();
        for (size_t i = 0; i < n; i++)
            (void)json_array_append_new(
                answers, json_pack("{s:s,s:s,s:I}", "type", records[i].type, "value",
                                   records[i].value, "ttl", (json_int_t)records[i].ttl));
        for (size_t i = 0; i < n_omitted; i++)
            (void)json_array_append_new(
                left_out, json_pack("{s:s,s:o}", "instance", omitted[i].instance,
                                    "reason", text_json(omitted[i].reason)));
        *ret_data = json_pack("{s:o,s:o,s:o}", "name", text_json(name), "answers",
                              answers, "left_out", left_out);
    }
    arena_fini(&arena);
    return status;
}
