/* News: what changed in members and table, in words people and scripts follow (events, log). */
#ifndef AGENT_NEWS_H
#define AGENT_NEWS_H

#include "agent/effects.h"

/* What was last told of each claim, so that a change of detail alone is no news. */
struct news;

struct news *news_new(void); /* NULL when out of memory */
void news_free(struct news *n);

void news_member(const struct member *member, enum member_state was, bool is_self,
                 struct node_effects *out);
/* The entry under `key` is new or changed. */
void news_entry(struct news *n, const struct members *members, const struct table *table,
                struct bytes key, struct node_id self, struct node_effects *out);
void news_conflict(const struct table *table, struct bytes key, struct node_effects *out);

#endif
