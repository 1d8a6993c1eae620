/* The resource limits of a process that a job file can name, and their values.  A table, so that
 * who reads them, who stores them and who sets them agree.  Source: getrlimit(2). */
#ifndef CORE_RLIMITS_H
#define CORE_RLIMITS_H

#include <stdbool.h>
#include <stdint.h>

/* In the order of their names. */
enum rlimit_kind {
    RLIMITS_AS,
    RLIMITS_CORE,
    RLIMITS_CPU,
    RLIMITS_DATA,
    RLIMITS_FSIZE,
    RLIMITS_MEMLOCK,
    RLIMITS_MSGQUEUE,
    RLIMITS_NOFILE,
    RLIMITS_NPROC,
    RLIMITS_SIGPENDING,
    RLIMITS_STACK,
    RLIMITS_KINDS
};

enum rlimit_unit { RLIMITS_COUNT, RLIMITS_BYTES, RLIMITS_SECONDS };

#define RLIMITS_UNLIMITED UINT64_MAX

struct rlimits {
    uint32_t set; /* bit `kind`: at[kind] was asked for */
    uint64_t at[RLIMITS_KINDS];
};

struct rlimit_name {
    const char *text; /* as in a job file */
    int number;       /* the kernel's */
    enum rlimit_unit unit;
    uint64_t min; /* less would keep any program from starting */
};

extern const struct rlimit_name rlimit_names[RLIMITS_KINDS];

static inline bool rlimits_has(const struct rlimits *limits, enum rlimit_kind kind)
{
    return (limits->set & 1u << kind) != 0;
}

#endif
