/* A listener that runs out of descriptors: it makes room, waits, and never spins. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netsvc/uv_accept.h"

enum { TAKEN_MAX = 256 };

struct taken {
    struct crowd_member place;
    int fd;
};

struct world {
    uv_loop_t loop;
    struct crowd crowd;
    struct uv_peer peer;
    struct uv_listener *listener;
    struct taken taken[TAKEN_MAX];
    size_t n, n_evicted, n_closed;
    bool are_busy;
    struct endpoint at;
};

static void on_accepted(void *ctx, int fd, struct crowd_source *source)
{
    struct world *w = ctx;
    struct taken *t = &w->taken[w->n++];
    cr_assert_lt(w->n, TAKEN_MAX);
    t->fd = fd;
    crowd_enter(&w->crowd, source, &t->place);
    crowd_set_busy(&w->crowd, &t->place, w->are_busy);
}

static void leave(struct world *w, struct taken *t)
{
    close(t->fd);
    crowd_leave(&w->crowd, &t->place);
}

static void on_evict(void *ctx, struct crowd_member *m)
{
    struct world *w = ctx;
    w->n_evicted++;
    leave(w, (struct taken *)m); /* its first member */
}

static void on_listener_closed(void *ctx)
{
    ((struct world *)ctx)->n_closed++;
}

static struct uv_listener_events events_of(struct world *w)
{
    return (struct uv_listener_events){.accepted = on_accepted,
                                       .evict = on_evict,
                                       .closed = on_listener_closed,
                                       .crowd = &w->crowd,
                                       .peer = &w->peer,
                                       .ctx = w};
}

static struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof(*w));
    cr_assert_eq(uv_loop_init(&w->loop), 0);
    crowd_init(&w->crowd, 4 * TAKEN_MAX, 1);
    uv_peer_open(&w->peer);
    w->at = (struct endpoint){.family = 4, .address = {127, 0, 0, 1}};
    struct uv_listener_events events = events_of(w);
    cr_assert_eq(uv_listener_tcp(&w->loop, &w->at, &events, &w->listener), 0);
    return w;
}

static void world_free(struct world *w)
{
    uv_listener_close(w->listener);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    cr_expect_eq(w->n_closed, 1);
    for (size_t i = 0; i < w->n; i++)
        if (w->taken[i].place.source)
            leave(w, &w->taken[i]);
    crowd_fini(&w->crowd);
    uv_peer_close(&w->peer);
    cr_expect_eq(uv_loop_close(&w->loop), 0);
    free(w);
}

/* Another process, whose descriptors are its own, connects `n` times and stays. */
static pid_t connect_many(struct world *w, size_t n)
{
    struct sockaddr_storage address;
    socklen_t len = uv_listener_address(&w->at, &address);
    pid_t pid = fork();
    if (pid > 0)
        return pid;
    for (size_t i = 0; i < n; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, len) < 0)
            _exit(1);
    }
    for (;;)
        pause();
}

static void let_go(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* No more than `n` descriptors beyond those that are open. */
static void leave_descriptors(rlim_t n)
{
    int next = dup(0);
    close(next);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = (rlim_t)next + n;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
}

/* How many rounds the loop makes in so long: one that spins makes many thousands. */
static size_t rounds(struct world *w, uint64_t ms)
{
    size_t n = 0;
    for (uint64_t end = uv_hrtime() + ms * 1000000; uv_hrtime() < end; n++)
        uv_run(&w->loop, UV_RUN_ONCE);
    return n;
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer; /* so that UV_RUN_ONCE comes back */
}

Test(uv_accept, out_of_descriptors_the_longest_idle_goes, .timeout = 30)
{
    struct world *w = world_new();
    uv_timer_t tick;
    uv_timer_init(&w->loop, &tick);
    uv_timer_start(&tick, on_tick, 20, 20);
    pid_t pid = connect_many(w, 50);
    leave_descriptors(8);
    size_t n = rounds(w, 500);
    cr_expect_lt(n, 200, "%zu rounds", n);
    cr_expect_eq(w->n, 50);
    cr_expect_eq(w->n_evicted, 42);
    for (size_t i = 0; i < w->n; i++)
        cr_expect_eq(w->taken[i].place.source != NULL, i >= 42, "connection %zu", i);
    let_go(pid);
    uv_close((uv_handle_t *)&tick, NULL);
    world_free(w);
}

Test(uv_accept, with_nobody_idle_newcomers_wait_and_the_loop_rests, .timeout = 30)
{
    struct world *w = world_new();
    uv_timer_t tick;
    uv_timer_init(&w->loop, &tick);
    uv_timer_start(&tick, on_tick, 20, 20);
    w->are_busy = true;
    pid_t pid = connect_many(w, 20);
    leave_descriptors(8);
    size_t n = rounds(w, 500);
    cr_expect_lt(n, 200, "%zu rounds", n);
    cr_expect_eq(w->n, 8);
    cr_expect_eq(w->n_evicted, 0);
    for (size_t i = 0; i < 8; i++)
        leave(w, &w->taken[i]);
    (void)rounds(w, 400);
    cr_expect_eq(w->n, 16, "%zu: the next ones had only to wait", w->n);
    let_go(pid);
    uv_close((uv_handle_t *)&tick, NULL);
    world_free(w);
}

Test(uv_accept, a_flood_of_newcomers_is_taken_in_parts, .timeout = 30)
{
    struct world *w = world_new();
    pid_t pid = connect_many(w, 200);
    usleep(300000);
    uv_run(&w->loop, UV_RUN_NOWAIT);
    cr_expect(w->n > 0 && w->n < 100, "%zu in one round", w->n);
    for (int i = 0; i < 20; i++)
        uv_run(&w->loop, UV_RUN_NOWAIT);
    cr_expect_eq(w->n, 200);
    let_go(pid);
    world_free(w);
}

Test(uv_accept, only_a_socket_of_its_own_is_removed)
{
    char dir[] = "/tmp/stratos-accept-XXXXXX", path[64];
    struct world *w = world_new();
    struct uv_listener_events events = events_of(w);
    struct uv_listener *mine, *theirs;
    struct stat info;
    cr_assert_not_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/s", dir);
    cr_assert_eq(uv_listener_unix(&w->loop, path, &events, &mine), 0);
    cr_assert_eq(stat(path, &info), 0);
    cr_expect_eq(info.st_mode & 0777, 0660);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(uv_listener_unix(&w->loop, path, &events, &theirs), 0);
    uv_listener_close(mine);
    cr_expect_eq(stat(path, &info), 0); /* of another agent by now */
    uv_listener_close(theirs);
    cr_expect_eq(stat(path, &info), -1);
    uv_run(&w->loop, UV_RUN_NOWAIT);
    cr_expect_eq(w->n_closed, 2);
    w->n_closed = 0;
    rmdir(dir);
    world_free(w);
}
