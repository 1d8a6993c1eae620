/* See install_files.h. */
#include "cli/install_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"

enum { COPY_LEN = 1 << 16, SECRET_MAX = 256 };

/* Tasks outlive the agent (KillMode), also where it is restarted often: then no limit of starts leaves the host
 * without one. */
const char install_unit[] =
    "# Made by `stratos install`.  docs/OPERATE.md explains each line.\n"
    "[Unit]\n"
    "Description=Stratos, this host's node\n"
    "Wants=network-online.target\n"
    "After=network-online.target\n"
    "StartLimitIntervalSec=0\n"
    "\n"
    "[Service]\n"
    "Type=notify\n"
    "ExecStart=" INSTALL_BIN " agent --config " INSTALL_CONFIG "\n"
    "KillMode=process\n"
    "Restart=always\n"
    "RestartSec=1\n"
    "WatchdogSec=120\n"
    "Delegate=yes\n"
    "DelegateSubgroup=agent\n"
    "LimitNOFILE=65536\n"
    "TasksMax=infinity\n"
    "OOMScoreAdjust=-900\n"
    "\n"
    "[Install]\n"
    "WantedBy=multi-user.target\n";

static const char config_text[] =
    "# The agent of this host.  Every flag of `stratos help agent` is a key here; after "
    "a change\n"
    "# restart the agent, its tasks run on.\n"
    "%s\n"
    "# name: n1                  # default: the host's name\n"
    "# bind: 10.0.0.7:7780       # default: the first address that others can reach\n"
    "# http: 127.0.0.1:7781\n"
    "# dns: 127.0.0.1:8600\n"
    "# attr: {rack: r1, disk: ssd}\n"
    "# cpu: 4                    # offered to tasks; default: all\n"
    "# memory: 8G\n"
    "# ports: 20000-29999\n";

bool install_is_elsewhere(void)
{
    const char *root = getenv("DESTDIR");
    return root && *root;
}

void install_path(const char *path, char out[static INSTALL_PATH_MAX])
{
    (void)snprintf(out, INSTALL_PATH_MAX, "%s%s",
                   install_is_elsewhere() ? getenv("DESTDIR") : "", path);
}

void install_config(const char *join, char out[static INSTALL_CONFIG_MAX])
{
    char line[INSTALL_CONFIG_MAX / 2];
    if (join)
        (void)snprintf(line, sizeof(line), "join: [%s]", join);
    else
        (void)snprintf(
            line, sizeof(line),
            "# join: [10.0.0.1, 10.0.0.2]   # where a network has no multicast");
    (void)snprintf(out, INSTALL_CONFIG_MAX, config_text, line);
}

static int failed(struct err *err, const char *path, int code)
{
    return err_set(err, code, "%s: %s", path, err_text(code));
}

static int make_above(const char *path)
{
    char dir[INSTALL_PATH_MAX];
    (void)snprintf(dir, sizeof(dir), "%s", path);
    for (char *at = strchr(dir + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(dir, 0755) < 0 && errno != EEXIST)
            return -errno;
        *at = '/';
    }
    return 0;
}

/* Byte for byte as what `fd` reads from its start. */
static bool is_same(int fd, int other)
{
    static uint8_t a[COPY_LEN], b[COPY_LEN];
    ssize_t n, m;
    off_t at = 0;
    do {
        n = pread(fd, a, sizeof(a), at);
        m = pread(other, b, sizeof(b), at);
        if (n != m || n < 0 || memcmp(a, b, (size_t)n) != 0)
            return false;
        at += n;
    } while (n > 0);
    return true;
}

static int copy(int from, int to)
{
    static uint8_t buf[COPY_LEN];
    off_t at = 0;
    for (;;) {
        ssize_t n = pread(from, buf, sizeof(buf), at);
        if (n <= 0)
            return n < 0 ? -errno : fsync(to) < 0 ? -errno : 0;
        errno = ENOSPC; /* of a write that takes a part only */
        if (write(to, buf, (size_t)n) != n)
            return -errno;
        at += n;
    }
}

/* What `from` reads becomes `path`: whole, or not at all. */
static int put_from(int from, const char *path, mode_t mode, struct err *err)
{
    char to[INSTALL_PATH_MAX], temporary[INSTALL_PATH_MAX + 8];
    install_path(path, to);
    int old = open(to, O_RDONLY | O_CLOEXEC);
    bool is_there = old >= 0 && is_same(old, from);
    if (old >= 0)
        (void)close(old);
    if (is_there)
        return chmod(to, mode) < 0 ? failed(err, to, -errno) : 0;
    (void)snprintf(temporary, sizeof(temporary), "%s.new", to);
    int code = make_above(to);
    if (code == 0 && unlink(temporary) < 0 && errno != ENOENT)
        code = -errno;
    int fd =
        code < 0 ? -1 : open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (code == 0 && fd < 0)
        code = -errno;
    if (code == 0 && fchmod(fd, mode) < 0)
        code = -errno;
    if (code == 0)
        code = copy(from, fd);
    if (fd >= 0)
        (void)close(fd);
    if (code == 0 && rename(temporary, to) < 0)
        code = -errno;
    if (code == 0)
        return 1;
    (void)unlink(temporary); /* half of it is of no use */
    return failed(err, to, code);
}

int install_put(const char *path, struct bytes content, mode_t mode, struct err *err)
{
    FILE *file = tmpfile();
    if (!file || fwrite(content.at, 1, content.len, file) != content.len ||
        fflush(file) != 0) {
        int code = -errno;
        if (file)
            fclose(file);
        return failed(err, path, code);
    }
    int code = put_from(fileno(file), path, mode, err);
    fclose(file);
    return code;
}

int install_put_program(struct err *err)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed(err, "/proc/self/exe", -errno);
    int code = put_from(fd, INSTALL_BIN, 0755, err);
    (void)close(fd);
    return code;
}

int install_put_secret(const char *from, struct err *err)
{
    char to[INSTALL_PATH_MAX], dir[INSTALL_PATH_MAX];
    struct stat st;
    install_path(INSTALL_SECRET, to);
    install_path(INSTALL_DIR, dir);
    int code = make_above(dir);
    if (code == 0 && mkdir(dir, 0700) < 0 && errno != EEXIST)
        code = -errno;
    if (code == 0 && chmod(dir, 0700) < 0)
        code = -errno;
    if (code < 0)
        return failed(err, dir, code);
    bool is_there = stat(to, &st) == 0;
    if (!from)
        return is_there ? 0 : agent_secret_write(to, err) < 0 ? err->code : 1;
    int fd = open(from, O_RDONLY | O_CLOEXEC), old = open(to, O_RDONLY | O_CLOEXEC);
    bool is_equal = fd >= 0 && old >= 0 && is_same(fd, old);
    int missing = fd < 0 ? -errno : 0;
    if (old >= 0)
        (void)close(old);
    if (missing < 0)
        return failed(err, from, missing);
    if (is_there && !is_equal)
        code = err_set(err, ERR_CONFLICT,
                       "%s holds another secret, of another cluster: it stays.  To join "
                       "that of %s, remove it first",
                       to, from);
    else
        code = is_equal ? 0 : put_from(fd, INSTALL_SECRET, 0600, err);
    (void)close(fd);
    return code;
}

int install_remove(const char *path, struct err *err)
{
    char at[INSTALL_PATH_MAX];
    install_path(path, at);
    if (unlink(at) == 0)
        return 1;
    return errno == ENOENT || errno == ENOTDIR ? 0 : failed(err, at, -errno);
}
