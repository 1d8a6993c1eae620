/* A DNS query as it comes: header, one question, and OPT and TSIG among the additional records (RFC 1035, 4.1;
 * RFC 6891; RFC 8945).  Pure. */
#ifndef NETSVC_DNS_QUERY_H
#define NETSVC_DNS_QUERY_H

#include "netsvc/dns_zone.h"

enum {
    DNS_HEADER_LEN = 12,
    DNS_OPT_LEN = 11,
    DNS_CLASS_IN = 1,
    DNS_CLASS_ANY = 255,
    DNS_FLAG_QR = 0x8000,
    DNS_FLAG_AA = 0x0400,
    DNS_FLAG_TC = 0x0200,
    DNS_FLAG_RD = 0x0100,
    DNS_EDNS_DO = 0x8000,
    DNS_OPCODE_SHIFT = 11,
    DNS_QUESTION_POINTER = 0xc000 | DNS_HEADER_LEN,
};

struct dns_question {
    struct dns_name name;
    uint16_t id, flags, type, class;
    bool has_edns, wants_dnssec; /* the DO bit */
    uint8_t edns_version;
    uint16_t edns_size;
    enum dns_code code; /* what is wrong with it */
    bool has_question;
    bool has_tsig;
    struct reader tsig; /* stands at the record */
};

/* False: not worth an answer.  `tsig` points into `query`. */
bool dns_query_read(struct bytes query, struct dns_question *q);

#endif
