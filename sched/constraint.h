/* Constraints: does a node's attribute satisfy what a job asks of it? */
#ifndef SCHED_CONSTRAINT_H
#define SCHED_CONSTRAINT_H

#include "core/cluster.h"
#include "core/err.h"

/* Is the constraint's value usable (a regex that compiles, an attribute name)?  Texts say why not. */
int constraint_check(const struct constraint *c, struct err *err);

/* The node's value for an attribute, or NULL: "hostname" and "node" are the node's name, the rest
 * are its attributes. */
const char *attribute_of(const struct node_doc *node, const char *attr);

/* Does it ask for a node's name? */
bool constraint_is_of_name(const struct constraint *c);

/* == and like against one node.  `unique` is about the other instances: always true here. */
bool constraint_holds(const struct constraint *c, const struct node_doc *node);

#endif
