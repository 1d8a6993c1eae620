/* What this host is: read at start, published in the node's row; and its addresses, now and
 * then. */
#ifndef AGENT_FACTS_H
#define AGENT_FACTS_H

#include "agent/address.h"
#include "core/arena.h"
#include "core/cluster.h"
#include "core/err.h"

struct facts {
    char hostname[NAME_LEN_MAX +
                  1]; /* as a DNS label: lower case, other bytes become '-' */
    uint32_t cpu_milli;
    uint64_t memory_bytes;
    const char *kernel, *arch, *os; /* "6.1.0-18-amd64", "amd64", "linux" */
    const char *cgroup,
        *swap; /* the mode, and whether swap is limited; NULL: not looked at */
    const char *tasks,
        *tasks_cause; /* "full", "limited" or "none", and why; NULL: not looked at */
    /* its ABI, of which it depends what tasks can be kept from; 0 = none */
    unsigned landlock;
};

int facts_read(struct arena *arena, struct facts *ret_facts, struct err *err);
/* The addresses of all interfaces, in the kernel's order, at most `cap`; returns how many. */
size_t facts_addresses(struct host_address *out, size_t cap);
/* Attributes for the node's row: the facts and the operator's "k=v" texts, sorted, later ones win.
 * ERR_INVALID for a text without '=' or with an empty name. */
int facts_attributes(const struct facts *facts, const char *node_name,
                     const char *const *attrs, size_t n_attrs, struct arena *arena,
                     const struct pair **ret_pairs, size_t *ret_n, struct err *err);

#endif
