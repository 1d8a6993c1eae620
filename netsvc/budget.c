/* A bucket of time.  See budget.h. */
#include "netsvc/budget.h"

struct budget budget_full(uint64_t now_ns)
{
    return (struct budget){.left_ns = BUDGET_BURST_NS, .at_ns = now_ns};
}

static void refill(struct budget *b, uint64_t now_ns)
{
    if (now_ns <= b->at_ns)
        return;
    uint64_t gained = (now_ns - b->at_ns) / BUDGET_SHARE;
    uint64_t missing = (uint64_t)(BUDGET_BURST_NS - b->left_ns);
    if (gained >= missing) {
        b->left_ns = BUDGET_BURST_NS;
        b->at_ns = now_ns;
    } else {
        b->left_ns += (int64_t)gained;
        b->at_ns +=
            gained * BUDGET_SHARE; /* what is no whole nanosecond counts next time */
    }
    if (b->left_ns >= BUDGET_RESUME_NS)
        b->is_out = false;
}

void budget_spend(struct budget *b, uint64_t now_ns, uint64_t spent_ns)
{
    refill(b, now_ns);
    uint64_t possible = (uint64_t)(b->left_ns + BUDGET_DEBT_MAX_NS);
    b->left_ns -= (int64_t)(spent_ns < possible ? spent_ns : possible);
    if (b->left_ns <= 0)
        b->is_out = true;
}

uint64_t budget_wait_ns(struct budget *b, uint64_t now_ns)
{
    refill(b, now_ns);
    return b->is_out ? (uint64_t)(BUDGET_RESUME_NS - b->left_ns) * BUDGET_SHARE : 0;
}

bool budget_is_full(struct budget *b, uint64_t now_ns)
{
    refill(b, now_ns);
    return b->left_ns == BUDGET_BURST_NS;
}
