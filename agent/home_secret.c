/* The file of the cluster's secret.  See home.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/home.h"
#include "agent/home_file.h"

int home_read_secret(const char *path, struct keyring *ret_keys, struct err *err)
{
    char text[256];
    struct stat st;
    bool is_usual = strcmp(path, agent_default_secret_file()) == 0;
    int n = home_read_file(path, text, sizeof(text), err);
    if (n == -ENOENT)
        return err_set(err, -ENOENT,
                       "no secret at %s: `stratos secret new --write%s%s` makes one; on "
                       "the other hosts put a copy of it",
                       path, is_usual ? "" : " --secret-file ", is_usual ? "" : path);
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

/* For its owner alone, whatever the umask is. */
static int make_above(const char *path)
{
    char dir[PATH_MAX];
    if (strlen(path) >= sizeof(dir))
        return -ENAMETOOLONG;
    (void)snprintf(dir, sizeof(dir), "%s", path);
    for (char *at = strchr(dir + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(dir, 0700) < 0 && errno != EEXIST)
            return -errno;
        *at = '/';
    }
    return 0;
}

int agent_secret_write(const char *path, struct err *err)
{
    struct secret secret;
    char text[46];
    if (seal_init() < 0)
        return err_set(err, ERR_DENIED, "this host has no source of randomness");
    int code = make_above(path);
    int fd = code < 0 ? code : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, code < 0 ? code : -errno, "cannot write %s: %s", path,
                       err_text(code < 0 ? code : -errno));
    secret_new(&secret);
    secret_text(&secret, text);
    text[44] = '\n';
    bool is_ok = fchmod(fd, 0600) == 0 && write(fd, text, 45) == 45 && fsync(fd) == 0;
    int cause = errno;
    explicit_bzero(&secret, sizeof(secret));
    explicit_bzero(text, sizeof(text));
    (void)close(fd);
    if (is_ok)
        return 0;
    (void)unlink(path); /* half of it is none */
    return err_set(err, -cause, "cannot write %s: %s", path, err_text(-cause));
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
