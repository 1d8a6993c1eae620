/* The shape of a task's small files and of what is said over its control socket:
 *
 *     magic u32 | format u8 (3) | { tag u16 | length u32 | bytes }... | crc32c u32
 *
 * Shims, agents and files of several releases live side by side, so: a tag is never used
 * again for something else; one that is missing has its default; one that is unknown is
 * skipped, and kept by whoever writes the file anew.  Only a tag with the top bit set must
 * be understood, by the shim that was started with it. */
#ifndef ISOLATE_SHIM_TLV_H
#define ISOLATE_SHIM_TLV_H

#include "core/bytes.h"

enum {
    TLV_FORMAT = 3, /* 1 and 2 had their fields at fixed places */
    TLV_MUST = 0x8000,
    TLV_OVERHEAD = 4 + 1 + 4,
    TLV_HEAD = 2 + 4, /* of each field */
};

struct tlv_reader {
    struct reader r;
    int error;
};

uint32_t crc32c(struct bytes in);

void tlv_begin(struct writer *w, uint32_t magic);
void tlv_bytes(struct writer *w, uint16_t tag, struct bytes value);
void tlv_text(struct writer *w, uint16_t tag, const char *text);
void tlv_u32(struct writer *w, uint16_t tag, uint32_t value);
void tlv_u64(struct writer *w, uint16_t tag, uint64_t value);
/* A value of unknown length: write it between the two.  `open` returns where it begins. */
size_t tlv_open(struct writer *w, uint16_t tag);
void tlv_close(struct writer *w, size_t at);
void tlv_end(struct writer *w, size_t begin); /* begin: w->len before tlv_begin */

/* Checks magic, format and checksum of the whole.  ERR_TRUNCATED, ERR_MALFORMED,
 * ERR_UNSUPPORTED (another format). */
int tlv_read(struct bytes in, uint32_t magic, struct tlv_reader *ret_reader);
/* False at the end, and when what is there does not hold together (then tlv_error). */
bool tlv_next(struct tlv_reader *t, uint16_t *ret_tag, struct bytes *ret_value);
int tlv_error(const struct tlv_reader *t);

/* Of a value; wrong lengths are 0. */
uint32_t tlv_as_u32(struct bytes value);
uint64_t tlv_as_u64(struct bytes value);

#endif
