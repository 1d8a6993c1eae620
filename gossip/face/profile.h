/* The pace of gossip, and the parts of it that can be left out. */
#ifndef GOSSIP_FACE_PROFILE_H
#define GOSSIP_FACE_PROFILE_H

#include <stdint.h>

/* What goes beyond plain SWIM; each can be left out, so that its worth can be measured. */
enum gossip_part {
    GOSSIP_LOCAL_HEALTH = 1u << 0,      /* Lifeguard: who is late itself probes more patiently */
    GOSSIP_DYNAMIC_SUSPICION = 1u << 1, /* Lifeguard: begins long, confirmations shorten it */
    GOSSIP_BUDDY = 1u << 2,             /* Lifeguard: a suspect is told so in the next word to it */
    GOSSIP_ASK_SUSPECTS = 1u << 3,      /* who hears of a suspicion pings the suspect, or corrects it */
    GOSSIP_NOTICE_STALLS = 1u << 4,     /* time in which we did not run counts against nobody */
    GOSSIP_SHARED_ORDER = 1u << 5,      /* every member is probed once per period, not by chance */
    GOSSIP_DOUBT_SILENCE = 1u << 6,     /* who hears nobody believes in no deaths for a while */
    GOSSIP_FAR_PATIENCE = 1u << 7,      /* whose answers take long has more time for them */
    GOSSIP_NEAR_LINKS = 1u << 8,        /* links of the tree go to who is near, where there is a choice */
    GOSSIP_PLAIN_SWIM = (1u << 9) - 1,  /* leaves out all of them */
};

struct gossip_profile {
    uint32_t probe_period_ms, probe_timeout_ms, indirect_probes;
    double suspicion_mult, suspicion_max_mult;  /* Lifeguard alpha, beta */
    uint32_t gossip_period_ms, gossip_fanout, retransmit_mult;
    uint32_t sync_period_ms;    /* a full exchange with a random peer, besides those the digest asks for */
    uint32_t rejoin_period_ms;  /* a dead member is probed again this rarely */
    uint32_t reap_after_ms;     /* 72 h: then a dead or departed member goes, with its rows */
    uint32_t collect_hold_ms;   /* 1 h: so long deletions are kept for one that is dead or has left */
    uint32_t collect_lag_ms;    /* 10 min: and so long for what is still under way */
    unsigned without;           /* enum gossip_part; 0: everything is on */
};
extern const struct gossip_profile gossip_profile_lan, gossip_profile_wan, gossip_profile_local;
const struct gossip_profile *gossip_profile_named(const char *name); /* NULL if unknown */

/* Of more live members than this only a sample says by itself that it has a record. */
enum { ANSWER_MEMBERS = 256, ANSWER_SAMPLE = 64 };

#endif
