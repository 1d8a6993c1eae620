/* What an acknowledgement is worth: whom this node reaches, how many of them an order wants, who has
 * what it wrote, and the words for that, which everybody uses. */
#ifndef AGENT_REACH_H
#define AGENT_REACH_H

#include "agent/node.h"
#include "core/err.h"

enum { HOLDING_MARKS_MAX = 4 };

struct reach {
    size_t within; /* alive or suspect, this node included */
    /* these and the dead: who is remembered, has not left and is not forgotten */
    size_t total;
};

struct reach reach_of(const struct gossip *g);

/* What an order wrote, or found written already. */
struct holding {
    uint64_t epoch, number; /* our newest write of it; number 0: it was all there */
    struct holding_mark {
        struct node_id writer;
        uint64_t epoch, number;
    } marks[HOLDING_MARKS_MAX]; /* what was there: of each writer the newest */
    size_t n_marks;
    /* of more writers than that: only an equal table tells who has it */
    bool is_overfull;
};

void holding_add(struct holding *h, const struct entry *e);

/* How many members `ack` asks for. */
size_t reach_wanted(int ack, struct reach r);
/* How many are waited for besides, while it is a moment's matter: all within reach, and of a large
 * cluster those who say so by themselves.  More are asked. */
size_t reach_expected(int ack, struct reach r);
/* May an order with this `ack` be written now?  Asked before anything is.  ERR_INVALID where the
 * cluster never has so many, ERR_NOT_READY where they are out of reach. */
int reach_check(const struct gossip *g, int ack, struct err *err);
/* Who remembers members and hears none does not know yet whether it is cut off: until `until_ms` it
 * takes no order but those that want nobody else.  ERR_NOT_READY. */
int reach_check_lone(const struct gossip *g, uint64_t now_ms, uint64_t until_ms, int ack,
                     struct err *err);

/* How many of those within reach are known to have it, this node included. */
size_t reach_known_by(const struct gossip *g, const struct holding *h);
/* Fill in who has it and who lacks it; the names live in `arena`. */
void reach_fill(const struct gossip *g, const struct holding *h, uint64_t now_ms,
                struct arena *arena, struct node_result *result);
/* "n1, n2 dead, n3 silent 4s": who lacks it; "" when nobody does. */
const char *reach_missing_text(const struct node_result *result, struct arena *arena);
/* "told 1 of 3 (n1, n2 dead): on this disk only". */
const char *reach_told_text(const struct node_result *result, bool is_unchanged,
                            struct arena *arena);

#endif
