/* GET /v1/jobs/NS/JOB and what is below it, but for logs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/api.h"
#include "agent/params.h"

/* ---- of a job that may be gone ---- */

typedef int (*make_versions)(struct report *r, const char *ns, const char *job,
                             const char *word, const struct caller *who,
                             json_t **ret_data, struct err *err);

static void answer_versions(struct agent *a, struct api_call *call, make_versions make)
{
    struct report r;
    struct err err = {0};
    json_t *data = NULL;
    if (report_open(&r, a->node, a->name, agent_now(a)) < 0) {
        api_error(a, call->x, -ENOMEM, "out of memory");
        return;
    }
    int status = make(&r, route_word(&call->match, "ns"), route_word(&call->match, "job"),
                      uv_http_query(call->x, "version"), &call->who, &data, &err);
    report_close(&r);
    if (status < 0)
        api_error(a, call->x, status, err.text);
    else if (json_is_array(data))
        api_list(a, call, data);
    else
        api_data(a, call->x, data);
}

static int make_history(struct report *r, const char *ns, const char *job,
                        const char *word, const struct caller *who, json_t **ret_data,
                        struct err *err)
{
    (void)word;
    (void)who;
    return report_history(r, ns, job, ret_data, err);
}

void route_history(struct agent *a, struct api_call *call)
{
    answer_versions(a, call, make_history);
}

void route_spec(struct agent *a, struct api_call *call)
{
    answer_versions(a, call, report_spec);
}

/* ---- of a job that is there ---- */

/* The report, open, and the job's index in it; VIEW_NONE: it was answered, and nothing is open. */
static uint32_t open_job(struct agent *a, struct api_call *call, struct report *r)
{
    const char *ns = route_word(&call->match, "ns"),
               *job = route_word(&call->match, "job");
    char text[192];
    if (report_open(r, a->node, a->name, agent_now(a)) < 0) {
        api_error(a, call->x, -ENOMEM, "out of memory");
        return VIEW_NONE;
    }
    uint32_t found = view_find_job(&r->view, ns, job);
    if (found == VIEW_NONE) {
        (void)snprintf(text, sizeof(text), "no job '%.63s' in namespace '%.63s'", job,
                       ns);
        api_error(a, call->x, ERR_NOT_FOUND, text);
        report_close(r);
    }
    return found;
}

void route_status(struct agent *a, struct api_call *call)
{
    struct report r;
    uint32_t job = open_job(a, call, &r);
    if (job == VIEW_NONE)
        return;
    api_data(a, call->x, report_status(&r, job));
    report_close(&r);
}

void route_why(struct agent *a, struct api_call *call)
{
    struct report r;
    char text[256];
    uint32_t index;
    if (param_index(uv_http_query(call->x, "index"), &index) < 0) {
        api_bad(a, call->x, "index wants the number of an instance");
        return;
    }
    uint32_t job = open_job(a, call, &r);
    if (job == VIEW_NONE)
        return;
    json_t *data = report_why(&r, job, index);
    if (data) {
        api_data(a, call->x, data);
    } else {
        const struct view_job *j = &r.view.jobs[job];
        (void)snprintf(text, sizeof(text), "no %.63s.%u: ", j->name, index);
        size_t len = strlen(text);
        if (j->count == 0)
            (void)snprintf(text + len, sizeof(text) - len, "%.63s %s", j->name,
                           j->control.is_stopped ? "is stopped" : "has no instances");
        else
            (void)snprintf(text + len, sizeof(text) - len,
                           j->count == 1 ? "%.63s has 0 alone" : "%.63s has 0-%u",
                           j->name, j->count - 1);
        api_error(a, call->x, ERR_NOT_FOUND, text);
    }
    report_close(&r);
}

/* Only the current version has a number to trace: older ones were written over. */
void route_trace(struct agent *a, struct api_call *call)
{
    struct report r;
    uint32_t wanted;
    char text[160];
    if (param_version(uv_http_query(call->x, "version"), &wanted) < 0) {
        api_bad(a, call->x, "version wants a version, for example v3");
        return;
    }
    uint32_t job = open_job(a, call, &r);
    if (job == VIEW_NONE)
        return;
    uint32_t current = r.view.jobs[job].doc.version;
    json_t *data = wanted == 0 || wanted == current ? report_trace(&r, job) : NULL;
    if (data) {
        api_data(a, call->x, data);
    } else {
        (void)snprintf(text, sizeof(text), "%.63s is at v%u here: v%u %s",
                       r.view.jobs[job].name, current, wanted,
                       wanted < current ? "was written over" : "has not arrived");
        api_error(a, call->x, ERR_NOT_FOUND, text);
    }
    report_close(&r);
}
