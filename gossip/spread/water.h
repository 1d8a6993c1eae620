/* Low-water rows: water/<id> says "everyone has what I wrote up to here, and my tombstones among it
 * are gone", so nobody need keep those any longer.
 *
 * Who learns of a low-water number above what it has seen of that writer has missed deletions that
 * no message brings any more: it is stale.  What was deleted shows in another way: an entry that a
 * member has seen (its number is covered by what is seen of its writer) and that is not in that
 * member's table is superseded there, as in observed-remove sets without tombstones (Bieniusa et al.
 * 2012).  So the stale one compares bucket by bucket with a member that is not (repair.h). */
#ifndef GOSSIP_SPREAD_WATER_H
#define GOSSIP_SPREAD_WATER_H

#include "gossip/spread/grave.h"

struct water {
    uint64_t epoch, number; /* the writer's; number 0: it has published none */
    uint64_t generation;    /* no record below it was ever greater */
};

/* By its row, or by its grave if that says more. */
struct water water_of(const struct gossip *g, struct node_id writer);
/* The row that says so, to be told; false when there is none.  `key` is where its key is kept. */
bool water_row(const struct gossip *g, struct node_id writer,
               char key[static KEY_LEN_MAX], struct entry *ret_entry);
bool water_is_row(struct bytes key);
/* The row's value, in the arena; empty when that is full. */
struct bytes water_encode(const struct water *w, struct arena *arena);
/* Nobody deletes such a row, nor is it dropped for the sake of anything but one that says more. */
bool water_is_kept(struct bytes key);
/* A tombstone that everyone has, or what a grave stands for. */
bool water_covers(const struct gossip *g, const struct entry *e);

/* A row was restored: what its tombstones' generations have reached is not given again. */
void water_restore(struct gossip *g, const struct entry *e);
/* What lies below this writer's row or grave is to be dropped (collect.h). */
void water_is_due(struct gossip *g, struct node_id writer);
/* A row or a grave was merged.  It may make us stale, in all buckets. */
void water_hear(struct gossip *g, const struct entry *e, struct gossip_effects *fx);

/* ---- staleness ---- */

/* What of it the local store keeps under this key of STORE_LOCAL; ERR_DAMAGED. */
int water_restore_stale(struct gossip *g, struct bytes key, struct bytes value);
bool water_is_stale(const struct gossip *g);
bool water_is_stale_bucket(const struct gossip *g, uint32_t bucket);
void water_clean_bucket(struct gossip *g, uint32_t bucket);
/* After cleaning: with the last bucket it is over. */
void water_persist(struct gossip *g, struct gossip_effects *fx);
/* Whether the other side of a comparison missed nothing that we have missed, so that our buckets
 * become clean by it. */
bool water_can_clean(const struct gossip *g, const struct stream *s);
/* The other side has greeted: it may have missed what we have missed. */
void water_hear_greeting(struct gossip *g, const struct stream *s);
/* Where every other member that is not reaped has missed the same writer's deletions, nobody is left who
 * could tell what they were: what stands stands, and we are not stale for their sake any more. */
void water_give_up(struct gossip *g, struct gossip_effects *fx);
/* Whether it is not stale at all, by its own word and by all the rows we have.  They are looked through
 * once, and again when another has come. */
bool water_is_clean_peer(const struct gossip *g, struct stream *s);

#endif
