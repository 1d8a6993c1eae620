/* A ring of events as JSON objects.  See feed.h. */
#include "agent/feed.h"

#include <string.h>

#include "agent/text_json.h"
#include "core/stamp.h"

enum { FOLD_MAX = 256 }; /* newest events that are looked through for the same fall */

void feed_init(struct feed *f)
{
    *f = (struct feed){.next_id = 1};
}

void feed_fini(struct feed *f)
{
    for (size_t i = 0; i < FEED_MAX; i++)
        json_decref(f->ring[i]);
    feed_init(f);
}

static const char *text_of(const json_t *event, const char *key)
{
    const char *text = json_string_value(json_object_get(event, key));
    return text ? text : "";
}

static bool is_fall(const char *kind, const char *state, const char *cause)
{
    return strcmp(kind, "instance") == 0 && state && cause && *cause &&
           (strcmp(state, "pending") == 0 || strcmp(state, "failed") == 0);
}

/* The same fall of the same instance at the same place: its cause up to what is said of the attempts. */
static bool is_same_fall(const json_t *event, const char *node,
                         const struct node_event *now)
{
    const char *was = text_of(event, "cause"), *is = now->cause;
    size_t len = strcspn(was, ";");
    return is_fall(text_of(event, "kind"), text_of(event, "state"), was) &&
           strcmp(text_of(event, "subject"), now->subject) == 0 &&
           strcmp(text_of(event, "namespace"), now->ns ? now->ns : "") == 0 &&
           strcmp(text_of(event, "node"), node) == 0 && len == strcspn(is, ";") &&
           strncmp(was, is, len) == 0;
}

/* An event goes; what came of it comes of its own cause then. */
static void forget(struct feed *f, uint64_t id)
{
    struct event_mark *gone = &f->marks[id % FEED_MAX];
    for (uint64_t later = id + 1; later < f->next_id; later++) {
        struct event_mark *m = &f->marks[later % FEED_MAX];
        if (m->id != later || m->cause != id)
            continue;
        m->cause = gone->cause;
        (void)json_object_set_new(f->ring[later % FEED_MAX], "cause_id",
                                  gone->cause ? json_integer((json_int_t)gone->cause)
                                              : json_null());
    }
    *gone = (struct event_mark){0};
    json_decref(f->ring[id % FEED_MAX]);
    f->ring[id % FEED_MAX] = NULL;
}

/* Who falls again and again would push all else out: what stood of it from its last fall on goes, and the
 * new event counts.  Returns how often it has fallen before, *ret_since_ms: since when. */
static json_int_t fold(struct feed *f, const char *node, const struct node_event *now,
                       json_t **ret_since)
{
    uint64_t first = f->next_id > FOLD_MAX ? f->next_id - FOLD_MAX : 1, found = 0;
    json_int_t times = 0;
    if (!is_fall(now->kind, now->state, now->cause) || !now->subject)
        return 0;
    for (uint64_t id = f->next_id; id-- > first && !found;) {
        const json_t *event = f->ring[id % FEED_MAX];
        if (event && is_same_fall(event, node, now))
            found = id;
    }
    if (!found)
        return 0;
    const json_t *last = f->ring[found % FEED_MAX],
                 *times_before = json_object_get(last, "times");
    times = times_before ? json_integer_value(times_before) : 1;
    *ret_since = json_incref(json_object_get(last, times_before ? "since" : "at"));
    for (uint64_t id = found; id < f->next_id; id++) {
        json_t **slot = &f->ring[id % FEED_MAX];
        if (*slot && strcmp(text_of(*slot, "kind"), "instance") == 0 &&
            strcmp(text_of(*slot, "subject"), now->subject) == 0 &&
            strcmp(text_of(*slot, "node"), node) == 0) {
            forget(f, id);
        }
    }
    return times;
}

/* How much it matters to whoever reads along: info, warn or error. */
static const char *level_of(const struct node_event *e)
{
    static const struct {
        const char *kind, *state; /* NULL: any */
        const char *level;
    } levels[] = {
        {"identity", NULL, "error"},   {"conflict", NULL, "warn"},
        {"clash", "shared", "warn"},   {"store", NULL, "warn"},
        {"clock", "off", "warn"},      {"disk", "full", "warn"},
        {"disk", "broken", "warn"},    {"member", "dead", "warn"},
        {"member", "suspect", "warn"}, {"instance", "failed", "warn"},
        {"stranger", NULL, "warn"},    {"hold", "on", "warn"},
    };
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        bool is_state =
            !levels[i].state || (e->state && strcmp(e->state, levels[i].state) == 0);
        if (is_state && strcmp(levels[i].kind, e->kind) == 0)
            return levels[i].level;
    }
    return is_fall(e->kind, e->state, e->cause) ? "warn" : "info";
}

uint64_t feed_add(struct feed *f, uint64_t at_unix_ms, const char *node,
                  const struct node_event *event)
{
    char at[32];
    json_t *since = NULL;
    json_int_t times = fold(f, node, event, &since);
    json_t **slot = &f->ring[f->next_id % FEED_MAX];
    struct event_mark mark = event_mark_of(f->next_id, event, node);
    mark.cause = event_cause(f->marks, FEED_MAX, &mark, event);
    const char *cause = event->cause;
    if (!cause && mark.cause)
        cause = text_of(f->ring[mark.cause % FEED_MAX], "text");
    f->marks[f->next_id % FEED_MAX] = mark;
    json_t *made =
        json_pack("{s:I,s:s,s:o,s:s,s:s,s:o,s:o,s:o}", "id", (json_int_t)f->next_id, "at",
                  unix_ms_text(at_unix_ms, at), "node", text_json(node), "kind",
                  event->kind, "level", level_of(event), "subject",
                  text_json(event->subject ? event->subject : ""), "text",
                  text_json(event->text ? event->text : ""), "cause", text_json(cause));
    json_decref(*slot); /* `cause` may have been its text */
    *slot = made;
    if (*slot)
        (void)json_object_set_new(*slot, "cause_id",
                                  mark.cause ? json_integer((json_int_t)mark.cause)
                                             : json_null());
    if (*slot && event->ns)
        (void)json_object_set_new(*slot, "namespace", json_string(event->ns));
    if (*slot && event->state)
        (void)json_object_set_new(*slot, "state", json_string(event->state));
    if (*slot && times > 0) {
        (void)json_object_set_new(*slot, "times", json_integer(times + 1));
        (void)json_object_set(*slot, "since", since);
    }
    json_decref(since);
    return f->next_id++;
}

json_t *feed_list(const struct feed *f, uint64_t after_id, size_t limit)
{
    json_t *list = json_array();
    uint64_t first = after_id < f->next_id ? after_id + 1 : f->next_id;
    if (limit > FEED_MAX)
        limit = FEED_MAX;
    if (f->next_id > limit && first < f->next_id - limit)
        first = f->next_id - limit;
    for (uint64_t id = first; id < f->next_id; id++)
        if (f->ring[id % FEED_MAX])
            (void)json_array_append(list, f->ring[id % FEED_MAX]);
    return list;
}
