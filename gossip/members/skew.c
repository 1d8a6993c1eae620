/* Samples of peers' clocks, and their median.  See skew.h. */
#include "gossip/members/skew.h"

/* Stamps have 48 bits of it (core/stamp.h): what is beyond is no time. */
static const uint64_t UNIX_MS_END = UINT64_C(1) << 48;

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

void skew_look(struct skew *s, uint64_t now_ms, uint64_t at_unix_ms)
{
    if (at_unix_ms >= UNIX_MS_END)
        return;
    int64_t own_ms = (int64_t)at_unix_ms - (int64_t)now_ms;
    if (s->has_own && distance(own_ms, s->own_ms) > SKEW_SET_MS)
        s->set_ms = now_ms;
    s->own_ms = own_ms;
    s->has_own = true;
}

/* That of the same peer, a free one, or that which was asked for longest ago. */
static struct skew_sample *place_for(struct skew *s, struct node_id peer)
{
    struct skew_sample *oldest = &s->samples[0];
    for (size_t i = 0; i < s->n; i++) {
        if (node_id_equal(s->samples[i].peer, peer))
            return &s->samples[i];
        if (s->samples[i].asked_ms < oldest->asked_ms)
            oldest = &s->samples[i];
    }
    return s->n < SKEW_SAMPLES ? &s->samples[s->n++] : oldest;
}

void skew_hear(struct skew *s, struct node_id peer, uint64_t asked_ms, uint32_t rtt_us,
               uint64_t at_unix_ms)
{
    uint64_t middle_ms = asked_ms + (rtt_us / 2 + 500) / 1000;
    if (rtt_us / 1000 > SKEW_RTT_MAX_MS || at_unix_ms == 0 || at_unix_ms >= UNIX_MS_END)
        return;
    *place_for(s, peer) =
        (struct skew_sample){.peer = peer,
                             .ahead_ms = (int64_t)at_unix_ms - (int64_t)middle_ms,
                             .asked_ms = asked_ms};
}

bool skew_of(const struct skew *s, struct node_id peer, int64_t *ret_ahead_ms)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!node_id_equal(s->samples[i].peer, peer))
            continue;
        *ret_ahead_ms = s->samples[i].ahead_ms - s->own_ms;
        return true;
    }
    return false;
}

/* Ours ahead of theirs, of all asked at `since_ms` or later, sorted. */
static size_t sorted_since(const struct skew *s, uint64_t since_ms, int64_t own_ms,
                           int64_t out[static SKEW_SAMPLES])
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->samples[i].asked_ms < since_ms)
            continue;
        int64_t ahead_ms = own_ms - s->samples[i].ahead_ms;
        size_t at = n++;
        for (; at > 0 && out[at - 1] > ahead_ms; at--)
            out[at] = out[at - 1];
        out[at] = ahead_ms;
    }
    return n;
}

size_t skew_tell(const struct skew *s, uint64_t now_ms, uint64_t at_unix_ms,
                 size_t n_peers, uint64_t age_max_ms, int64_t *ret_ahead_ms)
{
    int64_t ahead[SKEW_SAMPLES];
    size_t enough = n_peers < SKEW_ENOUGH ? n_peers : SKEW_ENOUGH;
    uint64_t oldest_ms = now_ms > age_max_ms ? now_ms - age_max_ms : 0;
    if (enough == 0 || at_unix_ms >= UNIX_MS_END)
        return 0;
    int64_t own_ms = (int64_t)at_unix_ms - (int64_t)now_ms;
    /* A jump may also be a host that slept, monotonic clock and all: then what was heard before
     * is wrong, and what is heard after it soon tells. */
    size_t n = s->set_ms > oldest_ms ? sorted_since(s, s->set_ms, own_ms, ahead) : 0;
    if (n < enough)
        n = sorted_since(s, oldest_ms, own_ms, ahead);
    if (n < enough)
        return 0;
    int64_t low = ahead[(n - 1) / 2], high = ahead[n / 2];
    *ret_ahead_ms = low > 0 ? low : high < 0 ? high : 0;
    return n;
}
