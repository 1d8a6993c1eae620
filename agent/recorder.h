/* The file of `agent --record FILE`: what the node is told, as it is told.  Each input is on its way to the
 * disk before the node takes it, so the file of an agent that crashed ends with what it crashed of.
 *
 * A file that cannot be written, or is full, ends the recording and never the agent. */
#ifndef AGENT_RECORDER_H
#define AGENT_RECORDER_H

#include "agent/recording.h"

enum { RECORDER_FILE_MAX = 256 << 20 };

struct recorder;

/* A new file, mode 0600; NULL with an error for people when it is there already or cannot be made. */
struct recorder *recorder_open(const char *path, struct err *err);
void recorder_close(struct recorder *r,
                    const char *why); /* `why` nothing more comes; r may be NULL */
void recorder_put(struct recorder *r,
                  struct recorded *what); /* r may be NULL: nothing is recorded */
/* What the step before has appended to `fx`, from number `first` on. */
void recorder_effects(struct recorder *r, const struct node *n,
                      const struct node_effects *fx, size_t first);
void recorder_cleared(struct recorder *r);

#endif
