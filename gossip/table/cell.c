/* Cells, bodies and authors. */
#include "gossip/table/cell.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"

_Static_assert(sizeof(struct cell) == 24, "a million rows are counted on it");
_Static_assert(KEY_LEN_MAX < 1 << 9 && SPEC_LEN_MAX < 1 << 19,
               "lengths fit their fields");

enum { ID_DIGITS = NODE_ID_TEXT - 1, VERSION_LEN = 16 };

static const struct bytes prefixes[] = {
    {NULL, 0},
    {(const uint8_t *)"claim/", 6},
    {(const uint8_t *)"done/", 5},
    {(const uint8_t *)"grave/", 6},
    {(const uint8_t *)"node/", 5},
    {(const uint8_t *)"refuse/", 7},
    {(const uint8_t *)"water/", 6},
};

size_t cell_row_prefix(struct bytes key, unsigned *ret_prefix)
{
    for (unsigned i = 1; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (bytes_start_with(key, prefixes[i])) {
            *ret_prefix = i;
            return prefixes[i].len;
        }
    }
    *ret_prefix = 0;
    return 0;
}

/* ---- keys ---- */

/* A row's key is in three pieces, a record's in one. */
struct pieces {
    struct bytes at[3];
    unsigned n;
};

static struct pieces pieces_of(const struct table *t, const struct cell *c)
{
    const uint8_t *body = bodies_at(&t->bodies, c->body);
    struct pieces p = {.n = 0};
    if (c->prefix == 0) {
        p.at[p.n++] = (struct bytes){body + VERSION_LEN, c->key_len};
        return p;
    }
    p.at[p.n++] = prefixes[c->prefix];
    p.at[p.n++] = (struct bytes){(const uint8_t *)t->authors[c->author].text, ID_DIGITS};
    p.at[p.n++] = (struct bytes){body, c->key_len};
    return p;
}

struct bytes cell_key(const struct table *t, uint32_t id, uint8_t out[static KEY_LEN_MAX])
{
    struct pieces p = pieces_of(t, &t->cells[id]);
    size_t len = 0;
    for (unsigned i = 0; i < p.n; i++) {
        memcpy(out + len, p.at[i].at, p.at[i].len);
        len += p.at[i].len;
    }
    return (struct bytes){out, len};
}

static int compare_cell(const struct table *t, uint32_t id, struct bytes key)
{
    struct pieces p = pieces_of(t, &t->cells[id]);
    for (unsigned i = 0; i < p.n; i++) {
        size_t len = p.at[i].len < key.len ? p.at[i].len : key.len;
        int order = len ? memcmp(p.at[i].at, key.at, len) : 0;
        if (order != 0)
            return order;
        if (p.at[i].len > len)
            return 1;
        key.at += len;
        key.len -= len;
    }
    return key.len > 0 ? -1 : 0;
}

int cell_compare_key(const void *ctx, uint32_t id, const void *probe)
{
    return compare_cell(ctx, id, *(const struct bytes *)probe);
}

uint32_t cell_tag(const void *ctx, uint32_t id)
{
    return ((const struct table *)ctx)->cells[id].tag;
}

bool cell_match(const void *ctx, uint32_t id, const void *probe)
{
    return compare_cell(ctx, id, *(const struct bytes *)probe) == 0;
}

int cell_compare_number(const void *ctx, uint32_t id, const void *probe)
{
    const struct table *t = ctx;
    const struct number_probe *p = probe;
    const struct cell *c = &t->cells[id];
    const struct author *a = &t->authors[c->author];
    int order = node_id_compare(a->writer, p->writer);
    if (order == 0 && a->epoch != p->epoch)
        order = a->epoch < p->epoch ? -1 : 1;
    if (order == 0 && c->number != p->number)
        order = c->number < p->number ? -1 : 1;
    /* A hostile writer may give one number to two keys; both must be held apart. */
    return order ? order : compare_cell(t, id, p->key);
}

/* ---- authors ---- */

struct author_probe {
    struct node_id writer;
    uint64_t epoch;
};

static uint32_t tag_of(const struct node_id *writer, uint64_t epoch)
{
    return (uint32_t)(hash64(BYTES_OF(*writer), epoch) >> 32);
}

uint32_t author_tag(const void *ctx, uint32_t id)
{
    const struct author *a = &((const struct table *)ctx)->authors[id];
    return tag_of(&a->writer, a->epoch);
}

bool author_match(const void *ctx, uint32_t id, const void *probe)
{
    const struct author *a = &((const struct table *)ctx)->authors[id];
    const struct author_probe *p = probe;
    return a->epoch == p->epoch && node_id_equal(a->writer, p->writer);
}

static uint32_t author_add(struct table *t, struct node_id writer, uint64_t epoch)
{
    uint32_t id = t->free_author;
    if (id == HANDLE_NONE) {
        if (t->n_authors == t->authors_cap) {
            size_t cap = t->authors_cap ? t->authors_cap * 2 : 8;
            struct author *authors = realloc(t->authors, cap * sizeof(*authors));
            if (!authors)
                return HANDLE_NONE;
            t->authors = authors;
            t->authors_cap = cap;
        }
        id = (uint32_t)t->n_authors++;
        t->authors[id] = (struct author){.next_free = t->free_author};
        t->free_author = id;
    }
    struct author *a = &t->authors[id];
    uint32_t next_free = a->next_free;
    *a = (struct author){.writer = writer, .epoch = epoch, .next_free = next_free};
    (void)node_id_text(writer, a->text);
    if (handles_add(&t->by_author, id) < 0)
        return HANDLE_NONE;
    t->free_author = next_free;
    return id;
}

uint32_t author_take(struct table *t, struct node_id writer, uint64_t epoch)
{
    struct author_probe probe = {writer, epoch};
    uint32_t id = t->last_author;
    bool is_last =
        id != HANDLE_NONE && t->authors[id].n_cells > 0 && author_match(t, id, &probe);
    if (!is_last)
        id = handles_find(&t->by_author, tag_of(&writer, epoch), &probe);
    if (id == HANDLE_NONE)
        id = author_add(t, writer, epoch);
    if (id == HANDLE_NONE)
        return id;
    t->authors[id].n_cells++;
    t->last_author = id;
    return id;
}

void author_release(struct table *t, uint32_t author)
{
    struct author *a = &t->authors[author];
    assert(a->n_cells > 0);
    if (--a->n_cells > 0)
        return;
    handles_remove(&t->by_author, author);
    a->next_free = t->free_author;
    t->free_author = author;
}

/* ---- cells ---- */

uint32_t cell_take(struct table *t)
{
    uint32_t id = t->free_cell;
    if (id != HANDLE_NONE) {
        t->free_cell = t->cells[id].body;
        return id;
    }
    if (t->n_cells == t->cells_cap) {
        size_t cap = t->cells_cap ? t->cells_cap + t->cells_cap / 2 : 16;
        struct cell *cells = realloc(t->cells, cap * sizeof(*cells));
        if (!cells)
            return HANDLE_NONE;
        t->cells = cells;
        t->cells_cap = cap;
    }
    return (uint32_t)t->n_cells++;
}

void cell_release(struct table *t, uint32_t id)
{
    t->cells[id] = (struct cell){.body = t->free_cell};
    t->free_cell = id;
}

bool cell_fill(struct table *t, uint32_t id, uint32_t author, const struct entry *e)
{
    unsigned prefix;
    size_t skip = cell_row_prefix(e->key, &prefix);
    if (prefix)
        skip += ID_DIGITS;
    struct bytes key = {e->key.at + skip, e->key.len - skip};
    size_t len = key.len + e->value.len + (prefix ? 0 : VERSION_LEN);
    uint32_t body = bodies_alloc(&t->bodies, id, len);
    if (body == BODY_NONE)
        return false;
    uint8_t *at = bodies_at(&t->bodies, body);
    if (!prefix) {
        memcpy(at, &e->generation, sizeof(e->generation));
        memcpy(at + sizeof(e->generation), &e->stamp, sizeof(e->stamp));
        at += VERSION_LEN;
    }
    memcpy(at, key.at, key.len);
    if (e->value.at && e->value.len)
        memcpy(at + key.len, e->value.at, e->value.len);
    t->cells[id] = (struct cell){
        .author = author,
        .body = body,
        .tag = (uint32_t)(hash64(e->key, 0) >> 32),
        .key_len = key.len & 0x1ff,
        .value_len = (e->value.at ? e->value.len : 0) & 0x7ffff,
        .prefix = prefix & 7,
        .is_deleted = !e->value.at,
        .number = e->number,
    };
    return true;
}

void cell_read(const struct table *t, uint32_t id, struct bytes key,
               struct entry *ret_entry)
{
    const struct cell *c = &t->cells[id];
    const struct author *a = &t->authors[c->author];
    const uint8_t *body = bodies_at(&t->bodies, c->body);
    struct entry e = {
        .kind = c->prefix ? ENTRY_ROW : ENTRY_RECORD,
        .key = key,
        .writer = a->writer,
        .epoch = a->epoch,
        .number = c->number,
    };
    if (!c->prefix) {
        memcpy(&e.generation, body, sizeof(e.generation));
        memcpy(&e.stamp, body + sizeof(e.generation), sizeof(e.stamp));
        body += VERSION_LEN;
    }
    if (!c->is_deleted)
        e.value = (struct bytes){body + c->key_len, c->value_len};
    *ret_entry = e;
}
