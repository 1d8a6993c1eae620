/* The runner's shims as processes: starting them, and waiting for those whose task has ended.  See
 * uv_runner_inside.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isolate/shim_image.h"
#include "isolate/uv_runner_inside.h"

void runner_wake(struct uv_runner *r, uint64_t in_ms)
{
    if (!r->is_closing && (!uv_is_active((uv_handle_t *)&r->timer) || in_ms == 0))
        (void)uv_timer_start(&r->timer, r->on_timer, in_ms, 0);
}

/* ---- those that leave ---- */

void runner_left(struct task *t, pid_t shim_pid)
{
    struct uv_runner *r = t->runner;
    struct leaving *one = calloc(1, sizeof(*one));
    if (!one)
        return; /* the kernel keeps its number until this agent ends */
    *one = (struct leaving){.next = r->leaving, .pid = shim_pid};
    memcpy(one->key, t->key, sizeof(one->key));
    r->leaving = one;
    runner_wake(r, REMOVE_RETRY_MS);
}

/* The groups above those of tasks, and the one of shims, once nobody is in them.  A shim cannot remove the
 * one in which it is. */
static void prune_groups(const struct uv_runner *r)
{
    char group[sizeof(r->group) + 3];
    struct cgroup below = {0};
    (void)snprintf(group, sizeof(group), "%s/-", r->group);
    if (cgroup_find(group, &below, NULL) == 0)
        cgroup_prune(&below);
}

bool runner_reap(struct uv_runner *r)
{
    bool has_reaped = false;
    for (struct leaving **at = &r->leaving; *at;) {
        struct leaving *one = *at;
        if (waitpid(one->pid, NULL, WNOHANG) == 0) {
            at = &one->next;
            continue;
        }
        *at = one->next;
        free(one);
        has_reaped = true;
    }
    if (has_reaped)
        prune_groups(r);
    return r->leaving != NULL;
}

/* ---- those that start ---- */

int runner_spawn(struct uv_runner *r, const struct spawn_order *order, int *ret_lock,
                 pid_t *ret_pid)
{
    if (!r->has_shim) {
        int fd = shim_image_open();
        r->has_shim = true;
        r->shim.fd = fd < 0 ? -1 : fd;
    }
    int code = spawn_shim(order, &r->shim, ret_lock, ret_pid);
    if ((code == -EACCES || code == -EPERM) && r->shim.fd >= 0) {
        (void)close(r->shim.fd);
        r->shim.fd = -1;
        code = spawn_shim(order, &r->shim, ret_lock, ret_pid);
    }
    return code;
}
