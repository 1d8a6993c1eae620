/* `stratos dev`: a cluster of agents on this machine.
 *
 * One supervisor process starts every agent as a child (this same program), waits until
 * they know each other, says how to talk to them, and ends them when it is told to.  With
 * --detach the supervisor goes to the background; its lock on DIR/dev.pid is how `--stop`
 * finds it again (a lock cannot be stale, a pid in a file can).
 *
 * The usual path: secret, agents, ready, wait for a signal, stop.  What can fail: a
 * directory that cannot be written, another cluster in it, ports in use (then the agents
 * say so in their logs, and dev points there). */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/dev_files.h"
#include "agent/dev_groups.h"
#include "agent/dev_ready.h"
#include "core/err.h"

enum {
    STOP_GRACE_MS =
        15000, /* tasks get their stop timeout (10 s by default), then the agent ends */
    READY_MS = 20000,
    DEV_FIRST_PORT = 20000,
    DEV_PORTS = 40, /* per node: 250 nodes stay below the ephemeral ports at 32768 */
    EXIT_BAD = 1,
    EXIT_NONE = 3, /* nothing to stop */
};

struct dev {
    const struct dev_options *options;
    struct dev_files files;
    pid_t pids[DEV_NODES_MAX + 1]; /* from 1; 0 = not running */
    int ready_fd;                  /* a detached supervisor tells its parent here; -1 */
    unsigned n_running;
};

static volatile sig_atomic_t stop_asked;

static void on_signal(int signal)
{
    (void)signal;
    stop_asked = 1;
}

static void sleep_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL); /* woken early is fine: callers look again */
}

/* ---- one agent ---- */

struct agent_words {
    char name[16], bind[32], http[32], dns[32], ports[32];
    char socket[DEV_PATH_MAX], data[DEV_PATH_MAX], log[DEV_PATH_MAX];
};

static void fill_words(const struct dev *d, unsigned i, struct agent_words *w)
{
    unsigned first = DEV_FIRST_PORT + (i - 1) * DEV_PORTS;
    (void)snprintf(w->name, sizeof(w->name), "n%u", i);
    (void)snprintf(w->bind, sizeof(w->bind), "127.77.0.%u:7780", i);
    (void)snprintf(w->http, sizeof(w->http), "127.77.0.%u:7781", i);
    (void)snprintf(w->dns, sizeof(w->dns), "127.77.0.%u:8600", i);
    (void)snprintf(w->ports, sizeof(w->ports), "%u-%u", first, first + DEV_PORTS - 1);
    dev_path(&d->files, i, "stratos.sock", w->socket);
    dev_path(&d->files, i, "data", w->data);
    dev_path(&d->files, i, "agent.log", w->log);
}

/* In the child: become the agent.  It must not outlive the supervisor, however that dies. */
static void become_agent(const struct dev *d, const struct agent_words *w,
                         pid_t supervisor)
{
    const char *profile = d->options->profile ? d->options->profile : "local";
    const char *argv[] = {"stratos",
                          "agent",
                          "--name",
                          w->name,
                          "--data",
                          w->data,
                          "--bind",
                          w->bind,
                          "--http",
                          w->http,
                          "--dns",
                          w->dns,
                          "--socket",
                          w->socket,
                          "--secret-file",
                          d->files.secret,
                          "--profile",
                          profile,
                          "--ports",
                          w->ports,
                          "--cpu",
                          "4",
                          "--memory",
                          "4G",
                          "--join",
                          "127.77.0.1:7780",
                          "--no-discover",
                          NULL,
                          NULL};
    if (!d->options->tasks_survive)
        argv[sizeof(argv) / sizeof(argv[0]) - 2] = "--tasks-die";

    int log = open(w->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (log < 0 || null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        _exit(EXIT_BAD);
    (void)setpgid(
        0, 0); /* Ctrl-C is the supervisor's: it stops the agents in its own order */
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != supervisor)
        _exit(EXIT_BAD); /* it died before the line above */
    (void)execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
    _exit(EXIT_BAD);
}

static int start_agent(struct dev *d, unsigned i, struct err *err)
{
    struct agent_words w;
    fill_words(d, i, &w);
    int error = dev_node_make(&d->files, i, err);
    if (error < 0)
        return error;
    pid_t self = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return err_set(err, -errno, "fork: %s", err_text(-errno));
    if (pid == 0)
        become_agent(d, &w, self);
    d->pids[i] = pid;
    d->n_running++;
    return dev_write_pid(&d->files, i, pid, err);
}

/* ---- the supervisor ---- */

/* Collect the agents that ended; say so unless they were asked to. */
static void reap(struct dev *d, bool is_asked)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (unsigned i = 1; i <= d->options->nodes; i++) {
            if (d->pids[i] != pid)
                continue;
            d->pids[i] = 0;
            d->n_running--;
            dev_remove_pid(&d->files, i);
            if (!is_asked && WIFSIGNALED(status))
                fprintf(stderr, "n%u is gone: killed by signal %d\n", i,
                        WTERMSIG(status));
            else if (!is_asked)
                fprintf(stderr, "n%u ended with %d: see %s/n%u/agent.log\n", i,
                        WEXITSTATUS(status), d->files.dir, i);
        }
    }
}

static void signal_all(const struct dev *d, int signal)
{
    for (unsigned i = 1; i <= d->options->nodes; i++) {
        if (d->pids[i] > 0)
            (void)kill(d->pids[i], signal);
    }
}

static void stop_all(struct dev *d)
{
    signal_all(d, SIGTERM);
    for (long waited = 0; d->n_running > 0; waited += 20) {
        if (waited == STOP_GRACE_MS)
            signal_all(d, SIGKILL);
        sleep_ms(20);
        reap(d, true);
    }
}

static void say_how(const struct dev *d)
{
    for (unsigned i = 1; i <= d->options->nodes; i++) {
        if (d->pids[i] > 0)
            printf("n%u  pid %d  127.77.0.%u  %s/n%u\n", i, (int)d->pids[i], i,
                   d->files.dir, i);
    }
    printf("\nexport STRATOS_SOCKET=%s/n1/stratos.sock\n", d->files.dir);
    printf("stratos status\n");
    printf("stratos ui                the page's address, signed in\n");
    printf("dig @127.77.0.1 -p 8600 n1.node.stratos\n");
    if (d->options->detach)
        printf("stratos dev --dir %s --stop\n", d->files.dir);
    else
        printf("Ctrl-C stops the agents and their tasks\n");
    fflush(stdout);
}

/* Until all agents know each other, one ended, or it takes too long. */
static bool wait_ready(struct dev *d)
{
    for (long waited = 0; waited < READY_MS && !stop_asked; waited += 50) {
        reap(d, false);
        if (d->n_running < d->options->nodes)
            return false;
        if (dev_is_ready(&d->files, d->options->nodes))
            return true;
        sleep_ms(50);
    }
    if (!stop_asked)
        fprintf(stderr,
                "the agents run, but after %d s they do not all know each other yet\n",
                READY_MS / 1000);
    return true;
}

/* The parent of a detached supervisor waits for this byte before it leaves. */
static void tell_parent(struct dev *d, bool is_ready)
{
    if (d->ready_fd < 0)
        return;
    fflush(stdout);
    (void)!write(d->ready_fd, is_ready ? "1" : "0", 1);
    close(d->ready_fd);
    d->ready_fd = -1;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, 0);
        (void)dup2(null, 1);
        (void)dup2(null, 2);
        close(null);
    }
}

static int supervise(struct dev *d)
{
    struct err err = {0};
    int error = dev_files_lock(&d->files, &err);
    for (unsigned i = 1; i <= d->options->nodes && error == 0 && !stop_asked; i++)
        error = start_agent(d, i, &err);
    bool is_ready = error == 0 && wait_ready(d);
    if (error < 0)
        fprintf(stderr, "stratos: %s\n", err.text);
    if (is_ready && !stop_asked)
        say_how(d);
    tell_parent(d, is_ready);
    while (is_ready && !stop_asked && d->n_running > 0) {
        sleep_ms(100);
        reap(d, false);
    }
    stop_all(d);
    for (unsigned i = 1; i <= d->options->nodes && !d->options->tasks_survive; i++) {
        char data[DEV_PATH_MAX];
        dev_path(&d->files, i, "data", data);
        dev_groups_remove(data);
    }
    dev_files_close(&d->files, !d->options->dir && is_ready);
    return is_ready ? 0 : EXIT_BAD;
}

static int detach(struct dev *d)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0) {
        fprintf(stderr, "stratos: pipe: %s\n", err_text(-errno));
        return EXIT_BAD;
    }
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0) {
        fprintf(stderr, "stratos: fork: %s\n", err_text(-errno));
        return EXIT_BAD;
    }
    if (pid == 0) {
        close(fds[0]);
        (void)setsid();
        d->ready_fd = fds[1];
        _exit(supervise(d));
    }
    close(fds[1]);
    char byte = '0';
    ssize_t n;
    while ((n = read(fds[0], &byte, 1)) < 0 && errno == EINTR && !stop_asked)
        ;
    close(fds[0]);
    if (stop_asked)
        (void)kill(pid, SIGTERM);
    return n == 1 && byte == '1' ? 0 : EXIT_BAD;
}

/* `--stop`: ask the holder of the lock to end, and wait until it has. */
static int stop(const char *dir)
{
    pid_t pid = dev_files_holder(dir);
    if (pid <= 0) {
        fprintf(stderr, "stratos: no dev cluster runs in %s\n", dir);
        return EXIT_NONE;
    }
    if (kill(pid, SIGTERM) < 0) {
        fprintf(stderr, "stratos: the dev cluster in %s (pid %d): %s\n", dir, (int)pid,
                err_text(-errno));
        return EXIT_BAD;
    }
    for (long waited = 0; waited < 2 * STOP_GRACE_MS; waited += 50) {
        if (dev_files_holder(dir) != pid) {
            printf("stopped\n");
            return 0;
        }
        sleep_ms(50);
    }
    fprintf(stderr, "stratos: the dev cluster in %s (pid %d) does not end\n", dir,
            (int)pid);
    return EXIT_BAD;
}

int dev_run(const struct dev_options *o)
{
    static struct dev d;
    struct err err = {0};
    if (o->is_stop)
        return stop(o->dir);
    d = (struct dev){.options = o, .ready_fd = -1};
    if (dev_files_open(o->dir, &d.files, &err) < 0) {
        fprintf(stderr, "stratos: %s\n", err.text);
        return EXIT_BAD;
    }
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
    return o->detach ? detach(&d) : supervise(&d);
}
