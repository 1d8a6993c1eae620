/* Answering one query.  See dns.h; the query is read in dns_query.c, names are matched in dns_zone.c,
 * records are written in dns_record.c. */
/* clang-format off */
/*    question     as asked, in the asker's case: also the owner of the answers (pointer to 12)
 *    answer       one RRset, as much of it as fits (TC when that is not all)
 *    authority    the SOA with negative answers, so that they are cached for DNS_TTL_S only
 *    additional   addresses of SRV and NS targets, as far as they fit; then OPT, then TSIG
 */
/* clang-format on */
/* Part of a set is better than none: resolvers that do not ask again by TCP (musl before 1.2.4) take what there
 * is, and of many endpoints each answer has others.  Nothing is allocated.  RFC 1035, 2308, 2782, 6891, 8482, 8945. */
#include "netsvc/dns.h"

#include <string.h>

#include "core/hash.h"
#include "netsvc/dns_query.h"
#include "netsvc/dns_record.h"
#include "netsvc/dns_reverse.h"
#include "netsvc/dns_zone.h"

enum {
    /* Of a larger service a random sample is answered: 512 SRV records of the longest
     * names still fit a TCP message, and nobody needs more to choose from. */
    PICKS_MAX = 512,
    SEEN_SLOTS = 2 * PICKS_MAX,
    SERVERS_MAX = 8, /* of possibly thousands; resolvers use a few */
};

/* ---- choosing endpoints ---- */

/* Served endpoints of the match in the rng's order; a random window of a very large
 * service. */
static size_t pick(struct dns_draft *a, uint32_t picks[static PICKS_MAX])
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

static void answer_addresses(struct dns_draft *a, uint16_t type)
{
    uint32_t picks[PICKS_MAX];
    struct seen seen;
    size_t n = pick(a, picks), n_slots = seen_clear(&seen, n);
    for (size_t i = 0; i < n && !a->is_truncated; i++) {
        const struct endpoint *at = &a->match.service->endpoints[picks[i]].at;
        size_t before = a->w.len;
        if (!is_wanted(type, at) || !seen_add(&seen, n_slots, address_hash(at)))
            continue;
        dns_put_address(a, DNS_QUESTION_POINTER, at);
        dns_keep_answer(a, before);
    }
}

static void answer_txt(struct dns_draft *a)
{
    uint32_t picks[PICKS_MAX];
    size_t n = pick(a, picks);
    for (size_t i = 0; i < n && !a->is_truncated; i++) {
        size_t before = a->w.len;
        dns_put_txt(a, &a->match.service->endpoints[picks[i]]);
        dns_keep_answer(a, before);
    }
}

static void answer_srv(struct dns_draft *a)
{
    uint32_t picks[PICKS_MAX];
    uint16_t targets[PICKS_MAX];
    struct seen seen;
    const struct catalog_endpoint *all = a->match.service->endpoints;
    size_t n = pick(a, picks), kept = 0;
    for (size_t i = 0; i < n; i++) {
        size_t before = a->w.len;
        if (all[picks[i]].at.port == 0 || all[picks[i]].at.family == 0)
            continue; /* has addresses only, or not even that */
        picks[kept] = picks[i];
        targets[kept] = dns_put_srv(a, &all[picks[i]]);
        if (!dns_keep_answer(a, before))
            return; /* the room is for other targets, not for the addresses of these */
        kept++;
    }
    size_t n_slots = seen_clear(&seen, kept);
    for (size_t i = 0; i < kept; i++) {
        const struct catalog_endpoint *e = &all[picks[i]];
        if (targets[i] == 0 || !seen_add(&seen, n_slots, address_hash(&e->at)))
            continue;
        size_t before = a->w.len;
        dns_put_address(a, targets[i], &e->at);
        if (!dns_keep_or_undo(a, before))
            break; /* additional records are a courtesy */
        a->n_additional++;
    }
}

static void answer_host(struct dns_draft *a, uint16_t type, const struct endpoint *at)
{
    if (!is_wanted(type, at))
        return;
    dns_put_address(a, DNS_QUESTION_POINTER, at);
    a->n_answers = 1;
}

/* Addresses of a few live nodes, from a random place on; `owner` points to ns.stratos. */
static uint16_t put_servers(struct dns_draft *a, uint16_t owner, uint16_t type)
{
    size_t n = a->catalog->n_nodes;
    size_t start = n > 0 ? (size_t)rng_below(a->rng, n) : 0;
    uint16_t written = 0;
    for (size_t i = 0; i < n && written < SERVERS_MAX; i++) {
        const struct catalog_node *node = &a->catalog->nodes[(start + i) % n];
        if (!node->is_live || !is_wanted(type, &node->at))
            continue;
        size_t before = a->w.len;
        dns_put_address(a, owner, &node->at);
        if (!dns_keep_or_undo(a, before))
            break;
        written++;
    }
    return written;
}

static void answer_apex(struct dns_draft *a, uint16_t type)
{
    if (type == DNS_SOA) {
        dns_put_soa(a, DNS_QUESTION_POINTER);
        a->n_answers = 1;
    } else if (type == DNS_NS) {
        dns_put_head(a, DNS_QUESTION_POINTER, DNS_NS, 5);
        uint16_t target = (uint16_t)(0xc000 | a->w.len);
        dns_put_label(&a->w, "ns");
        writer_u16(&a->w, a->zone);
        a->n_answers = 1;
        a->n_additional = put_servers(a, target, DNS_A);
        a->n_additional = (uint16_t)(a->n_additional + put_servers(a, target, DNS_AAAA));
    }
}

/* ANY gets one small record instead of everything (RFC 8482). */
static void answer_any(struct dns_draft *a)
{
    dns_put_head(a, DNS_QUESTION_POINTER, DNS_HINFO, 9);
    writer_put(&a->w, "\7RFC8482", 9); /* the literal's NUL is the empty second string */
    a->n_answers = 1;
}

static enum dns_code answer_match(struct dns_draft *a, uint16_t type)
{
    enum dns_kind kind = a->match.kind;
    if (kind == DNS_KIND_NONE)
        return DNS_NXDOMAIN;
    if (type == DNS_ANY && kind != DNS_KIND_EMPTY)
        answer_any(a);
    else if (kind == DNS_KIND_APEX)
        answer_apex(a, type);
    else if (kind == DNS_KIND_SERVERS)
        a->n_answers = put_servers(a, DNS_QUESTION_POINTER, type);
    else if (kind == DNS_KIND_ADDRESS)
        answer_host(a, type, &a->match.address);
    else if (kind == DNS_KIND_NODE && a->match.node->is_live)
        answer_host(a, type, &a->match.node->at);
    else if (kind == DNS_KIND_EMPTY || kind == DNS_KIND_NODE)
        ;
    else if (type == DNS_SRV)
        answer_srv(a);
    else if (kind != DNS_KIND_PORT && (type == DNS_A || type == DNS_AAAA))
        answer_addresses(a, type);
    else if (kind != DNS_KIND_PORT && type == DNS_TXT)
        answer_txt(a);
    return DNS_NOERROR;
}

/* The names of the nodes at an address; nothing is said of other addresses. */
static enum dns_code answer_reverse(struct dns_draft *a, const struct endpoint *address,
                                    uint16_t type, uint16_t *flags)
{
    const struct catalog_node *node;
    size_t at = 0, n_found = 0;
    while ((node = dns_reverse_next(a->catalog, address, &at)) && n_found < SERVERS_MAX) {
        size_t before = a->w.len, len = strlen(node->name);
        n_found++;
        if (type != DNS_PTR && type != DNS_ANY)
            continue;
        dns_put_head(a, DNS_QUESTION_POINTER, DNS_PTR, (uint16_t)(1 + len + 14));
        dns_put_label(&a->w, node->name);
        writer_put(&a->w, "\4node\7stratos", 14); /* the literal's own NUL is the root */
        if (!dns_keep_answer(a, before))
            break;
    }
    if (n_found == 0)
        return DNS_REFUSED;
    *flags |= DNS_FLAG_AA;
    return DNS_NOERROR;
}

/* Everything behind the question.  Returns the code; AA goes with an answer of ours. */
static enum dns_code answer_zone(struct dns_draft *a, const struct dns_question *q,
                                 uint16_t *flags)
{
    struct endpoint address;
    bool is_reverse = dns_reverse_read(&q->name, &address);
    if (!is_reverse && !dns_zone_holds(&q->name))
        return DNS_REFUSED;
    if (!a->catalog || !a->catalog->is_ready)
        return DNS_SERVFAIL;
    if (is_reverse)
        return answer_reverse(a, &address, q->type, flags);
    *flags |= DNS_FLAG_AA;
    a->zone = (uint16_t)(0xc000 |
                         (DNS_HEADER_LEN + q->name.len - 9)); /* "\7stratos\0" ends it */
    a->match = dns_zone_match(a->catalog, &q->name);
    enum dns_code code = answer_match(a, q->type);
    if (a->n_answers == 0 && !a->is_truncated) {
        size_t before = a->w.len;
        dns_put_soa(a, a->zone);
        a->n_authority = dns_keep_or_undo(a, before) ? 1 : 0;
    }
    return code;
}

static size_t answer_limit(const struct dns_question *q, enum dns_way way, size_t cap)
{
    size_t most = way == DNS_WAY_UDP_NEAR ? DNS_UDP_NEAR_MAX : DNS_UDP_MAX, limit = most;
    if (way == DNS_WAY_TCP)
        limit = DNS_MESSAGE_MAX;
    else if (!q->has_edns || q->edns_size < DNS_UDP_PLAIN_MAX)
        limit = DNS_UDP_PLAIN_MAX;
    else if (q->edns_size < most)
        limit = q->edns_size;
    return limit < cap ? limit : cap;
}

size_t dns_answer(const struct catalog *catalog, struct rng *rng, struct bytes query,
                  enum dns_way way, uint8_t *out, size_t cap)
{
    struct dns_question q;
    /* The name inside is large and is written when read. */
    q.has_edns = q.has_question = q.has_tsig = q.wants_dnssec = false;
    q.code = DNS_NOERROR;
    if (cap < DNS_UDP_PLAIN_MAX || !dns_query_read(query, &q))
        return 0;
    size_t opt_len = q.has_edns ? DNS_OPT_LEN : 0;
    struct dns_draft a = {.w = writer_of(out, answer_limit(&q, way, cap) - opt_len),
                          .catalog = catalog,
                          .rng = rng};
    uint16_t flags =
        (uint16_t)(DNS_FLAG_QR | (q.flags & (0xf << DNS_OPCODE_SHIFT | DNS_FLAG_RD)));
    a.w.len = DNS_HEADER_LEN;
    if (q.has_question) {
        writer_put(&a.w, q.name.wire, q.name.len);
        writer_u16(&a.w, q.type);
        writer_u16(&a.w, q.class);
    }
    enum dns_code code = q.code ? q.code : answer_zone(&a, &q, &flags);
    a.w.cap += opt_len;
    if (q.has_edns)
        dns_put_opt(&a.w, code, q.wants_dnssec);
    uint16_t n_more = q.has_edns;
    if (code == DNS_NOTAUTH && dns_put_tsig(&a, query, &q))
        n_more++;
    flags = (uint16_t)(flags | (a.is_truncated ? DNS_FLAG_TC : 0) | (code & 0xf));
    dns_put_header(&a, &q, flags, (uint16_t)(a.n_additional + n_more));
    return a.w.len;
}
