/* Texts of which each is held once, however many refer to it: the names of members.
 *
 * A node has a pool of its own; a host of many machines hands one to all of them, for they know
 * the same members by the same names.  Whoever shares a pool runs on one thread. */
#ifndef GOSSIP_MEMBERS_NAMES_H
#define GOSSIP_MEMBERS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct name;

struct names {
    struct name **buckets; /* n_buckets is zero or a power of two */
    size_t n, n_buckets;
};

void names_init(struct names *names);
void names_fini(struct names *names); /* also what is still referred to */
/* The pool's text equal to `text`, with one reference more; good until names_drop has been called
 * for each.  NULL when out of memory. */
const char *names_take(struct names *names, const char *text);
/* Has it been taken more than once, by whomever? */
bool names_is_shared(const char *taken);
void names_drop(struct names *names, const char *taken); /* NULL is fine */

#endif
