/* What health checks cost the loop that also answers other nodes: 1,000 of them every 5 s, all at one
 * moment, and long answers whose rest is thrown away.  The server is another process. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "isolate/uv_probe.h"

enum { CHECKS = 1000, INTERVAL_MS = 5000, SECONDS = 10, LONG_BODY = 20 << 20 };

/* ---- the server ---- */

static char block[1 << 20];

static void write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t wrote = send(fd, text, len, MSG_NOSIGNAL);
        if (wrote <= 0)
            return;
        text += wrote;
        len -= (size_t)wrote;
    }
}

static void serve(int server)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        int fd = accept(server, NULL, NULL);
        ssize_t len = fd < 0 ? -1 : recv(fd, block, sizeof(block), 0);
        if (len > 0 && memcmp(block, "GET /long", 9) == 0) {
            static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
            write_all(fd, head, strlen(head));
            for (size_t sent = 0; sent < LONG_BODY; sent += sizeof(block))
                write_all(fd, block, sizeof(block));
        } else if (len > 0) {
            static const char answer[] =
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
            write_all(fd, answer, strlen(answer));
        }
        if (fd >= 0)
            (void)close(fd);
    }
}

/* ---- the loop ---- */

struct bench {
    uv_loop_t loop;
    struct uv_prober *prober;
    uv_timer_t timer;
    struct endpoint to;
    size_t n_asked, n_done, n_bad;
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double cpu_seconds(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

static void on_probed(void *ctx, const char *key, unsigned check, bool is_ok,
                      const char *words)
{
    struct bench *b = ctx;
    (void)key;
    (void)check;
    b->n_done++;
    if (!is_ok && b->n_bad++ == 0)
        printf("not well: %s\n", words);
}

static void ask(struct bench *b, const char *path)
{
    const struct health_spec check = {
        .name = "x", .kind = HEALTH_HTTP, .path = path, .timeout_ms = 5000};
    struct probe_order order = {.key = "default.web.0", .health = &check, .to = b->to};
    if (uv_probe(b->prober, &order) < 0)
        abort();
    b->n_asked++;
}

static void on_turn(uv_timer_t *timer)
{
    ask(timer->data, "/");
}

/* For `until` seconds, or until all are answered.  A turn is what the loop works, without the wait. */
static void run(struct bench *b, const char *what, double until)
{
    double cpu = cpu_seconds(), start = seconds(), longest = 0;
    size_t before = b->n_done;
    while (until > 0 ? seconds() - start < until : uv_prober_count(b->prober) > 0) {
        struct pollfd events = {.fd = uv_backend_fd(&b->loop), .events = POLLIN};
        (void)poll(&events, 1, uv_backend_timeout(&b->loop));
        double turn = seconds();
        (void)uv_run(&b->loop, UV_RUN_NOWAIT);
        turn = seconds() - turn;
        longest = turn > longest ? turn : longest;
    }
    double took = seconds() - start, n = (double)(b->n_done - before);
    cpu = cpu_seconds() - cpu;
    printf("%-24s %5.0f answers in %5.2f s: %.1f %% of a core, %.0f us each, longest "
           "turn %.1f ms\n",
           what, n, took, 100 * cpu / took, 1e6 * cpu / n, 1e3 * longest);
}

static void finish(struct bench *b)
{
    while (uv_prober_count(b->prober) > 0)
        (void)uv_run(&b->loop, UV_RUN_ONCE);
}

int main(void)
{
    struct bench b = {0};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(server, (struct sockaddr *)&address, len) < 0 || listen(server, 1024) < 0 ||
        getsockname(server, (struct sockaddr *)&address, &len) < 0)
        return 1;
    pid_t pid = fork();
    if (pid == 0)
        serve(server);
    b.to = endpoint_loopback(4, ntohs(address.sin_port));
    if (pid < 0 || uv_loop_init(&b.loop) < 0 ||
        uv_prober_open(&b.loop, on_probed, &b, &b.prober) < 0)
        return 1;
    (void)uv_timer_init(&b.loop, &b.timer);
    b.timer.data = &b;
    (void)uv_timer_start(&b.timer, on_turn, 0, INTERVAL_MS / CHECKS);
    run(&b, "1,000 checks every 5 s", SECONDS);
    (void)uv_timer_stop(&b.timer);
    finish(&b);
    for (int i = 0; i < CHECKS; i++)
        ask(&b, "/");
    run(&b, "1,000 at one moment", 0);
    for (int i = 0; i < 5; i++)
        ask(&b, "/long");
    run(&b, "5 answers of 20 MiB", 0);
    uv_prober_close(b.prober);
    uv_close((uv_handle_t *)&b.timer, NULL);
    (void)uv_run(&b.loop, UV_RUN_DEFAULT);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    return uv_loop_close(&b.loop) == 0 && b.n_bad == 0 && b.n_done == b.n_asked ? 0 : 1;
}
