/* Two gossip drivers on 127.0.0.1 in one loop.  Every test ends with a loop that can be
 * closed. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/bounds.h"
#include "gossip/uv_gossip.h"

enum { PATIENCE_MS = 10000, ROUND_TRIP_BYTES = 3 << 20 };

static const struct secret secret = {{1}}, other_secret = {{2}};

/* One driver and what it was told. */
struct peer {
    struct uv_gossip *g;
    struct endpoint at, from, refused;
    struct metrics metrics;
    unsigned n_datagrams, n_refused, n_opened, n_frames, n_closed, n_api;
    char datagram[64];
    size_t datagram_len, frame_len, api_bytes;
    uint32_t stream;       /* last one opened */
    struct node_id proven; /* who is at its other end */
    struct identity self;
    struct uv_gossip_stream *api;
    uint32_t api_hash;
    unsigned n_pipe_opened, n_pipe_closed, n_strangers;
    enum knock how; /* the last stream ended */
    struct endpoint stranger;
    bool wants_api, echoes;
};

static void on_datagram(void *ctx, struct endpoint from, struct bytes plain)
{
    struct peer *p = ctx;
    p->n_datagrams++;
    p->from = from;
    p->datagram_len = plain.len;
    memcpy(p->datagram, plain.at, plain.len < 63 ? plain.len : 63);
}

static void on_refused(void *ctx, struct endpoint to)
{
    struct peer *p = ctx;
    p->n_refused++;
    p->refused = to;
}

static void on_opened(void *ctx, uint32_t stream, struct node_id peer)
{
    struct peer *p = ctx;
    p->proven = peer;
    p->n_opened++;
    p->stream = stream;
}

static void on_frame(void *ctx, uint32_t stream, struct bytes frame)
{
    struct peer *p = ctx;
    p->n_frames++;
    p->frame_len = frame.len;
    if (p->echoes)
        uv_gossip_stream_send(p->g, stream, frame);
}

static void on_stream_closed(void *ctx, uint32_t stream, enum knock how)
{
    struct peer *p = ctx;
    (void)stream;
    p->n_closed++;
    p->how = how;
}

static void on_stranger(void *ctx, struct endpoint from)
{
    struct peer *p = ctx;
    p->n_strangers++;
    p->stranger = from;
}

static void on_pipe_opened(void *ctx)
{
    struct peer *p = ctx;
    p->n_pipe_opened++;
}

static void on_pipe_data(void *ctx, struct bytes in)
{
    struct peer *p = ctx;
    p->api_bytes += in.len;
    for (size_t i = 0; i < in.len; i++)
        p->api_hash = p->api_hash * 31 + in.at[i];
    if (p->echoes)
        uv_gossip_stream_write(p->api, in);
}

static void on_pipe_closed(void *ctx)
{
    struct peer *p = ctx;
    p->n_pipe_closed++;
    p->api = NULL;
}

static struct uv_gossip_pipe pipe_of(struct peer *p)
{
    return (struct uv_gossip_pipe){on_pipe_opened, on_pipe_data, on_pipe_closed, p};
}

static void on_api(void *ctx, struct uv_gossip_stream *stream)
{
    struct peer *p = ctx;
    p->n_api++;
    if (!p->wants_api)
        return;
    struct uv_gossip_pipe pipe = pipe_of(p);
    p->api = stream;
    uv_gossip_stream_start(stream, &pipe);
}

/* Returns the error, so that a test can do without an address this machine lacks. */
static int try_peer(uv_loop_t *loop, struct peer *p, const struct secret *with,
                    const char *at, struct err *err)
{
    struct uv_gossip_events events = {.datagram = on_datagram,
                                      .refused = on_refused,
                                      .stream_opened = on_opened,
                                      .stream_frame = on_frame,
                                      .stream_closed = on_stream_closed,
                                      .stranger = on_stranger,
                                      .api_stream = on_api,
                                      .ctx = p};
    cr_assert_eq(seal_init(), 0);
    cr_assert_eq(endpoint_parse(at, 0, &p->at), 0);
    struct keyring keys = keyring_of(with);
    identity_new(&p->self);
    return uv_gossip_open(loop, &p->at, &keys, &p->self, &events, &p->metrics, &p->g,
                          err);
}

static void open_peer(uv_loop_t *loop, struct peer *p, const struct secret *with)
{
    struct err err = {0};
    int error = try_peer(loop, p, with, "127.0.0.1:0", &err);
    cr_assert_eq(error, 0, "%s", err.text);
    cr_assert_neq(p->at.port, 0);
}

/* A peer whose address nobody listens on any more. */
static void open_and_close_peer(uv_loop_t *loop, struct peer *p)
{
    open_peer(loop, p, &secret);
    uv_gossip_close(p->g);
    uv_run(loop, UV_RUN_DEFAULT);
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer; /* it only keeps the loop from sleeping past the deadline */
}

/* Run until *counter reaches `target` or time is up. */
static void run(uv_loop_t *loop, const unsigned *counter, unsigned target, uint64_t ms)
{
    uv_timer_t timer;
    uv_update_time(loop);
    uint64_t deadline_ms = uv_now(loop) + ms;
    uv_timer_init(loop, &timer);
    uv_timer_start(&timer, on_tick, 5, 5);
    while (*counter < target && uv_now(loop) < deadline_ms)
        uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
}

static void run_until(uv_loop_t *loop, const unsigned *counter, unsigned target)
{
    run(loop, counter, target, PATIENCE_MS);
    cr_assert_geq(*counter, target, "waited in vain for %u, have %u", target, *counter);
}

static void run_for(uv_loop_t *loop, uint64_t ms)
{
    unsigned never = 0;
    run(loop, &never, 1, ms);
}

static void close_all(uv_loop_t *loop, struct peer *a, struct peer *b)
{
    uv_gossip_close(a->g);
    if (b)
        uv_gossip_close(b->g);
    uv_run(loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(loop), 0);
}

static struct sockaddr_in sockaddr_of(struct endpoint to)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(to.port)};
    memcpy(&in.sin_addr, to.address, 4);
    return in;
}

/* From a plain UDP socket, `times` times. */
static void send_raw(struct endpoint to, const void *bytes, size_t len, int times)
{
    struct sockaddr_in in = sockaddr_of(to);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    for (int i = 0; i < times; i++)
        cr_assert_eq(sendto(fd, bytes, len, 0, (struct sockaddr *)&in, sizeof(in)),
                     (ssize_t)len);
    close(fd);
}

static int connect_raw(struct endpoint to)
{
    struct sockaddr_in in = sockaddr_of(to);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    return fd;
}

/* ---- datagrams ---- */

Test(uv_gossip, carries_datagrams_both_ways)
{
    uv_loop_t loop;
    struct peer a = {0}, b = {0};
    enum { FULL = DATAGRAM_MAX - SEAL_OVERHEAD };
    uint8_t full[FULL + 1] = {7};
    uv_loop_init(&loop);
    open_peer(&loop, &a, &secret);
    open_peer(&loop, &b, &secret);
    uv_gossip_send(a.g, b.at, bytes_of_text("ping"));
    run_until(&loop, &b.n_datagrams, 1);
    cr_expect_str_eq(b.datagram, "ping");
    cr_expect(endpoint_equal(&b.from, &a.at));
    uv_gossip_send(b.g, b.from, (struct bytes){full, FULL});
    run_until(&loop, &a.n_datagrams, 1);
    cr_expect_eq(a.datagram_len, FULL);
    uv_gossip_send(b.g, a.at, (struct bytes){full, FULL + 1});
    cr_expect_eq(b.metrics.drop_bound, 1);
    cr_expect_eq(b.metrics.datagrams_out, 1);
    cr_expect_eq(a.metrics.bytes_in, DATAGRAM_MAX);
    close_all(&loop, &a, &b);
}

Test(uv_gossip, goes_on_at_another_address_and_keeps_all_when_that_cannot_be_had)
{
    uv_loop_t loop;
    struct peer a = {0}, b = {0};
    struct err err;
    struct endpoint taken, next = {4, {127, 0, 0, 99}, 0};
    uv_loop_init(&loop);
    open_peer(&loop, &a, &secret);
    open_peer(&loop, &b, &secret);
    uv_gossip_stream_connect(a.g, 7, b.at);
    run_until(&loop, &a.n_opened, 1);
    taken = b.at;
    cr_expect_eq(uv_gossip_bind(a.g, &taken, &err), -EADDRINUSE);
    uv_gossip_send(b.g, a.at, bytes_of_text("still there"));
    run_until(&loop, &a.n_datagrams, 1);
    cr_expect_eq(a.n_closed, 0);
    next.port = a.at.port;
    cr_assert_eq(uv_gossip_bind(a.g, &next, &err), 0, "%s", err.text);
    run_until(&loop, &a.n_closed, 1);
    run_until(&loop, &b.n_closed, 1);
    uv_gossip_send(a.g, b.at, bytes_of_text("moved"));
    run_until(&loop, &b.n_datagrams, 1);
    cr_expect(endpoint_equal(&b.from, &next));
    cr_expect_eq(b.metrics.drop_replayed, 0);
    uv_gossip_send(b.g, a.at, bytes_of_text("lost"));
    uv_gossip_send(b.g, next, bytes_of_text("found"));
    run_until(&loop, &a.n_datagrams, 2);
    cr_expect(a.datagram_len == 5 && memcmp(a.datagram, "found", 5) == 0);
    uv_gossip_unbind(a.g);
    uv_gossip_send(a.g, b.at, bytes_of_text("from nowhere"));
    uv_gossip_send(b.g, next, bytes_of_text("to nowhere"));
    run_for(&loop, 100);
    cr_expect_eq(a.n_datagrams, 2);
    cr_expect_eq(b.n_datagrams, 1);
    close_all(&loop, &a, &b);
}

Test(uv_gossip, takes_a_burst)
{
    enum { BURST = 2000 };
    uv_loop_t loop;
    struct peer a = {0}, b = {0};
    uv_loop_init(&loop);
    open_peer(&loop, &a, &secret);
    open_peer(&loop, &b, &secret);
    for (int i = 0; i < BURST; i++) {
        uv_gossip_send(a.g, b.at, bytes_of_text("burst"));
        if (i % 100 == 99)
            uv_run(&loop, UV_RUN_NOWAIT);
    }
    run_until(&loop, &b.n_datagrams, BURST);
    cr_expect_eq(b.metrics.drop_replayed, 0);
    close_all(&loop, &a, &b);
}

Test(uv_gossip, counts_and_drops_what_is_forged_replayed_or_malformed)
{
    uv_loop_t loop;
    struct peer a = {0}, stranger = {0};
    static const uint8_t session[SESSION_LEN] = "replayer";
    uint8_t sealed[2 * DATAGRAM_MAX] = {0};
    uv_loop_init(&loop);
    open_peer(&loop, &a, &secret);
    open_peer(&loop, &stranger, &other_secret);
    uv_gossip_send(stranger.g, a.at, bytes_of_text("let me in"));
    send_raw(a.at, "short", 5, 3);
    send_raw(a.at, sealed, sizeof(sealed), 1);
    struct keyring keys = keyring_of(&secret);
    struct sealer *s = sealer_new(&keys, session);
    int len = sealer_seal(s, bytes_of_text("once"), sealed, sizeof(sealed));
    send_raw(a.at, sealed, (size_t)len, 3);
    sealer_free(s);
    run_until(&loop, &a.n_datagrams, 1);
    run_for(&loop, 50);
    cr_expect_eq(a.n_datagrams, 1);
    cr_expect_eq(a.metrics.drop_forged, 1);
    cr_expect_eq(a.metrics.drop_malformed, 4);
    cr_expect_eq(a.metrics.drop_replayed, 2);
    close_all(&loop, &a, &stranger);
}

/* Later, from another address and port, with any bit changed or cut anywhere. */
Test(uv_gossip, a_captured_datagram_has_no_effect_but_a_counter)
{
    uv_loop_t loop;
    struct peer a = {0};
    static const uint8_t session[SESSION_LEN] = "captured";
    uint8_t sealed[DATAGRAM_MAX], other[DATAGRAM_MAX];
    struct keyring keys = keyring_of(&secret);
    uv_loop_init(&loop);
    open_peer(&loop, &a, &secret);
    struct sealer *s = sealer_new(&keys, session);
    int len = sealer_seal(s, bytes_of_text("once"), sealed, sizeof(sealed));
    send_raw(a.at, sealed, (size_t)len, 1);
    run_until(&loop, &a.n_datagrams, 1);
    for (unsigned i = 2; i < SEAL_WINDOW + 6; i++) { /* it leaves the window */
        int n = sealer_seal(s, bytes_of_text("later"), other, sizeof(other));
        send_raw(a.at, other, (size_t)n, 1);
        run_until(&loop, &a.n_datagrams, i);
        send_raw(a.at, sealed, (size_t)len, 1); /* each time from another port */
    }
    run_for(&loop, 50);
    cr_expect_eq(a.metrics.drop_replayed, SEAL_WINDOW + 4);
    for (int bit = 0; bit < 8 * len; bit++) {
        memcpy(other, sealed, (size_t)len);
        other[bit / 8] ^= (uint8_t)(1u << bit % 8);
        send_raw(a.at, other, (size_t)len, 1);
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    for (size_t cut = 1; cut < (size_t)len; cut++) {
        send_raw(a.at, sealed, cut, 1);
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    run_for(&loop, 50);
    cr_expect_eq(a.n_datagrams, SEAL_WINDOW + 5);
    cr_expect_eq(a.metrics.drop_replayed, SEAL_WINDOW + 4);
    cr_expect_eq(a.metrics.drop_forged + a.metrics.drop_malformed,
                 (unsigned)(9 * len - 1));
    sealer_free(s);
    close_all(&loop, &a, NULL);
}

Test(uv_gossip, reports_a_refused_datagram_with_its_destination)
{
    uv_loop_t loop;
    struct peer a = {0}, b = {0}, gone = {0};
    uv_loop_init(&loop);
    open_and_close_peer(&loop, &gone);
    open_peer(&loop, &a, &secret);
    open_peer(&loop, &b, &secret);
    uv_gossip_send(a.g, gone.at, bytes_of_text("anybody?"));
    uv_gossip_send(a.g, b.at, bytes_of_text("not lost to the error before it"));
    run_until(&loop, &a.n_refused, 1);
    cr_expect(endpoint_equal(&a.refused, &gone.at));
    run_until(&loop, &b.n_datagrams, 1);
    uv_gossip_send(a.g, gone.at, bytes_of_text("again"));
    run_until(&loop, &a.n_refused, 2);
    clock_t before = clock();
    run_for(&loop, 300);
    cr_expect_eq(a.n_refused, 2, "each is told once");
    cr_expect_lt(clock() - before, CLOCKS_PER_SEC / 10, "the loop must sleep again");
    close_all(&loop, &a, &b);
}

Test(uv_gossip, speaks_ipv6_as_well)
{
    uv_loop_t loop;
    struct peer a = {0}, b = {0};
    struct err err = {0};
    uv_loop_init(&loop);
    if (try_peer(&loop, &a, &secret, "[::1]:0", &err) < 0) {
        uv_run(&loop, UV_RUN_DEFAULT);
        cr_skip_test("no ::1 here: %s", err.text);
    }
    cr_assert_eq(try_peer(&loop, &b, &secret, "[::1]:0", &err), 0);
    uv_gossip_send(a.g, b.at, bytes_of_text("six"));
    run_until(&loop, &b.n_datagrams, 1);
    cr_expect(endpoint_equal(&b.from, &a.at));
    uv_gossip_stream_connect(a.g, 1, b.at);
    run_until(&loop, &a.n_opened, 1);
    uv_gossip_close(b.g);
    run_for(&loop, 20);
    uv_gossip_send(a.g, b.at, bytes_of_text("gone?"));
    run_until(&loop, &a.n_refused, 1);
    cr_expect(endpoint_equal(&a.refused, &b.at));
    close_all(&loop, &a, NULL);
}

Test(uv_gossip, says_why_it_cannot_bind)
{
    uv_loop_t loop;
    struct peer a = {0}, b = {0};
    struct uv_gossip_events events = {0};
    struct keyring keys = keyring_of(&secret);
    struct err err = {0};
    uv_loop_init(&loop);
    open_peer(&loop, &a, &secret);
    b.at = a.at;
    int error =
        uv_gossip_open(&loop, &b.at, &keys, &a.self, &events, &b.metrics, &b.g, &err);
    cr_expect_eq(error, UV_EADDRINUSE);
    cr_expect_not_null(strstr(err.text, "bind 127.0.0.1:"), "%s", err.text);
    cr_expect_null(b.g);
    close_all(&loop, &a, NULL);
}

/* ---- streams ---- */

Test(uv_gossip, carries_stream_frames_both_ways)
{
    uv_loop_t loop;
    struct peer a = {0}, b = {.echoes = true};
    uint8_t *frame = calloc(1, FRAME_MAX);
    uv_loop_init(&loop);
    open_peer(&loop, &a, &secret);
    open_peer(&loop, &b, &secret);
    uv_gossip_stream_connect(a.g, 17, b.at);
    uv_gossip_stream_send(a.g, 17, bytes_of_text("too early, dropped"));
    run_until(&loop, &a.n_opened, 1);
    run_until(&loop, &b.n_opened, 1);
    cr_expect(node_id_equal(a.proven, b.self.id));
    cr_expect(node_id_equal(b.proven, a.self.id));
    cr_expect_eq(a.stream, 17);
    cr_expect_eq(b.stream >> 31, 1);
    uv_gossip_stream_send(a.g, 17, bytes_of_text("hello"));
    run_until(&loop, &a.n_frames, 1);
    cr_expect_eq(a.frame_len, 5);
    for (int i = 0; i < 4; i++)
        uv_gossip_stream_send(a.g, 17, (struct bytes){frame, FRAME_MAX});
    run_until(&loop, &a.n_frames, 5);
    cr_expect_eq(a.frame_len, FRAME_MAX);
    cr_expect_eq(b.metrics.streams_in, 1);
    uv_gossip_stream_send(a.g, 17, (struct bytes){frame, FRAME_MAX});
    uv_gossip_stream_finish(a.g, 17);
    run_until(&loop, &b.n_frames, 6); /* what was sent before the finish still arrives */
    run_until(&loop, &a.n_closed, 1);
    run_until(&loop, &b.n_closed, 1);
    free(frame);
    close_all(&loop, &a, &b);
}

Test(uv_gossip, tells_of_a_connect_that_fails)
{
    uv_loop_t loop;
    struct peer a = {0}, gone = {0};
    uv_loop_init(&loop);
    open_and_close_peer(&loop, &gone);
    open_peer(&loop, &a, &secret);
    uv_gossip_stream_connect(a.g, 1, gone.at);
    uv_gossip_stream_connect(a.g, 2, (struct endpoint){0});
    cr_expect_eq(a.n_closed, 0, "never from within the call");
    run_until(&loop, &a.n_closed, 2);
    cr_expect_eq(a.n_opened, 0);
    close_all(&loop, &a, NULL);
}

Test(uv_gossip, refuses_a_stream_of_another_secret_on_both_sides)
{
    uv_loop_t loop;
    struct peer a = {0}, stranger = {0};
    uv_loop_init(&loop);
    open_peer(&loop, &a, &secret);
    open_peer(&loop, &stranger, &other_secret);
    uv_gossip_stream_connect(stranger.g, 1, a.at);
    run_until(&loop, &stranger.n_closed, 1);
    run_for(&loop, 20);
    cr_expect_eq(a.n_opened + a.n_closed, 0);
    cr_expect_eq(stranger.n_opened, 0);
    cr_expect_eq(a.metrics.drop_forged, 1);
    cr_expect_eq(a.metrics.streams_refused, 1);
    cr_expect_eq(stranger.metrics.drop_forged, 1);
    cr_expect_eq(stranger.how, KNOCK_SECRET, "it knows why");
    cr_expect_eq(a.n_strangers, 1, "and so does the other");
    cr_expect_eq(stranger.n_strangers, 0);
    uv_gossip_send(stranger.g, a.at, bytes_of_text("hello?"));
    run_until(&loop, &a.n_strangers, 2);
    cr_expect(endpoint_equal(&a.stranger, &stranger.at));
    close_all(&loop, &a, &stranger);
}

/* A listener that hangs up, one that says something else, and one of another version. */
static enum knock knock_at_server(uv_loop_t *loop, struct peer *a, const char *answer)
{
    struct sockaddr_in sin = {.sin_family = AF_INET,
                              .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(sin);
    unsigned closed = a->n_closed;
    int fd = socket(AF_INET, SOCK_STREAM, 0), one;
    cr_assert_eq(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
    cr_assert_eq(listen(fd, 1), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
    uv_gossip_stream_connect(a->g, 7, endpoint_loopback(4, ntohs(sin.sin_port)));
    run_for(loop, 20);
    one = accept(fd, NULL, NULL);
    cr_assert_geq(one, 0);
    cr_assert_eq(write(one, answer, strlen(answer)), (ssize_t)strlen(answer));
    shutdown(one, SHUT_WR);
    run_until(loop, &a->n_closed, closed + 1);
    close(one);
    close(fd);
    return a->how;
}

Test(uv_gossip, tells_why_a_stream_did_not_open)
{
    uv_loop_t loop;
    struct peer a = {0}, gone = {0};
    uv_loop_init(&loop);
    open_and_close_peer(&loop, &gone);
    open_peer(&loop, &a, &secret);
    uv_gossip_stream_connect(a.g, 1, gone.at);
    run_until(&loop, &a.n_closed, 1);
    cr_expect_eq(a.how, KNOCK_NOBODY);
    cr_expect_eq(knock_at_server(&loop, &a, ""), KNOCK_FOREIGN);
    cr_expect_eq(knock_at_server(&loop, &a, "220 mail.example ESMTP\r\n"), KNOCK_FOREIGN);
    cr_expect_eq(knock_at_server(&loop, &a, "ST\x09"), KNOCK_VERSION);
    close_all(&loop, &a, NULL);
}

Test(uv_gossip, changes_its_keys_without_losing_a_stream)
{
    uv_loop_t loop;
    struct peer a = {0}, b = {0};
    uv_loop_init(&loop);
    open_peer(&loop, &a, &secret);
    open_peer(&loop, &b, &secret);
    uv_gossip_stream_connect(a.g, 1, b.at);
    run_until(&loop, &a.n_opened, 1);
    uv_gossip_set_keys(a.g, &(struct keyring){{other_secret}, 1, false});
    uv_gossip_set_keys(b.g, &(struct keyring){{secret, other_secret}, 2, false});
    uv_gossip_send(a.g, b.at, bytes_of_text("sealed with the new one"));
    uv_gossip_stream_send(a.g, 1, bytes_of_text("still here"));
    uv_gossip_stream_connect(a.g, 2, b.at);
    run_until(&loop, &b.n_datagrams, 1);
    run_until(&loop, &b.n_frames, 1);
    run_until(&loop, &b.n_opened, 2);
    close_all(&loop, &a, &b);
}

Test(uv_gossip, drops_a_stream_whose_peer_does_not_read)
{
    uv_loop_t loop;
    struct peer a = {0}, b = {0};
    uint8_t *frame = calloc(1, FRAME_MAX);
    uv_loop_init(&loop);
    open_peer(&loop, &a, &secret);
    open_peer(&loop, &b, &secret);
    uv_gossip_stream_connect(a.g, 1, b.at);
    run_until(&loop, &a.n_opened, 1);
    for (int i = 0; i < 100; i++) /* more than the queue and the kernel's buffers hold */
        uv_gossip_stream_send(a.g, 1, (struct bytes){frame, FRAME_MAX});
    cr_expect_eq(a.metrics.drop_bound, 1);
    run_until(&loop, &a.n_closed, 1);
    free(frame);
    close_all(&loop, &a, &b);
}

Test(uv_gossip, members_do_not_feel_a_flood_of_half_open_connections)
{
    enum {
        FLOOD = 1000,
        HELD = 300
    }; /* as many at once as fit under the usual limit of files */
    uv_loop_t loop;
    struct peer a = {0}, b = {.echoes = true};
    int fds[HELD];
    uv_loop_init(&loop);
    open_peer(&loop, &a, &secret);
    open_peer(&loop, &b, &secret);
    uv_gossip_stream_connect(a.g, 1, b.at);
    run_until(&loop, &a.n_opened, 1);
    run_until(&loop, &b.n_opened, 1);
    for (int i = 0; i < FLOOD; i++) {
        if (i >= HELD)
            close(fds[i % HELD]);
        fds[i % HELD] = connect_raw(b.at);
        if (i % 8 == 0)
            cr_assert_eq(write(fds[i % HELD], "ST\x01", 3), 3);
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    run_for(&loop, 50);
    cr_expect_geq(b.metrics.streams_refused, FLOOD - 128);

    uv_gossip_stream_send(a.g, 1, bytes_of_text("still here?"));
    run_until(&loop, &a.n_frames, 1);
    uv_gossip_send(a.g, b.at, bytes_of_text("ping"));
    run_until(&loop, &b.n_datagrams, 1);
    uv_gossip_stream_connect(a.g, 2, b.at); /* and a new one gets in */
    run_until(&loop, &a.n_opened, 2);
    for (int i = 0; i < HELD; i++)
        close(fds[i]);
    close_all(&loop, &a, &b);
}

Test(uv_gossip, closes_a_hello_that_never_comes)
{
    uv_loop_t loop;
    struct peer a = {0};
    char byte;
    uv_loop_init(&loop);
    open_peer(&loop, &a, &secret);
    int fd = connect_raw(a.at);
    run_for(&loop, 4000);
    cr_expect_eq(a.metrics.streams_refused, 0);
    run_for(&loop, 2000);
    cr_expect_eq(a.metrics.streams_refused, 1);
    cr_expect_eq(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
    close(fd);
    close_all(&loop, &a, NULL);
}

/* ---- api pipes ---- */

Test(uv_gossip, carries_an_api_pipe)
{
    uv_loop_t loop;
    struct peer a = {0}, b = {.wants_api = true, .echoes = true};
    uint8_t *data = malloc(ROUND_TRIP_BYTES);
    uint32_t hash = 0;
    for (size_t i = 0; i < ROUND_TRIP_BYTES; i++) {
        data[i] = (uint8_t)(i * 7 >> 2);
        hash = hash * 31 + data[i];
    }
    uv_loop_init(&loop);
    open_peer(&loop, &a, &secret);
    open_peer(&loop, &b, &secret);
    struct uv_gossip_pipe pipe = pipe_of(&a);
    a.api = uv_gossip_api_connect(a.g, b.at, &pipe);
    cr_assert_not_null(a.api);
    run_until(&loop, &a.n_pipe_opened, 1);
    uv_gossip_stream_write(a.api, (struct bytes){data, ROUND_TRIP_BYTES});
    for (int i = 0; i < 1000 && a.api_bytes < ROUND_TRIP_BYTES; i++)
        run_for(&loop, 1);
    cr_expect_eq(a.api_bytes, ROUND_TRIP_BYTES);
    cr_expect_eq(a.api_hash, hash);
    cr_assert_not_null(a.api);
    cr_expect_eq(uv_gossip_stream_queued(a.api), 0);
    uv_gossip_stream_close(a.api);
    run_until(&loop, &a.n_pipe_closed, 1);
    run_until(&loop, &b.n_pipe_closed, 1);
    cr_expect_eq(a.n_closed + b.n_closed, 0, "an api stream is none of gossip's");
    free(data);
    close_all(&loop, &a, &b);
}

Test(uv_gossip, delivers_an_answer_that_is_written_just_before_the_close)
{
    uv_loop_t loop;
    struct peer a = {0}, b = {.wants_api = true};
    uint8_t *answer = calloc(1, ROUND_TRIP_BYTES);
    uv_loop_init(&loop);
    open_peer(&loop, &a, &secret);
    open_peer(&loop, &b, &secret);
    struct uv_gossip_pipe pipe = pipe_of(&a);
    a.api = uv_gossip_api_connect(a.g, b.at, &pipe);
    run_until(&loop, &a.n_pipe_opened, 1);
    run_until(&loop, &b.n_api, 1);
    uv_gossip_stream_write(a.api,
                           (struct bytes){answer, 100000}); /* which nobody reads */
    uv_gossip_stream_write(b.api, (struct bytes){answer, ROUND_TRIP_BYTES});
    uv_gossip_stream_close(b.api);
    run_until(&loop, &a.n_pipe_closed, 1);
    cr_expect_eq(a.api_bytes, ROUND_TRIP_BYTES);
    run_until(&loop, &b.n_pipe_closed, 1);
    free(answer);
    close_all(&loop, &a, &b);
}

Test(uv_gossip, closes_an_api_stream_that_nobody_starts)
{
    uv_loop_t loop;
    struct peer a = {0}, b = {0};
    uv_loop_init(&loop);
    open_peer(&loop, &a, &secret);
    open_peer(&loop, &b, &secret);
    struct uv_gossip_pipe pipe = pipe_of(&a);
    a.api = uv_gossip_api_connect(a.g, b.at, &pipe);
    run_until(&loop, &a.n_pipe_closed, 1);
    cr_expect_eq(b.n_api, 1);
    close_all(&loop, &a, &b);
}

Test(uv_gossip, closes_with_everything_under_way)
{
    uv_loop_t loop;
    struct peer a = {0}, b = {.wants_api = true};
    uint8_t *frame = calloc(1, FRAME_MAX);
    uv_loop_init(&loop);
    open_peer(&loop, &a, &secret);
    open_peer(&loop, &b, &secret);
    struct uv_gossip_pipe pipe = pipe_of(&a);
    a.api = uv_gossip_api_connect(a.g, b.at, &pipe);
    uv_gossip_stream_connect(a.g, 1, b.at);
    run_until(&loop, &a.n_opened, 1);
    run_until(&loop, &a.n_pipe_opened, 1);
    run_until(&loop, &b.n_api, 1);
    uv_gossip_stream_connect(a.g, 2, b.at);
    for (int i = 0; i < 8; i++)
        uv_gossip_stream_send(a.g, 1, (struct bytes){frame, FRAME_MAX});
    uv_gossip_send(a.g, b.at, bytes_of_text("last words"));
    unsigned closed = a.n_closed;
    close_all(&loop, &a, &b);
    cr_expect_eq(a.n_closed, closed, "no event after the close");
    cr_expect_eq(a.n_pipe_closed, 1);
    cr_expect_eq(b.n_pipe_closed, 1);
    free(frame);
}
