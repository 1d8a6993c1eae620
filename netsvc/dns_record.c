/* See dns_record.h. */
#include "netsvc/dns_record.h"

#include <string.h>

#include "netsvc/dns.h"

enum { TSIG_BADKEY = 17 };

void dns_put_head(struct dns_draft *a, uint16_t owner, uint16_t type, uint16_t data_len)
{
    const uint8_t head[12] = {(uint8_t)(owner >> 8),
                              (uint8_t)owner,
                              (uint8_t)(type >> 8),
                              (uint8_t)type,
                              0,
                              DNS_CLASS_IN,
                              0,
                              0,
                              (uint8_t)(DNS_TTL_S >> 8),
                              DNS_TTL_S,
                              (uint8_t)(data_len >> 8),
                              (uint8_t)data_len};
    writer_put(&a->w, head, sizeof(head));
}

void dns_put_label(struct writer *w, const char *text)
{
    size_t len = strlen(text);
    writer_u8(w, (uint8_t)(len > DNS_LABEL_MAX ? DNS_LABEL_MAX : len));
    writer_put(w, text, len > DNS_LABEL_MAX ? DNS_LABEL_MAX : len);
}

void dns_put_address(struct dns_draft *a, uint16_t owner, const struct endpoint *at)
{
    uint16_t len = at->family == 6 ? 16 : 4;
    dns_put_head(a, owner, at->family == 6 ? DNS_AAAA : DNS_A, len);
    writer_put(&a->w, at->address, len);
}

void dns_put_soa(struct dns_draft *a, uint16_t owner)
{
    size_t head = a->w.len;
    dns_put_head(a, owner, DNS_SOA, 0);
    size_t data = a->w.len;
    dns_put_label(&a->w, "ns");
    writer_u16(&a->w, a->zone);
    dns_put_label(&a->w, "hostmaster");
    writer_u16(&a->w, a->zone);
    writer_u32(&a->w, a->catalog->serial);
    writer_u32(&a->w, 60);    /* refresh */
    writer_u32(&a->w, 5);     /* retry */
    writer_u32(&a->w, 86400); /* expire */
    writer_u32(&a->w, DNS_TTL_S);
    if (!a->w.error)
        a->w.at[head + 11] = (uint8_t)(a->w.len - data);
}

void dns_put_txt(struct dns_draft *a, const struct catalog_endpoint *e)
{
    size_t instance = strlen(e->instance), node = strlen(e->node);
    instance = instance > 200 ? 200 : instance;
    node = node > DNS_LABEL_MAX ? DNS_LABEL_MAX : node;
    dns_put_head(a, DNS_QUESTION_POINTER, DNS_TXT,
                 (uint16_t)(2 + 9 + instance + 5 + node));
    writer_u8(&a->w, (uint8_t)(9 + instance));
    writer_put(&a->w, "instance=", 9);
    writer_put(&a->w, e->instance, instance);
    writer_u8(&a->w, (uint8_t)(5 + node));
    writer_put(&a->w, "node=", 5);
    writer_put(&a->w, e->node, node);
}

uint16_t dns_put_srv(struct dns_draft *a, const struct catalog_endpoint *e)
{
    char host[DNS_HEX_MAX];
    size_t len = dns_address_label(&e->at, host);
    dns_put_head(a, DNS_QUESTION_POINTER, DNS_SRV, (uint16_t)(6 + 1 + len + 14));
    writer_u32(&a->w, DNS_SRV_WEIGHT); /* priority 0 before it */
    writer_u16(&a->w, e->at.port);
    uint16_t target = (uint16_t)(0xc000 | (a->w.len & 0x3fff));
    bool is_reachable = a->w.len < 0x4000; /* pointers have 14 bits */
    dns_put_label(&a->w, host);
    writer_put(&a->w, "\4addr\7stratos", 14); /* the literal's own NUL is the root */
    return is_reachable ? target : 0;
}

bool dns_keep_or_undo(struct dns_draft *a, size_t before)
{
    if (!a->w.error)
        return true;
    a->w.error = 0;
    a->w.len = before;
    return false;
}

bool dns_keep_answer(struct dns_draft *a, size_t before)
{
    bool is_kept = dns_keep_or_undo(a, before);
    if (is_kept)
        a->n_answers++;
    else
        a->is_truncated = true;
    return is_kept;
}

void dns_put_opt(struct writer *w, enum dns_code code, bool wants_dnssec)
{
    writer_u8(w, 0);
    writer_u16(w, DNS_OPT);
    writer_u16(w, DNS_UDP_MAX);
    writer_u8(w, (uint8_t)(code >> 4)); /* the upper bits of the code */
    writer_u8(w, 0);                    /* version */
    writer_u16(w, wants_dnssec ? DNS_EDNS_DO : 0);
    writer_u16(w, 0);
}

bool dns_put_tsig(struct dns_draft *a, struct bytes query, const struct dns_question *q)
{
    struct dns_name name;
    struct reader r = q->tsig;
    size_t before = a->w.len;
    dns_name_read(query, &r, &name);
    writer_put(&a->w, name.wire, name.len);
    (void)reader_take(&r, 2 + 2 + 4 + 2); /* type, class, TTL, length */
    dns_name_read((struct bytes){r.at, r.left}, &r, &name);
    struct bytes time_and_fudge = reader_take(&r, 6 + 2);
    (void)reader_take(&r, reader_u16(&r));
    struct bytes first_id = reader_take(&r, 2);
    writer_u16(&a->w, DNS_TSIG);
    writer_u16(&a->w, DNS_CLASS_ANY);
    writer_u32(&a->w, 0);
    writer_u16(&a->w, (uint16_t)(name.len + 6 + 2 + 2 + 2 + 2 + 2));
    writer_put(&a->w, name.wire, name.len);
    writer_bytes(&a->w, time_and_fudge);
    writer_u16(&a->w, 0); /* no signature */
    writer_bytes(&a->w, first_id);
    writer_u16(&a->w, TSIG_BADKEY);
    writer_u16(&a->w, 0);
    return dns_keep_or_undo(a, before);
}

void dns_put_header(const struct dns_draft *a, const struct dns_question *q,
                    uint16_t flags, uint16_t n_additional)
{
    struct writer w = writer_of(a->w.at, DNS_HEADER_LEN);
    writer_u16(&w, q->id);
    writer_u16(&w, flags);
    writer_u16(&w, q->has_question);
    writer_u16(&w, a->n_answers);
    writer_u16(&w, a->n_authority);
    writer_u16(&w, n_additional);
}
