/* Two short rings, looked through whole. */
#include "gossip/table/digests.h"

#include <stddef.h>

static struct digest_mark *find(struct digest_mark *marks, uint64_t digest)
{
    for (size_t i = 0; i < DIGESTS_KEPT; i++) {
        if (marks[i].digest == digest && marks[i].at_ms != 0)
            return &marks[i];
    }
    return NULL;
}

void digests_move(struct digests *d, uint64_t now_ms, uint64_t digest)
{
    if (d->now == digest)
        return;
    struct digest_mark *again = find(d->former, d->now);
    struct digest_mark *place = again ? again : &d->former[d->next_former];
    *place = (struct digest_mark){d->now, now_ms};
    d->next_former = (d->next_former + !again) % DIGESTS_KEPT;
    /* Who shows it from now on shows our own. */
    struct digest_mark *shown = find(d->foreign, digest);
    if (shown)
        *shown = (struct digest_mark){0};
    d->now = digest;
}

bool digests_is_former(const struct digests *d, uint64_t now_ms, uint64_t digest)
{
    for (size_t i = 0; i < DIGESTS_KEPT; i++) {
        if (d->former[i].digest == digest && d->former[i].at_ms != 0)
            return digest != d->now && now_ms - d->former[i].at_ms <= DIGESTS_MS;
    }
    return false;
}

uint64_t digests_own_until(const struct digests *d, uint64_t now_ms, uint64_t digest)
{
    for (size_t i = 0; i < DIGESTS_KEPT && digest != d->now; i++) {
        if (d->former[i].digest == digest)
            return d->former[i].at_ms;
    }
    return digest == d->now ? now_ms : 0;
}

uint64_t digests_show(struct digests *d, uint64_t now_ms, uint64_t digest)
{
    struct digest_mark *shown = find(d->foreign, digest);
    if (shown)
        return shown->at_ms;
    d->foreign[d->next_foreign] = (struct digest_mark){digest, now_ms};
    d->next_foreign = (d->next_foreign + 1) % DIGESTS_KEPT;
    return now_ms;
}
