/* Resolve --join with c-ares.  See uv_seeds.h.
 *
 * The usual path: addresses are taken as they are; names become one A and one AAAA query each; when
 * the last is answered, or after ten seconds, `done` is called.  What can fail: a name that does not
 * resolve is logged and left out. */
#include "agent/uv_seeds.h"

#include <ares.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "core/log.h"

enum { POLL_MS = 50, RESOLVE_TIMEOUT_MS = 3000, SEEDS_MAX = JOIN_MAX * 8 };

struct seeds {
    uv_timer_t timer;
    ares_channel channel;
    size_t n_pending;
    struct endpoint found[SEEDS_MAX];
    size_t n_found;
    void (*done)(void *ctx, const struct endpoint *seeds, size_t n);
    void *ctx;
    struct name {
        struct seeds *seeds;
        uint16_t port;
        char text[256];
    } names[JOIN_MAX];
    size_t n_names;
};

static void add(struct seeds *s, struct endpoint e)
{
    if (s->n_found < SEEDS_MAX)
        s->found[s->n_found++] = e;
}

static void on_address(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct name *name = arg;
    (void)timeouts;
    name->seeds->n_pending--;
    if (status != ARES_SUCCESS) {
        log_line(LOG_WARN, "join", "name", name->text, "error", ares_strerror(status),
                 NULL);
        return;
    }
    for (struct ares_addrinfo_node *at = info->nodes; at; at = at->ai_next) {
        struct endpoint e = {.port = name->port};
        if (at->ai_family == AF_INET && at->ai_addrlen >= sizeof(struct sockaddr_in)) {
            struct sockaddr_in sin;
            memcpy(&sin, at->ai_addr, sizeof(sin));
            e.family = 4;
            memcpy(e.address, &sin.sin_addr, 4);
        } else if (at->ai_family == AF_INET6 &&
                   at->ai_addrlen >= sizeof(struct sockaddr_in6)) {
            struct sockaddr_in6 sin6;
            memcpy(&sin6, at->ai_addr, sizeof(sin6));
            e.family = 6;
            memcpy(e.address, &sin6.sin6_addr, 16);
        } else {
            continue;
        }
        add(name->seeds, e);
    }
    ares_freeaddrinfo(info);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* c-ares has few sockets for a short time: asking it every 50 ms is simpler than watching them. */
static void on_poll(uv_timer_t *timer)
{
    struct seeds *s = timer->data;
    ares_process_fd(s->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* time-outs */
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    int mask = ares_getsock(s->channel, sockets, ARES_GETSOCK_MAXNUM);
    /* The macros shift an int: of the last of 16 sockets they cannot speak. */
    for (int i = 0; i < ARES_GETSOCK_MAXNUM - 1; i++)
        if (ARES_GETSOCK_READABLE(mask, i) || ARES_GETSOCK_WRITABLE(mask, i))
            ares_process_fd(
                s->channel, ARES_GETSOCK_READABLE(mask, i) ? sockets[i] : ARES_SOCKET_BAD,
                ARES_GETSOCK_WRITABLE(mask, i) ? sockets[i] : ARES_SOCKET_BAD);
    if (s->n_pending > 0)
        return;
    s->done(s->ctx, s->found, s->n_found);
    ares_destroy(s->channel);
    uv_close((uv_handle_t *)timer, on_closed);
}

/* "name:port" or "name" into host and port; false when it cannot be a host name. */
static bool split(const char *text, uint16_t default_port, struct name *name)
{
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    unsigned long port = colon ? strtoul(colon + 1, NULL, 10) : default_port;
    if (len == 0 || len >= sizeof(name->text) || port == 0 || port > UINT16_MAX)
        return false;
    if (strspn(text,
               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") < len)
        return false;
    memcpy(name->text, text, len);
    name->text[len] = '\0';
    name->port = (uint16_t)port;
    return true;
}

static int resolve_names(uv_loop_t *loop, struct seeds *s, struct err *err)
{
    struct ares_options options = {
        .timeout = RESOLVE_TIMEOUT_MS, .tries = 2, .lookups = (char[]){"fb"}};
    struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC};
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
        ares_init_options(&s->channel, &options,
                          ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS) !=
            ARES_SUCCESS)
        return err_set(err, -ENOMEM, "cannot start the resolver for --join");
    (void)uv_timer_init(loop, &s->timer);
    s->timer.data = s;
    s->n_pending = s->n_names;
    for (size_t i = 0; i < s->n_names; i++)
        ares_getaddrinfo(s->channel, s->names[i].text, NULL, &hints, on_address,
                         &s->names[i]);
    return uv_timer_start(&s->timer, on_poll, 1, POLL_MS);
}

int seeds_resolve(uv_loop_t *loop, const char *const *texts, size_t n,
                  uint16_t default_port,
                  void (*done)(void *ctx, const struct endpoint *seeds, size_t n),
                  void *ctx, struct err *err)
{
    struct seeds *s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(err, -ENOMEM, "out of memory");
    s->done = done;
    s->ctx = ctx;
    int status = 0;
    for (size_t i = 0; status == 0 && i < n; i++) {
        struct endpoint e;
        struct name *name = &s->names[s->n_names];
        if (endpoint_parse(texts[i], default_port, &e) == 0)
            add(s, e);
        else if (s->n_names < JOIN_MAX && split(texts[i], default_port, name)) {
            name->seeds = s;
            s->n_names++;
        } else {
            status = err_set(err, ERR_INVALID,
                             "--join '%s': want ADDRESS[:PORT] or NAME[:PORT]", texts[i]);
        }
    }
    if (status == 0 && s->n_names > 0)
        status = resolve_names(loop, s, err);
    else if (status == 0)
        done(ctx, s->found, s->n_found);
    if (status < 0 || s->n_names == 0)
        free(s);
    return status;
}
