/* The records of an answer, as bytes (RFC 1035, 4.1.3; RFC 2782; RFC 6891), and the answer that they are written
 * into.  Pure. */
#ifndef NETSVC_DNS_RECORD_H
#define NETSVC_DNS_RECORD_H

#include "core/rng.h"
#include "netsvc/dns_query.h"

struct dns_draft {
    struct writer w;
    const struct catalog *catalog;
    struct rng *rng;
    struct dns_match match;
    uint16_t zone; /* pointer to "stratos." */
    uint16_t n_answers, n_authority, n_additional;
    bool is_truncated;
};

/* Owner (a pointer), type, class, TTL; the data's length follows. */
void dns_put_head(struct dns_draft *a, uint16_t owner, uint16_t type, uint16_t data_len);
void dns_put_label(struct writer *w, const char *text);
void dns_put_address(struct dns_draft *a, uint16_t owner, const struct endpoint *at);
void dns_put_soa(struct dns_draft *a, uint16_t owner);
/* "web.0" and "n1" as the two strings of a TXT record. */
void dns_put_txt(struct dns_draft *a, const struct catalog_endpoint *e);
/* Priority, weight, port, target.  The target is an address and no node's name, for two nodes may claim
 * one name; it is never compressed (RFC 2782).  Returns the pointer to it, for its address below. */
uint16_t dns_put_srv(struct dns_draft *a, const struct catalog_endpoint *e);
/* What does not fit is taken back. */
bool dns_keep_or_undo(struct dns_draft *a, size_t before);
/* The same for a record of the answer: it is counted, or TC is set (RFC 2181, 9). */
bool dns_keep_answer(struct dns_draft *a, size_t before);
/* `wants_dnssec` is repeated as it was asked (RFC 3225, 3). */
void dns_put_opt(struct writer *w, enum dns_code code, bool wants_dnssec);
/* The TSIG of an answer to a key that is not known: the asker's names and time, no signature, BADKEY (RFC 8945,
 * 5.2.1 and 5.3.2).  False when it does not fit, and then nothing is written. */
bool dns_put_tsig(struct dns_draft *a, struct bytes query, const struct dns_question *q);
void dns_put_header(const struct dns_draft *a, const struct dns_question *q,
                    uint16_t flags, uint16_t n_additional);

#endif
