/* What the parts of a recording share: recording.c (records), recording_begin.c (a node's start) and
 * recording_input.c (inputs). */
#ifndef AGENT_RECORDING_INNER_H
#define AGENT_RECORDING_INNER_H

#include "agent/recording.h"
#include "core/pass.h"

void recording_pass_disk(struct pass *p, struct disk_facts *v);
void recording_pass_begin(struct pass *p, struct recorded *r);
void recording_pass_input(struct pass *p, struct recorded *r);

#endif
