/* Domain names as they stand in messages (RFC 1035, 3.1 and 4.1.4), and the bytes of the
 * constants that the answers are made of. */
#ifndef NETSVC_DNS_NAME_H
#define NETSVC_DNS_NAME_H

#include "core/bytes.h"

enum { DNS_NAME_MAX = 255, DNS_LABEL_MAX = 63, DNS_LABELS_MAX = 127 };

enum dns_type {
    DNS_A = 1,
    DNS_NS = 2,
    DNS_SOA = 6,
    DNS_PTR = 12,
    DNS_HINFO = 13,
    DNS_TXT = 16,
    DNS_AAAA = 28,
    DNS_SRV = 33,
    DNS_OPT = 41,
    DNS_TSIG = 250,
    DNS_IXFR = 251,
    DNS_AXFR = 252,
    DNS_ANY = 255,
};

enum dns_code {
    DNS_NOERROR = 0,
    DNS_FORMERR = 1,
    DNS_SERVFAIL = 2,
    DNS_NXDOMAIN = 3,
    DNS_NOTIMP = 4,
    DNS_REFUSED = 5,
    DNS_NOTAUTH = 9,
    DNS_BADVERS = 16,
};

/* A name as it was asked and in lower case. */
struct dns_name {
    uint8_t wire[DNS_NAME_MAX]; /* uncompressed, the asker's case, with the final zero */
    size_t len;
    char lower[DNS_NAME_MAX + 1];   /* labels, each NUL-terminated */
    uint8_t starts[DNS_LABELS_MAX]; /* of each label in `lower` */
    size_t n_labels;
};

/* Read the name that `r` stands at, within the whole `message`.  Compression pointers may
 * only go back, each further than the one before, so that reading ends.  Errors stick in
 * `r`. */
void dns_name_read(struct bytes message, struct reader *r, struct dns_name *ret_name);
void dns_name_skip(struct reader *r);
/* "web.service.stratos", the final dot optional; ERR_MALFORMED. */
int dns_name_of_text(const char *text, struct dns_name *ret_name);
/* Counted from the right: 0 is the top-level label.  "" past the left end. */
const char *dns_name_label(const struct dns_name *name, size_t from_right);

#endif
