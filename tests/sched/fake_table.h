/* Members and a table for tests of what reads them: filled by hand, so that every odd table can be
 * made, even one that gossip would not let in.  fake_table.c plays the few functions of
 * gossip/face/replica.h that sched asks. */
#ifndef TESTS_SCHED_FAKE_TABLE_H
#define TESTS_SCHED_FAKE_TABLE_H

#include "gossip/face/replica.h"
#include "proto/key.h"

enum { FAKE_MEMBERS = 8, FAKE_ENTRIES = 64, VALUE_MAX = 2048 };

struct members {
    struct member list[FAKE_MEMBERS];
    char names[FAKE_MEMBERS][8];
    uint64_t former_ms; /* of all */
    size_t n;
};

struct table {
    struct fake_entry {
        struct key key;
        uint8_t value[VALUE_MAX];
        size_t len;
        uint64_t number;
    } list[FAKE_ENTRIES];
    size_t n;
    struct entry shown;
};

#endif
