/* What the API's files share. */
#ifndef AGENT_API_H
#define AGENT_API_H

#include "agent/report.h"
#include "agent/uv_agent.h"
#include "core/err.h"
#include "proto/record.h"
#include "proto/seal.h"
#include "sched/jobfile.h"
#include "sched/spec.h"

/* Answer with a JSON body, data in the envelope, or an error; each takes over its JSON. */
void api_answer(struct agent *a, struct uv_http_exchange *x, int status, json_t *body);
void api_data(struct agent *a, struct uv_http_exchange *x, json_t *data);
void api_error(struct agent *a, struct uv_http_exchange *x, int code, const char *text);
void api_no_such_route(struct agent *a, struct uv_http_exchange *x);
/* api_job.c: GET of a job; `what` is the word behind it, NULL for its status. */
void api_job(struct agent *a, struct uv_http_exchange *x, const char *ns,
             const char *name, const char *what);

/* ---- api_stream.c ---- */
void api_events(struct agent *a,
                struct uv_http_exchange *x); /* ?follow=1: SSE; else the newest ?limit= */
void api_dashboard(struct agent *a, struct uv_http_exchange *x); /* SSE of whole states */

/* ---- api_logs.c ---- */
void api_logs(struct agent *a, struct uv_http_exchange *x, const char *ns,
              const char *job);

#endif
