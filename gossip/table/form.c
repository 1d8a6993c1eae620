/* Turning an older store.  See form.h.
 *
 * The new key of one variable may be the old key of another: "a" moves to where "default/a" was.  So
 * names that begin with "default/" most often move first, and each batch says in the store which have
 * still to move: their places are empty by then. */
#include "gossip/table/form.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/bounds.h"
#include "gossip/table/stored.h"

enum {
    FORM = 2,
    KEY_LEN_MAX_1 = 256,   /* of form 1 */
    BATCH_BYTES = 4 << 20, /* as much as is kept free for the store's own writes */
    DEPTHS_MAX =
        KEY_LEN_MAX_1 / 8, /* "default/" is 8 bytes, and a place stands before it */
};

static const char form_key[] = "form", stale_key[] = "stale/";
static const char *const places[] = {"var/", "lost/var/"};
enum { PLACES = sizeof(places) / sizeof(places[0]) };

/* ---- one entry ---- */

static const struct bytes inserted = {(const uint8_t *)"default/", 8};

/* How often `name` begins with "default/". */
static unsigned depth_of(struct bytes name)
{
    unsigned depth = 0;
    while (bytes_start_with(name, inserted)) {
        name = (struct bytes){name.at + inserted.len, name.len - inserted.len};
        depth++;
    }
    return depth;
}

/* The length of the place in front of a variable's name; 0: this key has none. */
static size_t place_len(struct bytes key)
{
    for (size_t i = 0; i < PLACES; i++)
        if (bytes_start_with(key, bytes_of_text(places[i])))
            return strlen(places[i]);
    return 0;
}

static struct bytes name_of(struct bytes key)
{
    size_t place = place_len(key);
    return (struct bytes){key.at + place, key.len - place};
}

static int turn_entry(struct bytes *key, struct bytes *value, struct arena *arena)
{
    uint8_t turned[KEY_LEN_MAX];
    struct entry e;
    size_t place = place_len(*key);
    if (key->len > KEY_LEN_MAX_1 || stored_entry_decode(*key, *value, &e) < 0)
        return ERR_DAMAGED;
    struct writer w = writer_of(turned, sizeof(turned));
    writer_put(&w, key->at, place);
    writer_bytes(&w, inserted);
    writer_bytes(&w, name_of(*key));
    e.key = arena_bytes(arena, writer_done(&w));
    struct bytes stored = stored_entry_encode(&e, arena);
    if (!e.key.at || !stored.at)
        return -ENOMEM;
    *key = e.key;
    *value = stored;
    return 0;
}

/* The buckets of a table hold other variables now: what was stale in some is in all. */
static int turn_stale(struct bytes *value, struct arena *arena)
{
    uint64_t words[2];
    if (stored_number_decode(*value, &words[0], &words[1]) < 0)
        return ERR_DAMAGED;
    struct bytes all = stored_number_encode(UINT64_MAX, UINT64_MAX, arena);
    if (!all.at)
        return -ENOMEM;
    *value = words[0] | words[1] ? all : *value;
    return 0;
}

int form_apply(const struct form *form, enum store_space space, struct bytes *key,
               struct bytes *value, struct arena *arena)
{
    if (form->depths_left == 0)
        return 0;
    if (space == STORE_LOCAL && bytes_equal(*key, bytes_of_text(stale_key)))
        return turn_stale(value, arena);
    if (space != STORE_TABLE || place_len(*key) == 0 ||
        depth_of(name_of(*key)) >= form->depths_left)
        return 0;
    return turn_entry(key, value, arena);
}

/* ---- the number ---- */

int form_read(struct store *s, struct form *ret_form, struct err *err)
{
    uint8_t *value;
    size_t len;
    uint64_t number, left;
    int status = store_read(s, STORE_LOCAL, bytes_of_text(form_key), &value, &len, err);
    if (status == ERR_NOT_FOUND) { /* form 1 has no number */
        ret_form->depths_left = DEPTHS_MAX;
        return 0;
    }
    if (status < 0)
        return status;
    status = stored_number_decode((struct bytes){value, len}, &number, &left);
    free(value);
    if (status < 0)
        return err_set(err, ERR_DAMAGED, "the store's form is damaged");
    if (number > FORM)
        return err_set(err, ERR_UNSUPPORTED,
                       "the store is of form %llu, which a newer version has written; "
                       "this one reads forms 1 and 2: start that version again",
                       (unsigned long long)number);
    if (number < FORM || left > DEPTHS_MAX)
        return err_set(err, ERR_DAMAGED, "the store's form is damaged");
    ret_form->depths_left = left;
    return 0;
}

/* ---- the whole store ---- */

struct turn {
    struct store *store;
    struct form to; /* after the batch */
    struct arena arena;
    struct store_change *changes;
    size_t n, cap, n_bytes;
    struct err *err;
};

static int add(struct turn *t, enum store_space space, struct bytes key,
               struct bytes value)
{
    int status =
        arena_grow(&t->arena, (void **)&t->changes, t->n, &t->cap, sizeof(*t->changes));
    if (status == 0)
        t->changes[t->n++] = (struct store_change){space, key, value};
    return status;
}

static int write_batch(struct turn *t)
{
    struct bytes value = stored_number_encode(FORM, t->to.depths_left, &t->arena);
    int status = value.at ? add(t, STORE_LOCAL, bytes_of_text(form_key), value) : -ENOMEM;
    if (status < 0)
        return err_set(t->err, status, "turning the store: %s", err_text(status));
    status = store_write(t->store, t->changes, t->n, true, t->err);
    arena_clear(&t->arena);
    t->changes = NULL;
    t->n = t->cap = t->n_bytes = 0;
    return status;
}

enum { BATCH_IS_FULL = 1 };

static int collect(void *ctx, struct bytes key, struct bytes value)
{
    struct turn *t = ctx;
    if (depth_of(name_of(key)) + 1 != t->to.depths_left)
        return 0; /* it has moved already */
    struct bytes old = arena_bytes(&t->arena, key);
    int status = old.at ? turn_entry(&key, &value, &t->arena) : -ENOMEM;
    if (status == 0)
        status = add(t, STORE_TABLE, old, (struct bytes){0});
    if (status == 0)
        status = add(t, STORE_TABLE, key, value);
    if (status < 0)
        return err_set(t->err, status, "turning the store: %s", err_text(status));
    t->n_bytes += 2 * key.len + value.len;
    return t->n_bytes >= BATCH_BYTES ? BATCH_IS_FULL : 0;
}

/* Those of one place and depth. */
static int turn_some(struct turn *t, const char *place, uint64_t depth)
{
    uint8_t text[KEY_LEN_MAX + 16];
    struct writer w = writer_of(text, sizeof(text));
    int status = BATCH_IS_FULL;
    writer_bytes(&w, bytes_of_text(place));
    for (uint64_t i = 0; i < depth; i++)
        writer_bytes(&w, inserted);
    while (status == BATCH_IS_FULL) {
        status = store_each(t->store, STORE_TABLE, writer_done(&w), collect, t, t->err);
        int written = status >= 0 && t->n > 0 ? write_batch(t) : 0;
        if (written < 0)
            status = written;
    }
    return status;
}

/* Nothing is left to move. */
static int turn_last(struct turn *t)
{
    uint8_t *read;
    size_t len;
    struct bytes key = bytes_of_text(stale_key);
    t->to.depths_left = 0;
    int status = store_read(t->store, STORE_LOCAL, key, &read, &len, t->err);
    if (status < 0 && status != ERR_NOT_FOUND)
        return status;
    if (status == 0) {
        struct bytes value = {read, len};
        status = turn_stale(&value, &t->arena);
        if (status == 0)
            status = add(t, STORE_LOCAL, key, arena_bytes(&t->arena, value));
        free(read);
        if (status < 0)
            return err_set(t->err, status, "turning the store: %s", err_text(status));
    }
    return write_batch(t);
}

int form_turn(struct store *s, struct err *err)
{
    struct turn t = {.store = s, .err = err};
    int status = form_read(s, &t.to, err);
    if (status < 0 || t.to.depths_left == 0)
        return status;
    arena_init(&t.arena, 0);
    for (uint64_t depth = t.to.depths_left; status == 0 && depth-- > 0;) {
        t.to.depths_left = depth + 1;
        for (size_t i = 0; status == 0 && i < PLACES; i++)
            status = turn_some(&t, places[i], depth);
    }
    if (status == 0)
        status = turn_last(&t);
    arena_fini(&t.arena);
    return status;
}
