/* The table.  Merging takes a maximum, so any order, loss or repetition of messages ends
 * in the same table; digest and bucket hashes are kept up to date by XOR with every
 * change. */
#include "gossip/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/hash.h"

static int compare_keys(const void *a, const void *b)
{
    const struct slot *left = a, *right = b;
    return bytes_compare(left->entry.key, right->entry.key);
}

static int compare_numbers(const void *a, const void *b)
{
    const struct entry *left = &((const struct slot *)a)->entry;
    const struct entry *right = &((const struct slot *)b)->entry;
    int order = node_id_compare(left->writer, right->writer);
    if (order == 0 && left->epoch != right->epoch)
        order = left->epoch < right->epoch ? -1 : 1;
    if (order == 0 && left->number != right->number)
        order = left->number < right->number ? -1 : 1;
    /* A hostile writer may give one number to two keys; both must be held apart. */
    return order ? order : bytes_compare(left->key, right->key);
}

int table_init(struct table *t, uint64_t seed)
{
    *t = (struct table){0};
    int err = skip_init(&t->by_key, compare_keys, seed);
    return err < 0 ? err : skip_init(&t->by_number, compare_numbers, seed + 1);
}

void table_fini(struct table *t)
{
    for (struct skip_node *node = t->by_key.head ? t->by_key.head->next[0] : NULL; node;
         node = node->next[0])
        free(node->item);
    skip_fini(&t->by_key);
    skip_fini(&t->by_number);
    *t = (struct table){0};
}

/* ---- kinds and checks ---- */

static const char *const row_prefixes[] = {"node/", "claim/", "done/", "refuse/"};

static size_t row_prefix(struct bytes key)
{
    for (size_t i = 0; i < sizeof(row_prefixes) / sizeof(row_prefixes[0]); i++) {
        struct bytes prefix = bytes_of_text(row_prefixes[i]);
        if (bytes_start_with(key, prefix))
            return prefix.len;
    }
    return 0;
}

enum entry_kind table_kind(struct bytes key)
{
    return row_prefix(key) ? ENTRY_ROW : ENTRY_RECORD;
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
    size_t prefix = row_prefix(e->key);
    if (prefix == 0)
        return 0;
    size_t digits = NODE_ID_TEXT - 1;
    struct node_id owner;
    if (e->key.len < prefix + digits ||
        (e->key.len > prefix + digits && e->key.at[prefix + digits] != '/') ||
        node_id_parse((struct bytes){e->key.at + prefix, digits}, &owner) < 0)
        return ERR_INVALID;
    return node_id_equal(owner, e->writer) ? 0 : ERR_INVALID;
}

int entry_compare(const struct entry *a, const struct entry *b)
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

static uint64_t version_hash(const struct entry *e)
{
    uint64_t h = hash64(BYTES_OF(e->writer), e->number);
    h = hash_mix(h, e->epoch);
    if (e->kind == ENTRY_RECORD)
        h = hash_mix(hash_mix(h, e->generation), e->stamp);
    return hash64(e->key, h);
}

static void bucket_link(struct table *t, struct slot *slot)
{
    struct slot **head = &t->buckets[slot->bucket];
    slot->bucket_prev = NULL;
    slot->bucket_next = *head;
    if (*head)
        (*head)->bucket_prev = slot;
    *head = slot;
    t->hashes[slot->bucket] ^= slot->hash;
    t->digest ^= slot->hash;
}

static void bucket_unlink(struct table *t, struct slot *slot)
{
    if (slot->bucket_prev)
        slot->bucket_prev->bucket_next = slot->bucket_next;
    else
        t->buckets[slot->bucket] = slot->bucket_next;
    if (slot->bucket_next)
        slot->bucket_next->bucket_prev = slot->bucket_prev;
    t->hashes[slot->bucket] ^= slot->hash;
    t->digest ^= slot->hash;
}

/* ---- changes ---- */

static size_t slot_size(const struct entry *e)
{
    return sizeof(struct slot) + e->key.len + (e->value.at ? e->value.len + 1 : 0);
}

static struct slot *slot_new(const struct entry *e)
{
    struct slot *slot = calloc(1, slot_size(e));
    if (!slot)
        return NULL;
    uint8_t *at = (uint8_t *)(slot + 1);
    slot->entry = *e;
    memcpy(at, e->key.at, e->key.len);
    slot->entry.key.at = at;
    if (e->value.at) {
        /* One byte more than its length, so that an empty value has an address too. */
        if (e->value.len)
            memcpy(at + e->key.len, e->value.at, e->value.len);
        slot->entry.value.at = at + e->key.len;
    }
    slot->hash = version_hash(e);
    slot->bucket = (uint8_t)(hash64(e->key, 0) >> 57);
    return slot;
}

static void slot_drop(struct table *t, struct slot *slot)
{
    skip_remove(&t->by_key, slot);
    skip_remove(&t->by_number, slot);
    bucket_unlink(t, slot);
    t->n_live -= slot->entry.value.at != NULL;
    t->n_bytes -= slot_size(&slot->entry);
    free(slot);
}

static int slot_add(struct table *t, struct slot *slot)
{
    if (skip_insert(&t->by_key, slot) < 0)
        return -ENOMEM;
    if (skip_insert(&t->by_number, slot) < 0) {
        skip_remove(&t->by_key, slot);
        return -ENOMEM;
    }
    bucket_link(t, slot);
    t->n_live += slot->entry.value.at != NULL;
    t->n_bytes += slot_size(&slot->entry);
    return 0;
}

/* Two writers that did not know of each other, and did not write the same. */
static bool is_conflict(const struct entry *a, const struct entry *b)
{
    return a->kind == ENTRY_RECORD && a->generation == b->generation &&
           (a->stamp != b->stamp || !node_id_equal(a->writer, b->writer)) &&
           (!a->value.at != !b->value.at || !bytes_equal(a->value, b->value));
}

int table_merge(struct table *t, const struct entry *e, struct node_id *ret_loser,
                struct seen_number *ret_before)
{
    struct slot *old = skip_find(&t->by_key, &(struct slot){.entry = *e});
    int order = old ? entry_compare(e, &old->entry) : 1;
    bool has_conflict = old && order != 0 && is_conflict(e, &old->entry);
    if (has_conflict && ret_loser)
        *ret_loser = order < 0 ? e->writer : old->entry.writer;
    if (order <= 0)
        return has_conflict ? MERGE_LOST : MERGE_STALE;
    size_t freed = old ? slot_size(&old->entry) : 0;
    if ((!old && t->by_key.n >= TABLE_ENTRIES_MAX) ||
        t->n_bytes - freed + slot_size(e) > TABLE_BYTES_MAX)
        return ERR_BOUND;
    struct slot *slot = slot_new(e);
    if (!slot)
        return -ENOMEM;
    struct seen_number before = {0};
    if (old) {
        before =
            (struct seen_number){old->entry.writer, old->entry.epoch, old->entry.number};
        slot_drop(t, old);
    }
    if (slot_add(t, slot) < 0) {
        free(slot);
        return -ENOMEM;
    }
    if (ret_before)
        *ret_before = before;
    return has_conflict ? MERGE_REPLACED : MERGE_NEW;
}

void table_remove(struct table *t, struct bytes key)
{
    struct slot *slot = skip_find(&t->by_key, &(struct slot){.entry.key = key});
    if (slot)
        slot_drop(t, slot);
}

/* ---- reading ---- */

const struct slot *table_slot(const struct table *t, struct bytes key)
{
    return skip_find(&t->by_key, &(struct slot){.entry.key = key});
}

struct skip_node *table_from(const struct table *t, struct node_id writer, uint64_t epoch,
                             uint64_t number)
{
    struct slot probe = {.entry = {.writer = writer, .epoch = epoch, .number = number}};
    return skip_at_least(&t->by_number, &probe);
}

const struct entry *table_get(const struct table *t, struct bytes key)
{
    const struct slot *slot = table_slot(t, key);
    return slot && slot->entry.value.at ? &slot->entry : NULL;
}

int table_each(const struct table *t, struct bytes prefix,
               int (*visit)(void *ctx, const struct entry *e), void *ctx)
{
    struct slot probe = {.entry.key = prefix};
    for (struct skip_node *node = skip_at_least(&t->by_key, &probe); node;
         node = node->next[0]) {
        const struct entry *e = &((const struct slot *)node->item)->entry;
        if (!bytes_start_with(e->key, prefix))
            break;
        int stop = e->value.at ? visit(ctx, e) : 0;
        if (stop != 0)
            return stop;
    }
    return 0;
}

size_t table_count(const struct table *t)
{
    return t->n_live;
}

uint64_t table_digest(const struct table *t)
{
    return t->digest;
}
