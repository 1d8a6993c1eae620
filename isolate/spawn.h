/* Starting a shim. */
#ifndef ISOLATE_SPAWN_H
#define ISOLATE_SPAWN_H

#include <sys/types.h>

struct spawn_program {
    int fd;           /* of a file without a name (isolate/shim_image.h); -1: */
    const char *path; /* a program with the verb `shim` */
};

struct spawn_order {
    const char *dir;
    int report_fd;
    int go_fd; /* of a spare: where it hears that it may go on; -1: it need not wait */
    const char *token; /* on its standard input; NULL: none */
};

/* Start `program shim dir`, with nothing of ours but what is ordered and the directory's lock.
 * `ret_lock` NULL: the lock is taken; -EWOULDBLOCK: a shim lives there.  Otherwise it is not, but ours as
 * well: whoever takes it takes it for both.  -errno. */
int spawn_shim(const struct spawn_order *order, const struct spawn_program *program,
               int *ret_lock, pid_t *ret_pid);

#endif
