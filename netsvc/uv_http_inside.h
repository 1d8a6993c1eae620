/* What the files of the HTTP driver share, lowest first: uv_http_server.c (what connections need of
 * the server), uv_http_conn.c (a connection's life), uv_http_read.c (from bytes to exchanges),
 * uv_http.c (exchanges) and uv_http_listen.c (listeners).  Nobody else includes this. */
#ifndef NETSVC_UV_HTTP_INSIDE_H
#define NETSVC_UV_HTTP_INSIDE_H

#include "netsvc/http.h"
#include "netsvc/uv_accept.h"
#include "netsvc/uv_http.h"
#include "netsvc/uv_turns.h"

enum {
    HTTP_IDLE_MS =
        30000, /* between requests; also: without taking any of what we write */
    HTTP_HEAD_MS = 10000,  /* from a request's first byte to the end of its headers */
    HTTP_BODY_MS = 60000,  /* for its body: 2 MiB at 280 kbit/s */
    HTTP_LINGER_MS = 2000, /* after the last answer, for the client to read it */
    HTTP_LINGER_LEN_MAX = 4 << 20, /* and what it may still send meanwhile: no client of
                                      ours sends a body as long as that */
    HTTP_PIPES_MAX = 512,          /* from peers, who have the secret */
    HTTP_READ_LEN = 16 * 1024,
    HTTP_WAITING_MAX = 16 * 1024, /* input that waits for its turn; then reading stops */
    HTTP_PIPE_WAITING_MAX = 1 << 20,
    /* Of answers that the client does not take: until it does, nothing more is served. */
    HTTP_UNREAD_MAX = 256 * 1024,
    HTTP_HELD_MAX = 16 << 20, /* input and answers kept for one source of strangers */
    HTTP_STREAM_QUEUE_MAX =
        8 << 20, /* of a stream; good handlers look at uv_http_queued long before, and a
                    line of a log can become 6 MiB of JSON */
    HTTP_HEADERS_OUT_MAX = 16,
    HTTP_HEADERS_TEXT_MAX = 2048,
    HTTP_WHY_MAX = 512, /* an error object of the server's own */
    HTTP_HEAD_OUT_MAX = HTTP_HEADERS_TEXT_MAX + 1024,
    HTTP_SPARES_MAX = 4, /* parsers kept for the next request */
};

enum http_phase { HTTP_PHASE_IDLE, HTTP_PHASE_HEAD, HTTP_PHASE_BODY };

struct uv_http_exchange {
    struct http_conn *conn;
    bool is_open; /* the gate or the handler owes an answer */
    bool is_streaming, keep_alive;
    void (*gone)(void *ctx);
    void *gone_ctx;
    struct http_pair headers[HTTP_HEADERS_OUT_MAX];
    size_t n_headers, text_len;
    char text[HTTP_HEADERS_TEXT_MAX];
};

struct http_conn {
    struct uv_http *http;
    struct http_conn *next, *previous;
    enum uv_http_kind kind;
    union {
        uv_handle_t any;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
        struct {
            void (*write)(void *ctx, struct bytes out);
            void (*finish)(void *ctx);
            size_t (*queued)(void *ctx);
            void *ctx;
        } sealed;
    } handle;
    struct crowd_member place; /* not of a sealed stream */
    struct turn turn;
    struct http_parser *parser;        /* NULL between requests */
    struct uv_http_exchange *exchange; /* NULL between requests, and in a head */
    uint8_t *waiting;                  /* input not parsed yet */
    size_t n_waiting, waiting_cap;
    enum http_phase phase;
    uint64_t deadline_ms, progress_ms;
    size_t last_queued;
    size_t n_lingered; /* bytes read and thrown away after the last answer */
    unsigned note;     /* the handler's */
    size_t held_bytes; /* of its source's */
    unsigned depth;    /* of calls that hold on to this memory */
    bool is_trusted;   /* its newest request came with a right to be here */
    bool is_feeding;
    bool is_paused;    /* not reading */
    bool has_ended;    /* the client sends no more */
    bool is_finishing; /* all is said */
    bool is_shut;      /* and sent */
    bool is_dead;      /* closing; nothing is written any more */
    bool is_gone;      /* closed */
};

struct http_listener {
    struct uv_http *http;
    enum uv_http_kind kind;
    struct uv_listener *listener;
    struct http_listener *next;
};

struct uv_http {
    uv_loop_t *loop;
    struct uv_http_handlers handlers;
    void *ctx;
    /* uv_http_read.c's: a connection has room again, or nothing more to say. */
    void (*read_start)(struct http_conn *c);
    void (*read_wake)(struct http_conn *c);
    struct metrics *metrics;
    struct uv_peer peer;
    struct crowd crowds[2]; /* by kind: unix, TCP */
    struct uv_turns turns;
    struct http_listener *listeners;
    struct http_conn *connections;
    size_t n_connections, n_pipes, most_connections; /* most: since `shrunk` was called */
    size_t n_open;     /* timer, turns and listeners that are not closed yet */
    uv_timer_t second; /* runs while there are connections */
    bool is_closing;
    struct http_parser *spares[HTTP_SPARES_MAX];
    size_t n_spares;
    struct uv_http_exchange *spare_exchange; /* or NULL */
    char read_buf[HTTP_READ_LEN]; /* one for all: what is read is copied before the next
                                     read */
};

/* ---- uv_http_server.c ---- */
void uv_http_server_drop(struct http_conn *c); /* out of the list of connections */
void uv_http_server_maybe_free(struct uv_http *h);
struct http_parser *uv_http_server_parser(struct uv_http *h); /* a spare one, or new */
void uv_http_server_spare(struct uv_http *h, struct http_parser *p);

/* ---- uv_http_conn.c ---- */
struct http_conn *uv_http_conn_new(struct uv_http *h, enum uv_http_kind kind);
bool uv_http_conn_is_open(const struct http_conn *c); /* an answer is owed */
/* Between these two the connection's memory stays, whatever becomes of its transport. */
void uv_http_conn_hold(struct http_conn *c);
void uv_http_conn_release(struct http_conn *c);
void uv_http_conn_gone(struct http_conn *c); /* a pipe's owner closed it */
void uv_http_conn_kill(struct http_conn *c); /* safe to call twice */
void uv_http_conn_finish(struct http_conn *c);
size_t uv_http_conn_queued(const struct http_conn *c);
/* Three parts as one write. */
void uv_http_conn_write(struct http_conn *c, struct bytes a, struct bytes b,
                        struct bytes e);
void uv_http_conn_refuse(struct http_conn *c, int status, const char *why);
void uv_http_conn_arm(struct http_conn *c); /* the deadline of the phase that it is in */
void uv_http_conn_check(struct http_conn *c, uint64_t now_ms); /* each second */
void uv_http_conn_account(struct http_conn *c); /* what is held for it has changed */
struct crowd *uv_http_conn_crowd(struct http_conn *c);

/* ---- uv_http_read.c ---- */
void uv_http_read_start(struct http_conn *c);
void uv_http_read_data(struct http_conn *c, struct bytes in);
void uv_http_read_wake(struct http_conn *c); /* there may be a request to serve */
bool uv_http_read_serve(void *ctx, struct turn *t);

#endif
