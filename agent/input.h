/* What a node is told: one value at a time, with the moment (node_step).
 *
 * Everything that an input points to is the caller's, and has to be there during the call alone. */
#ifndef AGENT_INPUT_H
#define AGENT_INPUT_H

#include "agent/address.h"
#include "agent/disk.h"
#include "agent/effects.h"
#include "agent/order.h"
#include "core/exit.h"

enum node_input_kind {
    INPUT_JOIN, /* `join`; first of all, and again with addresses that were looked up */
    INPUT_MEET, /* a holder of our secret may be found at `endpoint` */
    INPUT_TICK, /* node_deadline_ms has come */

    INPUT_DATAGRAM,      /* `datagram`, opened */
    INPUT_FORMER,        /* `datagram` of an agent of 0.1 under our secret */
    INPUT_FORMER_BEACON, /* its beacon: `member` */
    INPUT_REFUSED,       /* the host at `endpoint` says that nobody listens there */
    INPUT_STREAM_OPENED, /* `stream`: id, peer; zero when the host cannot tell who it is */
    INPUT_STREAM_FRAME,  /* `stream`: id, frame */
    INPUT_STREAM_CLOSED, /* `stream`: id */
    INPUT_STREAM_FAILED, /* `stream`: id, how; instead of CLOSED, of one of ours that was never open */

    INPUT_PORTS,        /* `ports`: the answer to a NODE_PORTS; NODE_LAUNCH may follow */
    INPUT_TASK_STARTED, /* `task`: key, pid */
    INPUT_TASK_FAILED,  /* `task`: key, why */
    INPUT_TASK_REFUSED, /* `task`: key, why; it was not tried: what it needs is not on this host */
    INPUT_TASK_EXITED,  /* `task`: key, fact */
    INPUT_PROBED,       /* `probed` */

    /* `why`: the store refused a PERSIST of what is no order: our row, which `leave` and `away` change;
     * claims, results and refusals of our tasks; the low-water row; the offer of a secret that is put back
     * or taken out; what others wrote.  Nobody was promised any of it, and each says what is so on this
     * host or elsewhere whatever our disk does.  So it is merged and told all the same, and the host keeps
     * it for later.  Orders are refused until STORE_MENDED. */
    INPUT_STORE_FAILED,
    INPUT_STORE_MENDED,
    /* The store is another one, and empty: PERSIST, in steps, all that it should hold (`is_first`).  Again
     * while node_is_restocking. */
    INPUT_RESTOCK,
    /* `disk`: the host has looked at it; at a start for the first time before JOIN.  It does as
     * node_disk_advice says, and looks again in time. */
    INPUT_DISK,
    /* `address`: the host has looked at its addresses, and listens at `at` from now on; family 0: nowhere,
     * for it has none.  At a start before JOIN, then whenever something may have changed.  A node without an
     * address keeps what it runs, plans nothing and takes no orders; see gossip_move.  One that has none
     * from the start does not start again what has ended, before it knows what others took over. */
    INPUT_ADDRESSED,
    INPUT_ADDRESSED_SECOND, /* it is reached at `endpoint` of the other family as well; family 0: no more */

    INPUT_ORDER,     /* `order`; see agent/order.h */
    INPUT_COMMITTED, /* `committed`: how the store took what node_staged showed */
    /* `away_ms`: the process is about to end and its tasks stay: nobody replaces them for so long.  Whoever
     * waits for an answer gets it now. */
    INPUT_AWAY,
};

struct node_input {
    enum node_input_kind kind;
    union {
        struct {
            const struct endpoint *seeds;
            size_t n;
            bool is_expecting; /* more are looked up */
        } join;
        struct endpoint endpoint;
        struct node_id member;
        struct {
            struct endpoint from;
            struct bytes bytes;
        } datagram;
        struct {
            uint32_t id;
            struct node_id peer;
            struct bytes frame;
            enum knock how;
        } stream;
        struct {
            const struct node_effect *asked; /* of the list that the step appends to */
            const enum port_state
                *states; /* of its first `n` asks, at least of the fixed ones */
            size_t n;
        } ports;
        struct {
            const char *key;
            uint32_t pid;
            const char *why;
            struct exit_fact fact;
        } task;
        struct {
            const char *key;
            unsigned check;
            bool is_ok;
            const char *detail;
        } probed;
        const char *why;
        bool is_first;
        const struct disk_facts *disk;
        struct {
            const struct address_facts *facts;
            struct endpoint at;
        } address;
        const struct order *order;
        struct {
            int status; /* 0; ERR_UNSURE: the disk may have it; any other error: nothing of it was written */
            const char *why;
        } committed;
        uint64_t away_ms;
    };
};

#endif
