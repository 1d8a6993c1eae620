/* The handlers of the command table, each in the file of its verb. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/command.h"

/* verb_agent.c */
int verb_agent(const struct invocation *in);
/* verb_dev.c */
int verb_dev(const struct invocation *in);
int verb_demo_http(const struct invocation *in);
/* verb_replay.c */
int verb_replay(const struct invocation *in);
/* verb_files.c */
int verb_init(const struct invocation *in);
int verb_validate(const struct invocation *in);
/* verb_import.c */
int verb_import(const struct invocation *in);
/* verb_run.c */
int verb_run(const struct invocation *in);
/* verb_status.c */
int verb_status(const struct invocation *in);
/* verb_verdict.c: of no verb at all */
int verb_verdict(const struct invocation *in);
/* verb_jobs.c */
int verb_jobs(const struct invocation *in);
int verb_history(const struct invocation *in);
/* verb_inspect.c */
int verb_inspect(const struct invocation *in);
/* verb_order.c */
int verb_scale(const struct invocation *in);
int verb_stop(const struct invocation *in);
int verb_start(const struct invocation *in);
int verb_restart(const struct invocation *in);
int verb_rm(const struct invocation *in);
/* verb_logs.c */
int verb_logs(const struct invocation *in);
/* verb_events.c */
int verb_events(const struct invocation *in);
/* verb_members.c */
int verb_members(const struct invocation *in);
int verb_gossip(const struct invocation *in);
int verb_join(const struct invocation *in);
int verb_leave(const struct invocation *in);
int verb_forget(const struct invocation *in);
/* verb_why.c */
int verb_why(const struct invocation *in);
int verb_trace(const struct invocation *in);
/* verb_services.c */
int verb_services(const struct invocation *in);
int verb_resolve(const struct invocation *in);
/* verb_var.c */
int verb_var_set(const struct invocation *in);
int verb_var_get(const struct invocation *in);
int verb_var_ls(const struct invocation *in);
int verb_var_rm(const struct invocation *in);
/* verb_token.c */
int verb_token(const struct invocation *in);
int verb_ui(const struct invocation *in);
/* verb_secret.c */
int verb_secret_new(const struct invocation *in);
int verb_secret_rotate(const struct invocation *in);
/* verb_install.c */
int verb_install(const struct invocation *in);
int verb_uninstall(const struct invocation *in);
/* help.c */
int verb_help(const struct invocation *in);
int verb_version(const struct invocation *in);

#endif
