/* See shim_end.h. */
#include "isolate/shim_end.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "isolate/control.h"

enum {
    KILL_AGAIN_MS = 1000, /* what is stuck in the kernel */
    RECORD_AGAIN_S = 1,   /* a disk that does not take the end of the task */
    AMEND_MS = 1000,
    LATE_SLACK_MS = 100, /* the agent's own clock may be a little ahead */
};

static uint64_t wall_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* True when it has just been told.  A way that closed says nothing any more. */
static bool take_end(struct shim_end *e)
{
    if (e->has_end || e->facts < 0)
        return false;
    ssize_t len = recv(e->facts, &e->seen, sizeof(e->seen), MSG_DONTWAIT);
    e->has_end = len == sizeof(e->seen);
    if (len >= 0) {
        (void)close(e->facts);
        e->facts = -1;
    }
    return e->has_end;
}

/* With init every process of its namespace is killed, in one go. */
static void kill_all(struct shim_end *e, uint64_t now_ms)
{
    (void)syscall(SYS_pidfd_send_signal, e->init_fd, SIGKILL, NULL, 0);
    cgroup_kill(e->groups);
    e->kill_again_ms = now_ms + KILL_AGAIN_MS;
}

static void end_by(struct shim_end *e, uint64_t deadline_ms)
{
    e->is_ending = true;
    if (deadline_ms < e->live_until_ms)
        e->live_until_ms = e->kill_again_ms = deadline_ms;
}

/* Gone is fine.  Init takes it from there: it knows the main process, and nobody else has its PID. */
static void send_signal(const struct shim_end *e, int number, bool to_main)
{
    siginfo_t info = {.si_signo = number, .si_code = SI_QUEUE};
    info.si_value.sival_int = CHILD_FOR_MAIN;
    (void)syscall(SYS_pidfd_send_signal, e->init_fd, number, to_main ? &info : NULL, 0);
}

static void take_requests(struct shim_end *e)
{
    struct control_request request;
    while (e->control >= 0 && control_take(e->control, &request)) {
        if (request.has_live_until)
            end_by(e, request.live_until_ms);
        bool to_main = request.to_main && !e->has_end;
        if (request.signal)
            send_signal(e, request.signal, to_main);
        e->left_signal = to_main ? request.signal : 0;
    }
}

static struct exit_fact fact_of(const struct shim_end *e, bool is_init_killed)
{
    struct exit_fact fact = {.kind = EXIT_LOST};
    if (e->has_end && WIFEXITED(e->seen.wait_status))
        fact =
            (struct exit_fact){EXIT_BY_CODE, .number = WEXITSTATUS(e->seen.wait_status)};
    else if (e->has_end)
        fact =
            (struct exit_fact){EXIT_BY_SIGNAL, .number = WTERMSIG(e->seen.wait_status)};
    else if (is_init_killed) /* and with it the kernel killed the main process */
        fact = (struct exit_fact){EXIT_BY_SIGNAL, .number = SIGKILL};
    fact.is_late = e->is_late;
    bool has_oom = cgroup_has_oom(e->groups);
    fact.is_oom =
        has_oom && !e->is_late && fact.kind == EXIT_BY_SIGNAL && fact.number == SIGKILL;
    fact.had_oom = has_oom && !fact.is_oom;
    return fact;
}

bool shim_end_is_over(const struct shim_end *e)
{
    return e->has_end && !e->seen.has_others;
}

/* What its main process leaves behind gets the stop signal and the grace, once.  Its own end
 * is written down now: a shim that is killed before the others are gone has seen it. */
static void main_has_ended(struct shim_end *e)
{
    struct shim_state state = e->running;
    if (!e->seen.has_others)
        return;
    state.phase = SHIM_ENDING;
    state.exit = fact_of(e, false);
    state.ended_unix_ms = wall_ms();
    (void)record_put(e->record, &state, false); /* tried again when all has ended */
    if (!e->is_ending)
        end_by(e, control_now_ms() + e->stop_timeout_ms);
    else if (!e->left_signal)
        return;
    send_signal(e, e->left_signal ? e->left_signal : e->stop_signal, false);
}

/* The deadline is of a clock that goes on while the host sleeps, and poll's does not: it is looked at
 * at least once a second. */
int shim_end_poll(const struct shim_end *e, struct pollfd polls[SHIM_END_POLLS])
{
    polls[0] = (struct pollfd){.fd = e->facts, .events = POLLIN};
    polls[1] = (struct pollfd){.fd = e->control, .events = POLLIN};
    if (e->live_until_ms == UINT64_MAX)
        return -1;
    uint64_t now_ms = control_now_ms();
    uint64_t left_ms = e->kill_again_ms > now_ms ? e->kill_again_ms - now_ms : 0;
    return left_ms < KILL_AGAIN_MS ? (int)left_ms : KILL_AGAIN_MS;
}

static void end_at_deadline(struct shim_end *e)
{
    uint64_t now_ms = control_now_ms();
    if (e->live_until_ms == UINT64_MAX || now_ms < e->kill_again_ms)
        return;
    e->is_late = true;
    kill_all(e, now_ms);
}

void shim_end_serve(struct shim_end *e, const struct pollfd polls[SHIM_END_POLLS])
{
    if (polls[1].revents)
        take_requests(e);
    if (take_end(e))
        main_has_ended(e);
    end_at_deadline(e);
}

/* Whoever killed it said so before.  The record's room is there; a disk that refuses all the same
 * is asked until it takes it. */
void shim_end_write(struct shim_end *e, bool is_init_killed)
{
    struct shim_state state = e->running;
    (void)take_end(e);
    take_requests(e);
    e->is_late |= is_init_killed && e->live_until_ms != UINT64_MAX &&
                  control_now_ms() + LATE_SLACK_MS >= e->live_until_ms;
    state.phase = SHIM_EXITED;
    state.exit = fact_of(e, is_init_killed);
    state.ended_unix_ms = wall_ms();
    while (record_put(e->record, &state, true) < 0)
        (void)nanosleep(&(struct timespec){.tv_sec = RECORD_AGAIN_S}, NULL);
    e->running = state;
}

/* Between the end of the main process and that of the others the record says that it has ended, and
 * what was lost meanwhile is added when all is over. */
void shim_end_amend(struct shim_end *e, uint64_t lost_bytes)
{
    bool is_over = e->running.phase == SHIM_EXITED;
    if (lost_bytes == e->running.lost_bytes || (e->has_end && !is_over))
        return;
    uint64_t now_ms = control_now_ms();
    if (!is_over && now_ms < e->amend_ms)
        return;
    e->amend_ms = now_ms + AMEND_MS;
    e->running.lost_bytes = lost_bytes;
    (void)record_put(e->record, &e->running, false); /* what matters is in there */
}
