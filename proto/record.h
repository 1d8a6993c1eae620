/* The documents of the table as msgpack maps; the keys they live under are in
 * proto/key.h.
 *
 * A document is one map from small unsigned integers to values.  The numbers are for
 * ever: a field that goes leaves its number unused, a new one takes the next.
 *
 *     node      1 name  2 version  3 address  4 cpu milli  5 memory bytes
 *               6 agent state  7 away until, unix ms  8 attributes (map text -> text)
 *               9 key epoch  10 other key epoch  11 clock skew, ms (signed)
 *               12 away for, ms  13 disk state  14 disk state since, unix ms
 *               15 stamp at which it took its name
 *     job       1 spec hash (bin 32)  2 version  3 first stamp  4 at, unix ms
 *               5 by  6 note  7 previous spec hash (bin 32)  30 born
 *               31 the whole note, where 6 has its beginning
 *     control   1 is stopped  2 count (absent: no override)  3 restart at
 *               10 scaled by  11 scaled, unix ms  12 retry at
 *     claim     1 generation  2 spec hash (bin 32)  3 version  4 restart at  5 state
 *               6 health  7 is proven  8 claimed, unix ms  9 started, unix ms  10 pid
 *               11 restarts  12 last exit (absent: none)  13 reason
 *               14 ports (map text -> number)
 *               20 the check in trouble (map: 1 name  2 said  3 failures  4 since, unix ms)
 *               21 started again, unix ms  30 born, of its job
 *               31 the whole reason, where 13 has its beginning
 *     text      1 codec  2 length  3 packed (bin)  4 other namespaces  5 params given  6 jobs
 *     refuse    1 until, unix ms  2 spec hash (bin 32)  3 reason
 *               31 the whole reason, where 3 has its beginning
 *
 * Zero, false, "" and empty maps are not written, and are what a missing field reads as
 * (texts never decode to NULL), so equal documents are equal bytes.  Encoding appends to
 * a writer (ERR_BOUND when it is full or a name is too long; reasons and notes are cut
 * instead, with a mark, at REASON_WHOLE_MAX bytes, and what is no UTF-8 in them becomes '?').  Decoding
 * is strict about types, ranges, UTF-8 and repeated fields (ERR_MALFORMED), lenient about
 * unknown fields: they are skipped here, and kept by the table, which never re-encodes
 * what others wrote.  Decoded texts and arrays live in `arena`; -ENOMEM when it is full. */
#ifndef PROTO_RECORD_H
#define PROTO_RECORD_H

#include "core/arena.h"
#include "core/cluster.h"
#include "proto/key.h"

enum { RECORD_LABEL_MAX = 256 }; /* an attribute's key or value */

int record_encode_node(const struct node_doc *doc, struct writer *out);
int record_decode_node(struct bytes in, struct arena *arena, struct node_doc *ret_doc);
int record_encode_job(const struct job_doc *doc, struct writer *out);
int record_decode_job(struct bytes in, struct arena *arena, struct job_doc *ret_doc);
int record_encode_control(const struct control_doc *doc, struct writer *out);
int record_decode_control(struct bytes in, struct control_doc *ret_doc);
int record_encode_claim(const struct claim_doc *doc, struct writer *out);
int record_decode_claim(struct bytes in, struct arena *arena, struct claim_doc *ret_doc);
int record_encode_text(const struct text_doc *doc, struct writer *out);
int record_decode_text(struct bytes in, struct arena *arena, struct text_doc *ret_doc);
int record_encode_refuse(const struct refuse_doc *doc, struct writer *out);
int record_decode_refuse(struct bytes in, struct arena *arena,
                         struct refuse_doc *ret_doc);

#endif
