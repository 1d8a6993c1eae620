/* Answers that have to wait: orders until enough members have them, a join until somebody answers, a
 * leave until somebody heard of it. */
#ifndef AGENT_ACKS_H
#define AGENT_ACKS_H

#include "agent/reach.h"
#include "core/err.h"

enum {
    ACKS_MAX = 1024,
    ACK_TIMEOUT_MS = 10000,
    ACK_LINGER_MS = 500, /* once enough have it: so that `told 5/5` is the rule */
    JOIN_TIMEOUT_MS = 3000,
    JOIN_SILENT_ROUNDS = 2, /* then it is asked by TCP why it does not answer */
};

enum ack_kind { ACK_OF_ORDER, ACK_OF_LEAVE, ACK_OF_JOIN };

struct ack {
    enum ack_kind kind;
    uint64_t token;
    uint64_t since_ms,
        enough_ms;            /* enough_ms: when the wanted members had it; 0: not yet */
    int wanted;               /* as in struct order */
    struct holding holding;   /* but for a join */
    struct endpoint endpoint; /* JOIN */
    uint64_t ask_ms;          /* when it is asked again */
    unsigned n_asked;
    enum knock knocked; /* why it is silent */
};

struct acks {
    struct ack waiting[ACKS_MAX];
    size_t n;
};

/* One NODE_DONE of an order that did not come to anything.  Nobody has it. */
void ack_refuse(uint64_t token, int code, const char *text, const struct gossip *gossip,
                struct node_effects *out);

bool acks_are_full(const struct acks *a);
int acks_refuse_more(struct err *err); /* ERR_BOUND, in words */
/* Of what is neither too much nor answered yet. */
void acks_add(struct acks *a, const struct ack *ack);
/* Answer those whose time has come; called after each step. */
void acks_check(struct acks *a, struct gossip *gossip, struct moment at,
                struct node_effects *out);
/* Nobody listens at that address, says its host. */
void acks_refused(struct acks *a, struct endpoint at);
/* Why an address is silent, as a stream to it showed. */
void acks_knocked(struct acks *a, struct endpoint at, enum knock how);
/* This node ends (`why`): answer all, with what is known now. */
void acks_end(struct acks *a, struct gossip *gossip, struct moment at, const char *why,
              struct node_effects *out);
uint64_t acks_deadline_ms(const struct acks *a);

#endif
