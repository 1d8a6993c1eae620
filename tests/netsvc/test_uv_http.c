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

#include "netsvc/uv_http.h"

struct world {
    uv_loop_t loop;
    struct uv_http *http;
    struct metrics metrics;
    struct uv_http_exchange *later;
    unsigned n_gone;
    uint16_t port;
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

static void world_init(struct world *w)
{
    struct err err;
    *w = (struct world){0};
    cr_assert_eq(uv_loop_init(&w->loop), 0);
    cr_assert_eq(uv_http_open(&w->loop, handle, w, &w->metrics, &w->http, &err), 0);
    struct endpoint at = {.family = 4, .address = {127, 0, 0, 1}};
    cr_assert_eq(uv_http_listen_tcp(w->http, &at, &err), 0, "%s", err.text);
    w->port = at.port;
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
        const char *in, *status;
    } rows[] = {
        {"nonsense\r\n\r\n", "HTTP/1.1 400"},
        {"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 501"},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n",
         "HTTP/1.1 413"},
    };
    struct world w;
    world_init(&w);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int fd = dial(&w);
        char *out = talk(&w, fd, rows[i].in);
        cr_expect_eq(strncmp(out, rows[i].status, 12), 0, "row %zu: %s", i, out);
        cr_expect_not_null(strstr(out, "Connection: close\r\n"));
        cr_expect(is_closed(&w, fd));
        close(fd);
    }
    cr_expect_eq(w.metrics.http_refused, 3);
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
    cr_expect(most > 1 << 20 && most <= 4 << 20, "%zu", most);
    cr_expect_eq(w.n_gone, 1);
    close(fd);
    world_fini(&w);
}

Test(uv_http, more_connections_than_the_limit_are_closed_and_counted)
{
    struct world w;
    world_init(&w);
    int fds[515];
    for (size_t i = 0; i < 515; i++) {
        fds[i] = dial(&w);
        uv_run(&w.loop, UV_RUN_NOWAIT);
    }
    turn(&w, 5);
    cr_expect_eq(w.metrics.http_refused, 3);
    cr_expect(is_closed(&w, fds[514]));
    char *out = talk(&w, fds[0], "GET /still HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_expect_not_null(strstr(out, "/still"));
    for (size_t i = 0; i < 515; i++)
        close(fds[i]);
    turn(&w, 20);
    int fd = dial(&w); /* there is room again */
    cr_expect_not_null(
        strstr(talk(&w, fd, "GET /again HTTP/1.1\r\nHost: x\r\n\r\n"), "/again"));
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
