/* See dump.h.  Source: PR_SET_DUMPABLE, prctl(2); what it means for /proc: proc(5). */
#include "core/dump.h"

#include <sys/prctl.h>

#ifdef __has_feature
#define HAS_SANITIZER                                                                    \
    (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#else
#define HAS_SANITIZER 0
#endif

void dump_forbid(void)
{
    if (HAS_SANITIZER) /* LeakSanitizer looks at the process from another one */
        return;
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* cannot fail for 0 */
}
