/* Limits that two files must agree on, each with its reason; others stay beside their code.  Reaching
 * one is an error or a counted drop, never an overflow. */
#ifndef CORE_BOUNDS_H
#define CORE_BOUNDS_H

enum {
    NAME_LEN_MAX = 63, /* a DNS label (RFC 1035, 2.3.4): jobs, namespaces, ports, nodes */
    ADDRESS_TEXT_MAX = 64, /* "[" + INET6_ADDRSTRLEN + "]:65535" and a NUL */
    KEY_LEN_MAX = 320,     /* var/<ns>/<name>; claim/<32 hex>/<ns>/<job>/<index or run> */
    VAR_NAME_LEN_MAX = 251,    /* in every namespace; what a key of 0.1 had room for */
    SPEC_LEN_MAX = 256 * 1024, /* one spec body in the table (DESIGN, "Bounds") */
    ENTRY_LEN_MAX = 64 * 1024, /* any other entry's value */
    JOBFILE_LEN_MAX = 1 << 20, /* a file may hold several jobs */
    DATAGRAM_MAX =
        1232, /* IPv6 minimum MTU 1280 less IPv6 and UDP headers: never fragments */
    FRAME_MAX = 512 * 1024, /* one stream frame: a spec body and its neighbours */
    MEMBERS_MAX = 10000,    /* the size everything is laid out for */
    CLAIMS_MAX = 1000000,
    INSTANCES_PER_JOB_MAX = 100000,
    PORTS_MAX = 32,   /* named ports of one task */
    HEALTH_MAX = 16,  /* checks of one job */
    ARGS_MAX = 1024,  /* words of one command */
    ENV_MAX = 1024,   /* environment variables of one task */
    LABELS_MAX = 128, /* labels, attributes, constraints: people write tens */
    CONSTRAINTS_MAX = 64,
    JOBS_PER_FILE_MAX = 1000,
    TEXT_LEN_MAX = 64 * 1024, /* one string of a job file; execve takes 128 KiB at most */
    KEY_TEXT_MAX = 256, /* a label's or variable's name; libyaml reads keys up to 1024 */
    PATTERN_LEN_MAX = 256, /* a constraint's regex: compiled for every node looked at */
    CPU_MILLI_MAX = 1024 * 1000, /* of one task: more cores than a host has */
    MEMORY_MIB_MAX = 64 << 20,   /* of one task: 64 TiB, more than a host has */
    PIDS_PER_TASK_MAX = 4194304, /* the kernel's own PID_MAX_LIMIT */
    DURATION_MS_MAX =
        24 * 24 * 3600 * 1000,   /* 24 days: any pause in a job file; fits an int */
    HTTP_HEADER_MAX = 16 * 1024, /* request line and headers together */
    HTTP_BODY_MAX = 2 << 20,     /* a job file as JSON is at most twice its YAML */
    TEXT_NOTE_MAX = 4096, /* what is told of a submitted text: namespaces, params given */
    REASON_LEN_MAX = 160, /* "why" texts in claims; two lines of a terminal */
    REASON_WHOLE_MAX =
        512, /* of the few that need more, and of notes: an error\'s text */
};

#endif
