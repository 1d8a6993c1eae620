/* Graves: what is left of a member that was forgotten and of whom nothing stands any more.
 *
 * grave/<id> says "everything that this writer wrote up to here was deleted or written over, and its
 * deletions among it are gone".  It is a row of that writer under its last number, so whoever writes it
 * writes the same, and no list has a line for whoever wrote it.  It takes the place of the writer's line
 * of what was seen, of its low-water row and of the record that forgets it (retire.h).
 *
 * Who learns of a grave above what it has seen of that writer has missed deletions: it is stale (water.h).
 * What a grave does not cover is news, as of any writer. */
#ifndef GOSSIP_SPREAD_GRAVE_H
#define GOSSIP_SPREAD_GRAVE_H

#include "gossip/machine/stream.h"

struct grave {
    struct seen_number line; /* up to here, and in its former lives */
    uint64_t generation;     /* no deletion of its was of a greater one */
    uint32_t incarnation;    /* it was forgotten up to this one */
};

bool grave_is_row(struct bytes key);
/* False when the writer has none. */
bool grave_of(const struct gossip *g, struct node_id writer, struct grave *ret_grave);
/* The row itself, to be told; `key` is where its key is kept.  False when there is none. */
bool grave_row(const struct gossip *g, struct node_id writer, char key[static KEY_LEN_MAX],
               struct entry *ret_entry);
struct bytes grave_key(struct node_id writer, char out[static KEY_LEN_MAX]);
/* The row's value, in the arena; empty when that is full. */
struct bytes grave_encode(const struct grave *grave, struct arena *arena);
/* A deletion, low-water row or record of forgetting in whose place a grave stands. */
bool grave_covers(const struct gossip *g, const struct entry *e);
/* The member whom a record forget/<id> or a grave forgets; false for other keys. */
bool grave_forgets(struct bytes key, struct node_id *ret_id);

/* After the last restore. */
void grave_start(struct gossip *g);
/* A row was merged: what was seen of its writer is raised to it.  True when that was less. */
bool grave_raise(struct gossip *g, const struct entry *e);
/* Somebody speaks of this writer: has it a grave and no line, the line is there again. */
void grave_open(struct gossip *g, struct node_id writer);

/* What the other side of a comparison has seen of a writer: what it said, or where its graves are the
 * same as ours, what the writer's grave says. */
struct seen_number grave_their_seen(const struct gossip *g, const struct stream *s,
                                    struct node_id writer);
/* The other side had the very graves that we have. */
bool grave_is_same(const struct gossip *g, const struct stream *s);

#endif
