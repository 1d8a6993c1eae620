/* Beacons: of a stranger, who records, changes and repeats what it hears; and of a hostile member
 * that has the secret, into discovery and the machine that is to meet whoever it names. */
#include <stdlib.h>
#include <string.h>

#include "gossip/gossip.h"
#include "gossip/members/discovery.h"
#include "tests/lib/hostile.h"

enum { EVENTS_MAX = 400, CROWD_MAX = 40, SECOND_MS = 1000, REST_MAX = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct secret secret = {{1, 2, 3}};

static void must(bool is_so)
{
    if (!is_so)
        abort();
}

/* ---- sealed ---- */

/* As uv_discovery.c opens them. */
static int open_beacon(struct sealer *s, struct bytes in, struct beacon *ret_beacon)
{
    uint8_t plain[BEACON_SEALED_LEN];
    if (in.len != BEACON_SEALED_LEN)
        return ERR_MALFORMED;
    int len = sealer_open(s, 0, in, plain, sizeof(plain));
    return len < 0 ? len : beacon_decode((struct bytes){plain, (size_t)len}, ret_beacon);
}

/* The input is a mask over a right beacon, which is longer or shorter when the mask is.  Changed it
 * is refused; unchanged it is heard once. */
static void fuzz_sealed(struct bytes mask)
{
    static const uint8_t sessions[2][SESSION_LEN] = {"one", "two"};
    struct keyring keys = keyring_of(&secret);
    struct sealer *from = sealer_new(&keys, sessions[0]),
                  *to = sealer_new(&keys, sessions[1]);
    struct beacon b = {hostile_id(1), hostile_endpoint(1), 1, 7, true}, heard;
    uint8_t plain[BEACON_LEN], sealed[BEACON_SEALED_LEN + 64] = {0};
    size_t len = mask.len < sizeof(sealed) ? mask.len : sizeof(sealed);
    must(from && to);
    beacon_encode(&b, plain);
    must(sealer_seal(from, BYTES_OF(plain), sealed, sizeof(sealed)) == BEACON_SEALED_LEN);
    bool is_right = len == BEACON_SEALED_LEN;
    for (size_t i = 0; i < len; i++) {
        sealed[i] ^= mask.at[i];
        is_right = is_right && mask.at[i] == 0;
    }
    for (int i = 0; i < 2; i++) {
        int result = open_beacon(to, (struct bytes){sealed, len}, &heard);
        must((result == 0) == (is_right && i == 0));
    }
    (void)open_beacon(to, mask, &heard);
    sealer_free(from);
    sealer_free(to);
}

/* ---- opened ---- */

struct machine {
    struct gossip *gossip;
    struct gossip_effects fx;
    struct discovery discovery;
    uint64_t now_ms;
    unsigned n_met;     /* in the running second of the script */
    uint64_t second_ms; /* when it began */
};

/* Whoever is met is asked by datagram; nothing else comes of it. */
static void perform(struct machine *m, bool is_meeting)
{
    for (size_t i = 0; i < m->fx.n; i++) {
        if (m->fx.list[i].kind == GOSSIP_SEND)
            must(m->fx.list[i].bytes.len <= MESSAGE_DATAGRAM_MAX);
        must(!is_meeting || m->fx.list[i].kind == GOSSIP_SEND);
    }
    gossip_effects_clear(&m->fx);
}

static void begin(struct machine *m, unsigned n_members)
{
    struct gossip_options options = {
        .id = hostile_id(0),
        .name = "n1",
        .endpoint = hostile_endpoint(0),
        .profile = &gossip_profile_lan,
        .epoch = 1,
        .seed = 1,
        .listen_ms = DISCOVERY_LISTEN_MS,
    };
    m->gossip = gossip_new(&options, m->now_ms);
    must(m->gossip != NULL);
    gossip_join(m->gossip, m->now_ms, NULL, 0, &m->fx);
    perform(m, false);
    for (unsigned i = 0; i < n_members; i++) {
        struct arena arena;
        struct bytes bytes;
        struct message message = {
            .kind = MESSAGE_NEWS,
            .sender = {.id = {{(uint8_t)(i + 2), 1, (uint8_t)(i + 2)}},
                       .name = "other",
                       .endpoint = hostile_endpoint(i),
                       .incarnation = 1}};
        arena_init(&arena, 1 << 16);
        must(message_encode(&message, &arena, &bytes) == 0);
        (void)gossip_receive(m->gossip, m->now_ms, m->now_ms, hostile_endpoint(i), bytes,
                             &m->fx);
        arena_fini(&arena);
        perform(m, false);
    }
    discovery_init(&m->discovery, hostile_id(0), 1, m->now_ms);
}

static void hear(struct machine *m, struct bytes plain)
{
    struct beacon b, same;
    uint8_t again[BEACON_LEN];
    if (beacon_decode(plain, &b) < 0)
        return;
    beacon_encode(&b, again);
    must(beacon_decode(BYTES_OF(again), &same) == 0);
    must(node_id_equal(b.id, same.id) && endpoint_equal(&b.endpoint, &same.endpoint) &&
         b.n_members == same.n_members && b.epoch == same.epoch &&
         b.is_ready == same.is_ready);
    if (!discovery_hear(&m->discovery, m->now_ms, &b, gossip_members(m->gossip)))
        return;
    must(!node_id_equal(b.id, hostile_id(0)));
    if (m->now_ms - m->second_ms >= SECOND_MS) {
        m->second_ms = m->now_ms;
        m->n_met = 0;
    }
    must(++m->n_met <= 2 * DISCOVERY_MEETS_MAX); /* its seconds may begin within ours */
    gossip_meet(m->gossip, m->now_ms, b.endpoint, &m->fx);
    perform(m, true);
}

static void pass_time(struct machine *m, uint8_t pick)
{
    static const uint64_t waits_ms[] = {0, 1, 50, 200, 1000, 3000, 30000, 600000};
    m->now_ms += waits_ms[pick % 8];
    unsigned n = 0;
    for (; discovery_deadline_ms(&m->discovery) <= m->now_ms && n < REST_MAX; n++)
        (void)discovery_tick(&m->discovery, m->now_ms, gossip_members(m->gossip));
    must(n <= 1);
    gossip_tick(m->gossip, m->now_ms, m->now_ms, &m->fx);
    perform(m, false);
}

/* Each event is a byte: time that passes, new interfaces, or a beacon with a mask of that many bytes
 * from that byte of it on. */
static void fuzz_opened(struct bytes in)
{
    struct machine m = {.now_ms = 1000};
    struct reader script = reader_of(in);
    gossip_effects_init(&m.fx);
    begin(&m, reader_u8(&script) % CROWD_MAX);
    for (int i = 0; i < EVENTS_MAX && reader_error(&script) == 0; i++) {
        uint8_t pick = reader_u8(&script);
        struct beacon b = {hostile_id(pick), hostile_endpoint(pick), 1 + pick % 3u,
                           pick, pick & 1};
        uint8_t plain[BEACON_LEN + 1] = {0};
        if (pick >= 0xf0) {
            pass_time(&m, pick);
            continue;
        }
        if (pick == 0xef)
            discovery_stir(&m.discovery, m.now_ms);
        beacon_encode(&b, plain);
        size_t from = reader_u8(&script) % BEACON_LEN, len = BEACON_LEN + (pick == 0xee);
        struct bytes mask = reader_take(&script, pick % 16);
        for (size_t k = 0; k < mask.len && from + k < BEACON_LEN; k++)
            plain[from + k] ^= mask.at[k];
        hear(&m, (struct bytes){plain, len});
    }
    must(hostile_harm(m.gossip, hostile_id(0)) == NULL);
    gossip_free(m.gossip);
    gossip_effects_fini(&m.fx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || seal_init() < 0)
        return 0;
    if (data[0] % 2)
        fuzz_opened((struct bytes){data + 1, size - 1});
    else
        fuzz_sealed((struct bytes){data + 1, size - 1});
    return 0;
}
