/* Watching and binding.  See uv_address.h; which address it is decides address.c.
 *
 * The usual path: the kernel notes a change -> half a second of quiet -> the addresses are listed -> the
 * node chooses -> sockets on that address, then the node is told.  What can fail: an address that is
 * listed and cannot be bound yet (IPv6 looks for a duplicate first), or that another program has: it is
 * tried again each second.  Notes may get lost, so there is a look every half minute, too. */
#include "agent/uv_address.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/settings.h"
#include "agent/uv_agent.h"
#include "core/log.h"
#include "gossip/uv_notes.h"

enum {
    QUIET_MS = 500,
    NOISE_MS = 2000, /* where containers come and go there is never quiet */
    RETRY_MS = 1000,
    RELOOK_MS = 30000,
    SAY_MS = 60000,
};

/* ---- facts ---- */

/* Whether the kernel would let us bind it: lists do not tell, all of 127/8 can be bound. */
static bool is_there(const struct endpoint *at)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {0};
    char text[ADDRESS_TEXT_MAX];
    (void)endpoint_host_text(at, text);
    if ((at->family == 4 ? uv_ip4_addr(text, 0, &address.v4)
                         : uv_ip6_addr(text, 0, &address.v6)) < 0)
        return true;
    int fd = socket(address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return true; /* bind itself will say what is wrong */
    bool is_absent =
        bind(fd, &address.any, sizeof(address)) < 0 && errno == EADDRNOTAVAIL;
    (void)close(fd);
    return !is_absent;
}

static struct address_facts gather(const struct agent *a, struct host_address *list)
{
    bool is_given = a->options->bind != NULL;
    return (struct address_facts){
        .bind = a->wanted,
        .is_given = is_given,
        .is_given_there = is_given && !address_is_any(&a->wanted) && is_there(&a->wanted),
        .list = list,
        .n = facts_addresses(list, OWN_ADDRESSES_MAX)};
}

static bool is_joining_others(const struct agent *a)
{
    for (size_t i = 0; i < a->options->n_join; i++)
        if (address_is_elsewhere(a->options->join[i]))
            return true;
    return false;
}

/* ---- binding ---- */

/* 0 when we listen where peers will be told to reach us. */
static int listen_at(struct agent *a, const struct endpoint *choice, struct err *err)
{
    bool is_any = a->options->bind && address_is_any(&a->wanted);
    struct endpoint at = is_any ? a->wanted : *choice;
    if (endpoint_equal(&at, &a->bind))
        return 0;
    int status = uv_gossip_bind(a->gossip, &at, err);
    if (status == 0)
        a->bind = at;
    if (status == 0 && a->wanted.port == 0)
        a->wanted.port = at.port; /* it stays the same wherever we move */
    return status;
}

/* Is it time to say it?  `said_ms`: when that was done last; 0 while all is well. */
static bool is_to_be_said(const struct agent *a, uint64_t *said_ms)
{
    uint64_t now_ms = uv_now(&a->loop);
    if (*said_ms && now_ms - *said_ms < SAY_MS)
        return false;
    *said_ms = now_ms;
    return true;
}

static void say(struct agent *a, int status, const struct err *err)
{
    if (status == 0)
        a->address.said_ms = 0;
    else if (is_to_be_said(a, &a->address.said_ms))
        log_line(LOG_WARN, "address", "state", "waiting", "error", err->text, NULL);
}

/* A second one is a courtesy to hosts that lack the first one's family: without it the agent runs on. */
static struct endpoint listen_second(struct agent *a, const struct address_facts *facts)
{
    static const struct endpoint none;
    struct endpoint want = address_second(facts, &a->advertise, &a->second);
    if (endpoint_equal(&want, &a->second))
        return want;
    int status = uv_gossip_bind_second(a->gossip, &want);
    char text[ADDRESS_TEXT_MAX];
    bool is_said = status < 0 && !is_to_be_said(a, &a->address.second_said_ms);
    if (status == 0)
        a->address.second_said_ms = 0;
    if (status < 0 && !is_said)
        log_line(LOG_WARN, "address", "second", endpoint_text(&want, text), "error",
                 err_text(status), NULL);
    else if (status == 0 && want.family)
        log_line(LOG_INFO, "address", "second", endpoint_text(&want, text), NULL);
    return status < 0 ? none : want;
}

static void unlisten(struct agent *a)
{
    uv_gossip_unbind(a->gossip);
    a->bind = (struct endpoint){.port = a->wanted.port};
}

/* ---- looking ---- */

static void on_timer(uv_timer_t *timer);

static void arm(struct agent *a, uint64_t in_ms)
{
    if (!a->is_ending)
        (void)uv_timer_start(&a->address.timer, on_timer, in_ms, 0);
}

/* Returns why it does not listen although there is an address. */
static int look(struct agent *a, struct err *err)
{
    struct host_address list[OWN_ADDRESSES_MAX];
    struct address_facts facts = gather(a, list);
    struct endpoint was = a->advertise;
    struct endpoint choice = node_address_choice(a->node, &facts, is_joining_others(a));
    int status = choice.family ? listen_at(a, &choice, err) : 0;
    bool is_heard = choice.family && status == 0;
    a->address.noted_ms = 0;
    if (!is_heard)
        unlisten(a);
    choice.port = a->bind.port;
    a->advertise = is_heard ? choice : (struct endpoint){0};
    say(a, status, err);
    if (!endpoint_equal(&was, &a->advertise))
        a->second = (struct endpoint){0}; /* its sockets went with the others */
    struct endpoint second = listen_second(a, &facts);
    agent_step(a, &(struct node_input){.kind = INPUT_ADDRESSED,
                                       .address = {&facts, a->advertise}});
    if (!endpoint_equal(&second, &a->second) || !endpoint_equal(&was, &a->advertise))
        agent_step(
            a, &(struct node_input){.kind = INPUT_ADDRESSED_SECOND, .endpoint = second});
    a->second = second;
    if (!endpoint_equal(&was, &a->advertise))
        a->above->moved(a);
    arm(a, is_heard ? RELOOK_MS : RETRY_MS);
    return status;
}

void uv_address_look(struct agent *a)
{
    struct err err = {0};
    if (a->is_ending || a->is_waiting || !a->address.timer.data)
        return;
    (void)look(a, &err);
    a->above->perform(a);
}

static void on_timer(uv_timer_t *timer)
{
    uv_address_look(timer->data);
}

static void on_note(void *ctx)
{
    struct agent *a = ctx;
    uint64_t now_ms = uv_now(&a->loop);
    if (a->address.noted_ms == 0)
        a->address.noted_ms = now_ms;
    uint64_t until_ms = a->address.noted_ms + NOISE_MS;
    arm(a, now_ms + QUIET_MS < until_ms ? QUIET_MS
           : now_ms < until_ms          ? until_ms - now_ms
                                        : 0);
}

/* ---- opening and closing ---- */

int uv_address_open(struct agent *a, struct err *err)
{
    (void)uv_timer_init(&a->loop, &a->address.timer);
    a->address.timer.data = a;
    /* First: what comes between is noted. */
    a->address.notes = uv_notes_open(&a->loop, on_note, a);
    int status = look(a, err);
    return status == -EADDRNOTAVAIL ? 0 : status;
}

void uv_address_close(struct agent *a)
{
    uv_notes_close(a->address.notes);
    if (a->address.timer.data)
        uv_close((uv_handle_t *)&a->address.timer, NULL);
}
