/* How much of the loop's time a stranger may use: 5 ms in 100, and 20 ms at once after a
 * pause.
 *
 * The loop that answers them answers probes of the other nodes too: without a bound,
 * whoever can connect can make this node look dead. */
#ifndef NETSVC_BUDGET_H
#define NETSVC_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

enum {
    BUDGET_SHARE = 20,          /* one part in 20: 5 ms in 100 */
    BUDGET_BURST_NS = 20000000, /* what is saved up at most */
    /* Who ran out goes on when this much is there again: no wake-up for each microsecond. */
    BUDGET_RESUME_NS = 1000000,
    /* One long request, or a host that did not let us run, is paid off in two seconds. */
    BUDGET_DEBT_MAX_NS = 100000000,
};

struct budget {
    int64_t left_ns; /* negative: owed */
    uint64_t at_ns;  /* when it was that much */
    bool is_out;     /* it was used up, and there is not BUDGET_RESUME_NS yet */
};

struct budget budget_full(uint64_t now_ns);
void budget_spend(struct budget *b, uint64_t now_ns, uint64_t spent_ns);
/* 0: go on.  Otherwise ask again after so many nanoseconds. */
uint64_t budget_wait_ns(struct budget *b, uint64_t now_ns);
bool budget_is_full(struct budget *b, uint64_t now_ns);

#endif
