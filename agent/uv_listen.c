/* See uv_listen.h.  The usual path: everything is bound at once.  What can fail: the unix
 * socket (the agent does not start), an address of HTTP or DNS that somebody else has,
 * that this host does not have yet or that it may not use (told once and then once a
 * minute, tried again each second). */
#include "agent/uv_listen.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

#include "agent/socket_file.h"
#include "agent/uv_agent.h"
#include "core/log.h"

enum {
    RETRY_MS = 1000,
    SAY_MS = 60000,
    /* Sockets of peers, files of the store, pipes and pidfds of tasks. */
    DESCRIPTORS_KEPT = 1024,
    DESCRIPTORS_WANTED = 16384,
    CONNECTIONS_MIN = 16,
};

/* ---- how many ---- */

struct uv_listen_limits uv_listen_limits_of(size_t n)
{
    size_t usable = n > 2 * DESCRIPTORS_KEPT ? n - DESCRIPTORS_KEPT : n / 2;
    size_t http = usable * 4 / 9, dns = usable / 9; /* twice HTTP, once DNS */
    struct uv_listen_limits limits = {
        .http = http < HTTP_CONNECTIONS_MAX ? http : HTTP_CONNECTIONS_MAX,
        .dns = dns < DNS_CONNECTIONS_MAX ? dns : DNS_CONNECTIONS_MAX};
    if (limits.http < CONNECTIONS_MIN)
        limits.http = CONNECTIONS_MIN;
    if (limits.dns < CONNECTIONS_MIN)
        limits.dns = CONNECTIONS_MIN;
    return limits;
}

/* As many descriptors as are wanted, if the host lets us have them.  Tasks get limits of
 * their own. */
static struct uv_listen_limits take_descriptors(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return uv_listen_limits_of(0);
    rlim_t wanted =
        files.rlim_max < DESCRIPTORS_WANTED ? files.rlim_max : DESCRIPTORS_WANTED;
    if (files.rlim_cur < wanted) {
        struct rlimit more = {.rlim_cur = wanted, .rlim_max = files.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &more) == 0)
            files = more;
    }
    return uv_listen_limits_of((size_t)files.rlim_cur);
}

/* ---- trying ---- */

/* What to do about an address that cannot be had; NULL when the error says it itself. */
static const char *hint_of(int status, bool is_http)
{
    if (status == -EADDRINUSE)
        return is_http
                   ? "another program has it: find it with `ss -ltnp`, or choose another "
                     "address with --http"
                   : "another program has it: find it with `ss -lntup`, or choose "
                     "another "
                     "address with --dns";
    if (status == -EADDRNOTAVAIL)
        return "this host has no such address yet";
    if (status == -EACCES)
        return "ports below 1024 need root or CAP_NET_BIND_SERVICE";
    return NULL;
}

static void waits(struct agent *a, struct uv_listen_wait *wait, const struct endpoint *at,
                  int status)
{
    char address[ADDRESS_TEXT_MAX];
    bool is_http = wait == &a->listen.http;
    uint64_t now_ms = uv_now(&a->loop);
    bool is_new = wait->text[0] == '\0';
    (void)snprintf(wait->text, sizeof(wait->text), "%s: %s", endpoint_text(at, address),
                   err_text(status));
    if (!is_new && now_ms - wait->said_ms < SAY_MS)
        return;
    wait->said_ms = now_ms;
    log_line(LOG_WARN, is_http ? "http" : "dns", "state", "waiting", "address", address,
             "error", err_text(status), "hint", hint_of(status, is_http), NULL);
}

static void listens(struct agent *a, struct uv_listen_wait *wait,
                    const struct endpoint *at)
{
    char address[ADDRESS_TEXT_MAX];
    if (wait->text[0] != '\0')
        log_line(LOG_INFO, wait == &a->listen.http ? "http" : "dns", "state", "listening",
                 "address", endpoint_text(at, address), NULL);
    wait->text[0] = '\0';
}

static void try_http(struct agent *a)
{
    struct err err;
    int status = uv_http_listen_tcp(a->http_driver, &a->http, &err);
    if (status < 0)
        waits(a, &a->listen.http, &a->http, status);
    else
        listens(a, &a->listen.http, &a->http);
}

static void try_dns(struct agent *a, size_t n_connections)
{
    struct err err;
    uint64_t seed;
    random_bytes(&seed, sizeof(seed));
    int status = uv_dns_open(&a->loop, &a->dns, n_connections, seed, &a->metrics,
                             &a->dns_driver, &err);
    if (status < 0) {
        waits(a, &a->listen.dns, &a->dns, status);
        return;
    }
    listens(a, &a->listen.dns, &a->dns);
    uv_dns_serve(a->dns_driver, a->catalog);
}

static bool is_waiting(const struct agent *a)
{
    return a->listen.http.text[0] != '\0' || a->listen.dns.text[0] != '\0';
}

static void on_retry(uv_timer_t *timer)
{
    struct agent *a = timer->data;
    if (a->is_ending)
        return;
    if (a->listen.http.text[0] != '\0')
        try_http(a);
    if (a->listen.dns.text[0] != '\0')
        try_dns(a, take_descriptors().dns);
    if (!is_waiting(a))
        (void)uv_timer_stop(timer);
}

/* ---- opening and closing ---- */

int uv_listen_open(struct agent *a, struct err *err)
{
    struct uv_listen_limits limits = take_descriptors();
    uv_http_limit(a->http_driver, limits.http);
    int status = socket_file_make_place(a->options->socket, err);
    if (status == 0)
        status = uv_http_listen_unix(a->http_driver, a->options->socket, err);
    if (status == 0)
        status = socket_file_share(a->options->socket, err);
    if (status < 0)
        return status;
    (void)uv_timer_init(&a->loop, &a->listen.retry);
    a->listen.retry.data = a;
    if (a->http.family)
        try_http(a);
    if (a->dns.family)
        try_dns(a, limits.dns);
    if (is_waiting(a))
        (void)uv_timer_start(&a->listen.retry, on_retry, RETRY_MS, RETRY_MS);
    return 0;
}

void uv_listen_close(struct agent *a)
{
    if (a->listen.retry.loop) /* opened */
        uv_close((uv_handle_t *)&a->listen.retry, NULL);
}
