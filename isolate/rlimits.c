/* See rlimits.h.  The usual path: one setrlimit each.  What can fail: to raise a limit without
 * CAP_SYS_RESOURCE, and more open files than fs.nr_open. */
#include "isolate/rlimits.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    FILES = 65536,
    LOCKED_BYTES = 8 << 20,
    QUEUES_BYTES = 800 << 10,
    STACK_BYTES =
        8 << 20, /* of new threads too; unlimited would change the layout of memory */
    PER_USER_MIN = 65536,
};

static struct rlimit both(rlim_t value)
{
    return (struct rlimit){value, value};
}

/* The kernel counts the processes and the pending signals of a user over the whole host.  Of root
 * it bounds the former not at all.  Another user may have other tasks, and programs of the host:
 * bounded by the share of one task, the first of them would keep the next from starting.  What
 * bounds a task is its control group. */
static rlim_t per_user(uint32_t pids, uid_t uid)
{
    if (pids == 0)
        return RLIM_INFINITY;
    return uid == 0 || pids > PER_USER_MIN ? pids : PER_USER_MIN;
}

static struct rlimit usual(int number, uint32_t pids, uid_t uid)
{
    switch (number) {
    case RLIMIT_NOFILE:
        return both(FILES);
    case RLIMIT_CORE:
    case RLIMIT_NICE: /* no priority above others */
    case RLIMIT_RTPRIO:
        return both(0);
    case RLIMIT_NPROC:
    case RLIMIT_SIGPENDING:
        return both(per_user(pids, uid));
    case RLIMIT_MEMLOCK:
        return both(LOCKED_BYTES);
    case RLIMIT_MSGQUEUE:
        return both(QUEUES_BYTES);
    case RLIMIT_STACK:
        return (struct rlimit){STACK_BYTES, RLIM_INFINITY};
    default:
        return both(RLIM_INFINITY);
    }
}

void rlimits_plan(const struct rlimits *asked, uint32_t pids, uid_t uid,
                  struct rlimit_row rows[static RLIMIT_ROWS])
{
    for (int i = 0; i < RLIMIT_ROWS; i++)
        rows[i] = (struct rlimit_row){.number = i, .value = usual(i, pids, uid)};
    for (int kind = 0; kind < RLIMITS_KINDS; kind++) {
        if (!rlimits_has(asked, (enum rlimit_kind)kind))
            continue;
        uint64_t value = asked->at[kind];
        struct rlimit_row *row = &rows[rlimit_names[kind].number];
        row->value = both(value == RLIMITS_UNLIMITED ? RLIM_INFINITY : (rlim_t)value);
        row->is_asked = true;
    }
}

static const char *name_of(int number)
{
    for (int kind = 0; kind < RLIMITS_KINDS; kind++)
        if (rlimit_names[kind].number == number)
            return rlimit_names[kind].text;
    return "resource limit";
}

static rlim_t least(rlim_t a, rlim_t b)
{
    return a < b ? a : b;
}

/* As much of it as is ours to give. */
static int apply_less(const struct rlimit_row *row)
{
    struct rlimit now;
    if (getrlimit(row->number, &now) < 0)
        return -errno;
    now.rlim_max = least(now.rlim_max, row->value.rlim_max);
    now.rlim_cur = least(now.rlim_max, row->value.rlim_cur);
    return setrlimit(row->number, &now) < 0 ? -errno : 0;
}

int rlimits_apply(const struct rlimit_row rows[static RLIMIT_ROWS], struct err *err)
{
    for (size_t i = 0; i < RLIMIT_ROWS; i++) {
        if (setrlimit(rows[i].number, &rows[i].value) == 0)
            continue;
        int code = -errno;
        if (code == -EPERM && !rows[i].is_asked)
            code = apply_less(&rows[i]);
        if (code == -EPERM)
            return err_set(err, code,
                           "cannot set rlimits.%s to %llu: it is more than this node's "
                           "agent may give",
                           name_of(rows[i].number),
                           (unsigned long long)rows[i].value.rlim_max);
        if (code)
            return err_set(err, code, "cannot set rlimits.%s: %s",
                           name_of(rows[i].number), err_text(code));
    }
    return 0;
}

static bool may_raise(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct has[2] = {0};
    return syscall(SYS_capget, &head, has) == 0 &&
           (has[0].effective & 1u << CAP_SYS_RESOURCE) != 0;
}

bool rlimits_short(char *out, size_t cap)
{
    struct rlimit_row rows[RLIMIT_ROWS];
    const struct rlimits none = {0};
    size_t len = 0;
    out[0] = '\0';
    rlimits_plan(&none, 0, 0, rows);
    for (int kind = 0; kind < RLIMITS_KINDS && !may_raise(); kind++) {
        const struct rlimit_row *row = &rows[rlimit_names[kind].number];
        struct rlimit now;
        bool is_per_user =
            row->number == RLIMIT_NPROC || row->number == RLIMIT_SIGPENDING;
        if (is_per_user || getrlimit(row->number, &now) < 0 ||
            now.rlim_max >= row->value.rlim_cur || len >= cap)
            continue;
        int n = snprintf(out + len, cap - len, "%s%s=%llu", len ? " " : "",
                         rlimit_names[kind].text, (unsigned long long)now.rlim_max);
        len += n > 0 ? (size_t)n : 0;
    }
    return len > 0;
}
