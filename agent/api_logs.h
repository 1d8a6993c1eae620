/* What the files behind GET .../logs share.  api_logs.c has the request and the merging,
 * api_logs_peer.c what comes from other nodes, api_logs_who.c who is asked, and when nothing more
 * can come. */
#ifndef AGENT_API_LOGS_H
#define AGENT_API_LOGS_H

#include "agent/api.h"
#include "agent/log_local.h"
#include "agent/log_merge.h"
#include "agent/log_text.h"

enum {
    LOGS_PEERS_MAX = 256,     /* nodes that are asked at once */
    LOGS_LATE_MS = 10 * 1000, /* for a peer that says nothing */
    LOGS_QUEUE_MAX = 1 << 20, /* a reader that is slower than this waits */
    LOGS_OUT_MAX = 64 * 1024, /* sent at once */
    LOGS_READERS_MAX = 64,    /* at one node: each has buffers, and streams to others */
    LOGS_READERS_PER_TOKEN = 16, /* of them: the others are for others */
    LOGS_READERS_OF_PEERS = 128, /* of the 512 connections that gossip takes from peers */
    LOGS_STREAMS_MAX = 512,      /* of all readers: of the 1,024 that gossip has */
};

enum logs_format { LOGS_TEXT, LOGS_JSON, LOGS_FRAMES };

/* Another node, asked for what it has. */
struct logs_peer {
    struct logs *logs;
    struct logs_peer *next;
    struct node_id id;
    char name[NAME_LEN_MAX + 1];
    struct uv_gossip_stream *stream; /* NULL: closed */
    uint8_t *buf;
    size_t cap, len, pos;
    bool is_past_head;
    bool is_paused;
    bool is_begun; /* it has said how much it has, or will never say */
    bool has_end;  /* it has said all there is */
    bool is_told;  /* that its part is missing */
    uint32_t n_found;
    uint64_t n_lines, upto_unix_ms;
    uint64_t asked_ms;
    /* Where to go on after a break: lines of the last time that have been taken already. */
    uint64_t last_unix_ms, n_last, n_skip;
};

struct logs_run {
    uint64_t at_unix_ms;
    uint32_t index;
    char node[NAME_LEN_MAX + 1];
};

struct logs {
    struct logs *next; /* of those that have not ended */
    struct agent *agent;
    /* api_logs.c's, for peers that have said something, or will say no more */
    void (*pump)(struct logs *l), (*free_if_done)(struct logs *l);
    struct uv_http_exchange *x; /* NULL: the client went away */
    struct caller who;
    uv_timer_t timer;
    uv_work_t work;
    struct log_local local;
    struct log_look look;
    enum logs_format format;
    struct logs_peer *peers;
    size_t n_peers, n_open; /* n_open: streams that point here */
    struct log_rank *ranks;
    struct log_frame *heads;
    size_t ranks_cap;
    uint8_t *out; /* to be sent */
    size_t out_len;
    uint64_t repeat_ms, ticked_unix_ms, fill_unix_ms;
    uint64_t n_skip, waits_since_ms, asked_ms, looked_ms, over_since_ms;
    uint64_t seen_hash; /* of members and table, when it was looked who is to be asked */
    struct logs_run *runs; /* of `previous` */
    size_t n_runs;
    struct logs_note {
        char node[NAME_LEN_MAX + 1], text[160];
    } missing[LOGS_PEERS_MAX]; /* not yet said */
    size_t n_missing;
    bool is_local_only, is_of_peer, is_job_known, is_over;
    bool is_pumping, is_reading, is_started, is_due, is_late, is_ended;
};

/* ---- api_logs.c ---- */
void logs_end(struct logs *l);

/* ---- api_logs_many.c ---- */
/* Beside those that there are; NULL, or why there are enough. */
const char *logs_join(struct logs *l);
void logs_part(struct logs *l);
/* How many have not ended, and how many streams they have. */
size_t logs_count(const struct agent *a);
size_t logs_count_streams(const struct agent *a);

/* ---- api_logs_merge.c ---- */
bool logs_merge(struct logs *l,
                uint64_t now_ms); /* false: there is nothing to send now */
/* Lines of one source may wait for older ones of another, but not for ever. */
void logs_look_for_late(struct logs *l, uint64_t now_ms);
/* A peer that has said nothing for long is not waited for. */
void logs_give_up_late(struct logs *l);

/* ---- api_logs_send.c ---- */
void logs_send(struct logs *l, const struct log_frame *frame);
void logs_send_word(struct logs *l, enum log_frame_kind kind, uint64_t at_unix_ms);
void logs_flush(struct logs *l);
void logs_add_run(struct logs *l, const struct log_frame *frame);
void logs_add_own_runs(struct logs *l);
bool logs_is_of_previous(const struct logs *l, const struct log_frame *f);

/* ---- api_logs_who.c ---- */
/* `node`: whose part it is. */
void logs_say_missing(struct logs *l, const char *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Ask those that may have something and are not asked yet; say which cannot be asked.  Sets
 * is_over: the job, or the instance, is there no more or is stopped. */
int logs_look(struct logs *l, bool is_first);

/* ---- api_logs_peer.c ---- */
/* NULL: too many, or out of memory. */
struct logs_peer *logs_peer_know(struct logs *l, const struct member *member);
/* Ask this node, once more if it was asked before. */
void logs_peer_ask(struct logs *l, const struct member *member);
struct logs_peer *logs_peer_find(const struct logs *l, struct node_id id);
bool logs_peer_head(struct logs_peer *p, struct log_frame *ret_frame);
void logs_peer_take(struct logs_peer *p);
void logs_peer_pace(
    struct logs_peer *p); /* let it go on, or wait, by what is not taken yet */
void logs_peer_give_up(struct logs_peer *p); /* it says nothing */
void logs_peers_close(struct logs *l);
void logs_peers_free(struct logs *l);

#endif
