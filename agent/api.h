/* What the API's files share.  A request is looked at in api.c: whose is it, which route, may it?
 * Then one handler below answers it. */
#ifndef AGENT_API_H
#define AGENT_API_H

#include "agent/door.h"
#include "agent/report.h"
#include "agent/uv_agent.h"
#include "core/err.h"
#include "proto/record.h"
#include "proto/seal.h"
#include "sched/jobfile.h"
#include "sched/spec.h"

/* One request that was let in. */
struct api_call {
    struct uv_http_exchange *x;
    struct route_match match;
    struct caller who;
    const struct route *routes; /* all there are */
    size_t n_routes;
};

/* ---- api_routes.c ---- */
extern const struct route api_routes[];
extern const size_t api_n_routes;

/* ---- api_answer.c ---- */
/* Answer with a JSON body, data in the envelope, or an error; each takes over its JSON. */
void api_answer(struct agent *a, struct uv_http_exchange *x, int status, json_t *body);
void api_data(struct agent *a, struct uv_http_exchange *x, json_t *data);
void api_error(struct agent *a, struct uv_http_exchange *x, int code, const char *text);
/* The same, with `more` beside code and message; it is taken over. */
void api_error_more(struct agent *a, struct uv_http_exchange *x, int code,
                    const char *text, json_t *more);
/* 400: the request says something that this route does not understand. */
void api_bad(struct agent *a, struct uv_http_exchange *x, const char *text);
/* A refusal of the door's: 401 or 403. */
void api_refuse(struct agent *a, struct uv_http_exchange *x, int status,
                const char *text);
/* The namespace that the request is about: "default" where a route takes one and none is given; NULL
 * where there is none. */
const char *api_namespace(const struct api_call *call);
/* Answer with a list: what the caller may see of it (by "namespace"), at most `limit` of them. */
void api_list(struct agent *a, struct api_call *call, json_t *list);
/* door_shows of a `struct caller`, for what counts by it. */
bool api_shows(const void *caller, const char *ns);
/* Take out of a list what the caller may not see. */
void api_keep_shown(const struct caller *who, json_t *list);

/* ---- api_who.c ---- */
/* Who gives the order, for people: "root@n1" by the socket, "token@n1" by a token, "secret@n1" by the
 * cluster's secret; n1 is this node. */
enum { API_WHO_MAX = SCALED_BY_MAX + 1 };
const char *api_who(const struct agent *a, const struct api_call *call,
                    char out[static API_WHO_MAX]);

/* ---- api_read.c ---- */
void route_page(struct agent *a, struct api_call *call);
void route_health(struct agent *a, struct api_call *call);
void route_metrics(struct agent *a, struct api_call *call);
void route_verdict(struct agent *a, struct api_call *call);
void route_members(struct agent *a, struct api_call *call);
void route_jobs(struct agent *a, struct api_call *call);
void route_gossip(struct agent *a, struct api_call *call);
void route_variables(struct agent *a, struct api_call *call);
void route_variable(struct agent *a, struct api_call *call);
void route_services(struct agent *a, struct api_call *call);
void route_resolve(struct agent *a, struct api_call *call);
void route_sd_prometheus(struct agent *a, struct api_call *call);

/* ---- api_job.c ---- */
void route_status(struct agent *a, struct api_call *call);
void route_why(struct agent *a, struct api_call *call);
void route_trace(struct agent *a, struct api_call *call);
void route_spec(struct agent *a, struct api_call *call);
void route_history(struct agent *a, struct api_call *call);

/* ---- api_stream.c ---- */
void route_events(struct agent *a, struct api_call *call);
void route_dashboard(struct agent *a, struct api_call *call);

/* ---- api_logs.c ---- */
void route_logs(struct agent *a, struct api_call *call);

/* ---- api_order.c ---- */
/* Give the order to the node and answer when it is done.  `jobs`: what becomes of each job of a
 * submission, passed on with the answer; taken over.  The route's `ack` is read here. */
void api_order(struct agent *a, struct uv_http_exchange *x, struct order *command,
               json_t *jobs);
void route_scale(struct agent *a, struct api_call *call);
void route_stop(struct agent *a, struct api_call *call);
void route_start(struct agent *a, struct api_call *call);
void route_restart(struct agent *a, struct api_call *call);
void route_remove(struct agent *a, struct api_call *call);
void route_set_variable(struct agent *a, struct api_call *call);
void route_remove_variable(struct agent *a, struct api_call *call);
void route_forget(struct agent *a, struct api_call *call);
void route_rotate(struct agent *a, struct api_call *call);
void route_join(struct agent *a, struct api_call *call);
void route_leave(struct agent *a, struct api_call *call);

/* ---- api_submit.c: job files, read beside the loop ---- */
void route_submit(struct agent *a, struct api_call *call);

/* ---- api_token.c ---- */
void route_token(struct agent *a, struct api_call *call);

/* ---- api_openapi.c ---- */
void route_openapi(struct agent *a, struct api_call *call);

/* ---- api_after.c: reads that wait for a view ---- */
/* Must the request wait, or was it answered because it waits in vain?  Then it is not to be handled
 * now; `resume` comes when it may be. */
typedef void api_resume_fn(struct agent *a, struct uv_http_exchange *x);
bool api_waits(struct agent *a, struct api_call *call, api_resume_fn *resume);

/* ---- api_view.c ---- */
/* How far `writer`'s entries are known here; zero when nothing of it is. */
struct seen_number api_seen(const struct agent *a, struct node_id writer);
/* This node's view as `after` takes it: digest, then how far our own writes go. */
enum { VIEW_TEXT = 96 };
char *api_view_text(const struct agent *a, char out[static VIEW_TEXT]);

#endif
