/* One instance's life on this machine, as a pure state machine: start, probe, restart
 * with back-off, give up, stop.
 *
 *                    +------------------- back-off over -------------------+
 *                    v                                                     |
 *    start --> STARTING --started--> RUNNING --exited / failing--> PENDING-+
 *                 |  \--failed-------------------------------------^  |
 *                 |                     |                             | too many exits in
 * the window
 *                 +------ stop ---------+---- stop ---> STOPPING      v
 *                                                          |        FAILED  (given up;
 * placed elsewhere)
 *                                                          +--exited--> FINISHED (gone)
 */
#ifndef ISOLATE_LIFECYCLE_H
#define ISOLATE_LIFECYCLE_H

#include "core/cluster.h"

enum lifecycle_want {                             /* effects of one call, as flags */
                      LIFECYCLE_LAUNCH = 1u << 0, /* start the task's processes */
                      LIFECYCLE_SIGNAL = 1u << 1, /* send stop_signal to the task */
                      LIFECYCLE_KILL = 1u << 2,   /* SIGKILL the whole cgroup */
                      LIFECYCLE_CHANGED =
                          1u
                          << 3, /* state, health, reason... differ: publish the claim */
                      LIFECYCLE_GONE =
                          1u
                          << 4, /* over: remove what is left of it (FINISHED or FAILED) */
                      LIFECYCLE_GAVE_UP =
                          1u
                          << 5, /* with GONE: refuse it for a while, it goes elsewhere */
                      LIFECYCLE_PROBE = 1u << 6, /* probe every check that is_due, and
                                                    answer with lifecycle_probed */
};

enum {
    LIFECYCLE_EXITS_MAX = 64
}; /* exits remembered; `attempts` beyond 63 count as 63 */

struct lifecycle_check {
    uint64_t next_ms;  /* when to probe next; UINT64_MAX while one is under way or not
                          running */
    uint32_t failures; /* in a row */
    bool is_due;       /* valid until the next call that gets the machine */
    bool has_passed;   /* since the last start */
};

struct lifecycle {
    const struct job_spec *spec; /* must outlive this */
    enum instance_state state;
    enum health health;
    bool is_proven;
    uint64_t started_ms, started_unix_ms, healthy_since_ms;
    uint32_t pid, restarts;
    bool has_exit;
    int32_t last_exit;
    char reason[REASON_LEN_MAX];
    uint64_t deadline_ms;
    uint64_t exits_ms[LIFECYCLE_EXITS_MAX]; /* the newest exits, for the window; oldest
                                               first */
    uint32_t n_exits;
    uint32_t delay_ms;                /* the current back-off */
    bool is_kill_sent, is_restarting; /* stopping in order to start again */
    struct lifecycle_check checks[HEALTH_MAX];
};

unsigned lifecycle_start(struct lifecycle *l, const struct job_spec *spec,
                         uint64_t now_ms);
/* Found running (or exited since) by a new agent; then lifecycle_exited may follow at
 * once. */
unsigned lifecycle_adopt(struct lifecycle *l, const struct job_spec *spec,
                         const struct claim_doc *claim, uint64_t now_ms,
                         uint64_t at_unix_ms);
unsigned lifecycle_started(struct lifecycle *l, uint64_t now_ms, uint64_t at_unix_ms,
                           uint32_t pid);
unsigned lifecycle_start_failed(struct lifecycle *l, uint64_t now_ms, const char *why);
/* `status`: exit code, or 128 + signal. */
unsigned lifecycle_exited(struct lifecycle *l, uint64_t now_ms, int32_t status,
                          bool is_oom);
unsigned lifecycle_probed(struct lifecycle *l, uint64_t now_ms, unsigned check,
                          bool is_ok, const char *detail);
unsigned lifecycle_stop(struct lifecycle *l, uint64_t now_ms, const char *why);
unsigned lifecycle_tick(struct lifecycle *l, uint64_t now_ms);
uint64_t lifecycle_deadline_ms(const struct lifecycle *l); /* UINT64_MAX: none */

#endif
