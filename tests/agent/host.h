/* A tiny host for whole nodes in one process: virtual time, datagrams and streams that
 * take a millisecond, a store in memory, and tasks that start when they are launched.
 *
 * It performs effects as agent/uv_agent.c does, and writes down what people would see. */
#ifndef TESTS_AGENT_HOST_H
#define TESTS_AGENT_HOST_H

#include "agent/backlog.h"
#include "agent/node.h"
#include "core/metrics.h"
#include "tests/lib/tape.h"

enum {
    HOSTS_MAX = 5,
    HOST_TASKS_MAX = 32,
    HOST_DONE_MAX = 64,
    HOST_NAMES_MAX = 8,
    HOST_LOG_MAX = 1 << 16
};

struct host_task {
    char key[160];
    bool is_running; /* false: launched and held back, or ended */
    uint32_t pid;
    unsigned n_launches, n_signals, n_kills, n_probes;
    uint16_t ports[PORTS_MAX];
    size_t n_ports;
    char version[16];               /* STRATOS_VERSION */
    char address[ADDRESS_TEXT_MAX]; /* STRATOS_ADDRESS */
    uint64_t started_unix_ms;
    uint8_t note[8192];
    size_t note_len;
};

struct host_done {
    uint64_t token;
    struct node_result result; /* what it points to is in here */
    char text[512], told[256], names[HOST_NAMES_MAX][16];
    const char *has[HOST_NAMES_MAX];
    struct node_missing missing[HOST_NAMES_MAX];
};

struct host {
    struct hosts *all;
    struct node_options options;
    char name[8];
    struct node *node; /* NULL: down */
    struct node_effects fx;
    struct tape
        tape; /* of all it is told: told to another node at the end, which asks for the same */
    size_t n_persisted; /* of fx, looked at for the store already */
    struct store *store;
    struct backlog backlog;
    uint64_t retry_ms; /* when the backlog is tried again by itself */
    struct metrics metrics;
    struct host_task tasks[HOST_TASKS_MAX];
    size_t n_tasks;
    struct host_done done[HOST_DONE_MAX];
    size_t n_done;
    char log[HOST_LOG_MAX]; /* a line for each launch, signal, kill, removal, probe and
                               event */
    size_t log_len;
    bool has_exited;
    struct endpoint nat; /* whom the others see in its place; family 0: itself */
    bool is_cut;         /* from the network */
    bool holds_starts;   /* launches are not answered */
    bool has_no_seeds;   /* it starts with what it remembers alone */
    enum knock knocked;  /* why its streams to nobody fail; NONE: it does not know */
    bool obeys;          /* a signalled task exits with 143 */
    bool passes_probes;
    int64_t skew_ms;             /* of its wall clock, beside the step of all */
    struct port_set strangers;   /* ports that other programs have */
    struct port_set free_by_udp; /* of these, they have the TCP port alone */
    unsigned n_looks;            /* for ports */
    unsigned n_unopened;         /* datagrams sealed with what it does not open */
    uint32_t next_accepted;
};

struct hosts {
    struct host hosts[HOSTS_MAX];
    unsigned n;
    uint64_t now_ms;
    int64_t wall_step_ms; /* by how much the wall clocks were set */
    uint32_t next_pid;
    struct host_message *queue;
    size_t n_queue, queue_cap;
    struct host_stream *streams;
};

struct hosts *hosts_new(unsigned n);
void hosts_free(struct hosts *all);
/* Start with what the store holds, adopt the tasks that are there, join the others. */
void host_start(struct host *h);
/* Its host is at `to` from now on, which is all it has; family 0: it has no address. */
void host_move(struct host *h, struct endpoint to);
/* A crash: store and tasks stay. */
void host_stop(struct host *h);
void hosts_run(struct hosts *all, uint64_t ms);
struct moment hosts_now(const struct hosts *all);
struct moment host_now(const struct host *h); /* by its own clock */
/* `n` hosts that know each other and have nothing to do. */
struct hosts *hosts_settled(unsigned n);

void host_step(struct host *h, const struct node_input *in);
void host_command(struct host *h, const struct order *command);
/* The jobs of a job file; returns the token. */
uint64_t host_submit(struct host *h, const char *file, uint32_t if_version, int ack);
/* A command about a job or a name; returns the token. */
uint64_t host_order(struct host *h, enum order_kind kind, const char *name,
                    uint32_t count);
/* Its answer; NULL while there is none.  Fails the test when there are two. */
const struct host_done *host_done(const struct host *h, uint64_t token);

struct host_task *host_task(struct host *h, const char *key); /* NULL: not there */
void host_exit(struct host *h, const char *key, int32_t status);
bool host_said(const struct host *h, const char *text);
/* Effects that the test itself caused by calling the node. */
void host_perform(struct host *h);

/* ---- host_net.c, for host.c ---- */

void host_net_perform(struct host *h, const struct gossip_effect *e);
void host_net_deliver(struct hosts *all); /* what is due */
uint64_t host_net_due_ms(const struct hosts *all);
void host_net_stop(struct host *h); /* a host is gone: its streams break */
void host_net_fini(struct hosts *all);

#endif
