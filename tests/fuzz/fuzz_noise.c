/* Bytes of a stranger into the handshake, behind the envelope that would stop most of
 * them.  The first byte picks the message, and whether the rest is that message or a mask
 * over a right one. */
#include <stdlib.h>
#include <string.h>

#include "proto/noise.h"
#include "proto/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAX = 512 };

static void begin(struct noise side[2])
{
    uint8_t psk[NOISE_KEY_LEN] = {1}, own[NOISE_KEY_LEN], ephemeral[NOISE_KEY_LEN];
    for (uint8_t i = 0; i < 2; i++) {
        memset(own, 2 + i, sizeof(own));
        memset(ephemeral, 4 + i, sizeof(ephemeral));
        noise_begin(&side[i], i == 0, (struct bytes){0}, psk, own, ephemeral);
    }
}

/* Changed bytes must not open. */
static void read_masked(struct noise *to, uint8_t *message, size_t len, struct bytes mask)
{
    uint8_t out[MESSAGE_MAX];
    bool is_changed = false;
    for (size_t i = 0; i < len && i < mask.len; i++) {
        message[i] ^= mask.at[i];
        is_changed |= mask.at[i] != 0;
    }
    if ((noise_read(to, (struct bytes){message, len}, out, sizeof(out)) < 0) !=
        is_changed)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct noise side[2];
    uint8_t message[MESSAGE_MAX], out[MESSAGE_MAX];
    if (size == 0 || seal_init() < 0)
        return 0;
    struct bytes in = {data + 1, size - 1};
    unsigned last = data[0] % 4;
    bool is_mask = data[0] & 4;
    begin(side);
    for (unsigned i = 0; i < 3; i++) {
        struct noise *from = &side[i % 2], *to = &side[1 - i % 2];
        if (i == last && !is_mask) {
            (void)noise_read(to, in, out, sizeof(out));
            return 0;
        }
        int len = noise_write(from, bytes_of_text("payload"), message, sizeof(message));
        if (len < 0)
            abort();
        read_masked(to, message, (size_t)len, i == last ? in : (struct bytes){0});
        if (i == last)
            return 0;
    }
    return 0;
}
