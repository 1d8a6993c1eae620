/* The files between agent and shim: golden bytes, round trips, every truncation. */
#include "isolate/shim_file.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "isolate/shim_tlv.h"

static const char *const argv[] = {"./web", "-x", NULL};
static const char *const hidden[] = {"/etc/stratos/secret"};
static const uint16_t ports[] = {80, 20001};
static const struct pair task_env[] = {{"A", "1"}};
static const struct pair env[] = {{"PORT", "80"}, {"STRATOS_JOB", "web"}};

static const struct shim_launch launch = {
    .key = "d.web.0",
    .dir = "/d/tasks/d.web.0",
    .data_dir = "/d",
    .group = "stratos/n1/d.web.0",
    .user = "www-data",
    .cwd = "",
    .argv = argv,
    .n_argv = 2,
    .task_env = task_env,
    .n_task_env = 1,
    .env = env,
    .n_env = 2,
    .hidden = hidden,
    .n_hidden = 1,
    .memory_bytes = 1 << 20,
    .log_max_bytes = 10,
    .cpu_milli = 500,
    .pids = 64,
    .log_max_files = 5,
    .log_keep_s = 77,
    .agent_pid = 7,
    .ports = ports,
    .n_ports = 2,
    .has_token = true,
    .cpu_cap_milli = 250,
    .has_swap = true,
    .swap_bytes = 1 << 21,
    .rlimits = {.set = 1u << RLIMITS_CORE | 1u << RLIMITS_STACK,
                .at = {[RLIMITS_CORE] = 7, [RLIMITS_STACK] = RLIMITS_UNLIMITED}},
};

Test(shim_file, launch_round_trips_and_every_truncation_is_refused)
{
    uint8_t buf[1024];
    struct writer w = writer_of(buf, sizeof(buf));
    shim_launch_write(&launch, &w);
    cr_assert(writer_error(&w) == 0);
    struct arena arena;
    arena_init(&arena, 0);
    struct shim_launch back;
    cr_assert(shim_launch_read(writer_done(&w), &arena, SHIM_READ_AGENT, &back) == 0);
    cr_assert_str_eq(back.key, launch.key);
    cr_assert_str_eq(back.dir, launch.dir);
    cr_assert_str_eq(back.group, launch.group);
    cr_assert_str_eq(back.user, "www-data");
    cr_assert_str_eq(back.argv[1], "-x");
    cr_assert(back.argv[2] == NULL && back.n_argv == 2);
    cr_assert_str_eq(back.env[1].value, "web");
    cr_assert_str_eq(back.hidden[0], hidden[0]);
    cr_assert(back.memory_bytes == 1 << 20 && back.cpu_milli == 500 &&
              back.agent_pid == 7);
    cr_assert(back.has_token && back.n_ports == 2 && back.ports[0] == 80 &&
              back.ports[1] == 20001);
    cr_assert(back.cpu_cap_milli == 250 && back.has_swap && back.swap_bytes == 1 << 21);
    cr_assert(memcmp(&back.rlimits, &launch.rlimits, sizeof(back.rlimits)) == 0);
    uint8_t again[1024];
    struct writer w2 = writer_of(again, sizeof(again));
    shim_launch_write(&back, &w2);
    cr_assert(bytes_equal(writer_done(&w), writer_done(&w2)));
    for (size_t len = 0; len < w.len; len++) {
        uint8_t *copy =
            malloc(len ? len : 1); /* exact size, so that asan sees an over-read */
        memcpy(copy, buf, len);
        cr_assert(shim_launch_read((struct bytes){copy, len}, &arena, SHIM_READ_AGENT,
                                   &back) < 0,
                  "length %zu", len);
        free(copy);
    }
    for (size_t i = 0; i < w.len; i++) {
        buf[i] ^= 0x10;
        cr_assert(shim_launch_read(writer_done(&w), &arena, SHIM_READ_AGENT, &back) < 0,
                  "a bit of byte %zu", i);
        buf[i] ^= 0x10;
    }
    static const uint8_t unknown[] = {0, 2, TLV_FORMAT + 1, 255};
    for (size_t i = 0; i < sizeof(unknown); i++) {
        buf[4] = unknown[i];
        cr_assert(shim_launch_read(writer_done(&w), &arena, SHIM_READ_AGENT, &back) ==
                  ERR_UNSUPPORTED);
    }
    arena_fini(&arena);
}

/* A file as another release writes it: the same, and one field more. */
static struct bytes with_field(struct bytes in, uint16_t tag, uint8_t out[static 2048])
{
    struct writer w = writer_of(out, 2048);
    writer_bytes(&w, (struct bytes){in.at, in.len - 4});
    tlv_text(&w, tag, "from elsewhere");
    tlv_end(&w, 0);
    return writer_done(&w);
}

Test(shim_file, a_field_of_another_release_is_skipped_and_kept)
{
    uint8_t buf[1024], more[2048], again[2048];
    struct writer w = writer_of(buf, sizeof(buf)), w2 = writer_of(again, sizeof(again));
    struct arena arena;
    struct shim_launch back;
    arena_init(&arena, 0);
    shim_launch_write(&launch, &w);
    struct bytes in = with_field(writer_done(&w), 0x7000, more);
    cr_assert_eq(shim_launch_read(in, &arena, SHIM_READ_SHIM, &back), 0);
    cr_assert_str_eq(back.key, launch.key);
    shim_launch_write(&back, &w2);
    cr_assert(bytes_equal(in, writer_done(&w2)));
    arena_fini(&arena);
}

Test(shim_file, what_must_be_understood_is_refused_by_the_shim_alone)
{
    uint8_t buf[1024], more[2048];
    struct writer w = writer_of(buf, sizeof(buf));
    struct arena arena;
    struct shim_launch back;
    arena_init(&arena, 0);
    shim_launch_write(&launch, &w);
    struct bytes in = with_field(writer_done(&w), TLV_MUST | 0x7000, more);
    cr_assert_eq(shim_launch_read(in, &arena, SHIM_READ_SHIM, &back), ERR_UNSUPPORTED);
    cr_assert_eq(shim_launch_read(in, &arena, SHIM_READ_AGENT, &back), 0);
    arena_fini(&arena);
}

Test(shim_file, a_field_that_is_missing_has_its_default)
{
    static const char hex[] = "5354524c03"
                              "000100000005642e772e30"
                              "00070000000d00000001"
                              "000000052f62696e2f";
    enum { LEN = (sizeof(hex) - 1) / 2 };
    uint8_t buf[LEN + 4];
    struct arena arena;
    struct shim_launch back;
    arena_init(&arena, 0);
    cr_assert_eq(hex_decode(hex, sizeof(hex) - 1, buf, LEN), 0);
    struct writer w = {.at = buf, .cap = sizeof(buf), .len = LEN};
    tlv_end(&w, 0);
    cr_assert_eq(shim_launch_read(writer_done(&w), &arena, SHIM_READ_SHIM, &back), 0);
    cr_assert_str_eq(back.key, "d.w.0");
    cr_assert_str_eq(back.argv[0], "/bin/");
    cr_assert(back.n_argv == 1 && back.argv[1] == NULL && back.n_env == 0);
    cr_assert_str_eq(back.user, "");
    cr_assert(back.stop_signal == 15 && back.stop_timeout_ms == 10000);
    arena_fini(&arena);
}

/* As 0.1.0 wrote it: its tasks are adopted. */
Test(shim_file, a_launch_of_the_first_version_is_read)
{
    static const char hex[] = "5354524c01"
                              "00000005642e772e30" /* key */
                              "000000042f642f74"   /* dir */
                              "000000022f64"       /* data directory */
                              "0000000167"         /* group */
                              "0000000175"         /* user */
                              "00000000"           /* cwd */
                              "00000002000000052e2f776562000000022d78"
                              "0000000100000001410000000131"
                              "0000000100000004504f5254000000023830"
                              "00000001000000022f73"
                              "0000000000100000"
                              "000000000000000a"
                              "000001f4"
                              "00000040"
                              "00000005"
                              "00000007";
    enum { LEN = (sizeof(hex) - 1) / 2 };
    uint8_t buf[LEN + 1] = {0};
    struct arena arena;
    struct shim_launch back;
    cr_assert(hex_decode(hex, sizeof(hex) - 1, buf, LEN) == 0);
    arena_init(&arena, 0);
    cr_assert(
        shim_launch_read((struct bytes){buf, LEN}, &arena, SHIM_READ_AGENT, &back) == 0);
    cr_assert_str_eq(back.key, "d.w.0");
    cr_assert_str_eq(back.group, "g");
    cr_assert(back.agent_pid == 7 && back.n_ports == 0 && !back.has_token);
    cr_assert(!back.cpu_cap_milli && !back.has_swap && !back.rlimits.set);
    cr_assert(shim_launch_read((struct bytes){buf, LEN + 1}, &arena, SHIM_READ_AGENT,
                               &back) == ERR_MALFORMED);
    arena_fini(&arena);
}

/* A later agent's.  The shim that it starts may be older, for a moment of an upgrade. */
Test(shim_file, a_limit_that_is_not_known_is_refused_by_the_shim_and_kept_by_an_agent)
{
    struct shim_launch odd = launch, back;
    uint8_t buf[1024], again[1024];
    struct arena arena;
    odd.rlimits.set = 1u << RLIMITS_KINDS;
    struct writer w = writer_of(buf, sizeof(buf)), w2 = writer_of(again, sizeof(again));
    shim_launch_write(&odd, &w);
    arena_init(&arena, 0);
    cr_assert(shim_launch_read(writer_done(&w), &arena, SHIM_READ_SHIM, &back) ==
              ERR_UNSUPPORTED);
    cr_assert(shim_launch_read(writer_done(&w), &arena, SHIM_READ_AGENT, &back) == 0);
    cr_assert(back.rlimits.set == 0 && back.cpu_cap_milli == 250);
    shim_launch_write(&back, &w2);
    cr_assert_eq(w.len, w2.len);
    arena_fini(&arena);
}

Test(shim_file, more_ports_than_a_job_can_have_are_refused)
{
    static const uint16_t many[PORTS_MAX + 1];
    struct shim_launch l = launch;
    uint8_t buf[1024];
    struct arena arena;
    arena_init(&arena, 0);
    l.ports = many;
    for (size_t extra = 0; extra < 2; extra++) {
        struct writer w = writer_of(buf, sizeof(buf));
        struct shim_launch back;
        l.n_ports = PORTS_MAX + extra;
        shim_launch_write(&l, &w);
        cr_assert(shim_launch_read(writer_done(&w), &arena, SHIM_READ_AGENT, &back) ==
                  (extra ? ERR_BOUND : 0));
    }
    arena_fini(&arena);
}

static const struct shim_state exited = {
    .phase = SHIM_EXITED,
    .order = 2,
    .shim_pid = 1,
    .init_pid = 2,
    .pid = 3,
    .started_unix_ms = 0x0102030405060708,
    .ended_unix_ms = 0x0102030405060709,
    .exit = {EXIT_BY_SIGNAL, .number = 9, .is_oom = true},
    .boot = {7}};

static void fill(uint8_t out[static SHIM_STATE_LEN], const struct shim_state *first,
                 const struct shim_state *second)
{
    struct writer w = writer_of(out, SHIM_STATE_LEN);
    shim_state_write(first, &w);
    shim_state_write(second, &w);
    cr_assert(writer_error(&w) == 0 && w.len == SHIM_STATE_LEN);
}

Test(shim_file, a_state_has_its_golden_bytes)
{
    uint8_t buf[SHIM_SLOT_LEN];
    char hex[2 * SHIM_SLOT_LEN + 1];
    struct writer w = writer_of(buf, sizeof(buf));
    shim_state_write(&exited, &w);
    cr_assert_eq(w.len, SHIM_SLOT_LEN);
    hex_encode(buf, w.len, hex);
    static const char golden[] = "5354525303"
                                 "00010000000400000002"
                                 "00020000000400000002"
                                 "00030000000400000001"
                                 "00040000000400000002"
                                 "00050000000400000003"
                                 "0006000000080102030405060708"
                                 "0007000000080102030405060709"
                                 "00080000000400000001"
                                 "00090000000400000009"
                                 "000a0000000400000001"
                                 "000b0000001007000000000000000000000000000000";
    cr_assert(strncmp(hex, golden, sizeof(golden) - 1) == 0, "%s", hex);
}

Test(shim_file, of_two_slots_the_newer_whole_one_holds)
{
    uint8_t buf[SHIM_STATE_LEN];
    struct shim_state back, running = exited;
    running.phase = SHIM_RUNNING;
    running.order = 1;
    for (size_t swap = 0; swap < 2; swap++) {
        fill(buf, swap ? &running : &exited, swap ? &exited : &running);
        cr_assert_eq(shim_state_read((struct bytes){buf, sizeof(buf)}, &back), 0);
        cr_assert(back.phase == SHIM_EXITED && back.exit.number == 9 &&
                  back.exit.is_oom && back.pid == 3);
        for (size_t i = 0; i < SHIM_SLOT_LEN; i++) { /* a write that was cut off */
            size_t at = swap ? SHIM_SLOT_LEN + i : i;
            buf[at] ^= 0xff;
            cr_assert_eq(shim_state_read((struct bytes){buf, sizeof(buf)}, &back), 0);
            cr_assert_eq(back.phase, SHIM_RUNNING, "byte %zu", i);
            buf[at] ^= 0xff;
        }
    }
    for (size_t len = 0; len < sizeof(buf); len++)
        cr_assert(shim_state_read((struct bytes){buf, len}, &back) < 0);
}

/* As 0.1.0 wrote it. */
Test(shim_file, a_state_of_the_first_version_is_read)
{
    static const char *const texts[] = {
        "5354525301000000010000000200000003010203040506070800000000"
        "0000000001",
        "5354525301000000010000000200000003010203040506070800000089"
        "0100000002"};
    struct shim_state back;
    uint8_t buf[35] = {0};
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(hex_decode(texts[i], 68, buf, 34), 0);
        cr_assert_eq(shim_state_read((struct bytes){buf, 34}, &back), 0);
        cr_assert_eq(back.phase, i ? SHIM_EXITED : SHIM_RUNNING);
        cr_assert(back.shim_pid == 1 && back.init_pid == 2 && back.pid == 3);
        for (size_t len = 0; len < 34; len++)
            cr_assert(shim_state_read((struct bytes){buf, len}, &back) < 0);
        cr_assert(shim_state_read((struct bytes){buf, 35}, &back) == ERR_MALFORMED);
    }
    cr_assert(back.exit.kind == EXIT_BY_SIGNAL && back.exit.number == 9 &&
              back.exit.is_oom);
}

Test(shim_file, what_nobody_saw_is_lost_or_never_started)
{
    static const uint8_t boot[SHIM_BOOT_LEN] = {7}, other[SHIM_BOOT_LEN] = {8};
    struct shim_state s = exited;
    static const struct {
        enum shim_phase phase;
        enum exit_kind kind;
    } rows[] = {{SHIM_RUNNING, EXIT_LOST},
                {SHIM_PREPARED, EXIT_LOST},
                {SHIM_ENDING, EXIT_BY_SIGNAL},
                {SHIM_EXITED, EXIT_BY_SIGNAL}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        s.phase = rows[i].phase;
        cr_assert_eq(shim_state_end(&s, boot).kind, rows[i].kind);
        cr_assert_eq(shim_state_end(&s, boot).is_host, false);
        cr_assert_eq(shim_state_end(&s, other).is_host, rows[i].kind == EXIT_LOST);
    }
    cr_assert_eq(shim_state_end(NULL, boot).kind, EXIT_NEVER);
}
