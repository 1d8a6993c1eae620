/* News of writes that met, of a store that lacks some, and of a second life.  See news.h. */
#include "agent/news.h"

#include "agent/news_add.h"

void news_twin(const struct member *member, const struct endpoint *other, bool is_stopped,
               struct node_effects *out)
{
    char text[ADDRESS_TEXT_MAX];
    struct arena *arena = node_effects_arena(out);
    struct node_event *event = news_add(out, "identity", NULL, member->name, "cloned");
    event->is_own = true;
    event->cause = arena_text(arena, endpoint_text(other, text));
    event->text =
        arena_printf(arena,
                     is_stopped ? "%s (this node) has stopped: its identity lives at %s, "
                                  "and longer than here"
                                : "the identity of %s is at %s as well: that younger one "
                                  "is not listened to",
                     member->name, event->cause);
}

void news_conflict(const struct table *table, struct bytes key, struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    struct key_parts parts;
    bool is_parsed = key_parse(key, &parts) == 0;
    bool is_job = is_parsed && parts.kind == KEY_JOB;
    bool is_text = is_parsed && parts.kind == KEY_TEXT;
    struct node_event *event = news_add(out, "conflict", is_parsed ? &parts : NULL,
                                        arena_text_of(arena, key), NULL);
    event->is_own = true;
    event->text =
        is_job
            ? arena_printf(arena,
                           "%.*s was submitted at two nodes at the same time; the later "
                           "one stands, its history shows both",
                           (int)parts.name.len, (const char *)parts.name.at)
        : is_text
            ? arena_printf(
                  arena,
                  "%.*s was submitted at two nodes at the same time, the same in "
                  "other words; the later words are kept",
                  (int)parts.name.len, (const char *)parts.name.at)
            : arena_printf(arena,
                           "two nodes wrote %.*s at the same time; the later one stands",
                           (int)key.len, (const char *)key.at);
    event->cause = table_get(table, key) ? "concurrent writes" : "a write met a removal";
}

void news_old_copy(const struct members *members, struct node_id self,
                   struct node_effects *out)
{
    const struct member *m = members_find(members, self);
    struct node_event *event =
        news_add(out, "store", NULL, m ? m->name : "-", "old-copy");
    event->is_own = true;
    event->text = arena_printf(
        node_effects_arena(out),
        "the store of %s is an old copy, or its disk was full: others know writes of it "
        "that it lacks; they are fetched",
        event->subject);
    event->cause =
        "others know writes of this node that its store lacks; they are fetched";
}
