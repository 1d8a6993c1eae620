/* The files between agent and shim: golden bytes, round trips, every truncation. */
#include "isolate/shim_file.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

static const char *const argv[] = {"./web", "-x", NULL};
static const char *const hidden[] = {"/etc/stratos/secret"};
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
    .agent_pid = 7,
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
    cr_assert(shim_launch_read(writer_done(&w), &arena, &back) == 0);
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
    uint8_t again[1024];
    struct writer w2 = writer_of(again, sizeof(again));
    shim_launch_write(&back, &w2);
    cr_assert(bytes_equal(writer_done(&w), writer_done(&w2)));
    for (size_t len = 0; len < w.len; len++) {
        uint8_t *copy =
            malloc(len ? len : 1); /* exact size, so that asan sees an over-read */
        memcpy(copy, buf, len);
        cr_assert(shim_launch_read((struct bytes){copy, len}, &arena, &back) < 0,
                  "length %zu", len);
        free(copy);
    }
    buf[4] = 9;
    cr_assert(shim_launch_read(writer_done(&w), &arena, &back) == ERR_UNSUPPORTED);
    arena_fini(&arena);
}

Test(shim_file, state_has_its_golden_bytes)
{
    struct shim_state s = {.phase = SHIM_EXITED,
                           .shim_pid = 1,
                           .init_pid = 2,
                           .pid = 3,
                           .started_unix_ms = 0x0102030405060708,
                           .status = 137,
                           .is_oom = true};
    uint8_t buf[64];
    char hex[129];
    struct writer w = writer_of(buf, sizeof(buf));
    shim_state_write(&s, &w);
    cr_assert(w.len == SHIM_STATE_LEN);
    hex_encode(buf, w.len, hex);
    cr_assert_str_eq(hex, "5354525301"
                          "00000001"
                          "00000002"
                          "00000003"
                          "0102030405060708"
                          "00000089"
                          "01"
                          "00000002");
    struct shim_state back;
    cr_assert(shim_state_read(writer_done(&w), &back) == 0);
    cr_assert(back.phase == SHIM_EXITED && back.pid == 3 && back.status == 137 &&
              back.is_oom);
    for (size_t len = 0; len < w.len; len++)
        cr_assert(shim_state_read((struct bytes){buf, len}, &back) < 0);
    buf[w.len] = 0;
    cr_assert(shim_state_read((struct bytes){buf, w.len + 1}, &back) == ERR_MALFORMED);
}
