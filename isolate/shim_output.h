/* What a task writes, from its pipes into its log files: the shim's copying, and what it may cost.
 *
 * A task with a cap of cpu is made to wait when copying for it would cost more than half of that
 * cap; a shim that has much to copy goes to a group of low weight. */
#ifndef ISOLATE_SHIM_OUTPUT_H
#define ISOLATE_SHIM_OUTPUT_H

#include <poll.h>

#include "isolate/cgroup.h"
#include "isolate/log_file.h"
#include "isolate/shim_file.h"

enum { SHIM_OUTPUT_POLLS = LOG_STREAMS };

/* Nanoseconds of processor time that may be used: so many of each second.  Pure. */
struct cpu_budget {
    uint32_t milli; /* 0 = without end */
    int64_t left_ns;
    uint64_t at_ns, used_ns; /* when it was last looked at */
};
void cpu_budget_look(struct cpu_budget *b, uint64_t at_ns, uint64_t used_ns);
int cpu_budget_pause_ms(const struct cpu_budget *b); /* 0: none */

struct shim_output {
    struct {
        int fd; /* the reading end; -1 when it ended */
        struct log_file log;
    } streams[LOG_STREAMS];
    const struct shim_launch *launch;
    const struct cgroup *groups;
    struct cpu_budget budget;
    bool is_aside;
};

int shim_output_open(struct shim_output *o, const struct shim_launch *launch,
                     const struct cgroup *groups, struct err *err);
/* Of the lines from now on it is known which version wrote them. */
void shim_output_started(struct shim_output *o, uint64_t at_unix_ms);
/* Fills `polls`; returns for how long to wait at most, -1: for ever. */
int shim_output_poll(const struct shim_output *o, struct pollfd polls[SHIM_OUTPUT_POLLS]);
void shim_output_copy(struct shim_output *o,
                      const struct pollfd polls[SHIM_OUTPUT_POLLS]);
/* Nothing of the task is left: what is in the pipes is all there is. */
void shim_output_drain(struct shim_output *o);
/* How many bytes of its output were lost. */
uint64_t shim_output_lost(const struct shim_output *o);

#endif
