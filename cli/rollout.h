/* Is it done yet?  Pure: reads one status answer and says how far a job is from what was
 * asked, what it waits for, and whether waiting still makes sense. */
#ifndef CLI_ROLLOUT_H
#define CLI_ROLLOUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    ROLLOUT_WAITING_MAX = 512, /* an instance, its node, and a reason */
    ROLLOUT_PROGRESS_MAX = 192,
    ROLLOUT_NAME_MAX = 80
};

enum rollout_goal { GOAL_HEALTHY, GOAL_STOPPED };

enum rollout_phase {
    ROLLOUT_UNDERWAY,
    ROLLOUT_DONE,
    ROLLOUT_REPLACED, /* another version is in force now: reverted, or somebody was faster
                       */
    ROLLOUT_STOPPED,  /* the job is stopped: nothing will start */
};

struct rollout {
    enum rollout_phase phase;
    long long wanted, ready;
    bool has_unplaced;  /* an instance that no node could take */
    bool has_failing;   /* an instance that is failed, or keeps being restarted */
    bool has_failed;    /* an instance that is not ready has failed before */
    char progress[ROLLOUT_PROGRESS_MAX]; /* "web v3: 2/3 healthy, 1 starting" */
    char instance[ROLLOUT_NAME_MAX];     /* the one that `waiting` names; "" = none */
    char waiting
        [ROLLOUT_WAITING_MAX]; /* "web.2: pending: no node has 64 cores free"; "" when
                                          done */
};

enum {
    RESTARTS_TOLERATED = 2, /* a third restart of one instance is a pattern */
    STEADY_MS = 2000, /* what has no health check is believed after running this long */
};

struct rollout_asked {
    enum rollout_goal goal;
    const char *version;  /* "v3"; "" = any */
    const json_t *before; /* a status whose processes are to be gone (restart), or NULL */
    uint64_t now_unix_ms; /* 0 = take what runs without health checks for ready at once */
};

/* `status` is the data of `status JOB`. */
void rollout_judge(const json_t *status, const struct rollout_asked *asked,
                   struct rollout *ret_rollout);

#endif
