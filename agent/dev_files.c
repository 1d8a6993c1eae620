/* What `stratos dev` keeps on disk. */
#include "agent/dev_files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/seal.h"

enum { OPEN_DIRS_MAX = 32 };

/* ---- the directory ---- */

static int make_dir(const char *dir, struct dev_files *f, struct err *err)
{
    char absolute[PATH_MAX];
    if (!dir) {
        char made[] = "/tmp/stratos-dev-XXXXXX";
        if (!mkdtemp(made))
            return err_set(err, -errno, "%s: %s", made, err_text(-errno));
        f->is_temporary = true;
        (void)snprintf(f->dir, sizeof(f->dir), "%s", made);
        return 0;
    }
    if (mkdir(dir, 0755) < 0 && errno != EEXIST)
        return err_set(err, -errno, "--dir %s: %s", dir, err_text(-errno));
    if (!realpath(dir, absolute))
        return err_set(err, -errno, "--dir %s: %s", dir, err_text(-errno));
    if (strlen(absolute) > DEV_DIR_MAX)
        return err_set(err, -ENAMETOOLONG,
                       "--dir %s: at most %d bytes, so that the sockets' paths fit",
                       absolute, DEV_DIR_MAX);
    (void)snprintf(f->dir, sizeof(f->dir), "%.*s", DEV_DIR_MAX, absolute);
    return 0;
}

static int make_secret(const char *path, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return 0;
    if (fd < 0)
        return err_set(err, -errno, "%s: %s", path, err_text(-errno));
    struct secret secret;
    char text[46];
    int error = seal_init();
    if (error == 0) {
        secret_new(&secret);
        secret_text(&secret, text);
        text[44] = '\n';
        error = write(fd, text, 45) == 45 ? 0 : -EIO;
        explicit_bzero(&secret, sizeof(secret));
        explicit_bzero(text, sizeof(text));
    }
    close(fd);
    return error < 0 ? err_set(err, error, "%s: %s", path, err_text(error)) : 0;
}

int dev_files_open(const char *dir, struct dev_files *ret_files, struct err *err)
{
    struct dev_files f = {.lock_fd = -1};
    int error = make_dir(dir, &f, err);
    if (error < 0)
        return error;
    (void)snprintf(f.secret, sizeof(f.secret), "%s/secret", f.dir);
    error = make_secret(f.secret, err);
    if (error == 0)
        *ret_files = f;
    return error;
}

static int remove_entry(const char *path, const struct stat *status, int type,
                        struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    (void)remove(path); /* what stays is said by nobody: it is under /tmp */
    return 0;
}

void dev_files_close(struct dev_files *f, bool remove)
{
    if (f->lock_fd >= 0) {
        char path[DEV_PATH_MAX];
        (void)snprintf(path, sizeof(path), "%s/dev.pid", f->dir);
        (void)unlink(path);
        close(f->lock_fd);
        f->lock_fd = -1;
    }
    if (remove && f->is_temporary)
        (void)nftw(f->dir, remove_entry, OPEN_DIRS_MAX, FTW_DEPTH | FTW_PHYS);
}

/* ---- the lock ---- */

static struct flock whole_file(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

int dev_files_lock(struct dev_files *f, struct err *err)
{
    char path[DEV_PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/dev.pid", f->dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_set(err, -errno, "%s: %s", path, err_text(-errno));
    struct flock lock = whole_file();
    if (fcntl(fd, F_SETLK, &lock) < 0) {
        close(fd);
        return err_set(
            err, ERR_CONFLICT,
            "a dev cluster runs in %s already (pid %d): `stratos dev --dir %s --stop` "
            "ends it",
            f->dir, (int)dev_files_holder(f->dir), f->dir);
    }
    if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0) {
        int error = -errno;
        close(fd);
        return err_set(err, error, "%s: %s", path, err_text(error));
    }
    f->lock_fd = fd;
    return 0;
}

pid_t dev_files_holder(const char *dir)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/dev.pid", dir);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return 0;
    struct flock lock = whole_file();
    bool is_known = fcntl(fd, F_GETLK, &lock) == 0;
    close(fd);
    return is_known && lock.l_type != F_UNLCK ? lock.l_pid : 0;
}

/* ---- one node ---- */

void dev_path(const struct dev_files *f, unsigned i, const char *name,
              char out[static DEV_PATH_MAX])
{
    (void)snprintf(out, DEV_PATH_MAX, "%s/n%u/%s", f->dir, i, name);
}

int dev_node_make(const struct dev_files *f, unsigned i, struct err *err)
{
    char path[DEV_PATH_MAX];
    dev_path(f, i, "", path);
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return err_set(err, -errno, "%s: %s", path, err_text(-errno));
    return 0;
}

int dev_write_pid(const struct dev_files *f, unsigned i, pid_t pid, struct err *err)
{
    char path[DEV_PATH_MAX];
    dev_path(f, i, "agent.pid", path);
    FILE *file = fopen(path, "we");
    if (!file)
        return err_set(err, -errno, "%s: %s", path, err_text(-errno));
    fprintf(file, "%d\n", (int)pid);
    if (fclose(file) != 0)
        return err_set(err, -errno, "%s: %s", path, err_text(-errno));
    return 0;
}

void dev_remove_pid(const struct dev_files *f, unsigned i)
{
    char path[DEV_PATH_MAX];
    dev_path(f, i, "agent.pid", path);
    (void)unlink(path); /* gone is what we want */
}
