/* The table of routes: what there is, who may, and what answers.  docs/API.md says the same, and a test
 * holds them together. */
#include "agent/api.h"

#define WAITS "after wait"
#define LISTS "after wait limit"

const struct route api_routes[] = {
    {"GET", "/", NEED_NOTHING, false, "", route_page, "the page; it holds no data"},
    {"GET", "/healthz", NEED_NOTHING, false, "live", route_health,
     "200 `ok` while this node can work, 503 and the reason otherwise"},
    {"GET", "/metrics", NEED_NOTHING, false, "", route_metrics, "figures for Prometheus"},
    {"GET", "/v1/sd/prometheus", NEED_NOTHING, false, "", route_sd_prometheus,
     "every port of every instance, as Prometheus' HTTP service discovery reads it"},
    {"GET", "/v1/services", NEED_NOTHING, false, LISTS " name", route_services,
     "services with their endpoints"},
    {"GET", "/v1/resolve", NEED_NOTHING, false, WAITS " name", route_resolve,
     "what DNS answers for a name, and what it leaves out and why"},

    {"GET", "/v1/openapi.json", NEED_READ, false, "", route_openapi, "this list"},
    {"GET", "/v1/verdict", NEED_READ, false, WAITS, route_verdict,
     "what a person has to know first: one line, and what needs somebody"},
    {"GET", "/v1/members", NEED_READ, false, LISTS, route_members,
     "every member with state, capacity and attributes"},
    {"GET", "/v1/gossip", NEED_READ, false, WAITS " map", route_gossip,
     "who agrees with whom; `map=1`: and who knows what"},
    {"GET", "/v1/events", NEED_READ, false, LISTS " follow", route_events,
     "the newest events; `follow=1`: as server-sent events, from `Last-Event-ID` on"},
    {"GET", "/v1/dashboard", NEED_READ, false, "", route_dashboard,
     "server-sent `state` events: all that the page shows"},

    {"GET", "/v1/jobs", NEED_READ, false, LISTS, route_jobs,
     "every job with its counts and status"},
    {"POST", "/v1/jobs", NEED_WRITE, true, "if_version keep_scale note ack", route_submit,
     "submits a job file (YAML or JSON): all of its jobs or none"},
    {"GET", "/v1/jobs/{ns}/{job}", NEED_READ, false, WAITS, route_status,
     "one job with its instances"},
    {"PUT", "/v1/jobs/{ns}/{job}", NEED_WRITE, true, "if_version keep_scale note ack",
     route_submit, "submits the one job that the path names"},
    {"DELETE", "/v1/jobs/{ns}/{job}", NEED_WRITE, false, "ack", route_remove,
     "removes it"},
    {"GET", "/v1/jobs/{ns}/{job}/why", NEED_READ, false, WAITS " index", route_why,
     "where an instance is, and why not elsewhere"},
    {"GET", "/v1/jobs/{ns}/{job}/trace", NEED_READ, false, WAITS " version", route_trace,
     "who has the job's current version"},
    {"GET", "/v1/jobs/{ns}/{job}/spec", NEED_READ, false, WAITS " version", route_spec,
     "the spec of the current version, of `v7`, or of what the first digits of a hash "
     "name"},
    {"GET", "/v1/jobs/{ns}/{job}/history", NEED_READ, false, LISTS, route_history,
     "its versions, newest first"},
    {"GET", "/v1/jobs/{ns}/{job}/logs", NEED_READ, false,
     "index stream since_ms tail follow previous details as local", route_logs,
     "what its tasks wrote, merged by time"},
    {"POST", "/v1/jobs/{ns}/{job}/scale", NEED_WRITE, true, "count ack", route_scale,
     "another count, until the next submission: `{\"count\":2}` or `count=2`"},
    {"POST", "/v1/jobs/{ns}/{job}/stop", NEED_WRITE, false, "ack", route_stop,
     "stops every instance"},
    {"POST", "/v1/jobs/{ns}/{job}/start", NEED_WRITE, false, "ack", route_start,
     "starts a stopped job"},
    {"POST", "/v1/jobs/{ns}/{job}/restart", NEED_WRITE, false, "ack", route_restart,
     "starts every instance anew, a few at a time"},

    {"GET", "/v1/vars", NEED_READ, false, LISTS, route_variables, "all variables"},
    {"GET", "/v1/vars/{name...}", NEED_READ, false, WAITS " namespace", route_variable,
     "one variable"},
    {"PUT", "/v1/vars/{name...}", NEED_WRITE, true, "namespace ack", route_set_variable,
     "sets it: the body is the value"},
    {"DELETE", "/v1/vars/{name...}", NEED_WRITE, false, "namespace ack",
     route_remove_variable, "deletes it"},

    {"POST", "/v1/nodes/{node}/forget", NEED_CLUSTER, false, "ack", route_forget,
     "drops a dead or departed node for good"},
    {"POST", "/v1/join", NEED_CLUSTER, false, "address", route_join,
     "asks another address for its cluster"},
    {"POST", "/v1/leave", NEED_CLUSTER, false, "", route_leave,
     "hands over what this node holds and departs"},
    {"POST", "/v1/secret/rotate", NEED_SECRET, false, "force ack", route_rotate,
     "gives the cluster a new secret; 409 while a member is away (`force=1`: all the "
     "same)"},
    {"POST", "/v1/tokens", NEED_SECRET, false, "scope namespace expires", route_token,
     "makes a token: `scope=read` or `write`, `namespace=a,b`, `expires=12h`"},
};
const size_t api_n_routes = sizeof(api_routes) / sizeof(api_routes[0]);
