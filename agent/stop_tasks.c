/* `agent --stop-tasks`: ends what an agent that is gone for good left running.
 *
 * The usual path: each shim is told to end its task as its job says, and is waited for.  What can fail: a shim
 * of a release that takes no word, or one that does not end; its control groups are killed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/dev_groups.h"
#include "core/err.h"
#include "isolate/control.h"
#include "isolate/files.h"
#include "isolate/shim.h"
#include "isolate/task_dir.h"

enum { LOOK_MS = 50, GRACE_MS = 10000, LATER_MS = 5000, LAUNCH_MAX = 1 << 20 };

struct sweep {
    const char *data_dir;
    size_t n_running;
    uint64_t wait_ms; /* the longest grace */
};

static void visit_all(struct sweep *s, void (*visit)(struct sweep *s, const char *dir))
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof(path), "%s/tasks/", s->data_dir);
    DIR *tasks = len < (int)sizeof(path) ? opendir(path) : NULL;
    for (struct dirent *e; tasks && (e = readdir(tasks));) {
        size_t left = sizeof(path) - (size_t)len;
        if (e->d_name[0] == '.' ||
            (size_t)snprintf(path + len, left, "%s", e->d_name) >= left)
            continue;
        if (task_dir_is_locked(path))
            visit(s, path);
    }
    if (tasks)
        (void)closedir(tasks);
}

static void count(struct sweep *s, const char *dir)
{
    (void)dir;
    s->n_running++;
}

static void tell(struct sweep *s, const char *dir)
{
    char path[PATH_MAX];
    struct arena arena;
    struct bytes text;
    struct shim_launch l = {0};
    arena_init(&arena, 8 << 20);
    int len = snprintf(path, sizeof(path), "%s/" SHIM_LAUNCH_FILE, dir);
    if (len >= (int)sizeof(path) || file_read(path, LAUNCH_MAX, &arena, &text) < 0 ||
        shim_launch_read(text, &arena, SHIM_READ_AGENT, &l) < 0)
        l = (struct shim_launch){0};
    uint64_t grace_ms = l.stop_timeout_ms ? l.stop_timeout_ms : GRACE_MS;
    const struct control_request request = {
        .signal = l.stop_signal ? (int)l.stop_signal : SIGTERM,
        .has_live_until = true,
        .live_until_ms = control_now_ms() + grace_ms};
    if (grace_ms > s->wait_ms)
        s->wait_ms = grace_ms;
    (void)control_send(dir, &request); /* who does not hear it is killed with its group */
    arena_fini(&arena);
}

static size_t running(struct sweep *s)
{
    s->n_running = 0;
    visit_all(s, count);
    return s->n_running;
}

static bool wait_for_end(struct sweep *s)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    uint64_t end_ms = control_now_ms() + s->wait_ms + LATER_MS;
    while (running(s) > 0 && control_now_ms() < end_ms)
        (void)nanosleep(&pause, NULL); /* a shorter one does no harm */
    return s->n_running == 0;
}

int agent_stop_tasks(const struct agent_options *o, size_t *ret_n, struct err *err)
{
    struct sweep s = {.data_dir = o->data_dir};
    int fd = open(o->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, -errno, "cannot open %s: %s", o->data_dir, err_text(-errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
        (void)close(fd);
        return err_set(err, ERR_CONFLICT,
                       "an agent runs on %s: `stratos stop JOB` ends its tasks, `stratos leave` hands "
                       "its tasks over; with --stop-tasks it has to be stopped",
                       o->data_dir);
    }
    *ret_n = running(&s);
    visit_all(&s, tell);
    if (*ret_n > 0 && !wait_for_end(&s)) {
        dev_groups_remove(o->data_dir);
        s.wait_ms = 0;
        (void)wait_for_end(&s);
    }
    (void)close(fd);
    return s.n_running ? err_set(err, ERR_UNSURE, "%zu of %zu tasks could not be ended",
                                 s.n_running, *ret_n)
                       : 0;
}
