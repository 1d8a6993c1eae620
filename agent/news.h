/* News: what changed in members and table, in words people and scripts follow (events, log). */
#ifndef AGENT_NEWS_H
#define AGENT_NEWS_H

#include "agent/effects.h"

/* What was last told of each claim, so that a change of detail alone is no news. */
struct news;

struct news *news_new(void); /* NULL when out of memory */
void news_free(struct news *n);

/* What the store brought back is no news, but what comes is told by it: a stopped job is started. */
void news_recall(struct news *n, const struct table *table);

/* `was` equal to the state: it is new here.  `is_forgotten`: it is no member any more. */
void news_member(struct news *n, const struct member *member, enum member_state was,
                 bool is_self, bool is_forgotten, struct node_effects *out);
/* It is at another address, or has another name. */
void news_moved(const struct member *member, struct node_effects *out);
/* The entry under `key` is new or changed. */
void news_entry(struct news *n, const struct members *members, const struct table *table,
                struct bytes key, struct node_id self, struct node_effects *out);
/* A member of this name is new, came, went, or has another row: is the name that of several nodes? */
void news_name(struct news *n, const struct members *members, const struct table *table,
               const char *name, struct node_effects *out);
/* Peers know of writes of this node that its store does not have. */
void news_old_copy(const struct members *members, struct node_id self,
                   struct node_effects *out);
/* The identity of `member` lives at `other`, too; `is_stopped`: it is ours, and we are the younger life. */
void news_twin(const struct member *member, const struct endpoint *other, bool is_stopped,
               struct node_effects *out);
void news_conflict(const struct table *table, struct bytes key, struct node_effects *out);

#endif
