/* See hostile.h. */
#include "tests/lib/hostile.h"

#include <stdio.h>
#include <string.h>

#include "gossip/table/table.h"

enum {
    MEMBERS_SOME = 6,
    RANGES_SOME = 4,
    ENTRIES_SOME = 4,
    SEEN_SOME = 20,
    ITEMS_SOME = 40,
    LISTED_SOME = 12,
};

/* What a message has, beside its header; a bit each. */
enum part {
    HAS_TO = 1u << 0,
    HAS_TARGET = 1u << 1,
    HAS_MEMBERS = 1u << 2,
    HAS_RANGES = 1u << 3,
    HAS_SEEN = 1u << 4,
    HAS_BUCKETS = 1u << 5,
    HAS_LISTED = 1u << 6,
    HAS_ITEMS = 1u << 7,
    HAS_COORDINATE = 1u << 8,
    IS_DIGEST_RIGHT = 1u << 9,
    ARE_MEMBERS_RIGHT = 1u << 10,
};

struct node_id hostile_id(unsigned i)
{
    uint8_t fill = (uint8_t)(1 + 17 * (i % HOSTILE_IDS));
    struct node_id id = {{fill, 1, fill}};
    return id;
}

struct endpoint hostile_endpoint(unsigned i)
{
    if (i % 16 == 15)
        return (struct endpoint){6, {[15] = (uint8_t)i}, 7780};
    return (struct endpoint){4, {127, 0, 0, (uint8_t)(1 + i % 16)}, 7780};
}

uint64_t hostile_number(struct reader *script, const struct hostile_truth *truth)
{
    uint8_t pick = reader_u8(script);
    uint64_t low = pick & 15;
    switch (pick >> 4) {
    case 1:
        return truth->number + low - 4;
    case 2:
        return truth->epoch + low - 4;
    case 3:
        return truth->sequence + low - 4;
    case 4:
        return ((uint64_t)1 << 60) + low - 8;
    case 5:
        return UINT64_MAX - low;
    case 6:
        return ((uint64_t)1 << 30) + low - 8;
    case 7:
        return (uint64_t)1 << 4 * low;
    case 8:
        return reader_u64(script);
    default:
        return low;
    }
}

struct bytes hostile_key(struct reader *script, struct arena *arena)
{
    static const char *const plain[] = {
        "var/a",      "var/b",         "job/default/web",   "control/default/web",
        "lost/var/a", "lost/lost/var", "secret/next",       "spec/default/web/00",
        "a",          "forget/",       "claim/x",           "node/",
        "unknown/x",  "var/with a\n",  "lost/spec/default", "forget/00"};
    static const char *const of_id[][2] = {{"node/", ""},
                                           {"claim/", "/default/web/0"},
                                           {"claim/", "/default/web/1"},
                                           {"refuse/", "/default/web/0"},
                                           {"forget/", ""},
                                           {"done/", "/x"},
                                           {"water/", ""},
                                           {"node/", "/x"},
                                           {"grave/", ""}};
    uint8_t pick = reader_u8(script);
    char text[NODE_ID_TEXT], *key = NULL;
    if (pick < 72) {
        key = arena_printf(arena, "%s%s%s", of_id[pick / 8][0],
                           node_id_text(hostile_id(pick), text), of_id[pick / 8][1]);
    } else if (pick >= 250) {
        size_t len =
            pick == 255 ? reader_u8(script) + 1u : (size_t)KEY_LEN_MAX + pick - 252;
        uint8_t *at = arena_alloc(arena, len);
        if (!at)
            return (struct bytes){0};
        memset(at, pick, len);
        if (len >= 4)
            memcpy(at, "var/", 4);
        return (struct bytes){at, len};
    } else if (pick >= 128) {
        key = arena_printf(arena, "var/%u", (unsigned)pick);
    } else {
        key = arena_text(arena, plain[pick % 16]);
    }
    return key ? bytes_of_text(key) : (struct bytes){0};
}

struct bytes hostile_value(struct reader *script, struct arena *arena)
{
    static const size_t lens[] = {600, 1150, 20000, ENTRY_LEN_MAX, ENTRY_LEN_MAX + 1};
    static const char *const texts[] = {
        "0", "1", "5", "1073741823", "18446744073709551615", "-1", "999999999999999", "x",
        /* as low-water rows have them */
        "3 1", "9 9", "4", "0 5", "1 1099511627776", "1 1099511627777",
        "1152921504606846975 7", "18446744073709551615 1",
        /* as graves have them */
        "1 5 0 0 0 0 0 0 0 0", "3 9 1 4 0 0 0 0 0 0", "0 1 1 0 0 0 0 0 0 0",
        "1073741821 1099511627776 2 9 1 4 0 0 0 0"};
    uint8_t pick = reader_u8(script);
    if (pick % 4 == 0)
        return (struct bytes){0};
    if (pick % 4 == 1)
        return bytes_of_text(texts[pick / 4 % 20]);
    if (pick % 4 == 2 && pick >= 128) {
        size_t len = lens[pick / 4 % 5];
        uint8_t *at = arena_alloc(arena, len);
        if (at)
            memset(at, pick, len);
        return (struct bytes){at, at ? len : 0};
    }
    return arena_bytes(arena, reader_take(script, pick / 4));
}

static struct message_member take_member(struct reader *script, struct arena *arena,
                                         const struct hostile_truth *truth)
{
    static const char *const names[] = {"n1", "n2", "n3", "", "a/b", "\x7f", "n 4"};
    uint8_t pick = reader_u8(script), look = reader_u8(script);
    struct message_member m = {
        .id = hostile_id(pick),
        .endpoint = hostile_endpoint(pick % HOSTILE_IDS),
        .state = (enum member_state)(pick >> 3 & 3),
        .incarnation = pick >> 5,
    };
    if (look & 1)
        m.incarnation = (uint32_t)hostile_number(script, truth);
    if (look & 2)
        m.accuser = hostile_id(reader_u8(script));
    if (look & 4)
        m.endpoint = hostile_endpoint(reader_u8(script));
    if ((look & 0x38) == 0x38)
        m.endpoint = (struct endpoint){0};
    const char *name = look & 0x80 ? names[(look >> 4 & 7) % 7] : NULL;
    m.name = name ? name : arena_printf(arena, "n%u", pick % HOSTILE_IDS + 1u);
    if ((look & 0x70) == 0x70) { /* longer than any */
        char *text = arena_alloc(arena, NAME_LEN_MAX + 2);
        if (text) {
            memset(text, 'x', NAME_LEN_MAX + 1);
            text[NAME_LEN_MAX + (look & 1)] = '\0';
            m.name = text;
        }
    }
    return m;
}

/* How much of a range holds together: most do, or they would be refused at once. */
enum range_form { RANGE_WHOLE, RANGE_AFTER_ALL, RANGE_OF_SINGLES = 5, RANGE_ANYHOW };

static void take_entries(struct reader *script, struct arena *arena,
                         const struct hostile_truth *truth, bool is_anyhow,
                         struct message_range *range)
{
    for (size_t i = 0; i < range->n_entries; i++) {
        struct message_entry *e = &range->entries[i];
        uint8_t look = reader_u8(script);
        e->key = hostile_key(script, arena);
        e->value = hostile_value(script, arena);
        e->number = is_anyhow ? hostile_number(script, truth) : range->after + i + 1;
        e->generation = look & 1 ? hostile_number(script, truth) : look >> 4;
        e->stamp = look & 2 ? hostile_number(script, truth) : look;
    }
}

static bool take_ranges(struct reader *script, struct arena *arena,
                        const struct hostile_truth *truth, struct message *m)
{
    m->n_ranges = reader_u8(script) % (RANGES_SOME + 1);
    m->ranges = arena_array(arena, m->n_ranges, sizeof(*m->ranges));
    for (size_t i = 0; m->ranges && i < m->n_ranges; i++) {
        struct message_range *range = &m->ranges[i];
        uint8_t look = reader_u8(script);
        unsigned form = look / HOSTILE_IDS / (ENTRIES_SOME + 1);
        range->writer = hostile_id(look);
        range->n_entries = look / HOSTILE_IDS % (ENTRIES_SOME + 1);
        range->epoch = form == RANGE_WHOLE ? 1 : hostile_number(script, truth);
        range->after = form == RANGE_WHOLE ? 0 : hostile_number(script, truth);
        range->entries = arena_array(arena, range->n_entries, sizeof(*range->entries));
        if (!range->entries)
            return false;
        take_entries(script, arena, truth, form >= RANGE_ANYHOW, range);
        range->through = form >= RANGE_ANYHOW       ? hostile_number(script, truth)
                         : form == RANGE_OF_SINGLES ? 0
                                                    : range->after + range->n_entries;
    }
    return m->ranges != NULL;
}

static bool take_lists(struct reader *script, struct arena *arena, unsigned parts,
                       const struct hostile_truth *truth, struct message *m)
{
    m->n_members = parts & HAS_MEMBERS ? reader_u8(script) % (MEMBERS_SOME + 1) : 0;
    m->n_seen = parts & HAS_SEEN ? reader_u8(script) % (SEEN_SOME + 1) : 0;
    m->n_items = parts & HAS_ITEMS ? reader_u8(script) % (ITEMS_SOME + 1) : 0;
    m->n_listed = parts & HAS_LISTED ? reader_u8(script) % (LISTED_SOME + 1) : 0;
    m->members = arena_array(arena, m->n_members, sizeof(*m->members));
    m->seen = arena_array(arena, m->n_seen, sizeof(*m->seen));
    m->items = arena_array(arena, m->n_items, sizeof(*m->items));
    m->listed = arena_array(arena, m->n_listed, sizeof(*m->listed));
    if (!m->members || !m->seen || !m->items || !m->listed)
        return false;
    for (size_t i = 0; i < m->n_members; i++)
        m->members[i] = take_member(script, arena, truth);
    for (size_t i = 0; i < m->n_seen; i++) {
        uint8_t look = reader_u8(script);
        m->seen[i].writer = hostile_id(look);
        m->seen[i].is_stale = look & 0x80;
        m->seen[i].epoch = hostile_number(script, truth);
        m->seen[i].number = hostile_number(script, truth);
    }
    for (size_t i = 0; i < m->n_items; i++)
        m->items[i] = hostile_number(script, truth);
    for (size_t i = 0; i < m->n_listed; i++)
        m->listed[i] = reader_u8(script) % (MESSAGE_BUCKETS + 1u);
    return true;
}

/* What parts of its buckets it is about. */
static bool take_bucket_parts(struct reader *script, struct arena *arena,
                              struct message *m)
{
    enum { BIT_BYTES = MESSAGE_PARTS / 8 };
    uint8_t look = reader_u8(script);
    uint8_t *bits = arena_alloc(arena, m->n_listed * BIT_BYTES + 1);
    m->parts = arena_array(arena, m->n_listed * MESSAGE_PARTS, sizeof(*m->parts));
    if (!bits || !m->parts)
        return false;
    memset(bits, look, m->n_listed * BIT_BYTES);
    memset(m->parts, 0, m->n_listed * MESSAGE_PARTS * sizeof(*m->parts));
    m->n_parts = look & 1 ? m->n_listed * MESSAGE_PARTS : 0;
    if (look & 2)
        m->listed_parts = (struct bytes){bits, m->n_listed * BIT_BYTES};
    return true;
}

static bool take_buckets(struct reader *script, struct arena *arena,
                         const struct hostile_truth *truth, struct message *m)
{
    m->buckets = arena_array(arena, MESSAGE_BUCKETS, sizeof(*m->buckets));
    m->n_buckets = MESSAGE_BUCKETS;
    if (!m->buckets)
        return false;
    if (truth->buckets)
        memcpy(m->buckets, truth->buckets, MESSAGE_BUCKETS * sizeof(*m->buckets));
    uint8_t n_wrong = reader_u8(script);
    for (unsigned i = 0; i < n_wrong % 8u; i++)
        m->buckets[reader_u8(script) % MESSAGE_BUCKETS] ^= 1;
    if (n_wrong >= 240)
        memset(m->buckets, n_wrong, MESSAGE_BUCKETS * sizeof(*m->buckets));
    return true;
}

bool hostile_message(struct reader *script, struct arena *arena,
                     const struct hostile_truth *truth, struct message *ret_message)
{
    struct message m = {
        .kind = (enum message_kind)(1 + reader_u8(script) % (MESSAGE_KINDS - 1))};
    unsigned parts = reader_u16(script);
    m.sender = take_member(script, arena, truth);
    m.sequence = (uint32_t)hostile_number(script, truth);
    m.digest = parts & IS_DIGEST_RIGHT ? truth->digest : parts;
    m.members_digest = parts & ARE_MEMBERS_RIGHT ? truth->members_digest : parts;
    m.known_epoch = hostile_number(script, truth);
    m.known_number = hostile_number(script, truth);
    m.at_unix_ms = hostile_number(script, truth);
    if (parts & HAS_TO)
        m.to = hostile_id(reader_u8(script));
    m.has_target = parts & HAS_TARGET;
    if (m.has_target)
        m.target = take_member(script, arena, truth);
    if (!take_lists(script, arena, parts, truth, &m) ||
        (parts & HAS_RANGES && !take_ranges(script, arena, truth, &m)) ||
        (parts & HAS_BUCKETS && !take_buckets(script, arena, truth, &m)) ||
        ((m.kind == MESSAGE_BUCKET_PARTS || (m.kind == MESSAGE_LIST && !m.n_buckets)) &&
         !take_bucket_parts(script, arena, &m)))
        return false;
    if (parts & HAS_COORDINATE) {
        m.coordinate = arena_bytes(arena, reader_take(script, MESSAGE_COORDINATE));
        m.coordinate.len = m.coordinate.len ? MESSAGE_COORDINATE : 0;
    }
    if (reader_error(script) != 0)
        return false;
    *ret_message = m;
    return true;
}

const char *hostile_harm(const struct gossip *g, struct node_id self)
{
    const struct members *members = gossip_members(g);
    const struct table *table = gossip_table(g);
    const struct member *me = members_find(members, self);
    struct table_walk walk;
    struct entry e;
    uint64_t digest = 0, buckets = 0;
    size_t n = 0;
    if (!me || me->state == MEMBER_SUSPECT || me->state == MEMBER_DEAD)
        return "it doubts itself";
    table_from_key(table, (struct bytes){0}, &walk);
    for (; table_next(table, &walk, &e); n++) {
        digest ^= entry_hash(&e);
        if (e.kind != table_kind(e.key) || table_check(&e) < 0)
            return "an entry of the wrong form";
    }
    for (size_t i = 0; i < TABLE_BUCKETS; i++)
        buckets ^= table->hashes[i];
    if (digest != table_digest(table) || buckets != digest || n != table_size(table))
        return "the table's digest";
    for (size_t i = 1; i < members_count(members); i++) {
        if (node_id_compare(members_at(members, i - 1)->id, members_at(members, i)->id) >=
            0)
            return "the order of members";
    }
    return NULL;
}
