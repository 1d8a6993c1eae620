/* What people order of a node.  Each order ends with exactly one NODE_DONE.
 *
 * One that writes is done in two halves, so that what the local store does not take neither enters the
 * table nor leaves the node:
 *
 *     INPUT_ORDER        computes what is to be written
 *     node_staged(...)   if there is any: the host writes it at once, synced, behind what waits for the
 *                        store already; never into a backlog, for what is refused is not tried again
 *     INPUT_COMMITTED    is told how that ended, and goes on or answers with the error
 *
 * Nothing else may be given to the node between these. */
#ifndef AGENT_ORDER_H
#define AGENT_ORDER_H

#include "core/cluster.h"
#include "core/job.h"

enum order_kind {
    ORDER_SUBMIT, /* `jobs` together, all or none */
    ORDER_SCALE,  /* `count` */
    ORDER_STOP,
    ORDER_START,
    ORDER_RESTART,
    ORDER_REMOVE,
    ORDER_VAR_SET, /* `name`, `value` */
    ORDER_VAR_REMOVE,
    ORDER_FORGET, /* `name` of a dead or departed node */
    ORDER_JOIN,   /* `endpoint` */
    ORDER_ROTATE, /* `value`: a new secret and a nonce, random; `is_forced`: whoever it locks out */
    ORDER_LEAVE, /* hand over what we hold, then depart: NODE_EXIT follows */
};

enum { ACK_DEFAULT = 0, ACK_MAJORITY = -1, ACK_ALL = -2 };

struct order {
    enum order_kind kind;
    uint64_t token; /* given back in NODE_DONE */
    const char *ns, *name;
    const struct job_spec *jobs;
    const struct bytes
        *bodies; /* of `jobs`, as spec_canonical makes them; NULL: to be made */
    const struct bytes *texts;  /* of `jobs`, as submitted_pack makes them; NULL: leave what is kept */
    size_t n_jobs;
    uint32_t count;
    uint32_t if_version; /* SUBMIT: only if this is the current version; 0 = any */
    bool if_new;         /* SUBMIT: only jobs that are not there */
    struct bytes value;
    struct endpoint endpoint;
    int ack; /* how many members must have it, or ACK_*; ACK_DEFAULT: what the agent's options say, else
                one besides us, if there is one */
    const char *note;
    const char
        *by; /* SUBMIT, SCALE: who orders it, "root@n1"; NULL: nobody in particular */
    bool keep_scale; /* SUBMIT: a scale that is in force stays so */
    bool is_forced;
};

#endif
