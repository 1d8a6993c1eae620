/* A recording that is told again: every field that a node can be told, from bytes that nobody made with
 * care.  See agent/recording.h. */
#include <stdlib.h>

#include "agent/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct replay r;
    struct err err = {0};
    if (size > 1 << 16)
        return 0;
    if (replay_run((struct bytes){data, size}, &r, &err) < 0 && !err.text[0])
        abort(); /* without a word */
    return 0;
}
