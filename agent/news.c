/* News from members and table.  See news.h. */
#include "agent/news.h"

#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "proto/record.h"

/* Told claims, by hash of their key: open addressing, the oldest answer is simply overwritten when
 * two keys fall on one slot, which at worst repeats a line. */
enum { TOLD_SLOTS = 4096 };

struct news {
    struct told {
        uint64_t key, said;
        int state;
    } told[TOLD_SLOTS];
};

struct news *news_new(void)
{
    return calloc(1, sizeof(struct news));
}

void news_free(struct news *n)
{
    free(n);
}

static struct node_event *add(struct node_effects *out, const char *kind,
                              const char *subject, const char *state)
{
    struct arena *arena = node_effects_arena(out);
    struct node_event *event = &node_effects_add(out, NODE_EVENT)->event;
    *event = (struct node_event){.kind = kind,
                                 .subject = arena_text(arena, subject),
                                 .state = arena_text(arena, state)};
    return event;
}

void news_member(const struct member *member, enum member_state was, bool is_self,
                 struct node_effects *out)
{
    struct node_event *event =
        add(out, "member", member->name, member_state_name(member->state));
    const char *what = "has joined";
    if (member->state == MEMBER_SUSPECT)
        what = "does not answer: suspected";
    else if (member->state == MEMBER_DEAD)
        what = "is dead: no answer within the suspicion time";
    else if (member->state == MEMBER_LEFT)
        what = "has left";
    else if (was == MEMBER_SUSPECT)
        what = "answers again";
    else if (was != MEMBER_ALIVE)
        what = "is back";
    event->is_own = true; /* every node logs what it believes of the members */
    if (is_self && member->state == MEMBER_ALIVE)
        what = was == MEMBER_ALIVE
                   ? "(this node) is up"
                   : "(this node) was suspected and has said that it lives";
    event->text = arena_printf(node_effects_arena(out), "%s %s", member->name, what);
}

static void news_job(const struct table *table, struct bytes key,
                     const struct key_parts *parts, struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    const struct entry *entry = table_get(table, key);
    char *name = arena_text_of(arena, parts->name);
    struct job_doc doc;
    if (!entry) {
        add(out, "job", name, "removed")->text =
            arena_printf(arena, "%s was removed", name);
        return;
    }
    if (record_decode_job(entry->value, arena, &doc) < 0)
        return;
    struct node_event *event = add(out, "job", name, NULL);
    event->is_own = true;
    event->state = arena_printf(arena, "v%u", doc.version);
    event->text =
        arena_printf(arena, "%s v%u was submitted at %s", name, doc.version, doc.by);
    event->cause = doc.note && *doc.note ? doc.note : NULL;
}

enum { STATE_GONE = -1 };

/* Was exactly this said last of `key`?  *ret_is_same_state: at least the state was the same. */
static bool is_told(struct news *n, struct bytes key, uint64_t said, int state,
                    bool *ret_is_same_state)
{
    uint64_t hash = hash64(key, 0);
    struct told *slot = &n->told[hash % TOLD_SLOTS];
    bool is_known = slot->key == hash;
    bool is_same = is_known && slot->said == said;
    *ret_is_same_state = is_known && slot->state == state;
    *slot = (struct told){hash, said, state};
    return is_same;
}

/* So that the lines of an instance that keeps falling differ. */
static const char *restarts_text(struct arena *arena, uint32_t restarts)
{
    if (restarts == 0)
        return "";
    return restarts == 1 ? ", restarted once"
                         : arena_printf(arena, ", restarted %u times", restarts);
}

static void news_claim(struct news *n, const struct members *members,
                       const struct table *table, struct bytes key,
                       const struct key_parts *parts, bool is_own,
                       struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    const struct entry *entry = table_get(table, key);
    const struct member *holder = members_find(members, parts->node);
    const char *node = holder ? holder->name : "a forgotten node";
    char *name = arena_printf(arena, "%.*s.%u", (int)parts->name.len,
                              (const char *)parts->name.at, parts->index);
    struct claim_doc doc;
    bool is_same_state;
    if (!entry) {
        if (is_told(n, key, 0, STATE_GONE, &is_same_state))
            return;
        struct node_event *event = add(out, "instance", name, "gone");
        event->text = arena_printf(arena, "%s is no longer on %s", name, node);
        event->is_own = is_own;
        return;
    }
    if (record_decode_claim(entry->value, arena, &doc) < 0)
        return;
    uint64_t said =
        hash_mix(doc.generation << 8 | (uint64_t)doc.state << 4 | (uint64_t)doc.health,
                 doc.restarts + 1u);
    if (is_told(n, key, said, (int)doc.state, &is_same_state))
        return;
    struct node_event *event = add(out, "instance", name, instance_state_name(doc.state));
    event->is_own =
        is_own && !is_same_state; /* the log follows states, the feed health too */
    bool is_running = doc.state == INSTANCE_RUNNING;
    bool has_health =
        is_running && doc.health != HEALTH_NONE && doc.health != HEALTH_UNKNOWN;
    event->text =
        arena_printf(arena, "%s is %s%s%s on %s%s", name, event->state,
                     has_health ? " and " : "", has_health ? health_name(doc.health) : "",
                     node, restarts_text(arena, doc.restarts));
    /* What made it fall explains nothing any more once it is up again. */
    bool is_explained = !is_running || doc.health == HEALTH_FAILING;
    event->cause = is_explained && doc.reason && *doc.reason ? doc.reason : NULL;
}

static void news_refusal(const struct members *members, const struct table *table,
                         struct bytes key, const struct key_parts *parts, bool is_own,
                         struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    const struct entry *entry = table_get(table, key);
    const struct member *node = members_find(members, parts->node);
    struct refuse_doc doc;
    if (!entry || record_decode_refuse(entry->value, arena, &doc) < 0)
        return; /* a refusal that ends is no news: what happens then is */
    char *name = arena_printf(arena, "%.*s.%u", (int)parts->name.len,
                              (const char *)parts->name.at, parts->index);
    struct node_event *event = add(out, "instance", name, "failed");
    event->is_own = is_own;
    event->text = arena_printf(arena, "%s is given up on %s for a while", name,
                               node ? node->name : "a forgotten node");
    event->cause = doc.reason && *doc.reason ? doc.reason : NULL;
}

static void news_control(const struct table *table, struct bytes key,
                         const struct key_parts *parts, struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    const struct entry *entry = table_get(table, key);
    char *name = arena_text_of(arena, parts->name);
    struct control_doc doc = {0};
    if (!entry || record_decode_control(entry->value, &doc) < 0)
        return;
    struct node_event *event =
        add(out, "job", name, doc.is_stopped ? "stopped" : "ordered");
    /* A request to restart bears the time of its writing, as the entry's stamp does. */
    bool is_restart = doc.restart_at &&
                      doc.restart_at + STAMP_PULL_MAX_MS >= stamp_unix_ms(entry->stamp);
    if (doc.is_stopped)
        event->text = arena_printf(arena, "%s was stopped", name);
    else if (is_restart)
        event->text = arena_printf(arena, "%s is to be restarted", name);
    else if (doc.has_count)
        event->text = arena_printf(arena, "%s was scaled to %u", name, doc.count);
    else
        event->text = arena_printf(arena, "%s was started", name);
}

/* Another's clock; what is to be said of ours, wall.c says, who knows it first. */
static void news_clock(struct news *n, const struct table *table, struct bytes key,
                       struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    const struct entry *entry = table_get(table, key);
    uint64_t hash = hash64(key, 0);
    struct told *slot = &n->told[hash % TOLD_SLOTS];
    bool was_off = slot->key == hash && slot->state != 0;
    struct node_doc doc;
    if (!entry || record_decode_node(entry->value, arena, &doc) < 0)
        return;
    bool is_off = doc.clock_skew_ms != 0;
    if (is_off == was_off)
        return;
    *slot = (struct told){.key = hash, .state = is_off};
    struct node_event *event = add(out, "clock", doc.name, is_off ? "off" : "right");
    event->text = arena_printf(arena, "%s has %s", doc.name,
                               is_off ? "another time than its peers"
                                      : "the time of its peers again");
    if (is_off)
        event->cause = arena_printf(arena, "%lld ms %s", llabs(doc.clock_skew_ms),
                                    doc.clock_skew_ms > 0 ? "ahead" : "behind");
}

void news_entry(struct news *n, const struct members *members, const struct table *table,
                struct bytes key, struct node_id self, struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    struct key_parts parts;
    if (key_parse(key, &parts) < 0)
        return;
    if (parts.kind == KEY_JOB) {
        news_job(table, key, &parts, out);
    } else if (parts.kind == KEY_CONTROL) {
        news_control(table, key, &parts, out);
    } else if (parts.kind == KEY_CLAIM) {
        news_claim(n, members, table, key, &parts, node_id_equal(parts.node, self), out);
    } else if (parts.kind == KEY_REFUSE) {
        news_refusal(members, table, key, &parts, node_id_equal(parts.node, self), out);
    } else if (parts.kind == KEY_NODE && !node_id_equal(parts.node, self)) {
        news_clock(n, table, key, out);
    } else if (parts.kind == KEY_VAR) {
        char *name = arena_text_of(arena, parts.name);
        struct node_event *event = add(out, "var", name, NULL);
        event->is_own = true;
        event->text = arena_printf(arena, "variable %s was %s", name,
                                   table_get(table, key) ? "set" : "removed");
    }
}

void news_conflict(const struct table *table, struct bytes key, struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    struct node_event *event = add(out, "conflict", arena_text_of(arena, key), NULL);
    event->is_own = true;
    struct key_parts parts;
    bool is_job = key_parse(key, &parts) == 0 && parts.kind == KEY_JOB;
    event->text =
        is_job
            ? arena_printf(arena,
                           "%.*s was submitted at two nodes at the same time; the later "
                           "one stands, its history shows both",
                           (int)parts.name.len, (const char *)parts.name.at)
            : arena_printf(arena,
                           "two nodes wrote %.*s at the same time; the later one stands",
                           (int)key.len, (const char *)key.at);
    event->cause = table_get(table, key) ? "concurrent writes" : "a write met a removal";
}
