/* A document: YAML or JSON read into a tree that remembers where everything stood.  It knows no schema and guesses no types: every scalar is text.
 *
 * Limits (JOBFILE): 1 MiB, depth 64, 100,000 nodes after aliases are expanded; no tags;
 * duplicate keys refused; `<<` merges maps, a key that is there already wins. */
#ifndef CORE_DOC_H
#define CORE_DOC_H

#include "core/arena.h"
#include "core/bytes.h"

enum doc_kind { DOC_SCALAR, DOC_MAP, DOC_LIST };

/* A file that another one uses. */
struct doc_file {
    const char *name;
    struct bytes text;
};

struct doc {
    enum doc_kind kind;
    unsigned line, column;       /* from 1 */
    const struct doc_file *file; /* where that is; NULL: in the file that is read */
    const char *text;            /* DOC_SCALAR: NUL-terminated */
    bool is_quoted;              /* DOC_SCALAR */
    const char *key;             /* when the parent is a map */
    unsigned key_line, key_column;
    struct doc *child; /* the first; merged ones come last */
    struct doc *next;  /* sibling, in file order */
    size_t n;          /* children */
};

/* One complaint about a file, with its place. */
struct complaint {
    unsigned line, column;       /* 0 = the file as a whole */
    const char *text;            /* in the complaints' arena */
    const struct doc_file *file; /* NULL: the file that is read */
};

enum { COMPLAINTS_MAX = 20 };

struct complaints {
    struct arena *arena;
    struct complaint list[COMPLAINTS_MAX];
    size_t n, n_more;            /* n_more: found, but past the limit */
    const struct doc_file *file; /* that is looked at; NULL: the file that is read */
};

/* What is said of the same place in the same words already is not said again. */
void complain(struct complaints *c, unsigned line, unsigned column, const char *format,
              ...) __attribute__((format(printf, 4, 5)));

/* Render all as `file:line:col: error: ...` with the line and a caret below, as compilers
 * do; NUL-terminated text in `arena`, NULL when that is full. */
char *complaints_text(const struct complaints *c, const char *file, struct bytes source,
                      struct arena *arena);

/* Read the documents of `text` (several are separated by ---; empty ones are left out)
 * into an array of *ret_n, whose elements are also linked by `next`; the tree lives in
 * `arena`. ERR_MALFORMED or ERR_BOUND, with complaints added. */
int doc_read(struct bytes text, struct arena *arena, struct complaints *complaints,
             struct doc **ret_docs, size_t *ret_n);

/* What an alias may stand for. */
struct doc_anchor {
    const char *name;
    const struct doc *node;
};

/* The same for files that use others. */
struct doc_options {
    const struct doc_anchor
        *anchors; /* of the files that are used; the text's own come first */
    size_t n_anchors;
    bool
        is_scan; /* only to see which files it uses: what an alias stands for does not matter */
    struct doc_anchor
        *ret_anchors; /* what the text's last document has, with those it was given */
    size_t ret_n_anchors;
};
int doc_read_with(struct bytes text, struct doc_options *options, struct arena *arena,
                  struct complaints *complaints, struct doc **ret_docs, size_t *ret_n);

/* The text without a byte order mark, which is no part of a document: places count without it. */
struct bytes doc_text(struct bytes text);

const struct doc *doc_find(const struct doc *map, const char *key); /* NULL if absent */

/* The candidate nearest to `word` within edit distance 2 (Damerau-Levenshtein), or NULL.
 * `candidates` ends with NULL. */
const char *did_you_mean(const char *word, const char *const *candidates);

/* ---- scalars as values; 0 or ERR_MALFORMED ---- */

int text_duration_ms(const char *text, uint64_t *ret_ms);   /* 10s 5m 1h30m 2d 250ms 0 */
int text_size_bytes(const char *text, uint64_t *ret_bytes); /* 512 256M 1.5g 64KiB */
int text_milli(const char *text, uint32_t *ret_milli);      /* 0.5 2 */
int text_cpu_milli(const char *text, uint32_t *ret_milli);  /* 0.5 2 500m */
int text_uint(const char *text, uint64_t max, uint64_t *ret_value);
int text_bool(const char *text, bool *ret_value); /* true false */

enum { SIZE_TEXT = 24 };
/* Back again, exactly: "256M", "512", by the largest binary unit that leaves no rest.  Returns out. */
const char *size_text(uint64_t bytes, char out[static SIZE_TEXT]);
/* Not more than it is, in few figures: "3.6G", "512M", "0". */
const char *size_text_below(uint64_t bytes, char out[static SIZE_TEXT]);
/* Thousandths as people write them: "0.5", "2". */
const char *thousandths_text(uint64_t milli, char out[static SIZE_TEXT]);

enum { SPAN_TEXT = 32 };
/* "12s", "3m12s", "2h5m", "4d3h": its two largest units.  Returns out. */
const char *span_text(uint64_t ms, char out[static SPAN_TEXT]);

#endif
