/* Bytes that come from the disk: the records of the store under checks that fit, as only a damage
 * that cannot be told from the truth would have them, and the files between an agent and a shim.
 * The first byte picks the door. */
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "isolate/shim_file.h"
#include "isolate/shim_tlv.h"
#include "tests/lib/hostile.h"

enum {
    RECORDS_MAX = 100,
    RESTLESS_MAX = 256,
    TICKS = 12,
    CHECK_SEED = 0x57a705,
    ARENA = 4 << 20
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
    if (!is_so)
        abort();
}

/* ---- the files of a shim ---- */

/* Tagged fields come under a checksum, which no fuzzer finds: it is put there. */
static struct bytes summed(struct bytes in, size_t at, size_t len)
{
    static uint8_t copy[SHIM_LAUNCH_MAX];
    if (in.len > sizeof(copy) || at + len > in.len || len < TLV_OVERHEAD)
        return in;
    if (copy != in.at)
        memcpy(copy, in.at, in.len);
    if (copy[at + 4] != TLV_FORMAT)
        return (struct bytes){copy, in.len};
    struct writer w = writer_of(copy + at + len - 4, 4);
    writer_u32(&w, crc32c((struct bytes){copy + at, len - 4}));
    return (struct bytes){copy, in.len};
}

static void fuzz_launch(struct bytes in)
{
    static uint8_t first[SHIM_LAUNCH_MAX], second[SHIM_LAUNCH_MAX];
    struct arena arena;
    struct shim_launch launch;
    arena_init(&arena, ARENA);
    if (shim_launch_read(summed(in, 0, in.len), &arena, SHIM_READ_AGENT, &launch) == 0) {
        struct writer a = writer_of(first, sizeof(first)),
                      b = writer_of(second, sizeof(second));
        must(launch.argv[launch.n_argv] == NULL);
        shim_launch_write(&launch, &a);
        must(writer_error(&a) == 0);
        must(shim_launch_read(writer_done(&a), &arena, SHIM_READ_AGENT, &launch) == 0);
        shim_launch_write(&launch, &b);
        must(bytes_equal(writer_done(&a), writer_done(&b)));
    }
    arena_fini(&arena);
}

static void fuzz_state(struct bytes in)
{
    uint8_t out[SHIM_STATE_LEN];
    struct shim_state state, again;
    struct bytes whole = summed(in, 0, SHIM_SLOT_LEN);
    whole = summed(whole, SHIM_SLOT_LEN, SHIM_SLOT_LEN);
    if (shim_state_read(whole, &state) < 0)
        return;
    struct writer w = writer_of(out, sizeof(out));
    shim_state_write(&state, &w);
    shim_state_write(&state, &w);
    must(shim_state_read(writer_done(&w), &again) == 0);
    must(again.phase == state.phase && again.pid == state.pid &&
         exit_pack(&again.exit) == exit_pack(&state.exit));
}

/* ---- the store ---- */

static const struct hostile_truth truth = {.epoch = 1};

enum record {
    RECORD_ENTRY,
    RECORD_NUMBER,
    RECORD_INCARNATION,
    RECORD_PEER,
    RECORD_SEEN,
    RECORD_ANY
};

static struct bytes prefixed(struct arena *arena, const char *prefix, struct node_id id)
{
    size_t len = strlen(prefix);
    uint8_t *at = arena_alloc(arena, len + sizeof(id.at));
    must(at != NULL);
    memcpy(at, prefix, len);
    memcpy(at + len, id.at, sizeof(id.at));
    return (struct bytes){at, len + sizeof(id.at)};
}

static void put_numbers(struct writer *w, struct reader *script, int n)
{
    for (int i = 0; i < n; i++)
        writer_u64(w, hostile_number(script, &truth));
}

static void put_entry(struct writer *w, struct reader *script, struct arena *arena)
{
    uint8_t look = reader_u8(script);
    struct node_id writer = hostile_id(look);
    writer_u8(w, look >> 7);
    writer_put(w, writer.at, sizeof(writer.at));
    put_numbers(w, script, 4);
    struct bytes value = hostile_value(script, arena);
    if (value.at)
        writer_bytes(w, value);
}

static void put_peer(struct writer *w, struct reader *script, struct node_id id)
{
    uint8_t look = reader_u8(script);
    struct endpoint at = hostile_endpoint(look);
    writer_put(w, id.at, sizeof(id.at));
    writer_u32(w, (uint32_t)hostile_number(script, &truth));
    writer_u8(w, look & 0x80 ? look : at.family);
    writer_put(w, at.address, sizeof(at.address));
    writer_u16(w, at.port);
    writer_bytes(w, reader_take(script, look % 80));
}

/* The next record of the script, checked as if it were right. */
static bool take_record(struct reader *script, struct arena *arena,
                        enum store_space *ret_space, struct bytes *ret_key,
                        struct bytes *ret_value)
{
    enum { CAP = ENTRY_LEN_MAX + 1024 };
    uint8_t pick = reader_u8(script);
    enum record record = (enum record)(pick % (RECORD_ANY + 1));
    struct node_id id = hostile_id(pick >> 4);
    uint8_t *at = arena_alloc(arena, CAP);
    struct writer w = writer_of(at, at ? CAP : 0);
    struct bytes key = {0}, check_with = {0};
    writer_u8(&w, pick == 0xff ? 2 : 1);
    if (record == RECORD_ENTRY) {
        key = check_with = hostile_key(script, arena);
        put_entry(&w, script, arena);
    } else if (record == RECORD_PEER) {
        key = prefixed(arena, "peer/", id);
        put_peer(&w, script, id);
    } else if (record == RECORD_ANY) {
        static const char *const keys[] = {"number", "incarnation", "peer/x", "seen/x",
                                           "epoch",  "stale/",      "stale/x", "lives"};
        key = bytes_of_text(keys[reader_u8(script) % 8]);
        writer_bytes(&w, reader_take(script, reader_u8(script)));
    } else {
        key = record == RECORD_SEEN
                  ? prefixed(arena, "seen/", id)
                  : bytes_of_text(record == RECORD_NUMBER ? "number" : "incarnation");
        put_numbers(&w, script, 2);
    }
    writer_u64(&w, hash64(writer_done(&w), hash64(check_with, CHECK_SEED)));
    *ret_space = record == RECORD_ENTRY ? STORE_TABLE : STORE_LOCAL;
    *ret_key = key;
    *ret_value = writer_done(&w);
    return reader_error(script) == 0 && writer_error(&w) == 0;
}

static void perform(struct gossip_effects *fx, struct arena *arena)
{
    for (size_t i = 0; i < fx->n; i++) {
        const struct gossip_effect *e = &fx->list[i];
        struct message m;
        if (e->kind == GOSSIP_SEND || e->kind == GOSSIP_STREAM_SEND)
            must(message_decode(e->bytes, arena, &m) == 0);
        arena_clear(arena);
    }
    gossip_effects_clear(fx);
}

/* It starts, joins whom it remembers, writes, and lives on. */
static void live(struct gossip *g, struct gossip_effects *fx, struct arena *arena)
{
    uint64_t now_ms = 1000;
    gossip_join(g, now_ms, NULL, 0, fx);
    perform(fx, arena);
    uint64_t number = gossip_number(g);
    int result = gossip_publish(g, now_ms, now_ms, bytes_of_text("var/a"),
                                bytes_of_text("own"), NULL, fx);
    must(result == ERR_BOUND || (result == 0 && gossip_number(g) == number + 1));
    for (int i = 0; i < TICKS; i++) {
        unsigned n = 0;
        for (; n == 0 || (gossip_deadline_ms(g) <= now_ms && n < RESTLESS_MAX); n++) {
            gossip_tick(g, now_ms, now_ms, fx);
            perform(fx, arena);
        }
        must(n < RESTLESS_MAX);
        now_ms = gossip_deadline_ms(g) + (i == TICKS / 2 ? 600000 : 0);
    }
    must(hostile_harm(g, hostile_id(0)) == NULL);
}

static void fuzz_store(struct bytes in)
{
    struct gossip_options options = {
        .id = hostile_id(0),
        .name = "n1",
        .endpoint = hostile_endpoint(0),
        .profile = &gossip_profile_lan,
        .epoch = 1,
        .seed = 1,
    };
    struct gossip *g = gossip_new(&options, 1000);
    struct reader script = reader_of(in);
    struct gossip_effects fx;
    struct arena arena;
    must(g != NULL);
    gossip_effects_init(&fx);
    arena_init(&arena, ARENA);
    for (int i = 0; i < RECORDS_MAX; i++) {
        enum store_space space;
        struct bytes key, value;
        if (!take_record(&script, &arena, &space, &key, &value))
            break;
        int result = gossip_restore(g, space, key, value);
        must(result == 0 || result == ERR_DAMAGED || result == ERR_BOUND);
        arena_clear(&arena);
    }
    live(g, &fx, &arena);
    gossip_free(g);
    gossip_effects_fini(&fx);
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct bytes in = {data + 1, size - 1};
    if (data[0] % 3 == 0)
        fuzz_store(in);
    else if (data[0] % 3 == 1)
        fuzz_launch(in);
    else
        fuzz_state(in);
    return 0;
}
