/* One instance's life on this machine, as a pure state machine: start, probe, restart
 * with back-off, give up, stop. */
/* clang-format off */
/*                  +------------------ back-off over -------------------+
 *                  v                                                    |
 *    start --> STARTING --started--> RUNNING --exited / failing--> PENDING
 *                 |  \                   |                          ^    |
 *                 |   `---failed-----------------------------------'    | too many exits
 *                 |                      |                               v in the window
 *                 `------- stop ---------+--- stop ---> STOPPING       FAILED
 *                                                          |           (given up: it is
 *                                                          |            placed elsewhere)
 *                                                          `--exited--> FINISHED (gone)
 */
/* clang-format on */
#ifndef ISOLATE_LIFECYCLE_H
#define ISOLATE_LIFECYCLE_H

#include "isolate/checks.h"

/* Effects of one call, as flags. */
enum lifecycle_want {
    LIFECYCLE_LAUNCH = 1u << 0,  /* start the task's processes */
    LIFECYCLE_SIGNAL = 1u << 1,  /* send stop_signal to the task */
    LIFECYCLE_KILL = 1u << 2,    /* SIGKILL the whole cgroup */
    LIFECYCLE_CHANGED = 1u << 3, /* state, health, reason... differ: publish the claim */
    LIFECYCLE_GONE = 1u << 4, /* over: remove what is left of it (FINISHED or FAILED) */
    LIFECYCLE_GAVE_UP = 1u << 5, /* with GONE: refuse it for a while, it goes elsewhere */
    LIFECYCLE_PROBE =
        1u << 6, /* probe every check that is_due: lifecycle_probed follows */
};

/* Exits remembered; `attempts` beyond 63 count as 63. */
enum { LIFECYCLE_EXITS_MAX = 64 };

struct lifecycle {
    const struct job_spec *spec; /* must outlive this */
    enum instance_state state;
    enum health health;
    bool is_proven;
    uint64_t started_ms, started_unix_ms, healthy_since_ms;
    uint32_t pid, restarts;
    bool has_exit;
    struct exit_fact last_exit;
    bool is_unstarted; /* the last launch was no start: the next one is no restart */
    char reason[REASON_WHOLE_MAX];
    uint64_t deadline_ms;
    uint64_t exits_ms[LIFECYCLE_EXITS_MAX]; /* the newest exits, for the window; oldest
                                               first */
    uint32_t n_exits;
    uint32_t delay_ms;                /* the current back-off */
    bool is_kill_sent, is_restarting; /* stopping in order to start again */
    bool was_proven;                  /* before checks came that are new to it */
    struct checks checks;
};

/* Is it to be started again at once when it has ended?  Then its host may make ready for that. */
bool lifecycle_is_quick(const struct job_spec *spec);
unsigned lifecycle_start(struct lifecycle *l, const struct job_spec *spec,
                         uint64_t now_ms);
/* Found running (or exited since) by a new agent; then lifecycle_exited may follow at
 * once. */
unsigned lifecycle_adopt(struct lifecycle *l, const struct job_spec *spec,
                         const struct claim_doc *claim, uint64_t now_ms,
                         uint64_t at_unix_ms);
/* The same task under another spec, which must outlive this as well: its checks, restart, update
 * and stop hold from now on.  Of a task that runs, starts or waits to be started again; while it
 * stops, 0 is returned and nothing changed. */
unsigned lifecycle_amend(struct lifecycle *l, const struct job_spec *spec,
                         uint64_t now_ms);
bool lifecycle_may_amend(const struct lifecycle *l);
/* Much may be adopted at one moment: its checks are not probed at once.  `chance`: any number. */
void lifecycle_spread(struct lifecycle *l, uint64_t now_ms, uint64_t chance);
/* Also of one that was adopted before it was known whether it had started. */
unsigned lifecycle_started(struct lifecycle *l, uint64_t now_ms, uint64_t at_unix_ms,
                           uint32_t pid);
unsigned lifecycle_start_failed(struct lifecycle *l, uint64_t now_ms, const char *why);
/* It was not tried: what it needs is not to be had here.  No attempt is used up, it goes elsewhere. */
unsigned lifecycle_refuse(struct lifecycle *l, const char *why);
/* The exits so far count no more, and what waits to be started again need not. */
void lifecycle_retry(struct lifecycle *l, uint64_t now_ms);
/* What nobody saw counts neither as success nor as failure: what is lost is started again, what
 * was never started costs nothing. */
unsigned lifecycle_exited(struct lifecycle *l, uint64_t now_ms,
                          const struct exit_fact *fact);
/* `said`: what the probe met, as harmless text; NULL when the task could not be asked. */
unsigned lifecycle_probed(struct lifecycle *l, struct moment at, unsigned check,
                          bool is_ok, const char *said);
unsigned lifecycle_stop(struct lifecycle *l, uint64_t now_ms, const char *why);
unsigned lifecycle_tick(struct lifecycle *l, uint64_t now_ms);
uint64_t lifecycle_deadline_ms(const struct lifecycle *l); /* UINT64_MAX: none */

#endif
