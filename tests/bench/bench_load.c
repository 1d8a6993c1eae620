/* Writes at a steady rate over kept connections to the HTTP API of several agents: a client that
 * costs so little that the agents' own work shows (writes.py starts both).
 *
 * `bench_load RATE SECONDS CONNECTIONS ADDRESS...`: so many connections to each address, port 7781.
 * An open loop: a write is due when its time comes, whatever became of those before it, and its time
 * counts from then on.  One thread; an answer other than 200 counts as refused. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PORT = 7781, KEYS = 400, ANSWER_MAX = 4096, PATIENCE_S = 15 };

struct target {
    const char *address;
    size_t first, n;          /* its connections */
    size_t next_due, n_begun; /* of its writes */
};

struct connection {
    int fd;
    size_t target;
    bool is_busy;
    double due_s;
    size_t n_in;
    char in[ANSWER_MAX];
};

static struct target *targets;
static struct connection *connections;
static size_t n_targets, n_connections, n_taken, n_refused, n_all, n_due;
static double *taken_s, start_s, rate;

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void connect_to(struct connection *c, size_t target, int epoll)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int one = 1;
    *c = (struct connection){.target = target,
                             .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (inet_pton(AF_INET, targets[target].address, &to.sin_addr) != 1)
        errno = EINVAL;
    else if (c->fd >= 0 && connect(c->fd, (struct sockaddr *)&to, sizeof(to)) == 0) {
        struct epoll_event on = {.events = EPOLLIN, .data.ptr = c};
        (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &on) == 0)
            return;
    }
    die(targets[target].address);
}

static double due_at(size_t write)
{
    return start_s + (double)write / rate;
}

/* The target's oldest write that is due and not begun, on a connection that is free. */
static void begin(struct connection *c)
{
    char out[256], body[16];
    struct target *t = &targets[c->target];
    if (t->next_due >= n_due)
        return;
    c->is_busy = true;
    c->due_s = due_at(t->next_due);
    t->next_due += n_targets;
    size_t n = t->n_begun++;
    int body_len = snprintf(body, sizeof(body), "%zu", n);
    int len = snprintf(out, sizeof(out),
                       "PUT /v1/vars/bench-%zu-%zu HTTP/1.1\r\nHost: %s:%d\r\n"
                       "Content-Length: %d\r\n\r\n%s",
                       c->target, n % KEYS, t->address, PORT, body_len, body);
    if (write(c->fd, out, (size_t)len) != len)
        die("write");
}

/* Is the answer whole?  Its status goes to *ret_status. */
static bool is_whole(struct connection *c, int *ret_status)
{
    c->in[c->n_in] = '\0';
    const char *end = strstr(c->in, "\r\n\r\n"),
               *len = strcasestr(c->in, "content-length:");
    if (!end || !len || len > end || sscanf(c->in, "HTTP/1.1 %d", ret_status) != 1)
        return false;
    return c->n_in >= (size_t)(end + 4 - c->in) + strtoul(len + 15, NULL, 10);
}

static void hear(struct connection *c)
{
    int status;
    ssize_t n = read(c->fd, c->in + c->n_in, sizeof(c->in) - 1 - c->n_in);
    if (n <= 0)
        die("read");
    c->n_in += (size_t)n;
    if (!is_whole(c, &status))
        return;
    if (status == 200)
        taken_s[n_taken++] = now_s() - c->due_s;
    else
        n_refused++;
    c->n_in = 0;
    c->is_busy = false;
    begin(c);
}

static int compare_s(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void run(int epoll, double seconds)
{
    struct epoll_event events[64];
    while (n_taken + n_refused < n_all && now_s() < start_s + seconds + PATIENCE_S) {
        double now = now_s();
        while (n_due < n_all && due_at(n_due) <= now) {
            const struct target *t = &targets[n_due++ % n_targets];
            struct connection *c = &connections[t->first];
            while (c < &connections[t->first + t->n] && c->is_busy)
                c++;
            if (c < &connections[t->first + t->n])
                begin(c);
        }
        int n = epoll_wait(epoll, events, 64, n_due < n_all ? 1 : 100);
        for (int i = 0; i < n; i++)
            hear(events[i].data.ptr);
    }
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        printf("usage: bench_load RATE SECONDS CONNECTIONS ADDRESS...\n");
        return 0;
    }
    double seconds = strtod(argv[2], NULL);
    size_t each = strtoul(argv[3], NULL, 10);
    rate = strtod(argv[1], NULL);
    n_targets = (size_t)argc - 4;
    n_all = (size_t)(rate * seconds);
    targets = calloc(n_targets, sizeof(*targets));
    connections = calloc(n_targets * each, sizeof(*connections));
    taken_s = calloc(n_all + 1, sizeof(*taken_s));
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!targets || !connections || !taken_s || epoll < 0)
        die("start");
    for (size_t i = 0; i < n_targets; i++) {
        targets[i] = (struct target){
            .address = argv[i + 4], .first = n_connections, .n = each, .next_due = i};
        for (size_t k = 0; k < each; k++)
            connect_to(&connections[n_connections++], i, epoll);
    }
    start_s = now_s();
    run(epoll, seconds);
    double spent = now_s() - start_s;
    qsort(taken_s, n_taken, sizeof(*taken_s), compare_s);
    printf("%zu of %zu writes offered were acknowledged in %.2f s: %.0f a second, %zu "
           "refused\n",
           n_taken, n_all, spent, (double)n_taken / spent, n_refused);
    if (n_taken > 0)
        printf("acknowledged after: median %.1f ms, p99 %.1f ms, longest %.1f ms\n",
               taken_s[n_taken / 2] * 1e3, taken_s[n_taken * 99 / 100] * 1e3,
               taken_s[n_taken - 1] * 1e3);
    return n_taken < n_all;
}
