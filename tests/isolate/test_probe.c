/* Probes against a server in the same loop that says what it is told to say. */
#include "isolate/uv_probe.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct world {
    uv_loop_t loop;
    uv_tcp_t server, peer;
    uv_write_t write;
    const char *reply; /* NULL: silence */
    int n_done, n_peers;
    bool is_ok;
    char detail[128];
};

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct world *w = stream->data;
    (void)buf;
    if (len < 0) {
        uv_close((uv_handle_t *)stream, NULL);
        return;
    }
    if (!w->reply)
        return;
    uv_buf_t out = uv_buf_init((char *)(uintptr_t)w->reply, (unsigned)strlen(w->reply));
    (void)uv_write(&w->write, stream, &out, 1, NULL);
    uv_close((uv_handle_t *)stream, NULL);
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
    cr_assert(status == 0 && w->n_peers++ == 0);
    (void)uv_tcp_init(&w->loop, &w->peer);
    w->peer.data = w;
    cr_assert(uv_accept(server, (uv_stream_t *)&w->peer) == 0);
    (void)uv_read_start((uv_stream_t *)&w->peer, on_alloc, on_read);
}

static void on_done(void *ctx, bool is_ok, const char *detail)
{
    struct world *w = ctx;
    w->n_done++;
    w->is_ok = is_ok;
    (void)strncpy(w->detail, detail, sizeof(w->detail) - 1);
}

/* One probe against a fresh server; port 0: nobody listens. */
static void probe(struct world *w, enum health_kind kind, bool listens, const char *reply)
{
    struct sockaddr_in address;
    int len = sizeof(address);
    *w = (struct world){.reply = reply};
    cr_assert(uv_loop_init(&w->loop) == 0);
    (void)uv_tcp_init(&w->loop, &w->server);
    w->server.data = w;
    (void)uv_ip4_addr("127.0.0.1", 0, &address);
    cr_assert(uv_tcp_bind(&w->server, (struct sockaddr *)&address, 0) == 0);
    if (listens)
        cr_assert(uv_listen((uv_stream_t *)&w->server, 4, on_peer) == 0);
    (void)uv_tcp_getsockname(&w->server, (struct sockaddr *)&address, &len);
    struct endpoint to = {
        .family = 4, .address = {127, 0, 0, 1}, .port = ntohs(address.sin_port)};
    struct health_spec check = {.name = "x",
                                .kind = kind,
                                .path = "/health",
                                .timeout_ms = 300,
                                .status_min = 200,
                                .status_max = 399};
    cr_assert(uv_probe(&w->loop, &check, to, on_done, w) == 0);
    cr_assert(w->n_done == 0, "answers come from the loop");
    while (w->n_done == 0)
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&w->server, NULL);
    if (w->n_peers && !uv_is_closing((uv_handle_t *)&w->peer))
        uv_close((uv_handle_t *)&w->peer, NULL);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    cr_assert(w->n_done == 1);
    cr_assert(uv_loop_close(&w->loop) == 0);
}

Test(probe, says_what_it_saw)
{
    static const struct {
        enum health_kind kind;
        bool listens;
        const char *reply;
        bool is_ok;
        const char *detail;
    } rows[] = {
        {HEALTH_HTTP, true, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true,
         "HTTP 200"},
        {HEALTH_HTTP, true, "HTTP/1.0 399 x\r\n\r\n", true, "HTTP 399"},
        {HEALTH_HTTP, true, "HTTP/1.1 500 no\r\n\r\n", false, "HTTP 500"},
        {HEALTH_HTTP, true, "HTTP/1.1 199\r\n", false, "HTTP 199"},
        {HEALTH_HTTP, true, "SSH-2.0-x\r\n", false, "not an HTTP answer"},
        {HEALTH_HTTP, true, "HTTP/1.1 2000 OK\r\n", false, "not an HTTP answer"},
        {HEALTH_HTTP, true, "HTTP/1", false, "not an HTTP answer"},
        {HEALTH_HTTP, true, "", false, "not an HTTP answer"},
        {HEALTH_HTTP, true, NULL, false, "timed out"},
        {HEALTH_HTTP, false, NULL, false, "refused"},
        {HEALTH_TCP, true, NULL, true, "connected"},
        {HEALTH_TCP, false, NULL, false, "refused"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world *w = calloc(1, sizeof(*w));
        probe(w, rows[i].kind, rows[i].listens, rows[i].reply);
        cr_assert(w->is_ok == rows[i].is_ok && strcmp(w->detail, rows[i].detail) == 0,
                  "row %zu: %d '%s'", i, w->is_ok, w->detail);
        free(w);
    }
}
