/* The socket's folder and group.  See socket_file.h. */
#include "agent/socket_file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/arena.h"
#include "isolate/files.h"
#include "isolate/users.h"

enum { ETC_FILE_MAX = 4 << 20 };

int socket_file_make_place(const char *path, struct err *err)
{
    char place[512];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (len == 0)
        return 0; /* here, or in the root */
    if (len >= sizeof(place))
        return err_set(err, -ENAMETOOLONG, "--socket: the path is too long");
    memcpy(place, path, len);
    place[len] = '\0';
    if (access(place, F_OK) == 0)
        return 0;
    int status = dir_make(place, 0755);
    if (status == 0)
        (void)chmod(place, 0755); /* whatever the umask: the group has to pass */
    return status < 0 ? err_set(err, status,
                                "cannot make %s for the socket: %s (choose "
                                "another place with --socket)",
                                place, err_text(status))
                      : 0;
}

int socket_file_share(const char *path, struct err *err)
{
    struct arena arena;
    struct bytes groups;
    struct user_ids ids;
    int status = 0;
    if (geteuid() != 0)
        return 0;
    arena_init(&arena, 2 * ETC_FILE_MAX);
    /* As the group of user 0, so that only the group has to be there. */
    bool is_there = file_read("/etc/group", ETC_FILE_MAX, &arena, &groups) == 0 &&
                    users_find((struct bytes){0}, groups, "0:stratos", &ids, NULL) == 0;
    if (is_there && chown(path, (uid_t)-1, ids.gid) < 0)
        status = err_set(err, -errno, "cannot give %s to the group stratos: %s", path,
                         err_text(-errno));
    arena_fini(&arena);
    return status;
}
