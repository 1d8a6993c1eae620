/* What can be done with files without an agent: validate, import, init. */
#ifndef AGENT_FILES_H
#define AGENT_FILES_H

#include "core/arena.h"
#include "core/doc.h"

/* The jobs of a job file as "<ns>/<name>" texts; on error everything that is wrong is in
 * `complaints`. */
int files_validate(struct bytes text, struct arena *arena, struct complaints *complaints,
                   const char *const **ret_names, size_t *ret_n);
/* format: "marathon".  ERR_UNSUPPORTED for others. */
int files_import(const char *format, struct bytes text, struct arena *arena,
                 struct complaints *notes, char **ret_yaml);

#endif
