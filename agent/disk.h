/* Is the disk that holds this node's data fit for writing?  What the host finds of it becomes a state,
 * news of its changes, two fields of our row, the refusal of orders, and what the host is to do.
 *
 * A full disk is a state, not a crash: what runs here stays, nothing new comes, orders are refused, and
 * all mends itself when there is room.  A disk that answers errors is broken: its work leaves. */
#ifndef AGENT_DISK_H
#define AGENT_DISK_H

#include "agent/effects.h"
#include "core/err.h"
#include "core/moment.h"
#include "core/room.h"
#include "core/store.h"

enum {
    DISK_ENOUGH_BYTES = 16 << 20, /* free, a standing ballast counted: full no more */
    DISK_FEW_INODES = 16, /* fewer are as good as none: a task makes some at its start */
    DISK_ENOUGH_INODES = 64,
    DISK_BALLAST_BYTES = 8 << 20,
    DISK_LOOK_MS = 5000,         /* while it is well; costs a statvfs */
    DISK_LOOK_CLOSELY_MS = 1000, /* while it is not */
    DISK_ROOMY_MS = 2000,        /* room that stays so long is room */
    DISK_HEALTHY_MS = 60 * 1000, /* writes that succeed for so long: broken no more */
    DISK_TRY_MS = 5000,          /* between two attempts to open the store */
    DISK_BALLAST_MS = 60 * 1000, /* between two attempts to make the ballast */
};

/* What the host sees at one look. */
struct disk_facts {
    struct room room;
    bool has_ballast;
    /* of a start: the ballast went, or the store could not be opened for lack of room */
    bool was_short;
    bool is_open;     /* the store is open for writing */
    bool has_written; /* a write has succeeded since the last look */
    enum store_trouble trouble;
    uint64_t wants_bytes; /* to open the store, when it is not */
    const char *where;    /* the data directory; lives as long as the node */
    const char *error;    /* what the store says; NULL or "": nothing */
};

/* What it is to do about it, then to look again. */
struct disk_advice {
    bool opens_store; /* close what is open and open it anew */
    bool probes;      /* write something small, synced, and look again at once */
    bool makes_ballast;
    uint32_t next_ms; /* from now */
};

struct disk {
    enum disk_state state;
    uint64_t since_unix_ms;  /* 0: it is ok */
    struct disk_facts facts; /* of the last look; its error is not kept */
    bool was_looked_at;
    uint64_t roomy_ms, healthy_ms; /* since when; 0: it is not */
    uint64_t failed_ms;            /* when it last did */
    uint64_t tried_ms, ballast_ms; /* the last attempts; 0: none */
    char cause[192];               /* of a state that is not ok, with the remedy */
};

/* At a start, before the store is opened: the ballast is to go. */
bool disk_drops_ballast(const struct room *room, bool has_ballast);
/* True: the state is another now. */
bool disk_step(struct disk *d, const struct disk_facts *facts, struct moment at,
               struct disk_advice *ret_advice);
/* The event of the state it is in now. */
void disk_tell(const struct disk *d, enum disk_state was, const char *node,
               struct node_effects *out);
/* May an order be tried?  A disk that is full may have room again for something small, and the store
 * says whether that is enough for this one. */
bool disk_takes_orders(const struct disk *d);
/* ERR_STORE, and for people what is wrong and what to do. */
int disk_refuse(const struct disk *d, struct err *err);
/* ERR_NOT_READY: the same of a node that waits for its disk before it joins the others. */
int disk_refuse_waiting(const struct disk *d, struct err *err);

#endif
