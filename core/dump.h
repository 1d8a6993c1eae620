/* Keeping a process that holds keys to itself. */
#ifndef CORE_DUMP_H
#define CORE_DUMP_H

/* No core file of this process, and no look into its memory, environment or open files by other
 * processes of its user.  exec resets it, so each program calls this first of all. */
void dump_forbid(void);

#endif
