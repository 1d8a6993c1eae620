/* The children of a document's map: each key once, `<<` merged.  For doc.c alone. */
#ifndef CORE_DOC_MAP_H
#define CORE_DOC_MAP_H

#include "core/doc.h"

/* Append copies of the children of `source`, the value of a `<<`, to the list that ends
 * at **tail, and move *tail.  Only the nodes are copied, not what is below them: an
 * anchor may still need the originals in their own list.  ERR_MALFORMED, with a
 * complaint, when `source` is not a map or a list of maps; -ENOMEM. */
int doc_map_merge(const struct doc *source, struct doc ***tail, struct arena *arena,
                  struct complaints *complaints);

/* Make the list `own` and then `merged` the children of `map`: of several with one key
 * the first stays.  ERR_MALFORMED, with complaints, when `own` holds a key twice;
 * -ENOMEM. */
int doc_map_fill(struct doc *map, struct doc *own, struct doc *merged,
                 struct complaints *complaints);

#endif
