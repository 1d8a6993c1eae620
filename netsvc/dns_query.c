/* See dns_query.h. */
#include "netsvc/dns_query.h"

#include "core/err.h"

struct record {
    struct reader start;
    bool is_root;
    uint16_t type, class;
    uint32_t ttl;
    struct bytes data;
};

static struct record read_record(struct reader *r)
{
    struct record d = {.start = *r, .is_root = r->left > 0 && *r->at == 0};
    dns_name_skip(r);
    d.type = reader_u16(r);
    d.class = reader_u16(r);
    d.ttl = reader_u32(r);
    d.data = reader_take(r, reader_u16(r));
    return d;
}

/* One at most, owned by the root; its options must add up (RFC 6891, 6.1.1 and 6.1.2). */
static void read_opt(struct reader *r, const struct record *d, struct dns_question *q)
{
    struct reader options = reader_of(d->data);
    while (options.left > 0 && !options.error) {
        (void)reader_u16(&options);
        (void)reader_take(&options, reader_u16(&options));
    }
    if (q->has_edns || !d->is_root || options.error)
        reader_fail(r, ERR_MALFORMED);
    if (q->has_edns || !d->is_root)
        return;
    q->has_edns = true; /* also of one that is wrong inside: the answer has an OPT */
    q->edns_size = d->class;
    q->edns_version = (uint8_t)(d->ttl >> 16);
    q->wants_dnssec = (d->ttl & DNS_EDNS_DO) != 0;
}

/* The last record of all (RFC 8945, 5.1); its names have to be names, for they are repeated. */
static void read_tsig(struct bytes query, struct reader *r, const struct record *d,
                      struct dns_question *q)
{
    struct dns_name name;
    struct reader owner = d->start, data = reader_of(d->data);
    dns_name_read(query, &owner, &name);
    dns_name_read(d->data, &data, &name); /* no pointer can be valid in it */
    (void)reader_take(&data, 6 + 2);      /* time, fudge */
    (void)reader_take(&data, reader_u16(&data));
    (void)reader_take(&data, 2 + 2); /* the first id, error */
    (void)reader_take(&data, reader_u16(&data));
    if (owner.error || reader_end(&data) < 0 || d->class != DNS_CLASS_ANY || d->ttl != 0)
        reader_fail(r, ERR_MALFORMED);
    q->has_tsig = true;
    q->tsig = d->start;
}

/* Step over records to find OPT and TSIG among the additional ones. */
static void read_records(struct bytes query, struct reader *r, size_t n_before,
                         size_t n_additional, struct dns_question *q)
{
    for (size_t i = 0; i < n_before + n_additional && !r->error; i++) {
        struct record d = read_record(r);
        if (r->error)
            return;
        if (q->has_tsig || (i < n_before && (d.type == DNS_OPT || d.type == DNS_TSIG)))
            reader_fail(r, ERR_MALFORMED);
        else if (d.type == DNS_OPT)
            read_opt(r, &d, q);
        else if (d.type == DNS_TSIG)
            read_tsig(query, r, &d, q);
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
    read_records(query, &r, n_before, n_additional, q);
    if (reader_end(&r) < 0)
        q->code = DNS_FORMERR;
    else if (q->has_tsig)
        q->code = DNS_NOTAUTH; /* we share no key with anybody */
    else if (q->has_edns && q->edns_version != 0)
        q->code = DNS_BADVERS;
    else if (q->type == DNS_AXFR || q->type == DNS_IXFR)
        q->code = DNS_REFUSED;
    else if (q->class != DNS_CLASS_IN && q->class != DNS_CLASS_ANY)
        q->code = DNS_REFUSED;
    return true;
}
