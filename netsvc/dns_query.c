/* See dns_query.h. */
#include "netsvc/dns_query.h"

#include "core/err.h"

/* Step over records to find the OPT among the additional ones (RFC 6891, 6.1.1: one at
 * most). */
static void read_records(struct reader *r, size_t n_before, size_t n_additional,
                         struct dns_question *q)
{
    for (size_t i = 0; i < n_before + n_additional && !r->error; i++) {
        bool is_root = r->left > 0 && *r->at == 0;
        dns_name_skip(r);
        uint16_t type = reader_u16(r), class = reader_u16(r);
        uint32_t ttl = reader_u32(r);
        (void)reader_take(r, reader_u16(r));
        if (r->error || type != DNS_OPT)
            continue;
        if (q->has_edns || !is_root || i < n_before) {
            reader_fail(r, ERR_MALFORMED);
            continue;
        }
        q->has_edns = true;
        q->edns_size = class;
        q->edns_version = (uint8_t)(ttl >> 16);
    }
}

bool dns_query_read(struct bytes query, struct dns_question *q)
{
    struct reader r = reader_of(query);
    q->id = reader_u16(&r);
    q->flags = reader_u16(&r);
    uint16_t n_questions = reader_u16(&r);
    size_t n_before = reader_u16(&r);
    n_before += reader_u16(&r);
    size_t n_additional = reader_u16(&r);
    if (r.error || (q->flags & DNS_FLAG_QR))
        return false;
    if ((q->flags >> DNS_OPCODE_SHIFT & 0xf) != 0) {
        q->code = DNS_NOTIMP;
        return true;
    }
    if (n_questions != 1) {
        q->code = DNS_FORMERR;
        return true;
    }
    dns_name_read(query, &r, &q->name);
    q->type = reader_u16(&r);
    q->class = reader_u16(&r);
    q->has_question = r.error == 0;
    read_records(&r, n_before, n_additional, q);
    if (reader_end(&r) < 0)
        q->code = DNS_FORMERR;
    else if (q->has_edns && q->edns_version != 0)
        q->code = DNS_BADVERS;
    else if (q->type == DNS_AXFR || q->type == DNS_IXFR)
        q->code = DNS_REFUSED;
    else if (q->class != DNS_CLASS_IN && q->class != DNS_CLASS_ANY)
        q->code = DNS_REFUSED;
    return true;
}
