/* The verdict as JSON: what it is made of is gathered here.  See verdict.h. */
#include "agent/verdict.h"

#include <string.h>

#include "agent/fill.h"
#include "agent/report.h"
#include "agent/text_json.h"
#include "core/stamp.h"

enum { OWN_MAX = 8 };

static bool is_self(const struct report *r, const struct member *m)
{
    return node_id_equal(m->id, gossip_id(r->gossip));
}

static void look_at(const struct report *r, const struct member *m,
                    struct verdict_member *ret)
{
    struct peer_view peer = {0};
    uint32_t node = view_find_node(&r->view, m->id);
    bool has_row = node != VIEW_NONE && r->view.nodes[node].has_doc;
    bool is_heard = gossip_peer(r->gossip, m->id, &peer) && peer.heard_ms;
    *ret = (struct verdict_member){
        .name = node == VIEW_NONE ? m->name : r->view.nodes[node].doc.name,
        .doc = has_row ? &r->view.nodes[node].doc : NULL,
        .state = m->state,
        .silent_ms = is_heard ? r->at.now_ms - peer.heard_ms : SILENT_SINCE_START,
        .late_ms = peer.is_late && m->state == MEMBER_ALIVE ? peer.behind_ms : 0,
        .is_self = is_self(r, m),
    };
}

struct own {
    struct need list[OWN_MAX];
    size_t n;
};

static void add(struct own *own, struct need need)
{
    need.subject = need.subject ? need.subject : "-";
    if (own->n < OWN_MAX && need.text)
        own->list[own->n++] = need;
}

static void look_at_disk(struct report *r, struct own *own)
{
    const struct disk *disk = node_own_disk(r->node);
    if (disk->state == DISK_OK)
        return;
    add(own,
        (struct need){LEVEL_BAD, NULL, r->self,
                      arena_printf(&r->arena, "the disk of %s is %s: %s%s", r->self,
                                   disk_state_name(disk->state), disk->cause,
                                   node_is_waiting(r->node)
                                       ? "; it waits for that before it joins the others"
                                       : ""),
                      disk->cause, "stratos members", disk->since_unix_ms});
}

static void look_at_reach(struct report *r, struct own *own)
{
    struct endpoint other;
    char text[ADDRESS_TEXT_MAX];
    bool has_address = gossip_endpoint(r->gossip).family != 0;
    if (gossip_is_stopped(r->gossip) &&
        gossip_twin(r->gossip, gossip_id(r->gossip), &other))
        add(own, (struct need){
                     LEVEL_BAD, NULL, r->self,
                     arena_printf(&r->arena,
                                  "%s has stopped: its identity lives at %s, and longer",
                                  r->self, endpoint_text(&other, text)),
                     NULL, "stratos members", 0});
    else if (!has_address)
        add(own, (struct need){
                     LEVEL_BAD, NULL, r->self,
                     arena_printf(&r->arena,
                                  "the host of %s has no address: what runs there stays, "
                                  "and it takes nothing new and no orders",
                                  r->self),
                     NULL, "stratos members", 0});
    else if (!gossip_is_ready(r->gossip) && !node_is_waiting(r->node))
        add(own,
            (struct need){
                LEVEL_WARN, NULL, r->self,
                arena_printf(&r->arena,
                             "%s is not ready: it has compared with no other node yet",
                             r->self),
                NULL, "stratos members", 0});
}

static void look_at_clock_and_table(struct report *r, struct own *own)
{
    char cause[FILL_TEXT];
    struct gossip_fill fill;
    const struct wall_clock *wall = node_wall(r->node);
    long long ahead_ms = wall->told_ms, off_ms = ahead_ms < 0 ? -ahead_ms : ahead_ms;
    if (off_ms > 0)
        add(own, (struct need){
                     wall_clock_is_trusted(wall) ? LEVEL_WARN : LEVEL_BAD, NULL, r->self,
                     arena_printf(&r->arena, "the clock of %s is %lld ms %s its peers'%s",
                                  r->self, off_ms, ahead_ms > 0 ? "ahead of" : "behind",
                                  wall_clock_is_trusted(wall)
                                      ? ""
                                      : ": it takes no orders until it is set"),
                     NULL, "stratos members", 0});
    (void)fill_cause(r->gossip, r->at.now_ms, &fill, cause);
    if (fill.percent >= FILL_WARNS)
        add(own,
            (struct need){
                fill.percent >= FILL_ALARMS ? LEVEL_BAD : LEVEL_WARN, NULL, "table",
                arena_printf(&r->arena, "the table is %u %% full of %s: %s", fill.percent,
                             fill.are_bytes ? "bytes" : "entries", cause),
                NULL, "stratos members", 0});
}

static json_t *link_of(const struct need *need)
{
    const char *slash = strchr(need->subject, '/'),
               *job = slash ? slash + 1 : need->subject;
    if (!need->ns)
        return json_string("/v1/members");
    return json_sprintf("/v1/jobs/%s/%.*s", need->ns, (int)strcspn(job, "."), job);
}

static json_t *need_json(const struct need *need)
{
    char since[32];
    json_t *out = json_pack(
        "{s:s,s:o,s:o,s:o,s:o,s:o,s:o}", "level", need_level_name(need->level), "subject",
        text_json(need->subject), "text", text_json(need->text), "cause",
        text_json(need->cause), "see", text_json(need->see), "link", link_of(need),
        "since",
        need->since_unix_ms ? json_string(unix_ms_text(need->since_unix_ms, since))
                            : json_null());
    if (need->ns)
        (void)json_object_set_new(out, "namespace", json_string(need->ns));
    return out;
}

static json_t *verdict_json(const struct cluster_verdict *v)
{
    json_t *needs = json_array();
    for (size_t i = 0; i < v->n; i++)
        (void)json_array_append_new(needs, need_json(&v->needs[i]));
    return json_pack("{s:s,s:o,s:o,s:I}", "state", verdict_state_name(v->state), "text",
                     text_json(v->text), "needs", needs, "more", (json_int_t)v->n_more);
}

json_t *report_verdict(struct report *r, bool (*shows)(const void *who, const char *ns),
                       const void *who)
{
    const struct member **sorted = report_sorted(r);
    size_t n = members_count(gossip_members(r->gossip));
    struct verdict_member *members = arena_array(&r->arena, n + 1, sizeof(*members));
    struct cluster_verdict *verdict = arena_alloc(&r->arena, sizeof(*verdict));
    struct verdict_facts facts = {.at = r->at,
                                  .view = &r->view,
                                  .plan = &r->plan,
                                  .members = members,
                                  .n_members = n,
                                  .shows = shows,
                                  .who = who};
    struct own own = {0};
    if (!sorted || !members || !verdict ||
        sight_of(r->node, r->self, r->at.now_ms, &r->arena, &facts.sight) < 0)
        return NULL;
    for (size_t i = 0; i < n; i++)
        look_at(r, sorted[i], &members[i]);
    look_at_disk(r, &own);
    look_at_reach(r, &own);
    look_at_clock_and_table(r, &own);
    facts.own = own.list;
    facts.n_own = own.n;
    if (verdict_make(&facts, &r->arena, verdict) < 0)
        return NULL;
    return verdict_json(verdict);
}
