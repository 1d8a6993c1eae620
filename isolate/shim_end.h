/* The end of a task, as its shim brings it about and writes it down: the orders of agents, the
 * deadline, what init saw. */
#ifndef ISOLATE_SHIM_END_H
#define ISOLATE_SHIM_END_H

#include <poll.h>

#include "isolate/cgroup.h"
#include "isolate/child.h"
#include "isolate/record.h"

enum { SHIM_END_POLLS = 2 };

struct shim_end {
    const struct cgroup *groups;
    struct record *record;
    struct shim_state running; /* what is known of it since its start */
    int init_fd;               /* a pidfd */
    int facts, control;        /* from init; from agents: -1 = none */
    int stop_signal;           /* for what the main process leaves behind */
    uint32_t stop_timeout_ms;
    bool has_end;
    struct child_end seen;  /* by init */
    uint64_t live_until_ms; /* of CLOCK_BOOTTIME; UINT64_MAX: for ever */
    uint64_t kill_again_ms;
    uint64_t amend_ms;       /* not before */
    bool is_ending, is_late; /* told to end; something was left at the end of the grace */
    int left_signal; /* was told to the main process alone: for what it leaves; 0 = none */
};

/* Fills `polls`; returns for how long to wait, -1: for ever. */
int shim_end_poll(const struct shim_end *e, struct pollfd polls[SHIM_END_POLLS]);
/* What has come, and the deadline.  Waits for nothing. */
void shim_end_serve(struct shim_end *e, const struct pollfd polls[SHIM_END_POLLS]);
/* The main process has ended and left nobody: only init is there, and on its way out.  What the kernel takes
 * down with it, mounts and namespaces, takes its time, and nobody needs to wait for that. */
bool shim_end_is_over(const struct shim_end *e);
/* All of the task is gone.  Returns when the record is on the disk, be it after
 * hours: as long as this process lives, no agent says anything of the end. */
void shim_end_write(struct shim_end *e, bool is_init_killed);
/* How much of its output was lost so far: written down beside the rest, while it runs once a second. */
void shim_end_amend(struct shim_end *e, uint64_t lost_bytes);

#endif
