/* The entry point: hand the words to the command table. */
#include <string.h>

#include "agent/agent.h"
#include "cli/command.h"
#include "core/dump.h"

int main(int argc, char **argv)
{
    dump_forbid(); /* keys of the cluster, or a task's token, may be in here soon */
    /* A task's owner, on hosts that let nothing run from memory; no help lists it. */
    if (argc > 1 && strcmp(argv[1], "shim") == 0)
        return agent_shim(argc - 1, argv + 1);
    return command_main(argc, argv);
}
