/* What a node says of itself: its row, with name, clock, disk and keys, until it leaves.
 * See node.h. */
#include <string.h>

#include "agent/namesakes.h"
#include "agent/news.h"
#include "agent/node_inner.h"
#include "core/naming.h"
#include "proto/record.h"

uint64_t node_publish_self(struct node *n, struct moment at, struct node_effects *out)
{
    enum { NODE_DOC_MAX = 32 * 1024 };
    void *buf = arena_alloc(node_effects_arena(out), NODE_DOC_MAX);
    struct writer w = writer_of(buf, buf ? NODE_DOC_MAX : 0);
    struct key key = key_node(n->options.gossip.id);
    uint64_t number = 0;
    struct rotation_peer sealing = rotation_own(&n->keys.rotation);
    n->self.key_epoch = sealing.seals;
    n->self.other_key_epoch = sealing.opens;
    if (record_encode_node(&n->self, &w) == 0)
        (void)gossip_publish(n->gossip, at.now_ms, at.at_unix_ms, key_bytes(&key),
                             writer_done(&w), &number, &out->gossip);
    return number;
}

void node_check_own_row(struct node *n, struct moment at, struct bytes key,
                        struct node_effects *out)
{
    struct key own = key_node(n->options.gossip.id);
    if (bytes_equal(key, key_bytes(&own)))
        (void)node_publish_self(n, at, out);
}

void node_tell_of_name(struct node *n, struct node_id id, struct node_effects *out)
{
    const struct members *members = gossip_members(n->gossip);
    const struct member *member = members_find(members, id);
    if (member && members_may_share_name(member) && gossip_is_ready(n->gossip))
        news_name(n->news, members, gossip_table(n->gossip), member->name, out);
}

void node_take_name(struct node *n, struct moment at, struct node_effects *out)
{
    const struct members *members = gossip_members(n->gossip);
    if (n->self.named == NAME_NOT_TAKEN) {
        n->self.named = namesakes_take(members, gossip_table(n->gossip),
                                       n->options.gossip.id, n->self.name, at.at_unix_ms);
        (void)node_publish_self(n, at, out);
    }
    for (size_t i = 0; i < members_count(members); i++)
        node_tell_of_name(n, members_at(members, i)->id, out);
}

void node_recall(struct node *n, struct node_effects *out)
{
    struct node_doc doc;
    struct key key = key_node(n->options.gossip.id);
    const struct entry *own = table_get(gossip_table(n->gossip), key_bytes(&key));
    if (!own || record_decode_node(own->value, node_effects_arena(out), &doc) < 0)
        return;
    n->wall.told_ms = n->self.clock_skew_ms = doc.clock_skew_ms;
    if (strcmp(doc.name, n->self.name) == 0)
        n->self.named = doc.named;
    if (doc.disk == n->disk.state && doc.disk != DISK_OK)
        n->self.disk_since_unix_ms = n->disk.since_unix_ms = doc.disk_since_unix_ms;
}

void node_look_at_wall(struct node *n, struct moment at, struct node_effects *out)
{
    if (!wall_clock_step(&n->wall, n->gossip, n->self.name, at, out))
        return;
    n->self.clock_skew_ms = n->wall.told_ms;
    (void)node_publish_self(n, at, out);
}

bool node_disk(struct node *n, struct moment at, const struct disk_facts *facts,
               struct node_effects *out)
{
    enum disk_state was = n->disk.state;
    bool was_ready = gossip_is_ready(n->gossip);
    bool has_changed = disk_step(&n->disk, facts, at, &n->advice);
    if (has_changed) {
        n->self.disk = n->disk.state;
        n->self.disk_since_unix_ms = n->disk.since_unix_ms;
        disk_tell(&n->disk, was, n->self.name, out);
        if (n->has_joined)
            (void)node_publish_self(n, at, out);
        holder_set_dirty(&n->holder, at.now_ms);
    }
    /* A node whose disk is broken must be able to give its work away. */
    bool is_held = !facts->is_open && n->disk.state == DISK_FULL;
    gossip_hold(n->gossip, at.now_ms, is_held, &out->gossip);
    return n->has_joined && (has_changed || was_ready != gossip_is_ready(n->gossip));
}

struct disk_advice node_disk_advice(const struct node *n)
{
    return n->advice;
}

void node_check_leaving(struct node *n, struct moment at, struct node_effects *out)
{
    if (n->leaving != HANDING_OVER)
        return;
    if (!holder_is_idle(&n->holder) && at.now_ms < n->leave_by_ms)
        return;
    n->leaving = DEPARTING;
    work_abandon(&n->holder.work, out);
    gossip_leave(n->gossip, at.now_ms, &out->gossip);
}
