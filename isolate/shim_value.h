/* Values inside the fields of a task's files: a text is its length (u32) and its bytes; a
 * list is a count (u32) and the items. */
#ifndef ISOLATE_SHIM_VALUE_H
#define ISOLATE_SHIM_VALUE_H

#include "core/arena.h"
#include "core/job.h"

struct value_reader {
    struct reader r;
    struct arena *arena;
};

/* A text with a NUL inside could not be handed to the kernel: ERR_MALFORMED. */
const char *value_text_of(struct value_reader *d, struct bytes in);
const char *value_text(struct value_reader *d);
/* At most `max` items, and a NULL after them. */
const char *const *value_texts(struct value_reader *d, size_t max, size_t *ret_n);
const struct pair *value_pairs(struct value_reader *d, size_t max, size_t *ret_n);
const uint16_t *value_ports(struct value_reader *d, size_t *ret_n);

void value_put_text(struct writer *w, const char *text);
void value_put_texts(struct writer *w, const char *const *texts, size_t n);
void value_put_pairs(struct writer *w, const struct pair *pairs, size_t n);

#endif
