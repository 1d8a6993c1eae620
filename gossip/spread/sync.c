/* One comparison, seen from either side.  Anti-entropy as in scuttlebutt (van Renesse et
 * al. 2008), with bucket hashes as the first and the last word. */
#include "gossip/spread/sync.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/trace.h"
#include "gossip/spread/entries.h"
#include "gossip/machine/family.h"
#include "gossip/spread/greet.h"
#include "gossip/spread/lives.h"
#include "gossip/spread/parcel.h"
#include "gossip/spread/repair.h"
#include "gossip/spread/water.h"

_Static_assert((int)TABLE_PARTS == (int)MESSAGE_PARTS, "the wire carries every part");
_Static_assert((int)TABLE_BUCKETS == (int)MESSAGE_BUCKETS,
               "the wire carries every bucket");

enum {
    MEMBERS_PERIODS = 3,   /* probe periods between comparisons for the members' sake */
    INCOMING_MAX = 4,      /* comparisons that others run with us at one time */
    BULK_FRAMES = 4,       /* of entries received: what comes may be the whole table */
    SAME_RARELY = 100,     /* one in so many periodic comparisons is made although all is the same */
    FRAME_ROOM = 64 << 10, /* of entries or members; more only for one large entry */
    LISTED_MAX = 1024,     /* members in one frame, however short their names are */
};

void sync_not_before(struct gossip *g, uint64_t at_ms)
{
    g->sync.next_ms = at_ms;
}

void sync_start(struct gossip *g, uint64_t now_ms, sync_hear_member *hear_member)
{
    g->sync.hear_member = hear_member;
    g->sync.periodic_ms = now_ms + g->profile.sync_period_ms / 2 +
                          rng_below(&g->rng, g->profile.sync_period_ms + 1);
    g->sync.next_id = (uint32_t)rng_below(&g->rng, 1000);
}

bool sync_is_running(const struct gossip *g)
{
    return stream_count(g, true, USE_SYNC) > 0;
}

/* One that brings us much, or one with this very peer: a second one beside it would bring the
 * same once more. */
static const struct stream *rival(const struct gossip *g, struct node_id peer,
                                  const struct stream *except)
{
    for (size_t i = 0; g->sync.n_streams > 0 && i < STREAMS_MAX; i++) {
        const struct stream *s = &g->sync.streams[i];
        if (s == except || s->id == 0 || s->use != USE_SYNC || s->has_all)
            continue;
        if (node_id_equal(s->peer, peer) || s->n_received >= BULK_FRAMES)
            return s;
    }
    return NULL;
}

/* So long a difference has to last: longer where pushes take more steps, as in a large cluster tables
 * always differ somewhere. */
static uint64_t pause_ms(const struct gossip *g)
{
    uint64_t period = g->profile.gossip_period_ms;
    return machine_n_live(g) <= DIRECT_MEMBERS ? period : 5 * period;
}

void sync_with(struct gossip *g, uint64_t now_ms, struct peer *peer,
               struct gossip_effects *fx)
{
    if (sync_is_running(g) || now_ms < g->sync.busy_ms || now_ms < g->full_ms ||
        now_ms < peer_heard(peer)->busy_ms || rival(g, peer->member.id, NULL))
        return;
    g->sync.next_ms = now_ms + pause_ms(g);
    g->sync.members_ms = now_ms + MEMBERS_PERIODS * (uint64_t)g->profile.probe_period_ms;
    g->sync.candidate = (struct node_id){0};
    if (stream_connect(g, now_ms, peer, USE_SYNC, fx))
        trace(g->tracer, "compare with %s", peer->member.name);
}

/* The lists of members meet by rumors; only what those have missed for a while is
 * compared. */
static bool has_other_members(const struct gossip *g, uint64_t now_ms,
                              const struct peer *peer)
{
    return now_ms >= g->sync.members_ms &&
           peer_heard(peer)->members_digest != g->members.digest;
}

/* Who has just come, or come back, has missed something: its first word is enough. */
static bool is_new(const struct gossip *g, uint64_t now_ms, const struct peer *peer)
{
    enum { NEW_PERIODS = 5 }; /* of probing */
    return now_ms - peer->member.changed_ms <
           NEW_PERIODS * (uint64_t)g->profile.probe_period_ms;
}

static bool differs(const struct gossip *g, const struct peer *peer)
{
    const struct heard *heard = peer_heard(peer);
    return heard->at_ms != 0 && heard->digest != machine_digest(g);
}

/* Writes under way make digests differ for moments.  What the peer showed last has been shown before,
 * by it or by somebody else, long enough ago; and who is behind is told again first. */
static bool differs_lastingly(const struct gossip *g, uint64_t now_ms, const struct peer *peer)
{
    enum { BEHIND_PERIODS = 2 }; /* of probing */
    const struct heard *heard = peer_heard(peer);
    if (!differs(g, peer))
        return false;
    if (is_new(g, now_ms, peer))
        return now_ms - heard->shown_ms >= pause_ms(g);
    uint64_t wait_ms = digests_is_former(&g->sync.digests, heard->at_ms, heard->digest)
                           ? BEHIND_PERIODS * (uint64_t)g->profile.probe_period_ms
                           : pause_ms(g);
    return heard->at_ms - heard->shown_ms >= wait_ms;
}

/* In how many ms a comparison with this peer may be due, by what is known now; UINT64_MAX: not. */
static uint64_t due_in_ms(const struct gossip *g, uint64_t now_ms, const struct peer *peer)
{
    if (differs_lastingly(g, now_ms, peer))
        return 0;
    if (differs(g, peer) && is_new(g, now_ms, peer))
        return pause_ms(g);
    return has_other_members(g, now_ms, peer) ? 3 * pause_ms(g) : UINT64_MAX;
}

void sync_notice(struct gossip *g, uint64_t now_ms, const struct peer *peer)
{
    struct sync *s = &g->sync;
    uint64_t in_ms = due_in_ms(g, now_ms, peer);
    bool is_waited_for = !node_id_is_zero(s->candidate);
    if (!peer_is_live(peer) || g->is_leaving || now_ms < g->full_ms ||
        now_ms < peer_heard(peer)->busy_ms || in_ms == UINT64_MAX ||
        (is_waited_for && s->candidate_ms <= now_ms + in_ms))
        return;
    s->candidate = peer->member.id;
    s->candidate_ms = now_ms + in_ms;
}

/* ---- sending what the other lacks ---- */

static bool send_members(struct gossip *g, uint64_t now_ms, struct stream *s,
                         struct gossip_effects *fx)
{
    size_t i = members_at_least(&g->members, s->member_cursor), n = 0, left = FRAME_ROOM;
    struct message_member *list =
        arena_array(&g->scratch, LISTED_MAX, sizeof(*list));
    if (!list)
        return false;
    for (; i < members_count(&g->members) && n < LISTED_MAX; i++) {
        list[n] = machine_member(members_nth(&g->members, i));
        size_t size = message_member_size(&list[n]);
        if (size > left)
            break;
        left -= size;
        n++;
    }
    s->sends_members = i < members_count(&g->members);
    if (s->sends_members)
        s->member_cursor = members_at(&g->members, i)->id;
    struct message m =
        machine_message(g, now_ms, MESSAGE_MEMBERS, members_peer(&g->members, s->peer));
    m.members = list;
    m.n_members = n;
    machine_send_frame(g, s->id, &m, fx);
    return true;
}

/* Who lacks numbers whose tombstones are gone learns that first, by an entry that says nothing of
 * its neighbours.  False when there is no room. */
static bool add_water(struct gossip *g, struct parcel *p, struct node_id writer,
                      const struct seen_number *from)
{
    char key[KEY_LEN_MAX];
    struct entry row;
    struct water w = water_of(g, writer);
    if (w.number == 0 || seen_compare(from->epoch, from->number, w.epoch, w.number) >= 0 ||
        !water_row(g, writer, key, &row))
        return true;
    if (!parcel_range(g, p, writer, row.epoch, 0))
        return false;
    if (parcel_entry(g, p, &row))
        return true;
    p->n--;
    return false;
}

/* Add what one writer has between the cursor and what we have seen.  True when all of it
 * fits. */
static bool add_writer(struct gossip *g, struct stream *s, struct parcel *p,
                       const struct seen_number *seen)
{
    struct seen_number from = grave_their_seen(g, s, seen->writer);
    if (node_id_equal(s->cursor_writer, seen->writer) &&
        seen_compare(s->cursor_epoch, s->cursor_number, from.epoch, from.number) > 0)
        from = (struct seen_number){
            .writer = seen->writer, .epoch = s->cursor_epoch, .number = s->cursor_number};
    if (seen_compare(from.epoch, from.number, seen->epoch, seen->number) >= 0)
        return true;
    /* Once: with its row in each frame an entry that fills one would never go. */
    bool has_begun = node_id_equal(s->cursor_writer, seen->writer);
    if (!has_begun && !add_water(g, p, seen->writer, &from))
        return false;
    struct table_walk walk;
    struct entry entry;
    const struct entry *e = &entry;
    table_from(&g->table, seen->writer, from.epoch, from.number + 1, &walk);
    s->cursor_writer = seen->writer;
    s->cursor_epoch = from.epoch;
    s->cursor_number = from.number;
    struct message_range *range = NULL;
    while (table_next(&g->table, &walk, &entry)) {
        if (!node_id_equal(e->writer, seen->writer) ||
            seen_compare(e->epoch, e->number, seen->epoch, seen->number) > 0)
            break;
        if (!seen_line_covers(seen, e->epoch, e->number))
            continue; /* we do not claim it either: a repair brings it */
        if (!range || range->epoch != e->epoch)
            range = parcel_follow_on(g, s, p, seen, e->epoch);
        if (!range)
            return false;
        if (!parcel_entry(g, p, e)) {
            /* An empty range would claim what is not there. */
            if (range->n_entries == 0)
                p->n--;
            return false;
        }
        range->through = e->number;
        s->cursor_epoch = e->epoch;
        s->cursor_number = e->number;
    }
    if (!range || range->epoch != seen->epoch)
        range = parcel_follow_on(g, s, p, seen, seen->epoch);
    if (!range)
        return false;
    range->through = seen->number;
    s->cursor_epoch = seen->epoch;
    s->cursor_number = seen->number;
    return p->left > MESSAGE_RANGE_SIZE;
}

/* False when nothing was left to send. */
static bool send_entries(struct gossip *g, uint64_t now_ms, struct stream *s,
                         struct gossip_effects *fx)
{
    struct parcel p = {.left = FRAME_ROOM};
    for (size_t i = seen_at_least(&g->seen, s->cursor_writer); i < g->seen.n; i++) {
        struct seen_number seen = g->seen.numbers[i];
        if (!stream_speaks_of(s, seen.writer))
            continue;
        if (!add_writer(g, s, &p, &seen))
            break;
    }
    if (p.n > 0)
        parcel_send(g, now_ms, s, &p, fx);
    return p.n > 0;
}

static void send_plain(struct gossip *g, uint64_t now_ms, struct stream *s,
                       enum message_kind kind, struct gossip_effects *fx)
{
    struct message m =
        machine_message(g, now_ms, kind, members_peer(&g->members, s->peer));
    m.to = s->peer;
    if (kind == MESSAGE_CHECK) {
        m.buckets = g->table.hashes;
        m.n_buckets = TABLE_BUCKETS;
    }
    machine_send_frame(g, s->id, &m, fx);
}

static void pump(struct gossip *g, uint64_t now_ms, struct stream *s,
                 struct gossip_effects *fx)
{
    while (s->credit > 0 && !s->has_sent_all) {
        if (s->sends_members && send_members(g, now_ms, s, fx)) {
            s->credit--;
        } else if (send_entries(g, now_ms, s, fx)) {
            s->credit--;
        } else {
            s->has_sent_all = true;
            send_plain(g, now_ms, s, MESSAGE_END, fx);
        }
    }
    if (s->is_ours && s->has_sent_all && s->has_all && !s->is_listing) {
        s->is_listing = true;
        send_plain(g, now_ms, s, MESSAGE_CHECK, fx);
    }
}

/* ---- hearing ---- */

void sync_stream_opened(struct gossip *g, uint64_t now_ms, struct stream *s,
                        struct gossip_effects *fx)
{
    greet_ask(g, now_ms, s, fx);
}

/* Whose table is full says for how long there is no use in asking. */
static void send_busy(struct gossip *g, uint64_t now_ms, struct stream *s,
                      struct gossip_effects *fx)
{
    struct message m = machine_message(g, now_ms, MESSAGE_BUSY,
                                       members_peer(&g->members, s->peer));
    m.sequence = now_ms < g->full_ms ? (uint32_t)(g->full_ms - now_ms) : 0;
    machine_send_frame(g, s->id, &m, fx);
}

/* Whoever was sent away comes back at a moment of its own; a newcomer asks others. */
static void hear_busy(struct gossip *g, uint64_t now_ms, const struct stream *s,
                      const struct message *m)
{
    enum { BUSY_MAX_MS = 60 * 1000 };
    struct peer *peer = members_peer(&g->members, s->peer);
    struct heard *heard = peer ? peer_hear(peer) : NULL;
    if (g->is_ready)
        g->sync.busy_ms = now_ms + pause_ms(g) / 2 + rng_below(&g->rng, 2 * pause_ms(g));
    if (heard && m->sequence <= BUSY_MAX_MS)
        heard->busy_ms = now_ms + m->sequence;
}

static void hear_sync(struct gossip *g, uint64_t now_ms, struct stream *s,
                      const struct message *m, struct gossip_effects *fx)
{
    if (s->is_ours || s->use != USE_UNKNOWN)
        return;
    s->peer = m->sender.id;
    /* When both of two begin at once, the smaller id's goes on. */
    const struct stream *other = rival(g, s->peer, s);
    bool gives_way = other && other->n_received < BULK_FRAMES && other->is_ours &&
                     node_id_compare(s->peer, g->self->member.id) < 0;
    if (now_ms < g->full_ms || (other && !gives_way) ||
        stream_count(g, false, USE_SYNC) >= INCOMING_MAX) {
        send_busy(g, now_ms, s, fx);
        stream_close(g, s, fx);
        return;
    }
    s->use = USE_SYNC;
    if (greet_answer(g, now_ms, s, m, fx) < 0) {
        stream_close(g, s, fx);
        return;
    }
    pump(g, now_ms, s, fx);
}

static void hear_parts(struct gossip *g, uint64_t now_ms, struct stream *s,
                       const struct message *m, struct gossip_effects *fx)
{
    for (size_t i = 0; i < m->n_members; i++)
        g->sync.hear_member(g, now_ms, &m->members[i], fx);
    s->n_received += m->n_ranges > 0;
    /* What only a repair finds fills gaps of ours, unless it may be what was deleted. */
    bool fills_gaps = water_is_clean_peer(g, s);
    for (size_t i = 0; i < m->n_ranges; i++)
        (void)entries_hear(g, now_ms, &m->ranges[i], fills_gaps, fx);
    if (!s->has_all)
        send_plain(g, now_ms, s, MESSAGE_CREDIT, fx);
}

bool sync_hear(struct gossip *g, uint64_t now_ms, struct stream *s,
               const struct message *m, struct gossip_effects *fx)
{
    if (m->kind == MESSAGE_SYNC) {
        hear_sync(g, now_ms, s, m, fx);
        return false;
    }
    bool is_reply = m->kind == MESSAGE_SYNC_REPLY && s->is_ours && !s->is_greeted;
    bool is_wrong = s->use != USE_SYNC ||
                    (is_reply && greet_hear_answer(g, now_ms, s, m, fx) < 0) ||
                    (m->kind == MESSAGE_GREET && greet_hear_lines(g, s, m) < 0);
    bool is_early = s->window == 0 && m->kind != MESSAGE_GREET;
    if (is_wrong || is_early || !s->is_greeted || m->kind == MESSAGE_BUSY) {
        if (m->kind == MESSAGE_BUSY && s->use == USE_SYNC)
            hear_busy(g, now_ms, s, m);
        stream_close(g, s, fx);
        return false;
    }
    if (is_reply || m->kind == MESSAGE_GREET)
        pump(g, now_ms, s, fx);
    if (m->kind == MESSAGE_MEMBERS || m->kind == MESSAGE_ENTRIES)
        hear_parts(g, now_ms, s, m, fx);
    if (m->kind == MESSAGE_END)
        s->has_all = true;
    if (m->kind == MESSAGE_CREDIT && s->credit < s->window)
        s->credit++;
    if (m->kind == MESSAGE_END || m->kind == MESSAGE_CREDIT)
        pump(g, now_ms, s, fx);
    if (m->kind == MESSAGE_CHECK && !s->is_ours)
        repair_hear_check(g, now_ms, s, m, fx);
    if (m->kind == MESSAGE_BUCKET_PARTS)
        repair_hear_parts(g, now_ms, s, m, fx);
    if (m->kind == MESSAGE_LIST)
        repair_hear_list(g, now_ms, s, m, fx);
    if (m->kind == MESSAGE_DONE)
        repair_hear_done(g, s, m, fx);
    if (m->kind != MESSAGE_DONE || !s->is_ours)
        return false;
    lives_compared(g);
    struct seen_number own = grave_their_seen(g, s, g->self->member.id);
    if (water_is_clean_peer(g, s))
        lives_pulled(g, &own);
    stream_close(g, s, fx);
    return true;
}

/* ---- time ---- */

static void tick_streams(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    for (size_t i = 0; g->sync.n_streams > 0 && i < STREAMS_MAX; i++) {
        struct stream *s = &g->sync.streams[i];
        if (s->id != 0 && now_ms >= s->idle_ms)
            stream_close(g, s, fx);
    }
}

static bool can_compare(const struct gossip *g, uint64_t now_ms)
{
    return !g->is_leaving && now_ms >= g->sync.next_ms && !sync_is_running(g);
}

/* As last heard.  Digests are 64 bits and nothing is signed by them, so even the same are
 * compared now and then. */
static bool is_same(const struct gossip *g, const struct peer *peer)
{
    const struct heard *heard = peer_heard(peer);
    return heard->at_ms != 0 && heard->digest == machine_digest(g) &&
           heard->members_digest == g->members.digest;
}

void sync_tick(struct gossip *g, uint64_t now_ms, struct gossip_effects *fx)
{
    tick_streams(g, now_ms, fx);
    if (g->is_leaving)
        return;
    if (!node_id_is_zero(g->sync.candidate) && now_ms >= g->sync.candidate_ms &&
        can_compare(g, now_ms)) {
        struct peer *peer = members_peer(&g->members, g->sync.candidate);
        g->sync.candidate = (struct node_id){0};
        if (peer && peer_is_live(peer) &&
            (differs_lastingly(g, now_ms, peer) || has_other_members(g, now_ms, peer)))
            sync_with(g, now_ms, peer, fx);
    }
    if (now_ms >= g->sync.periodic_ms) {
        struct peer *peer;
        g->sync.periodic_ms = now_ms + g->profile.sync_period_ms;
        if (family_draw(g, NULL, &peer, 1) == 1 &&
            (water_is_stale(g) || !is_same(g, peer) || rng_below(&g->rng, SAME_RARELY) == 0))
            sync_with(g, now_ms, peer, fx);
    }
}

uint64_t sync_deadline_ms(const struct gossip *g)
{
    uint64_t deadline = g->is_leaving ? UINT64_MAX : g->sync.periodic_ms;
    if (!g->is_leaving && !node_id_is_zero(g->sync.candidate) && !sync_is_running(g)) {
        uint64_t at = g->sync.candidate_ms > g->sync.next_ms ? g->sync.candidate_ms
                                                             : g->sync.next_ms;
        deadline = at < deadline ? at : deadline;
    }
    for (size_t i = 0; g->sync.n_streams > 0 && i < STREAMS_MAX; i++) {
        const struct stream *s = &g->sync.streams[i];
        if (s->id != 0 && s->idle_ms < deadline)
            deadline = s->idle_ms;
    }
    return deadline;
}
