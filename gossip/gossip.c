/* The face of gossip: takes events apart and hands them to the parts.  Decides nothing
 * itself. */
#include "gossip/gossip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/trace.h"
#include "gossip/address.h"
#include "gossip/detect/census.h"
#include "gossip/spread/collect.h"
#include "gossip/spread/entries.h"
#include "gossip/machine/family.h"
#include "gossip/hear.h"
#include "gossip/join.h"
#include "gossip/knock.h"
#include "gossip/spread/lives.h"
#include "gossip/detect/news.h"
#include "gossip/detect/probe.h"
#include "gossip/spread/push.h"
#include "gossip/spread/renumber.h"
#include "gossip/spread/stage.h"
#include "gossip/detect/swim.h"
#include "gossip/spread/sync.h"
#include "gossip/spread/tell.h"
#include "gossip/detect/twin.h"
#include "gossip/spread/water.h"

/* ---- life ---- */

/* A member of a comparison. */
static void hear_member(struct gossip *g, uint64_t now_ms, const struct message_member *m,
                        struct gossip_effects *fx)
{
    news_hear(g, now_ms, m, NEWS_SYNC, fx);
}

struct gossip *gossip_new(const struct gossip_options *options, uint64_t now_ms)
{
    struct gossip *g = calloc(1, sizeof(*g));
    if (!g)
        return NULL;
    g->profile = *options->profile;
    g->tracer = options->tracer;
    g->metrics = options->metrics ? options->metrics : &g->no_metrics;
    lives_propose(g, options->epoch);
    join_listen(g, options->listen_ms);
    rng_init(&g->rng, options->seed);
    coordinate_init(&g->coordinate);
    arena_init(&g->scratch, SCRATCH_MAX);
    rumor_init(&g->rumors);
    members_init(&g->members, options->names);
    seen_init(&g->seen);
    collect_init(g);
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
    (void)family_learn(g->self, &options->second);
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
        return lives_restore_number(g, value);
    if (bytes_equal(key, bytes_of_text("lives")))
        return lives_restore(g, value);
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
    if (!g->stage.is_on) /* what is staged holds for the table as it is */
        collect_run(g, out);
    digests_move(&g->sync.digests, g->at_now_ms, machine_digest(g));
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
    if (twin_is_stopped(g))
        return;
    if (!g->is_started) {
        g->is_started = true;
        twin_start(g, now_ms, news_believe);
        entries_start(g, out);
        g->life = g->epoch;
        news_start(g, now_ms, out);
        swim_start(g, now_ms);
        sync_start(g, now_ms, hear_member);
    }
    join_begin(g, now_ms, seeds, n, out);
    finish(g, out);
}

void gossip_expect(struct gossip *g, bool is_expecting)
{
    join_expect(g, is_expecting);
}

bool gossip_knock(struct gossip *g, uint64_t now_ms, struct endpoint at,
                  struct gossip_effects *out)
{
    begin(g);
    bool is_asked = g->is_started && !g->is_leaving && knock_at(g, now_ms, at, out);
    finish(g, out);
    return is_asked;
}

void gossip_keep_seed(struct gossip *g, struct endpoint at)
{
    join_keep(g, at);
}

void gossip_meet(struct gossip *g, uint64_t now_ms, struct endpoint at,
                 struct gossip_effects *out)
{
    begin(g);
    if (g->is_started && !g->is_leaving && !twin_is_stopped(g) &&
        !family_is_at(g->self, &at))
        swim_ping_address(g, now_ms, at, out);
    finish(g, out);
}

void gossip_move(struct gossip *g, uint64_t now_ms, struct endpoint to,
                 struct gossip_effects *out)
{
    begin(g);
    address_move(g, now_ms, to, out);
    finish(g, out);
}

void gossip_move_second(struct gossip *g, uint64_t now_ms, struct endpoint second,
                        struct gossip_effects *out)
{
    begin(g);
    if (!g->is_leaving && family_set_own(g, &second))
        news_move(g, now_ms, g->self->member.endpoint, out);
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
    if (!is_for_us) {
        trace(g->tracer, "dropped a message meant for somebody else");
        return ERR_INVALID;
    }
    return 0;
}

int gossip_receive(struct gossip *g, uint64_t now_ms, uint64_t at_unix_ms,
                   struct endpoint from, struct bytes datagram,
                   struct gossip_effects *out)
{
    struct message m;
    begin(g);
    set_wall(g, now_ms, at_unix_ms);
    bool is_deaf = !g->is_started || machine_is_mute(g) || twin_is_stopped(g);
    int err = is_deaf ? ERR_NOT_READY : decode(g, datagram, &m);
    if (err < 0)
        return err;
    if (twin_hear(g, now_ms, from, &m, out)) {
        finish(g, out);
        return 0;
    }
    err = hear_datagram(g, now_ms, from, &m, datagram.len, out);
    join_answered(g, now_ms);
    join_tick(g, now_ms, out);
    finish(g, out);
    return err;
}

void gossip_refused(struct gossip *g, uint64_t now_ms, struct endpoint to,
                    struct gossip_effects *out)
{
    begin(g);
    if (g->is_started && !g->is_leaving && !twin_is_stopped(g))
        probe_refused(g, now_ms, to, out);
    finish(g, out);
}

/* The address led to another node than the one we meant: it has moved, or was replaced.
 */
static bool is_another(const struct stream *s, struct node_id peer)
{
    return s->use != USE_KNOCK && !node_id_is_zero(peer) && !node_id_equal(s->peer, peer);
}

void gossip_stream_opened(struct gossip *g, uint64_t now_ms, uint32_t stream,
                          struct node_id peer, struct gossip_effects *out)
{
    begin(g);
    struct stream *s = stream_find(g, stream);
    if (!s && stream > STREAM_OWN_MAX && !twin_is_stopped(g)) {
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
            probe_stream_opened(g, now_ms, s, out);
        else if (s->use == USE_KNOCK)
            knock_opened(g, s, peer, out);
    }
    finish(g, out);
}

int gossip_stream_frame(struct gossip *g, uint64_t now_ms, uint64_t at_unix_ms,
                        uint32_t stream, struct bytes frame, struct gossip_effects *out)
{
    struct message m;
    begin(g);
    set_wall(g, now_ms, at_unix_ms);
    struct stream *s = stream_find(g, stream);
    if (!s || !g->is_started || twin_is_stopped(g))
        return 0; /* it was closed by us and has not heard of it yet */
    int err = decode(g, frame, &m);
    if (err == 0 && !node_id_is_zero(s->peer) && !node_id_equal(m.sender.id, s->peer))
        err = ERR_INVALID;
    if (err == 0 && twin_hear_frame(g, now_ms, &m, out))
        err = ERR_INVALID;
    if (err < 0) {
        stream_close(g, s, out);
        finish(g, out);
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

void gossip_stream_failed(struct gossip *g, uint64_t now_ms, uint32_t stream,
                          enum knock how, struct gossip_effects *out)
{
    begin(g);
    struct stream *s = stream_find(g, stream);
    if (s && s->use == USE_KNOCK && how != KNOCK_NONE)
        knock_failed(s, how, out);
    gossip_stream_closed(g, now_ms, stream, out);
    finish(g, out);
}

void gossip_tick(struct gossip *g, uint64_t now_ms, uint64_t at_unix_ms,
                 struct gossip_effects *out)
{
    begin(g);
    set_wall(g, now_ms, at_unix_ms);
    if (!g->is_started || twin_is_stopped(g))
        return;
    if (g->is_own_forgotten)
        news_survive(g, now_ms, out);
    g->is_own_forgotten = false;
    bool is_mute = machine_is_mute(g);
    if (!is_mute) {
        join_tick(g, now_ms, out);
        push_tick(g, now_ms, out);
    }
    if (!is_mute || g->is_leaving)
        swim_tick(g, now_ms, out);
    if (!is_mute) {
        sync_tick(g, now_ms, out);
        census_tick(g, now_ms, out);
        twin_tick(g, now_ms, out);
    }
    collect_tick(g, now_ms, out);
    renumber_tick(g, now_ms, out);
    finish(g, out);
}

uint64_t gossip_deadline_ms(const struct gossip *g)
{
    if (!g->is_started || twin_is_stopped(g))
        return UINT64_MAX;
    if (machine_is_mute(g)) {
        uint64_t collect_ms = collect_deadline_ms(g);
        uint64_t leave_ms = g->is_leaving ? swim_deadline_ms(g) : UINT64_MAX;
        return collect_ms < leave_ms ? collect_ms : leave_ms;
    }
    const uint64_t all[] = {swim_deadline_ms(g), push_deadline_ms(g), sync_deadline_ms(g),
                            join_deadline_ms(g), collect_deadline_ms(g), renumber_deadline_ms(g),
                            census_deadline_ms(g), twin_deadline_ms(g)};
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
    if (twin_is_stopped(g))
        return ERR_CONFLICT;
    if (key.len == 0 || key.len > KEY_LEN_MAX)
        return ERR_BOUND;
    if (!g->stage.is_on && out->arena.limit &&
        out->arena.used + value.len + OVERHEAD > out->arena.limit)
        return -ENOMEM;
    /* The caller's key may be that of the entry which is about to be replaced. */
    struct bytes own_key = arena_bytes(&g->scratch, key);
    if (!own_key.at)
        return -ENOMEM;
    lives_begin(g, out);
    uint64_t before = g->number;
    int err = entries_write(g, now_ms, own_key, value, ret_number, out);
    if (g->number != before)
        machine_wake_push(g, now_ms);
    finish(g, out);
    return err;
}

void gossip_stage(struct gossip *g)
{
    stage_open(g);
}

int gossip_staged(struct gossip *g, const struct store_change **ret_changes,
                  size_t *ret_n, struct gossip_effects *out)
{
    return entries_staged(g, ret_changes, ret_n, out);
}

int gossip_commit(struct gossip *g, uint64_t now_ms, struct gossip_effects *out)
{
    begin(g);
    int err = entries_commit(g, now_ms, out);
    finish(g, out);
    return err;
}

void gossip_unstage(struct gossip *g, uint64_t now_ms, bool may_be_stored,
                    struct gossip_effects *out)
{
    begin(g);
    if (may_be_stored)
        entries_burn(g, now_ms, out);
    stage_close(g);
    finish(g, out);
}

void gossip_ask_all(struct gossip *g, uint64_t now_ms)
{
    push_ask_all(g, now_ms);
}

void gossip_leave(struct gossip *g, uint64_t now_ms, struct gossip_effects *out)
{
    begin(g);
    if (g->is_leaving || !g->is_started)
        return;
    if (twin_is_stopped(g)) { /* the identity stays, with its elder life */
        g->is_leaving = g->has_left = true;
        (void)effect_add(out, GOSSIP_LEFT);
        return;
    }
    news_leave(g, now_ms, out);
    g->is_leaving = true;
    for (size_t i = 0; i < g->members.roles[ROLE_LIVE].n && i < DIRECT_MEMBERS; i++) {
        struct peer *peer = members_in(&g->members, ROLE_LIVE, i);
        struct message m = machine_message(g, now_ms, MESSAGE_NEWS, peer);
        machine_send(g, family_endpoint(g, peer), peer, &m, true, out);
    }
    finish(g, out);
}

int gossip_forget(struct gossip *g, uint64_t now_ms, struct node_id id,
                  struct gossip_effects *out)
{
    begin(g);
    const struct peer *peer = members_peer(&g->members, id);
    if (twin_is_stopped(g))
        return ERR_CONFLICT;
    if (!peer)
        return ERR_NOT_FOUND;
    if (peer->member.state != MEMBER_DEAD && peer->member.state != MEMBER_LEFT)
        return ERR_INVALID;
    int err = entries_forget(g, now_ms, peer, out);
    if (!g->stage.is_on)
        machine_wake_push(g, now_ms);
    finish(g, out);
    return err;
}

void gossip_census(struct gossip *g, uint64_t now_ms, uint64_t for_ms,
                   struct gossip_effects *out)
{
    begin(g);
    if (g->is_started && !g->is_leaving)
        census_begin(g, now_ms, for_ms, out);
}

void gossip_census_end(struct gossip *g)
{
    census_end(g);
}
