/* The feed: the newest events of this node's view, numbered, for `events`, the dashboard and SSE. */
#ifndef AGENT_FEED_H
#define AGENT_FEED_H

#include <jansson.h>

#include "agent/feed_cause.h"

enum { FEED_MAX = 1024 };

struct feed {
    json_t *ring
        [FEED_MAX]; /* {"id","at","node","kind","level","subject","text","cause","cause_id"}, "namespace" where
                        there is one; "times" and "since" where an instance has fallen so before */
    struct event_mark marks[FEED_MAX]; /* of the same events */
    uint64_t next_id; /* ids start at 1 */
};

void feed_init(struct feed *f);
void feed_fini(struct feed *f);
/* Returns the event's id. */
uint64_t feed_add(struct feed *f, uint64_t at_unix_ms, const char *node,
                  const struct node_event *event);
/* The newest `limit` events after `after_id`, oldest first; a new reference. */
json_t *feed_list(const struct feed *f, uint64_t after_id, size_t limit);

#endif
