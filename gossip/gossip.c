/* The face of gossip: takes events apart and hands them to the parts.  Decides nothing
 * itself. */
#include "gossip/gossip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/trace.h"
#include "gossip/census.h"
#include "gossip/collect.h"
#include "gossip/entries.h"
#include "gossip/join.h"
#include "gossip/news.h"
#include "gossip/push.h"
#include "gossip/relay.h"
#include "gossip/swim.h"
#include "gossip/sync.h"
#include "gossip/tell.h"
#include "gossip/water.h"

/* ---- life ---- */

struct gossip *gossip_new(const struct gossip_options *options, uint64_t now_ms)
{
    struct gossip *g = calloc(1, sizeof(*g));
    if (!g)
        return NULL;
    g->profile = *options->profile;
    g->tracer = options->tracer;
    g->metrics = options->metrics ? options->metrics : &g->no_metrics;
    g->epoch = options->epoch;
    g->join.listen_ms = options->listen_ms;
    rng_init(&g->rng, options->seed);
    coordinate_init(&g->coordinate);
    arena_init(&g->scratch, SCRATCH_MAX);
    rumor_init(&g->rumors);
    members_init(&g->members, options->names);
    seen_init(&g->seen);
    char name[NAME_LEN_MAX + 1] = "";
    struct member self = {
        .id = options->id,
        .name = name,
        .endpoint = options->endpoint,
        .state = MEMBER_ALIVE,
        .incarnation = 1,
        .changed_ms = now_ms,
    };
    size_t name_len = strnlen(options->name, NAME_LEN_MAX);
    memcpy(name, options->name, name_len);
    if (table_init(&g->table) < 0 ||
        members_add(&g->members, &self, true, &g->rng, &g->self) < 0) {
        gossip_free(g);
        return NULL;
    }
    return g;
}

void gossip_free(struct gossip *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < STREAMS_MAX; i++)
        stream_drop(g, &g->sync.streams[i]);
    free(g->push.ranges);
    members_fini(&g->members);
    table_fini(&g->table);
    seen_fini(&g->seen);
    arena_fini(&g->scratch);
    free(g);
}

int gossip_restore(struct gossip *g, enum store_space space, struct bytes key,
                   struct bytes value)
{
    if (space == STORE_TABLE)
        return entries_restore(g, key, value);
    if (space != STORE_LOCAL)
        return 0; /* the order is in the entries */
    if (bytes_equal(key, bytes_of_text("number")))
        return entries_restore_number(g, value);
    if (bytes_start_with(key, bytes_of_text("stale/")))
        return water_restore_stale(g, key, value);
    if (bytes_equal(key, bytes_of_text("incarnation")))
        return news_restore_incarnation(g, value);
    if (bytes_start_with(key, bytes_of_text("peer/")))
        return news_restore_peer(g, value);
    if (bytes_start_with(key, bytes_of_text("seen/")))
        return entries_restore_seen(g, key, value);
    return 0; /* somebody else's */
}

/* ---- the step ---- */

static void begin(struct gossip *g)
{
    arena_clear(&g->scratch);
    batch_drop(&g->batch);
}

static void finish(struct gossip *g, struct gossip_effects *out)
{
    collect_run(g, out);
    batch_flush(&g->batch, out);
}

static void set_wall(struct gossip *g, uint64_t now_ms, uint64_t at_unix_ms)
{
    g->at_unix_ms = at_unix_ms;
    g->at_now_ms = now_ms;
    skew_look(&g->skew, now_ms, at_unix_ms);
}

void gossip_set_us(struct gossip *g, uint64_t now_us)
{
    g->now_us = now_us;
}

void gossip_join(struct gossip *g, uint64_t now_ms, const struct endpoint *seeds,
                 size_t n, struct gossip_effects *out)
{
    begin(g);
    if (!g->is_started) {
        g->is_started = true;
        entries_start(g);
        news_start(g, now_ms, out);
        swim_start(g, now_ms);
        sync_start(g, now_ms);
    }
    join_begin(g, now_ms, seeds, n, out);
    finish(g, out);
}

void gossip_expect(struct gossip *g, bool is_expecting)
{
    g->join.is_expecting = is_expecting;
}

void gossip_meet(struct gossip *g, uint64_t now_ms, struct endpoint at,
                 struct gossip_effects *out)
{
    begin(g);
    if (g->is_started && !g->is_leaving &&
        !endpoint_equal(&at, &g->self->member.endpoint))
        swim_ping_address(g, now_ms, at, out);
    finish(g, out);
}

static int decode(struct gossip *g, struct bytes in, struct message *ret_message)
{
    int err = message_decode(in, &g->scratch, ret_message);
    if (err < 0) {
        g->metrics->drop_malformed++;
        return err;
    }
    bool is_for_us =
        node_id_is_zero(ret_message->to) || machine_is_self(g, ret_message->to);
    if (machine_is_self(g, ret_message->sender.id) || !is_for_us) {
        trace(g->tracer, "dropped a message meant for somebody else");
        return ERR_INVALID;
    }
    return 0;
}

/* How far it has seen our own numbers.  That only grows, but in a new incarnation it may have lost
 * what was not yet on its disk, so its first word to us counts whatever it says. */
static void hear_known(struct gossip *g, uint64_t now_ms, struct heard *heard,
                       const struct message *m)
{
    uint64_t epoch = m->known_epoch, number = m->known_number;
    bool is_reborn = m->sender.incarnation > heard->known_incarnation;
    if (m->sender.incarnation < heard->known_incarnation)
        return; /* it was long on its way, and says what was lost meanwhile */
    if (m->digest == g->table.digest) { /* the same table: all of ours is in it */
        epoch = g->epoch;
        number = g->number;
    } else if (!machine_is_self(g, m->to)) {
        return;
    }
    int order = seen_compare(epoch, number, heard->known_epoch, heard->known_number);
    if (order < 0 && !is_reborn)
        return;
    heard->known_epoch = epoch;
    heard->known_number = number;
    if (is_reborn)
        heard->known_incarnation = m->sender.incarnation;
    if (order < 0)
        push_ask_again(g, now_ms);
}

/* What every message says of its sender. */
static void hear_header(struct gossip *g, uint64_t now_ms, const struct message *m,
                        size_t len, struct gossip_effects *out)
{
    news_hear(g, now_ms, &m->sender, NEWS_RUMOR, out);
    struct peer *peer = members_peer(&g->members, m->sender.id);
    if (!peer)
        return;
    g->newest_ms = now_ms;
    struct heard *heard = peer_hear(peer);
    if (!heard)
        return;
    heard->at_ms = now_ms;
    heard->digest = m->digest;
    heard->members_digest = m->members_digest;
    heard->bytes_in += len;
    hear_known(g, now_ms, heard, m);
    sync_notice(g, now_ms, peer);
}

static void hear_news(struct gossip *g, uint64_t now_ms, const struct message *m,
                      struct gossip_effects *out)
{
    for (size_t i = 0; i < m->n_members; i++)
        news_hear(g, now_ms, &m->members[i], NEWS_RUMOR, out);
    if (m->n_members > 0)
        news_correct(g, now_ms, m, out);
}

int gossip_receive(struct gossip *g, uint64_t now_ms, uint64_t at_unix_ms,
                   struct endpoint from, struct bytes datagram,
                   struct gossip_effects *out)
{
    struct message m;
    begin(g);
    set_wall(g, now_ms, at_unix_ms);
    int err = g->is_started ? decode(g, datagram, &m) : ERR_NOT_READY;
    if (err < 0)
        return err;
    hear_header(g, now_ms, &m, datagram.len, out);
    hear_news(g, now_ms, &m, out);
    switch (m.kind) {
    case MESSAGE_PING:
        swim_hear_ping(g, now_ms, from, &m, out);
        break;
    case MESSAGE_PING_REQ:
        relay_hear_request(g, now_ms, from, &m, out);
        break;
    case MESSAGE_ACK:
        swim_hear_ack(g, now_ms, &m, out);
        break;
    case MESSAGE_NACK:
        swim_hear_nack(g, now_ms, &m);
        break;
    case MESSAGE_PUSH:
        push_hear(g, now_ms, from, NULL, &m, out);
        break;
    case MESSAGE_HAVE:
    case MESSAGE_GRAFT:
    case MESSAGE_PRUNE:
        push_hear_tree(g, now_ms, &m, out);
        break;
    case MESSAGE_SEEN:
        push_hear_answer(g, &m);
        break;
    case MESSAGE_NEWS:
        break; /* all of it is in the header and the news */
    case MESSAGE_SYNC:
    case MESSAGE_SYNC_REPLY:
    case MESSAGE_BUSY:
    case MESSAGE_MEMBERS:
    case MESSAGE_ENTRIES:
    case MESSAGE_CREDIT:
    case MESSAGE_END:
    case MESSAGE_CHECK:
    case MESSAGE_LIST:
    case MESSAGE_DONE:
    case MESSAGE_KINDS:
        g->metrics->drop_malformed++;
        err = ERR_INVALID;
        break;
    }
    /* An answer to a joining node's question is followed by the comparison that makes it
     * ready. */
    if (!g->is_ready && g->join.is_active && g->members.roles[ROLE_LIVE].n > 0 &&
        !sync_is_running(g) && now_ms >= g->sync.next_ms)
        g->join.next_ms = now_ms;
    join_tick(g, now_ms, out);
    finish(g, out);
    return err;
}

void gossip_refused(struct gossip *g, uint64_t now_ms, struct endpoint to,
                    struct gossip_effects *out)
{
    begin(g);
    if (g->is_started && !g->is_leaving)
        swim_refused(g, now_ms, to, out);
    finish(g, out);
}

/* The address led to another node than the one we meant: it has moved, or was replaced.
 */
static bool is_another(const struct stream *s, struct node_id peer)
{
    return !node_id_is_zero(peer) && !node_id_equal(s->peer, peer);
}

void gossip_stream_opened(struct gossip *g, uint64_t now_ms, uint32_t stream,
                          struct node_id peer, struct gossip_effects *out)
{
    begin(g);
    struct stream *s = stream_find(g, stream);
    if (!s && stream > STREAM_OWN_MAX) {
        s = stream_accept(g, now_ms, stream, out);
        if (s)
            s->peer = peer;
    } else if (s && !s->is_open && is_another(s, peer)) {
        stream_close(g, s, out);
    } else if (!s) {
        effect_stream_close(out, stream); /* given up while it was being opened */
    } else if (!s->is_open) {
        s->is_open = true;
        if (s->use == USE_SYNC)
            sync_stream_opened(g, now_ms, s, out);
        else if (s->use == USE_PUSH)
            tell_stream_opened(g, now_ms, s, out);
        else if (s->use == USE_PROBE)
            swim_stream_opened(g, now_ms, s, out);
    }
    finish(g, out);
}

static void hear_frame(struct gossip *g, uint64_t now_ms, struct stream *s,
                       const struct message *m, struct gossip_effects *out)
{
    static const struct endpoint nowhere;
    switch (m->kind) {
    case MESSAGE_PING:
        hear_news(g, now_ms, m, out);
        swim_stream_ping(g, now_ms, s, m, out);
        break;
    case MESSAGE_ACK:
        swim_hear_ack(g, now_ms, m, out);
        stream_close(g, s, out);
        break;
    case MESSAGE_PUSH:
        push_hear(g, now_ms, nowhere, s, m, out);
        break;
    case MESSAGE_SEEN:
        tell_hear_seen(g, s, out);
        break;
    case MESSAGE_SYNC:
    case MESSAGE_SYNC_REPLY:
    case MESSAGE_BUSY:
    case MESSAGE_MEMBERS:
    case MESSAGE_ENTRIES:
    case MESSAGE_CREDIT:
    case MESSAGE_END:
    case MESSAGE_CHECK:
    case MESSAGE_LIST:
    case MESSAGE_DONE:
        if (sync_hear(g, now_ms, s, m, out))
            join_synced(g, now_ms, out);
        break;
    case MESSAGE_PING_REQ:
    case MESSAGE_NACK:
    case MESSAGE_NEWS:
    case MESSAGE_HAVE:
    case MESSAGE_GRAFT:
    case MESSAGE_PRUNE:
    case MESSAGE_KINDS:
        g->metrics->drop_malformed++;
        stream_close(g, s, out);
        break;
    }
}

int gossip_stream_frame(struct gossip *g, uint64_t now_ms, uint64_t at_unix_ms,
                        uint32_t stream, struct bytes frame, struct gossip_effects *out)
{
    struct message m;
    begin(g);
    set_wall(g, now_ms, at_unix_ms);
    struct stream *s = stream_find(g, stream);
    if (!s || !g->is_started)
        return 0; /* it was closed by us and has not heard of it yet */
    int err = decode(g, frame, &m);
    if (err == 0 && !node_id_is_zero(s->peer) && !node_id_equal(m.sender.id, s->peer))
        err = ERR_INVALID;
    if (err < 0) {
        stream_close(g, s, out);
        return err;
    }
    stream_touch(s, now_ms);
    hear_header(g, now_ms, &m, frame.len, out);
    hear_frame(g, now_ms, s, &m, out);
    if (m.kind == MESSAGE_BUSY)
        join_busy(g, now_ms);
    finish(g, out);
    return 0;
}

void gossip_stream_closed(struct gossip *g, uint64_t now_ms, uint32_t stream,
                          struct gossip_effects *out)
{
    (void)now_ms;
    (void)out;
    struct stream *s = stream_find(g, stream);
    if (s)
        stream_drop(g, s);
}

void gossip_tick(struct gossip *g, uint64_t now_ms, uint64_t at_unix_ms,
                 struct gossip_effects *out)
{
    begin(g);
    set_wall(g, now_ms, at_unix_ms);
    if (!g->is_started)
        return;
    if (g->is_own_forgotten)
        news_survive(g, now_ms, out);
    g->is_own_forgotten = false;
    join_tick(g, now_ms, out);
    push_tick(g, now_ms, out);
    swim_tick(g, now_ms, out);
    sync_tick(g, now_ms, out);
    census_tick(g, now_ms, out);
    collect_tick(g, now_ms, out);
    finish(g, out);
}

uint64_t gossip_deadline_ms(const struct gossip *g)
{
    if (!g->is_started)
        return UINT64_MAX;
    const uint64_t all[] = {swim_deadline_ms(g), push_deadline_ms(g), sync_deadline_ms(g),
                            join_deadline_ms(g), collect_deadline_ms(g),
                            census_deadline_ms(g)};
    uint64_t deadline = UINT64_MAX;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        deadline = all[i] < deadline ? all[i] : deadline;
    return deadline;
}

/* ---- writing ---- */

int gossip_publish(struct gossip *g, uint64_t now_ms, uint64_t at_unix_ms,
                   struct bytes key, struct bytes value, uint64_t *ret_number,
                   struct gossip_effects *out)
{
    enum { OVERHEAD = 8192 }; /* keys, numbers and checks beside the value */
    begin(g);
    set_wall(g, now_ms, at_unix_ms);
    if (key.len == 0 || key.len > KEY_LEN_MAX)
        return ERR_BOUND;
    if (out->arena.limit && out->arena.used + value.len + OVERHEAD > out->arena.limit)
        return -ENOMEM;
    /* The caller's key may be that of the entry which is about to be replaced. */
    struct bytes own_key = arena_bytes(&g->scratch, key);
    if (!own_key.at)
        return -ENOMEM;
    uint64_t before = g->number;
    int err = entries_write(g, now_ms, own_key, value, ret_number, out);
    if (g->number != before)
        machine_wake_push(g, now_ms);
    finish(g, out);
    return err;
}

size_t gossip_known_by(const struct gossip *g, uint64_t number)
{
    size_t n = 1;
    for (size_t i = 0; i < g->members.roles[ROLE_LIVE].n; i++) {
        const struct peer *peer = members_in(&g->members, ROLE_LIVE, i);
        n += number == 0 ? peer->member.state == MEMBER_ALIVE
                         : peer_known(peer, g->epoch) >= number;
    }
    return n;
}

void gossip_leave(struct gossip *g, uint64_t now_ms, struct gossip_effects *out)
{
    begin(g);
    if (g->is_leaving || !g->is_started)
        return;
    news_leave(g, now_ms, out);
    g->is_leaving = true;
    for (size_t i = 0; i < g->members.roles[ROLE_LIVE].n && i < DIRECT_MEMBERS; i++) {
        struct peer *peer = members_in(&g->members, ROLE_LIVE, i);
        struct message m = machine_message(g, now_ms, MESSAGE_NEWS, peer);
        machine_send(g, peer->member.endpoint, peer, &m, true, out);
    }
    finish(g, out);
}

int gossip_forget(struct gossip *g, uint64_t now_ms, struct node_id id,
                  struct gossip_effects *out)
{
    begin(g);
    const struct peer *peer = members_peer(&g->members, id);
    if (!peer)
        return ERR_NOT_FOUND;
    if (peer->member.state != MEMBER_DEAD && peer->member.state != MEMBER_LEFT)
        return ERR_INVALID;
    int err = entries_forget(g, now_ms, peer, out);
    machine_wake_push(g, now_ms);
    finish(g, out);
    return err;
}

/* ---- reading ---- */

uint64_t gossip_number(const struct gossip *g)
{
    return g->number;
}

const struct members *gossip_members(const struct gossip *g)
{
    return &g->members;
}

const struct table *gossip_table(const struct gossip *g)
{
    return &g->table;
}

bool gossip_is_ready(const struct gossip *g)
{
    return g->is_ready;
}

static bool find_coordinate(const struct gossip *g, struct node_id id,
                            struct coordinate *ret_coordinate)
{
    const struct peer *peer = members_peer(&g->members, id);
    if (peer == g->self) {
        *ret_coordinate = g->coordinate.now;
        return g->coordinate.n_samples > 0;
    }
    return peer && peer_heard(peer)->has_coordinate &&
           coordinate_decode(BYTES_OF(peer->heard->coordinate), ret_coordinate) == 0;
}

uint32_t gossip_rtt_us(const struct gossip *g, struct node_id a, struct node_id b)
{
    struct coordinate from, to;
    if (node_id_equal(a, b) || !find_coordinate(g, a, &from) || !find_coordinate(g, b, &to))
        return 0;
    return (uint32_t)coordinate_rtt_us(&from, &to) + 1;
}

size_t gossip_skew(const struct gossip *g, uint64_t now_ms, uint64_t at_unix_ms,
                   int64_t *ret_ahead_ms)
{
    enum {
        AGE_PERIODS = 32
    }; /* twice what a round of all that are compared with takes */
    return skew_tell(&g->skew, now_ms, at_unix_ms, g->members.roles[ROLE_LIVE].n,
                     AGE_PERIODS * (uint64_t)g->profile.probe_period_ms, ret_ahead_ms);
}

uint64_t gossip_newest_ms(const struct gossip *g)
{
    return g->newest_ms;
}

size_t gossip_seen(const struct gossip *g, const struct seen_number **ret_seen)
{
    *ret_seen = g->seen.numbers;
    return g->seen.n;
}

/* A peer with our digest has our table, so it has seen what we have. */
bool gossip_peer(const struct gossip *g, struct node_id id, struct peer_view *ret_view)
{
    const struct peer *peer = members_peer(&g->members, id);
    if (!peer || peer_heard(peer)->at_ms == 0)
        return false;
    const struct heard *heard = peer->heard;
    bool is_equal = heard->digest == g->table.digest;
    *ret_view = (struct peer_view){
        .digest = heard->digest,
        .heard_ms = heard->at_ms,
        .has_ours = peer_known(peer, g->epoch),
        .seen = is_equal ? g->seen.numbers : heard->seen,
        .n_seen = is_equal ? g->seen.n : heard->n_seen,
        .bytes_in = heard->bytes_in,
        .bytes_out = heard->bytes_out,
    };
    ret_view->has_clock = skew_of(&g->skew, id, &ret_view->clock_ms);
    return true;
}

size_t gossip_rumors(const struct gossip *g)
{
    return g->rumors.n + g->push.n + (g->number > g->push.told);
}
