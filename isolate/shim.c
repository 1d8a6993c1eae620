/* `shim DIR`: one small process per task that outlives the agent.  It owns the task's
 * processes, logs and exit status.  `shim DIR spare` does all that can be done before, and waits for the
 * agent's word; without an agent it goes away, and nothing has happened.
 *
 * The usual path: read DIR/launch, lock DIR/lock, make the control groups, clone init into
 * its namespaces, make DIR/state while init sets them up, let it start the task, report
 * "started", copy output to the logs until init exits, write its end into DIR/state.  What
 * can fail before the task runs is reported as "failed WHY"; a shim that is killed takes the
 * task along (init's parent-death signal) and leaves DIR/state at "running".
 *
 * An end: a stop signal goes to all of the task, by order of the agent or because the main
 * process ended and left others; at the deadline that was set then, all is killed. */
#include "isolate/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/arena.h"
#include "isolate/control.h"
#include "isolate/files.h"
#include "isolate/privilege.h"
#include "isolate/record.h"
#include "isolate/shim_child.h"
#include "isolate/shim_end.h"
#include "isolate/shim_output.h"

enum {
    REMOVE_TRIES = 60, /* a killed group empties in its own time: 1 ms apart, later 20 */
    REMOVE_QUICK_TRIES = 20,
    SHIM_EXIT_FAILED = 125,
};

struct shim {
    const char *dir;
    bool is_spare;
    char *waits; /* for ps: gone when it waits no more */
    struct arena arena;
    struct shim_launch launch;
    struct sandbox sandbox;
    struct task_env env;
    char *token; /* NULL = none */
    struct cgroup groups;
    struct shim_output output;
    struct shim_child child;
    int lock; /* of DIR/lock */
    uint64_t started_unix_ms;
    struct record record; /* DIR/state */
    uint8_t boot[SHIM_BOOT_LEN];
    struct shim_end end;
    struct err err;
};

static uint64_t wall_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int failed(struct shim *s, const char *what)
{
    int code = -errno;
    return err_set(&s->err, code, "cannot %s: %s", what, err_text(code));
}

static const char *path_in(struct shim *s, const char *name)
{
    const char *path = arena_printf(&s->arena, "%s/%s", s->dir, name);
    return path ? path : "";
}

/* ---- reports ---- */

static void report(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void report(const char *format, ...)
{
    char line[SHIM_REPORT_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (len >= (int)sizeof(line))
        len = (int)sizeof(line) - 1;
    if (len > 0 && write(SHIM_STATUS_FD, line, (size_t)len) < 0)
        return; /* the agent is gone; its successor reads DIR/state */
}

static struct shim_state state_of(const struct shim *s, enum shim_phase phase)
{
    struct shim_state state = {
        .phase = phase,
        .shim_pid = (uint32_t)getpid(),
        .init_pid = (uint32_t)s->child.init_pid,
        .pid = (uint32_t)s->child.pid,
        .started_unix_ms = s->started_unix_ms,
    };
    memcpy(state.boot, s->boot, sizeof(state.boot));
    return state;
}

/* Its room on the disk is taken before there is a task: later there may be none.  A spare follows a run
 * whose end is on the disk, in the same room: if power fails now, that end is all there was. */
static int make_record(struct shim *s)
{
    record_boot(s->boot);
    const struct shim_state state = state_of(s, SHIM_PREPARED);
    int code = record_make(&s->record, path_in(s, SHIM_STATE_FILE), &state, s->is_spare);
    if (code)
        return err_set(&s->err, code, "cannot write the task's state: %s",
                       err_text(code));
    return 0;
}

/* ---- preparation ---- */

/* The agent has locked it and handed it on, so that there is no moment between the two in
 * which the task belongs to nobody. */
static int inherited_lock(struct shim *s)
{
    struct stat there, here;
    bool is_ours = fstat(SHIM_LOCK_FD, &here) == 0 &&
                   stat(path_in(s, SHIM_LOCK_FILE), &there) == 0 &&
                   here.st_ino == there.st_ino && here.st_dev == there.st_dev &&
                   fcntl(SHIM_LOCK_FD, F_SETFD, FD_CLOEXEC) == 0;
    return is_ours ? SHIM_LOCK_FD : -1;
}

static int take_lock(struct shim *s)
{
    int fd = inherited_lock(s);
    if (fd < 0)
        fd = open(path_in(s, SHIM_LOCK_FILE), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(s, "open the task's lock");
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        (void)close(fd);
        return err_set(&s->err, ERR_CONFLICT, "it is running already");
    }
    s->lock = fd; /* held until the task's end is in the record */
    return 0;
}

static int read_launch(struct shim *s)
{
    const char *name = s->is_spare ? SHIM_SPARE_FILE : SHIM_LAUNCH_FILE;
    struct bytes content;
    int code = file_read(path_in(s, name), SHIM_LAUNCH_MAX, &s->arena, &content);
    if (code == 0)
        code = shim_launch_read(content, &s->arena, SHIM_READ_SHIM, &s->launch);
    if (code)
        return err_set(&s->err, code, "cannot read the launch file: %s", err_text(code));
    return 0;
}

/* It is on no disk and in no environment: standard input is a pipe that the agent has filled. */
static int read_token(struct shim *s)
{
    if (!s->launch.has_token)
        return 0;
    char *token = arena_alloc(&s->arena, SHIM_TOKEN_MAX + 1);
    size_t len = 0;
    ssize_t got = token ? 1 : -1;
    while (got > 0 && len < SHIM_TOKEN_MAX) {
        got = read(STDIN_FILENO, token + len, SHIM_TOKEN_MAX - len);
        len += got > 0 ? (size_t)got : 0;
    }
    if (got < 0 || len == 0)
        return err_set(&s->err, ERR_TRUNCATED,
                       "the agent did not hand over the task's token");
    token[len] = '\0';
    s->token = token;
    return 0;
}

static void forget_token(struct shim *s)
{
    if (s->token)
        explicit_bzero(s->token, strlen(s->token));
}

/* The agent may have died between starting us and here: then its tasks must not start. */
static int tie_to_agent(struct shim *s)
{
    if (s->launch.agent_pid == 0)
        return 0;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return failed(s, "tie the task to its agent");
    if ((uint32_t)getppid() != s->launch.agent_pid)
        return err_set(&s->err, ERR_DENIED, "the agent is gone");
    return 0;
}

static int find_user(struct shim *s, struct user_ids *ret_ids)
{
    struct bytes passwd = {0}, group = {0};
    if (!s->launch.user[0]) {
        *ret_ids = (struct user_ids){.uid = geteuid(), .gid = getegid()};
        return 0;
    }
    (void)file_read("/etc/passwd", 4 << 20, &s->arena,
                    &passwd); /* numbers work without them */
    (void)file_read("/etc/group", 4 << 20, &s->arena, &group);
    return users_find(passwd, group, s->launch.user, ret_ids, &s->err);
}

static int make_home(struct shim *s, const struct user_ids *user)
{
    int code = dir_make(s->sandbox.home, 0755);
    if (code)
        return err_set(&s->err, code, "cannot make %.200s: %s", s->sandbox.home,
                       err_text(code));
    if (lchown(s->sandbox.home, user->uid, user->gid) < 0)
        return failed(s, "give the task its directory");
    return 0;
}

static int plan(struct shim *s)
{
    struct user_ids user;
    if (geteuid() != 0)
        return err_set(&s->err, ERR_DENIED,
                       "tasks can only be confined by an agent that runs as root");
    int code = find_user(s, &user);
    if (code == 0)
        code = cgroup_find(s->launch.group, &s->groups, &s->err);
    if (code == 0)
        code =
            sandbox_plan(&s->launch, &user, &s->groups, &s->arena, &s->sandbox, &s->err);
    s->sandbox.token = s->token;
    if (code == 0)
        code = task_env_make(&s->launch, s->sandbox.home, &s->arena, &s->env, &s->err);
    if (code == 0)
        code = make_home(s, &user);
    return code;
}

static int clone_init(struct shim *s)
{
    const struct child plan = {
        .sandbox = &s->sandbox, .env = &s->env, .groups = &s->groups, .waits = s->waits};
    int code = shim_child_clone(&s->child, &plan, &s->err);
    for (size_t i = 0; i < LOG_STREAMS; i++)
        s->output.streams[i].fd = s->child.output[i];
    return code;
}

static int start_task(struct shim *s)
{
    int code = shim_child_start(&s->child, &s->err);
    if (code)
        return code;
    s->started_unix_ms = wall_ms();
    shim_output_started(&s->output, s->started_unix_ms);
    struct shim_state state = state_of(s, SHIM_RUNNING);
    code = record_put(&s->record, &state, false); /* a loss of power ends it anyway */
    if (code)
        return err_set(&s->err, code, "cannot write the task's state: %s",
                       err_text(code));
    return 0;
}

/* ---- running ---- */

static void watch(struct shim *s)
{
    for (;;) {
        struct pollfd polls[1 + SHIM_OUTPUT_POLLS + SHIM_END_POLLS] = {
            {.fd = s->child.init_fd, .events = POLLIN}};
        struct pollfd *output = polls + 1, *end = output + SHIM_OUTPUT_POLLS;
        int wait_ms = shim_end_poll(&s->end, end);
        int pause_ms = shim_output_poll(&s->output, output);
        if (pause_ms >= 0 && (wait_ms < 0 || pause_ms < wait_ms))
            wait_ms = pause_ms;
        if (poll(polls, 1 + SHIM_OUTPUT_POLLS + SHIM_END_POLLS, wait_ms) < 0 &&
            errno != EINTR)
            return;
        shim_output_copy(&s->output, output);
        shim_end_amend(&s->end, shim_output_lost(&s->output));
        if (polls[0].revents)
            return;
        shim_end_serve(&s->end, end);
        if (shim_end_is_over(&s->end))
            return;
    }
}

/* True when it was killed. */
static bool reap_init(struct shim *s)
{
    int wait_status = 0;
    while (waitpid(s->child.init_pid, &wait_status, 0) < 0 && errno == EINTR)
        continue;
    return WIFSIGNALED(wait_status);
}

/* The end is on the disk and the last line in the logs: from now on the directory may be another
 * run's.  An agent that does not listen sees this process end. */
static void let_go(struct shim *s)
{
    record_close(&s->record);
    (void)close(s->end.control);
    (void)close(s->lock);
    report(SHIM_SAYS_ENDED);
    (void)close(SHIM_STATUS_FD);
}

/* Those above them stay: the next ones may come soon. */
static void empty_groups(struct shim *s)
{
    for (int i = 0; i < REMOVE_TRIES && cgroup_remove(&s->groups) == -EBUSY; i++) {
        long pause_ms = i < REMOVE_QUICK_TRIES ? 1 : 20;
        cgroup_kill(&s->groups);
        (void)nanosleep(&(struct timespec){.tv_nsec = pause_ms * 1000 * 1000}, NULL);
    }
}

/* Since the word of the end these names may be the next run's: what lives there is not killed.  Of ours
 * nothing is left but what the kernel is taking down. */
static void drop_groups(struct shim *s)
{
    for (int i = 0; i < REMOVE_TRIES && cgroup_remove(&s->groups) == -EBUSY; i++) {
        long pause_ms = i < REMOVE_QUICK_TRIES ? 1 : 20;
        (void)nanosleep(&(struct timespec){.tv_nsec = pause_ms * 1000 * 1000}, NULL);
    }
    cgroup_prune(&s->groups);
}

static void begin_end(struct shim *s)
{
    s->end.groups = &s->groups;
    s->end.record = &s->record;
    s->end.running = state_of(s, SHIM_RUNNING);
    s->end.init_fd = s->child.init_fd;
    s->end.facts = s->child.facts;
    s->end.stop_signal = (int)s->launch.stop_signal;
    s->end.stop_timeout_ms = s->launch.stop_timeout_ms;
    s->end.live_until_ms = UINT64_MAX;
}

/* As far as it can go while another run has the directory. */
static int prepare(struct shim *s)
{
    int code = read_launch(s);
    if (code == 0)
        code = tie_to_agent(s);
    if (code == 0)
        code = read_token(s);
    if (code == 0)
        code = plan(s);
    if (code)
        return code;
    empty_groups(s); /* of a run whose shim was killed */
    s->sandbox.limits.host_swaps = cgroup_host_swaps();
    code = cgroup_create(&s->groups, &s->sandbox.limits, &s->err);
    if (code == 0)
        code = clone_init(s);
    return code;
}

/* From here on it signals, and writes below DIR, which lies where the operator wants it. */
static int give_up_power(struct shim *s)
{
    const struct user_ids root = {0};
    int code = privilege_drop(&root, 1u << CAP_KILL | 1u << CAP_DAC_OVERRIDE, &s->err);
    return code ? code : privilege_filter_shim(&s->err);
}

static int listen_to_agents(struct shim *s)
{
    s->end.control = control_listen(s->dir);
    if (s->end.control >= 0)
        return 0;
    return err_set(&s->err, s->end.control, "cannot make the task's control socket: %s",
                   err_text(s->end.control));
}

/* A spare's agent has locked the directory before it says the word: isolate/uv_spare.c.  1: there is no
 * agent any more. */
static int wait_for_word(struct shim *s)
{
    char go;
    struct pollfd polls[] = {{.fd = SHIM_GO_FD, .events = POLLIN},
                             {.fd = s->child.channel, .events = POLLIN}};
    for (;;) {
        if (poll(polls, 2, -1) < 0 && errno != EINTR)
            return failed(s, "wait for the agent");
        if (polls[1].revents) {
            int code = shim_child_look(&s->child, &s->err);
            if (code < 0)
                return code;
        }
        ssize_t len = polls[0].revents ? read(SHIM_GO_FD, &go, 1) : -1;
        if (len >= 0 || (polls[0].revents && errno != EINTR))
            return len == 1 ? close(SHIM_GO_FD) : 1;
    }
}

static int start(struct shim *s)
{
    int code = s->is_spare ? 0 : take_lock(s);
    if (code == 0)
        code = prepare(s);
    if (code == 0)
        code = give_up_power(s);
    if (code == 0 && s->is_spare) {
        code = wait_for_word(s);
        if (code == 0)
            code = take_lock(s);
        memset(s->waits, 0, strlen(s->waits));
    }
    if (code == 0)
        code = shim_output_open(&s->output, &s->launch, &s->groups, &s->err);
    if (code == 0)
        code = listen_to_agents(s);
    if (code == 0)
        code = make_record(s); /* meanwhile init sets up the sandbox */
    if (code == 0)
        code = start_task(s);
    return code;
}

int shim_main(int argc, char **argv)
{
    static struct shim s = {
        .lock = -1,
        .child = {.init_fd = -1, .facts = -1, .output = {-1, -1}, .channel = -1},
        .record = {.fd = -1},
        .end = {.facts = -1, .control = -1},
        .output.streams = {{.fd = -1}, {.fd = -1}}};
    s.waits = argc == 3 ? argv[2] : NULL;
    s.is_spare = argc == 3 && strcmp(argv[2], SHIM_SPARE_WORD) == 0;
    if ((argc != 2 && !s.is_spare) || argv[1][0] != '/') {
        (void)fprintf(stderr, "stratos shim is started by the agent\n");
        return 2;
    }
    s.dir = argv[1];
    arena_init(&s.arena, 16 << 20);
    (void)signal(SIGPIPE, SIG_IGN);
    if (chdir("/") < 0) /* anywhere else we would hold a mount */
        return 1;
    int failure = start(&s);
    forget_token(&s); /* the task has it; init forgot its own copy */
    if (failure) {
        if (s.child.init_pid > 0) {
            (void)kill(s.child.init_pid, SIGKILL);
            (void)reap_init(&s);
        }
        drop_groups(&s);
        if (s.lock >= 0)
            (void)unlink(path_in(&s, SHIM_STATE_FILE)); /* nothing ran: it is told here */
        if (failure < 0)
            report("failed %.900s\n", s.err.text);
        return SHIM_EXIT_FAILED;
    }
    report("started %ld %ld %llu\n", (long)s.child.pid, (long)s.child.init_pid,
           (unsigned long long)s.started_unix_ms);
    if (s.is_spare)
        record_sync(&s.record);
    begin_end(&s);
    watch(&s);
    bool is_over = shim_end_is_over(&s.end);
    bool is_init_killed = !is_over && reap_init(&s);
    shim_end_write(&s.end, is_init_killed); /* first: whoever kills us now finds it */
    shim_output_drain(&s.output);
    shim_end_amend(&s.end, shim_output_lost(&s.output));
    let_go(&s);
    if (is_over)
        (void)reap_init(&s);
    drop_groups(&s);
    arena_fini(&s.arena);
    return 0;
}
