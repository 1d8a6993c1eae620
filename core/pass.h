/* One function for both directions: a field is written from where it is, or read to there.  So the two
 * sides of a format cannot disagree.
 *
 * The first error stays.  What is read of texts, bytes and lists lives in the arena; every count is held
 * to a bound and to what is left of the input. */
#ifndef CORE_PASS_H
#define CORE_PASS_H

#include "core/arena.h"
#include "core/ids.h"

struct pass {
    struct writer *to;   /* writing; NULL: */
    struct reader *from; /* reading, */
    struct arena *arena; /* to here */
    int error;           /* 0, ERR_TRUNCATED, ERR_MALFORMED, ERR_BOUND or -ENOMEM */
};

struct pass pass_to(struct writer *to);
struct pass pass_from(struct reader *from, struct arena *arena);
bool pass_is_reading(const struct pass *p);
void pass_fail(struct pass *p, int error);
int pass_end(
    struct pass
        *p); /* its error; of a reader also ERR_MALFORMED when something is left */

void pass_u8(struct pass *p, uint8_t *v);
void pass_u16(struct pass *p, uint16_t *v);
void pass_u32(struct pass *p, uint32_t *v);
void pass_u64(struct pass *p, uint64_t *v);
void pass_i32(struct pass *p, int32_t *v);
void pass_i64(struct pass *p, int64_t *v);
void pass_size(struct pass *p, size_t *v);
void pass_double(struct pass *p, double *v);
void pass_bool(struct pass *p, bool *v); /* other than 0 and 1: ERR_MALFORMED */
void pass_raw(struct pass *p, void *at, size_t len);
void pass_bytes(struct pass *p, struct bytes *v); /* .at == NULL stays so */
void pass_text(struct pass *p, const char **v);   /* NULL stays so */
void pass_id(struct pass *p, struct node_id *v);
void pass_endpoint(struct pass *p, struct endpoint *v);
/* A value of an enum, from 0 to `last`. */
int pass_enum(struct pass *p, int v, int last);
/* A list of at most `max` elements: its elements to be passed one by one, and *n of them.  Writing: `list`
 * itself.  NULL after an error, and for an empty list that is read. */
void *pass_list(struct pass *p, const void *list, size_t *n, size_t max, size_t size);

#endif
