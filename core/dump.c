/* See dump.h.  Source: PR_SET_DUMPABLE, prctl(2); what it means for /proc: proc(5). */
#include "core/dump.h"

#include <sys/prctl.h>

void dump_forbid(void)
{
    if (DUMP_HAS_SANITIZER) /* LeakSanitizer looks at the process from another one */
        return;
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* cannot fail for 0 */
}
