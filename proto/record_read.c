/* Reading the documents of the table: the field numbers are in record.h.  A view reads
 * every claim of the cluster, so this goes straight from the bytes to the struct
 * (pack_reader.h). */
#include "proto/record.h"

#include <errno.h>
#include <string.h>

#include "core/err.h"
#include "proto/pack_reader.h"

enum {
    FIELDS_MAX = 64
}; /* four times what the largest document has, for newer versions */

/* The fields of one document, one after the other. */
struct decoder {
    struct reader r;
    struct arena *arena;
    size_t n_left;
    uint64_t taken; /* bit per field number: a field comes once */
    bool is_full;   /* the arena had no room */
};

static struct decoder decoder_of(struct bytes in, struct arena *arena)
{
    struct decoder d = {.r = reader_of(in), .arena = arena};
    d.n_left = pack_read_map(&d.r, FIELDS_MAX);
    return d;
}

/* The number of the next field, 0 at the end.  Keys that are no number this version could
 * know are skipped with their values. */
static unsigned next_field(struct decoder *d)
{
    while (d->n_left > 0 && !reader_error(&d->r)) {
        d->n_left--;
        if (d->r.left > 0 && d->r.at[0] >= 1 && d->r.at[0] < 64) {
            unsigned field = reader_u8(&d->r);
            if (d->taken & UINT64_C(1) << field)
                reader_fail(&d->r, ERR_MALFORMED);
            d->taken |= UINT64_C(1) << field;
            return field;
        }
        pack_skip(&d->r);
        pack_skip(&d->r);
    }
    return 0;
}

static int decoder_end(struct decoder *d)
{
    if (d->is_full)
        return -ENOMEM;
    return reader_end(&d->r) == 0 ? 0 : ERR_MALFORMED;
}

static const char *take_text(struct decoder *d, size_t len_max)
{
    struct bytes text = pack_read_text(&d->r, len_max);
    if (text.len == 0)
        return "";
    char *copy = arena_text_of(d->arena, text);
    if (!copy)
        d->is_full = true;
    return copy ? copy : "";
}

static void take_hash(struct decoder *d, struct spec_hash *ret_hash)
{
    struct bytes in = pack_read_bin(&d->r, sizeof(ret_hash->at));
    if (in.len == sizeof(ret_hash->at))
        memcpy(ret_hash->at, in.at, sizeof(ret_hash->at));
}

static uint32_t take_u32(struct decoder *d)
{
    return (uint32_t)pack_read_uint(&d->r, UINT32_MAX);
}

static uint64_t take_u64(struct decoder *d)
{
    return pack_read_uint(&d->r, UINT64_MAX);
}

/* The array for `*n` elements that were announced; none when there is no memory for them. */
static void *take_array(struct decoder *d, size_t *n, size_t size)
{
    void *array = *n ? arena_array(d->arena, *n, size) : NULL;
    if (*n && !array) {
        d->is_full = true;
        *n = 0;
    }
    return array;
}

static void take_attributes(struct decoder *d, struct node_doc *doc)
{
    size_t n = pack_read_map(&d->r, LABELS_MAX);
    struct pair *list = take_array(d, &n, sizeof(*list));
    for (size_t i = 0; i < n; i++) {
        list[i].key = take_text(d, RECORD_LABEL_MAX);
        list[i].value = take_text(d, RECORD_LABEL_MAX);
    }
    doc->attributes = list;
    doc->n_attributes = n;
}

int record_decode_node(struct bytes in, struct arena *arena, struct node_doc *ret_doc)
{
    struct node_doc doc = {.name = "", .version = "", .address = "", .nat = ""};
    struct decoder d = decoder_of(in, arena);
    for (unsigned field; (field = next_field(&d)) != 0;) {
        switch (field) {
        case 1:
            doc.name = take_text(&d, NAME_LEN_MAX);
            break;
        case 2:
            doc.version = take_text(&d, NAME_LEN_MAX);
            break;
        case 3:
            doc.address = take_text(&d, ADDRESS_TEXT_MAX);
            break;
        case 4:
            doc.cpu_milli = take_u32(&d);
            break;
        case 5:
            doc.memory_bytes = take_u64(&d);
            break;
        case 6:
            doc.state = (enum agent_state)pack_read_uint(&d.r, AGENT_AWAY);
            break;
        case 7:
            doc.away_until_unix_ms = take_u64(&d);
            break;
        case 8:
            take_attributes(&d, &doc);
            break;
        case 9:
            doc.key_epoch = (uint8_t)pack_read_uint(&d.r, UINT8_MAX);
            break;
        case 10:
            doc.other_key_epoch = (uint8_t)pack_read_uint(&d.r, UINT8_MAX);
            break;
        case 11:
            doc.clock_skew_ms =
                pack_read_int(&d.r, -CLOCK_SKEW_MAX_MS, CLOCK_SKEW_MAX_MS);
            break;
        case 12:
            doc.away_ms = take_u64(&d);
            break;
        case 13:
            doc.disk = (enum disk_state)pack_read_uint(&d.r, DISK_BROKEN);
            break;
        case 14:
            doc.disk_since_unix_ms = take_u64(&d);
            break;
        case 15:
            doc.named = take_u64(&d);
            break;
        case 17:
            doc.nat = take_text(&d, ADDRESS_TEXT_MAX);
            break;
        default:
            pack_skip(&d.r);
        }
    }
    int error = decoder_end(&d);
    if (error == 0)
        *ret_doc = doc;
    return error;
}

int record_decode_job(struct bytes in, struct arena *arena, struct job_doc *ret_doc)
{
    struct job_doc doc = {.by = "", .note = ""};
    struct decoder d = decoder_of(in, arena);
    for (unsigned field; (field = next_field(&d)) != 0;) {
        switch (field) {
        case 1:
            take_hash(&d, &doc.spec);
            break;
        case 2:
            doc.version = take_u32(&d);
            break;
        case 3:
            doc.first_stamp = take_u64(&d);
            break;
        case 4:
            doc.at_unix_ms = take_u64(&d);
            break;
        case 5:
            doc.by = take_text(&d, NAME_LEN_MAX);
            break;
        case 6:
            doc.note = take_text(&d, REASON_LEN_MAX);
            break;
        case 7:
            take_hash(&d, &doc.previous);
            break;
        case 30:
            doc.born = take_u64(&d);
            break;
        case 31: /* after 6, which has its beginning */
            doc.note = take_text(&d, REASON_WHOLE_MAX);
            break;
        default:
            pack_skip(&d.r);
        }
    }
    int error = decoder_end(&d);
    if (error == 0)
        *ret_doc = doc;
    return error;
}

/* Into the document itself: it has no arena. */
static void take_scaled_by(struct decoder *d, struct control_doc *doc)
{
    struct bytes text = pack_read_text(&d->r, SCALED_BY_MAX);
    if (text.len > 0)
        memcpy(doc->scaled_by, text.at, text.len);
    doc->scaled_by[text.len] = '\0';
}

int record_decode_control(struct bytes in, struct control_doc *ret_doc)
{
    struct control_doc doc = {0};
    struct decoder d = decoder_of(in, NULL);
    for (unsigned field; (field = next_field(&d)) != 0;) {
        switch (field) {
        case 1:
            doc.is_stopped = pack_read_bool(&d.r);
            break;
        case 2:
            doc.has_count = true;
            doc.count = take_u32(&d);
            break;
        case 3:
            doc.restart_at = take_u64(&d);
            break;
        case 10:
            take_scaled_by(&d, &doc);
            break;
        case 11:
            doc.scaled_unix_ms = take_u64(&d);
            break;
        case 12:
            doc.retry_at = take_u64(&d);
            break;
        default:
            pack_skip(&d.r);
        }
    }
    int error = decoder_end(&d);
    if (error == 0)
        *ret_doc = doc;
    return error;
}

static void take_ports(struct decoder *d, struct claim_doc *doc)
{
    size_t n = pack_read_map(&d->r, PORTS_MAX);
    struct claim_port *list = take_array(d, &n, sizeof(*list));
    for (size_t i = 0; i < n; i++) {
        list[i].name = take_text(d, NAME_LEN_MAX);
        list[i].port = (uint16_t)pack_read_uint(&d->r, UINT16_MAX);
    }
    doc->ports = list;
    doc->n_ports = n;
}

static void take_check(struct decoder *d, struct check_doc *check)
{
    size_t n = pack_read_map(&d->r, FIELDS_MAX);
    uint64_t taken = 0;
    for (size_t i = 0; i < n && !reader_error(&d->r); i++) {
        uint64_t key = pack_read_uint(&d->r, 63);
        if (taken & UINT64_C(1) << key)
            reader_fail(&d->r, ERR_MALFORMED);
        taken |= UINT64_C(1) << key;
        if (key == 1)
            check->name = take_text(d, NAME_LEN_MAX);
        else if (key == 2)
            check->said = take_text(d, REASON_LEN_MAX);
        else if (key == 3)
            check->failures = take_u32(d);
        else if (key == 4)
            check->since_unix_ms = take_u64(d);
        else
            pack_skip(&d->r);
    }
}

static void take_claim_field(struct decoder *d, unsigned field, struct claim_doc *doc)
{
    switch (field) {
    case 1:
        doc->generation = take_u64(d);
        break;
    case 2:
        take_hash(d, &doc->spec);
        break;
    case 3:
        doc->version = take_u32(d);
        break;
    case 4:
        doc->restart_at = take_u64(d);
        break;
    case 5:
        doc->state = (enum instance_state)pack_read_uint(&d->r, INSTANCE_LOST);
        break;
    case 6:
        doc->health = (enum health)pack_read_uint(&d->r, HEALTH_FAILING);
        break;
    case 7:
        doc->is_proven = pack_read_bool(&d->r);
        break;
    case 8:
        doc->claimed_unix_ms = take_u64(d);
        break;
    case 9:
        doc->started_unix_ms = take_u64(d);
        break;
    case 10:
        doc->pid = take_u32(d);
        break;
    case 11:
        doc->restarts = take_u32(d);
        break;
    case 12:
        doc->has_exit = true;
        doc->last_exit =
            exit_of_status((int32_t)pack_read_int(&d->r, INT32_MIN, INT32_MAX), false);
        break;
    case 13:
        doc->reason = take_text(d, REASON_LEN_MAX);
        break;
    case 14:
        take_ports(d, doc);
        break;
    case 16: /* after 12, which says less */
        doc->last_exit = exit_unpack(take_u64(d));
        break;
    case 20:
        take_check(d, &doc->check);
        break;
    case 21:
        doc->again_unix_ms = take_u64(d);
        break;
    case 30:
        doc->born = take_u64(d);
        break;
    case 31: /* after 13, which has its beginning */
        doc->reason = take_text(d, REASON_WHOLE_MAX);
        break;
    default:
        pack_skip(&d->r);
    }
}

int record_decode_claim(struct bytes in, struct arena *arena, struct claim_doc *ret_doc)
{
    struct claim_doc doc = {.reason = "", .check = {.name = "", .said = ""}};
    struct decoder d = decoder_of(in, arena);
    for (unsigned field; (field = next_field(&d)) != 0;)
        take_claim_field(&d, field, &doc);
    int error = decoder_end(&d);
    if (error == 0)
        *ret_doc = doc;
    return error;
}

int record_decode_text(struct bytes in, struct arena *arena, struct text_doc *ret_doc)
{
    struct text_doc doc = {.others = "", .params = ""};
    struct decoder d = decoder_of(in, arena);
    for (unsigned field; (field = next_field(&d)) != 0;) {
        switch (field) {
        case 1:
            doc.codec = take_u32(&d);
            break;
        case 2:
            doc.len = (uint32_t)pack_read_uint(&d.r, JOBFILE_LEN_MAX);
            break;
        case 3:
            doc.packed = pack_read_bytes(&d.r, ENTRY_LEN_MAX);
            break;
        case 4:
            doc.others = take_text(&d, TEXT_NOTE_MAX);
            break;
        case 5:
            doc.params = take_text(&d, TEXT_NOTE_MAX);
            break;
        case 6:
            doc.n_jobs = take_u32(&d);
            break;
        default:
            pack_skip(&d.r);
        }
    }
    int error = decoder_end(&d);
    if (error == 0)
        *ret_doc = doc;
    return error;
}

int record_decode_refuse(struct bytes in, struct arena *arena, struct refuse_doc *ret_doc)
{
    struct refuse_doc doc = {.reason = ""};
    struct decoder d = decoder_of(in, arena);
    for (unsigned field; (field = next_field(&d)) != 0;) {
        switch (field) {
        case 1:
            doc.until_unix_ms = take_u64(&d);
            break;
        case 2:
            take_hash(&d, &doc.spec);
            break;
        case 3:
            doc.reason = take_text(&d, REASON_LEN_MAX);
            break;
        case 4:
            doc.is_untried = take_u64(&d) != 0;
            break;
        case 31: /* after 3, which has its beginning */
            doc.reason = take_text(&d, REASON_WHOLE_MAX);
            break;
        default:
            pack_skip(&d.r);
        }
    }
    int error = decoder_end(&d);
    if (error == 0)
        *ret_doc = doc;
    return error;
}
