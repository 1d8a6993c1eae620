/* Errors: one int space for libuv, the system and us, and a text for people.
 *
 * 0 or a positive count is success, negative is failure.  System and libuv errors keep
 * their value (-ENOENT is UV_ENOENT on Linux); ours live in -1000..-1999, which libuv
 * leaves free. */
#ifndef CORE_ERR_H
#define CORE_ERR_H

enum {
    ERR_MALFORMED = -1000,   /* bytes that do not parse */
    ERR_TRUNCATED = -1001,   /* bytes that end too early */
    ERR_BOUND = -1002,       /* a limit of core/bounds.h was reached */
    ERR_FORGED = -1003,      /* a seal that does not open */
    ERR_REPLAYED = -1004,    /* a seal seen before, or too old to tell */
    ERR_EPOCH = -1005,       /* sealed under a key epoch we do not hold */
    ERR_INVALID = -1006,     /* well-formed, but not allowed here */
    ERR_NOT_FOUND = -1007,   /* no such job, node, key */
    ERR_CONFLICT = -1008,    /* somebody else was first */
    ERR_NOT_READY = -1009,   /* before the first sync */
    ERR_UNPLACEABLE = -1010, /* no node fits */
    ERR_STORE = -1011,       /* the local store failed, and nothing was written */
    ERR_DAMAGED = -1012,     /* stored bytes fail their check */
    ERR_TIMEOUT = -1013,
    ERR_DENIED = -1014,      /* this host or this peer does not allow it */
    ERR_UNSUPPORTED = -1015, /* the format has it, this version does not */
    ERR_CLOCK = -1016,       /* this host's clock is too wrong to stamp a write */
    ERR_UNSURE = -1017,      /* it may stand: the text says who has it */
    ERR_STOPPED = -1018,     /* the job is stopped */
    ERR_EXPIRED = -1019,     /* it was good once */
    ERR_FORMER = -1020,      /* as 0.1 said it, whose wire is another */
};

/* Where a person will read the cause.  Fixed size, no allocation. */
struct err {
    int code;
    char text[512];
};

/* Short upper-case name ("MALFORMED", "ENOENT"); never NULL. */
const char *err_name(int code);

/* One phrase in lower case ("no such file or directory"); never NULL. */
const char *err_text(int code);

/* Fill `err` (may be NULL) and return `code`, so that `return err_set(...)` reads well. */
int err_set(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put context in front: "job 'web'" + "memory: too large" -> "job 'web': memory: too large".
 * Returns err->code (or -EINVAL for NULL). */
int err_wrap(struct err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
