/* Reports: what this node believes, as JSON (docs/API.md).
 *
 * A report is one consistent view with its plan; every function returns a new reference that the
 * caller owns, NULL when out of memory. */
#ifndef AGENT_REPORT_H
#define AGENT_REPORT_H

#include <jansson.h>

#include "agent/node.h"
#include "core/err.h"
#include "netsvc/catalog.h"
#include "sched/plan.h"

struct caller;
struct sight;

struct report {
    struct arena arena;
    struct moment at;
    struct node *node;
    const struct gossip *gossip;
    const char *self; /* our name */
    struct view view;
    struct plan plan;
    const struct sight *sight; /* who is within reach; NULL: nobody has asked yet */
};

int report_open(struct report *r, struct node *node, const char *self, struct moment at);
void report_close(struct report *r);

/* What means this node alone; `out` holds it where it has no name.  In the report's arena, or `out`. */
const char *report_name(const struct report *r, struct node_id id,
                        char out[static NODE_ID_TEXT]);
/* Every member in the order people expect (n2 before n10); in the report's arena, NULL without
 * memory.  There are members_count of them. */
const struct member **report_sorted(struct report *r);

json_t *report_members(struct report *r);
json_t *report_jobs(const struct report *r);
json_t *report_job(const struct report *r, uint32_t job);
/* report_status.c: a job with its instances; an instance and every node's verdict on it. */
json_t *report_status(struct report *r, uint32_t job);
json_t *report_why(struct report *r, uint32_t job, uint32_t index);
/* Who has the current version of a job: its writer's number held against what every member has seen. */
json_t *report_trace(struct report *r, uint32_t job);
json_t *report_gossip(struct report *r,
                      bool has_map); /* has_map: observer x writer as well */
json_t *report_variables(const struct report *r);
json_t *report_variable(const struct entry *entry);
const char *report_job_status(const struct report *r, uint32_t job);
/* report_versions.c: of a job that may be gone.  Version and body of what `word` names, as
 * versions_find, with an error that says what is wrong, and the text it was submitted as where `who`
 * may see that: "text", null with "text_missing" that says why; its versions, ERR_NOT_FOUND for a job
 * nobody has heard of. */
int report_spec(struct report *r, const char *ns, const char *job, const char *word,
                const struct caller *who, json_t **ret_data, struct err *err);
int report_history(struct report *r, const char *ns, const char *job, json_t **ret_data,
                   struct err *err);

/* report_wait.c: when the first of its refusals ends by itself, by all nodes or by one; 0: none is in
 * force, or it ends with its cause. */
uint64_t report_refused_until(const struct report *r, uint32_t job, uint32_t index,
                              uint32_t node);
/* "reason" and "again_at" of `out`: the reason, and when what waits is done `what`, "tried again". */
void report_put_wait(const struct report *r, json_t *out, const char *reason,
                     const char *what, uint64_t again_unix_ms);

/* report_verdict.c: {"state","text","needs":[{"level","subject","namespace","text","cause","see","link",
 * "since"}],"more"}: what a person has to know first, of the jobs that `shows` lets `who` see (NULL: all). */
json_t *report_verdict(struct report *r, bool (*shows)(const void *who, const char *ns),
                       const void *who);

/* report_edit.c: what becomes of each job when these are submitted now; `bodies` are canonical.
 * [{"namespace","job","version","action":"create|update|none","count","count_before","count_in_file",
 * "changed":[key],"restarts","restarting","moving","fitting_nowhere","restarts_for":[key],
 * "was_stopped","scale":{"count","at","by","kept"}}]; empty when out of memory. */
json_t *report_edits(struct report *r, const struct job_spec *specs,
                     const struct bytes *bodies, size_t n, bool keeps_scale);

json_t *report_services(const struct catalog *c, const char *name); /* NULL name: all */
/* Every port of every instance on a live node: [{"targets","labels"}], as Prometheus reads it. */
json_t *report_targets(const struct catalog *c);
/* ERR_NOT_FOUND, ERR_NOT_READY as dns_resolve. */
int report_resolve(const struct catalog *c, const char *name, json_t **ret_data);

/* {"alive","suspect","dead","total","digest","newest_ms","reachable","warning"}; warning: who is out of
 * reach, in words (sight_text), null: nobody. */
json_t *report_view(const struct node *n, const char *self, uint64_t now_ms);
/* {"api":1,"node","view","data"}; takes over `data`. */
json_t *report_envelope(const struct node *n, const char *self, uint64_t now_ms,
                        json_t *data);
/* {"known_by","members","total","took_ms","has":[name],"missing":[{"name","state","silent_ms"}],"told"}:
 * who has a write; of each list the first NAMES_TOLD_MAX. */
json_t *report_told(const struct node_result *result);
/* {"error":{"code","message"}}; `code` as in the contract ("not_found", "invalid" ...). */
json_t *report_error(const char *code, const char *message);

#endif
