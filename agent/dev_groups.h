/* The control groups a killed node of `stratos dev` leaves behind. */
#ifndef AGENT_DEV_GROUPS_H
#define AGENT_DEV_GROUPS_H

/* End what still runs in the groups of the tasks below `data_dir` (absolute, without
 * links) and remove them.  The agent must have ended. */
void dev_groups_remove(const char *data_dir);

#endif
