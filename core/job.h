/* A job's spec as a domain value: what the job file says, checked and with defaults filled in.
 *
 * All pointers live in the arena of whoever read it; specs are immutable once read.  sched
 * reads and plans them, isolate runs their task, proto never sees them (the table carries the
 * canonical body as bytes). */
#ifndef CORE_JOB_H
#define CORE_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/ids.h"
#include "core/rlimits.h"

enum job_type { JOB_SERVICE, JOB_SYSTEM, JOB_BATCH, JOB_CRON };

struct pair {
    const char *key, *value;
};

enum constraint_op {
    CONSTRAINT_EQ,     /* == */
    CONSTRAINT_LIKE,   /* POSIX extended regex, anchored to the whole value */
    CONSTRAINT_UNIQUE, /* no two instances of the job share the attribute's value */
};

struct constraint {
    const char *attr, *value; /* value is NULL for unique */
    enum constraint_op op;
};

struct port_spec {
    const char *name;     /* a DNS label */
    uint16_t host_port;   /* 0 = dynamic */
    const char *protocol; /* "tcp" by default; "http", "udp" ... */
};

enum health_kind { HEALTH_HTTP, HEALTH_TCP };
enum health_role {
    HEALTH_LIVE, /* leaves DNS after unready_after, restarts the task after max_failures */
    HEALTH_READY, /* leaves DNS, never restarts */
};

struct health_spec {
    const char *name;
    enum health_kind kind;
    enum health_role role; /* `kind` in a job file */
    const char *path;      /* http only */
    unsigned port_index;   /* into job_spec.ports */
    uint32_t interval_ms, timeout_ms, grace_ms;
    uint32_t unready_after, max_failures; /* in a row; max_failures 0 = never */
    uint16_t status_min, status_max;      /* http only, inclusive */
};
/* Do both ask the same in the same way?  The name is for people. */
bool health_spec_equal(const struct health_spec *a, const struct health_spec *b);

/* What a task may do at this cluster's API, within its job's namespace. */
enum api_scope { API_NONE, API_READ, API_WRITE };

struct task_spec {
    const char *const
        *argv; /* NULL-terminated; a string command is {"/bin/sh","-c",TEXT} */
    size_t n_argv;
    const char *user; /* NULL = the agent's own */
    const char *dir;  /* NULL = the task's own directory */
    const struct pair *env;
    size_t n_env;
    uint32_t cpu_milli; /* the weight under contention, and what placement reserves */
    uint64_t memory_bytes;
    uint32_t pids;
    uint32_t cpu_cap_milli; /* the most it can use; 0 = as much as there is */
    bool has_swap; /* `swap_bytes` was asked for; else none, where that can be said */
    uint64_t swap_bytes;
    struct rlimits rlimits;
    int stop_signal;
    uint32_t stop_timeout_ms;
    bool
        stop_main; /* the signal is for the main process; the others get it when that is gone */
    uint64_t log_max_bytes;
    uint32_t log_max_files;
    uint32_t log_keep_ms; /* after its end */
    enum api_scope api;
};

struct restart_spec {
    uint32_t attempts,
        window_ms; /* more exits than attempts in the window: placed elsewhere */
    uint32_t delay_ms, max_delay_ms;
    uint32_t backoff_permille; /* 1150 = 1.15 */
};

struct update_spec {
    uint32_t max_parallel, min_healthy_time_ms;
};

struct job_spec {
    const char *name, *ns;
    enum job_type type;
    uint32_t count, priority;
    const struct pair *labels;
    size_t n_labels;
    const struct constraint *constraints;
    size_t n_constraints;
    struct task_spec task;
    const struct port_spec *ports;
    size_t n_ports;
    const struct health_spec *health;
    size_t n_health;
    struct restart_spec restart;
    struct update_spec update;
    const char *service_name; /* the job's name by default; NULL = it has none */
    unsigned service_port;    /* index into ports; 0 when there are none */
};

#endif
