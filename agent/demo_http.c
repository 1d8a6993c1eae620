/* `stratos demo-http`: a tiny server to schedule.  GET / says which instance answered,
 * GET /health is what health checks ask; everything it knows comes from the environment
 * of the task.
 *
 * One thread, a bounded set of connections, one request each: a slow client holds nobody
 * up, and the oldest connection makes room for a new one. */
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/agent.h"
#include "core/err.h"
#include "core/ids.h"

enum { CONNECTIONS_MAX = 64, REQUEST_MAX = 4096, ANSWER_MAX_LEN = 2048 };

struct connection {
    int fd; /* -1: free */
    size_t len;
    char request[REQUEST_MAX];
};

struct demo {
    int listener;
    struct connection connections[CONNECTIONS_MAX];
    size_t next;              /* where the next connection goes; whoever is there goes */
    uint64_t unhealthy_at_ms; /* 0 = never */
};

static volatile sig_atomic_t stop_asked;

/* As the first process of its namespace it gets no default action for SIGTERM. */
static void on_signal(int signal)
{
    (void)signal;
    stop_asked = 1;
}

static uint64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static const char *env(const char *name)
{
    const char *value = getenv(name);
    return value ? value : "";
}

/* Lines for people and grep, an object for who asks for one. */
static char *who_am_i(bool is_json)
{
    char instance[160], *text = NULL;
    (void)snprintf(instance, sizeof(instance), "%s.%s", env("STRATOS_JOB"),
                   env("STRATOS_INSTANCE"));
    if (is_json) {
        json_t *root = json_pack("{s:s, s:s, s:s, s:s}", "job", env("STRATOS_JOB"),
                                 "instance", instance, "node", env("STRATOS_NODE"),
                                 "version", env("STRATOS_VERSION"));
        text = json_dumps(root, JSON_COMPACT);
        json_decref(root);
    } else if (asprintf(&text, "job %s\ninstance %s\nnode %s\nversion %s",
                        env("STRATOS_JOB"), instance, env("STRATOS_NODE"),
                        env("STRATOS_VERSION")) < 0) {
        text = NULL;
    }
    return text;
}

static void answer(const struct demo *d, const struct connection *c)
{
    bool is_health = strncmp(c->request, "GET /health ", 12) == 0;
    bool is_root = strncmp(c->request, "GET / ", 6) == 0;
    bool is_sick = d->unhealthy_at_ms > 0 && now_ms() >= d->unhealthy_at_ms;
    const char *status = is_health && is_sick   ? "503 Service Unavailable"
                         : is_health || is_root ? "200 OK"
                                                : "404 Not Found";
    bool is_json = is_root && strstr(c->request, "application/json");
    char *text = is_root ? who_am_i(is_json) : NULL;
    const char *body = text        ? text
                       : is_health ? (is_sick ? "failing" : "ok")
                                   : "no such page";
    char out[ANSWER_MAX_LEN];
    int len = snprintf(out, sizeof(out),
                       "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                       "Connection: close\r\n\r\n%s\n",
                       status, is_json ? "application/json" : "text/plain",
                       strlen(body) + 1, body);
    if (len > 0 && (size_t)len < sizeof(out))
        (void)!send(c->fd, out, (size_t)len, MSG_NOSIGNAL); /* fits any socket buffer */
    printf("%.*s %s\n", (int)strcspn(c->request, "\r\n"), c->request, status);
    fflush(stdout);
    free(text);
}

static void drop(struct connection *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->len = 0;
}

static void take_connection(struct demo *d)
{
    int fd = accept4(d->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct connection *c = &d->connections[d->next];
    d->next = (d->next + 1) % CONNECTIONS_MAX;
    drop(c);
    c->fd = fd;
}

static void take_bytes(struct demo *d, struct connection *c)
{
    ssize_t n = recv(c->fd, c->request + c->len, sizeof(c->request) - 1 - c->len, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        drop(c);
        return;
    }
    c->len += (size_t)n;
    c->request[c->len] = '\0';
    bool is_whole = strstr(c->request, "\r\n\r\n") != NULL;
    if (is_whole)
        answer(d, c);
    if (is_whole || c->len + 1 == sizeof(c->request))
        drop(c);
}

static int serve(struct demo *d)
{
    struct pollfd polls[CONNECTIONS_MAX + 1];
    while (!stop_asked) {
        polls[CONNECTIONS_MAX] = (struct pollfd){.fd = d->listener, .events = POLLIN};
        for (size_t i = 0; i < CONNECTIONS_MAX; i++)
            polls[i] = (struct pollfd){.fd = d->connections[i].fd, .events = POLLIN};
        if (poll(polls, CONNECTIONS_MAX + 1, -1) < 0)
            continue; /* a signal: the loop's condition knows */
        for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
            if (polls[i].revents && d->connections[i].fd == polls[i].fd)
                take_bytes(d, &d->connections[i]);
        }
        if (polls[CONNECTIONS_MAX].revents)
            take_connection(d);
    }
    return 0;
}

/* A socket that listens at `at`; one for any IPv6 address takes IPv4 as well.  Returns it, or -1. */
static int listen_at(const struct endpoint *at)
{
    static const uint8_t any[16];
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(at->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(at->port)};
    int one = 1, is_v6_only = memcmp(at->address, any, sizeof(any)) != 0;
    memcpy(&v4.sin_addr, at->address, sizeof(v4.sin_addr));
    memcpy(&v6.sin6_addr, at->address, sizeof(v6.sin6_addr));
    const struct sockaddr *address =
        at->family == 6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
    socklen_t len = at->family == 6 ? sizeof(v6) : sizeof(v4);
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if ((at->family != 6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &is_v6_only,
                                       sizeof(is_v6_only)) == 0) &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
        bind(fd, address, len) == 0 && listen(fd, CONNECTIONS_MAX) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* The node's address, so that several nodes of one machine do not meet; all addresses of both families
 * when it was started by hand, or of IPv4 where there is no IPv6. */
static int open_listener(unsigned port)
{
    struct endpoint at = {.family = 6, .port = (uint16_t)port};
    struct endpoint v4 = {.family = 4, .port = (uint16_t)port};
    struct endpoint given;
    if (endpoint_parse(env("STRATOS_ADDRESS"), (uint16_t)port, &given) == 0)
        return listen_at(&given);
    int fd = listen_at(&at);
    bool has_v6 = fd >= 0 || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL);
    return has_v6 ? fd : listen_at(&v4);
}

int demo_http_run(unsigned port, unsigned long fail_health_after_ms)
{
    static struct demo d;
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        d.connections[i].fd = -1;
    if (fail_health_after_ms > 0)
        d.unhealthy_at_ms = now_ms() + fail_health_after_ms;

    d.listener = open_listener(port);
    if (d.listener < 0) {
        fprintf(stderr, "stratos: demo-http: port %u: %s\n", port, err_text(-errno));
        return 1;
    }
    printf("listening on port %u\n", port);
    fflush(stdout);
    return serve(&d);
}
