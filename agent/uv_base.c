/* What every file of the agent's host stands on: the moment, the step, and the end. */
#include <time.h>

#include "agent/recorder.h"
#include "agent/uv_agent.h"

enum { LAST_WORDS_MS = 300 }; /* between the last datagram and the end of the process */

struct moment agent_now(struct agent *a)
{
    struct timespec wall;
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    uv_update_time(&a->loop);
    return (struct moment){.now_ms = uv_now(&a->loop),
                           .at_unix_ms = (uint64_t)wall.tv_sec * 1000 +
                                         (uint64_t)wall.tv_nsec / 1000000,
                           .now_us = uv_hrtime() / 1000};
}

void agent_step(struct agent *a, const struct node_input *in)
{
    struct moment at = agent_now(a);
    size_t first = a->fx.n;
    if (a->recorder) {
        struct recorded what = {.kind = RECORDED_STEP, .at = at, .step = {.in = *in}};
        recorder_put(a->recorder, &what);
    }
    node_step(a->node, at, in, &a->fx);
    recorder_effects(a->recorder, a->node, &a->fx, first);
}

static void on_end(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

void agent_end(struct agent *a)
{
    if (a->is_ending)
        return;
    a->is_ending = true;
    (void)uv_timer_start(&a->exit_timer, on_end, LAST_WORDS_MS, 0);
}
