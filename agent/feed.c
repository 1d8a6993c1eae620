/* A ring of events as JSON objects.  See feed.h. */
#include "agent/feed.h"

#include "core/stamp.h"

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

uint64_t feed_add(struct feed *f, uint64_t at_unix_ms, const char *node,
                  const struct node_event *event)
{
    char at[32];
    json_t **slot = &f->ring[f->next_id % FEED_MAX];
    json_decref(*slot);
    *slot = json_pack("{s:I,s:s,s:s,s:s,s:s,s:s,s:s?}", "id", (json_int_t)f->next_id,
                      "at", unix_ms_text(at_unix_ms, at), "node", node, "kind",
                      event->kind, "subject", event->subject ? event->subject : "",
                      "text", event->text ? event->text : "", "cause", event->cause);
    if (*slot && event->state)
        (void)json_object_set_new(*slot, "state", json_string(event->state));
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
