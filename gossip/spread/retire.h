/* Letting former writers go: writing their graves, and dropping what graves stand for (grave.h).
 *
 * A writer is retired when it was forgotten, nothing that it wrote stands but deletions, and no more of
 * it came between two looks.  Every node does so for itself, and writes the same row. */
#ifndef GOSSIP_SPREAD_RETIRE_H
#define GOSSIP_SPREAD_RETIRE_H

#include "gossip/spread/grave.h"

/* Drop what lies below the grave of this writer, if it has one.  False when there was more than *left
 * entries, which is counted down. */
bool retire_drop_below(struct gossip *g, struct node_id writer, size_t *left,
                       struct gossip_effects *fx);
/* The same of all writers that have one. */
bool retire_drop_all(struct gossip *g, size_t *left, struct gossip_effects *fx);
/* Once per lag (collect.c), by a node that is not stale. */
void retire_look(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx);

#endif
