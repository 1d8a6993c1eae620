/* The agent's home on disk: data directory, identity, store.
 *
 *     DATA/identity    the node's Ed25519 key, 0600; losing it makes a new node
 *     DATA/machine     on which host this was made (home_machine.h)
 *     DATA/store/      RocksDB: table, order, local
 *     DATA/ballast     8 MiB to be thrown out when a start finds the disk full
 *     DATA/written     there while all that this node said is in the store
 *     DATA/tasks/      one directory per task, owned by isolate
 *
 * A disk that is full or broken keeps no home from being opened: what cannot be had yet is tried again
 * with home_prepare, home_try (on any thread) and home_take. */
#ifndef AGENT_HOME_H
#define AGENT_HOME_H

#include "agent/home_machine.h"
#include "agent/node.h"
#include "core/store.h"
#include "proto/seal.h"

enum home_stage {
    HOME_WAITING, /* for a store, or for room for an identity: this node cannot join yet */
    HOME_READING, /* the store was read, and cannot be written yet */
    HOME_OPEN,
};

struct recorder;

struct home {
    enum home_stage stage;
    struct store *store; /* before HOME_OPEN one that refuses all, with the cause */
    struct store *image; /* HOME_READING: to be restored from */
    struct identity identity;
    bool has_identity; /* on the disk */
    enum machine_policy policy;
    uint64_t epoch;    /* when the store was made */
    bool was_damaged;  /* a damaged store was set aside; the peers fill the new one */
    bool was_short;    /* the start found too little room */
    bool is_marked;    /* DATA/written was there */
    bool is_unwritten; /* so what the last life said may not be in the store: node_leap */
    enum store_trouble trouble; /* before HOME_OPEN */
    struct err why;
    struct store shut;
    int lock; /* of the data directory; -1: not taken */
};

/* Make what is missing, read what is there.  Texts name the file and the remedy.  0 also where the disk
 * is full or fails: then `stage` and `why` tell.  ERR_CONFLICT: another agent has this directory, or it was
 * made on another host. */
int home_open(struct home *home, const char *data_dir, enum machine_policy policy,
              uint64_t at_unix_ms, struct err *err);
/* Feed everything stored to the node.  ERR_DAMAGED: home_set_aside, then start anew. */
int home_restore(struct home *home, struct node *node, struct recorder *recorder,
                 struct err *err);
/* HOME_READING: what was read cannot be used, or nothing can be started on it; wait. */
void home_wait(struct home *home, const struct err *why);
/* Close the store, rename it to store.damaged-<time>, open an empty one. */
int home_set_aside(struct home *home, const char *data_dir, uint64_t at_unix_ms,
                   struct err *err);
void home_close(struct home *home);
/* What is said from now on is in the store (again), or is not; as far as the disk takes that. */
void home_mark(const struct home *home, const char *data_dir, bool is_written);
/* An epoch for this start: by the clock, and by chance within its second. */
uint64_t home_life(uint64_t at_unix_ms);
/* How many bytes should be free before the store is opened. */
uint64_t home_wants_bytes(const char *data_dir);

/* ---- another try ---- */

struct home_try {
    const char *data_dir; /* outlives it */
    enum machine_policy policy;
    uint64_t at_unix_ms, epoch;
    struct identity identity;
    bool has_identity;
    int lock;
    struct store *spent; /* closed first; NULL */
    /* what came of it */
    struct store *store;
    bool is_new; /* the store was made just now: nobody ever wrote in it */
    bool was_damaged;
    int status;
    struct err err;
};

/* Take the store out of the home, if it is open, and write down what another thread has to know. */
void home_prepare(struct home *home, const char *data_dir, uint64_t at_unix_ms,
                  struct home_try *ret_try);
void home_try(struct home_try *t);
/* Either the home is open, or `why` says what is still wrong. */
void home_take(struct home *home, const struct home_try *t);

/* ---- the secret ---- */

/* The cluster's secret, or two while it is changed, from a file that only its owner may read. */
int home_read_secret(const char *path, struct keyring *ret_keys, struct err *err);
/* Write the file over, in place: the sandboxes of running tasks mask this very file, and to rename
 * another over it would lift their masks.  It is less than a sector, so that a power loss leaves
 * the old or the new. */
int home_write_secret(const char *path, const struct keyring *keys, struct err *err);

#endif
