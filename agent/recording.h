/* What a node was told from its start on, as bytes: for `stratos replay`, which tells the same to a node of
 * its own and compares what that one asks of its host.
 *
 *     magic 8, format u16, then records: kind u8, length u32, fields (recording.c)
 *
 * Each STEP is followed by EFFECTS, a hash of what the node asked for then.  Everything that the node was
 * told is in it, the secret and all variables too. */
#ifndef AGENT_RECORDING_H
#define AGENT_RECORDING_H

#include "agent/node.h"

enum recorded_kind {
    RECORDED_BEGIN,   /* node_new */
    RECORDED_ENTRY,   /* node_restore */
    RECORDED_LEAP,    /* node_leap */
    RECORDED_TASK,    /* node_adopt */
    RECORDED_STEP,    /* node_step */
    RECORDED_EFFECTS, /* what the step before has asked for */
    RECORDED_CLEARED, /* all of it is performed */
    RECORDED_END,     /* nothing more was recorded, and why */
    RECORDED_KINDS,
};

struct recorded {
    enum recorded_kind kind;
    struct moment at; /* BEGIN, TASK, STEP */
    union {
        struct {
            const char *version; /* of the agent */
            struct node_options options;
            struct gossip_profile profile;
            struct disk disk;
        } begin;
        struct {
            enum store_space space;
            struct bytes key, value;
        } entry;
        struct {
            const char *key, *doubt;
            uint32_t pid;
            uint64_t started_unix_ms;
            struct bytes note;
        } task;
        struct {
            struct node_input in;
            struct node_effect asked; /* what `in` may point to */
            struct order order;
            struct disk_facts disk;
            struct address_facts addresses;
        } step;
        struct {
            uint32_t n;
            uint64_t hash; /* of what it appended: effects_hash */
        } effects;
        const char *why; /* END */
    };
};

enum { RECORDED_MAX = 64 << 20 }; /* bytes of one record */

/* The beginning of a file. */
void recording_begin(struct writer *to);
/* ERR_MALFORMED: no recording.  ERR_UNSUPPORTED: of another format. */
int recording_open(struct reader *from);
/* ERR_BOUND: `to` is too small. */
int recorded_write(struct recorded *r, struct writer *to);
/* 1: *ret_r is the next, in `arena` and in the input.  0: the end.  ERR_TRUNCATED: it ends within a record.
 * Else what pass.h says. */
int recorded_read(struct reader *from, struct arena *arena, struct recorded *ret_r);
const char *input_name(enum node_input_kind kind); /* "a datagram" */

/* Of the effects from number `first` on, and of what the node wants written before it goes on, as values. */
uint64_t effects_hash(const struct node *n, const struct node_effects *fx, size_t first);

#endif
