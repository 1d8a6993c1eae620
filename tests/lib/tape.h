/* A recording in memory (agent/recording.h): what a node of a test is told, and at the end the proof that
 * another node, told the same, asks for the same. */
#ifndef TESTS_LIB_TAPE_H
#define TESTS_LIB_TAPE_H

#include "agent/recording.h"

struct tape {
    struct writer to; /* malloc'ed */
    bool is_on, is_full;
};

void tape_on(struct tape *t);
void tape_fini(struct tape *t);
void tape_put(struct tape *t, struct recorded *what);
/* node_new, node_restore, node_adopt and node_step, written down. */
struct node *tape_new(struct tape *t, const struct node_options *options,
                      struct moment at);
int tape_restore(struct tape *t, struct node *n, enum store_space space, struct bytes key,
                 struct bytes value);
bool tape_adopt(struct tape *t, struct node *n, struct moment at, const char *key,
                uint32_t pid, uint64_t started_unix_ms, struct bytes note,
                const char *doubt);
void tape_leap(struct tape *t, struct node *n);
void tape_step(struct tape *t, struct node *n, struct moment at,
               const struct node_input *in, struct node_effects *fx);
void tape_cleared(struct tape *t);
/* NULL, or what differs. */
const char *tape_check(const struct tape *t);

#endif
