/* The other domain values: what a node says of itself, what it claims, what people order.
 * These are the documents of the table (proto/record.h turns them into bytes and back);
 * strings are owned by the arena they were decoded into. */
#ifndef CORE_CLUSTER_H
#define CORE_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/exit.h"
#include "core/ids.h"
#include "core/job.h"
#include "core/stamp.h"

enum member_state { MEMBER_ALIVE, MEMBER_SUSPECT, MEMBER_DEAD, MEMBER_LEFT };
const char *member_state_name(enum member_state state);

enum agent_state { AGENT_UP, AGENT_LEAVING, AGENT_AWAY };

/* Of the disk that holds a node's data: full, it gets no new work; broken, it gives its work away. */
enum disk_state { DISK_OK, DISK_FULL, DISK_BROKEN };
const char *disk_state_name(enum disk_state state);

/* Wall clocks fit into the 48 bits of a stamp, so no two differ by more. */
#define CLOCK_SKEW_MAX_MS (INT64_C(1) << 48)

/* node/<id>, a row. */
struct node_doc {
    const char *name, *version;
    const char *address; /* where its tasks are reached, without port */
    uint32_t cpu_milli;
    uint64_t memory_bytes;
    enum agent_state state;
    uint64_t away_until_unix_ms; /* AGENT_AWAY only, by its own clock: for people */
    uint64_t away_ms;            /* AGENT_AWAY only: for as long its work is left alone */
    /* "hostname", "os.arch", ... and those of --attr; sorted */
    const struct pair *attributes;
    size_t n_attributes;
    uint8_t key_epoch; /* names the secret it seals with; 0 = it does not say */
    /* of the other that it opens while the secret is changed; 0 = none */
    uint8_t other_key_epoch;
    int64_t clock_skew_ms; /* ahead of its peers' median; 0 = right, or not known */
    enum disk_state disk;
    uint64_t disk_since_unix_ms; /* when it became so, by its own clock; 0 = it is ok */
    stamp_t named; /* when it took `name`, see core/naming.h; kept while it has it */
    const char
        *nat; /* where others see it, none of its own addresses; "" = they do not */
};

/* The attribute that says whether a node can run tasks: "full", "limited" or "none"; and why it is not
 * "full". */
#define ATTRIBUTE_TASKS "tasks"
#define ATTRIBUTE_TASKS_CAUSE "tasks.cause"

/* NULL: it has none of that name. */
const char *node_attribute(const struct node_doc *node, const char *name);
bool node_runs_tasks(const struct node_doc *node);

/* job/<ns>/<job>, a record; and version/<ns>/<job>/<version>/<hash>, which stays. */
struct job_doc {
    struct spec_hash spec;
    uint32_t version;      /* shown as v7 */
    stamp_t first_stamp;   /* of the job's first spec: its age */
    uint64_t at_unix_ms;   /* of this submission */
    const char *by, *note; /* node name, free text */
    /* the spec this one was written over, one version below; 0 = none */
    struct spec_hash previous;
    /* tells it from the removed jobs of its name: how often the name was written before it was made, and
     * two; 0 = not known, an older agent made it or wrote it since */
    uint64_t born;
};

/* text/<ns>/<job>/<hash>, a record: the file that a version was submitted as, byte for byte. */
enum text_codec { TEXT_ZSTD = 1 }; /* others are of later versions */
struct text_doc {
    unsigned codec;
    uint32_t len;        /* of the text */
    struct bytes packed; /* points into the document */
    const char
        *others; /* namespaces of its other jobs, with a space between; "" = none */
    const char *params; /* given beside it: lines of name=value; "" = none */
    uint32_t n_jobs;    /* that it makes */
};

/* control/<ns>/<job>, a record. */
enum { SCALED_BY_MAX = 96 }; /* "user@node" */
struct control_doc {
    bool is_stopped;
    bool has_count;
    uint32_t count;                    /* scale override */
    uint64_t scaled_unix_ms;           /* has_count: when, 0 = not known */
    char scaled_by[SCALED_BY_MAX + 1]; /* has_count: who, "" = not known */
    /* a counter: instances started under a smaller one restart; 0 = never */
    uint64_t restart_at;
    uint64_t retry_at; /* one too: what was given up under a smaller one is tried again */
};

/* Of what was ordered, the newest that says "try again". */
uint64_t control_tried_at(const struct control_doc *doc);

enum instance_state {
    INSTANCE_PENDING,
    INSTANCE_STARTING,
    INSTANCE_RUNNING,
    INSTANCE_STOPPING,
    INSTANCE_FINISHED,
    INSTANCE_FAILED,
    INSTANCE_LOST,
};
const char *instance_state_name(enum instance_state state);

enum health { HEALTH_NONE, HEALTH_UNKNOWN, HEALTH_PASSING, HEALTH_FAILING };
const char *health_name(enum health health);

struct claim_port {
    const char *name;
    uint16_t port;
};

/* The health check that keeps an instance from passing, as its holder last told. */
struct check_doc {
    const char *name;  /* "" or NULL: there is none */
    const char *said;  /* its words, harmless: "connection refused"; "" = not known */
    uint32_t failures; /* in a row when this was written: by now it may be more */
    uint64_t since_unix_ms; /* when the first of them was, on the holder's clock */
};

/* claim/<id>/<ns>/<job>/<index>, a row. */
struct claim_doc {
    uint64_t generation;
    struct spec_hash spec;
    uint32_t version;
    uint64_t restart_at; /* control_doc.restart_at when it was started */
    enum instance_state state;
    enum health health;
    bool is_proven; /* healthy for min_healthy_time on the holder's own clock */
    uint64_t claimed_unix_ms, started_unix_ms;
    uint32_t pid, restarts;
    bool has_exit;
    struct exit_fact last_exit;
    const char *reason;
    const struct claim_port *ports;
    size_t n_ports;
    struct check_doc check;
    uint64_t
        again_unix_ms; /* INSTANCE_PENDING: when it is started again; 0 = not known */
    uint64_t born; /* job_doc.born of the job that it was started for; 0 = not known */
};

/* refuse/<id>/<ns>/<job>/<index>, a row. */
struct refuse_doc {
    uint64_t until_unix_ms; /* 0 = until its cause has ended, which its writer watches */
    bool is_untried; /* it was not started: what it needs is not on that host */
    struct spec_hash spec;  /* a new version may be tried at once */
    const char *reason;
};

enum { BORN_BEFORE = 1 }; /* of what was started for a job that does not know its own */
/* Are these of two jobs that had one name, one after the other?  Not when either is not known. */
bool born_differs(uint64_t a, uint64_t b);

/* "healthy" in every count people see: running, and passing if it has checks. */
bool claim_is_healthy(enum instance_state state, enum health health);

#endif
