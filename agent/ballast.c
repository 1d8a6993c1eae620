/* Making the ballast, and throwing it out.  See ballast.h.
 *
 * Blocks that are only promised give no room: some file systems take a reservation and reserve
 * nothing, others compress what is written, so what stands there is counted, and is written with random
 * bytes where a reservation was not kept. */
#include "agent/ballast.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/disk.h"
#include "proto/seal.h"

enum { PATH_TEXT = 4096, CHUNK = 64 * 1024, BLOCK = 512 /* of st_blocks */ };

static void path_of(const char *data_dir, const char *name, char out[PATH_TEXT])
{
    (void)snprintf(out, PATH_TEXT, "%s/%s", data_dir, name);
}

/* Metadata and rounding aside: seven eighths are as good as all. */
static bool is_real(const struct stat *st)
{
    return S_ISREG(st->st_mode) &&
           (uint64_t)st->st_blocks * BLOCK >= DISK_BALLAST_BYTES / 8 * 7;
}

bool ballast_stands(const char *data_dir)
{
    char path[PATH_TEXT];
    struct stat st;
    path_of(data_dir, "ballast", path);
    return lstat(path, &st) == 0 && is_real(&st);
}

void ballast_drop(const char *data_dir)
{
    char path[PATH_TEXT];
    path_of(data_dir, "ballast", path);
    (void)unlink(path); /* gone is what we want */
}

static int write_random(int fd)
{
    uint8_t chunk[CHUNK];
    for (off_t at = 0; at < DISK_BALLAST_BYTES; at += CHUNK) {
        random_bytes(chunk, sizeof(chunk));
        ssize_t n = pwrite(fd, chunk, sizeof(chunk), at);
        if (n != CHUNK)
            return n < 0 ? -errno : -ENOSPC;
    }
    return 0;
}

static int fill(int fd)
{
    struct stat st;
    int status = fallocate(fd, 0, 0, DISK_BALLAST_BYTES) < 0 ? -errno : 0;
    if (status == -ENOSPC || status == -EDQUOT)
        return status;
    if (fsync(fd) < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (status == 0 && is_real(&st))
        return 0;
    status = write_random(fd);
    if (status == 0 && (fsync(fd) < 0 || fstat(fd, &st) < 0))
        status = -errno;
    return status < 0 ? status : is_real(&st) ? 0 : -EOPNOTSUPP;
}

int ballast_make(const char *data_dir, struct err *err)
{
    char path[PATH_TEXT], whole[PATH_TEXT];
    path_of(data_dir, "ballast.new", path);
    path_of(data_dir, "ballast", whole);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int status = fd < 0 ? -errno : fill(fd);
    if (fd >= 0)
        (void)close(fd); /* it was synced */
    if (status == 0 && rename(path, whole) < 0)
        status = -errno;
    if (status < 0)
        (void)unlink(path); /* it may not be there */
    return status < 0
               ? err_set(err, status, "cannot make %s: %s", whole, err_text(status))
               : 0;
}
