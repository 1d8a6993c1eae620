/* The caps of a task: `limits`, which its control groups hold, and `rlimits`, which the kernel
 * holds for each of its processes. */
#include <string.h>

#include "core/doc.h"
#include "core/err.h"
#include "sched/jobfile_task.h"

#define MEMBER(name) offsetof(struct task_spec, name)

enum { SHOWN_MAX = 64 };

/* ---- limits ---- */

static SCHEMA_READER(read_swap)
{
    struct task_spec *task = to;
    int error = r->error;
    r->error = 0;
    schema_size(r, key, value, to);
    task->has_swap = r->error == 0;
    r->error = error ? error : r->error;
}

static const struct key limits_keys[] = {
    {"cpu", schema_cpu, .offset = MEMBER(cpu_cap_milli), .min = 10, .max = CPU_MILLI_MAX},
    {"swap", .read = read_swap, .offset = MEMBER(swap_bytes), .min = 0,
     .max = (uint64_t)MEMORY_MIB_MAX << 20},
    {"memory", schema_refused, .text = "resources.memory is the most that a task gets"},
    {"pids", schema_refused, .text = "resources.pids is the most that a task gets"},
    {"io", schema_refused, .text = "leave it out: disk bandwidth is not limited"},
    {"nice", schema_refused, .text = "leave it out: resources.cpu is the task's weight"},
    {"io_weight", schema_refused,
     .text = "leave it out: disk bandwidth is not shared by weight"},
    {"oom_score", schema_refused, .text = "leave it out: a task dies by its own limit"},
    {"cpus", schema_refused,
     .text = "leave it out: tasks run on all cores; cpu is how much of them"},
    {0},
};

SCHEMA_READER(jobfile_limits_read)
{
    (void)key;
    schema_read(r, value, limits_keys, "task.limits", to);
}

/* ---- rlimits ---- */

static int value_of(const char *text, enum rlimit_unit unit, uint64_t *ret_value)
{
    if (strcmp(text, "unlimited") == 0) {
        *ret_value = RLIMITS_UNLIMITED;
        return 0;
    }
    int code;
    if (unit == RLIMITS_SECONDS) {
        code = text_duration_ms(text, ret_value);
        if (code == 0 && *ret_value % 1000)
            return ERR_INVALID;
        *ret_value /= 1000;
        return code;
    }
    return unit == RLIMITS_BYTES ? text_size_bytes(text, ret_value)
                                 : text_uint(text, UINT32_MAX, ret_value);
}

static SCHEMA_READER(read_rlimit)
{
    static const char *const wanted[] = {[RLIMITS_COUNT] = "a whole number",
                                         [RLIMITS_BYTES] = "a size such as 64K, 8M or 1G",
                                         [RLIMITS_SECONDS] =
                                             "whole seconds such as 90s or 2h"};
    struct task_spec *task = to;
    const char *text = schema_text_of(r, value);
    unsigned kind = 0;
    uint64_t number = 0;
    while (strcmp(rlimit_names[kind].text, key->name) != 0)
        kind++;
    const struct rlimit_name *name = &rlimit_names[kind];
    if (!text)
        return;
    if (value_of(text, name->unit, &number) < 0 ||
        (number != RLIMITS_UNLIMITED && number > INT64_MAX)) {
        schema_refuse(r, value, "%s: wants %s, or unlimited, not '%.*s'", key->name,
                      wanted[name->unit], SHOWN_MAX, text);
    } else if (number < name->min) {
        schema_refuse(r, value,
                      "%s: must be at least %llu%s: no program starts with less",
                      key->name,
                      (unsigned long long)(name->unit == RLIMITS_BYTES ? name->min >> 10
                                                                       : name->min),
                      name->unit == RLIMITS_BYTES     ? "K"
                      : name->unit == RLIMITS_SECONDS ? "s"
                                                      : "");
    } else {
        task->rlimits.set |= 1u << kind;
        task->rlimits.at[kind] = number;
    }
}

static const struct key rlimits_keys[] = {
    {"as", .read = read_rlimit},
    {"core", .read = read_rlimit},
    {"cpu", .read = read_rlimit},
    {"data", .read = read_rlimit},
    {"fsize", .read = read_rlimit},
    {"memlock", .read = read_rlimit},
    {"msgqueue", .read = read_rlimit},
    {"nofile", .read = read_rlimit},
    {"nproc", .read = read_rlimit},
    {"sigpending", .read = read_rlimit},
    {"stack", .read = read_rlimit},
    {"nice", schema_refused, .text = "leave it out: no task has priority over the host"},
    {"rtprio", schema_refused,
     .text = "leave it out: no task has priority over the host"},
    {"rttime", schema_refused, .text = "leave it out: no task runs in real time"},
    {"rss", schema_refused, .text = "leave it out: the kernel ignores it"},
    {"locks", schema_refused, .text = "leave it out: the kernel ignores it"},
    {0},
};

SCHEMA_READER(jobfile_rlimits_read)
{
    (void)key;
    schema_read(r, value, rlimits_keys, "task.rlimits", to);
}

const struct key_map jobfile_limits_maps[] = {
    {"task.limits", limits_keys},
    {"task.rlimits", rlimits_keys},
    {0},
};
