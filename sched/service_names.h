/* Where the names of a job do not fit into DNS. */
#ifndef SCHED_SERVICE_NAMES_H
#define SCHED_SERVICE_NAMES_H

#include "core/doc.h"
#include "core/job.h"

/* Add a note for each name that `spec` will not have: of a label, with its '_', 63 octets fit (RFC 1035,
 * 2.3.4), and names of 63 letters are good names otherwise.  Whole names always fit: 212 of 253. */
void service_names_note(const struct job_spec *spec, struct complaints *notes);

#endif
