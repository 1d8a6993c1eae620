/* Answering one query.  See dns.h; names are matched in dns_zone.c.
 *
 *      question   as asked, in the asker's case: also the owner of the answers (pointer
 * to 12) answer     one RRset, whole or not at all (then TC over UDP) authority  the SOA
 * with negative answers, so that they are cached for DNS_TTL_S only additional addresses
 * of SRV and NS targets, as far as they fit; then OPT
 *
 * Nothing is allocated.  RFC 1035, 2181, 2308, 2782, 6891, 8482. */
#include "netsvc/dns.h"

#include <string.h>

#include "core/bounds.h"
#include "core/err.h"
#include "core/hash.h"
#include "netsvc/dns_zone.h"

enum {
    HEADER_LEN = 12,
    OPT_LEN = 11,
    CLASS_IN = 1,
    CLASS_ANY = 255,
    FLAG_QR = 0x8000,
    FLAG_AA = 0x0400,
    FLAG_TC = 0x0200,
    FLAG_RD = 0x0100,
    OPCODE_SHIFT = 11,
    QUESTION_POINTER = 0xc000 | HEADER_LEN,
    /* Of a larger service a random sample is answered: 512 SRV records of the longest
     * names still fit a TCP message, and nobody needs more to choose from. */
    PICKS_MAX = 512,
    SEEN_SLOTS = 2 * PICKS_MAX,
    SERVERS_MAX = 8, /* of possibly thousands; resolvers use a few */
};

struct question {
    struct dns_name name;
    uint16_t id, flags, type, class;
    bool has_edns;
    uint8_t edns_version;
    uint16_t edns_size;
    enum dns_code code; /* what is wrong with it */
    bool has_question;
};

struct answer {
    struct writer w;
    const struct catalog *catalog;
    struct rng *rng;
    struct dns_match match;
    uint16_t zone; /* pointer to "stratos." */
    uint16_t n_answers, n_authority, n_additional;
    bool is_truncated;
};

/* ---- the query ---- */

/* Step over records to find the OPT among the additional ones (RFC 6891, 6.1.1: one at
 * most). */
static void read_records(struct reader *r, size_t n_before, size_t n_additional,
                         struct question *q)
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

/* False: not worth an answer. */
static bool read_question(struct bytes query, struct question *q)
{
    struct reader r = reader_of(query);
    q->id = reader_u16(&r);
    q->flags = reader_u16(&r);
    uint16_t n_questions = reader_u16(&r);
    size_t n_before = reader_u16(&r);
    n_before += reader_u16(&r);
    size_t n_additional = reader_u16(&r);
    if (r.error || (q->flags & FLAG_QR))
        return false;
    if ((q->flags >> OPCODE_SHIFT & 0xf) != 0) {
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
    else if (q->class != CLASS_IN && q->class != CLASS_ANY)
        q->code = DNS_REFUSED;
    return true;
}

/* ---- records ---- */

/* Owner (a pointer), type, class, TTL; the data's length follows. */
static void put_head(struct answer *a, uint16_t owner, uint16_t type, uint16_t data_len)
{
    const uint8_t head[12] = {(uint8_t)(owner >> 8),
                              (uint8_t)owner,
                              (uint8_t)(type >> 8),
                              (uint8_t)type,
                              0,
                              CLASS_IN,
                              0,
                              0,
                              (uint8_t)(DNS_TTL_S >> 8),
                              DNS_TTL_S,
                              (uint8_t)(data_len >> 8),
                              (uint8_t)data_len};
    writer_put(&a->w, head, sizeof(head));
}

static void put_label(struct writer *w, const char *text)
{
    size_t len = strlen(text);
    writer_u8(w, (uint8_t)(len > DNS_LABEL_MAX ? DNS_LABEL_MAX : len));
    writer_put(w, text, len > DNS_LABEL_MAX ? DNS_LABEL_MAX : len);
}

static void put_address(struct answer *a, uint16_t owner, const struct endpoint *at)
{
    uint16_t len = at->family == 6 ? 16 : 4;
    put_head(a, owner, at->family == 6 ? DNS_AAAA : DNS_A, len);
    writer_put(&a->w, at->address, len);
}

static void put_soa(struct answer *a, uint16_t owner)
{
    size_t head = a->w.len;
    put_head(a, owner, DNS_SOA, 0);
    size_t data = a->w.len;
    put_label(&a->w, "ns");
    writer_u16(&a->w, a->zone);
    put_label(&a->w, "hostmaster");
    writer_u16(&a->w, a->zone);
    writer_u32(&a->w, a->catalog->serial);
    writer_u32(&a->w, 60);    /* refresh */
    writer_u32(&a->w, 5);     /* retry */
    writer_u32(&a->w, 86400); /* expire */
    writer_u32(&a->w, DNS_TTL_S);
    if (!a->w.error)
        a->w.at[head + 11] = (uint8_t)(a->w.len - data);
}

/* "web.0" and "n1" as the two strings of a TXT record. */
static void put_txt(struct answer *a, const struct catalog_endpoint *e)
{
    size_t instance = strlen(e->instance), node = strlen(e->node);
    instance = instance > 200 ? 200 : instance;
    node = node > DNS_LABEL_MAX ? DNS_LABEL_MAX : node;
    put_head(a, QUESTION_POINTER, DNS_TXT, (uint16_t)(2 + 9 + instance + 5 + node));
    writer_u8(&a->w, (uint8_t)(9 + instance));
    writer_put(&a->w, "instance=", 9);
    writer_put(&a->w, e->instance, instance);
    writer_u8(&a->w, (uint8_t)(5 + node));
    writer_put(&a->w, "node=", 5);
    writer_put(&a->w, e->node, node);
}

/* Priority 0, weight 0, port, target; the target is never compressed (RFC 2782).  Returns
 * the pointer to the target, for its address below. */
static uint16_t put_srv(struct answer *a, const struct catalog_endpoint *e)
{
    size_t node = strlen(e->node);
    node = node > DNS_LABEL_MAX ? DNS_LABEL_MAX : node;
    put_head(a, QUESTION_POINTER, DNS_SRV, (uint16_t)(6 + 1 + node + 14));
    writer_u32(&a->w, 0);
    writer_u16(&a->w, e->at.port);
    uint16_t target = (uint16_t)(0xc000 | (a->w.len & 0x3fff));
    bool is_reachable = a->w.len < 0x4000; /* pointers have 14 bits */
    put_label(&a->w, e->node);
    writer_put(&a->w, "\4node\7stratos", 14); /* the literal's own NUL is the root */
    return is_reachable ? target : 0;
}

/* A record set that does not fit is taken back whole (RFC 2181, 9). */
static bool keep_or_undo(struct answer *a, size_t before)
{
    if (!a->w.error)
        return true;
    a->w.error = 0;
    a->w.len = before;
    return false;
}

/* ---- choosing endpoints ---- */

/* Served endpoints of the match in the rng's order; a random window of a very large
 * service. */
static size_t pick(struct answer *a, uint32_t picks[static PICKS_MAX])
{
    const struct catalog_service *s = a->match.service;
    size_t n = s->n_endpoints, n_picks = 0;
    size_t start = n > PICKS_MAX ? (size_t)rng_below(a->rng, n) : 0;
    for (size_t i = 0; i < n && n_picks < PICKS_MAX; i++) {
        size_t at = start + i < n ? start + i : start + i - n;
        if (s->endpoints[at].is_served && dns_match_has(&a->match, &s->endpoints[at]))
            picks[n_picks++] = (uint32_t)at;
    }
    for (size_t i = n_picks; i > 1; i--) { /* Fisher-Yates */
        size_t j = (size_t)rng_below(a->rng, i);
        uint32_t swap = picks[i - 1];
        picks[i - 1] = picks[j];
        picks[j] = swap;
    }
    return n_picks;
}

/* A set of hashes, at most half full. */
struct seen {
    uint64_t slots[SEEN_SLOTS];
};

/* True when `hash` is new to the first `n_slots` slots (a power of two). */
static bool seen_add(struct seen *seen, size_t n_slots, uint64_t hash)
{
    hash |= 1; /* 0 marks an empty slot */
    for (size_t i = (size_t)(hash >> 32) & (n_slots - 1);; i = (i + 1) & (n_slots - 1)) {
        if (seen->slots[i] == hash)
            return false;
        if (seen->slots[i] == 0) {
            seen->slots[i] = hash;
            return true;
        }
    }
}

static size_t seen_clear(struct seen *seen, size_t n)
{
    size_t n_slots = 8;
    while (n_slots < 2 * n)
        n_slots *= 2;
    memset(seen->slots, 0, n_slots * sizeof(seen->slots[0]));
    return n_slots;
}

static uint64_t address_hash(const struct endpoint *at)
{
    uint64_t low, high;
    memcpy(&low, at->address, 8);
    memcpy(&high, at->address + 8, 8);
    return at->family == 6 ? hash_mix(low, high) : hash_mix(low & 0xffffffff, 4);
}

/* ---- answering by what the name is ---- */

static bool is_wanted(uint16_t type, const struct endpoint *at)
{
    return (type == DNS_A && at->family == 4) || (type == DNS_AAAA && at->family == 6);
}

static void answer_addresses(struct answer *a, uint16_t type)
{
    uint32_t picks[PICKS_MAX];
    struct seen seen;
    size_t n = pick(a, picks), n_slots = seen_clear(&seen, n), before = a->w.len;
    uint16_t written = 0;
    for (size_t i = 0; i < n; i++) {
        const struct endpoint *at = &a->match.service->endpoints[picks[i]].at;
        if (!is_wanted(type, at) || !seen_add(&seen, n_slots, address_hash(at)))
            continue;
        put_address(a, QUESTION_POINTER, at);
        written++;
    }
    if (keep_or_undo(a, before))
        a->n_answers = written;
    else
        a->is_truncated = true;
}

static void answer_txt(struct answer *a)
{
    uint32_t picks[PICKS_MAX];
    size_t n = pick(a, picks), before = a->w.len;
    for (size_t i = 0; i < n; i++)
        put_txt(a, &a->match.service->endpoints[picks[i]]);
    if (keep_or_undo(a, before))
        a->n_answers = (uint16_t)n;
    else
        a->is_truncated = true;
}

static void answer_srv(struct answer *a)
{
    uint32_t picks[PICKS_MAX];
    uint16_t targets[PICKS_MAX];
    struct seen seen;
    const struct catalog_endpoint *all = a->match.service->endpoints;
    size_t n = pick(a, picks), before = a->w.len, kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (all[picks[i]].at.port == 0)
            continue; /* has addresses only */
        picks[kept] = picks[i];
        targets[kept++] = put_srv(a, &all[picks[i]]);
    }
    if (!keep_or_undo(a, before)) {
        a->is_truncated = true;
        return;
    }
    a->n_answers = (uint16_t)kept;
    size_t n_slots = seen_clear(&seen, kept);
    for (size_t i = 0; i < kept; i++) {
        const struct catalog_endpoint *e = &all[picks[i]];
        if (targets[i] == 0 || e->at.family == 0 ||
            !seen_add(&seen, n_slots, hash64(bytes_of_text(e->node), 0)))
            continue;
        before = a->w.len;
        put_address(a, targets[i], &e->at);
        if (!keep_or_undo(a, before))
            break; /* additional records are a courtesy */
        a->n_additional++;
    }
}

static void answer_node(struct answer *a, uint16_t type)
{
    const struct catalog_node *node = a->match.node;
    if (!node->is_live || !is_wanted(type, &node->at))
        return;
    put_address(a, QUESTION_POINTER, &node->at);
    a->n_answers = 1;
}

/* Addresses of a few live nodes, from a random place on; `owner` points to ns.stratos. */
static uint16_t put_servers(struct answer *a, uint16_t owner, uint16_t type)
{
    size_t n = a->catalog->n_nodes;
    size_t start = n > 0 ? (size_t)rng_below(a->rng, n) : 0;
    uint16_t written = 0;
    for (size_t i = 0; i < n && written < SERVERS_MAX; i++) {
        const struct catalog_node *node = &a->catalog->nodes[(start + i) % n];
        if (!node->is_live || !is_wanted(type, &node->at))
            continue;
        size_t before = a->w.len;
        put_address(a, owner, &node->at);
        if (!keep_or_undo(a, before))
            break;
        written++;
    }
    return written;
}

static void answer_apex(struct answer *a, uint16_t type)
{
    if (type == DNS_SOA) {
        put_soa(a, QUESTION_POINTER);
        a->n_answers = 1;
    } else if (type == DNS_NS) {
        put_head(a, QUESTION_POINTER, DNS_NS, 5);
        uint16_t target = (uint16_t)(0xc000 | a->w.len);
        put_label(&a->w, "ns");
        writer_u16(&a->w, a->zone);
        a->n_answers = 1;
        a->n_additional = put_servers(a, target, DNS_A);
        a->n_additional = (uint16_t)(a->n_additional + put_servers(a, target, DNS_AAAA));
    }
}

/* ANY gets one small record instead of everything (RFC 8482). */
static void answer_any(struct answer *a)
{
    put_head(a, QUESTION_POINTER, DNS_HINFO, 9);
    writer_put(&a->w, "\7RFC8482", 9); /* the literal's NUL is the empty second string */
    a->n_answers = 1;
}

static enum dns_code answer_match(struct answer *a, uint16_t type)
{
    enum dns_kind kind = a->match.kind;
    if (kind == DNS_KIND_NONE)
        return DNS_NXDOMAIN;
    if (type == DNS_ANY && kind != DNS_KIND_EMPTY)
        answer_any(a);
    else if (kind == DNS_KIND_APEX)
        answer_apex(a, type);
    else if (kind == DNS_KIND_SERVERS)
        a->n_answers = put_servers(a, QUESTION_POINTER, type);
    else if (kind == DNS_KIND_NODE)
        answer_node(a, type);
    else if (kind == DNS_KIND_EMPTY)
        ;
    else if (type == DNS_SRV)
        answer_srv(a);
    else if (kind != DNS_KIND_PORT && (type == DNS_A || type == DNS_AAAA))
        answer_addresses(a, type);
    else if (kind != DNS_KIND_PORT && type == DNS_TXT)
        answer_txt(a);
    return DNS_NOERROR;
}

/* Everything behind the question.  Returns the code; AA goes with an answer of ours. */
static enum dns_code answer_zone(struct answer *a, const struct question *q,
                                 uint16_t *flags)
{
    if (!dns_zone_holds(&q->name))
        return DNS_REFUSED;
    if (!a->catalog || !a->catalog->is_ready)
        return DNS_SERVFAIL;
    *flags |= FLAG_AA;
    a->zone =
        (uint16_t)(0xc000 | (HEADER_LEN + q->name.len - 9)); /* "\7stratos\0" ends it */
    a->match = dns_zone_match(a->catalog, &q->name);
    enum dns_code code = answer_match(a, q->type);
    if (a->n_answers == 0 && !a->is_truncated) {
        size_t before = a->w.len;
        put_soa(a, a->zone);
        a->n_authority = keep_or_undo(a, before) ? 1 : 0;
    }
    return code;
}

/* ---- the message ---- */

static void put_opt(struct writer *w, enum dns_code code)
{
    writer_u8(w, 0);
    writer_u16(w, DNS_OPT);
    writer_u16(w, DNS_UDP_MAX);
    writer_u8(w, (uint8_t)(code >>
                           4)); /* the upper bits of the code; then version 0, no flags */
    writer_u8(w, 0);
    writer_u16(w, 0);
    writer_u16(w, 0);
}

static void put_header(const struct answer *a, const struct question *q, uint16_t flags,
                       uint16_t n_additional)
{
    struct writer w = writer_of(a->w.at, HEADER_LEN);
    writer_u16(&w, q->id);
    writer_u16(&w, flags);
    writer_u16(&w, q->has_question);
    writer_u16(&w, a->n_answers);
    writer_u16(&w, a->n_authority);
    writer_u16(&w, n_additional);
}

static size_t answer_limit(const struct question *q, bool is_udp, size_t cap)
{
    size_t limit = DNS_MESSAGE_MAX;
    if (is_udp && !q->has_edns)
        limit = DNS_UDP_PLAIN_MAX;
    else if (is_udp)
        limit = q->edns_size < DNS_UDP_PLAIN_MAX ? DNS_UDP_PLAIN_MAX
                : q->edns_size < DNS_UDP_MAX     ? q->edns_size
                                                 : DNS_UDP_MAX;
    return limit < cap ? limit : cap;
}

size_t dns_answer(const struct catalog *catalog, struct rng *rng, struct bytes query,
                  bool is_udp, uint8_t *out, size_t cap)
{
    struct question q;
    q.has_edns = q.has_question =
        false; /* the name inside is large and is written when read */
    q.code = DNS_NOERROR;
    if (cap < DNS_UDP_PLAIN_MAX || !read_question(query, &q))
        return 0;
    size_t opt_len = q.has_edns ? OPT_LEN : 0;
    struct answer a = {.w = writer_of(out, answer_limit(&q, is_udp, cap) - opt_len),
                       .catalog = catalog,
                       .rng = rng};
    uint16_t flags = (uint16_t)(FLAG_QR | (q.flags & (0xf << OPCODE_SHIFT | FLAG_RD)));
    a.w.len = HEADER_LEN;
    if (q.has_question) {
        writer_put(&a.w, q.name.wire, q.name.len);
        writer_u16(&a.w, q.type);
        writer_u16(&a.w, q.class);
    }
    enum dns_code code = q.code ? q.code : answer_zone(&a, &q, &flags);
    a.w.cap += opt_len;
    if (q.has_edns)
        put_opt(&a.w, code);
    flags = (uint16_t)(flags | (a.is_truncated ? FLAG_TC : 0) | (code & 0xf));
    put_header(&a, &q, flags, (uint16_t)(a.n_additional + q.has_edns));
    return a.w.len;
}
