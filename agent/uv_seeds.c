/* Resolve --join with c-ares.  See uv_seeds.h.
 *
 * The usual path: addresses are taken as they are; names become one A and one AAAA query each; when
 * the last is answered, or after ten seconds, `found` is called.  While the node is alone they are
 * looked up again, ever more rarely.  What can fail: a name that does not resolve is logged once
 * and keeps the addresses it had. */
#include "agent/uv_seeds.h"

#include <ares.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "core/log.h"

enum {
    POLL_MS = 50,
    RESOLVE_TIMEOUT_MS = 3000,
    AGAIN_FIRST_MS = 1000,
    AGAIN_MAX_MS = 60000,
    ADDRESSES_MAX = 8,                    /* of one name */
    SEEDS_MAX = JOIN_MAX * ADDRESSES_MAX, /* more than 2 * JOIN_MAX */
};

enum name_state { NAME_NEW, NAME_KNOWN, NAME_UNKNOWN };

struct name {
    struct uv_seeds *seeds;
    uint16_t port;
    char text[256];
    enum name_state state;
    struct endpoint found[ADDRESSES_MAX];
    size_t n_found;
};

struct uv_seeds {
    uv_timer_t timer; /* polls c-ares during a look-up, waits for the next one between */
    ares_channel channel;
    bool is_asking, is_closing, is_told;
    size_t n_pending;
    uint64_t wait_ms;
    struct uv_seeds_events events;
    struct endpoint fixed[2 * JOIN_MAX]; /* given as addresses; two for localhost */
    size_t n_fixed;
    struct endpoint told[SEEDS_MAX];
    size_t n_told, n_unknown_told;
    struct name names[JOIN_MAX];
    size_t n_names;
};

/* ---- telling ---- */

static void tell(struct uv_seeds *s)
{
    struct endpoint all[SEEDS_MAX];
    size_t n = 0, n_unknown = 0;
    for (size_t i = 0; i < s->n_fixed; i++)
        all[n++] = s->fixed[i];
    for (size_t i = 0; i < s->n_names; i++) {
        n_unknown += s->names[i].n_found == 0;
        for (size_t k = 0; k < s->names[i].n_found && n < SEEDS_MAX; k++)
            all[n++] = s->names[i].found[k];
    }
    bool is_same = s->is_told && n == s->n_told && n_unknown == s->n_unknown_told;
    for (size_t i = 0; is_same && i < n; i++)
        is_same = endpoint_equal(&all[i], &s->told[i]);
    if (is_same)
        return;
    memcpy(s->told, all, n * sizeof(*all));
    s->n_told = n;
    s->n_unknown_told = n_unknown;
    s->is_told = true;
    s->events.found(s->events.ctx, s->told, n, n_unknown);
}

static void set_state(struct name *name, enum name_state state, const char *error)
{
    enum name_state was = name->state;
    name->state = state;
    if (state == NAME_UNKNOWN && was != NAME_UNKNOWN)
        log_line(LOG_WARN, "join", "name", name->text, "error", error, NULL);
    else if (state == NAME_KNOWN && was == NAME_UNKNOWN)
        log_line(LOG_INFO, "join", "name", name->text, "state", "resolved", NULL);
}

/* ---- one look-up ---- */

static bool endpoint_of(const struct ares_addrinfo_node *at, uint16_t port,
                        struct endpoint *ret_endpoint)
{
    struct endpoint e = {.port = port};
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
        return false;
    }
    *ret_endpoint = e;
    return true;
}

/* Name servers turn the answers around: what is sorted is seen to be the same. */
static int compare(const void *a, const void *b)
{
    return endpoint_compare(a, b);
}

static void on_address(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct name *name = arg;
    struct endpoint found[ADDRESSES_MAX];
    size_t n = 0;
    (void)timeouts;
    name->seeds->n_pending--;
    for (struct ares_addrinfo_node *at = info ? info->nodes : NULL;
         at && n < ADDRESSES_MAX; at = at->ai_next)
        n += endpoint_of(at, name->port, &found[n]);
    ares_freeaddrinfo(info);
    if (name->seeds->is_closing)
        return;
    if (n == 0) {
        set_state(name, NAME_UNKNOWN,
                  ares_strerror(status == ARES_SUCCESS ? ARES_ENODATA : status));
        return;
    }
    qsort(found, n, sizeof(*found), compare);
    memcpy(name->found, found, n * sizeof(*found));
    name->n_found = n;
    set_state(name, NAME_KNOWN, NULL);
}

static void look_up(struct uv_seeds *s);

static void on_again(uv_timer_t *timer)
{
    struct uv_seeds *s = timer->data;
    if (s->events.is_alone(s->events.ctx))
        look_up(s);
    else
        (void)uv_timer_start(timer, on_again, AGAIN_MAX_MS, 0);
}

static void end_look_up(struct uv_seeds *s)
{
    if (s->is_asking)
        ares_destroy(s->channel);
    s->is_asking = false;
    (void)uv_timer_start(&s->timer, on_again, s->wait_ms, 0);
    s->wait_ms = s->wait_ms < AGAIN_MAX_MS / 2 ? s->wait_ms * 2 : AGAIN_MAX_MS;
    tell(s);
}

/* c-ares has few sockets for a short time: asking it every 50 ms is simpler than watching them. */
static void on_poll(uv_timer_t *timer)
{
    struct uv_seeds *s = timer->data;
    ares_process_fd(s->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* time-outs */
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    int mask = ares_getsock(s->channel, sockets, ARES_GETSOCK_MAXNUM);
    /* The macros shift an int: of the last of 16 sockets they cannot speak. */
    for (int i = 0; i < ARES_GETSOCK_MAXNUM - 1; i++)
        if (ARES_GETSOCK_READABLE(mask, i) || ARES_GETSOCK_WRITABLE(mask, i))
            ares_process_fd(
                s->channel, ARES_GETSOCK_READABLE(mask, i) ? sockets[i] : ARES_SOCKET_BAD,
                ARES_GETSOCK_WRITABLE(mask, i) ? sockets[i] : ARES_SOCKET_BAD);
    if (s->n_pending == 0)
        end_look_up(s);
}

/* A new channel each time: it reads /etc/resolv.conf, which may be another one by now. */
static void look_up(struct uv_seeds *s)
{
    struct ares_options options = {
        .timeout = RESOLVE_TIMEOUT_MS, .tries = 2, .lookups = (char[]){"fb"}};
    struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC};
    if (ares_init_options(&s->channel, &options,
                          ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS) !=
        ARES_SUCCESS) {
        for (size_t i = 0; i < s->n_names; i++)
            set_state(&s->names[i], NAME_UNKNOWN, "the resolver cannot be started");
        end_look_up(s);
        return;
    }
    s->is_asking = true;
    s->n_pending = s->n_names;
    for (size_t i = 0; i < s->n_names; i++)
        ares_getaddrinfo(s->channel, s->names[i].text, NULL, &hints, on_address,
                         &s->names[i]);
    (void)uv_timer_start(&s->timer, on_poll, 1, POLL_MS);
}

/* ---- opening ---- */

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

static int add(struct uv_seeds *s, const char *text, uint16_t default_port,
               struct err *err)
{
    struct endpoint e;
    struct name *name = &s->names[s->n_names];
    if (endpoint_parse(text, default_port, &e) == 0) {
        s->fixed[s->n_fixed++] = e;
        return 0;
    }
    if (!split(text, default_port, name))
        return err_set(err, ERR_INVALID,
                       "--join '%s': want ADDRESS[:PORT] or NAME[:PORT]", text);
    if (name_is_localhost(bytes_of_text(name->text))) {
        s->fixed[s->n_fixed++] = endpoint_loopback(4, name->port);
        s->fixed[s->n_fixed++] = endpoint_loopback(6, name->port);
        return 0;
    }
    name->seeds = s;
    s->n_names++;
    return 0;
}

int uv_seeds_open(uv_loop_t *loop, const char *const *texts, size_t n,
                  uint16_t default_port, const struct uv_seeds_events *events,
                  struct uv_seeds **ret_seeds, struct err *err)
{
    struct uv_seeds *s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(err, -ENOMEM, "out of memory");
    s->events = *events;
    s->wait_ms = AGAIN_FIRST_MS;
    int status = n <= JOIN_MAX ? 0
                               : err_set(err, ERR_BOUND,
                                         "--join takes at most %d addresses", JOIN_MAX);
    for (size_t i = 0; status == 0 && i < n; i++)
        status = add(s, texts[i], default_port, err);
    if (status == 0 && s->n_names > 0 &&
        ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        status = err_set(err, -ENOMEM, "cannot start the resolver for --join");
    if (status < 0) {
        free(s);
        return status;
    }
    (void)uv_timer_init(loop, &s->timer);
    s->timer.data = s;
    *ret_seeds = s;
    if (s->n_fixed > 0 || s->n_names == 0)
        tell(s); /* no need to wait for name servers */
    if (s->n_names > 0)
        look_up(s);
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void uv_seeds_close(struct uv_seeds *s)
{
    if (!s)
        return;
    s->is_closing = true;
    if (s->is_asking)
        ares_destroy(s->channel); /* answers what is pending, which is_closing ignores */
    uv_close((uv_handle_t *)&s->timer, on_closed);
}
