/* The verdict as people read it: of `stratos` alone, and at the top of `status`. */
#ifndef CLI_VERDICT_H
#define CLI_VERDICT_H

#include <jansson.h>

enum { NEEDS_SHOWN = 5 };

/* The data of /v1/verdict: its line, and at most NEEDS_SHOWN of what needs somebody, each with the command
 * that shows more.  Nothing of an agent that makes none. */
void verdict_print(const json_t *verdict);

#endif
