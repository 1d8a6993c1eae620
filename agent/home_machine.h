/* DATA/machine: on which host this data was made, as a keyed hash of /etc/machine-id.
 *
 * A copy of DATA on another host would be a second node of the same identity.  Where a host has no machine
 * id, as many containers, nothing is checked; the members notice twins by themselves. */
#ifndef AGENT_HOME_MACHINE_H
#define AGENT_HOME_MACHINE_H

#include <stdbool.h>

#include "core/err.h"

enum machine_policy {
    MACHINE_SAME,  /* data of another host is refused */
    MACHINE_ADOPT, /* this host replaces the other */
    MACHINE_NEW,   /* another node begins here */
};

#define MACHINE_ID_FILE "/etc/machine-id"

/* Was the data made on another host?  0; ERR_CONFLICT with the remedies, under MACHINE_SAME.  Under
 * MACHINE_NEW *ret_is_new asks for another identity and store.  `id_file` names this host. */
int machine_check(const char *data_dir, const char *id_file, enum machine_policy policy,
                  bool *ret_is_new, struct err *err);
/* Write down that it is of this host, where that is not so yet.  Where that cannot
 * be written there is nothing afterwards: next time nothing is checked, and it is written then. */
void machine_write(const char *data_dir, const char *id_file);

#endif
