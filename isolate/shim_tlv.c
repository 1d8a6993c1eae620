/* See shim_tlv.h. */
#include "isolate/shim_tlv.h"

#include "core/err.h"

static const uint32_t polynomial = 0x82f63b78; /* Castagnoli, reflected */

static uint32_t crc_step(uint32_t crc)
{
    for (int i = 0; i < 4; i++)
        crc = crc >> 1 ^ ((crc & 1) ? polynomial : 0);
    return crc;
}

uint32_t crc32c(struct bytes in)
{
    uint32_t table[16], crc = ~0u;
    for (uint32_t i = 0; i < 16; i++)
        table[i] = crc_step(i);
    for (size_t i = 0; i < in.len; i++) {
        crc ^= in.at[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

/* ---- writing ---- */

void tlv_begin(struct writer *w, uint32_t magic)
{
    writer_u32(w, magic);
    writer_u8(w, TLV_FORMAT);
}

void tlv_bytes(struct writer *w, uint16_t tag, struct bytes value)
{
    writer_u16(w, tag);
    writer_u32(w, (uint32_t)value.len);
    writer_bytes(w, value);
}

void tlv_text(struct writer *w, uint16_t tag, const char *text)
{
    tlv_bytes(w, tag, bytes_of_text(text));
}

void tlv_u32(struct writer *w, uint16_t tag, uint32_t value)
{
    writer_u16(w, tag);
    writer_u32(w, sizeof(value));
    writer_u32(w, value);
}

void tlv_u64(struct writer *w, uint16_t tag, uint64_t value)
{
    writer_u16(w, tag);
    writer_u32(w, sizeof(value));
    writer_u64(w, value);
}

size_t tlv_open(struct writer *w, uint16_t tag)
{
    writer_u16(w, tag);
    writer_u32(w, 0);
    return w->len;
}

void tlv_close(struct writer *w, size_t at)
{
    if (writer_error(w))
        return;
    struct writer length = writer_of(w->at + at - sizeof(uint32_t), sizeof(uint32_t));
    writer_u32(&length, (uint32_t)(w->len - at));
}

void tlv_end(struct writer *w, size_t begin)
{
    if (!writer_error(w))
        writer_u32(w, crc32c((struct bytes){w->at + begin, w->len - begin}));
}

/* ---- reading ---- */

int tlv_read(struct bytes in, uint32_t magic, struct tlv_reader *ret_reader)
{
    struct reader r = reader_of(in);
    uint32_t found = reader_u32(&r);
    uint8_t format = reader_u8(&r);
    if (reader_error(&r) || in.len < TLV_OVERHEAD)
        return ERR_TRUNCATED;
    if (found != magic)
        return ERR_MALFORMED;
    if (format != TLV_FORMAT)
        return ERR_UNSUPPORTED;
    struct bytes whole = {in.at, in.len - sizeof(uint32_t)};
    struct reader sum = reader_of((struct bytes){in.at + whole.len, sizeof(uint32_t)});
    if (reader_u32(&sum) != crc32c(whole))
        return ERR_MALFORMED;
    *ret_reader =
        (struct tlv_reader){.r = reader_of((struct bytes){in.at + 5, whole.len - 5})};
    return 0;
}

bool tlv_next(struct tlv_reader *t, uint16_t *ret_tag, struct bytes *ret_value)
{
    if (t->r.left == 0 || t->error)
        return false;
    *ret_tag = reader_u16(&t->r);
    *ret_value = reader_take(&t->r, reader_u32(&t->r));
    t->error = reader_error(&t->r);
    return t->error == 0;
}

int tlv_error(const struct tlv_reader *t)
{
    return t->error;
}

uint32_t tlv_as_u32(struct bytes value)
{
    struct reader r = reader_of(value);
    uint32_t number = reader_u32(&r);
    return reader_end(&r) ? 0 : number;
}

uint64_t tlv_as_u64(struct bytes value)
{
    struct reader r = reader_of(value);
    uint64_t number = reader_u64(&r);
    return reader_end(&r) ? 0 : number;
}
