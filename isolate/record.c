/* See record.h. */
#include "isolate/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/err.h"
#include "isolate/files.h"

static int last_error(void)
{
    return errno ? -errno : -EIO;
}

/* Room that a run before had is taken again: then nothing but the content goes to the disk. */
static int write_first(int fd, const char *path, struct bytes content, bool may_lag)
{
    struct stat info;
    if (fstat(fd, &info) < 0)
        return last_error();
    bool is_new = info.st_size != SHIM_STATE_LEN;
    if (is_new && ftruncate(fd, 0) < 0)
        return last_error();
    if (pwrite(fd, content.at, content.len, 0) != (ssize_t)content.len)
        return last_error();
    if (may_lag && !is_new)
        return 0;
    if (fdatasync(fd) < 0)
        return last_error();
    return is_new ? file_sync_parent(path) : 0;
}

int record_make(struct record *r, const char *path, const struct shim_state *state,
                bool may_lag)
{
    uint8_t buf[SHIM_STATE_LEN];
    struct writer w = writer_of(buf, sizeof(buf));
    struct shim_state first = *state;
    first.order = 0;
    shim_state_write(&first, &w);
    shim_state_write(&first, &w);
    int code = writer_error(&w);
    if (code)
        return code;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return last_error();
    code = write_first(fd, path, writer_done(&w), may_lag);
    if (code) {
        (void)close(fd);
        return code;
    }
    *r = (struct record){.fd = fd};
    return 0;
}

void record_sync(const struct record *r)
{
    (void)fdatasync(r->fd); /* what does not get there now does at the end */
}

void record_clear(const char *path)
{
    static const uint8_t nothing[SHIM_STATE_LEN];
    struct stat info;
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    bool is_clear = fd >= 0 && fstat(fd, &info) == 0 && info.st_size == SHIM_STATE_LEN &&
                    pwrite(fd, nothing, sizeof(nothing), 0) == (ssize_t)sizeof(nothing);
    if (fd >= 0)
        (void)close(fd);
    if (!is_clear)
        (void)unlink(path);
}

int record_put(struct record *r, struct shim_state *state, bool is_synced)
{
    uint8_t buf[SHIM_SLOT_LEN];
    struct writer w = writer_of(buf, sizeof(buf));
    state->order = r->order + 1;
    shim_state_write(state, &w);
    off_t at = (off_t)(state->order % 2) * SHIM_SLOT_LEN;
    if (writer_error(&w))
        return writer_error(&w);
    if (pwrite(r->fd, buf, sizeof(buf), at) != (ssize_t)sizeof(buf))
        return last_error();
    if (is_synced && fdatasync(r->fd) < 0)
        return last_error();
    r->order = state->order;
    return 0;
}

void record_close(struct record *r)
{
    if (r->fd >= 0)
        (void)close(r->fd);
    r->fd = -1;
}

/* Nothing but room, or not even that. */
static bool is_clear(const uint8_t *at, size_t len)
{
    size_t n = 0;
    while (n < len && at[n] == 0)
        n++;
    return n == len;
}

int record_read(const char *path, struct shim_state *ret_state)
{
    uint8_t buf[SHIM_STATE_LEN + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return last_error();
    ssize_t len = read(fd, buf, sizeof(buf));
    int code = len < 0 ? last_error() : is_clear(buf, (size_t)len) ? -ENOENT : 0;
    (void)close(fd);
    return code ? code : shim_state_read((struct bytes){buf, (size_t)len}, ret_state);
}

/* The kernel's text is a UUID: 32 digits and four dashes. */
void record_boot(uint8_t out[static SHIM_BOOT_LEN])
{
    char text[64] = "", digits[2 * SHIM_BOOT_LEN + 1];
    size_t n = 0;
    memset(out, 0, SHIM_BOOT_LEN);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t len = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    for (ssize_t i = 0; i < len && n < sizeof(digits) - 1; i++)
        if (text[i] != '-')
            digits[n++] = text[i];
    if (hex_decode(digits, n, out, SHIM_BOOT_LEN))
        memset(out, 0, SHIM_BOOT_LEN);
}
