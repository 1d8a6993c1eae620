/* See rlimits.h.  The least values leave room for a small program and for what still runs of ours
 * before it does. */
#include "core/rlimits.h"

#include <sys/resource.h>

const struct rlimit_name rlimit_names[RLIMITS_KINDS] = {
    [RLIMITS_AS] = {"as", RLIMIT_AS, RLIMITS_BYTES, 32 << 20},
    [RLIMITS_CORE] = {"core", RLIMIT_CORE, RLIMITS_BYTES, 0},
    [RLIMITS_CPU] = {"cpu", RLIMIT_CPU, RLIMITS_SECONDS, 1},
    [RLIMITS_DATA] = {"data", RLIMIT_DATA, RLIMITS_BYTES, 16 << 20},
    [RLIMITS_FSIZE] = {"fsize", RLIMIT_FSIZE, RLIMITS_BYTES, 0},
    [RLIMITS_MEMLOCK] = {"memlock", RLIMIT_MEMLOCK, RLIMITS_BYTES, 0},
    [RLIMITS_MSGQUEUE] = {"msgqueue", RLIMIT_MSGQUEUE, RLIMITS_BYTES, 0},
    [RLIMITS_NOFILE] = {"nofile", RLIMIT_NOFILE, RLIMITS_COUNT, 16},
    [RLIMITS_NPROC] = {"nproc", RLIMIT_NPROC, RLIMITS_COUNT, 1},
    [RLIMITS_SIGPENDING] = {"sigpending", RLIMIT_SIGPENDING, RLIMITS_COUNT, 0},
    [RLIMITS_STACK] = {"stack", RLIMIT_STACK, RLIMITS_BYTES, 1 << 20},
};
