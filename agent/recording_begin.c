/* A node's start as fields: its options, and its disk as it was seen before.  See recording_inner.h. */
#include "agent/recording_inner.h"

#include "core/err.h"

enum { PAIRS_RECORDED_MAX = 4096 };

static void pass_profile(struct pass *p, struct gossip_profile *v)
{
    pass_u32(p, &v->probe_period_ms);
    pass_u32(p, &v->probe_timeout_ms);
    pass_u32(p, &v->indirect_probes);
    pass_double(p, &v->suspicion_mult);
    pass_double(p, &v->suspicion_max_mult);
    pass_u32(p, &v->gossip_period_ms);
    pass_u32(p, &v->gossip_fanout);
    pass_u32(p, &v->retransmit_mult);
    pass_u32(p, &v->sync_period_ms);
    pass_u32(p, &v->rejoin_period_ms);
    pass_u32(p, &v->reap_after_ms);
    pass_u32(p, &v->collect_hold_ms);
    pass_u32(p, &v->collect_lag_ms);
    pass_u32(p, &v->without);
    if (v->probe_period_ms == 0 || v->gossip_period_ms == 0 || v->sync_period_ms == 0 ||
        v->rejoin_period_ms == 0)
        pass_fail(p, ERR_MALFORMED);
}

static void pass_pairs(struct pass *p, const struct pair **list, size_t *n)
{
    struct pair *pairs = pass_list(p, *list, n, PAIRS_RECORDED_MAX, sizeof(*pairs));
    for (size_t i = 0; i < *n; i++) {
        struct pair pair = pass_is_reading(p) ? (struct pair){0} : pairs[i];
        pass_text(p, &pair.key);
        pass_text(p, &pair.value);
        if (!pair.key || !pair.value)
            pass_fail(p, ERR_MALFORMED);
        if (pass_is_reading(p))
            pairs[i] = pair;
    }
    *list = pairs;
}

static void pass_self(struct pass *p, struct node_doc *v)
{
    pass_text(p, &v->version);
    pass_text(p, &v->address);
    pass_u32(p, &v->cpu_milli);
    pass_u64(p, &v->memory_bytes);
    pass_pairs(p, &v->attributes, &v->n_attributes);
    if (!v->version || !v->address)
        pass_fail(p, ERR_MALFORMED);
}

void recording_pass_disk(struct pass *p, struct disk_facts *v)
{
    pass_u64(p, &v->room.free_bytes);
    pass_u64(p, &v->room.free_inodes);
    pass_bool(p, &v->has_ballast);
    pass_bool(p, &v->was_short);
    pass_bool(p, &v->is_open);
    pass_bool(p, &v->has_written);
    v->trouble = (enum store_trouble)pass_enum(p, (int)v->trouble, STORE_FAILING);
    pass_u64(p, &v->wants_bytes);
    pass_text(p, &v->where);
    pass_text(p, &v->error);
    if (!v->where)
        pass_fail(p, ERR_MALFORMED);
}

/* As one that waited for it saw it. */
static void pass_disk(struct pass *p, struct disk *v)
{
    v->state = (enum disk_state)pass_enum(p, (int)v->state, DISK_BROKEN);
    pass_u64(p, &v->since_unix_ms);
    recording_pass_disk(p, &v->facts);
    pass_bool(p, &v->was_looked_at);
    pass_u64(p, &v->roomy_ms);
    pass_u64(p, &v->healthy_ms);
    pass_u64(p, &v->failed_ms);
    pass_u64(p, &v->tried_ms);
    pass_u64(p, &v->ballast_ms);
    pass_raw(p, v->cause, sizeof(v->cause));
    v->cause[sizeof(v->cause) - 1] = '\0';
}

static void pass_gossip_options(struct pass *p, struct gossip_options *v,
                                struct gossip_profile *profile)
{
    if (!pass_is_reading(p))
        *profile = *v->profile;
    pass_id(p, &v->id);
    pass_text(p, &v->name);
    pass_endpoint(p, &v->endpoint);
    pass_endpoint(p, &v->second);
    pass_profile(p, profile);
    pass_u64(p, &v->epoch);
    pass_u64(p, &v->seed);
    pass_u32(p, &v->listen_ms);
    if (pass_is_reading(p))
        v->profile = profile;
    if (!v->name)
        pass_fail(p, ERR_MALFORMED);
}

void recording_pass_begin(struct pass *p, struct recorded *r)
{
    struct node_options *v = &r->begin.options;
    pass_text(p, &r->begin.version);
    pass_gossip_options(p, &v->gossip, &r->begin.profile);
    pass_self(p, &v->self);
    pass_u16(p, &v->port_min);
    pass_u16(p, &v->port_max);
    pass_u16(p, &v->own_ports.gossip);
    pass_u16(p, &v->own_ports.http);
    pass_u16(p, &v->own_ports.dns);
    pass_u32(p, &v->settle_ms);
    pass_u32(p, &v->hold_ms);
    pass_text(p, &v->binary);
    pass_text(p, &v->api);
    pass_size(p, &v->keys.n);
    pass_raw(p, v->keys.secrets, sizeof(v->keys.secrets));
    pass_bool(p, &v->keys.is_second_next);
    pass_i32(p, &v->ack);
    pass_u32(p, &v->lone_ms);
    pass_bool(p, &v->is_waiting);
    bool has_disk = v->disk != NULL;
    pass_bool(p, &has_disk);
    if (!pass_is_reading(p) && v->disk)
        r->begin.disk = *v->disk;
    if (has_disk)
        pass_disk(p, &r->begin.disk);
    v->disk = has_disk ? &r->begin.disk : NULL;
    if (!v->binary || v->keys.n > KEYRING_MAX || v->port_min > v->port_max ||
        !r->begin.version)
        pass_fail(p, ERR_MALFORMED);
}
