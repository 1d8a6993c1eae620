/* What uv_http.c (connections and exchanges) and uv_http_listen.c (the server and its
 * listeners) share.  Nobody else includes this. */
#ifndef NETSVC_UV_HTTP_INSIDE_H
#define NETSVC_UV_HTTP_INSIDE_H

#include "netsvc/http.h"
#include "netsvc/uv_http.h"

enum {
    HTTP_IDLE_MS =
        30000, /* between requests; also: without taking any of what we write */
    HTTP_HEAD_MS = 10000,  /* from a request's first byte to the end of its headers */
    HTTP_BODY_MS = 60000,  /* for its body: 2 MiB at 280 kbit/s */
    HTTP_LINGER_MS = 2000, /* after the last answer, for the client to read it */
    HTTP_CONNECTIONS_MAX = 512, /* per listener; each is some 25 KiB */
    HTTP_LISTENERS_MAX = 8,
    HTTP_READ_LEN = 16 * 1024,
    HTTP_WAITING_MAX = 64 * 1024, /* pipelined input that waits for its turn */
    HTTP_PIPE_WAITING_MAX = 1 << 20,
    HTTP_STREAM_QUEUE_MAX =
        4 << 20, /* of a stream; good handlers look at uv_http_queued long before */
    HTTP_HEADERS_OUT_MAX = 16,
    HTTP_HEADERS_TEXT_MAX = 2048,
    HTTP_HEAD_OUT_MAX = HTTP_HEADERS_TEXT_MAX + 1024,
};

enum http_conn_kind { HTTP_CONN_UNIX, HTTP_CONN_TCP, HTTP_CONN_PIPE };
enum http_phase { HTTP_PHASE_IDLE, HTTP_PHASE_HEAD, HTTP_PHASE_BODY };

struct uv_http_exchange {
    struct http_conn *conn;
    bool is_open; /* the handler owes an answer */
    bool is_streaming, keep_alive;
    void (*gone)(void *ctx);
    void *gone_ctx;
    struct http_pair headers[HTTP_HEADERS_OUT_MAX];
    size_t n_headers, text_len;
    char text[HTTP_HEADERS_TEXT_MAX];
};

struct http_conn {
    struct uv_http *http;
    struct http_listener *listener; /* NULL for pipes */
    struct http_conn *next, *previous;
    enum http_conn_kind kind;
    union {
        uv_handle_t any;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } handle;
    struct {
        void (*write)(void *ctx, struct bytes out);
        void (*finish)(void *ctx);
        size_t (*queued)(void *ctx);
        void *ctx;
    } pipe;
    struct http_parser *parser;
    struct uv_http_exchange exchange;
    uint8_t *waiting; /* input not parsed yet */
    size_t n_waiting, waiting_cap;
    enum http_phase phase;
    uint64_t deadline_ms, progress_ms;
    size_t last_queued;
    unsigned depth; /* of calls that hold on to this memory */
    bool is_feeding;
    bool is_paused;    /* not reading */
    bool has_ended;    /* the client sends no more */
    bool is_finishing; /* all is said */
    bool is_dead;      /* closing; nothing is written any more */
    bool is_gone;      /* closed */
    bool is_listed;
};

struct http_listener {
    struct uv_http *http;
    enum http_conn_kind kind;
    union {
        uv_handle_t any;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } handle;
    size_t n_connections;
};

struct uv_http {
    uv_loop_t *loop;
    uv_http_handler handler;
    void *ctx;
    struct metrics *metrics;
    struct http_listener listeners[HTTP_LISTENERS_MAX];
    size_t n_listeners, n_open; /* n_open: handles of our own that are not closed yet */
    struct http_conn *connections;
    size_t n_pipes;
    uv_timer_t second; /* runs while there are connections */
    bool is_closing;
    char read_buf[HTTP_READ_LEN]; /* one for all: what is read is copied before the next
                                     read */
};

void uv_http_inside_data(struct http_conn *c, struct bytes in);
void uv_http_inside_ended(struct http_conn *c);
void uv_http_inside_kill(struct http_conn *c);
void uv_http_inside_check(struct http_conn *c, uint64_t now_ms);
void uv_http_inside_read(struct http_conn *c);
void uv_http_inside_pause(struct http_conn *c);
void uv_http_inside_unlist(struct http_conn *c);
void uv_http_inside_maybe_free(struct uv_http *h);
void uv_http_inside_gone(struct http_conn *c); /* a pipe's owner closed it */

#endif
