/* One identity on two live nodes (twin.h). */
#ifndef GOSSIP_MACHINE_PART_TWIN_H
#define GOSSIP_MACHINE_PART_TWIN_H

#include "gossip/face/effects.h"
#include "proto/codec.h"

struct gossip;
struct gossip_effects;

/* One identity on two live nodes (twin.h). */
enum {
    TWIN_CHECKS_MAX = 16,   /* at a time: members do not move often */
    TWINS_KNOWN_MAX = 16,   /* a cloned host is an accident, not a state */
    TWINS_TOLD_MAX = 64,    /* members that one finder tells */
    OWN_ENDPOINTS_MAX = 8,  /* former ones of this life */
};

struct twin_life {
    uint64_t epoch;
    struct endpoint endpoint;
};

struct twin_check {
    struct message_member word; /* that it is alive elsewhere; its name is here */
    char name[NAME_LEN_MAX + 1];
    struct endpoint known;
    uint64_t until_ms; /* 0: free */
    uint32_t sequence;
    uint64_t known_epoch, new_epoch; /* as answered; 0: not yet */
};

struct twin_known {
    struct node_id id;
    struct twin_life elder, younger;
    uint64_t until_ms; /* 0: free */
    uint64_t told_ms;
    unsigned n_again; /* it is told to all so many times more, a probe period apart: any may be lost */
    uint64_t again_ms;
};

typedef void twin_believe(struct gossip *g, uint64_t now_ms, const struct message_member *m,
                          struct gossip_effects *fx);

struct twins {
    twin_believe *believe; /* news_believe, which lies above: word that was held back is taken over */
    struct twin_check checks[TWIN_CHECKS_MAX];
    struct twin_known known[TWINS_KNOWN_MAX];
    struct endpoint own[OWN_ENDPOINTS_MAX]; /* that this life had before */
    uint64_t started_ms;
    struct endpoint self_at; /* where we were heard and never were; none: nowhere */
    uint64_t ask_self_ms;    /* not before */
    uint64_t ask_until_ms;
    uint32_t self_sequence;
    uint64_t self_epoch, self_ms; /* of the first answer as ourselves; 0: none */
    bool is_stopped;
    struct endpoint elder; /* is_stopped: where it is */
};

#endif
