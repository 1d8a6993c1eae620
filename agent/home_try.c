/* Opening the home, step by step.  See home_try.h. */
#include "agent/home_try.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/home_file.h"
#include "gossip/table/form.h"
#include "isolate/task_dir.h"

/* ---- files ---- */

static int make_directories(const char *path, struct err *err)
{
    char at[HOME_PATH];
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

/* ---- identity ---- */

/* `identity` is what a new node is to be; ERR_DAMAGED for a file that is none. */
static int identity_open(const char *data_dir, struct identity *identity, struct err *err)
{
    enum { WANT = sizeof(struct identity) };
    char path[HOME_PATH];
    uint8_t in[WANT + 1]; /* a longer file is not ours either */
    (void)snprintf(path, sizeof(path), "%s/identity", data_dir);
    int n = home_read_file(path, in, sizeof(in), err);
    if (n == -ENOENT)
        return home_write_file(path, identity, sizeof(*identity), err);
    if (n < 0)
        return n;
    struct identity read;
    memcpy(&read, in, sizeof(read));
    explicit_bzero(in, sizeof(in));
    if (n != WANT || !identity_is_sound(&read))
        return err_set(err, ERR_DAMAGED,
                       "%s is damaged (%s): restore it, or remove it to start as a new "
                       "node",
                       path,
                       n < WANT   ? "it is too short"
                       : n > WANT ? "it is too long"
                                  : "its keys do not belong together");
    *identity = read;
    return 0;
}

/* ---- the store ---- */

int home_epoch_read(struct store *store, uint64_t *ret_epoch, struct err *err)
{
    static const struct bytes key = {(const uint8_t *)"epoch", 5};
    uint8_t *value;
    size_t len;
    int status = store_read(store, STORE_LOCAL, key, &value, &len, err);
    if (status < 0)
        return status;
    struct reader r = reader_of((struct bytes){value, len});
    uint64_t epoch = reader_u64(&r);
    status = reader_end(&r);
    free(value);
    if (status < 0)
        return err_set(err, ERR_DAMAGED, "the store's epoch is damaged");
    *ret_epoch = epoch;
    return 0;
}

/* What is there, or else the try's, which is written. */
static int epoch_open(struct home_try *t)
{
    static const struct bytes key = {(const uint8_t *)"epoch", 5};
    uint8_t buf[8];
    int status = home_epoch_read(t->store, &t->epoch, &t->err);
    t->is_new = status == ERR_NOT_FOUND;
    if (!t->is_new)
        return status;
    struct writer w = writer_of(buf, sizeof(buf));
    writer_u64(&w, t->epoch);
    struct store_change change = {
        .space = STORE_LOCAL, .key = key, .value = writer_done(&w)};
    return store_write(t->store, &change, 1, true, &t->err);
}

void home_store_path(const char *data_dir, char out[HOME_PATH])
{
    (void)snprintf(out, HOME_PATH, "%s/store", data_dir);
}

int home_store_aside(const char *data_dir, uint64_t at_unix_ms, struct err *err)
{
    char path[HOME_PATH], aside[HOME_PATH + 32];
    home_store_path(data_dir, path);
    (void)snprintf(aside, sizeof(aside), "%s.damaged-%llu", path,
                   (unsigned long long)(at_unix_ms / 1000));
    if (rename(path, aside) < 0)
        return err_set(err, -errno, "cannot set the damaged store aside as %s: %s", aside,
                       strerror(errno));
    return 0;
}

/* A newer version's store is refused before anything in it is read; an older one's is turned. */
static int use_store(struct home_try *t)
{
    struct form form;
    int status = form_read(t->store, &form, &t->err);
    if (status == 0)
        status = epoch_open(t);
    return status == 0 ? form_turn(t->store, &t->err) : status;
}

/* Where there is too little room nothing is begun that may end half way. */
static int check_room(const char *data_dir, struct err *err)
{
    char path[HOME_PATH];
    struct room room;
    home_store_path(data_dir, path);
    uint64_t wants = store_rocks_wants(path);
    int status = room_look(data_dir, &room);
    if (status < 0)
        return err_set(err, status, "%s: %s", data_dir, err_text(status));
    if (room.free_inodes < DISK_FEW_INODES)
        return err_set(
            err, -ENOSPC,
            "no space left: %llu more files can be made under %s, %d are wanted "
            "to open the store",
            (unsigned long long)room.free_inodes, data_dir, DISK_FEW_INODES);
    if (room.free_bytes < wants)
        return err_set(
            err, -ENOSPC,
            "no space left: %llu KiB are free under %s, %llu KiB are wanted to "
            "open the store",
            (unsigned long long)(room.free_bytes >> 10), data_dir,
            (unsigned long long)(wants >> 10));
    return 0;
}

int home_open_store(struct home_try *t)
{
    char path[HOME_PATH];
    bool was_damaged = false;
    home_store_path(t->data_dir, path);
    int status = check_room(t->data_dir, &t->err);
    if (status == 0)
        status = store_rocks_open(path, &t->store, &was_damaged, &t->err);
    t->was_damaged |= was_damaged;
    if (status == 0)
        status = use_store(t);
    if (status == ERR_DAMAGED && t->store) {
        store_close(t->store);
        t->store = NULL;
        status = home_store_aside(t->data_dir, t->at_unix_ms, &t->err);
        if (status == 0)
            status = store_rocks_open(path, &t->store, &was_damaged, &t->err);
        if (status == 0)
            status = use_store(t);
        t->was_damaged = true;
    }
    if (status < 0) {
        store_close(t->store);
        t->store = NULL;
    }
    return status;
}

/* ---- the data directory ---- */

/* No second agent, also where the store is not open: the directory itself is locked, which takes no room.
 * File systems that cannot do that leave it to the store. */
static int take_lock(struct home_try *t)
{
    if (t->lock >= 0)
        return 0;
    int fd = open(t->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set(&t->err, -errno, "cannot open %s: %s", t->data_dir,
                       strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
        (void)close(fd);
        return err_set(&t->err, ERR_CONFLICT,
                       "another agent is running on this data directory (%s is locked)",
                       t->data_dir);
    }
    t->lock = fd;
    return 0;
}

int home_open_directory(struct home_try *t)
{
    int status = make_directories(t->data_dir, &t->err);
    return status < 0 ? status : take_lock(t);
}

static int put_aside(const char *data_dir, const char *name, uint64_t at_unix_ms,
                     struct err *err)
{
    char path[HOME_PATH], aside[HOME_PATH + 32];
    (void)snprintf(path, sizeof(path), "%s/%s", data_dir, name);
    (void)snprintf(aside, sizeof(aside), "%s.other-host-%llu", path,
                   (unsigned long long)(at_unix_ms / 1000));
    return rename(path, aside) < 0 && errno != ENOENT
               ? err_set(err, -errno, "cannot set %s aside: %s", path, strerror(errno))
               : 0;
}

/* Does a shim live here?  Then the tasks are this host's own, whatever became of its machine id. */
static bool has_live_tasks(const char *data_dir)
{
    char path[HOME_PATH], task[HOME_PATH + 256];
    bool is_live = false;
    (void)snprintf(path, sizeof(path), "%s/tasks", data_dir);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && !is_live && (e = readdir(dir));) {
        (void)snprintf(task, sizeof(task), "%s/%.255s", path, e->d_name);
        is_live = e->d_name[0] != '.' && task_dir_is_locked(task);
    }
    if (dir)
        (void)closedir(dir);
    return is_live;
}

/* Copied tasks are the other node's: they are not started beside it.  The identity goes last but for what
 * says where it was made: what is left when this is cut short is still another host's.  A node without an
 * identity is new in any case. */
static int check_machine(struct home_try *t)
{
    static const char *const names[] = {"tasks", "store", "identity", "machine"};
    enum { NAMES = sizeof(names) / sizeof(names[0]) };
    char path[HOME_PATH];
    bool is_new = true;
    int status = 0;
    (void)snprintf(path, sizeof(path), "%s/identity", t->data_dir);
    bool has_identity = access(path, F_OK) == 0;
    if (has_identity)
        status = machine_check(t->data_dir, MACHINE_ID_FILE, t->policy, &is_new, &t->err);
    size_t first = !has_identity ? NAMES - 1 : has_live_tasks(t->data_dir) ? 1 : 0;
    for (size_t i = first; i < NAMES; i++)
        if (status == 0 && is_new)
            status = put_aside(t->data_dir, names[i], t->at_unix_ms, &t->err);
    return status;
}

int home_open_identity(struct home_try *t)
{
    if (t->has_identity)
        return 0;
    int status = check_machine(t);
    if (status == 0)
        status = identity_open(t->data_dir, &t->identity, &t->err);
    t->has_identity = status == 0;
    if (status == 0)
        machine_write(t->data_dir, MACHINE_ID_FILE);
    return status;
}

void home_try(struct home_try *t)
{
    store_close(t->spent);
    t->spent = NULL;
    t->status = home_open_directory(t);
    if (t->status == 0)
        t->status = home_open_identity(t);
    if (t->status == 0)
        t->status = home_open_store(t);
}
