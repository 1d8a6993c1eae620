/* Small files of the home: identity, secret.  They are read and written at a start, before the
 * loop runs. */
#ifndef AGENT_HOME_FILE_H
#define AGENT_HOME_FILE_H

#include <stddef.h>

#include "core/err.h"

/* Write the file whole and synced under another name first: a power loss leaves the old or the new.
 * 0600.  Returns 0, or a negative errno with the path and the cause in `err`. */
int home_write_file(const char *path, const void *data, size_t len, struct err *err);
/* Read at most `cap` bytes.  Returns how many, or a negative errno with path and cause in `err`. */
int home_read_file(const char *path, void *out, size_t cap, struct err *err);

#endif
