/* Entries as the table keeps them: what is in a cell, in its body, and in the author they share.
 *
 *     cell  (24 bytes)  author, body, tag, lengths, flags, number
 *     body              [generation 8, stamp 8: records]  key  value
 *     author            writer, epoch, the writer's id as text
 *
 * A row's key is kept without its prefix and its node's id, which is the author's. */
#ifndef GOSSIP_TABLE_CELL_H
#define GOSSIP_TABLE_CELL_H

#include "gossip/table/table.h"

struct cell {
    uint32_t author, body; /* of a free cell, `body` is the next free one */
    uint32_t tag;          /* the first half of the key's hash */
    uint32_t key_len : 9;  /* as kept */
    uint32_t value_len : 19;
    uint32_t prefix : 3; /* of a row; 0: a record */
    uint32_t is_deleted : 1;
    uint64_t number; /* 0: a free cell */
};

struct author {
    struct node_id writer;
    char text[NODE_ID_TEXT];
    uint32_t n_cells; /* 0: free */
    uint32_t next_free;
    uint64_t epoch;
};

/* What orders entries of a table by number; `key` tells two of one number apart. */
struct number_probe {
    struct node_id writer;
    uint64_t epoch, number;
    struct bytes key;
};

/* The length of the row prefix a key begins with; 0: it is a record's.  *ret_prefix its number. */
size_t cell_row_prefix(struct bytes key, unsigned *ret_prefix);
/* Compare and match functions of the indexes; `ctx` is the table. */
sorted_compare cell_compare_key, cell_compare_number;
handles_tag cell_tag, author_tag;
handles_match cell_match, author_match;

/* The author of this writer and epoch, one cell more than it had; HANDLE_NONE: out of memory. */
uint32_t author_take(struct table *t, struct node_id writer, uint64_t epoch);
void author_release(struct table *t, uint32_t author);

/* An empty cell; HANDLE_NONE: out of memory. */
uint32_t cell_take(struct table *t);
void cell_release(struct table *t, uint32_t id);
/* Fill in what is of this version; the author has been taken, the old body given back.  False when
 * out of memory, and then nothing was changed. */
bool cell_fill(struct table *t, uint32_t id, uint32_t author, const struct entry *e);
/* The whole key, written to `out`. */
struct bytes cell_key(const struct table *t, uint32_t id, uint8_t out[static KEY_LEN_MAX]);
/* All but the key, which is taken as given. */
void cell_read(const struct table *t, uint32_t id, struct bytes key, struct entry *ret_entry);

#endif
