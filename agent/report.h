/* Reports: what this node believes, as the JSON of the interface contract.
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

struct report {
    struct arena arena;
    struct moment at;
    struct node *node;
    const struct gossip *gossip;
    const char *self; /* our name */
    struct view view;
    struct plan plan;
};

int report_open(struct report *r, struct node *node, const char *self, struct moment at);
void report_close(struct report *r);

/* Every member in the order people expect (n2 before n10); in the report's arena, NULL without
 * memory.  There are members_count of them. */
const struct member **report_sorted(struct report *r);

json_t *report_members(struct report *r);
json_t *report_jobs(const struct report *r);
json_t *report_status(const struct report *r,
                      uint32_t job); /* a job with its instances */
json_t *report_why(struct report *r, uint32_t job, uint32_t index);
/* Who has the current version of a job: its writer's number held against what every member has seen. */
json_t *report_trace(struct report *r, uint32_t job);
json_t *report_gossip(struct report *r,
                      bool has_map); /* has_map: observer x writer as well */
json_t *report_variables(const struct report *r);
json_t *report_variable(const struct entry *entry);
const char *report_job_status(const struct report *r, uint32_t job);
/* report_versions.c: of a job that may be gone.  Version and body of what `word` names, as
 * versions_find, with an error that says what is wrong; its versions, ERR_NOT_FOUND for a job
 * nobody has heard of. */
int report_spec(struct report *r, const char *ns, const char *job, const char *word,
                json_t **ret_data, struct err *err);
int report_history(struct report *r, const char *ns, const char *job, json_t **ret_data,
                   struct err *err);

json_t *report_services(const struct catalog *c, const char *name); /* NULL name: all */
/* ERR_NOT_FOUND, ERR_NOT_READY as dns_resolve. */
int report_resolve(const struct catalog *c, const char *name, json_t **ret_data);

/* {"alive","suspect","dead","digest","newest_ms","reachable"} */
json_t *report_view(const struct gossip *g, uint64_t now_ms);
/* {"api":1,"node","view","data"}; takes over `data`. */
json_t *report_envelope(const struct gossip *g, const char *self, uint64_t now_ms,
                        json_t *data);
/* {"error":{"code","message"}}; `code` as in the contract ("not_found", "invalid" ...). */
json_t *report_error(const char *code, const char *message);

#endif
