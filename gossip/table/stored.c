/* Stored forms.
 *
 *     +---------+----------------------------+-----------------+
 *     | version | fields                     | XXH3 of what is |
 *     | = 1     |                            | before it (8)   |
 *     +---------+----------------------------+-----------------+ */
#include "gossip/table/stored.h"

#include <string.h>

#include "core/err.h"
#include "core/hash.h"

enum { STORED_VERSION = 1, CHECK_LEN = 8, SEED = 0x57a705 };
enum {
    ENTRY_FIELDS = 1 + 16 + 8 * 4,
    NUMBER_FIELDS = 16,
    PEER_FIELDS = 16 + 4 + 1 + 16 + 2
};
enum { FLAG_DELETED = 1u << 0 };

/* `check_with` joins the check without being stored again: an entry's key. */
static struct bytes seal(struct writer *w, struct bytes check_with)
{
    uint64_t check = hash64(writer_done(w), hash64(check_with, SEED));
    writer_u64(w, check);
    return writer_error(w) ? (struct bytes){0} : writer_done(w);
}

static int open(struct bytes in, struct bytes check_with, struct reader *ret_reader)
{
    if (in.len < 1 + CHECK_LEN)
        return ERR_DAMAGED;
    struct bytes body = {in.at, in.len - CHECK_LEN};
    struct reader tail = reader_of((struct bytes){in.at + body.len, CHECK_LEN});
    if (reader_u64(&tail) != hash64(body, hash64(check_with, SEED)))
        return ERR_DAMAGED;
    *ret_reader = reader_of(body);
    return reader_u8(ret_reader) == STORED_VERSION ? 0 : ERR_DAMAGED;
}

static struct writer begin(size_t fields, struct arena *arena)
{
    size_t cap = 1 + fields + CHECK_LEN;
    uint8_t *at = arena_alloc(arena, cap);
    struct writer w = writer_of(at, at ? cap : 0);
    writer_u8(&w, STORED_VERSION);
    return w;
}

struct bytes stored_entry_encode(const struct entry *e, struct arena *arena)
{
    struct writer w = begin(ENTRY_FIELDS + e->value.len, arena);
    writer_u8(&w, e->value.at ? 0 : FLAG_DELETED);
    writer_put(&w, e->writer.at, sizeof(e->writer.at));
    writer_u64(&w, e->epoch);
    writer_u64(&w, e->number);
    writer_u64(&w, e->generation);
    writer_u64(&w, e->stamp);
    if (e->value.at)
        writer_bytes(&w, e->value);
    return seal(&w, e->key);
}

int stored_entry_decode(struct bytes key, struct bytes value, struct entry *ret_entry)
{
    struct reader r;
    if (open(value, key, &r) < 0)
        return ERR_DAMAGED;
    struct entry e = {.key = key};
    bool is_deleted = reader_u8(&r) & FLAG_DELETED;
    reader_copy(&r, e.writer.at, sizeof(e.writer.at));
    e.epoch = reader_u64(&r);
    e.number = reader_u64(&r);
    e.generation = reader_u64(&r);
    e.stamp = reader_u64(&r);
    e.value = reader_rest(&r);
    if (is_deleted)
        e.value = (struct bytes){0};
    if (reader_error(&r))
        return ERR_DAMAGED;
    *ret_entry = e;
    return 0;
}

struct bytes stored_number_encode(uint64_t epoch, uint64_t number, struct arena *arena)
{
    struct writer w = begin(NUMBER_FIELDS, arena);
    writer_u64(&w, epoch);
    writer_u64(&w, number);
    return seal(&w, (struct bytes){0});
}

int stored_number_decode(struct bytes value, uint64_t *ret_epoch, uint64_t *ret_number)
{
    struct reader r;
    if (open(value, (struct bytes){0}, &r) < 0)
        return ERR_DAMAGED;
    uint64_t epoch = reader_u64(&r), number = reader_u64(&r);
    if (reader_end(&r) < 0)
        return ERR_DAMAGED;
    *ret_epoch = epoch;
    *ret_number = number;
    return 0;
}

struct bytes stored_seen_encode(const struct seen_number *line, struct arena *arena)
{
    unsigned n_older = 0;
    while (n_older < SEEN_OLDER && line->older[n_older].epoch != 0)
        n_older++;
    struct writer w = begin((2 + n_older) * NUMBER_FIELDS, arena);
    writer_u64(&w, line->epoch);
    writer_u64(&w, line->number);
    writer_u64(&w, line->before_epoch);
    writer_u64(&w, line->before_number);
    for (unsigned i = 0; i < n_older; i++) {
        writer_u64(&w, line->older[i].epoch);
        writer_u64(&w, line->older[i].number);
    }
    return seal(&w, (struct bytes){0});
}

int stored_seen_decode(struct bytes value, struct seen_number *ret_line)
{
    struct reader r;
    if (open(value, (struct bytes){0}, &r) < 0)
        return ERR_DAMAGED;
    struct seen_number line = {.writer = ret_line->writer};
    line.epoch = reader_u64(&r);
    line.number = reader_u64(&r);
    if (value.len != 1 + NUMBER_FIELDS + CHECK_LEN) {
        line.before_epoch = reader_u64(&r);
        line.before_number = reader_u64(&r);
    }
    size_t n = (value.len - 1 - CHECK_LEN) / NUMBER_FIELDS;
    for (size_t i = 2; i < n && i < 2 + SEEN_OLDER; i++)
        line.older[i - 2] = (struct life){reader_u64(&r), reader_u64(&r)};
    if (reader_end(&r) < 0)
        return ERR_DAMAGED;
    *ret_line = line;
    return 0;
}

struct bytes stored_lives_encode(const struct life *lives, size_t n, struct arena *arena)
{
    struct writer w = begin(n * NUMBER_FIELDS, arena);
    for (size_t i = 0; i < n; i++) {
        writer_u64(&w, lives[i].epoch);
        writer_u64(&w, lives[i].number);
    }
    return seal(&w, (struct bytes){0});
}

int stored_lives_decode(struct bytes value, struct life *ret_lives, size_t cap)
{
    struct reader r;
    if (open(value, (struct bytes){0}, &r) < 0)
        return ERR_DAMAGED;
    size_t n = (value.len - 1 - CHECK_LEN) / NUMBER_FIELDS;
    for (size_t i = 0; i < n && i < cap; i++) {
        ret_lives[i].epoch = reader_u64(&r);
        ret_lives[i].number = reader_u64(&r);
    }
    return n > cap || reader_end(&r) < 0 ? ERR_DAMAGED : (int)n;
}

struct bytes stored_peer_encode(const struct member *member, struct arena *arena)
{
    size_t name_len = strlen(member->name);
    struct writer w = begin(PEER_FIELDS + name_len, arena);
    writer_put(&w, member->id.at, sizeof(member->id.at));
    writer_u32(&w, member->incarnation);
    writer_u8(&w, member->endpoint.family);
    writer_put(&w, member->endpoint.address, sizeof(member->endpoint.address));
    writer_u16(&w, member->endpoint.port);
    writer_put(&w, member->name, name_len);
    return seal(&w, (struct bytes){0});
}

int stored_peer_decode(struct bytes value, char name[static NAME_LEN_MAX + 1],
                       struct member *ret_member)
{
    struct reader r;
    if (open(value, (struct bytes){0}, &r) < 0)
        return ERR_DAMAGED;
    struct member m = {.name = name, .state = MEMBER_ALIVE};
    reader_copy(&r, m.id.at, sizeof(m.id.at));
    m.incarnation = reader_u32(&r);
    m.endpoint.family = reader_u8(&r);
    reader_copy(&r, m.endpoint.address, sizeof(m.endpoint.address));
    m.endpoint.port = reader_u16(&r);
    struct bytes text = reader_rest(&r);
    if (reader_error(&r) || text.len > NAME_LEN_MAX)
        return ERR_DAMAGED;
    if (text.len)
        memcpy(name, text.at, text.len);
    name[text.len] = '\0';
    *ret_member = m;
    return 0;
}
