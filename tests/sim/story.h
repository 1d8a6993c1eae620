/* Stories: runs whose course and outcome are known beforehand, each with a sentence that it proves.
 * What scenarios leave to chance is told here on purpose, and looked at more closely. */
#ifndef SIM_STORY_H
#define SIM_STORY_H

#include "tests/sim/world.h"

struct story {
    const char *name; /* the sentence */
    struct sim_options options;
    void (*tell)(struct sim *s); /* all nodes are down; ends with a failure, or without */
};

enum { STORIES_MAX = 64 };

extern const struct story stories_of_addresses[], stories_of_clones[],
    stories_of_copies[], stories_of_disks[], stories_of_edits[], stories_of_members[],
    stories_of_orders[], stories_of_ports[], stories_of_power[], stories_of_secrets[];
extern const size_t n_stories_of_addresses, n_stories_of_clones, n_stories_of_copies,
    n_stories_of_disks, n_stories_of_edits, n_stories_of_members, n_stories_of_orders,
    n_stories_of_ports, n_stories_of_power, n_stories_of_secrets;

/* Tell all whose name contains `part`, with each seed; prints a line for each, returns how many failed
 * and sets how many passed. */
int story_tell_all(const char *part, uint64_t first_seed, uint64_t last_seed,
                   bool is_verbose, int *ret_passed);

/* ---- for who tells one ---- */

void story_boot_all(struct sim *s);
/* Run until all are whole, or converged, for at most that long. */
void story_expect_whole(struct sim *s, uint64_t within_ms, const char *when);
void story_expect_converged(struct sim *s, uint64_t within_ms, const char *when);
void story_expect(struct sim *s, bool is_so, const char *what);
/* `n` jobs of a few instances each, submitted one after another. */
void story_submit(struct sim *s, unsigned node, size_t n);
void story_run(struct sim *s, uint64_t for_ms);
/* What `node` believes of `of`; MEMBER_LEFT when it does not know it, or is down. */
enum member_state story_belief(const struct sim *s, unsigned node, unsigned of);
bool story_is_belief(const struct sim *s, unsigned of,
                     enum member_state state); /* of all others */
uint64_t story_launches(const struct sim *s, unsigned first, unsigned behind_last);

#endif
