/* The beacon's bytes; the layout is in beacon.h.  What it means is gossip/members/discovery.c's. */
#include "proto/beacon.h"

#include <string.h>

#include "core/err.h"

enum {
    BEACON_KIND = 7,
    BEACON_VERSION = 2,
    FORMER_VERSION = 1, /* of 0.1 */
    FLAG_READY = 1u << 0,
    ROOM = 14
};

void beacon_encode(const struct beacon *b, uint8_t out[static BEACON_LEN])
{
    static const uint8_t room[ROOM];
    struct writer w = writer_of(out, BEACON_LEN);
    writer_u8(&w, BEACON_KIND);
    writer_u8(&w, BEACON_VERSION);
    writer_u8(&w, b->is_ready ? FLAG_READY : 0);
    writer_u8(&w, b->endpoint.family);
    writer_put(&w, b->endpoint.address, sizeof(b->endpoint.address));
    writer_u16(&w, b->endpoint.port);
    writer_put(&w, b->id.at, sizeof(b->id.at));
    writer_u32(&w, b->n_members);
    writer_u64(&w, b->epoch);
    writer_put(&w, room, sizeof(room));
}

int beacon_decode(struct bytes in, struct beacon *ret_beacon)
{
    struct reader r = reader_of(in);
    struct beacon b = {0};
    uint8_t kind = reader_u8(&r), version = reader_u8(&r), flags = reader_u8(&r);
    b.endpoint.family = reader_u8(&r);
    struct bytes address = reader_take(&r, sizeof(b.endpoint.address));
    b.endpoint.port = reader_u16(&r);
    reader_copy(&r, b.id.at, sizeof(b.id.at));
    b.n_members = reader_u32(&r);
    b.epoch = reader_u64(&r);
    (void)reader_take(&r, ROOM);
    int error = reader_end(&r);
    if (error < 0)
        return error;
    if (kind != BEACON_KIND)
        return ERR_MALFORMED;
    if (version != BEACON_VERSION && version != FORMER_VERSION)
        return ERR_UNSUPPORTED;
    if ((b.endpoint.family != 4 && b.endpoint.family != 6) || b.endpoint.port == 0 ||
        b.n_members == 0 || node_id_is_zero(b.id))
        return ERR_MALFORMED;
    memcpy(b.endpoint.address, address.at, b.endpoint.family == 4 ? 4 : 16);
    b.epoch = version == BEACON_VERSION ? b.epoch : 0;
    b.is_ready = flags & FLAG_READY;
    *ret_beacon = b;
    return 0;
}
