/* The entry point: hand the words to the command table. */
#include <string.h>

#include "agent/agent.h"
#include "cli/command.h"

int main(int argc, char **argv)
{
    /* A task's owner is this same program under a name that no help lists. */
    if (argc > 1 && strcmp(argv[1], "shim") == 0)
        return agent_shim(argc - 1, argv + 1);
    return command_main(argc, argv);
}
