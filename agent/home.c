/* The home's stages: waiting, read, open.  See home.h. */
#include "agent/home.h"

#include "agent/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/ballast.h"
#include "agent/home_try.h"
#include "gossip/table/form.h"

static enum store_trouble trouble_of(int status)
{
    return status == -ENOSPC || status == -EDQUOT ? STORE_NO_SPACE : STORE_FAILING;
}

/* What can mend itself: room that is made, a disk that answers again. */
static bool is_passing(int status)
{
    static const int passing[] = {ENOSPC,  EDQUOT, EIO,   EROFS,
                                  EUCLEAN, ENODEV, ENXIO, ESTALE};
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
        if (status == -passing[i])
            return true;
    return false;
}

/* ---- a store that is shut ---- */

static struct home *home_of(struct store *shut)
{
    return (struct home *)(void *)((char *)shut - offsetof(struct home, shut));
}

static int shut_write(struct store *s, const struct store_change *changes, size_t n,
                      bool is_synced, struct err *err)
{
    const struct home *home = home_of(s);
    (void)changes, (void)n, (void)is_synced;
    return err_set(err, home->trouble == STORE_NO_SPACE ? -ENOSPC : ERR_STORE, "%s",
                   home->why.text);
}

static int shut_read(struct store *s, enum store_space space, struct bytes key,
                     uint8_t **ret_value, size_t *ret_len, struct err *err)
{
    (void)space, (void)key, (void)ret_value, (void)ret_len;
    return err_set(err, ERR_STORE, "%s", home_of(s)->why.text);
}

static int shut_each(struct store *s, enum store_space space, struct bytes prefix,
                     int (*visit)(void *ctx, struct bytes key, struct bytes value),
                     void *ctx, struct err *err)
{
    (void)space, (void)prefix, (void)visit, (void)ctx;
    return err_set(err, ERR_STORE, "%s", home_of(s)->why.text);
}

static enum store_trouble shut_trouble(struct store *s, bool *ret_is_spent)
{
    *ret_is_spent = true;
    return home_of(s)->trouble;
}

static void shut_close(struct store *s)
{
    (void)s;
}

/* ---- stages ---- */

static void init(struct home *home)
{
    static const struct store_ops ops = {.write = shut_write,
                                         .read = shut_read,
                                         .each = shut_each,
                                         .trouble = shut_trouble,
                                         .close = shut_close};
    *home = (struct home){.shut = {&ops}, .lock = -1};
    home->store = &home->shut;
    identity_new(&home->identity);
}

void home_prepare(struct home *home, const char *data_dir, uint64_t at_unix_ms,
                  struct home_try *ret_try)
{
    bool is_open = home->stage == HOME_OPEN;
    *ret_try = (struct home_try){.data_dir = data_dir,
                                 .policy = home->policy,
                                 .at_unix_ms = at_unix_ms,
                                 .epoch = home->epoch ? home->epoch : at_unix_ms,
                                 .identity = home->identity,
                                 .has_identity = home->has_identity,
                                 .lock = home->lock,
                                 .spent = is_open ? home->store : NULL};
    if (!is_open)
        return;
    bool is_spent;
    home->trouble = store_trouble(home->store, &is_spent);
    home->stage = HOME_READING;
    home->store = &home->shut;
    (void)err_set(&home->why, ERR_STORE, "the store is just being opened anew");
}

void home_take(struct home *home, const struct home_try *t)
{
    home->identity = t->identity;
    home->has_identity = t->has_identity;
    home->lock = t->lock;
    home->was_damaged |= t->was_damaged;
    if (t->status < 0) {
        home->trouble = trouble_of(t->status);
        home->why = t->err;
        return;
    }
    home->stage = HOME_OPEN;
    home->store = t->store;
    home->is_unwritten &= !t->is_new;
    home->epoch = t->epoch;
    home->trouble = STORE_WELL;
}

/* What is there is read, where it cannot be written: it was made before, so there is an identity.
 * ERR_UNSUPPORTED: a newer version wrote it. */
static int read_image(struct home *home, const char *data_dir, struct err *err)
{
    char path[HOME_PATH];
    struct form form;
    struct err why = {0};
    home_store_path(data_dir, path);
    if (!home->has_identity || store_rocks_open_to_read(path, &home->image, &why) < 0)
        return 0;
    int status = form_read(home->image, &form, &why);
    if (status == 0)
        status = home_epoch_read(home->image, &home->epoch, &why);
    if (status == 0)
        home->stage = HOME_READING;
    else
        home_wait(home, &home->why);
    return status == ERR_UNSUPPORTED ? err_set(err, status, "%s", why.text) : 0;
}

/* The ballast goes before anything is written. */
static void make_room(struct home *home, const char *data_dir)
{
    struct room room;
    bool stands = ballast_stands(data_dir);
    if (room_look(data_dir, &room) < 0 || !disk_drops_ballast(&room, stands))
        return;
    ballast_drop(data_dir);
    home->was_short = true;
}

static void mark_path(const char *data_dir, char out[HOME_PATH])
{
    (void)snprintf(out, HOME_PATH, "%s/written", data_dir);
}

/* To take the mark away needs no room, so it can be told that there was none. */
void home_mark(const struct home *home, const char *data_dir, bool is_written)
{
    char path[HOME_PATH];
    mark_path(data_dir, path);
    if (!is_written) {
        (void)unlink(path); /* gone is what we want, */
        if (home->lock >= 0)
            (void)fsync(home->lock); /* also after a power cut, as far as this disk can */
        return;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)close(fd); /* without it the next life is only more careful */
}

uint64_t home_life(uint64_t at_unix_ms)
{
    uint64_t chance;
    random_bytes(&chance, sizeof(chance));
    return at_unix_ms / 1000 << 28 | chance >> 36;
}

uint64_t home_wants_bytes(const char *data_dir)
{
    char path[HOME_PATH];
    home_store_path(data_dir, path);
    return store_rocks_wants(path);
}

/* Directory, identity, store.  *ret_is_passing: what stopped it can mend itself, and this is no first start
 * in a place that cannot be written. */
static void open_all(struct home *home, struct home_try *t, bool *ret_is_passing)
{
    t->status = home_open_directory(t);
    *ret_is_passing = trouble_of(t->status) == STORE_NO_SPACE;
    if (t->status < 0)
        return;
    make_room(home, t->data_dir);
    t->status = home_open_identity(t);
    *ret_is_passing = is_passing(t->status) && t->status != -EROFS;
    if (t->status < 0)
        return;
    t->status = home_open_store(t);
    *ret_is_passing = is_passing(t->status);
}

int home_open(struct home *home, const char *data_dir, enum machine_policy policy,
              uint64_t at_unix_ms, struct err *err)
{
    struct home_try t;
    char mark[HOME_PATH];
    bool can_mend;
    init(home);
    home->policy = policy;
    home_prepare(home, data_dir, at_unix_ms, &t);
    open_all(home, &t, &can_mend);
    mark_path(data_dir, mark);
    home->is_marked = access(mark, F_OK) == 0;
    home->is_unwritten = t.status < 0 || !home->is_marked;
    home_take(home, &t);
    if (t.status == 0)
        return 0;
    if (!can_mend) {
        *err = t.err;
        return t.status;
    }
    home->was_short |= home->trouble == STORE_NO_SPACE;
    return read_image(home, data_dir, err);
}

void home_wait(struct home *home, const struct err *why)
{
    store_close(home->image);
    home->image = NULL;
    home->why = *why;
    home->stage = HOME_WAITING;
}

struct restore {
    struct node *node;
    struct recorder *recorder;
    enum store_space space;
    struct form form; /* of a store that is only read, and was not turned */
    struct arena arena;
};

static int restore_entry(void *ctx, struct bytes key, struct bytes value)
{
    struct restore *restore = ctx;
    arena_clear(&restore->arena);
    int status =
        form_apply(&restore->form, restore->space, &key, &value, &restore->arena);
    if (status < 0)
        return status;
    struct recorded what = {.kind = RECORDED_ENTRY,
                            .entry = {restore->space, key, value}};
    recorder_put(restore->recorder, &what);
    return node_restore(restore->node, restore->space, key, value);
}

int home_restore(struct home *home, struct node *node, struct recorder *recorder,
                 struct err *err)
{
    static const enum store_space order[] = {STORE_LOCAL, STORE_TABLE};
    struct store *from = home->image ? home->image : home->store;
    struct restore restore = {.node = node, .recorder = recorder};
    int status = form_read(from, &restore.form, err);
    arena_init(&restore.arena, 0);
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]) && status >= 0; i++) {
        restore.space = order[i];
        status =
            store_each(from, order[i], (struct bytes){0}, restore_entry, &restore, err);
    }
    arena_fini(&restore.arena);
    store_close(home->image);
    home->image = NULL;
    return status < 0 ? err_set(err, status, "the store cannot be read back: %s",
                                err_text(status))
                      : 0;
}

int home_set_aside(struct home *home, const char *data_dir, uint64_t at_unix_ms,
                   struct err *err)
{
    struct home_try t;
    home->epoch = 0; /* nothing is continued */
    home_prepare(home, data_dir, at_unix_ms, &t);
    store_close(t.spent);
    t.spent = NULL;
    t.status = home_store_aside(data_dir, at_unix_ms, &t.err);
    t.was_damaged = t.status == 0;
    if (t.status == 0)
        t.status = home_open_store(&t);
    home_take(home, &t);
    if (t.status < 0)
        *err = t.err;
    return t.status;
}

void home_close(struct home *home)
{
    if (!home->store)
        return; /* it never was opened */
    store_close(home->image);
    if (home->stage == HOME_OPEN)
        store_close(home->store);
    if (home->lock >= 0)
        (void)close(home->lock); /* which gives the lock back */
    home->lock = -1;
    home->image = NULL;
    home->store = &home->shut;
    home->stage = HOME_WAITING;
}
