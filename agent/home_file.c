/* Small files of the agent's home.  See home_file.h. */
#include "agent/home_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/home_try.h"

int home_write_file(const char *path, const void *data, size_t len, struct err *err)
{
    char temporary[HOME_PATH + 8];
    (void)snprintf(temporary, sizeof(temporary), "%s.new", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, -errno, "cannot write %s: %s", temporary, strerror(errno));
    errno = ENOSPC; /* of a write that takes a part only */
    bool is_ok = write(fd, data, len) == (ssize_t)len && fsync(fd) == 0;
    int cause = errno;
    (void)close(fd);
    if (is_ok && rename(temporary, path) == 0)
        return 0;
    cause = is_ok ? errno : cause;
    (void)unlink(temporary); /* half of it is of no use */
    return err_set(err, -cause, "cannot write %s: %s", path, strerror(cause));
}

int home_read_file(const char *path, void *out, size_t cap, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, -errno, "cannot read %s: %s", path, strerror(errno));
    ssize_t n = read(fd, out, cap);
    int cause = errno;
    (void)close(fd);
    return n < 0 ? err_set(err, -cause, "cannot read %s: %s", path, strerror(cause))
                 : (int)n;
}
