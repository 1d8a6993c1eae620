/* Writing the documents of the table as msgpack maps: the field numbers are in record.h.
 * record_read.c is the other half. */
#include "proto/record.h"

#include <string.h>

#include <msgpack.h>

#include "core/err.h"
#include "core/utf8.h"

/* Fields are packed behind a map head that is filled in at the end: one byte (a fixmap) up
 * to 15 fields, three (a map 16) for more. */
enum { FIXMAP_MAX = 15 };

struct encoder {
    msgpack_packer packer;
    struct writer *out;
    size_t head;
    unsigned n_fields;
};

static int write_packed(void *out, const char *buf, size_t len)
{
    writer_put(out, buf, len);
    return writer_error(out) ? -1 : 0;
}

static void encoder_begin(struct encoder *e, struct writer *out)
{
    *e = (struct encoder){.out = out, .head = out->len};
    msgpack_packer_init(&e->packer, out, write_packed);
    writer_u8(out, 0x80);
}

static int encoder_end(struct encoder *e)
{
    static const uint8_t room[2];
    uint8_t *head = e->out->at + e->head;
    if (e->n_fields > FIXMAP_MAX)
        writer_put(e->out, room, sizeof(room));
    if (writer_error(e->out))
        return ERR_BOUND;
    if (e->n_fields <= FIXMAP_MAX) {
        head[0] = (uint8_t)(0x80 | e->n_fields);
        return 0;
    }
    memmove(head + 3, head + 1, e->out->len - e->head - 3);
    head[0] = 0xde;
    head[1] = (uint8_t)(e->n_fields >> 8);
    head[2] = (uint8_t)e->n_fields;
    return 0;
}

static void put_field(struct encoder *e, unsigned field)
{
    e->n_fields++;
    msgpack_pack_unsigned_int(&e->packer, field);
}

static void put_uint(struct encoder *e, unsigned field, uint64_t value)
{
    if (value == 0)
        return;
    put_field(e, field);
    msgpack_pack_uint64(&e->packer, value);
}

static void put_int(struct encoder *e, unsigned field, int64_t value)
{
    if (value == 0)
        return;
    put_field(e, field);
    msgpack_pack_int64(&e->packer, value);
}

static void put_bool(struct encoder *e, unsigned field, bool value)
{
    if (!value)
        return;
    put_field(e, field);
    msgpack_pack_true(&e->packer);
}

static void put_hash(struct encoder *e, unsigned field, struct spec_hash hash)
{
    static const struct spec_hash none;
    if (spec_hash_equal(hash, none))
        return;
    put_field(e, field);
    msgpack_pack_bin_with_body(&e->packer, hash.at, sizeof(hash.at));
}

static void pack_text(struct encoder *e, const char *text, size_t len_max)
{
    size_t len = text ? strlen(text) : 0;
    if (len > len_max) {
        e->out->error = ERR_BOUND;
        return;
    }
    msgpack_pack_str_with_body(&e->packer, text ? text : "", len);
}

static void put_text(struct encoder *e, unsigned field, const char *text, size_t len_max)
{
    if (!text || !*text)
        return;
    put_field(e, field);
    pack_text(e, text, len_max);
}

/* Free text, perhaps from a program's output: what cannot be sent is changed, not
 * refused, for a claim must not fail to be published because of its reason. */
static void pack_free_text(struct encoder *e, const char *text)
{
    char clean[REASON_LEN_MAX + 1];
    (void)utf8_cut(text ? text : "", clean, sizeof(clean));
    pack_text(e, clean, REASON_LEN_MAX);
}

/* What is longer than every version reads, whole: who knows the field takes it instead. */
static void put_whole_text(struct encoder *e, unsigned field, const char *text)
{
    char clean[REASON_WHOLE_MAX + 1];
    if (!text || utf8_cut(text, clean, sizeof(clean)) <= REASON_LEN_MAX)
        return;
    put_field(e, field);
    pack_text(e, clean, REASON_WHOLE_MAX);
}

static void put_free_text(struct encoder *e, unsigned field, const char *text)
{
    if (!text || !*text)
        return;
    put_field(e, field);
    pack_free_text(e, text);
}

/* Does a list of `n` fit?  Otherwise the whole document does not. */
static bool put_map(struct encoder *e, unsigned field, size_t n, size_t n_max)
{
    if (n > n_max)
        e->out->error = ERR_BOUND;
    if (n == 0 || n > n_max)
        return false;
    put_field(e, field);
    msgpack_pack_map(&e->packer, n);
    return true;
}

int record_encode_node(const struct node_doc *doc, struct writer *out)
{
    struct encoder e;
    encoder_begin(&e, out);
    put_text(&e, 1, doc->name, NAME_LEN_MAX);
    put_text(&e, 2, doc->version, NAME_LEN_MAX);
    put_text(&e, 3, doc->address, ADDRESS_TEXT_MAX);
    put_uint(&e, 4, doc->cpu_milli);
    put_uint(&e, 5, doc->memory_bytes);
    put_uint(&e, 6, (uint64_t)doc->state);
    put_uint(&e, 7, doc->away_until_unix_ms);
    if (put_map(&e, 8, doc->n_attributes, LABELS_MAX)) {
        for (size_t i = 0; i < doc->n_attributes; i++) {
            pack_text(&e, doc->attributes[i].key, RECORD_LABEL_MAX);
            pack_text(&e, doc->attributes[i].value, RECORD_LABEL_MAX);
        }
    }
    put_uint(&e, 9, doc->key_epoch);
    put_uint(&e, 10, doc->other_key_epoch);
    put_int(&e, 11, doc->clock_skew_ms);
    put_uint(&e, 12, doc->away_ms);
    put_uint(&e, 13, (uint64_t)doc->disk);
    put_uint(&e, 14, doc->disk_since_unix_ms);
    put_uint(&e, 15, doc->named);
    put_text(&e, 17, doc->nat, ADDRESS_TEXT_MAX);
    return encoder_end(&e);
}

int record_encode_job(const struct job_doc *doc, struct writer *out)
{
    struct encoder e;
    encoder_begin(&e, out);
    put_hash(&e, 1, doc->spec);
    put_uint(&e, 2, doc->version);
    put_uint(&e, 3, doc->first_stamp);
    put_uint(&e, 4, doc->at_unix_ms);
    put_text(&e, 5, doc->by, NAME_LEN_MAX);
    put_free_text(&e, 6, doc->note);
    put_hash(&e, 7, doc->previous);
    put_uint(&e, 30, doc->born);
    put_whole_text(&e, 31, doc->note);
    return encoder_end(&e);
}

int record_encode_control(const struct control_doc *doc, struct writer *out)
{
    struct encoder e;
    encoder_begin(&e, out);
    put_bool(&e, 1, doc->is_stopped);
    if (doc->has_count) {
        put_field(&e, 2);
        msgpack_pack_uint32(&e.packer, doc->count);
    }
    put_uint(&e, 3, doc->restart_at);
    put_text(&e, 10, doc->scaled_by, SCALED_BY_MAX);
    put_uint(&e, 11, doc->scaled_unix_ms);
    put_uint(&e, 12, doc->retry_at);
    return encoder_end(&e);
}

static void put_check(struct encoder *e, unsigned field, const struct check_doc *check)
{
    if (!check->name || !*check->name)
        return;
    put_field(e, field);
    msgpack_pack_map(&e->packer, 4);
    msgpack_pack_unsigned_int(&e->packer, 1);
    pack_text(e, check->name, NAME_LEN_MAX);
    msgpack_pack_unsigned_int(&e->packer, 2);
    pack_free_text(e, check->said);
    msgpack_pack_unsigned_int(&e->packer, 3);
    msgpack_pack_uint32(&e->packer, check->failures);
    msgpack_pack_unsigned_int(&e->packer, 4);
    msgpack_pack_uint64(&e->packer, check->since_unix_ms);
}

int record_encode_claim(const struct claim_doc *doc, struct writer *out)
{
    struct encoder e;
    encoder_begin(&e, out);
    put_uint(&e, 1, doc->generation);
    put_hash(&e, 2, doc->spec);
    put_uint(&e, 3, doc->version);
    put_uint(&e, 4, doc->restart_at);
    put_uint(&e, 5, (uint64_t)doc->state);
    put_uint(&e, 6, (uint64_t)doc->health);
    put_bool(&e, 7, doc->is_proven);
    put_uint(&e, 8, doc->claimed_unix_ms);
    put_uint(&e, 9, doc->started_unix_ms);
    put_uint(&e, 10, doc->pid);
    put_uint(&e, 11, doc->restarts);
    if (doc->has_exit) {
        put_field(&e, 12);
        msgpack_pack_int32(&e.packer, exit_status(&doc->last_exit)); /* for 0.1.0 */
    }
    put_free_text(&e, 13, doc->reason);
    if (put_map(&e, 14, doc->n_ports, PORTS_MAX)) {
        for (size_t i = 0; i < doc->n_ports; i++) {
            pack_text(&e, doc->ports[i].name, NAME_LEN_MAX);
            msgpack_pack_uint16(&e.packer, doc->ports[i].port);
        }
    }
    if (doc->has_exit)
        put_uint(&e, 16, exit_pack(&doc->last_exit));
    put_check(&e, 20, &doc->check);
    put_uint(&e, 21, doc->again_unix_ms);
    put_uint(&e, 30, doc->born);
    put_whole_text(&e, 31, doc->reason);
    return encoder_end(&e);
}

int record_encode_text(const struct text_doc *doc, struct writer *out)
{
    struct encoder e;
    encoder_begin(&e, out);
    put_uint(&e, 1, doc->codec);
    put_uint(&e, 2, doc->len);
    put_field(&e, 3);
    msgpack_pack_bin_with_body(&e.packer, doc->packed.at, doc->packed.len);
    put_text(&e, 4, doc->others, TEXT_NOTE_MAX);
    put_text(&e, 5, doc->params, TEXT_NOTE_MAX);
    put_uint(&e, 6, doc->n_jobs);
    return encoder_end(&e);
}

int record_encode_refuse(const struct refuse_doc *doc, struct writer *out)
{
    struct encoder e;
    encoder_begin(&e, out);
    put_uint(&e, 1, doc->until_unix_ms);
    put_hash(&e, 2, doc->spec);
    put_free_text(&e, 3, doc->reason);
    if (doc->is_untried)
        put_uint(&e, 4, 1);
    put_whole_text(&e, 31, doc->reason);
    return encoder_end(&e);
}
