/* The HTTP server on a real loop: keep-alive, pipelining, streams, refusals, limits,
 * leaving. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "netsvc/uv_accept.h"
#include "netsvc/uv_http.h"

struct world {
    uv_loop_t loop;
    struct uv_http *http;
    struct metrics metrics;
    struct uv_http_exchange *later;
    unsigned n_gone, n_shrunk;
    uint16_t port;
    char seen[256]; /* by the gate, of the newest request */
};

static void on_gone(void *ctx)
{
    struct world *w = ctx;
    w->n_gone++;
    w->later = NULL;
}

static void handle(void *ctx, struct uv_http_exchange *x)
{
    struct world *w = ctx;
    const char *path = uv_http_path(x);
    uv_http_set_header(x, "X-Stratos-Node", "n1");
    if (strcmp(path, "/later") == 0 || strcmp(path, "/stream") == 0) {
        w->later = x;
        uv_http_on_gone(x, on_gone, w);
        if (strcmp(path, "/stream") == 0)
            uv_http_start(x, 200, "text/event-stream");
    } else if (strcmp(path, "/big") == 0) {
        static uint8_t block[65536];
        uv_http_answer(x, 200, "text/plain", (struct bytes){block, sizeof(block)});
    } else if (strcmp(path, "/slow") == 0) {
        usleep(40000);
        uv_http_answer(x, 200, "text/plain", bytes_of_text("slow"));
    } else if (strcmp(path, "/echo") == 0) {
        uv_http_answer(x, 200, "text/plain", uv_http_body(x));
    } else if (strcmp(path, "/chunks") == 0) {
        uv_http_start(x, 200, "text/plain");
        uv_http_write(x, bytes_of_text("one"));
        uv_http_write(x, bytes_of_text("two"));
        uv_http_end(x);
    } else {
        uv_http_answer(x, 200, "text/plain", bytes_of_text(path));
    }
}

/* Lets everything pass but what is asked of /shut, and notes what it saw. */
static bool gate(void *ctx, struct uv_http_exchange *x)
{
    struct world *w = ctx;
    const struct http_pair *params;
    snprintf(w->seen, sizeof(w->seen), "%s %s at %s, %zu params, %s, kind %d, %s",
             uv_http_method(x), uv_http_raw_path(x),
             uv_http_authority(x) ? uv_http_authority(x) : "-",
             uv_http_params(x, &params), uv_http_has_body(x) ? "body" : "no body",
             (int)uv_http_kind(x), uv_http_fd(x) < 0 ? "no socket" : "socket");
    cr_expect_eq(uv_http_body(x).len, 0);
    if (strcmp(uv_http_path(x), "/trusted") == 0)
        uv_http_set_trusted(x);
    if (strncmp(uv_http_path(x), "/shut", 5) != 0) {
        if (strcmp(uv_http_path(x), "/echo") == 0)
            uv_http_set_header(x, "X-Gate", "open");
        return true;
    }
    uv_http_set_header(x, "WWW-Authenticate", "Bearer");
    uv_http_answer(x, 401, "text/plain", bytes_of_text("no"));
    return false;
}

static void shrunk(void *ctx)
{
    ((struct world *)ctx)->n_shrunk++;
}

static void world_init_of(struct world *w, size_t n_connections)
{
    struct err err;
    const struct uv_http_handlers handlers = {
        .gate = gate, .handle = handle, .shrunk = shrunk};
    *w = (struct world){0};
    cr_assert_eq(uv_loop_init(&w->loop), 0);
    cr_assert_eq(uv_http_open(&w->loop, &handlers, w, &w->metrics, &w->http, &err), 0);
    uv_http_limit(w->http, n_connections);
    struct endpoint at = {.family = 4, .address = {127, 0, 0, 1}};
    cr_assert_eq(uv_http_listen_tcp(w->http, &at, &err), 0, "%s", err.text);
    w->port = at.port;
}

static void world_init(struct world *w)
{
    world_init_of(w, 4096);
}

static void world_fini(struct world *w)
{
    uv_http_close(w->http);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    cr_expect_eq(uv_loop_close(&w->loop), 0);
}

static int dial(struct world *w)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(w->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    return fd;
}

static void turn(struct world *w, int times)
{
    for (int i = 0; i < times; i++) {
        uv_run(&w->loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
}

/* Send, turn the loop, read what is there; without the Date line. */
static char *talk(struct world *w, int fd, const char *in)
{
    static char out[65536];
    if (*in)
        cr_assert_eq(send(fd, in, strlen(in), MSG_NOSIGNAL), (ssize_t)strlen(in));
    turn(w, 20);
    ssize_t n = recv(fd, out, sizeof(out) - 1, MSG_DONTWAIT);
    out[n < 0 ? 0 : n] = '\0';
    for (char *date; (date = strstr(out, "Date: ")) != NULL;) {
        char *end = strstr(date, "\r\n") + 2;
        memmove(date, end, strlen(end) + 1);
    }
    return out;
}

static bool is_closed(struct world *w, int fd)
{
    char byte;
    turn(w, 5);
    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

Test(uv_http, requests_on_one_connection_are_answered_in_order)
{
    struct world w;
    world_init(&w);
    int fd = dial(&w);
    char *out =
        talk(&w, fd,
             "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /later HTTP/1.1\r\nHost: x\r\n\r\n"
             "HEAD /c HTTP/1.1\r\nHost: x\r\n\r\nGET /d HTTP/1.1\r\nHost: "
             "x\r\nConnection: close\r\n\r\n");
    cr_expect_str_eq(
        out, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n"
             "X-Stratos-Node: n1\r\n\r\n/a");
    cr_assert_not_null(w.later); /* the others wait their turn */
    uv_http_answer(w.later, 404, NULL, (struct bytes){0});
    out = talk(&w, fd, "");
    cr_expect_str_eq(
        out, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nX-Stratos-Node: n1\r\n\r\n"
             "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n"
             "X-Stratos-Node: n1\r\n\r\n"
             "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n"
             "Connection: close\r\nX-Stratos-Node: n1\r\n\r\n/d");
    cr_expect(is_closed(&w, fd));
    close(fd);
    cr_expect_eq(w.metrics.http_requests, 4);
    cr_expect_eq(w.n_gone, 0);
    world_fini(&w);
}

Test(uv_http, streams_are_chunked_and_plain_for_old_clients)
{
    struct world w;
    world_init(&w);
    int fd = dial(&w);
    char *out = talk(&w, fd, "GET /chunks HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_expect_str_eq(
        out,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n"
        "X-Stratos-Node: n1\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
    out = talk(&w, fd, "GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    cr_expect_str_eq(
        out, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
             "X-Stratos-Node: n1\r\n\r\nonetwo");
    cr_expect(is_closed(&w, fd));
    close(fd);
    world_fini(&w);
}

Test(uv_http, refusals_are_read_before_the_connection_ends)
{
    static const struct {
        const char *in, *status, *body;
    } rows[] = {
        {"nonsense\r\n\r\n", "HTTP/1.1 400",
         "\r\n\r\n{\"error\":{\"code\":\"malformed\",\"message\":\"this is no HTTP "
         "request: "
         "it must begin with a method and a space\"}}"},
        {"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 501",
         "{\"error\":{\"code\":\"unsupported\""},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", "HTTP/1.1 413",
         "{\"error\":{\"code\":\"too_large\""},
        {"HEAD / HTTP/1.1\r\nHost: x y\r\n\r\n", "HTTP/1.1 400",
         "Connection: close\r\n\r\n"}, /* and no body */
    };
    struct world w;
    world_init(&w);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int fd = dial(&w);
        char *out = talk(&w, fd, rows[i].in);
        cr_expect_eq(strncmp(out, rows[i].status, 12), 0, "row %zu: %s", i, out);
        cr_expect_not_null(strstr(out, "Connection: close\r\n"));
        cr_expect_not_null(strstr(out, "Content-Type: application/json\r\n"));
        cr_expect_not_null(strstr(out, rows[i].body), "row %zu: %s", i, out);
        cr_expect(is_closed(&w, fd));
        close(fd);
    }
    cr_expect_eq(w.metrics.http_refused, 4);
    world_fini(&w);
}

Test(uv_http, a_refused_body_is_never_asked_for_nor_read)
{
    struct world w;
    world_init(&w);
    int fd = dial(&w);
    char *out = talk(&w, fd,
                     "POST /shut HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                     "Content-Length: 5\r\n\r\n");
    cr_expect_str_eq(out, "HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain\r\n"
                          "Content-Length: 2\r\nConnection: close\r\n"
                          "WWW-Authenticate: Bearer\r\n\r\nno");
    cr_expect(is_closed(&w, fd));
    close(fd);

    fd = dial(&w); /* who passes is told to send, and then is heard */
    out = talk(&w, fd,
               "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
               "Content-Length: 5\r\n\r\n");
    cr_expect_str_eq(out, "HTTP/1.1 100 Continue\r\n\r\n");
    out = talk(&w, fd, "hello");
    cr_expect_str_eq(out, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                          "Content-Length: 5\r\nX-Gate: open\r\n"
                          "X-Stratos-Node: n1\r\n\r\nhello");
    close(fd);

    /* A client that sends all before it reads gets the answer and no reset. */
    static char big[2 << 20];
    memset(big, 'x', sizeof(big));
    fd = dial(&w);
    int n = snprintf(big, 100,
                     "POST /shut HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
                     sizeof(big));
    big[n] = 'x';
    for (size_t at = 0; at < sizeof(big);) {
        ssize_t sent = send(fd, big + at, sizeof(big) - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        at += sent > 0 ? (size_t)sent : 0;
        cr_assert(sent > 0 || errno == EAGAIN, "at %zu: %s", at, strerror(errno));
        uv_run(&w.loop, UV_RUN_NOWAIT);
    }
    cr_expect_eq(strncmp(talk(&w, fd, ""), "HTTP/1.1 401", 12), 0);
    cr_expect(is_closed(&w, fd));
    close(fd);

    fd = dial(&w); /* one that never stops is cut */
    (void)talk(&w, fd,
               "POST /shut HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    size_t taken = 0;
    for (int i = 0; i < 4000; i++) {
        ssize_t sent = send(fd, big, 65536, MSG_NOSIGNAL | MSG_DONTWAIT);
        taken += sent > 0 ? (size_t)sent : 0;
        uv_run(&w.loop, UV_RUN_NOWAIT);
        if (sent < 0 && errno != EAGAIN)
            break;
    }
    cr_expect_lt(taken, 32 << 20, "%zu", taken); /* with what the sockets hold */
    close(fd);
    world_fini(&w);
}

Test(uv_http, a_refusal_without_a_body_keeps_the_connection)
{
    struct world w;
    world_init(&w);
    int fd = dial(&w);
    char *out = talk(&w, fd,
                     "GET /shut HTTP/1.1\r\nHost: x\r\n\r\n"
                     "DELETE /shut HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
                     "GET /open HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    cr_expect_str_eq(out, "HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain\r\n"
                          "Content-Length: 2\r\nWWW-Authenticate: Bearer\r\n\r\nno"
                          "HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain\r\n"
                          "Content-Length: 2\r\nWWW-Authenticate: Bearer\r\n\r\nno"
                          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                          "Content-Length: 5\r\nConnection: close\r\n"
                          "X-Stratos-Node: n1\r\n\r\n/open");
    cr_expect_eq(w.metrics.http_requests, 3);
    close(fd);
    world_fini(&w);
}

Test(uv_http, the_gate_sees_the_request_as_it_was_sent)
{
    static const struct {
        const char *head, *seen;
    } rows[] = {
        {"GET /a%2Fb?x=1&y HTTP/1.1\r\nHost: n1:77\r\n\r\n",
         "GET /a%2Fb at n1:77, 2 params, no body, kind 1, socket"},
        {"GET http://other:1/a%20b?x HTTP/1.1\r\nHost: n1\r\n\r\n",
         "GET /a%20b at other:1, 1 params, no body, kind 1, socket"},
        {"GET http://other?x HTTP/1.1\r\nHost: n1\r\n\r\n",
         "GET / at other, 1 params, no body, kind 1, socket"},
        {"HEAD / HTTP/1.0\r\n\r\n", "GET / at -, 0 params, no body, kind 1, socket"},
        {"OPTIONS * HTTP/1.1\r\nHost: n1\r\n\r\n",
         "OPTIONS * at n1, 0 params, no body, kind 1, socket"},
        {"PUT /a HTTP/1.1\r\nHost: n1\r\nTransfer-Encoding: chunked\r\n\r\n",
         "PUT /a at n1, 0 params, body, kind 1, socket"},
    };
    struct world w;
    world_init(&w);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int fd = dial(&w);
        (void)talk(&w, fd, rows[i].head);
        cr_expect_str_eq(w.seen, rows[i].seen, "row %zu: %s", i, w.seen);
        close(fd);
    }
    world_fini(&w);
}

Test(uv_http, a_client_that_leaves_is_told_once)
{
    struct world w;
    world_init(&w);
    int fd = dial(&w);
    talk(&w, fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_not_null(w.later);
    uv_http_write(w.later, bytes_of_text("data: 1\n\n"));
    close(fd);
    turn(&w, 10);
    cr_expect_eq(w.n_gone, 1);

    fd = dial(&w); /* half-closed while it waits: the answer still comes */
    talk(&w, fd, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    shutdown(fd, SHUT_WR);
    turn(&w, 10);
    cr_assert_not_null(w.later);
    uv_http_answer(w.later, 200, NULL, bytes_of_text("still here"));
    cr_expect_not_null(strstr(talk(&w, fd, ""), "still here"));
    cr_expect(is_closed(&w, fd));
    close(fd);

    fd = dial(&w); /* the server closes under an open stream */
    talk(&w, fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    world_fini(&w);
    cr_expect_eq(w.n_gone, 2);
    close(fd);
}

Test(uv_http, a_stream_that_nobody_reads_is_seen_in_the_queue_and_cut_at_the_bound)
{
    struct world w;
    world_init(&w);
    int fd = dial(&w);
    talk(&w, fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    static uint8_t block[65536];
    size_t most = 0;
    for (int i = 0; i < 1000 && w.later; i++) {
        uv_http_write(w.later, (struct bytes){block, sizeof(block)});
        size_t queued = uv_http_queued(w.later);
        most = queued > most ? queued : most;
        uv_run(&w.loop, UV_RUN_NOWAIT);
    }
    cr_expect(most > 1 << 20 && most <= 8 << 20, "%zu", most);
    cr_expect_eq(w.n_gone, 1);
    close(fd);
    world_fini(&w);
}

Test(uv_http, the_longest_idle_connection_goes_and_never_the_newcomer)
{
    struct world w;
    world_init_of(&w, 64); /* all of this is one source, which may have a quarter */
    int fds[40], busy = dial(&w);
    (void)talk(&w, busy, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    for (size_t i = 0; i < 40; i++) {
        fds[i] = dial(&w);
        char *out = talk(&w, fds[i], "GET /in HTTP/1.1\r\nHost: x\r\n\r\n");
        cr_expect_not_null(strstr(out, "/in"), "connection %zu", i);
        if (i >= 20 && i % 2 == 0) /* this one keeps itself in use, and stays */
            (void)talk(&w, fds[20], "GET /again HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    cr_expect_eq(w.metrics.connections_evicted, 25);
    for (size_t i = 0; i < 40; i++)
        cr_expect_eq(is_closed(&w, fds[i]), i < 26 && i != 20, "connection %zu", i);
    cr_expect(!is_closed(&w, busy), "a request was under way there");
    cr_expect_eq(w.n_gone, 0);
    for (size_t i = 0; i < 40; i++)
        close(fds[i]);
    close(busy);
    turn(&w, 5);
    world_fini(&w);
}

Test(uv_http, the_owner_hears_when_many_have_left)
{
    struct world w;
    world_init(&w);
    int fds[100];
    for (size_t i = 0; i < 100; i++) {
        fds[i] = dial(&w);
        (void)uv_run(&w.loop, UV_RUN_NOWAIT);
    }
    turn(&w, 1200); /* the connections are looked at each second */
    cr_expect_eq(w.n_shrunk, 0);
    for (size_t i = 0; i < 100; i++)
        close(fds[i]);
    turn(&w, 2200);
    cr_expect_eq(w.n_shrunk, 1);
    world_fini(&w);
}

Test(uv_http, with_nobody_idle_the_oldest_request_goes)
{
    struct world w;
    world_init_of(&w, 16);
    int fds[5];
    for (size_t i = 0; i < 5; i++) {
        fds[i] = dial(&w);
        (void)talk(&w, fds[i], "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    cr_expect_eq(w.n_gone, 1);
    for (size_t i = 0; i < 5; i++) {
        cr_expect_eq(is_closed(&w, fds[i]), i == 0, "connection %zu", i);
        close(fds[i]);
    }
    world_fini(&w);
}

/* Turns until the answer has begun, at most a second; how long it took. */
static uint64_t answer_ms(struct world *w, int fd, const char *in)
{
    char byte;
    uint64_t start = uv_hrtime();
    cr_assert_eq(send(fd, in, strlen(in), MSG_NOSIGNAL), (ssize_t)strlen(in));
    while (recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 &&
           uv_hrtime() - start < 1000000000) {
        uv_run(&w->loop, UV_RUN_NOWAIT);
        usleep(200);
    }
    return (uv_hrtime() - start) / 1000000;
}

Test(uv_http, a_stranger_that_used_up_its_time_waits_and_one_with_a_right_does_not)
{
    struct world w;
    world_init(&w);
    int stranger = dial(&w), trusted = dial(&w), other = dial(&w);
    (void)talk(&w, trusted, "GET /trusted HTTP/1.1\r\nHost: x\r\n\r\n");
    (void)talk(&w, stranger, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"); /* 40 ms of 20 */
    cr_expect_lt(answer_ms(&w, trusted, "GET /trusted HTTP/1.1\r\nHost: x\r\n\r\n"), 150);
    /* 20 ms are owed, and are paid off in 400; whoever is of the same source waits too. */
    uint64_t took = answer_ms(&w, other, "GET /any HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_expect(took >= 200 && took < 5000, "%llu", (unsigned long long)took);
    close(stranger);
    close(trusted);
    close(other);
    world_fini(&w);
}

Test(uv_http, who_pipelines_is_served_in_turns)
{
    enum { CONNECTIONS = 16, REQUESTS = 100 };
    static const char request[] = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
    struct world w;
    world_init(&w);
    int fds[CONNECTIONS];
    for (size_t i = 0; i < CONNECTIONS; i++)
        fds[i] = dial(&w);
    turn(&w, 2);
    for (size_t i = 0; i < CONNECTIONS; i++)
        for (size_t n = 0; n < REQUESTS; n++)
            cr_assert_eq(send(fds[i], request, strlen(request), 0),
                         (ssize_t)strlen(request));
    size_t least = 0, most = 0;
    /* A few milliseconds' worth at a time, by turns; a busy host may not get through all in one. */
    for (int round = 0; round < 2000 && least == 0 && most - least <= 1; round++) {
        uv_run(&w.loop, UV_RUN_NOWAIT);
        least = SIZE_MAX;
        for (size_t i = 0; i < CONNECTIONS; i++) {
            static char out[65536];
            size_t answers = 0;
            ssize_t n = recv(fds[i], out, sizeof(out) - 1, MSG_DONTWAIT | MSG_PEEK);
            out[n < 0 ? 0 : n] = '\0';
            for (char *at = out; (at = strstr(at, "HTTP/1.1")) != NULL; at++)
                answers++;
            least = answers < least ? answers : least;
            most = answers > most ? answers : most;
        }
        usleep(1000);
    }
    cr_expect(least > 0 && most < REQUESTS && most - least <= 1, "%zu to %zu", least,
              most);
    for (size_t i = 0; i < CONNECTIONS; i++)
        close(fds[i]);
    world_fini(&w);
}

Test(uv_http, who_asks_and_says_no_more_is_answered)
{
    struct world w;
    world_init(&w);
    int fd = dial(&w);
    for (int i = 0; i < 50; i++)
        cr_assert(send(fd, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", 28, 0) > 0);
    cr_assert(send(fd, "GET /", 5, 0) > 0); /* the end comes in the middle of the last */
    shutdown(fd, SHUT_WR);
    char *out = talk(&w, fd, "");
    size_t n = 0;
    for (char *at = out; (at = strstr(at, "HTTP/1.1 200")) != NULL; at++)
        n++;
    cr_expect_eq(n, 50, "%zu", n);
    cr_expect(is_closed(&w, fd));
    close(fd);
    world_fini(&w);
}

Test(uv_http, what_one_source_makes_us_keep_is_bounded)
{
    struct world w;
    world_init(&w);
    static char half[1 << 20];
    enum { CLIENTS = 32 };
    int fds[CLIENTS];
    size_t n_fds = 0;
    memset(half, 'x', sizeof(half));
    while (n_fds < CLIENTS && w.metrics.drop_bound == 0) {
        size_t i = n_fds++; /* bodies that never come to their end */
        uint64_t until = uv_hrtime() + 3000000000;
        fds[i] = dial(&w);
        (void)talk(&w, fds[i],
                   "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n");
        for (size_t at = 0; at < sizeof(half) && uv_hrtime() < until;) {
            ssize_t n =
                send(fds[i], half + at, sizeof(half) - at, MSG_DONTWAIT | MSG_NOSIGNAL);
            at += n > 0 ? (size_t)n : 0;
            uv_run(&w.loop, UV_RUN_NOWAIT);
            if (n < 0)
                usleep(500);
        }
    }
    for (uint64_t until = uv_hrtime() + 20000000000;
         w.metrics.drop_bound == 0 && uv_hrtime() < until;) {
        uv_run(&w.loop, UV_RUN_NOWAIT); /* strangers have a share of its time */
        usleep(500);
    }
    cr_expect_gt(w.metrics.drop_bound, 0);
    int fd = dial(&w);
    cr_expect_lt(answer_ms(&w, fd, "GET /any HTTP/1.1\r\nHost: x\r\n\r\n"), 1000);
    close(fd);
    for (size_t i = 0; i < n_fds; i++)
        close(fds[i]);
    world_fini(&w);
}

Test(uv_http, an_address_may_be_tried_again)
{
    static const struct endpoint rows[] = {{.family = 4, .address = {127, 0, 0, 1}},
                                           {.family = 6, .address = {[15] = 1}}};
    struct world w;
    struct err err;
    world_init(&w);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sockaddr_storage address;
        struct endpoint at = rows[i];
        socklen_t len = uv_listener_address(&at, &address);
        int squatter = socket(address.ss_family, SOCK_STREAM, 0);
        cr_assert_eq(bind(squatter, (struct sockaddr *)&address, len), 0);
        cr_assert_eq(listen(squatter, 1), 0);
        cr_assert_eq(getsockname(squatter, (struct sockaddr *)&address, &len), 0);
        at.port =
            ntohs(((struct sockaddr_in *)&address)->sin_port); /* where IPv6 has it too */
        for (int n = 0; n < 100; n++) {                        /* as often as one likes */
            cr_expect_eq(uv_http_listen_tcp(w.http, &at, &err), -EADDRINUSE);
            uv_run(&w.loop, UV_RUN_NOWAIT);
        }
        close(squatter);
        cr_assert_eq(uv_http_listen_tcp(w.http, &at, &err), 0, "%s", err.text);
        (void)uv_listener_address(&at, &address);
        int fd = socket(address.ss_family, SOCK_STREAM, 0);
        cr_assert_eq(connect(fd, (struct sockaddr *)&address, len), 0);
        cr_expect_not_null(
            strstr(talk(&w, fd, "GET /is HTTP/1.1\r\nHost: x\r\n\r\n"), "/is"));
        close(fd);
    }
    struct endpoint strange = {.family = 4, .address = {192, 0, 2, 1}, .port = 7781};
    cr_expect_eq(uv_http_listen_tcp(w.http, &strange, &err), -EADDRNOTAVAIL);
    world_fini(&w);
}

Test(uv_http, who_does_not_read_is_asked_for_no_more)
{
    struct world w;
    world_init(&w);
    int fd = dial(&w), small = 65536;
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    static const char request[] = "GET /big HTTP/1.1\r\nHost: x\r\n\r\n";
    for (size_t i = 0; i < 300; i++)
        cr_assert_eq(send(fd, request, strlen(request), 0), (ssize_t)strlen(request));
    turn(&w, 200);
    uint64_t served = w.metrics.http_requests;
    cr_expect_lt(served, 200, "%zu",
                 (size_t)served); /* of 64 KiB; the kernel holds some */
    size_t got = 0;
    static char out[1 << 16];
    for (int i = 0; i < 20000 && got < (size_t)300 << 16; i++) {
        ssize_t n = recv(fd, out, sizeof(out), MSG_DONTWAIT);
        got += n > 0 ? (size_t)n : 0;
        if (n <= 0) {
            uv_run(&w.loop, UV_RUN_NOWAIT);
            usleep(100);
        }
    }
    cr_expect_geq(got, (size_t)300 << 16, "%zu, %zu", got,
                  (size_t)w.metrics.http_requests);
    cr_expect_eq(w.metrics.http_requests, 300);
    close(fd);
    world_fini(&w);
}

Test(uv_http, a_unix_socket_is_replaced_only_when_nobody_listens)
{
    struct world w;
    struct err err;
    char dir[] = "/tmp/stratos-http-XXXXXX", path[64];
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/s.sock", dir);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    strcpy(at.sun_path, path);
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(bind(stale, (struct sockaddr *)&at, sizeof(at)), 0);
    close(stale); /* a socket file without a listener, as a killed agent leaves */
    world_init(&w);
    cr_assert_eq(uv_http_listen_unix(w.http, path, &err), 0, "%s", err.text);
    struct stat info;
    cr_assert_eq(stat(path, &info), 0);
    cr_expect_eq(info.st_mode & 0777, 0660);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    cr_expect_not_null(
        strstr(talk(&w, fd, "GET /unix HTTP/1.1\r\nHost: x\r\n\r\n"), "/unix"));
    close(fd);
    cr_expect_eq(uv_http_listen_unix(w.http, path, &err), -EADDRINUSE);
    cr_expect_not_null(strstr(err.text, "an agent listens there already"));
    char file[80];
    snprintf(file, sizeof(file), "%s/file", dir);
    FILE *f = fopen(file, "w");
    fclose(f);
    cr_expect_eq(uv_http_listen_unix(w.http, file, &err), -EEXIST);
    world_fini(&w);
    cr_expect_eq(stat(path, &info), -1); /* gone with its server */
    unlink(file);
    rmdir(dir);
}

struct owner {
    char out[4096];
    size_t len;
    unsigned n_finish;
};

static void owner_write(void *ctx, struct bytes out)
{
    struct owner *o = ctx;
    cr_assert_lt(o->len + out.len, sizeof(o->out));
    memcpy(o->out + o->len, out.at, out.len);
    o->len += out.len;
    o->out[o->len] = '\0';
}

static void owner_finish(void *ctx)
{
    ((struct owner *)ctx)->n_finish++;
}

Test(uv_http, a_pipe_is_served_like_a_socket)
{
    struct world w;
    world_init(&w);
    struct owner o = {0};
    struct uv_http_pipe *p = uv_http_pipe_new(w.http, owner_write, owner_finish, &o);
    const char *in = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhiGET "
                     "/later HTTP/1.1\r\nHost: x\r\n\r\n";
    for (const char *c = in; *c; c++)
        uv_http_pipe_data(p, (struct bytes){(const uint8_t *)c, 1});
    cr_expect_not_null(strstr(o.out, "\r\n\r\nhi"));
    cr_expect_str_eq(w.seen, "GET /later at x, 0 params, no body, kind 2, no socket");
    cr_assert_not_null(w.later);
    uv_http_pipe_closed(p);
    cr_expect_eq(w.n_gone, 1);
    p = uv_http_pipe_new(w.http, owner_write, owner_finish, &o);
    uv_http_pipe_data(
        p, bytes_of_text("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    cr_expect_eq(o.n_finish, 1);
    uv_http_pipe_closed(p);
    world_fini(&w);
}
