/* Which digests of tables were seen lately: our own former ones, and foreign ones that peers showed.
 *
 * While anybody writes, digests differ all the time and mean only that a write is under way.  Who shows
 * one that was ours is behind us.  Who shows a foreign one may be ahead, and then it becomes ours in a
 * moment.  What lasts is another thing: one table cannot show the same foreign digest for long, nor can
 * two tables show the same one after each other, unless something is missing on one side. */
#ifndef GOSSIP_TABLE_DIGESTS_H
#define GOSSIP_TABLE_DIGESTS_H

#include <stdbool.h>
#include <stdint.h>

enum { DIGESTS_KEPT = 64, DIGESTS_MS = 5000 };

struct digest_mark {
    uint64_t digest, at_ms; /* at_ms 0: free */
};

struct digests {
    uint64_t now;                             /* our own */
    struct digest_mark former[DIGESTS_KEPT];  /* our own, at_ms: when it became another */
    struct digest_mark foreign[DIGESTS_KEPT]; /* at_ms: when somebody first showed it */
    unsigned next_former, next_foreign;
};

/* Our own is `digest` from now on. */
void digests_move(struct digests *d, uint64_t now_ms, uint64_t digest);
/* It was our own within the last DIGESTS_MS, and is not any more. */
bool digests_is_former(const struct digests *d, uint64_t now_ms, uint64_t digest);
/* When it was last our own; 0: that is not known, or it never was. */
uint64_t digests_own_until(const struct digests *d, uint64_t now_ms, uint64_t digest);
/* A peer shows a digest that is not our own: since when has anybody done so? */
uint64_t digests_show(struct digests *d, uint64_t now_ms, uint64_t digest);

#endif
