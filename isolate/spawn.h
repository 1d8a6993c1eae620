/* Starting a shim. */
#ifndef ISOLATE_SPAWN_H
#define ISOLATE_SPAWN_H

#include <sys/types.h>

struct spawn_program {
    int fd;           /* of a file without a name (isolate/shim_image.h); -1: */
    const char *path; /* a program with the verb `shim` */
};

/* Start `program shim dir`, with nothing of ours but `report_fd`, the directory's lock and, on its
 * standard input, `token` (NULL: none).  -EWOULDBLOCK: a shim lives there.  -errno. */
int spawn_shim(const char *dir, const struct spawn_program *program, int report_fd,
               const char *token, pid_t *ret_pid);

#endif
