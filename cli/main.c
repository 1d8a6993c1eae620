/* The entry point: hand the words to the command table. */
#include <string.h>

#include "isolate/uv_runner.h"

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "shim") == 0)
        return shim_main(argc - 1, argv + 1);
    return 0;
}
