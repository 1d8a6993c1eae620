/* See uv_probe.h.  The usual path: connect, send one GET, read the status line, close,
 * answer. What can fail: no connection, an answer that is no HTTP, silence until the
 * deadline.  The answer is given when both handles have closed, so exactly once. */
#include "isolate/uv_probe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

enum {
    STATUS_LINE_MAX = 1024, /* nobody's status line is longer; the rest is not read */
    REQUEST_MAX = 2048,
    DETAIL_MAX = 96,
};

struct probe {
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_connect_t connect;
    uv_write_t write;
    uv_probe_cb done;
    void *ctx;
    bool is_http, is_over, is_ok;
    uint16_t status_min, status_max;
    char request[REQUEST_MAX], answer[STATUS_LINE_MAX + 1], detail[DETAIL_MAX];
    size_t request_len, answer_len;
    unsigned n_open;
};

static void on_closed(uv_handle_t *handle)
{
    struct probe *p = handle->data;
    if (--p->n_open > 0)
        return;
    p->done(p->ctx, p->is_ok, p->detail);
    free(p);
}

static void __attribute__((format(printf, 3, 4)))
finish(struct probe *p, bool is_ok, const char *format, ...)
{
    if (p->is_over)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(p->detail, sizeof(p->detail), format, args);
    va_end(args);
    p->is_over = true;
    p->is_ok = is_ok;
    uv_close((uv_handle_t *)&p->timer, on_closed);
    uv_close((uv_handle_t *)&p->tcp, on_closed);
}

static void fail_with(struct probe *p, int code)
{
    if (code == UV_ECONNREFUSED)
        finish(p, false, "refused");
    else
        finish(p, false, "%s", err_text(code));
}

static void on_timeout(uv_timer_t *timer)
{
    struct probe *p = timer->data;
    finish(p, false, "timed out");
}

/* "HTTP/1.1 200 OK": the version, one space, three digits. */
static bool parse_status(const char *line, unsigned *ret_status)
{
    if (strncmp(line, "HTTP/1.", 7) != 0 || (line[7] != '0' && line[7] != '1') ||
        line[8] != ' ')
        return false;
    unsigned status = 0;
    for (int i = 9; i < 12; i++) {
        if (line[i] < '0' || line[i] > '9')
            return false;
        status = status * 10 + (unsigned)(line[i] - '0');
    }
    if (line[12] != ' ' && line[12] != '\r' && line[12] != '\n')
        return false;
    *ret_status = status;
    return true;
}

static void judge(struct probe *p)
{
    unsigned status = 0;
    if (!parse_status(p->answer, &status))
        finish(p, false, "not an HTTP answer");
    else
        finish(p, status >= p->status_min && status <= p->status_max, "HTTP %u", status);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct probe *p = handle->data;
    (void)suggested;
    *buf = uv_buf_init(p->answer + p->answer_len,
                       (unsigned)(STATUS_LINE_MAX - p->answer_len));
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct probe *p = stream->data;
    (void)buf;
    if (p->is_over || len == 0)
        return;
    if (len == UV_EOF) {
        judge(p);
        return;
    }
    if (len < 0) {
        fail_with(p, (int)len);
        return;
    }
    p->answer_len += (size_t)len;
    p->answer[p->answer_len] = '\0';
    if (strchr(p->answer, '\n') || p->answer_len == STATUS_LINE_MAX)
        judge(p);
}

static void on_written(uv_write_t *request, int status)
{
    struct probe *p = request->data;
    if (status < 0 && status != UV_ECANCELED)
        fail_with(p, status);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct probe *p = request->data;
    if (status == UV_ECANCELED || p->is_over)
        return;
    if (status < 0) {
        fail_with(p, status);
        return;
    }
    if (!p->is_http) {
        finish(p, true, "connected");
        return;
    }
    uv_buf_t buf = uv_buf_init(p->request, (unsigned)p->request_len);
    p->write.data = p;
    int code = uv_write(&p->write, (uv_stream_t *)&p->tcp, &buf, 1, on_written);
    if (code == 0)
        code = uv_read_start((uv_stream_t *)&p->tcp, on_alloc, on_read);
    if (code)
        fail_with(p, code);
}

static void set_address(const struct endpoint *to, struct sockaddr_storage *address)
{
    char host[ADDRESS_TEXT_MAX];
    (void)endpoint_host_text(to, host);
    size_t len = strlen(host);
    if (to->family == 6 && host[0] == '[') { /* without the brackets of the text form */
        memmove(host, host + 1, len - 2);
        host[len - 2] = '\0';
    }
    if (to->family == 6)
        (void)uv_ip6_addr(host, to->port, (struct sockaddr_in6 *)address);
    else
        (void)uv_ip4_addr(host, to->port, (struct sockaddr_in *)address);
}

static int write_request(struct probe *p, const struct health_spec *check,
                         const struct endpoint *to)
{
    char host[ADDRESS_TEXT_MAX];
    const char *path = check->path && check->path[0] ? check->path : "/";
    int len = snprintf(
        p->request, sizeof(p->request),
        "GET %s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: stratos-health/" STRATOS_VERSION
        "\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        path[0] == '/' ? "" : "/", path, endpoint_text(to, host));
    if (len < 0 || (size_t)len >= sizeof(p->request))
        return ERR_BOUND;
    p->request_len = (size_t)len;
    return 0;
}

int uv_probe(uv_loop_t *loop, const struct health_spec *check, struct endpoint to,
             uv_probe_cb done, void *ctx)
{
    struct sockaddr_storage address = {0};
    struct probe *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->done = done;
    p->ctx = ctx;
    p->is_http = check->kind == HEALTH_HTTP;
    p->status_min = check->status_min ? check->status_min : 200;
    p->status_max = check->status_max ? check->status_max : 399;
    (void)uv_timer_init(loop, &p->timer); /* neither init can fail without a socket */
    (void)uv_tcp_init(loop, &p->tcp);
    p->timer.data = p->tcp.data = p->connect.data = p;
    p->n_open = 2;
    (void)uv_timer_start(&p->timer, on_timeout, check->timeout_ms ? check->timeout_ms : 1,
                         0);
    set_address(&to, &address);
    int code = p->is_http ? write_request(p, check, &to) : 0;
    if (code == 0)
        code = uv_tcp_connect(&p->connect, &p->tcp, (const struct sockaddr *)&address,
                              on_connected);
    if (code)
        fail_with(p, code);
    return 0;
}
