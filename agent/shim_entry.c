/* The door to the shim for main(): where a host lets nothing run from memory, a task's owner is this
 * program under a hidden verb, and cli may include nothing below the agent's entry. */
#include "agent/agent.h"
#include "isolate/shim.h"

int agent_shim(int argc, char **argv)
{
    return shim_main(argc, argv);
}
