/* `status` without a word: the verdict, the nodes, and the jobs, those that need somebody first. */
#ifndef CLI_OVERVIEW_H
#define CLI_OVERVIEW_H

#include "cli/talk.h"

/* Are -o, -l and --watch as they can be?  Said: EXIT_USAGE. */
int overview_check(const struct invocation *in);
int overview_show(struct talk *t);

/* Drop what the command line's -l does not select; also for `jobs`. */
void overview_select(const struct invocation *in, json_t *jobs);

/* --watch: an empty screen; and wait for the next look, true without end.  Without --watch false at once. */
void overview_clear(void);
bool overview_again(const struct invocation *in);

/* For `stratos` alone: a line for the nodes, one for the jobs, and the last two events.  What cannot be had is
 * left out.  False: there is no job. */
bool overview_lines(struct talk *t);

#endif
