/* What a node has seen of every writer: the number up to which nothing is missing, and a few
 * spans beyond it that arrived out of order (scuttlebutt, van Renesse et al. 2008).
 *
 * The claim "seen up to n" means: every entry of this writer up to n is in the table, or was
 * superseded by an entry that is in the table or lies beyond what is seen of its own writer. */
#ifndef GOSSIP_TABLE_SEEN_H
#define GOSSIP_TABLE_SEEN_H

#include "gossip/face/replica.h"

enum {
    SEEN_WRITERS_MAX = 4 * MEMBERS_MAX, /* also those that left long ago; 5 MB at the most */
    SEEN_SPANS = 4,                     /* pushes of one writer that overtook each other */
};

struct seen_spans {
    struct {
        uint64_t after, through;
    } at[SEEN_SPANS]; /* in no order; through 0: free */
    uint64_t epoch;   /* they are of: the line's, or a later one while nothing was seen */
    bool is_stale;    /* some of its deletions never came: water.h */
    bool is_retired;  /* the line says what the writer's grave says: grave.h */
};

struct seen {
    struct seen_number *numbers; /* sorted by writer */
    struct seen_spans *spans;    /* of the same index */
    size_t n, cap;
    uint64_t hash; /* XOR over all lines but those of the retired: the same where the same was seen */
};

void seen_init(struct seen *s);
void seen_fini(struct seen *s);
/* NULL when nothing was ever seen of the writer. */
const struct seen_number *seen_find(const struct seen *s, struct node_id writer);
/* Merged, or superseded when it came; also what arrived out of order, and all former epochs. */
bool seen_covers(const struct seen *s, struct node_id writer, uint64_t epoch, uint64_t number);
/* The first index whose writer is not less than `writer`; s->n at the end. */
size_t seen_at_least(const struct seen *s, struct node_id writer);
/* Has the writer been seen through this number of that epoch, so that its next epoch can begin?
 * Epoch 0: it had none before. */
bool seen_reaches(const struct seen *s, struct node_id writer, uint64_t before_epoch,
                  uint64_t before_number);
/* Everything in (after, through] of the writer's epoch has been merged.  A newer epoch begins
 * with after = 0; older epochs are no news.  Returns 1 when this was news and is kept (also as a span for
 * later), 0 when it was not or cannot be kept: what is passed on for it would be news each time it
 * came again.  ERR_BOUND for one writer too many, -ENOMEM. */
int seen_advance(struct seen *s, struct node_id writer, uint64_t epoch, uint64_t after,
                 uint64_t through);
/* Put this line in the place of what is there, if it says more.  1, 0, ERR_BOUND, -ENOMEM. */
int seen_begin(struct seen *s, const struct seen_number *line);
/* Mark a writer of whose numbers something is missing for good; clearing takes all marks away.
 * 1 when it had no mark, 0, ERR_BOUND, -ENOMEM. */
int seen_mark_stale(struct seen *s, struct node_id writer);
void seen_clear_stale(struct seen *s);
/* Of a line of this epoch: how far the epochs before it were seen. */
void seen_set_former(struct seen *s, const struct seen_number *line);
/* The writer's grave says what this line says: whatever is there and says less is raised to it.  A writer
 * that is not in the list stays so.  True when there was anything to raise. */
bool seen_retire(struct seen *s, const struct seen_number *line);
/* A line that is retired is not needed any more; `i` is its index. */
void seen_remove(struct seen *s, size_t i);
/* (epoch, number) order. */
int seen_compare(uint64_t epoch_a, uint64_t number_a, uint64_t epoch_b, uint64_t number_b);

#endif
