/* The program that a task's shim is (isolate/shim.c), and nothing else: a tenth of the agent's, so that
 * a start is quick and thousands of them weigh little.  The agent carries it (isolate/shim_image.h). */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/dump.h"
#include "isolate/shim.h"

int main(int argc, char **argv)
{
    dump_forbid(); /* a task's token may be in here soon */
    (void)prctl(PR_SET_NAME, "stratos");
    (void)close(SHIM_PROGRAM_FD); /* what we were run from */
    if (argc < 2 || strcmp(argv[1], "shim") != 0) {
        (void)fprintf(stderr, "this is started by the agent\n");
        return 2;
    }
    return shim_main(argc - 1, argv + 1);
}
