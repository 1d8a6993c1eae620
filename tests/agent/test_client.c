/* The client over a sealed stream, against the other half of the same machine. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/client.h"
#include "proto/seal.h"

enum { BODY_LEN = 200 * 1024 };

static void send_all(int fd, const uint8_t *at, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        at += n;
        len -= (size_t)n;
    }
}

/* An answer of several frames: its head, then a long body. */
static void answer(struct sealed_stream *s, int fd)
{
    static uint8_t plain[BODY_LEN + 128], out[65536 + STREAM_OVERHEAD];
    int head = snprintf(
        (char *)plain, 128,
        "HTTP/1.1 200 OK\r\nX-Stratos-Node: n9\r\nContent-Length: %d\r\n\r\n", BODY_LEN);
    size_t len = (size_t)head + BODY_LEN;
    memset(plain + head, 'x', BODY_LEN);
    for (size_t at = 0; at < len; at += 65536) {
        struct bytes frame = {plain + at, len - at < 65536 ? len - at : 65536};
        int sealed = sealed_stream_seal(s, frame, out, sizeof(out));
        send_all(fd, out, (size_t)sealed);
    }
}

static void serve(int fd, const struct secret *secret)
{
    struct keyring keys = keyring_of(secret);
    struct identity self;
    identity_new(&self);
    struct sealed_stream *s = sealed_stream_new(&keys, &self, false, STREAM_API);
    uint8_t in[4096];
    for (;;) {
        ssize_t n = recv(fd, in, sizeof(in), 0);
        size_t at = 0;
        if (n <= 0)
            break;
        while (at < (size_t)n) {
            struct bytes frame;
            size_t used = 0;
            int got = sealed_stream_feed(s, (struct bytes){in + at, (size_t)n - at},
                                         &used, &frame);
            struct bytes own = sealed_stream_pending(s);
            if (own.len > 0)
                send_all(fd, own.at, own.len);
            if (got < 0) {
                sealed_stream_free(s);
                return;
            }
            if (got > 0)
                answer(s, fd);
            at += used;
            if (used == 0 && got == 0)
                break;
        }
    }
    sealed_stream_free(s);
}

struct server {
    pid_t pid;
    char host[64], path[64];
};

static void server_start(struct server *s, const struct secret *theirs,
                         const struct secret *ours)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    char text[46];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, 4) == 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    (void)snprintf(s->host, sizeof(s->host), "127.0.0.1:%u", ntohs(address.sin_port));
    (void)snprintf(s->path, sizeof(s->path), "/tmp/stratos-secret-XXXXXX");
    int file = mkstemp(s->path);
    secret_text(ours, text);
    cr_assert_eq(write(file, text, 44), 44);
    close(file);
    s->pid = fork();
    if (s->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            int one = accept(fd, NULL, NULL);
            serve(one, theirs);
            close(one);
        }
    }
    close(fd);
}

static void server_stop(struct server *s)
{
    (void)kill(s->pid, SIGKILL);
    (void)waitpid(s->pid, NULL, 0);
    (void)unlink(s->path);
}

Test(client, a_sealed_answer_arrives_whole)
{
    struct server server;
    struct secret secret;
    struct client *client = NULL;
    struct client_answer a;
    struct err err = {0};
    cr_assert_eq(seal_init(), 0);
    secret_new(&secret);
    server_start(&server, &secret, &secret);
    struct client_target target = {.host = server.host, .secret_file = server.path};
    cr_assert_eq(client_open(&target, &client, &err), 0, "%s", err.text);
    for (int i = 0; i < 2; i++) { /* and the connection serves again */
        int error =
            client_call(client, "GET", "/v1/jobs", (struct bytes){0}, 5000, &a, &err);
        cr_assert_eq(error, 0, "%s", err.text);
        cr_assert_eq(a.status, 200);
        cr_assert_eq(a.len, BODY_LEN);
        cr_assert_str_eq(a.node, "n9");
        cr_assert(a.body[0] == 'x' && a.body[BODY_LEN - 1] == 'x' &&
                  a.body[BODY_LEN] == '\0');
        free(a.body);
    }
    client_close(client);
    server_stop(&server);
}

Test(client, another_secret_is_refused)
{
    struct server server;
    struct secret theirs, ours;
    struct client *client = NULL;
    struct err err = {0};
    cr_assert_eq(seal_init(), 0);
    secret_new(&theirs);
    secret_new(&ours);
    server_start(&server, &theirs, &ours);
    struct client_target target = {.host = server.host, .secret_file = server.path};
    cr_assert_eq(client_open(&target, &client, &err), ERR_FORGED, "%s", err.text);
    cr_assert(strstr(err.text, "refused the secret"), "%s", err.text);
    server_stop(&server);
}

Test(client, nobody_there_is_said_with_what_to_do)
{
    struct client *client = NULL;
    struct err err = {0};
    struct client_target target = {.socket = "/nonexistent/stratos.sock"};
    cr_assert_lt(client_open(&target, &client, &err), 0);
    cr_assert(strstr(err.text, "stratos agent"), "%s", err.text);
    target = (struct client_target){.host = ":1", .secret_file = "/nonexistent"};
    cr_assert_lt(client_open(&target, &client, &err), 0);
    target =
        (struct client_target){.host = "127.0.0.1:99999", .secret_file = "/nonexistent"};
    cr_assert_lt(client_open(&target, &client, &err), 0);
}
