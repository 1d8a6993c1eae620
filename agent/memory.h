/* Memory that an agent needed for a moment and need not keep: code and tables that only its start,
 * a join or a rare command ran through, and heap that was freed. */
#ifndef AGENT_MEMORY_H
#define AGENT_MEMORY_H

/* Give it back to the kernel.  Nothing is lost: pages of the binary are found in the page cache again
 * when they are next touched.  Cheap enough for once a minute (tens of page faults); not for the
 * middle of work.  Does nothing while a debugger is attached, whose breakpoints live in such pages. */
void memory_give_back(void);

#endif
