/* Keeping a process that holds keys to itself. */
#ifndef CORE_DUMP_H
#define CORE_DUMP_H

/* Is this a build under a sanitizer? */
#ifdef __has_feature
#define DUMP_HAS_SANITIZER                                                               \
    (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DUMP_HAS_SANITIZER 1
#else
#define DUMP_HAS_SANITIZER 0
#endif

/* No core file of this process, and no look into its memory, environment or open files by other
 * processes of its user.  exec resets it, so each program calls this first of all. */
void dump_forbid(void);

#endif
