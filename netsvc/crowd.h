/* Who is connected to a listener, by source, and who goes when a place is wanted.
 *
 * A newcomer is never refused.  When its source holds a quarter of all places, the
 * longest idle connection of that source goes; when all places are taken, the longest
 * idle one of the source that holds the most.  A connection with a request under way goes
 * only when nobody is idle.  So a source that piles up connections takes places from
 * itself, and however many there are, the next one that asks is heard. */
#ifndef NETSVC_CROWD_H
#define NETSVC_CROWD_H

#include <stddef.h>

#include "netsvc/turns.h"

enum { CROWD_CHAINS = 256 };

enum source_kind {
    SOURCE_UNKNOWN, /* on this host, but gone before it could be asked who it is */
    SOURCE_IPV4,
    SOURCE_IPV6, /* its /64: one host has all of one */
    SOURCE_UID,  /* a user of this host, whatever address it came from */
};

/* No padding: compared and hashed as bytes. */
struct source_id {
    uint8_t kind;
    uint8_t at[16];
};

struct crowd_member;

struct crowd_list {
    struct crowd_member *oldest, *newest;
};

struct crowd_source {
    struct source_id id;
    struct crowd_source *next;         /* of its chain in the table */
    struct crowd_source *left, *right; /* of those that hold as many, or hold none */
    struct crowd_list idle, busy;
    size_t n;             /* places held */
    struct budget budget; /* of the loop's time */
    struct turn_group turns;
    size_t held_bytes; /* what is kept for it: input, and answers that it does not take */
};

/* Embedded in a connection; zeroed is ready for use. */
struct crowd_member {
    struct crowd_source *source; /* NULL: in no crowd */
    struct crowd_member *older, *newer;
    bool is_busy;
};

struct crowd {
    size_t limit, share, n;
    uint64_t seed;
    /* Sources by the places they hold: those with an idle connection, and the others. */
    struct crowd_source **by_n[2]; /* index 1: with an idle one */
    size_t n_cap;                  /* entries of each: more than any source holds */
    size_t most[2];                /* no source of that kind holds more */
    /* Those that hold no place; kept until their budget is full. */
    struct crowd_source *empty_oldest, *empty_newest;
    struct crowd_source *chains[CROWD_CHAINS];
};

/* `limit`: places; at least 4.  `seed`: of the table, so that nobody can aim at one
 * chain. */
void crowd_init(struct crowd *c, size_t limit, uint64_t seed);
void crowd_fini(struct crowd *c); /* all members have left */
/* The source's record, made if need be, with room for one more of it; it stays while it
 * holds a place, and until its budget is full.  NULL when out of memory. */
struct crowd_source *crowd_source(struct crowd *c, struct source_id id, uint64_t now_ns);
/* Who must leave before one more of `s` can enter; NULL: there is a place. */
struct crowd_member *crowd_who_goes(struct crowd *c, const struct crowd_source *s);
/* The longest idle connection of the source that holds the most of those that have one;
 * NULL: nobody is idle. */
struct crowd_member *crowd_spare(struct crowd *c);
void crowd_enter(struct crowd *c, struct crowd_source *s, struct crowd_member *m);
/* One that is in no crowd may be given. */
void crowd_leave(struct crowd *c, struct crowd_member *m);
/* It is active: it becomes the last of its source to go. */
void crowd_touch(struct crowd *c, struct crowd_member *m);
void crowd_set_busy(struct crowd *c, struct crowd_member *m, bool is_busy);
/* Forget sources that hold no place and owe no time; a few at a time, oldest first. */
void crowd_sweep(struct crowd *c, uint64_t now_ns);

#endif
