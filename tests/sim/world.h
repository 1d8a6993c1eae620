/* The simulator's world: pure nodes on virtual time, with a network that delays, loses, repeats and
 * reorders, disks that survive or do not, and tasks that exit.
 *
 * Everything is drawn from one rng, so that a seed is a run.  Nothing here knows how a node works:
 * it performs effects and delivers events, as agent/uv_agent.c does with real ones. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "agent/node.h"
#include "core/rng.h"
#include "gossip/discovery.h"

enum {
    SIM_NODES_MAX = 1024,
    SIM_JOBS_MAX = 64,
    SIM_ROTATIONS_MAX = 64,
    SIM_VARS_MAX = 12,
    SIM_CLUSTERS_MAX = 2,
    SIM_PORT = 7780
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
    enum sim_meeting meeting;
    unsigned clusters;  /* 2: every other node holds another secret */
    uint64_t faults_ms; /* how long faults go on */
    uint32_t reap_ms;   /* 0: as in the profile; else people also set and remove variables */
    bool has_absence;   /* the last node is down for longer than that */
    unsigned jobs;
};

struct sim_task {
    struct sim_task *next;
    char key[160];
    uint64_t boot; /* of the launch: events of an earlier task of that key are void */
    bool is_running, is_healthy;
    uint32_t pid;
    uint64_t started_unix_ms;
    struct bytes note; /* malloc'ed */
};

struct sim_node {
    struct node *node; /* NULL: down */
    struct node_effects fx;
    struct store *store;
    struct metrics metrics;
    struct node_id id;
    struct endpoint endpoint;
    char name[16];
    uint64_t boot; /* grows with every start: events for earlier lives are void */
    uint64_t disk; /* grows with every wipe */
    uint64_t epoch;
    int64_t skew_ms;
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
    uint32_t scale_asked; /* the newest scale order; UINT32_MAX: none */
    uint64_t
        newest_order; /* the generation of its control record, as far as any node had it */
    unsigned n_open;  /* orders that were not answered: their node may have crashed */
    bool is_unsure;   /* an order was not acknowledged: either outcome is right */
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
    struct gossip_profile profile;
    struct sim_rotation rotations[SIM_ROTATIONS_MAX];
    size_t n_rotations, n_handed_out; /* secrets that an operator had to carry */
    uint64_t trace_hash;
    uint64_t n_steps, n_datagrams, n_dropped;
    uint64_t n_suspicions, n_deaths;     /* as the nodes tell them */
    uint64_t n_rumors, n_table_messages; /* while is_listening */
    bool is_partitioned, is_verbose, is_listening;
    bool is_refused;      /* the running order, for its node's clock is wrong */
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
/* `command`'s token is set to `job`'s index; the answer updates s->jobs.  False: the node's clock is
 * wrong, somebody else is to be asked. */
bool sim_command(struct sim *s, unsigned node, struct command *command, size_t job);
/* As sim_command, of what is no job; its answer is not looked at with SIM_NO_TOKEN. */
#define SIM_NO_TOKEN UINT64_MAX
void sim_order(struct sim *s, unsigned node, const struct command *command);

struct moment sim_moment(const struct sim *s, const struct sim_node *n);

#endif
