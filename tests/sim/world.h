/* The simulator's world: pure nodes on virtual time, with a network that delays, loses, repeats and
 * reorders, disks that survive or do not, and tasks that exit.
 *
 * Everything is drawn from one rng, so that a seed is a run.  Nothing here knows how a node works:
 * it performs effects and delivers events, as agent/uv_agent.c does with real ones. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "agent/backlog.h"
#include "agent/node.h"
#include "core/rng.h"
#include "gossip/members/discovery.h"
#include "proto/replay.h"
#include "tests/lib/tape.h"

enum {
    SIM_NODES_MAX = 1024,
    SIM_JOBS_MAX = 64,
    SIM_ROTATIONS_MAX = 64,
    SIM_VARS_MAX = 12,
    SIM_ORDERS_MAX = 512,
    SIM_PAIRS_MAX = 128,
    SIM_SESSIONS_MAX = 1 << 16,
    SIM_CLUSTERS_MAX = 2,
    SIM_PORT = 7780,
    /* Of the reap time: how long deletions wait for the dead, and for what is under way. */
    SIM_HOLD_PART = 60,
    SIM_LAG_PART = 432
};

/* How nodes come to know of each other when they start. */
enum sim_meeting {
    MEET_SEEDS,
    MEET_BEACONS, /* by multicast on one LAN, without being told of anybody */
    MEET_MEMORY,  /* by what is on their disks alone */
};

struct sim_options {
    uint64_t seed;
    unsigned nodes;
    uint32_t delay_min_ms, delay_max_ms;
    double loss, duplication;
    bool has_partitions, is_asymmetric, has_crashes, has_wipes, has_skew, has_task_exits;
    bool has_flaps, has_jumps, has_storms, has_joiners, has_rotations, is_forced;
    bool has_bad_disks; /* that refuse writes, while people give orders of order.h */
    bool has_ailing_disks;
    enum sim_meeting meeting;
    unsigned clusters;  /* 2: every other node holds another secret */
    uint64_t faults_ms; /* how long faults go on */
    uint32_t
        reap_ms; /* 0: as in the profile; else people also set and remove variables */
    bool has_absence;   /* the last node is down for longer than that */
    bool has_moves;     /* hosts get other addresses, and lose them for a while */
    bool has_copies;    /* of one node's disk and memory are put back */
    bool has_edits;     /* people edit jobs in what their tasks cannot see */
    bool has_clones;    /* of one node another host comes up with its identity */
    bool has_cuts;      /* the power fails, and with it goes what was not synced */
    bool has_pairs;     /* orders that are given twice, and two at once */
    bool has_strangers; /* other programs take ports of the hosts and give them back */
    bool
        is_taped; /* what each node is told is told again at the end, and it does the same */
    unsigned jobs;
};

struct sim_task {
    struct sim_task *next;
    char key[160];
    uint64_t boot; /* of the launch: events of an earlier task of that key are void */
    bool is_running, has_started, is_healthy;
    uint32_t pid;
    uint64_t started_unix_ms;
    uint16_t ports[PORTS_MAX];
    size_t n_ports;
    struct bytes note; /* malloc'ed */
};

/* What a datagram is sealed under, see seal.h. */
struct sim_nonce {
    uint32_t session; /* sessions are numbered from 1 */
    uint64_t counter;
};

struct sim_session {
    uint32_t number;
    uint64_t counter;
    struct clocks drawn;
};

struct sim_node {
    struct node *node; /* NULL: down */
    struct node_effects fx;
    struct tape
        tape; /* of all it is told, in some seeds: told to another node at the end */
    size_t n_persisted; /* of fx, looked at for the store already */
    struct store *store;
    struct backlog backlog;
    uint64_t retry_ms;    /* when the backlog is tried again by itself */
    bool ails, has_ailed; /* its disk does, or did; see ail.h */
    bool is_shut;         /* its store was ailing at the start, and is to be opened */
    bool is_unwritten;    /* what it said may not be on its disk */
    uint64_t ails_until_ms, look_ms;
    struct metrics metrics;
    struct node_id id;
    struct endpoint host;     /* its address; family 0: it has none */
    unsigned n_moves;         /* to another */
    struct endpoint endpoint; /* where the node listens: it may not have noticed yet */
    char name[16];
    unsigned
        twin_of; /* the number of the node whose identity it has, from 1; 0: its own */
    unsigned n_told_clone, n_told_conflict; /* by its events */
    uint64_t boot;      /* grows with every start: events for earlier lives are void */
    uint64_t disk;      /* grows with every wipe */
    struct store *copy; /* of its disk, of an earlier moment; NULL */
    bool goes_on;       /* its memory was put back: this start is none */
    int64_t skew_ms;
    uint64_t slept_ms; /* CLOCK_BOOTTIME less CLOCK_MONOTONIC */
    struct sim_session session;
    struct replay_table replays;
    uint64_t n_copied,
        n_replayed;   /* datagrams and beacons to it that come twice; refused */
    unsigned side;    /* of the partition */
    uint64_t tick_ms; /* the armed timer; UINT64_MAX: none */
    unsigned cluster;
    struct keyring keys; /* of the secret file */
    unsigned n_changes;  /* of it by the node */
    enum sim_meeting meeting;
    struct discovery discovery;
    struct sim_task *tasks;
    uint32_t next_accepted;
    bool is_spared;      /* by the storm that is being performed */
    bool is_absent;      /* stays down until faults end */
    uint64_t n_unopened; /* datagrams and beacons sealed under what it does not hold */
    uint64_t n_launched; /* tasks */
    unsigned n_knocked[KNOCK_MEMBER + 1]; /* what was said of silent seeds */
    struct port_set strangers; /* ports that other programs of this host have */
    uint64_t n_looked;         /* at ports */
};

struct sim_event;
struct sim_stream;

/* What the workload wants, and what it was promised. */
struct sim_job {
    char name[16];
    unsigned cluster; /* of who took the order */
    uint32_t count;
    bool is_asked, is_acked; /* submitted; acknowledged */
    bool is_removal_asked, is_stopped;
    bool has_check;       /* in its first spec */
    const char *task;     /* an argument of its command; NULL: none */
    uint64_t newest_edit; /* as newest_order, of its job record */
    unsigned n_edits;
    uint32_t scale_asked; /* the newest scale order; UINT32_MAX: none */
    uint64_t
        newest_order; /* the generation of its control record, as far as any node had it */
    unsigned n_open;  /* orders that were not answered: their node may have crashed */
    bool is_unsure;   /* an order was not acknowledged: either outcome is right */
    bool is_lost;     /* its record was on disks alone that are gone */
};

/* A variable that is set and removed again and again, each time by a node that has seen the time
 * before, so that there is one right outcome. */
struct sim_var {
    bool is_there;           /* as ordered last */
    bool is_open, is_unsure; /* not answered; not acknowledged */
    unsigned n_orders, cluster;
    struct node_id writer; /* of the latest order, and its number or a greater one */
    uint64_t epoch, number;
};

/* What became of an order. */
enum sim_outcome {
    OUTCOME_NONE, /* it was not given */
    OUTCOME_OPEN, /* not answered; for good when its node has crashed */
    OUTCOME_DONE,
    OUTCOME_REFUSED, /* it is nowhere */
    OUTCOME_UNSURE,  /* it may stand */
};

/* A variable that two orders are about, given at once to two nodes or to one; see pair.h. */
struct sim_pair {
    unsigned cluster, nodes[2];
    bool is_same; /* value */
    enum sim_outcome outcomes[2];
};

/* A thing that is made by one order and ended by another; see order.h. */
struct sim_order {
    bool is_job;
    unsigned node, cluster;
    enum sim_outcome made, ended;
};

struct sim_rotation {
    unsigned cluster;
    struct secret from, to;
    bool is_acked;
};

struct sim {
    struct sim_options options;
    struct rng rng;
    uint64_t now_ms;
    struct sim_node nodes[SIM_NODES_MAX];
    struct sim_event **heap;
    size_t n_events, events_cap;
    uint64_t next_event;
    struct sim_stream *streams;
    struct sim_job jobs[SIM_JOBS_MAX];
    size_t n_jobs;
    struct sim_var vars[SIM_VARS_MAX];
    struct sim_order orders[SIM_ORDERS_MAX];
    size_t n_orders;
    struct sim_pair pairs[SIM_PAIRS_MAX];
    size_t n_pairs;
    unsigned n_clones;            /* behind the nodes */
    uint64_t n_refused, n_unsure; /* of them, by disks */
    int ack;                      /* of the other orders */
    struct gossip_profile profile;
    struct sim_rotation rotations[SIM_ROTATIONS_MAX];
    uint32_t n_sessions;
    uint64_t counted[SIM_SESSIONS_MAX]; /* the last counter of each session */
    size_t n_rotations, n_handed_out;   /* secrets that an operator had to carry */
    uint64_t trace_hash;
    uint64_t n_steps, n_datagrams, n_dropped;
    uint64_t n_at_once, at_once_ms; /* steps within one millisecond */
    uint64_t n_suspicions, n_deaths;     /* as the nodes tell them */
    uint64_t n_rumors, n_table_messages; /* while is_listening */
    bool is_partitioned, is_verbose, is_listening;
    bool has_updates;     /* some edit may start tasks anew */
    bool is_refused;      /* the running order: nothing has happened */
    unsigned flap[2];     /* the link that flaps, */
    bool is_flap_one_way; /* from the first to the second */
    bool is_flap_steady;  /* it is cut all the while */
    uint64_t flap_until_ms;
    double loss_now, duplication_now;
    char failure[512]; /* what a checker said first */
};

void sim_init(struct sim *s, const struct sim_options *options);
void sim_fini(struct sim *s);

/* Run until virtual time `until_ms` or a failure. */
void sim_run(struct sim *s, uint64_t until_ms);
void sim_fail(struct sim *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- faults; each is one deliberate act of the scenario ---- */
void sim_boot(struct sim *s, unsigned node);
void sim_crash(struct sim *s, unsigned node, bool kills_tasks);
void sim_wipe(struct sim *s,
              unsigned node); /* of a node that is down: its disk and tasks are gone */
void sim_task_exit(struct sim *s, unsigned node); /* one running task of it, if any */
/* ---- orders ---- */
/* An answer that says that nothing has happened, and nothing will. */
bool sim_is_refusal(int code);
/* `command`'s token is set to `job`'s index; the answer updates s->jobs.  False: the node refused it,
 * somebody else is to be asked. */
bool sim_command(struct sim *s, unsigned node, struct order *command, size_t job);
/* As sim_command, of what is no job; its answer is not looked at with SIM_NO_TOKEN. */
#define SIM_NO_TOKEN UINT64_MAX
void sim_order(struct sim *s, unsigned node, const struct order *command);

/* All hosts, the clones' too; nodes are what others know. */
unsigned sim_n_hosts(const struct sim *s);
/* A host with its number's address and this disk; for sim_init and clones. */
void sim_node_init(struct sim *s, unsigned index, struct store *store);
struct moment sim_moment(const struct sim *s, const struct sim_node *n);

#endif
