/* The file of the cluster's secret.  See home.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/home.h"
#include "agent/home_file.h"

int home_read_secret(const char *path, struct keyring *ret_keys, struct err *err)
{
    char text[256];
    struct stat st;
    int n = home_read_file(path, text, sizeof(text), err);
    if (n == -ENOENT)
        return err_set(err, -ENOENT,
                       "no secret at %s: make one with `stratos secret new > %s`, "
                       "and copy it to every host",
                       path, path);
    if (n < 0)
        return n;
    if (stat(path, &st) == 0 && (st.st_mode & 077))
        return err_set(err, ERR_DENIED, "%s can be read by others: `chmod 600 %s`", path,
                       path);
    int status = keyring_parse(text, (size_t)n, ret_keys);
    explicit_bzero(text, sizeof(text));
    if (status < 0)
        return err_set(
            err, status,
            "%s holds no secret: want the one line `stratos secret new` prints", path);
    return 0;
}

int home_write_secret(const char *path, const struct keyring *keys, struct err *err)
{
    char text[KEYRING_TEXT];
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, -errno, "cannot write %s: %s", path, strerror(errno));
    keyring_text(keys, text);
    size_t len = sizeof(text);
    while (len > 1 && text[len - 2] == '\n')
        len--;
    /* As long as it may ever be in one write, so that a crash leaves the old or the new; then what of that
     * is empty goes. */
    bool is_ok = pwrite(fd, text, sizeof(text), 0) == (ssize_t)sizeof(text) &&
                 ftruncate(fd, sizeof(text)) == 0 && fsync(fd) == 0 &&
                 ftruncate(fd, (off_t)len) == 0 && fsync(fd) == 0;
    int cause = errno;
    explicit_bzero(text, sizeof(text));
    (void)close(fd);
    return is_ok ? 0 : err_set(err, -EIO, "cannot write %s: %s", path, strerror(cause));
}
