/* The table.  Merging takes a maximum, so any order, loss or repetition of messages ends
 * in the same table; digest and bucket hashes are kept up to date by XOR with every
 * change. */
#include "gossip/table/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/hash.h"
#include "gossip/table/cell.h"

struct table_views {
    size_t next;
    struct table_view at[TABLE_VIEWS];
};

int table_init(struct table *t)
{
    *t = (struct table){.free_cell = HANDLE_NONE,
                        .free_author = HANDLE_NONE,
                        .last_author = HANDLE_NONE,
                        .entries_max = TABLE_ENTRIES_MAX,
                        .bytes_max = TABLE_BYTES_MAX};
    bodies_init(&t->bodies);
    handles_init(&t->by_hash, cell_tag, cell_match, t);
    handles_init(&t->by_author, author_tag, author_match, t);
    sorted_init(&t->by_key, cell_compare_key, t);
    sorted_init(&t->by_number, cell_compare_number, t);
    t->views = calloc(1, sizeof(*t->views));
    return t->views ? 0 : -ENOMEM;
}

void table_fini(struct table *t)
{
    sorted_fini(&t->by_key);
    sorted_fini(&t->by_number);
    handles_fini(&t->by_hash);
    handles_fini(&t->by_author);
    bodies_fini(&t->bodies);
    free(t->cells);
    free(t->authors);
    free(t->views);
    *t = (struct table){0};
}

/* ---- kinds and checks ---- */

enum entry_kind table_kind(struct bytes key)
{
    unsigned prefix;
    return cell_row_prefix(key, &prefix) ? ENTRY_ROW : ENTRY_RECORD;
}

int table_check(const struct entry *e)
{
    if (e->key.len == 0 || e->key.len > KEY_LEN_MAX)
        return ERR_BOUND;
    bool is_spec = bytes_start_with(e->key, bytes_of_text("spec/"));
    if (e->value.len > (size_t)(is_spec ? SPEC_LEN_MAX : ENTRY_LEN_MAX))
        return ERR_BOUND;
    if (e->number == 0 || node_id_is_zero(e->writer))
        return ERR_INVALID;
    unsigned kind;
    size_t prefix = cell_row_prefix(e->key, &kind), digits = NODE_ID_TEXT - 1;
    if (prefix == 0)
        return 0;
    /* The digits of a thing have one spelling, so that its key has one, too. */
    char owner[NODE_ID_TEXT];
    bool is_whole = e->key.len == prefix + digits ||
                    (e->key.len > prefix + digits && e->key.at[prefix + digits] == '/');
    return is_whole &&
                   memcmp(e->key.at + prefix, node_id_text(e->writer, owner), digits) == 0
               ? 0
               : ERR_INVALID;
}

static uint64_t value_hash(const struct entry *e)
{
    return e->value.at ? hash64(e->value, 0) : 0;
}

int entry_compare(const struct entry *a, const struct entry *b)
{
    int order = entry_compare_version(a, b);
    bool is_same = !a->value.at == !b->value.at && bytes_equal(a->value, b->value);
    if (order != 0 || is_same)
        return order;
    return value_hash(a) < value_hash(b) ? -1 : 1;
}

int entry_compare_version(const struct entry *a, const struct entry *b)
{
    if (a->kind == ENTRY_RECORD) {
        if (a->generation != b->generation)
            return a->generation < b->generation ? -1 : 1;
        if (a->stamp != b->stamp)
            return a->stamp < b->stamp ? -1 : 1;
        int order = node_id_compare(a->writer, b->writer);
        if (order != 0)
            return order;
    }
    if (a->epoch != b->epoch)
        return a->epoch < b->epoch ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

/* ---- hashes ---- */

uint64_t entry_hash(const struct entry *e)
{
    uint64_t h = hash64(BYTES_OF(e->writer), e->number);
    h = hash_mix(h, e->epoch);
    if (e->kind == ENTRY_RECORD)
        h = hash_mix(hash_mix(h, e->generation), e->stamp);
    h = hash_mix(h, value_hash(e));
    return hash64(e->key, h);
}

static uint32_t tag_of(struct bytes key)
{
    return (uint32_t)(hash64(key, 0) >> 32);
}

uint32_t table_bucket(struct bytes key)
{
    return tag_of(key) >> (32 - TABLE_BUCKET_BITS);
}

uint32_t table_part(struct bytes key)
{
    return tag_of(key) << TABLE_BUCKET_BITS >> (32 - TABLE_PART_BITS);
}

static void count(struct table *t, uint32_t id, const struct entry *e, bool is_added)
{
    size_t size = sizeof(struct cell) + e->key.len + (e->value.at ? e->value.len : 0);
    uint64_t hash = entry_hash(e);
    t->hashes[t->cells[id].tag >> (32 - TABLE_BUCKET_BITS)] ^= hash;
    t->digest ^= hash;
    t->graves ^= bytes_start_with(e->key, bytes_of_text("grave/")) ? hash : 0;
    t->n_bytes += is_added ? size : 0 - size;
    t->n_live += is_added ? e->value.at != NULL : 0 - (size_t)(e->value.at != NULL);
}

/* ---- changes ---- */

static struct number_probe number_of(const struct entry *e)
{
    return (struct number_probe){e->writer, e->epoch, e->number, e->key};
}

static void moved(void *ctx, uint32_t owner, uint32_t to)
{
    ((struct table *)ctx)->cells[owner].body = to;
}

/* Take an entry out of everything that tells its versions apart; its key stays. */
static void drop_version(struct table *t, uint32_t id, const struct entry *e)
{
    struct number_probe probe = number_of(e);
    sorted_remove(&t->by_number, &probe);
    count(t, id, e, false);
    bodies_free(&t->bodies, t->cells[id].body);
    author_release(t, t->cells[id].author);
}

static int add_key(struct table *t, uint32_t id, const struct entry *e)
{
    struct number_probe probe = number_of(e);
    if (sorted_insert(&t->by_key, &e->key, id) < 0)
        return -ENOMEM;
    if (sorted_insert(&t->by_number, &probe, id) == 0) {
        if (handles_add(&t->by_hash, id) == 0)
            return 0;
        sorted_remove(&t->by_number, &probe);
    }
    sorted_remove(&t->by_key, &e->key);
    return -ENOMEM;
}

static int add(struct table *t, const struct entry *e)
{
    uint32_t author = author_take(t, e->writer, e->epoch);
    uint32_t id = author == HANDLE_NONE ? HANDLE_NONE : cell_take(t);
    if (id == HANDLE_NONE)
        goto fail_author;
    if (!cell_fill(t, id, author, e))
        goto fail_cell;
    if (add_key(t, id, e) < 0)
        goto fail_body;
    count(t, id, e, true);
    return 0;

fail_body:
    bodies_free(&t->bodies, t->cells[id].body);
fail_cell:
    cell_release(t, id);
fail_author:
    if (author != HANDLE_NONE)
        author_release(t, author);
    return -ENOMEM;
}

static void remove_cell(struct table *t, uint32_t id, const struct entry *e)
{
    sorted_remove(&t->by_key, &e->key);
    handles_remove(&t->by_hash, id);
    drop_version(t, id, e);
    cell_release(t, id);
}

/* The new version takes the old one's cell.  `e` may point into the table, so the old
 * bytes stay until the new ones are there. */
static int replace(struct table *t, uint32_t id, const struct entry *old,
                   const struct entry *e)
{
    struct cell was = t->cells[id];
    struct number_probe before = number_of(old), after = number_of(e);
    uint32_t author = author_take(t, e->writer, e->epoch);
    if (author == HANDLE_NONE)
        return -ENOMEM;
    sorted_remove(&t->by_number, &before);
    count(t, id, old, false);
    bool is_filled = cell_fill(t, id, author, e);
    if (!is_filled || sorted_insert(&t->by_number, &after, id) < 0) {
        if (is_filled)
            bodies_free(&t->bodies, t->cells[id].body);
        t->cells[id] = was;
        author_release(t, author);
        (void)sorted_insert(&t->by_number, &before, id);
        count(t, id, old, true);
        return -ENOMEM;
    }
    count(t, id, e, true);
    bodies_free(&t->bodies, was.body);
    author_release(t, was.author);
    return 0;
}

/* Two writers that did not know of each other, and did not write the same. */
static bool is_conflict(const struct entry *a, const struct entry *b)
{
    return a->kind == ENTRY_RECORD && a->generation == b->generation &&
           (a->stamp != b->stamp || !node_id_equal(a->writer, b->writer)) &&
           (!a->value.at != !b->value.at || !bytes_equal(a->value, b->value));
}

static size_t size_of(const struct entry *e)
{
    return sizeof(struct cell) + e->key.len + e->value.len;
}

int table_grow(const struct table *t, const struct entry *e, struct table_growth *growth)
{
    struct entry old;
    bool is_known = table_find(t, e->key, &old);
    size_t n = growth->n + !is_known;
    ptrdiff_t bytes = growth->bytes + (ptrdiff_t)size_of(e);
    if (is_known)
        bytes -= (ptrdiff_t)size_of(&old);
    if ((!is_known && t->by_key.n + n > t->entries_max) ||
        (ptrdiff_t)t->n_bytes + bytes > (ptrdiff_t)t->bytes_max)
        return ERR_BOUND;
    *growth = (struct table_growth){n, bytes};
    return 0;
}

int table_merge(struct table *t, const struct entry *e, struct node_id *ret_loser)
{
    struct entry old = {0};
    uint32_t id = handles_find(&t->by_hash, tag_of(e->key), &e->key);
    bool is_known = id != HANDLE_NONE;
    if (is_known)
        cell_read(t, id, e->key, &old);
    int order = is_known ? entry_compare(e, &old) : 1;
    bool has_conflict = is_known && order != 0 && is_conflict(e, &old);
    if (has_conflict && ret_loser)
        *ret_loser = order < 0 ? e->writer : old.writer;
    if (order <= 0)
        return has_conflict ? MERGE_LOST : MERGE_STALE;
    size_t freed = is_known ? size_of(&old) : 0;
    if ((!is_known && t->by_key.n >= t->entries_max) ||
        t->n_bytes - freed + size_of(e) > t->bytes_max)
        return ERR_BOUND;
    if ((is_known ? replace(t, id, &old, e) : add(t, e)) < 0)
        return -ENOMEM;
    bodies_clean(&t->bodies, moved, t);
    return has_conflict ? MERGE_REPLACED : MERGE_NEW;
}

void table_remove(struct table *t, struct bytes key)
{
    uint32_t id = handles_find(&t->by_hash, tag_of(key), &key);
    struct entry e;
    if (id == HANDLE_NONE)
        return;
    cell_read(t, id, key, &e);
    remove_cell(t, id, &e);
    bodies_clean(&t->bodies, moved, t);
}

/* ---- reading ---- */

bool table_find(const struct table *t, struct bytes key, struct entry *ret_entry)
{
    uint32_t id = handles_find(&t->by_hash, tag_of(key), &key);
    if (id == HANDLE_NONE)
        return false;
    cell_read(t, id, key, ret_entry);
    return true;
}

const struct entry *table_get(const struct table *t, struct bytes key)
{
    struct entry e;
    if (!table_find(t, key, &e) || !e.value.at)
        return NULL;
    struct table_view *view = &t->views->at[t->views->next++ % TABLE_VIEWS];
    memcpy(view->key, key.at, key.len);
    view->entry = e;
    view->entry.key.at = view->key;
    return &view->entry;
}

void table_from(const struct table *t, struct node_id writer, uint64_t epoch,
                uint64_t number, struct table_walk *ret_walk)
{
    struct number_probe probe = {.writer = writer, .epoch = epoch, .number = number};
    ret_walk->sorted = &t->by_number;
    ret_walk->at = sorted_at_least(&t->by_number, &probe);
}

void table_from_key(const struct table *t, struct bytes key, struct table_walk *ret_walk)
{
    ret_walk->sorted = &t->by_key;
    ret_walk->at = sorted_at_least(&t->by_key, &key);
}

bool table_next(const struct table *t, struct table_walk *w, struct entry *ret_entry)
{
    uint32_t id;
    if (!sorted_next(w->sorted, &w->at, &id))
        return false;
    cell_read(t, id, cell_key(t, id, w->key), ret_entry);
    return true;
}

bool table_bucket_next(const struct table *t, unsigned bucket, size_t *place,
                       struct table_walk *w, struct entry *ret_entry)
{
    uint32_t tag = (uint32_t)bucket << (32 - TABLE_BUCKET_BITS);
    if (*place == 0)
        *place = handles_first(&t->by_hash, tag);
    uint32_t id = handles_walk(&t->by_hash, tag, TABLE_BUCKET_BITS, place);
    if (id == HANDLE_NONE)
        return false;
    cell_read(t, id, cell_key(t, id, w->key), ret_entry);
    return true;
}

int table_each(const struct table *t, struct bytes prefix,
               int (*visit)(void *ctx, const struct entry *e), void *ctx)
{
    struct table_walk walk;
    struct entry e;
    table_from_key(t, prefix, &walk);
    while (table_next(t, &walk, &e) && bytes_start_with(e.key, prefix)) {
        int stop = e.value.at ? visit(ctx, &e) : 0;
        if (stop != 0)
            return stop;
    }
    return 0;
}

size_t table_size(const struct table *t)
{
    return t->by_key.n;
}

unsigned table_percent(const struct table *t)
{
    unsigned entries = (unsigned)(100 * t->by_key.n / t->entries_max);
    unsigned bytes = (unsigned)(100 * t->n_bytes / t->bytes_max);
    return entries > bytes ? entries : bytes;
}

size_t table_count(const struct table *t)
{
    return t->n_live;
}

uint64_t table_digest(const struct table *t)
{
    return t->digest;
}
