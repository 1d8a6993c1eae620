/* The health checks of one instance, as a pure machine: when each is due, what all of them make of the
 * instance, and what is told of the one in trouble.
 *
 *   - unknown until each has passed once; failing from `unready_after` failures in a row of any, passing
 *     again as soon as that one passes;
 *   - a live check restarts the task after `max_failures` in a row, a ready one never does;
 *   - until its first pass, failures within the grace do not count;
 *   - a check that comes to a healthy task takes nothing from it before it fails; health is none while
 *     no check has a word on it yet.
 *
 * What is told follows the change and not the probes: the words of a check in trouble are taken at its
 * 1st, 2nd, 4th, 8th ... failure in a row, at each change of state, and when they have become others
 * after some minutes.  So a check that fails for a day writes its claim some twenty times. */
#ifndef ISOLATE_CHECKS_H
#define ISOLATE_CHECKS_H

#include "core/cluster.h"
#include "core/moment.h"

enum { CHECK_SAID_MAX = 144 };

struct health_check {
    uint64_t next_ms; /* when to probe next; UINT64_MAX while one is under way or not
                               running */
    uint64_t since_unix_ms; /* the first failure in a row */
    uint32_t failures;      /* in a row, those that count */
    uint32_t misses;        /* in a row, those within the grace too */
    bool is_due;            /* valid until the next call that gets the machine */
    bool has_passed;        /* since the last start */
    bool is_failing;        /* unready_after was reached, and it has not passed since */
    /* came to a healthy task, which it is believed to be until it is answered */
    bool is_new;
};

struct checks {
    const struct job_spec *spec;
    struct health_check list[HEALTH_MAX];
    bool is_told;        /* the claim speaks of a check */
    unsigned blamed;     /* which; HEALTH_MAX = none in particular */
    uint32_t said_times; /* how often in a row it had failed when `said` was taken */
    uint64_t said_ms, said_since_unix_ms;
    char said[CHECK_SAID_MAX]; /* "" = nothing yet */
};

/* What became of one result. */
enum checks_news {
    CHECKS_SAME,
    CHECKS_TOLD,    /* the health or what is told changed: publish it */
    CHECKS_RESTART, /* a live check has failed too often */
};

void checks_init(struct checks *c, const struct job_spec *spec);
size_t checks_count(const struct checks *c);
enum health checks_health(const struct checks *c);

/* The task has started: all are probed from now on.  What was told before a restart that a check asked
 * for stays told until it passes. */
void checks_start(struct checks *c, uint64_t now_ms);
/* It is down. */
void checks_stop(struct checks *c, bool is_restart);
/* Found running by a new agent, which last knew it so. */
void checks_adopt(struct checks *c, uint64_t now_ms, enum health health);
/* The same task under another spec, which must outlive this: checks that stay keep what is known of
 * them, the others are asked at once. */
void checks_amend(struct checks *c, const struct job_spec *spec, uint64_t now_ms,
                  bool was_healthy);
bool checks_have_new(const struct checks *c);
/* Is one new, or was the last answer to one no? */
bool checks_are_in_doubt(const struct checks *c);
/* Do not probe everything that was adopted at one moment: `chance` is any number. */
void checks_spread(struct checks *c, uint64_t now_ms, uint64_t chance);

/* `age_ms`: since the task started.  `said`: harmless text; NULL with !is_ok: it could not be asked,
 * which is no failure, and is tried again. */
enum checks_news checks_probed(struct checks *c, struct moment at, uint64_t age_ms,
                               unsigned check, bool is_ok, const char *said);
/* Mark what is due; is anything? */
bool checks_tick(struct checks *c, uint64_t now_ms);
void checks_clear_due(struct checks *c);
uint64_t checks_deadline_ms(const struct checks *c);

/* The sentence for people about the check that is told of: "health check 'ready' fails (2 or more in a
 * row, restarts after 3): connection refused"; "" when none is. */
void checks_sentence(const struct checks *c, char *out, size_t cap);
/* For the claim; points into `c` and its spec. */
struct check_doc checks_doc(const struct checks *c);

#endif
