/* What the files of news share. */
#ifndef AGENT_NEWS_ADD_H
#define AGENT_NEWS_ADD_H

#include "agent/effects.h"
#include "proto/key.h"

/* An event to be filled in.  `parts`: of the key that it tells of; NULL: of none that is in a namespace. */
struct node_event *news_add(struct node_effects *out, const char *kind,
                            const struct key_parts *parts, const char *subject,
                            const char *state);

#endif
