/* The ledger of one plan: what every node has left, and which node is best for one instance.
 *
 * The rules that make a plan a fixed point live here (DESIGN 8).  Everything that claims hold is
 * reserved from the beginning, wherever they come in the order, and what is placed is reserved
 * when it is visited: so a claim that turns up later only removes nodes that were not chosen.
 * The score counts what comes earlier in the order, and of the rest only claims that are proven:
 * those have been there for a while and cannot be this plan's own, still arriving ones. */
#ifndef SCHED_PLACE_H
#define SCHED_PLACE_H

#include "core/bounds.h"
#include "sched/place_rule.h"

enum {
    PLACE_SAMPLE =
        64, /* candidates looked at together; the next 64 only if none of them fits */
    PLACE_VAIN_MAX = 8, /* vain searches remembered: people ask for a handful of sizes */
    /* nodes looked at for those that miss least: of one plan some milliseconds, and every job of a small
     * cluster; nobody reads what more jobs miss before some have got it */
    PLACE_NEAR_MAX = 1 << 16,
};

/* Why a node cannot take an instance: the first filter it fails. */
enum fit {
    FIT_YES,
    FIT_NO_WORK, /* dead, leaving, away, disk full or broken, a host that cannot run tasks */
    FIT_CONSTRAINT,
    FIT_RUNS_IT, /* under a claim that holds no more: it has to end before another is made */
    FIT_UNIQUE,
    FIT_PORT,
    FIT_CPU,
    FIT_MEMORY,
    FIT_REFUSED,
    FITS,
};

struct load {
    uint64_t cpu_milli, memory_bytes;
};

struct ring_node {
    uint64_t at; /* place on the ring: a hash of the id */
    uint32_t node;
};

struct port_set {
    uint64_t *slots; /* (node, port) + 1, open addressing; 0 = free */
    size_t n_slots;
};

struct place_score {
    uint32_t n_same; /* instances of the same job that count: fewer is better */
    uint64_t load;   /* in 1/1024 of the node's scarcer resource: less is better */
    uint64_t rank;   /* rendezvous hash of (job, index, node): more is better */
};

/* A search over all nodes that failed for lack of cpu and memory alone. */
struct place_vain {
    struct load need;
    uint32_t n_cpu, n_memory;
};

struct place_choice {
    uint32_t node;                   /* VIEW_NONE: nothing fits */
    uint32_t n[FITS];                /* verdicts on the nodes looked at */
    bool is_fewest, is_least_loaded; /* what set the chosen one apart, if anything */
    uint32_t refusal;                /* into view.refusals, the first met; VIEW_NONE */
};

struct place {
    const struct view *view;
    struct arena *arena;
    struct rules rules;
    struct load *reserved; /* by node: all live claims, and what was placed so far */
    struct load *scored;   /* by node: proven claims, and what was visited so far */
    struct port_set ports; /* fixed host ports, of the same */
    struct ring_node *ring,
        *eligible_buf; /* nodes that take work; the job's part of them */
    size_t n_ring;
    uint32_t n_no_work; /* live nodes that take no work */
    uint64_t *node_hash;
    uint32_t *holders;      /* by instance: the claim that holds it, or VIEW_NONE */
    size_t *first_instance; /* by job, n_jobs + 1: its slice of holders */
    struct place_vain vain[PLACE_VAIN_MAX];
    size_t n_vain;
    size_t n_near; /* nodes looked at for those that miss least, so far */

    /* the job being visited */
    uint32_t job, round; /* round: one more for each place_job; 0 = none */
    struct rule *rules_of_job[CONSTRAINTS_MAX];
    size_t n_rules_of_job;
    uint64_t job_hash;
    const struct ring_node *eligible; /* NULL until somebody needs it */
    size_t n_eligible;
    uint32_t *n_same, *n_same_round; /* by node; another round's number counts as 0 */

    /* the instance being visited */
    uint32_t serial;
    uint32_t *refused_serial, *refused_by; /* by node */
    uint32_t *runs_serial;                 /* by node */
    /* some node refuses or runs it: its fits are not those of its siblings */
    bool is_special;
    bool has_former;     /* what runs somewhere is of a removed job */
    uint64_t generation; /* the highest ever seen of it; 0 = none */
    size_t next_claim, next_refusal,
        next_past; /* cursors: instances are visited in order */
};

/* Set up for a view and find out who holds what.  All memory is the arena's; 0 or -ENOMEM. */
int place_init(struct place *p, const struct view *v, struct arena *arena);

/* Turn to a job (with a spec, in order), then to its instances from 0.  0 or -ENOMEM. */
int place_job(struct place *p, uint32_t job);
void place_instance(struct place *p, uint32_t index);

/* The job and instance turned to last: may this node take it? */
enum fit place_fit(const struct place *p, uint32_t node);
struct place_score place_score(const struct place *p, uint32_t index, uint32_t node);
void place_choose(struct place *p, uint32_t index, struct place_choice *ret_choice);

/* Enter the visit's outcome: the instance is held by `claim`, or was placed on `node`. */
void place_held(struct place *p, uint32_t claim);
void place_placed(struct place *p, uint32_t node);

/* ---- shared by the ledger's own files ---- */

/* place_ledger.c */
struct load place_need(const struct job_spec *spec);
void load_add(struct load *to, struct load more); /* sticks at the top rather than wrap */
bool claim_runs(const struct claim_doc *doc);     /* neither finished, failed nor lost */
bool place_port_taken(const struct place *p, uint32_t node, uint16_t port);
bool place_ports_taken(const struct place *p, uint32_t job, uint32_t node);
void place_ports_take(struct place *p, uint32_t job, uint32_t node);
int place_job_rules(struct place *p, uint32_t job);
/* place_claims.c: fill holders, reserved, scored and ports from the claims. */
int place_claims(struct place *p);

/* place_reason.c: short texts for people; NULL when out of memory. */
const char *place_reason_placed(const struct place *p, const struct place_choice *choice);
const char *place_reason_none(struct place *p, const struct place_choice *choice);
const char *place_reason_fit(const struct place *p, enum fit fit, uint32_t node);
/* place_near.c: "; n2 would fit with memory <= 3.6G", of the job and instance turned to last; "" when
 * nothing that a person could change is enough.  Looks at every node. */
const char *place_near(const struct place *p);

#endif
