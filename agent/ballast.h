/* The ballast: a file of real blocks in the data directory, there to be thrown out.
 *
 *     DATA/ballast     8 MiB, 0600
 *
 * When a start finds the disk full it is removed, and the store is opened in the room it gives. */
#ifndef AGENT_BALLAST_H
#define AGENT_BALLAST_H

#include <stdbool.h>

#include "core/err.h"

bool ballast_stands(const char *data_dir);
/* Blocks, and takes as long as the disk needs for 8 MiB.  What cannot be made whole is not left. */
int ballast_make(const char *data_dir, struct err *err);
void ballast_drop(const char *data_dir);

#endif
