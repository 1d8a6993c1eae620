/* A file that is another system's: one sentence says what it is and what to do with it. */
#ifndef SCHED_FOREIGN_FILE_H
#define SCHED_FOREIGN_FILE_H

#include "core/doc.h"

/* By its tree.  NULL: none that is known. */
const char *foreign_file_of_doc(const struct doc *root, struct arena *arena);

/* By its text, which need be neither YAML nor JSON; *ret_line: where it shows. */
const char *foreign_file_of_text(struct bytes text, unsigned *ret_line);

#endif
