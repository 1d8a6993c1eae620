/* Changing the cluster's secret while all go on talking: what one node does with its
 * keys, from what it sees of the others.  Pure, and knows no gossip: see keys.h.
 *
 *     ONE KEY --- the record offers a next secret that the present one opens --->
 *     ACCEPTING   seals with the old, opens both
 *             --- every live member opens the next --->
 *     SENDING     seals with the new, opens both
 *             --- every live member has sealed with the new for ROTATION_GRACE_MS --->
 *     ONE KEY     the new one
 *
 * Who slept while all others went from SENDING to one key, and is then offered a third
 * secret under the new, goes from SENDING to ACCEPTING: the offer's writer had seen that
 * nobody uses the old one any more.
 *
 * At no time does a live member seal with a key that another, as far as their rows tell
 * the truth, does not open: a member begins to seal with the next only after all have
 * said that they open it, and rows are only ever late.  "Live" is the caller's word: who
 * is not waited for and has not heard of it needs the new secret from its operator. */
#ifndef AGENT_ROTATION_H
#define AGENT_ROTATION_H

#include "proto/seal.h"

enum {
    ROTATION_GRACE_MS = 5000, /* datagrams under way, a command that read the file */
};

/* What a live member's row says; 0: nothing. */
struct rotation_peer {
    uint8_t seals, opens; /* epochs; `opens`: besides that */
};

struct rotation {
    struct keyring keys; /* n == 0: this node seals nothing, and does nothing here */
    uint64_t agreed_ms; /* since when every live member is where we wait for it; 0: not */
};

enum rotation_phase { ROTATION_ONE_KEY, ROTATION_ACCEPTING, ROTATION_SENDING };

enum rotation_phase rotation_phase(const struct rotation *r);
/* What our own row is to say. */
struct rotation_peer rotation_own(const struct rotation *r);
/* Take the record in, a wrapped secret.  True when the keys have changed. */
bool rotation_offer(struct rotation *r, struct bytes record);
/* `live`: the live members without ourselves.  True when the keys have changed. */
bool rotation_advance(struct rotation *r, uint64_t now_ms,
                      const struct rotation_peer *live, size_t n);
/* Does a live member need the next secret, and not find it in the record (empty: there is none)?
 * Another write may have displaced the offer: then whoever has both secrets makes it again. */
bool rotation_is_lacking(const struct rotation *r, struct bytes record,
                         const struct rotation_peer *live, size_t n);
void rotation_wrap(const struct rotation *r, enum secret_urgency urgency,
                   uint8_t out[static SECRET_WRAPPED_LEN]);
/* Has everybody one secret, and can it not open this record?  Then it may go, be it the offer of that
 * secret or of a rival's: who learns the old secret later shall not find a new one in the table. */
bool rotation_is_over(const struct rotation *r, struct bytes record,
                      const struct rotation_peer *live, size_t n);

#endif
