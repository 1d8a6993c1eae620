/* News from members and table.  See news.h. */
#include "agent/news.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/namesakes.h"
#include "agent/news_add.h"
#include "core/hash.h"
#include "proto/record.h"

/* Told claims, by hash of their key: open addressing, the oldest answer is simply overwritten when
 * two keys fall on one slot, which at worst repeats a line. */
enum {
    TOLD_SLOTS = 4096,
    GONE_LOOKED_MAX = 64, /* among more that are gone nobody looks for a predecessor */
};

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

struct node_event *news_add(struct node_effects *out, const char *kind,
                            const struct key_parts *parts, const char *subject,
                            const char *state)
{
    struct arena *arena = node_effects_arena(out);
    struct node_event *event = &node_effects_add(out, NODE_EVENT)->event;
    *event = (struct node_event){.kind = kind,
                                 .subject = arena_text(arena, subject),
                                 .state = arena_text(arena, state)};
    if (parts && parts->ns.len > 0)
        event->ns = arena_text_of(arena, parts->ns);
    return event;
}

/* Is this another state than was told of `what` under this key last?  0, the ordinary one, is told of
 * everybody from the beginning. */
static bool is_turned(struct news *n, struct bytes key, uint64_t what, int state)
{
    uint64_t hash = hash64(key, what);
    struct told *slot = &n->told[hash % TOLD_SLOTS];
    int was = slot->key == hash ? slot->state : 0;
    if (state == was)
        return false;
    *slot = (struct told){.key = hash, .state = state};
    return true;
}

/* What another node is now, and was for us: different things in different words. */
static const char *member_words(struct news *n, const struct member *member,
                                enum member_state was, const char **ret_cause)
{
    enum { HEARD, KNOWN, MEMBER = 3 };
    struct bytes id = BYTES_OF(member->id.at);
    bool is_known = member->state == MEMBER_DEAD && was == MEMBER_DEAD;
    bool was_known = is_turned(n, id, MEMBER, is_known ? KNOWN : HEARD) && !is_known;
    switch (member->state) {
    case MEMBER_SUSPECT:
        *ret_cause = "it does not answer";
        return "is suspected";
    case MEMBER_DEAD:
        *ret_cause = is_known ? NULL : "no answer within the suspicion time";
        return is_known ? "is known from before, and not heard yet" : "is dead";
    case MEMBER_LEFT:
        return "has left";
    case MEMBER_ALIVE:
        break;
    }
    if (was == MEMBER_SUSPECT)
        return "answers again";
    if (was_known)
        return "is heard again since this agent has started";
    return was == MEMBER_ALIVE ? "has joined" : "is back";
}

void news_member(struct news *n, const struct member *member, enum member_state was,
                 bool is_self, bool is_forgotten, struct node_effects *out)
{
    const char *cause = NULL, *what;
    const char *state = member_state_name(member->state);
    if (is_self && member->state == MEMBER_ALIVE)
        what = was == MEMBER_ALIVE
                   ? "(this node) has started"
                   : "(this node) was suspected and has said that it lives";
    else if (is_forgotten)
        what = "is forgotten";
    else
        what = member_words(n, member, was, &cause);
    if (is_forgotten)
        state = "forgotten";
    else if (!is_self && member->state == MEMBER_DEAD && was == MEMBER_DEAD)
        state = "known";
    struct node_event *event = news_add(out, "member", NULL, member->name, state);
    event->is_own = true; /* every node logs what it believes of the members */
    event->where = event->subject;
    event->cause = cause;
    event->text = arena_printf(node_effects_arena(out), "%s %s", member->name, what);
}

void news_moved(const struct member *member, struct node_effects *out)
{
    char address[ADDRESS_TEXT_MAX];
    struct node_event *event =
        news_add(out, "member", NULL, member->name, member_state_name(member->state));
    event->is_own = true;
    event->where = event->subject;
    event->text = arena_printf(node_effects_arena(out), "%s is at %s now", member->name,
                               endpoint_text(&member->endpoint, address));
}

/* "root@n1" was at n1; before there were users it was the node alone. */
static const char *node_of(const char *by)
{
    const char *at = strrchr(by, '@');
    return at ? at + 1 : by;
}

static void news_job(const struct table *table, struct bytes key,
                     const struct key_parts *parts, struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    const struct entry *entry = table_get(table, key);
    char *name = arena_text_of(arena, parts->name);
    struct job_doc doc;
    if (!entry) {
        news_add(out, "job", parts, name, "removed")->text =
            arena_printf(arena, "%s was removed", name);
        return;
    }
    if (record_decode_job(entry->value, arena, &doc) < 0)
        return;
    struct node_event *event = news_add(out, "job", parts, name, NULL);
    event->is_own = true;
    event->state = arena_printf(arena, "v%u", doc.version);
    event->text = arena_printf(arena, "%s v%u was submitted %s %s", name, doc.version,
                               strchr(doc.by, '@') ? "by" : "at", doc.by);
    event->where = *doc.by ? node_of(doc.by) : NULL;
    event->cause = doc.note && *doc.note ? doc.note : NULL;
}

enum { STATE_GONE = -1 };

/* What was said last of a key, beside what is to be said now. */
enum before { SAID_NOTHING, SAID_OTHER, SAID_SAME_STATE, SAID_THE_SAME };

static enum before say(struct news *n, struct bytes key, uint64_t said, int state)
{
    uint64_t hash = hash64(key, 0);
    struct told *slot = &n->told[hash % TOLD_SLOTS];
    struct told last = *slot;
    *slot = (struct told){hash, said, state};
    if (last.key != hash || last.state == STATE_GONE)
        return last.key == hash && state == STATE_GONE ? SAID_THE_SAME : SAID_NOTHING;
    if (last.said == said)
        return SAID_THE_SAME;
    return last.state == state ? SAID_SAME_STATE : SAID_OTHER;
}

/* So that the lines of an instance that keeps falling differ. */
static const char *restarts_text(struct arena *arena, uint32_t restarts)
{
    if (restarts == 0)
        return "";
    return restarts == 1 ? ", restarted once"
                         : arena_printf(arena, ", restarted %u times", restarts);
}

static const char *name_of(const struct members *members, const struct table *table,
                           struct node_id id, struct arena *arena)
{
    const struct member *m = members_find(members, id);
    const char *name = m ? namesakes_called(members, table, m, arena) : NULL;
    return name ? name : "a forgotten node";
}

/* Whose work it takes over: a claim of the same instance, of a node that is gone. */
static void find_cause_of_start(const struct members *members, const struct table *table,
                                const struct key_parts *parts,
                                const struct claim_doc *doc, struct arena *arena,
                                struct node_event *event)
{
    char ns[NAME_LEN_MAX + 1], job[NAME_LEN_MAX + 1];
    size_t n_gone = members_count_state(members, MEMBER_DEAD) +
                    members_count_state(members, MEMBER_LEFT);
    if (doc->generation < 2 || n_gone == 0 || n_gone > GONE_LOOKED_MAX)
        return;
    (void)snprintf(ns, sizeof(ns), "%.*s", (int)parts->ns.len,
                   (const char *)parts->ns.at);
    (void)snprintf(job, sizeof(job), "%.*s", (int)parts->name.len,
                   (const char *)parts->name.at);
    for (size_t i = 0; i < members_count(members); i++) {
        const struct member *m = members_at(members, i);
        struct key key = key_claim(m->id, ns, job, parts->index);
        bool is_gone = m->state == MEMBER_DEAD || m->state == MEMBER_LEFT;
        if (!is_gone || !table_get(table, key_bytes(&key)))
            continue;
        event->cause = arena_printf(arena, "%s %s", name_of(members, table, m->id, arena),
                                    m->state == MEMBER_DEAD ? "is dead" : "has left");
        event->because = arena_text(arena, m->name); /* as its own event calls it */
        return;
    }
}

static void news_claim(struct news *n, const struct members *members,
                       const struct table *table, struct bytes key,
                       const struct key_parts *parts, bool is_own,
                       struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    const struct entry *entry = table_get(table, key);
    const char *node = name_of(members, table, parts->node, arena);
    char *name = arena_printf(arena, "%.*s.%u", (int)parts->name.len,
                              (const char *)parts->name.at, parts->index);
    struct claim_doc doc;
    if (!entry) {
        if (say(n, key, 0, STATE_GONE) == SAID_THE_SAME)
            return;
        struct node_event *event = news_add(out, "instance", parts, name, "gone");
        event->text = arena_printf(arena, "%s is no longer on %s", name, node);
        event->where = node;
        event->is_own = is_own;
        return;
    }
    if (record_decode_claim(entry->value, arena, &doc) < 0)
        return;
    uint64_t said =
        hash_mix(doc.generation << 8 | (uint64_t)doc.state << 4 | (uint64_t)doc.health,
                 doc.restarts + 1u);
    enum before before = say(n, key, said, (int)doc.state);
    if (before == SAID_THE_SAME)
        return;
    struct node_event *event =
        news_add(out, "instance", parts, name, instance_state_name(doc.state));
    event->is_own =
        is_own &&
        before != SAID_SAME_STATE; /* the log follows states, the feed health too */
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
    /* A start may be over before anybody else hears of it. */
    bool is_start = doc.state == INSTANCE_STARTING || before == SAID_NOTHING;
    if (!event->cause && is_start && doc.restarts == 0)
        find_cause_of_start(members, table, parts, &doc, arena, event);
    event->where = node;
}

static void news_refusal(const struct members *members, const struct table *table,
                         struct bytes key, const struct key_parts *parts, bool is_own,
                         struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    const struct entry *entry = table_get(table, key);
    struct refuse_doc doc;
    if (!entry || record_decode_refuse(entry->value, arena, &doc) < 0)
        return; /* a refusal that ends is no news: what happens then is */
    char *name = arena_printf(arena, "%.*s.%u", (int)parts->name.len,
                              (const char *)parts->name.at, parts->index);
    struct node_event *event = news_add(out, "instance", parts, name, "failed");
    event->is_own = is_own;
    event->where = name_of(members, table, parts->node, arena);
    char until[32];
    event->text =
        doc.until_unix_ms && !doc.is_untried
            ? arena_printf(arena, "%s is given up on %s until %.8s", name, event->where,
                           unix_ms_text(doc.until_unix_ms, until) + 11)
            : arena_printf(arena, "%s cannot start on %s yet", name, event->where);
    event->cause = doc.reason && *doc.reason ? doc.reason : NULL;
}

static void news_control(struct news *n, const struct table *table, struct bytes key,
                         const struct key_parts *parts, struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    const struct entry *entry = table_get(table, key);
    char *name = arena_text_of(arena, parts->name);
    struct control_doc doc = {0};
    if (!entry || record_decode_control(entry->value, &doc) < 0)
        return;
    struct node_event *event =
        news_add(out, "job", parts, name, doc.is_stopped ? "stopped" : "ordered");
    /* A request to restart bears the time of its writing, as the entry's stamp does; so does one to
     * try again, which a start is, too. */
    uint64_t since_ms = stamp_unix_ms(entry->stamp) - STAMP_PULL_MAX_MS;
    bool is_restart = doc.restart_at && doc.restart_at >= since_ms;
    bool is_retry = doc.retry_at > doc.restart_at && doc.retry_at >= since_ms;
    bool has_turned = is_turned(n, key, 0, doc.is_stopped);
    if (doc.is_stopped)
        event->text = arena_printf(arena, "%s was stopped", name);
    else if (is_retry && !has_turned)
        event->text = arena_printf(arena, "%s is to be tried again", name);
    else if (is_retry)
        event->text = arena_printf(arena, "%s was started", name);
    else if (is_restart)
        event->text = arena_printf(arena, "%s is to be restarted", name);
    else if (doc.has_count)
        event->text = arena_printf(arena, "%s was scaled to %u", name, doc.count);
    else
        event->text = arena_printf(arena, "%s was started", name);
}

static void news_clock(const struct node_doc *doc, struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    bool is_off = doc->clock_skew_ms != 0;
    struct node_event *event =
        news_add(out, "clock", NULL, doc->name, is_off ? "off" : "right");
    event->text = arena_printf(arena, "%s has %s", doc->name,
                               is_off ? "another time than its peers"
                                      : "the time of its peers again");
    event->where = event->subject;
    if (is_off)
        event->cause = arena_printf(arena, "%lld ms %s", llabs(doc->clock_skew_ms),
                                    doc->clock_skew_ms > 0 ? "ahead" : "behind");
}

static void news_disk(const struct node_doc *doc, struct node_effects *out)
{
    static const char *const texts[] = {
        "is well again", "is full: it gets no new work, and may refuse orders",
        "is broken: its work moves to other nodes"};
    struct node_event *event =
        news_add(out, "disk", NULL, doc->name, disk_state_name(doc->disk));
    event->where = event->subject;
    event->text = arena_printf(node_effects_arena(out), "%s's disk %s", doc->name,
                               texts[doc->disk]);
}

/* Another's clock and disk; what is to be said of ours, wall.c and disk.c say, who know it first. */
static void news_node(struct news *n, const struct table *table, struct bytes key,
                      struct node_effects *out)
{
    enum { CLOCK, DISK };
    const struct entry *entry = table_get(table, key);
    struct node_doc doc;
    if (!entry || record_decode_node(entry->value, node_effects_arena(out), &doc) < 0)
        return;
    if (is_turned(n, key, CLOCK, doc.clock_skew_ms != 0))
        news_clock(&doc, out);
    if (is_turned(n, key, DISK, (int)doc.disk))
        news_disk(&doc, out);
}

static const char *place_text(const struct member *m, struct arena *arena)
{
    char text[ADDRESS_TEXT_MAX];
    return arena_text(arena, endpoint_host_text(&m->endpoint, text));
}

void news_name(struct news *n, const struct members *members, const struct table *table,
               const char *name, struct node_effects *out)
{
    enum { OVER, SHARED };
    struct arena *arena = node_effects_arena(out);
    struct namesakes found = namesakes_find(members, table, name);
    struct bytes key = bytes_of_text(name);
    bool is_shared = found.n_here > 1;
    if (!is_shared) {
        if (is_turned(n, key, 0, OVER))
            news_add(out, "clash", NULL, name, "over")->text =
                arena_printf(arena, "%s is the name of one node again", name);
        return;
    }
    (void)is_turned(n, key, 0, SHARED);
    if (say(n, key, found.hash, SHARED) == SAID_THE_SAME)
        return;
    char id[NODE_ID_TEXT];
    struct node_event *event = news_add(out, "clash", NULL, name, "shared");
    event->is_own = true; /* every node logs it: each may be asked for that name */
    event->text = arena_printf(arena, "%s is the name of %zu nodes", name, found.n_here);
    event->cause =
        found.keeper && found.other
            ? arena_printf(arena,
                           "the node at %s keeps it; the one at %s is called %s until "
                           "it is given another --name",
                           place_text(found.keeper, arena),
                           place_text(found.other, arena),
                           node_id_text(found.other->id, id))
            : "start each with a --name of its own: stratos members lists them";
}

static int recall_control(void *ctx, const struct entry *entry)
{
    struct control_doc doc;
    if (record_decode_control(entry->value, &doc) == 0)
        (void)is_turned(ctx, entry->key, 0, doc.is_stopped);
    return 0;
}

void news_recall(struct news *n, const struct table *table)
{
    (void)table_each(table, bytes_of_text("control/"), recall_control, n);
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
        news_control(n, table, key, &parts, out);
    } else if (parts.kind == KEY_CLAIM) {
        news_claim(n, members, table, key, &parts, node_id_equal(parts.node, self), out);
    } else if (parts.kind == KEY_REFUSE) {
        news_refusal(members, table, key, &parts, node_id_equal(parts.node, self), out);
    } else if (parts.kind == KEY_NODE && !node_id_equal(parts.node, self)) {
        news_node(n, table, key, out);
    } else if (parts.kind == KEY_VAR) {
        char *name = arena_text_of(arena, parts.name);
        struct node_event *event = news_add(out, "var", &parts, name, NULL);
        event->is_own = true;
        event->text = arena_printf(
            arena,
            strcmp(event->ns, "default") == 0 ? "variable %s%.0s was %s"
                                              : "variable %s of namespace %s was %s",
            name, event->ns, table_get(table, key) ? "set" : "removed");
    }
}
