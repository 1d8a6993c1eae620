/* Acts: what people and fate do to a simulated cluster, drawn beforehand as a list, so that a failing
 * run can be shortened by leaving acts out. */
#ifndef SIM_ACT_H
#define SIM_ACT_H

#include "tests/sim/world.h"

enum act_kind_sim {
    FATE_WORK,  /* a job is submitted, or an order given */
    FATE_SPLIT, /* the network falls into sides */
    FATE_HEAL,
    FATE_FLAP,  /* one link goes up and down for a while */
    FATE_CRASH, /* one node's agent dies, perhaps with its tasks */
    FATE_STORM, /* half of the nodes die at once, or all, and come back at once or one by one */
    FATE_REVIVE,  /* one that is down starts, perhaps without its disk */
    FATE_ROTATE,  /* the secret is changed */
    FATE_EXIT,    /* a task ends by itself */
    FATE_JUMP,    /* a node's wall clock is set */
    FATE_VAR,     /* a variable is set or removed */
    FATE_ABSENCE, /* the last node goes down until the end of the faults */
    FATE_DISK,    /* a node's disk refuses some writes */
    FATE_ORDER,   /* an order of order.h */
    FATE_AIL,     /* a disk is full or fails for a while */
    FATE_PORTS, /* other programs of a host take some of its ports, and give the rest back */
    FATE_MOVE,  /* a host's address changes, goes or comes */
    FATE_COPY,  /* of a disk, as it is now */
    FATE_BACK,  /* a copy is put back, of the disk alone or of the memory as well */
    FATE_EDIT,  /* a job is submitted again, with what its tasks cannot see changed */
    FATE_CLONE, /* of a node another host comes up */
    FATE_CUT,   /* the power of one host fails, or of all */
    FATE_PAIR,  /* two orders at once, or one twice */
};

struct fate {
    uint64_t at_ms;
    enum act_kind_sim kind;
    uint64_t dice[2]; /* what is random in it: which node, which job ... */
    bool may_wipe;
};

enum { FATES_MAX = 2048 };

/* All acts of a seed, in order of time; returns how many. */
size_t fate_draw(const struct sim_options *o, uint64_t from_ms, struct fate *out);
void fate_perform(struct sim *s, const struct fate *f);
void fate_end(struct sim *s); /* faults stop, the network heals, who is down starts */
const char *fate_text(const struct fate *f, char *out, size_t cap);

#endif
