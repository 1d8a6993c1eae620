/* What this host can do for tasks.  See uv_host.h. */
#include "agent/uv_host.h"

#include <stdio.h>

#include "core/log.h"
#include "isolate/host_try.h"
#include "isolate/landlock.h"
#include "isolate/rlimits.h"

void uv_host_look(struct agent *a)
{
    struct err err = {0};
    const char *lack = landlock_missing(landlock_abi());
    cgroup_host_open(&a->cgroups);
    a->has_cgroups = true;
    int code = host_try(a->cgroups.base, &err);
    if (code == 0 && a->cgroups.mode == CGROUP_NONE)
        code = err_set(&err, ERR_UNSUPPORTED, "%.150s", a->cgroups.cause);
    if (code != 0)
        (void)snprintf(a->tasks_cause, sizeof(a->tasks_cause), "%.159s", err.text);
    else if (lack)
        (void)snprintf(a->tasks_lack, sizeof(a->tasks_lack), "%.159s", lack);
    else if (a->cgroups.swap == CGROUP_SWAP_UNLIMITED)
        (void)snprintf(a->tasks_lack, sizeof(a->tasks_lack), "swap cannot be limited");
    if (a->tasks_cause[0])
        log_line(LOG_WARN, "tasks", "state", "none", "cause", a->tasks_cause, "meaning",
                 "this host cannot run tasks: it is a member, answers and plans, and is "
                 "given none",
                 NULL);
}

void uv_host_announce(const struct agent *a)
{
    const struct cgroup_host *host = &a->cgroups;
    const char *missing = landlock_missing(landlock_abi());
    if (missing)
        log_line(LOG_WARN, "sandbox", "state", "weaker", "cause", missing, NULL);
    const char *mode = cgroup_mode_name(host->mode);
    bool is_none = host->mode == CGROUP_NONE;
    log_line(host->cause[0] ? LOG_WARN : LOG_INFO, "limits", "cgroup", mode,
             host->cause[0] ? "cause" : NULL, host->cause, NULL);
    char less[256];
    if (rlimits_short(less, sizeof(less)))
        log_line(LOG_WARN, "limits", "rlimits", less, "cause",
                 "this agent lacks CAP_SYS_RESOURCE and was started with less than tasks "
                 "should "
                 "have: they get no more",
                 NULL);
    if (!is_none && host->swap == CGROUP_SWAP_UNLIMITED)
        log_line(LOG_WARN, "limits", "swap", "not limited", "cause",
                 "this kernel does not account for swap, and this host has some: a task "
                 "can take "
                 "as much of it as there is, beside its memory",
                 NULL);
}
