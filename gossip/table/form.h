/* The form of the store: which keys stand in it, and how those of an older form are turned.
 *
 *     1   that of 0.1: var/<name>, lost/var/<name>
 *     2   var/<ns>/<name>, lost/var/<ns>/<name>; what form 1 has is of namespace "default"
 *
 * A name may hold '/', so no key shows its form: the store has a number, and while it is turned how
 * far that has come.  Turning writes no entry anew: each keeps its writer, number, generation and
 * stamp, so all nodes turn theirs alike and go on with equal tables. */
#ifndef GOSSIP_TABLE_FORM_H
#define GOSSIP_TABLE_FORM_H

#include "core/arena.h"
#include "core/store.h"

struct form {
    /* variables whose name begins with "default/" fewer times than this are still
     * under their old key; 0: the store is of this version's form */
    uint64_t depths_left;
};

/* ERR_UNSUPPORTED for the form of a newer version, with words for people; ERR_DAMAGED. */
int form_read(struct store *s, struct form *ret_form, struct err *err);
/* Turn the store.  It can be stopped after each of its writes and begun again; a store that is turned
 * already is left alone.  As form_read, and the errors of the store. */
int form_turn(struct store *s, struct err *err);
/* What is read from a store of this form as it is in this version's: key and value are replaced, and
 * live in `arena`.  ERR_DAMAGED, -ENOMEM. */
int form_apply(const struct form *form, enum store_space space, struct bytes *key,
               struct bytes *value, struct arena *arena);

#endif
