/* What `stratos dev` keeps on disk: DIR/secret, DIR/dev.pid, DIR/n<i>/{data,
 * stratos.sock, agent.log, agent.pid}. */
#ifndef AGENT_DEV_FILES_H
#define AGENT_DEV_FILES_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/err.h"

enum {
    DEV_NODES_MAX = 250,
    DEV_DIR_MAX =
        80, /* a unix socket's path has 107 bytes: DIR/n250/stratos.sock must fit */
    DEV_PATH_MAX = 256,
};

struct dev_files {
    char dir[DEV_DIR_MAX + 1]; /* absolute */
    char secret[DEV_PATH_MAX];
    bool is_temporary;
    int lock_fd;
};

/* Make DIR (NULL: a new one under /tmp) and a secret in it, unless there is one. */
int dev_files_open(const char *dir, struct dev_files *ret_files, struct err *err);
/* One supervisor a directory: ERR_CONFLICT names the other.  Locks belong to a process,
 * so this is the supervisor's to call, after its fork. */
int dev_files_lock(struct dev_files *f, struct err *err);
/* Gives up the lock; with `remove` a temporary directory goes. */
void dev_files_close(struct dev_files *f, bool remove);
/* Who holds the lock of DIR; 0 = nobody. */
pid_t dev_files_holder(const char *dir);

int dev_node_make(const struct dev_files *f, unsigned i, struct err *err);
/* DIR/n<i>/<name> */
void dev_path(const struct dev_files *f, unsigned i, const char *name,
              char out[static DEV_PATH_MAX]);
int dev_write_pid(const struct dev_files *f, unsigned i, pid_t pid, struct err *err);
void dev_remove_pid(const struct dev_files *f, unsigned i);

#endif
