/* What glibc has and musl has not: the shim of a release is built with musl (Makefile), which weighs a
 * tenth of it.  Nothing here decides anything, and a musl program shows none of these texts. */
#ifndef CORE_LIBC_H
#define CORE_LIBC_H

#include <string.h>

#ifndef __GLIBC__

static inline const char *strerrorname_np(int number)
{
    (void)number;
    return NULL;
}

static inline const char *strerrordesc_np(int number)
{
    return strerror(number);
}

static inline const char *sigabbrev_np(int number)
{
    (void)number;
    return NULL;
}

#endif
#endif
