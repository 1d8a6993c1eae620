/* Files of the agent that no task may see: the secret, the socket, and what else it names. */
#ifndef ISOLATE_HIDDEN_H
#define ISOLATE_HIDDEN_H

#include <sys/types.h>

#include "isolate/shim_file.h"

struct hidden {
    const char *paths[HIDDEN_MAX]; /* absolute, without links; owned */
    size_t n;
};

/* Hide `path`, or the directory it lies in if that is ours alone.  What cannot be kept in mind is
 * not hidden: there are HIDDEN_MAX places. */
void hidden_add(struct hidden *h, const char *path);
void hidden_clear(struct hidden *h);

/* In the sandbox of process `pid`, which `pidfd` holds on to: a mask over a file goes when the file
 * is replaced, as a socket is when the next agent binds it.  Masks what can be seen again, which
 * costs a fork; to find nothing costs a look at each path.  -errno. */
int hidden_again(const struct hidden *h, pid_t pid, int pidfd);

#endif
