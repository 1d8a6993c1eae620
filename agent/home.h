/* The agent's home on disk: data directory, identity, store.
 *
 *     DATA/identity    the node's Ed25519 key, 0600; losing it makes a new node
 *     DATA/store/      RocksDB: table, order, local
 *     DATA/tasks/      one directory per task, owned by isolate */
#ifndef AGENT_HOME_H
#define AGENT_HOME_H

#include "agent/node.h"
#include "core/store.h"
#include "proto/seal.h"

struct home {
    struct store *store;
    struct identity identity;
    uint64_t epoch; /* when the store was made: older numbers are not ours to continue */
    bool was_damaged; /* a damaged store was set aside; the peers fill the new one */
};

/* Make what is missing, read what is there.  Texts name the file and the remedy. */
int home_open(struct home *home, const char *data_dir, uint64_t at_unix_ms,
              struct err *err);
/* Feed everything stored to the node.  ERR_DAMAGED: home_set_aside, then start anew. */
int home_restore(struct home *home, struct node *node, struct err *err);
/* Close the store, rename it to store.damaged-<time>, open an empty one. */
int home_set_aside(struct home *home, const char *data_dir, uint64_t at_unix_ms,
                   struct err *err);
void home_close(struct home *home);

/* The cluster's secret, or two while it is changed, from a file that only its owner may read. */
int home_read_secret(const char *path, struct keyring *ret_keys, struct err *err);
/* Write the file over, in place: the sandboxes of running tasks mask this very file, and to rename
 * another over it would lift their masks.  It is less than a sector, so that a power loss leaves
 * the old or the new. */
int home_write_secret(const char *path, const struct keyring *keys, struct err *err);

#endif
