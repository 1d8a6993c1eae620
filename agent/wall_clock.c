/* The state of our wall clock.  See wall.h.
 *
 *     RIGHT -- 250 ms off --> OFF -- more than 500 ms, of two peers or more --> REFUSING
 *       ^- below 125 ms, or    | <------------- below 450 ms, or one peer ---------- |
 *          a minute below 200 -|   */
#include "agent/wall_clock.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/cluster.h"

static enum wall_clock_state judge(struct wall_clock *w, uint64_t now_ms)
{
    int64_t off_ms = llabs(w->ahead_ms);
    int64_t refuse_ms = w->state == WALL_CLOCK_REFUSING
                            ? WALL_CLOCK_REFUSE_MS - WALL_CLOCK_SLACK_MS
                            : WALL_CLOCK_REFUSE_MS + 1;
    int64_t say_ms = w->state == WALL_CLOCK_RIGHT
                         ? WALL_CLOCK_OFF_MS
                         : WALL_CLOCK_OFF_MS - WALL_CLOCK_SLACK_MS;
    if (off_ms >= refuse_ms && w->n_peers >= WALL_CLOCK_JUDGES)
        return WALL_CLOCK_REFUSING;
    if (off_ms >= say_ms)
        w->off_ms = now_ms;
    bool is_calm = w->state == WALL_CLOCK_RIGHT || off_ms < WALL_CLOCK_OFF_MS / 2 ||
                   now_ms - w->off_ms >= WALL_CLOCK_CALM_MS;
    return off_ms < say_ms && is_calm ? WALL_CLOCK_RIGHT : WALL_CLOCK_OFF;
}

/* "812 ms ahead of the median of its 4 peers" */
static void describe(const struct wall_clock *w, char *out, size_t cap)
{
    enum { MINUTE_MS = 60000, HOUR_MS = 60 * MINUTE_MS, DAY_MS = 24 * HOUR_MS };
    static const struct {
        int64_t from_ms, one_ms;
        const char *name;
    } units[] = {{2 * (int64_t)DAY_MS, DAY_MS, "days"},
                 {2 * HOUR_MS, HOUR_MS, "hours"},
                 {2 * MINUTE_MS, MINUTE_MS, "minutes"},
                 {10000, 1000, "s"},
                 {0, 1, "ms"}};
    size_t i = 0;
    int64_t off_ms = llabs(w->ahead_ms);
    while (off_ms < units[i].from_ms)
        i++;
    const char *side = w->ahead_ms > 0 ? "ahead of" : "behind";
    char whose[48] = "its only peer's: one of the two is wrong";
    if (w->n_peers > 1)
        (void)snprintf(whose, sizeof(whose), "the median of its %zu peers", w->n_peers);
    (void)snprintf(out, cap, "%lld %s %s %s",
                   (long long)((off_ms + units[i].one_ms / 2) / units[i].one_ms),
                   units[i].name, side, whose);
}

static void tell(const struct wall_clock *w, const char *node, struct node_effects *out)
{
    static const char *const names[] = {"right", "off", "refusing"};
    struct arena *arena = node_effects_arena(out);
    struct node_event *event = &node_effects_add(out, NODE_EVENT)->event;
    char cause[128];
    describe(w, cause, sizeof(cause));
    *event = (struct node_event){.kind = "clock",
                                 .subject = arena_text(arena, node),
                                 .state = names[w->state],
                                 .is_own = true};
    if (w->state != WALL_CLOCK_RIGHT)
        event->cause = arena_text(arena, cause);
    event->text = arena_printf(
        arena, "%s (this node) %s", node,
        w->state == WALL_CLOCK_RIGHT ? "has the time of its peers again"
        : w->state == WALL_CLOCK_OFF ? "has another time than its peers"
                                     : "takes no orders, for its clock is wrong");
}

/* What our row should say: no more often than it is of use. */
static int64_t figure(const struct wall_clock *w, enum wall_clock_state was,
                      uint64_t now_ms)
{
    int64_t step_ms = llabs(w->told_ms) / 8;
    step_ms = step_ms > WALL_CLOCK_TELL_STEP_MS ? step_ms : WALL_CLOCK_TELL_STEP_MS;
    if (w->state == WALL_CLOCK_RIGHT)
        return 0;
    bool is_early = w->state == was && now_ms - w->told_at_ms < WALL_CLOCK_CALM_MS;
    if (w->told_ms != 0 && (is_early || llabs(w->ahead_ms - w->told_ms) < step_ms))
        return w->told_ms;
    return w->ahead_ms > CLOCK_SKEW_MAX_MS    ? CLOCK_SKEW_MAX_MS
           : w->ahead_ms < -CLOCK_SKEW_MAX_MS ? -CLOCK_SKEW_MAX_MS
                                              : w->ahead_ms;
}

bool wall_clock_step(struct wall_clock *w, const struct gossip *gossip, const char *node,
                     struct moment at, struct node_effects *out)
{
    enum wall_clock_state was = w->state;
    int64_t told_ms = w->told_ms;
    w->ahead_ms = 0;
    w->n_peers = gossip_skew(gossip, at.now_ms, at.at_unix_ms, &w->ahead_ms);
    if (w->n_peers == 0)
        return false; /* what was true may still be, but is not held against us */
    w->state = judge(w, at.now_ms);
    w->told_ms = figure(w, was, at.now_ms);
    if (w->told_ms != told_ms)
        w->told_at_ms = at.now_ms;
    if (w->state != was)
        tell(w, node, out);
    return w->told_ms != told_ms;
}

bool wall_clock_is_trusted(const struct wall_clock *w)
{
    return w->n_peers == 0 || w->state != WALL_CLOCK_REFUSING;
}

int wall_clock_refuse(const struct wall_clock *w, struct err *err)
{
    char text[128];
    describe(w, text, sizeof(text));
    return err_set(err, ERR_CLOCK,
                   "this node's clock is %s: set it (chrony, ntpd or timedatectl), or "
                   "submit on another node",
                   text);
}
