/* The beacon by which members of one cluster find each other on a LAN.  It is sealed as a
 * datagram is (seal.h) and always equally long, so that it tells nothing to who lacks the
 * secret.
 *
 *     0      1      2       3        4         20     22        38        42      50          64
 *     +------+------+-------+--------+---------+------+---------+---------+-------+-----------+
 *     | kind | ver  | flags | family | address | port | node id | members | epoch | zero: room|
 *     | = 7  | = 2  | 1 =   | 4 or 6 | (16)    | (2)  | (16)    | (4)     | (8)   | for later |
 *     |      |      | ready |        |         |      |         |         |       |           |
 *     +------+------+-------+--------+---------+------+---------+---------+-------+-----------+
 *
 * Version 1, of 0.1, had no epoch but more room: it is read with epoch 0.
 *
 * It shares the datagrams' key.  The first byte keeps the two apart: no protobuf message
 * begins with 7 (a tag of wire type 7, which does not exist). */
#ifndef PROTO_BEACON_H
#define PROTO_BEACON_H

#include "core/ids.h"
#include "proto/seal.h"

enum { BEACON_LEN = 64, BEACON_SEALED_LEN = BEACON_LEN + SEAL_OVERHEAD };

struct beacon {
    struct node_id id;
    struct endpoint endpoint; /* where its gossip is reached */
    uint32_t n_members;       /* alive as it believes, itself included; never 0 */
    uint64_t epoch;           /* of its present life; 0: not told */
    bool is_ready;
};

void beacon_encode(const struct beacon *b, uint8_t out[static BEACON_LEN]);
/* ERR_TRUNCATED; ERR_UNSUPPORTED for another version; ERR_MALFORMED. */
int beacon_decode(struct bytes in, struct beacon *ret_beacon);

#endif
