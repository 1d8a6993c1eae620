/* Where `--host` points: an address as written, or a name asked of the system's resolvers
 * through c-ares (which reads resolv.conf and hosts itself: glibc's resolver cannot be
 * linked statically). Blocking, and bounded by c-ares' own tries. */
#include <ares.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>

#include "agent/client_wire.h"
#include "core/bounds.h"

enum { HOST_NAME_MAX_LEN = 253, RESOLVE_TIMEOUT_MS = 2000, RESOLVE_TRIES = 2 };

struct lookup {
    bool is_done;
    int status;
    struct endpoint found;
};

static void on_answer(void *ctx, int status, int timeouts, struct ares_addrinfo *result)
{
    struct lookup *lookup = ctx;
    (void)timeouts;
    lookup->is_done = true;
    lookup->status = status;
    for (struct ares_addrinfo_node *n = result ? result->nodes : NULL; n;
         n = n->ai_next) {
        if (n->ai_family == AF_INET) {
            struct sockaddr_in four;
            memcpy(&four, n->ai_addr, sizeof(four));
            lookup->found.family = 4;
            memcpy(lookup->found.address, &four.sin_addr, 4);
            break;
        }
        if (n->ai_family == AF_INET6 && lookup->found.family == 0) {
            struct sockaddr_in6 six;
            memcpy(&six, n->ai_addr, sizeof(six));
            lookup->found.family = 6;
            memcpy(lookup->found.address, &six.sin6_addr, 16);
        }
    }
    ares_freeaddrinfo(result);
}

static void wait_for_answer(ares_channel channel, struct lookup *lookup)
{
    while (!lookup->is_done) {
        fd_set readable, writable;
        FD_ZERO(&readable);
        FD_ZERO(&writable);
        int n_fds = ares_fds(channel, &readable, &writable);
        if (n_fds == 0)
            return;
        struct timeval wait;
        struct timeval *timeout = ares_timeout(channel, NULL, &wait);
        if (select(n_fds, &readable, &writable, NULL, timeout) < 0)
            return;
        ares_process(channel, &readable, &writable);
    }
}

static int ask(const char *name, struct lookup *lookup, struct err *err)
{
    ares_channel channel;
    struct ares_options options = {.timeout = RESOLVE_TIMEOUT_MS, .tries = RESOLVE_TRIES};
    int status = ares_library_init(ARES_LIB_INIT_ALL);
    if (status == ARES_SUCCESS)
        status =
            ares_init_options(&channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
    if (status != ARES_SUCCESS)
        return err_set(err, -EIO, "host '%s': %s", name, ares_strerror(status));
    struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC};
    ares_getaddrinfo(channel, name, NULL, &hints, on_answer, lookup);
    wait_for_answer(channel, lookup);
    ares_destroy(channel);
    if (!lookup->is_done || lookup->status != ARES_SUCCESS || lookup->found.family == 0)
        return err_set(err, ERR_NOT_FOUND, "host '%s' is not known: %s", name,
                       lookup->is_done ? ares_strerror(lookup->status) : "no answer");
    return 0;
}

int client_resolve(const char *text, uint16_t default_port, struct endpoint *ret_endpoint,
                   struct err *err)
{
    if (endpoint_parse(text, default_port, ret_endpoint) == 0)
        return 0;

    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    if (len == 0 || len > HOST_NAME_MAX_LEN)
        return err_set(err, ERR_INVALID, "'%s' is no HOST[:PORT]", text);
    unsigned long port = default_port;
    if (colon) {
        char *end;
        port = strtoul(colon + 1, &end, 10);
        if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || port == 0 || port > 65535)
            return err_set(err, ERR_INVALID, "'%s' is no HOST[:PORT]", text);
    }
    char name[HOST_NAME_MAX_LEN + 1];
    (void)snprintf(name, sizeof(name), "%.*s", (int)len, text);
    if (name_is_localhost(bytes_of_text(name))) {
        *ret_endpoint = endpoint_loopback(4, (uint16_t)port);
        return 0;
    }
    struct lookup lookup = {0};
    int error = ask(name, &lookup, err);
    if (error < 0)
        return error;
    lookup.found.port = (uint16_t)port;
    *ret_endpoint = lookup.found;
    return 0;
}
