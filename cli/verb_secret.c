/* `secret new`: 32 random bytes that make a cluster. */
#include <string.h>

#include "cli/talk.h"
#include "cli/verbs.h"
#include "proto/seal.h"

int verb_secret_new(const struct invocation *in)
{
    struct secret secret;
    char text[45];
    if (seal_init() < 0)
        return fail(in, EXIT_FAILED, "failed", "this host has no randomness to offer");
    secret_new(&secret);
    secret_text(&secret, text);
    if (in->is_json)
        printf("{\"api\":1,\"data\":{\"secret\":\"%s\"}}\n", text);
    else
        puts(text);
    explicit_bzero(&secret, sizeof(secret));
    explicit_bzero(text, sizeof(text));
    return EXIT_DONE;
}
