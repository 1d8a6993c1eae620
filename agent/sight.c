/* Whom this node reaches.  See sight.h. */
#include "agent/sight.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/namesakes.h"
#include "core/doc.h"

enum {
    NAMES_SAID_MAX = 5, /* of those that fell silent together */
    GROUPS_SAID_MAX = 3,
    TOGETHER_MS = 10000, /* who fell silent within so long did so together */
};

/* The last heard first, and n2 before n10. */
static int compare(const void *a, const void *b)
{
    const struct sight_member *left = a, *right = b;
    if (left->silent_ms != right->silent_ms)
        return left->silent_ms < right->silent_ms ? -1 : 1;
    return strverscmp(left->name, right->name);
}

/* Members that fell silent together are told with one time: so long have all of them been. */
static void group(struct sight_member *gone, size_t n)
{
    qsort(gone, n, sizeof(*gone), compare);
    uint64_t least_ms = n ? gone[0].silent_ms : 0;
    for (size_t i = 0; i < n; i++) {
        if (gone[i].silent_ms - least_ms > TOGETHER_MS)
            least_ms = gone[i].silent_ms;
        gone[i].silent_ms = least_ms;
    }
    qsort(gone, n, sizeof(*gone), compare);
}

static uint64_t silent_ms(const struct gossip *g, const struct member *m, uint64_t now_ms)
{
    struct peer_view peer;
    bool is_heard = gossip_peer(g, m->id, &peer) && peer.heard_ms;
    return is_heard ? now_ms - peer.heard_ms : SILENT_SINCE_START;
}

int sight_of(const struct node *n, const char *self, uint64_t now_ms, struct arena *arena,
             struct sight *ret)
{
    const struct gossip *g = node_gossip(n);
    const struct members *members = gossip_members(g);
    size_t n_dead = members_count_state(members, MEMBER_DEAD), n_gone = 0, n_away = 0;
    struct sight_member *gone = arena_array(arena, n_dead + 1, sizeof(*gone)),
                        *away = arena_array(arena, n_dead + 1, sizeof(*away));
    if (!gone || !away)
        return -ENOMEM;
    for (size_t i = 0; n_dead > 0 && i < members_count(members); i++) {
        const struct member *m = members_at(members, i);
        if (m->state != MEMBER_DEAD)
            continue;
        const char *name = namesakes_called(members, gossip_table(g), m, arena);
        uint64_t until_ms = node_away_until_ms(n, m->id, now_ms);
        if (!name)
            return -ENOMEM;
        if (until_ms > now_ms)
            away[n_away++] = (struct sight_member){name, until_ms - now_ms};
        else
            gone[n_gone++] = (struct sight_member){name, silent_ms(g, m, now_ms)};
    }
    group(gone, n_gone);
    size_t within = members_count_state(members, MEMBER_ALIVE) +
                    members_count_state(members, MEMBER_SUSPECT);
    *ret = (struct sight){.self = self,
                          .within = within,
                          .total = within + n_dead,
                          .gone = gone,
                          .n_gone = n_gone,
                          .away = away,
                          .n_away = n_away};
    ret->wait_ms = node_takeover_wait_ms(n, now_ms, &ret->is_asking);
    return 0;
}

bool sight_is_split(const struct sight *s)
{
    return s->n_gone > 1 && s->n_gone >= s->within;
}

/* Names from `first` on that fell silent together; *ret_end is the next that did not. */
static const char *group_text(const struct sight *s, size_t first, size_t *ret_end,
                              struct arena *arena)
{
    const struct sight_member *gone = s->gone;
    uint64_t silent_ms = gone[first].silent_ms;
    char names[512] = "", span[SPAN_TEXT];
    size_t end = first, len = 0;
    for (; end < s->n_gone && gone[end].silent_ms == silent_ms; end++) {
        if (end - first < NAMES_SAID_MAX)
            len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%.63s",
                                    end > first ? ", " : "", gone[end].name);
    }
    if (end - first > NAMES_SAID_MAX)
        (void)snprintf(names + len, sizeof(names) - len, " and %zu more",
                       end - first - NAMES_SAID_MAX);
    *ret_end = end;
    if (silent_ms == SILENT_SINCE_START)
        return arena_printf(arena, "%s not heard since this agent started", names);
    return arena_printf(arena, "%s silent %s", names, span_text(silent_ms, span));
}

const char *sight_gone_text(const struct sight *s, struct arena *arena)
{
    const char *text = "";
    size_t at = 0;
    for (unsigned n = 0; at < s->n_gone && n < GROUPS_SAID_MAX && text; n++) {
        const char *group = group_text(s, at, &at, arena);
        text = group ? arena_printf(arena, "%s%s%s", text, n ? ", " : "", group) : NULL;
    }
    if (text && at < s->n_gone)
        text = arena_printf(arena, "%s, and %zu more before", text, s->n_gone - at);
    return text;
}

const char *sight_wait_text(const struct sight *s, struct arena *arena)
{
    char span[SPAN_TEXT];
    if (s->wait_ms == 0)
        return "";
    return arena_printf(arena, "take-overs wait %s%s more",
                        s->is_asking ? "at most " : "", span_text(s->wait_ms, span));
}

static const char *away_text(const struct sight *s, struct arena *arena)
{
    char span[SPAN_TEXT];
    if (s->n_away == 0)
        return "";
    return arena_printf(arena, "%s%s%s away for at most %s more", s->n_gone ? ", " : "",
                        s->away[0].name, s->n_away > 1 ? " and others" : "",
                        span_text(s->away[0].silent_ms, span));
}

const char *sight_text(const struct sight *s, struct arena *arena)
{
    if (s->n_gone + s->n_away == 0)
        return NULL;
    bool is_split = sight_is_split(s);
    const char *gone = sight_gone_text(s, arena), *away = away_text(s, arena),
               *wait = sight_wait_text(s, arena);
    if (!gone || !away || !wait)
        return NULL;
    return arena_printf(
        arena, "%s%s reaches %zu of %zu (%s%s)%s%s%s%s", is_split ? "SPLIT: " : "",
        s->self, s->within, s->total, gone, away, *wait ? "; " : "", wait,
        !is_split               ? ""
        : s->n_gone > s->within ? "; this is the smaller side"
                                : "; as many may run there as here",
        is_split && s->wait_ms == 0 ? "; what is taken over may run there, too" : "");
}
