/* Data directory, identity and store.  See home.h. */
#include "agent/home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_TEXT = 4096 };

static int make_directories(const char *path, struct err *err)
{
    char at[PATH_TEXT];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(at))
        return err_set(err, -ENAMETOOLONG, "data directory '%s': the path is too long",
                       path);
    memcpy(at, path, len + 1);
    for (char *slash = at + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        (void)mkdir(at, 0755); /* there already is what we want; a failure shows below */
        *slash = '/';
    }
    if (mkdir(at, 0700) < 0 && errno != EEXIST)
        return err_set(
            err, -errno,
            "cannot make the data directory %s: %s (choose another with --data)", path,
            strerror(errno));
    return 0;
}

/* Written whole and synced under another name first: a power loss leaves the old or the new. */
static int write_file(const char *path, const void *data, size_t len, struct err *err)
{
    char temporary[PATH_TEXT + 8];
    (void)snprintf(temporary, sizeof(temporary), "%s.new", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, -errno, "cannot write %s: %s", temporary, strerror(errno));
    bool is_ok = write(fd, data, len) == (ssize_t)len && fsync(fd) == 0;
    int cause = errno;
    (void)close(fd);
    if (!is_ok || rename(temporary, path) < 0)
        return err_set(err, -EIO, "cannot write %s: %s", path,
                       strerror(is_ok ? errno : cause));
    return 0;
}

static int read_file(const char *path, void *out, size_t cap, struct err *err)
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

static int identity_open(const char *data_dir, struct identity *ret_identity,
                         struct err *err)
{
    enum { WANT = sizeof(struct identity) };
    char path[PATH_TEXT];
    uint8_t in[WANT + 1]; /* a longer file is not ours either */
    (void)snprintf(path, sizeof(path), "%s/identity", data_dir);
    int n = read_file(path, in, sizeof(in), err);
    if (n == -ENOENT) {
        identity_new(ret_identity);
        return write_file(path, ret_identity, sizeof(*ret_identity), err);
    }
    if (n < 0)
        return n;
    struct identity identity;
    memcpy(&identity, in, sizeof(identity));
    explicit_bzero(in, sizeof(in));
    if (n != WANT || !identity_is_sound(&identity))
        return err_set(err, ERR_DAMAGED,
                       "%s is damaged (%s): restore it, or remove it to start as a new "
                       "node",
                       path,
                       n < WANT   ? "it is too short"
                       : n > WANT ? "it is too long"
                                  : "its keys do not belong together");
    *ret_identity = identity;
    return 0;
}

static int epoch_open(struct home *home, uint64_t at_unix_ms, struct err *err)
{
    static const struct bytes key = {(const uint8_t *)"epoch", 5};
    uint8_t *value, buf[8];
    size_t len;
    int status = store_read(home->store, STORE_LOCAL, key, &value, &len, err);
    if (status == 0) {
        struct reader r = reader_of((struct bytes){value, len});
        home->epoch = reader_u64(&r);
        status = reader_end(&r);
        free(value);
        return status < 0 ? err_set(err, ERR_DAMAGED, "the store's epoch is damaged") : 0;
    }
    if (status != ERR_NOT_FOUND)
        return status;
    home->epoch = at_unix_ms;
    struct writer w = writer_of(buf, sizeof(buf));
    writer_u64(&w, home->epoch);
    struct store_change change = {
        .space = STORE_LOCAL, .key = key, .value = writer_done(&w)};
    return store_write(home->store, &change, 1, true, err);
}

static int store_open(struct home *home, const char *data_dir, uint64_t at_unix_ms,
                      struct err *err)
{
    char path[PATH_TEXT];
    bool was_damaged = false;
    (void)snprintf(path, sizeof(path), "%s/store", data_dir);
    int status = store_rocks_open(path, &home->store, &was_damaged, err);
    home->was_damaged |= was_damaged;
    return status < 0 ? status : epoch_open(home, at_unix_ms, err);
}

int home_open(struct home *home, const char *data_dir, uint64_t at_unix_ms,
              struct err *err)
{
    *home = (struct home){0};
    int status = make_directories(data_dir, err);
    if (status == 0)
        status = identity_open(data_dir, &home->identity, err);
    if (status == 0)
        status = store_open(home, data_dir, at_unix_ms, err);
    return status == ERR_DAMAGED && home->store
               ? home_set_aside(home, data_dir, at_unix_ms, err)
               : status;
}

struct restore {
    struct node *node;
    enum store_space space;
};

static int restore_entry(void *ctx, struct bytes key, struct bytes value)
{
    struct restore *restore = ctx;
    return node_restore(restore->node, restore->space, key, value);
}

int home_restore(struct home *home, struct node *node, struct err *err)
{
    static const enum store_space order[] = {STORE_LOCAL, STORE_TABLE};
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        struct restore restore = {node, order[i]};
        int status = store_each(home->store, order[i], (struct bytes){0}, restore_entry,
                                &restore, err);
        if (status < 0)
            return err_set(err, status, "the store cannot be read back: %s",
                           err_text(status));
    }
    return 0;
}

int home_set_aside(struct home *home, const char *data_dir, uint64_t at_unix_ms,
                   struct err *err)
{
    char path[PATH_TEXT], aside[PATH_TEXT + 32];
    (void)snprintf(path, sizeof(path), "%s/store", data_dir);
    (void)snprintf(aside, sizeof(aside), "%s.damaged-%llu", path,
                   (unsigned long long)(at_unix_ms / 1000));
    store_close(home->store);
    home->store = NULL;
    if (rename(path, aside) < 0)
        return err_set(err, -errno, "cannot set the damaged store aside as %s: %s", aside,
                       strerror(errno));
    home->was_damaged = true;
    return store_open(home, data_dir, at_unix_ms, err);
}

void home_close(struct home *home)
{
    store_close(home->store);
    home->store = NULL;
}

int home_read_secret(const char *path, struct keyring *ret_keys, struct err *err)
{
    char text[256];
    struct stat st;
    int n = read_file(path, text, sizeof(text), err);
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
    bool is_ok = pwrite(fd, text, sizeof(text), 0) == (ssize_t)sizeof(text) &&
                 ftruncate(fd, sizeof(text)) == 0 && fsync(fd) == 0;
    int cause = errno;
    explicit_bzero(text, sizeof(text));
    (void)close(fd);
    return is_ok ? 0 : err_set(err, -EIO, "cannot write %s: %s", path, strerror(cause));
}
