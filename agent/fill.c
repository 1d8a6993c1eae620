/* The words for a table that fills up.  See fill.h. */
#include "agent/fill.h"

#include <stdio.h>

#include "core/arena.h"
#include "gossip/table/table.h"

static unsigned level_of(unsigned percent, unsigned told)
{
    unsigned eased = percent + FILL_SLACK;
    if (percent >= FILL_ALARMS || (told == FILL_ALARMS && eased > FILL_ALARMS))
        return FILL_ALARMS;
    if (percent >= FILL_WARNS || (told >= FILL_WARNS && eased > FILL_WARNS))
        return FILL_WARNS;
    return 0;
}

/* "3 h" */
static void age_text(uint64_t ms, char *out, size_t cap)
{
    uint64_t minutes = ms / 60000;
    if (minutes >= 48 * 60)
        (void)snprintf(out, cap, "%llu d", (unsigned long long)(minutes / (24 * 60)));
    else if (minutes >= 60)
        (void)snprintf(out, cap, "%llu h", (unsigned long long)(minutes / 60));
    else
        (void)snprintf(out, cap, "%llu min", (unsigned long long)minutes);
}

const char *fill_cause(const struct gossip *gossip, uint64_t now_ms,
                       struct gossip_fill *ret, char out[static FILL_TEXT])
{
    char age[24];
    gossip_fill(gossip, ret);
    const struct table *t = gossip_table(gossip);
    if (ret->gone) {
        age_text(now_ms - ret->gone->changed_ms, age, sizeof(age));
        (void)snprintf(out, FILL_TEXT, "%s %s since %s: `stratos forget %s`",
                       ret->gone->name,
                       ret->gone->state == MEMBER_DEAD ? "is dead" : "has left", age,
                       ret->gone->name);
    } else {
        (void)snprintf(out, FILL_TEXT,
                       "%zu entries stand, %zu deletions wait for all members",
                       table_count(t), table_size(t) - table_count(t));
    }
    return out;
}

void fill_step(struct fill *f, const struct gossip *gossip, const char *node,
               struct moment at, struct node_effects *out)
{
    unsigned percent = table_percent(gossip_table(gossip));
    unsigned level = level_of(percent, f->told);
    if (level == f->told)
        return;
    char cause[FILL_TEXT];
    struct gossip_fill fill;
    struct arena *arena = node_effects_arena(out);
    struct node_event *event = &node_effects_add(out, NODE_EVENT)->event;
    *event = (struct node_event){.kind = "table",
                                 .subject = arena_text(arena, node),
                                 .state = level == 0            ? "ok"
                                          : level == FILL_WARNS ? "filling"
                                                                : "nearly full",
                                 .is_own = true};
    (void)fill_cause(gossip, at.now_ms, &fill, cause);
    event->cause = level == 0 ? NULL : arena_text(arena, cause);
    event->text = arena_printf(arena, "%s's table is %u %% full%s%s", node, percent,
                               level == 0 ? "" : ": ", level == 0 ? "" : cause);
    f->told = level;
}
