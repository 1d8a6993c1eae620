/* The store's twin in memory: three ordered maps, for unit tests and the simulator.
 *
 * Each map is a treap (Seidel, Aragon 1996) whose priorities are hashes of the keys, so
 * its shape depends on its contents alone.  Writes can be made to fail, see store_mem_fault, and
 * the power to fail, see store_mem_cut. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "core/store.h"

struct entry {
    struct entry *left, *right;
    uint64_t priority;
    size_t key_len, value_len;
    uint8_t at[]; /* the key, then the value */
};

/* What a change replaced that is not synced yet. */
struct undo {
    enum store_space space;
    size_t batch;      /* counted since the last synced one */
    struct entry *was; /* a copy; of the key alone where nothing was there */
    bool was_there;
};

struct store_mem {
    struct store base;
    struct entry *root[STORE_SPACES];
    struct undo *undos;
    size_t n_undos, undos_cap, n_unsynced; /* n_unsynced: batches */
    unsigned fault_countdown, fault_repeat;
    unsigned n_of_sync; /* of the faults to come */
    enum store_trouble ailing;
};

static struct bytes entry_key(const struct entry *e)
{
    return (struct bytes){e->at, e->key_len};
}

static struct bytes entry_value(const struct entry *e)
{
    return (struct bytes){e->at + e->key_len, e->value_len};
}

static struct entry *entry_new(struct bytes key, struct bytes value)
{
    struct entry *e = malloc(sizeof(*e) + key.len + value.len);
    if (!e)
        return NULL;
    *e = (struct entry){
        .key_len = key.len, .value_len = value.len, .priority = hash64(key, 0)};
    if (key.len)
        memcpy(e->at, key.at, key.len);
    if (value.len)
        memcpy(e->at + key.len, value.at, value.len);
    return e;
}

static struct entry *merge(struct entry *left, struct entry *right)
{
    if (!left || !right)
        return left ? left : right;
    if (left->priority >= right->priority) {
        left->right = merge(left->right, right);
        return left;
    }
    right->left = merge(left, right->left);
    return right;
}

/* Cut `root` into the keys below `key` and those above; the one that is equal is
 * returned. */
static struct entry *split(struct entry *root, struct bytes key, struct entry **left,
                           struct entry **right)
{
    if (!root) {
        *left = *right = NULL;
        return NULL;
    }
    int order = bytes_compare(entry_key(root), key);
    if (order == 0) {
        *left = root->left;
        *right = root->right;
        return root;
    }
    struct entry *equal;
    if (order < 0) {
        equal = split(root->right, key, &root->right, right);
        *left = root;
    } else {
        equal = split(root->left, key, left, &root->left);
        *right = root;
    }
    return equal;
}

/* `fresh` is the entry to put under `key`, or NULL to delete what is there. */
static void replace(struct entry **root, struct bytes key, struct entry *fresh)
{
    struct entry *left, *right;
    free(split(*root, key, &left, &right));
    *root = merge(merge(left, fresh), right);
}

static const struct entry *find(const struct store_mem *m, enum store_space space,
                                struct bytes key)
{
    const struct entry *e = m->root[space];
    int order = 0;
    while (e && (order = bytes_compare(key, entry_key(e))) != 0)
        e = order < 0 ? e->left : e->right;
    return e;
}

/* ---- what a power cut takes ---- */

static void forget_undos(struct store_mem *m)
{
    while (m->n_undos > 0)
        free(m->undos[--m->n_undos].was);
    m->n_unsynced = 0;
}

static bool note_undo(struct store_mem *m, const struct store_change *change)
{
    if (m->n_undos == m->undos_cap) {
        size_t cap = m->undos_cap ? 2 * m->undos_cap : 16;
        struct undo *grown = realloc(m->undos, cap * sizeof(*grown));
        if (!grown)
            return false;
        m->undos = grown;
        m->undos_cap = cap;
    }
    const struct entry *old = find(m, change->space, change->key);
    struct entry *was = entry_new(change->key, old ? entry_value(old) : (struct bytes){0});
    if (!was)
        return false;
    m->undos[m->n_undos++] = (struct undo){change->space, m->n_unsynced, was, old != NULL};
    return true;
}

/* False when out of memory: then none of them is noted. */
static bool note_batch(struct store_mem *m, const struct store_change *changes, size_t n)
{
    size_t before = m->n_undos;
    for (size_t i = 0; i < n; i++) {
        if (note_undo(m, &changes[i]))
            continue;
        while (m->n_undos > before)
            free(m->undos[--m->n_undos].was);
        return false;
    }
    m->n_unsynced++;
    return true;
}

size_t store_mem_unsynced(const struct store *s)
{
    return ((const struct store_mem *)s)->n_unsynced;
}

void store_mem_cut(struct store *s, size_t n_kept)
{
    struct store_mem *m = (struct store_mem *)s;
    while (m->n_undos > 0 && m->undos[m->n_undos - 1].batch >= n_kept) {
        struct undo *u = &m->undos[--m->n_undos];
        /* The copy becomes the entry; of what was not there it is but the key. */
        replace(&m->root[u->space], entry_key(u->was), u->was_there ? u->was : NULL);
        if (!u->was_there)
            free(u->was);
    }
    forget_undos(m); /* what is kept is on the disk */
}

/* Whether this write is the one that a test wants to see fail. */
static bool fault_takes(struct store_mem *m)
{
    if (m->fault_repeat == 0)
        return false;
    if (m->fault_countdown > 0) {
        m->fault_countdown--;
        return false;
    }
    m->fault_repeat--;
    return true;
}

static int mem_write(struct store *s, const struct store_change *changes, size_t n,
                     bool is_synced, struct err *err)
{
    struct store_mem *m = (struct store_mem *)s;
    if (m->ailing == STORE_NO_SPACE)
        return err_set(err, -ENOSPC, "no space left, as the test wants it");
    if (m->ailing == STORE_FAILING)
        return err_set(err, ERR_STORE, "the disk fails, as the test wants it");
    bool fails = fault_takes(m), is_unsure = fails && is_synced && m->n_of_sync > 0;
    if (fails && !is_unsure)
        return err_set(err, ERR_STORE, "injected fault");
    m->n_of_sync -= is_unsure;
    struct entry **fresh = calloc(n ? n : 1, sizeof(struct entry *));
    if (!fresh)
        return err_set(err, -ENOMEM, "%s", err_text(-ENOMEM));
    for (size_t i = 0; i < n; i++) {
        if (!changes[i].value.at)
            continue;
        fresh[i] = entry_new(changes[i].key, changes[i].value);
        if (fresh[i])
            continue;
        while (i-- > 0)
            free(fresh[i]);
        free(fresh);
        return err_set(err, -ENOMEM, "%s", err_text(-ENOMEM));
    }
    bool is_lazy = !is_synced || is_unsure;
    if (is_lazy && !note_batch(m, changes, n)) {
        for (size_t i = 0; i < n; i++)
            free(fresh[i]);
        free(fresh);
        return err_set(err, -ENOMEM, "%s", err_text(-ENOMEM));
    }
    for (size_t i = 0; i < n; i++)
        replace(&m->root[changes[i].space], changes[i].key, fresh[i]);
    free(fresh);
    if (!is_lazy)
        forget_undos(m);
    return is_unsure ? err_set(err, ERR_UNSURE, "injected fault of a sync") : 0;
}

static int mem_read(struct store *s, enum store_space space, struct bytes key,
                    uint8_t **ret_value, size_t *ret_len, struct err *err)
{
    const struct entry *e = find((struct store_mem *)s, space, key);
    if (!e)
        return err_set(err, ERR_NOT_FOUND, "%s", err_text(ERR_NOT_FOUND));
    uint8_t *copy = malloc(e->value_len + 1); /* +1: an empty value is not NULL */
    if (!copy)
        return err_set(err, -ENOMEM, "%s", err_text(-ENOMEM));
    memcpy(copy, entry_value(e).at, e->value_len);
    *ret_value = copy;
    *ret_len = e->value_len;
    return 0;
}

static int walk(const struct entry *e, struct bytes prefix,
                int (*visit)(void *ctx, struct bytes key, struct bytes value), void *ctx)
{
    for (; e; e = e->right) {
        bool is_inside = bytes_start_with(entry_key(e), prefix);
        if (!is_inside && bytes_compare(entry_key(e), prefix) < 0)
            continue;
        int result = walk(e->left, prefix, visit, ctx);
        if (result == 0 && is_inside)
            result = visit(ctx, entry_key(e), entry_value(e));
        if (result != 0 || !is_inside)
            return result;
    }
    return 0;
}

static int mem_each(struct store *s, enum store_space space, struct bytes prefix,
                    int (*visit)(void *ctx, struct bytes key, struct bytes value),
                    void *ctx, struct err *err)
{
    (void)err; /* nothing here can fail but the visitor, who has his own words */
    return walk(((struct store_mem *)s)->root[space], prefix, visit, ctx);
}

static void tree_free(struct entry *e)
{
    if (!e)
        return;
    tree_free(e->left);
    tree_free(e->right);
    free(e);
}

static enum store_trouble mem_trouble(struct store *s, bool *ret_is_spent)
{
    *ret_is_spent = false;
    return ((struct store_mem *)s)->ailing;
}

static void mem_close(struct store *s)
{
    struct store_mem *m = (struct store_mem *)s;
    for (size_t i = 0; i < STORE_SPACES; i++)
        tree_free(m->root[i]);
    forget_undos(m);
    free(m->undos);
    free(m);
}

struct store *store_mem_new(void)
{
    static const struct store_ops ops = {.write = mem_write,
                                         .read = mem_read,
                                         .each = mem_each,
                                         .trouble = mem_trouble,
                                         .close = mem_close};
    struct store_mem *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    m->base.ops = &ops;
    return &m->base;
}

void store_mem_fault(struct store *s, unsigned countdown, unsigned repeat)
{
    struct store_mem *m = (struct store_mem *)s;
    m->fault_countdown = countdown;
    m->fault_repeat = repeat;
}

void store_mem_fault_sync(struct store *s, unsigned n)
{
    ((struct store_mem *)s)->n_of_sync = n;
}

void store_mem_ail(struct store *s, enum store_trouble trouble)
{
    ((struct store_mem *)s)->ailing = trouble;
}
