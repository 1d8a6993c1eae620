/* Probes against servers in the same loop that do what they are told. */
#include "isolate/uv_probe.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum manner {
    REPLIES,         /* and closes */
    KEEPS_OPEN,      /* replies, and waits for the other side to end */
    REPLIES_UNASKED, /* replies and closes without reading */
    RESETS,          /* before or after a reply */
    SILENT,
    STREAMS, /* the reply, then bytes for as long as somebody reads them */
};

struct world {
    uv_loop_t loop;
    uv_tcp_t server;
    struct uv_prober *prober;
    enum manner manner;
    const char *reply;
    size_t stream_len; /* STREAMS: how many bytes */
    size_t n_streamed; /* of them taken by somebody */
    int n_done, n_peers, n_ended, n_resets;
    int n_cut; /* ended in the middle of an answer, as by a client that went away */
    bool is_ok, is_unasked;
    uint64_t delay_ms; /* before a reply */
    char words[256], key[64];
    unsigned check;
};

struct peer {
    uv_tcp_t tcp;
    uv_write_t write;
    uv_timer_t timer;
    struct world *world;
    bool has_replied;
    size_t left;
};

static char block[65536];

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_peer_closed(uv_handle_t *handle)
{
    struct peer *p = handle->data;
    uv_close((uv_handle_t *)&p->timer, on_timer_closed);
}

static void peer_close(struct peer *p)
{
    if (!uv_is_closing((uv_handle_t *)&p->tcp))
        uv_close((uv_handle_t *)&p->tcp, on_peer_closed);
}

static void on_written(uv_write_t *request, int status)
{
    struct peer *p = request->data;
    struct world *w = p->world;
    if (status == UV_ECONNRESET || status == UV_EPIPE)
        w->n_resets++;
    if (status < 0) {
        peer_close(p);
        return;
    }
    if (w->manner == STREAMS && p->left > 0) {
        size_t len = p->left < sizeof(block) ? p->left : sizeof(block);
        uv_buf_t out = uv_buf_init(block, (unsigned)len);
        p->left -= len;
        w->n_streamed += len;
        (void)uv_write(&p->write, (uv_stream_t *)&p->tcp, &out, 1, on_written);
        return;
    }
    if (w->manner == RESETS) {
        cr_assert(uv_tcp_close_reset(&p->tcp, on_peer_closed) == 0);
        return;
    }
    if (w->manner != KEEPS_OPEN)
        peer_close(p);
}

static void reply(struct peer *p)
{
    struct world *w = p->world;
    uv_buf_t out = uv_buf_init((char *)(uintptr_t)w->reply, (unsigned)strlen(w->reply));
    p->has_replied = true;
    p->left = w->stream_len;
    p->write.data = p;
    cr_assert(uv_write(&p->write, (uv_stream_t *)&p->tcp, &out, 1, on_written) == 0);
}

static void on_delayed(uv_timer_t *timer)
{
    struct peer *p = timer->data;
    if (!uv_is_closing((uv_handle_t *)&p->tcp))
        reply(p);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct peer *p = stream->data;
    struct world *w = p->world;
    (void)buf;
    if (len == 0)
        return;
    if (len < 0) {
        w->n_ended += len == UV_EOF;
        w->n_cut += len == UV_EOF && w->manner == STREAMS && p->left > 0;
        w->n_resets += len == UV_ECONNRESET;
        peer_close(p);
    } else if (!p->has_replied && w->manner != SILENT) {
        (void)uv_timer_start(&p->timer, on_delayed, w->delay_ms, 0);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    static char in[65536];
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(in, sizeof(in));
}

static void on_peer(uv_stream_t *server, int status)
{
    struct world *w = server->data;
    struct peer *p = calloc(1, sizeof(*p));
    cr_assert(status == 0);
    w->n_peers++;
    p->world = w;
    (void)uv_tcp_init(&w->loop, &p->tcp);
    (void)uv_timer_init(&w->loop, &p->timer);
    p->tcp.data = p->timer.data = p;
    cr_assert(uv_accept(server, (uv_stream_t *)&p->tcp) == 0);
    if (w->manner == REPLIES_UNASKED)
        reply(p);
    else
        (void)uv_read_start((uv_stream_t *)&p->tcp, on_alloc, on_read);
}

static void on_done(void *ctx, const char *key, unsigned check, bool is_ok,
                    const char *words)
{
    struct world *w = ctx;
    w->n_done++;
    w->is_ok = is_ok;
    w->check = check;
    w->is_unasked = words == NULL;
    (void)strncpy(w->words, words ? words : "", sizeof(w->words) - 1);
    (void)strncpy(w->key, key, sizeof(w->key) - 1);
}

static uint16_t port_of(const uv_tcp_t *tcp)
{
    struct sockaddr_storage address;
    int len = sizeof(address);
    (void)uv_tcp_getsockname(tcp, (struct sockaddr *)&address, &len);
    return ntohs(
        ((struct sockaddr_in *)&address)->sin_port); /* at the same place in v6 */
}

static struct endpoint begin(struct world *w, uint8_t family, bool listens)
{
    struct sockaddr_storage address = {0};
    cr_assert(uv_loop_init(&w->loop) == 0);
    cr_assert(uv_prober_open(&w->loop, on_done, w, &w->prober) == 0);
    (void)uv_tcp_init(&w->loop, &w->server);
    w->server.data = w;
    if (family == 6)
        (void)uv_ip6_addr("::1", 0, (struct sockaddr_in6 *)&address);
    else
        (void)uv_ip4_addr("127.0.0.1", 0, (struct sockaddr_in *)&address);
    if (uv_tcp_bind(&w->server, (struct sockaddr *)&address, 0) < 0)
        cr_skip_test("no such address here");
    if (listens)
        cr_assert(uv_listen((uv_stream_t *)&w->server, 1024, on_peer) == 0);
    return endpoint_loopback(family, port_of(&w->server));
}

static void end(struct world *w)
{
    uv_prober_close(w->prober);
    uv_close((uv_handle_t *)&w->server, NULL);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    cr_assert(uv_loop_close(&w->loop) == 0);
}

static struct health_spec spec_of(enum health_kind kind)
{
    return (struct health_spec){.name = "x",
                                .kind = kind,
                                .path = "/health",
                                .timeout_ms = 300,
                                .status_min = 200,
                                .status_max = 399};
}

static void ask(struct world *w, enum health_kind kind, struct endpoint to)
{
    struct health_spec check = spec_of(kind);
    struct probe_order order = {
        .key = "default.web.0", .check = 3, .health = &check, .to = to};
    cr_assert(uv_probe(w->prober, &order) == 0);
}

/* Until all are answered and closed. */
static void wait_for(struct world *w, int n)
{
    cr_assert(w->n_done == 0, "answers come from the loop");
    while (w->n_done < n)
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    while (uv_prober_count(w->prober) > 0)
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    cr_assert_eq(w->n_done, n);
}

/* One probe against a fresh server. */
static void probe(struct world *w, uint8_t family, enum health_kind kind, bool listens)
{
    ask(w, kind, begin(w, family, listens));
    wait_for(w, 1);
    cr_assert_str_eq(w->key, "default.web.0");
    cr_assert_eq(w->check, 3);
    /* the server's side hears the end, or that there was none */
    for (int i = 0; i < 20; i++)
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
    end(w);
}

Test(probe, says_what_it_saw)
{
    static const struct {
        enum health_kind kind;
        enum manner manner;
        const char *reply; /* NULL: nobody listens */
        bool is_ok;
        const char *words;
    } rows[] = {
        {HEALTH_HTTP, REPLIES, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true,
         "answered 200 OK"},
        {HEALTH_HTTP, KEEPS_OPEN, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true,
         "answered 200 OK: ok"},
        {HEALTH_HTTP, REPLIES, "HTTP/1.0 399 x\r\n\r\n", true, "answered 399 x"},
        {HEALTH_HTTP, REPLIES, "HTTP/1.1 500 no\r\n\r\nno database\nno\n", false,
         "answered 500 no: no database"},
        {HEALTH_HTTP, REPLIES, "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 204 x\r\n\r\n", true,
         "answered 204 x"},
        {HEALTH_HTTP, REPLIES, "HTTP/1.1 199\r\n\r\n", false,
         "the connection was closed in the middle of the answer"},
        {HEALTH_HTTP, REPLIES, "SSH-2.0-x\r\n", false, "not HTTP: SSH-2.0-x"},
        {HEALTH_HTTP, REPLIES, "HTTP/1", false,
         "the connection was closed in the middle of the answer"},
        {HEALTH_HTTP, REPLIES, "", false, "the connection was closed without an answer"},
        {HEALTH_HTTP, KEEPS_OPEN, "HTTP/1.1 200 OK\r\nX: ", false,
         "no whole answer within 300ms"},
        {HEALTH_HTTP, KEEPS_OPEN, "HTTP/1.1 200 OK\r\n\r\nno end", true,
         "answered 200 OK: no end"},
        {HEALTH_HTTP, REPLIES_UNASKED, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
         true, "answered 200 OK"},
        {HEALTH_HTTP, RESETS, "", false, "the connection was reset without an answer"},
        {HEALTH_HTTP, SILENT, "", false, "no answer within 300ms"},
        {HEALTH_HTTP, REPLIES, NULL, false, "connection refused"},
        {HEALTH_TCP, SILENT, "", true, "connected"},
        {HEALTH_TCP, REPLIES_UNASKED, "220 hello\r\n", true, "connected"},
        {HEALTH_TCP, REPLIES, NULL, false, "connection refused"},
    };
    for (uint8_t family = 4; family <= 6; family += 2) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            struct world *w = calloc(1, sizeof(*w));
            w->manner = rows[i].manner;
            w->reply = rows[i].reply;
            probe(w, family, rows[i].kind, rows[i].reply != NULL);
            cr_assert(w->is_ok == rows[i].is_ok && strcmp(w->words, rows[i].words) == 0,
                      "row %zu over IPv%u: %d '%s'", i, family, w->is_ok, w->words);
            cr_expect_eq(w->n_resets, 0, "row %zu: the server was reset", i);
            free(w);
        }
    }
}

Test(probe, leaves_no_reset_behind_a_long_answer)
{
    static const size_t lens[] = {100, 1024, 5 * 1024, 64 * 1024, 200 * 1024, 20 << 20};
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        struct world *w = calloc(1, sizeof(*w));
        w->manner = STREAMS;
        w->reply = "HTTP/1.1 200 OK\r\n\r\n";
        w->stream_len = lens[i];
        memset(block, 'z', sizeof(block));
        probe(w, 4, HEALTH_HTTP, true);
        cr_expect(w->is_ok, "%zu bytes: %s", lens[i], w->words);
        cr_expect_eq(w->n_resets, 0, "a reset after %zu of %zu bytes", w->n_streamed,
                     lens[i]);
        cr_expect_eq(w->n_cut, 0, "cut after %zu of %zu bytes", w->n_streamed, lens[i]);
        cr_expect_eq(w->n_streamed, lens[i], "%zu of %zu", w->n_streamed, lens[i]);
        free(w);
    }
}

static uint64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

Test(probe, of_an_answer_without_end_it_reads_so_much_and_no_more)
{
    struct world *w = calloc(1, sizeof(*w));
    w->manner = STREAMS;
    w->reply = "HTTP/1.1 200 OK\r\n\r\n";
    w->stream_len = (size_t)8 << 30;
    uint64_t start_ms = now_ms();
    probe(w, 4, HEALTH_HTTP, true);
    cr_expect(w->is_ok);
    cr_expect_lt(w->n_streamed, 3 * (size_t)PROBE_DISCARD_MAX);
    cr_expect_lt(now_ms() - start_ms, 5000);
    cr_expect_eq(w->n_resets, 1, "it is told by a reset");
    free(w);
}

Test(probe, a_thousand_at_once_take_turns_and_the_loop_goes_on)
{
    enum { N = 1000 };
    struct world *w = calloc(1, sizeof(*w));
    w->manner = REPLIES;
    w->reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    struct endpoint to = begin(w, 4, true);
    for (int i = 0; i < N; i++)
        ask(w, i % 4 ? HEALTH_HTTP : HEALTH_TCP, to);
    cr_expect_eq(uv_prober_count(w->prober), N);
    uint64_t longest_ms = 0;
    while (uv_prober_count(w->prober) > 0) {
        uint64_t start_ms = now_ms();
        (void)uv_run(&w->loop, UV_RUN_ONCE);
        uint64_t took_ms = now_ms() - start_ms;
        longest_ms = took_ms > longest_ms ? took_ms : longest_ms;
    }
    cr_expect_eq(w->n_done, N);
    cr_expect_eq(w->n_peers, N);
    cr_expect_lt(longest_ms, 300, "a turn of the loop took %llu ms",
                 (unsigned long long)longest_ms);
    end(w);
    free(w);
}

Test(probe, hung_servers_hold_back_only_those_that_wait)
{
    enum { N = PROBES_MAX + 20 };
    struct world *w = calloc(1, sizeof(*w));
    w->manner = SILENT;
    struct endpoint to = begin(w, 4, true);
    for (int i = 0; i < N; i++)
        ask(w, HEALTH_HTTP, to);
    int most = 0;
    while (uv_prober_count(w->prober) > 0) {
        (void)uv_run(&w->loop, UV_RUN_ONCE);
        int open = w->n_peers - w->n_ended;
        most = open > most ? open : most;
    }
    cr_expect_eq(w->n_done, N);
    cr_expect_str_eq(w->words, "no answer within 300ms");
    cr_expect_leq(most, PROBES_MAX);
    end(w);
    free(w);
}

Test(probe, what_is_forgotten_is_not_answered)
{
    struct world *w = calloc(1, sizeof(*w));
    w->manner = SILENT;
    struct endpoint to = begin(w, 4, true);
    struct health_spec check = spec_of(HEALTH_HTTP);
    struct probe_order other = {
        .key = "default.web.1", .check = 1, .health = &check, .to = to};
    ask(w, HEALTH_HTTP, to);
    while (w->n_peers == 0)
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    ask(w, HEALTH_HTTP, to); /* one is under way, one waits */
    cr_assert(uv_probe(w->prober, &other) == 0);
    uv_prober_forget(w->prober, "default.web.0");
    while (uv_prober_count(w->prober) > 0)
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    cr_expect_eq(w->n_done, 1);
    cr_expect_str_eq(w->key, "default.web.1");
    end(w);
    free(w);
}

Test(probe, closing_ends_what_is_under_way_at_once_and_unanswered)
{
    struct world *w = calloc(1, sizeof(*w));
    w->manner = SILENT;
    struct endpoint to = begin(w, 4, true);
    struct health_spec check = spec_of(HEALTH_HTTP);
    check.timeout_ms = 60000;
    struct probe_order order = {.key = "default.web.0", .health = &check, .to = to};
    for (int i = 0; i < PROBES_MAX + 5; i++)
        cr_assert(uv_probe(w->prober, &order) == 0);
    while (w->n_peers < PROBES_MAX)
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    uint64_t start_ms = now_ms();
    end(w);
    cr_expect_eq(w->n_done, 0);
    cr_expect_lt(now_ms() - start_ms, 2000);
    free(w);
}

static void hold_up(uv_timer_t *timer)
{
    (void)timer;
    (void)usleep(700 * 1000);
}

/* As by a slow disk, or a SIGSTOP: longer than the timeout, before the connection and after it. */
Test(probe, a_loop_that_was_held_up_is_not_the_tasks_silence)
{
    for (uint64_t after_ms = 0; after_ms <= 100; after_ms += 50) {
        struct world *w = calloc(1, sizeof(*w));
        uv_timer_t timer;
        w->manner = REPLIES;
        w->reply = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        w->delay_ms = 150;
        struct endpoint to = begin(w, 4, true);
        (void)uv_timer_init(&w->loop, &timer);
        (void)uv_timer_start(&timer, hold_up, after_ms, 0);
        ask(w, HEALTH_HTTP, to);
        wait_for(w, 1);
        cr_expect(w->is_ok, "held up after %llu ms: %s", (unsigned long long)after_ms,
                  w->words);
        uv_close((uv_handle_t *)&timer, NULL);
        end(w);
        free(w);
    }
}

Test(probe, without_files_of_our_own_nothing_is_known_of_the_task)
{
    struct world *w = calloc(1, sizeof(*w));
    w->manner = REPLIES;
    w->reply = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    struct endpoint to = begin(w, 4, true);
    int fds[1024], n = 0;
    struct rlimit few = {64, 64};
    cr_assert(setrlimit(RLIMIT_NOFILE, &few) == 0);
    while (n < 1024 && (fds[n] = dup(1)) >= 0)
        n++;
    ask(w, HEALTH_HTTP, to);
    wait_for(w, 1);
    cr_expect_not(w->is_ok);
    cr_expect(w->is_unasked);
    while (n > 0)
        (void)close(fds[--n]);
    end(w);
    free(w);
}

/* A network of our own, where connects may only use two ports. */
static void enter_small_network(void)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    if (unshare(CLONE_NEWNET) < 0)
        cr_skip_test("a network of its own needs root");
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert(ioctl(fd, SIOCSIFFLAGS, &lo) == 0);
    (void)close(fd);
    fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "40000 40001", 11) != 11)
        cr_skip_test("/proc/sys cannot be written");
    (void)close(fd);
}

/* Without the check of uv_probe.c the connect to 40000 succeeds: to itself. */
Test(probe, a_connection_to_itself_is_no_server)
{
    enter_small_network();
    for (int i = 0; i < 8; i++) {
        struct world *w = calloc(1, sizeof(*w));
        cr_assert(uv_loop_init(&w->loop) == 0);
        cr_assert(uv_prober_open(&w->loop, on_done, w, &w->prober) == 0);
        ask(w, i % 2 ? HEALTH_TCP : HEALTH_HTTP,
            endpoint_loopback(4, (uint16_t)(40000 + i / 2 % 2)));
        wait_for(w, 1);
        cr_expect_not(w->is_ok);
        cr_expect_str_eq(w->words, "connection refused");
        /* and the port is free again for the task */
        struct sockaddr_in address;
        (void)uv_ip4_addr("127.0.0.1", 40000 + i / 2 % 2, &address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        cr_expect_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        (void)close(fd);
        uv_prober_close(w->prober);
        (void)uv_run(&w->loop, UV_RUN_DEFAULT);
        cr_assert(uv_loop_close(&w->loop) == 0);
        free(w);
    }
}
