/* Tokens of tasks with `isolation: {api}`: for the job's namespace alone, until the cluster's
 * secret is changed; then the running ones get another. */
#ifndef AGENT_TASK_TOKEN_H
#define AGENT_TASK_TOKEN_H

#include "agent/uv_agent.h"
#include "proto/token.h"

/* For the task `key` of a job in namespace `ns`; erase it after use.  An error of token_make. */
int task_token_make(struct agent *a, enum api_scope scope, const char *ns,
                    const char *key, char out[static TOKEN_TEXT]);

/* To the running or starting task `key`, or with NULL to all of them, a token under the keys of today.  Called
 * when the keys have changed, and for tasks that an earlier agent started: its keys may have been
 * others. */
void task_token_renew(struct agent *a, const char *key);

#endif
