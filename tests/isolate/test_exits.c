/* How real tasks end, and what is told of it: facts, stops, lost and unclear ones. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/dump.h"
#include "isolate/files.h"
#include "isolate/record.h"
#include "isolate/shim_tlv.h"
#include "tests/isolate/world.h"

#define KEY "d.t.0"

static void fact_is(const struct world *w, const char *what, enum exit_kind kind,
                    int number)
{
    cr_assert(w->fact.kind == kind && w->fact.number == number, "%s: %s %d", what,
              exit_kind_name(w->fact.kind), (int)w->fact.number);
}

static void await_output(struct world *w, const char *text)
{
    for (int i = 0; i < 1000 && !strstr(output(w, "stdout"), text); i++)
        pause_ms(w, 10);
    cr_assert(strstr(output(w, "stdout"), text), "no '%s' in: %s", text,
              output(w, "stdout"));
}

static void path_of(const struct world *w, const char *name, char out[static 160])
{
    (void)snprintf(out, 160, "%.64s/tasks/" KEY "/%.40s", w->dir, name);
}

static pid_t parent_of(pid_t pid)
{
    char path[64], line[256];
    int parent = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file))
        (void)sscanf(line, "PPid: %d", &parent);
    if (file)
        (void)fclose(file);
    return parent;
}

static pid_t shim_of(const struct world *w)
{
    pid_t shim = parent_of(parent_of((pid_t)w->pid));
    cr_assert_gt(shim, 1);
    return shim;
}

static void is_gone(struct world *w, pid_t pid)
{
    for (int i = 0; i < 300 && kill(pid, 0) == 0; i++)
        pause_ms(w, 10);
    cr_assert(kill(pid, 0) < 0 && errno == ESRCH, "%d is there", pid);
}

/* What a task writes and what agents send is read there. */
Test(exits, are_watched_by_a_shim_that_can_do_little)
{
    static const char *const sets[] = {"CapPrm:", "CapEff:"};
    struct world w;
    char path[64], line[256];
    world_open(&w);
    launch(&w, "exec sleep 1000");
    run_until(&w, &w.n_started, 1);
    (void)snprintf(path, sizeof(path), "/proc/%d/status", shim_of(&w));
    FILE *file = fopen(path, "r");
    cr_assert(file);
    int n = 0;
    while (fgets(line, sizeof(line), file))
        for (int i = 0; i < 2; i++)
            if (strncmp(line, sets[i], strlen(sets[i])) == 0) {
                n++; /* to signal any user's process, and to write where nobody else may */
                cr_expect_eq(strtoull(line + 7, NULL, 16) & ~0x22ull, 0, "%s", line);
            }
    rewind(file);
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, "Seccomp:", 8) == 0 && !DUMP_HAS_SANITIZER)
            cr_expect_eq(atoi(line + 8), 2, "%s", line);
    (void)fclose(file);
    cr_assert_eq(n, 2);
    world_close(&w);
}

Test(exits, code_and_signal_are_two_things)
{
    static const struct {
        const char *script;
        enum exit_kind kind;
        int number;
    } rows[] = {
        {"exit 0", EXIT_BY_CODE, 0},
        {"exit 3", EXIT_BY_CODE, 3},
        {"exit 137", EXIT_BY_CODE, 137},
        {"exit 255", EXIT_BY_CODE, 255},
        {"kill -9 $$", EXIT_BY_SIGNAL, 9},
        {"kill -USR1 $$", EXIT_BY_SIGNAL, 10},
        {"kill -TERM $$", EXIT_BY_SIGNAL, 15},
        {"sh -c 'kill -9 $$'; exit $?", EXIT_BY_CODE, 137},
    };
    struct world w;
    world_open(&w);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        launch(&w, rows[i].script);
        run_until(&w, &w.n_exited, (int)i + 1);
        fact_is(&w, rows[i].script, rows[i].kind, rows[i].number);
        cr_assert(!w.fact.is_late && !w.fact.is_oom);
    }
    world_close(&w);
}

Test(exits, an_oom_is_told_only_when_it_ended_the_task)
{
    static const char hog[] = "head -c 200m /dev/zero | tail -c 150m >/dev/null";
    struct world w;
    char script[200];
    world_open(&w);
    launch_with(&w, "exec sort /dev/zero", (struct task_spec){.memory_bytes = 16 << 20});
    run_until(&w, &w.n_exited, 1);
    fact_is(&w, "the main process", EXIT_BY_SIGNAL, 9);
    cr_assert(w.fact.is_oom && !w.fact.had_oom);
    (void)snprintf(script, sizeof(script), "%s; exit 1", hog);
    launch_with(&w, script, (struct task_spec){.memory_bytes = 16 << 20});
    run_until(&w, &w.n_exited, 2);
    if (w.fact.kind == EXIT_BY_CODE) { /* with cgroup v2 a task dies whole */
        fact_is(&w, "a child", EXIT_BY_CODE, 1);
        cr_assert(!w.fact.is_oom && w.fact.had_oom);
    }
    world_close(&w);
}

/* Needs a file system of its own; where none can be mounted there is none to fill. */
Test(exits, a_full_disk_changes_nothing_that_is_told)
{
    static const struct {
        const char *script;
        enum exit_kind kind;
        int number;
    } rows[] = {{"exit 3", EXIT_BY_CODE, 3},
                {"exit 0", EXIT_BY_CODE, 0},
                {"kill -USR1 $$", EXIT_BY_SIGNAL, 10}};
    struct world w;
    char script[128], full[96];
    world_open(&w);
    uv_runner_close(w.runner);
    if (mount("tmpfs", w.dir, "tmpfs", 0, "size=2m") < 0)
        cr_skip_test("needs to mount a tmpfs");
    open_runner(&w);
    (void)snprintf(full, sizeof(full), "%s/full", w.dir);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)snprintf(script, sizeof(script),
                       "while [ ! -e $HOME/go ]; do sleep 0.02; done; %s",
                       rows[i].script);
        launch(&w, script);
        run_until(&w, &w.n_started, (int)i + 1);
        char go[160];
        path_of(&w, "work/go", go);
        cr_assert(close(open(go, O_WRONLY | O_CREAT, 0644)) == 0);
        static const uint8_t zeros[65536];
        int fd = open(full, O_WRONLY | O_CREAT, 0600);
        while (write(fd, zeros, sizeof(zeros)) > 0)
            continue;
        while (write(fd, zeros, 1) > 0)
            continue;
        cr_assert(close(fd) == 0);
        run_until(&w, &w.n_exited, (int)i + 1);
        fact_is(&w, rows[i].script, rows[i].kind, rows[i].number);
        cr_assert(unlink(full) == 0 && unlink(go) == 0);
    }
    uv_runner_remove(w.runner, KEY);
    pause_ms(&w, 300);
    uv_runner_close(w.runner);
    pause_ms(&w, 50);
    cr_assert(umount2(w.dir, MNT_DETACH) == 0);
    open_runner(&w);
    world_close(&w);
}

Test(exits, a_killed_shim_makes_its_task_lost)
{
    struct world w;
    world_open(&w);
    launch(&w, "exec sleep 100");
    run_until(&w, &w.n_started, 1);
    cr_assert(kill(shim_of(&w), SIGKILL) == 0);
    run_until(&w, &w.n_exited, 1);
    cr_assert_eq(w.fact.kind, EXIT_LOST);
    cr_assert(!w.fact.is_host);
    is_gone(&w, (pid_t)w.pid);
    world_close(&w);
}

/* Its end was seen and written down before. */
Test(exits, a_shim_that_is_killed_while_others_end_has_told_of_the_main_process)
{
    struct world w;
    char path[160];
    struct shim_state state;
    world_open(&w);
    launch_with(&w, "(trap '' TERM; echo up; sleep 100) & sleep 0.3; exit 6",
                (struct task_spec){.stop_signal = SIGTERM, .stop_timeout_ms = 60000});
    run_until(&w, &w.n_started, 1);
    pid_t shim = shim_of(&w);
    path_of(&w, "state", path);
    for (int i = 0; i < 500; i++) {
        pause_ms(&w, 10);
        if (record_read(path, &state) == 0 && state.phase == SHIM_ENDING)
            break;
    }
    cr_assert_eq(state.phase, SHIM_ENDING);
    cr_assert(kill(shim, SIGKILL) == 0);
    run_until(&w, &w.n_exited, 1);
    fact_is(&w, "the main process", EXIT_BY_CODE, 6);
    world_close(&w);
}

Test(exits, a_launch_without_a_start_never_started)
{
    struct world w;
    char path[160];
    world_open(&w);
    run_script(&w, "exit 0", 0);
    path_of(&w, "state", path);
    cr_assert(unlink(path) ==
              0); /* as of an agent that was killed before it started a shim */
    uv_runner_close(w.runner);
    open_runner(&w);
    uv_runner_found(w.runner, on_found, &w);
    cr_assert(w.n_found == 1 && w.found_pid == 0 && w.n_exited == 1);
    run_until(&w, &w.n_exited, 2);
    cr_assert_eq(w.fact.kind, EXIT_NEVER);
    world_close(&w);
}

Test(exits, a_shim_that_has_said_nothing_yet_is_asked_again_and_nothing_waits)
{
    struct world w;
    char path[160], away[160];
    world_open(&w);
    launch(&w, "while [ ! -e $HOME/go ]; do sleep 0.02; done; exit 4");
    run_until(&w, &w.n_started, 1);
    uint32_t pid = w.pid;
    uv_runner_close(w.runner);
    path_of(&w, "state", path);
    path_of(&w, "elsewhere", away);
    cr_assert(rename(path, away) == 0);
    open_runner(&w);
    uint64_t before = uv_hrtime();
    uv_runner_found(w.runner, on_found, &w);
    cr_assert_lt((uv_hrtime() - before) / 1000000, 100);
    cr_assert(w.n_found == 1 && w.found_pid == 0 && w.found_doubt[0]);
    launch(&w, "echo second"); /* never a second copy */
    pause_ms(&w, 200);
    cr_assert(w.n_started == 1 && w.n_exited == 0 && w.n_failed == 1);
    w.n_failed = 0;
    cr_assert(rename(away, path) == 0);
    run_until(&w, &w.n_started, 2);
    cr_assert_eq(w.pid, pid);
    path_of(&w, "work/go", path);
    cr_assert(close(open(path, O_WRONLY | O_CREAT, 0644)) == 0);
    run_until(&w, &w.n_exited, 1);
    fact_is(&w, "what was unclear", EXIT_BY_CODE, 4);
    world_close(&w);
}

static void spoil(struct world *w, const char *name)
{
    char path[160];
    path_of(w, name, path);
    int fd = open(path, O_WRONLY | O_TRUNC);
    cr_assert(fd >= 0 && write(fd, "STRS\x09what", 9) == 9 && close(fd) == 0);
}

Test(exits, files_that_cannot_be_read_leave_a_task_running)
{
    static const char *const names[] = {"launch", "state"};
    struct world w;
    world_open(&w);
    for (int i = 0; i < 2; i++) {
        launch(&w, "echo up; exec sleep 100");
        run_until(&w, &w.n_started, i + 1);
        pid_t task = (pid_t)w.pid;
        uv_runner_close(w.runner);
        spoil(&w, names[i]);
        open_runner(&w);
        uv_runner_found(w.runner, on_found, &w);
        cr_assert_eq(w.n_found, i + 1);
        cr_assert(strstr(w.found_doubt, names[i]), "%s", w.found_doubt);
        pause_ms(&w, 300);
        cr_assert(kill(task, 0) == 0 && w.n_exited == i, "%s", names[i]);
        cr_assert_str_eq(w.found_note, "the note");
        uv_runner_stop(w.runner, KEY,
                       &(struct stop_order){.signal = SIGTERM, .grace_ms = 5000});
        run_until(&w, &w.n_exited, i + 1);
        is_gone(&w, task);
    }
    world_close(&w);
}

/* What another release may add, in the files of a task that runs. */
Test(exits, files_with_a_field_more_are_adopted)
{
    struct world w;
    char path[160];
    struct arena arena;
    struct bytes in;
    uint8_t buf[SHIM_STATE_LEN];
    world_open(&w);
    arena_init(&arena, 0);
    launch(&w, "trap 'exit 5' TERM; echo up; while :; do sleep 0.02; done");
    run_until(&w, &w.n_started, 1);
    await_output(&w, "up");
    uint32_t pid = w.pid;
    uv_runner_close(w.runner);
    path_of(&w, "launch", path);
    cr_assert_eq(file_read(path, SHIM_LAUNCH_MAX, &arena, &in), 0);
    uint8_t *more = arena_alloc(&arena, in.len + 64);
    struct writer l = writer_of(more, in.len + 64);
    writer_bytes(&l, (struct bytes){in.at, in.len - 4});
    tlv_text(&l, TLV_MUST | 0x123, "later");
    tlv_end(&l, 0);
    cr_assert_eq(file_swap(path, writer_done(&l)), 0);
    path_of(&w, "state", path);
    cr_assert_eq(file_read(path, SHIM_STATE_LEN, &arena, &in), 0);
    for (size_t slot = 0; slot < 2; slot++) { /* what fills the slot makes room */
        struct writer s = writer_of(buf + slot * SHIM_SLOT_LEN, SHIM_SLOT_LEN);
        writer_bytes(&s, (struct bytes){in.at + slot * SHIM_SLOT_LEN, 5});
        tlv_text(&s, 0x7001, "later");
        writer_bytes(&s, (struct bytes){in.at + slot * SHIM_SLOT_LEN + 5, 0});
        struct reader r = reader_of(
            (struct bytes){in.at + slot * SHIM_SLOT_LEN + 5, SHIM_SLOT_LEN - 9});
        while (r.left) {
            uint16_t tag = reader_u16(&r);
            struct bytes value = reader_take(&r, reader_u32(&r));
            cr_assert_eq(reader_error(&r), 0);
            if (tag == 0)
                value.len -= 11;
            tlv_bytes(&s, tag, value);
        }
        tlv_end(&s, 0);
        cr_assert(writer_error(&s) == 0 && s.len == SHIM_SLOT_LEN);
    }
    int fd = open(path, O_WRONLY); /* in place: its shim writes there */
    cr_assert(pwrite(fd, buf, sizeof(buf), 0) == sizeof(buf) && close(fd) == 0);
    open_runner(&w);
    uv_runner_found(w.runner, on_found, &w);
    cr_assert(w.n_found == 1 && w.found_pid == pid && !w.found_doubt[0]);
    uv_runner_stop(w.runner, KEY,
                   &(struct stop_order){.signal = SIGTERM, .grace_ms = 5000});
    run_until(&w, &w.n_exited, 1);
    fact_is(&w, "with a field more", EXIT_BY_CODE, 5);
    arena_fini(&arena);
    world_close(&w);
}

/* ---- stops ---- */

static const char server[] =
    "sh -c 'trap \"sleep 1.5; echo flushed; exit 0\" TERM; echo up; "
    "while :; do sleep 0.02; done'";

/* Whoever guides its children ends them itself; what it leaves is told when it is gone. */
Test(exits, a_stop_for_the_main_process_reaches_the_others_when_that_is_gone)
{
    static const char script[] =
        "(trap 'echo child; exit' TERM; while :; do sleep 0.02; done) & "
        "trap 'sleep 0.5; echo main; exit 6' TERM; echo up; while :; do sleep 0.02; done";
    struct world w;
    world_open(&w);
    for (int to_main = 0; to_main < 2; to_main++) {
        launch_with(&w, script,
                    (struct task_spec){.stop_signal = SIGTERM, .stop_timeout_ms = 5000});
        run_until(&w, &w.n_started, to_main + 1);
        await_output(&w, "up");
        pause_ms(&w, 200); /* the child too */
        if (to_main)
            (void)kill((pid_t)w.pid, SIGSTOP); /* goes on, or it would not hear of it */
        uv_runner_stop(w.runner, KEY,
                       &(struct stop_order){
                           .signal = SIGTERM, .to_main = to_main, .grace_ms = 5000});
        run_until(&w, &w.n_exited, to_main + 1);
        fact_is(&w, "told to stop", EXIT_BY_CODE, 6);
        cr_assert_not(w.fact.is_late);
        cr_assert_str_eq(output(&w, "stdout"),
                         to_main ? "up\nmain\nchild\n" : "up\nchild\nmain\n");
    }
    world_close(&w);
}

Test(exits, a_stop_reaches_every_process_and_gives_each_its_grace)
{
    static const char *const forms[] = {
        "%s; echo bye",             /* a shell in front */
        "%s | (trap '' TERM; cat)", /* a pipeline whose end waits for it */
        "(%s &) ; sleep 100",       /* a double fork: nobody waits for it */
        "trap : TERM; setsid %s & wait; wait",
    };
    struct world w;
    char script[400];
    world_open(&w);
    for (int i = 0; i < 4; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(script, sizeof(script), forms[i], server);
#pragma GCC diagnostic pop
        uv_runner_remove(w.runner, KEY);
        pause_ms(&w, 100);
        launch_with(&w, script,
                    (struct task_spec){.stop_signal = SIGTERM, .stop_timeout_ms = 5000});
        run_until(&w, &w.n_started, i + 1);
        await_output(&w, "up");
        uint64_t before = uv_hrtime();
        uv_runner_stop(w.runner, KEY,
                       &(struct stop_order){.signal = SIGTERM, .grace_ms = 5000});
        run_until(&w, &w.n_exited, i + 1);
        uint64_t took_ms = (uv_hrtime() - before) / 1000000;
        cr_assert(strstr(output(&w, "stdout"), "flushed"), "%s: %s", forms[i],
                  output(&w, "stdout"));
        cr_assert(took_ms >= 1400 && took_ms < 4500 && !w.fact.is_late, "%s: %d ms",
                  forms[i], (int)took_ms);
    }
    world_close(&w);
}

Test(exits, what_is_left_at_the_end_of_the_grace_is_killed_and_that_is_told)
{
    static const char *const deaf[] = {
        "trap '' TERM; echo up; while :; do sleep 0.02; done",
        "(trap '' TERM; echo up; sleep 100) & exec sleep 100",
        "(setsid sh -c 'trap \"\" TERM; echo up; sleep 100' &); sleep 100",
        "trap '' TERM; echo up; f() { while :; do sleep 0.01 & sleep 0.01; done; }; f & "
        "f & f",
    };
    struct world w;
    world_open(&w);
    for (int i = 0; i < 4; i++) {
        uv_runner_remove(w.runner, KEY);
        pause_ms(&w, 100);
        launch(&w, deaf[i]);
        run_until(&w, &w.n_started, i + 1);
        await_output(&w, "up");
        pid_t shim = shim_of(&w);
        uint64_t before = uv_hrtime();
        uv_runner_stop(w.runner, KEY,
                       &(struct stop_order){.signal = SIGTERM, .grace_ms = 600});
        run_until(&w, &w.n_exited, i + 1);
        uint64_t took_ms = (uv_hrtime() - before) / 1000000;
        cr_assert(took_ms >= 550 && took_ms < 5000 && w.fact.is_late, "%s: %d ms",
                  deaf[i], (int)took_ms);
        is_gone(&w, (pid_t)w.pid);
        is_gone(&w, shim);
    }
    world_close(&w);
}

Test(exits, no_grace_is_no_wait)
{
    struct world w;
    world_open(&w);
    launch(&w, "trap '' TERM; echo up; while :; do sleep 0.02; done");
    run_until(&w, &w.n_started, 1);
    await_output(&w, "up");
    uint64_t before = uv_hrtime();
    uv_runner_stop(w.runner, KEY, &(struct stop_order){.signal = SIGTERM, .grace_ms = 0});
    run_until(&w, &w.n_exited, 1);
    cr_assert_lt((uv_hrtime() - before) / 1000000, 1000);
    fact_is(&w, "deaf", EXIT_BY_SIGNAL, 9);
    world_close(&w);
}

Test(exits, the_order_to_stop_outlives_the_agent)
{
    struct world w;
    world_open(&w);
    launch(&w, "trap '' TERM; echo up; while :; do sleep 0.02; done");
    run_until(&w, &w.n_started, 1);
    await_output(&w, "up");
    uv_runner_stop(w.runner, KEY,
                   &(struct stop_order){.signal = SIGTERM, .grace_ms = 500});
    uv_runner_close(w.runner); /* at once: nothing of it was answered */
    is_gone(&w, (pid_t)w.pid);
    pause_ms(&w, 200);
    open_runner(&w);
    uv_runner_found(w.runner, on_found, &w);
    run_until(&w, &w.n_exited, 1);
    fact_is(&w, "deaf", EXIT_BY_SIGNAL, 9);
    cr_assert(w.fact.is_late);
    world_close(&w);
}

Test(exits, what_the_main_process_leaves_behind_is_stopped_with_grace)
{
    struct world w;
    world_open(&w);
    launch_with(&w,
                "sh -c 'trap \"sleep 0.3; echo flushed; exit 0\" TERM; echo up; "
                "while :; do sleep 0.02; done' & sleep 0.5; exit 7",
                (struct task_spec){.stop_signal = SIGTERM, .stop_timeout_ms = 5000});
    run_until(&w, &w.n_exited, 1);
    fact_is(&w, "the main process", EXIT_BY_CODE, 7);
    cr_assert(strstr(output(&w, "stdout"), "flushed") && !w.fact.is_late, "%s",
              output(&w, "stdout"));
    world_close(&w);
}
