/* GET /v1/jobs/NS/JOB and what is below it, but for logs: see api.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/api.h"
#include "agent/params.h"

/* Only the current version has a number to trace: older ones were written over. */
static void get_trace(struct agent *a, struct uv_http_exchange *x, struct report *r,
                      uint32_t job)
{
    uint32_t wanted;
    if (param_version(uv_http_query(x, "version"), &wanted) < 0) {
        api_error(a, x, ERR_INVALID, "version wants a version, for example v3");
        return;
    }
    uint32_t current = r->view.jobs[job].doc.version;
    char text[160];
    json_t *data = wanted == 0 || wanted == current ? report_trace(r, job) : NULL;
    if (data) {
        api_data(a, x, data);
        return;
    }
    (void)snprintf(text, sizeof(text), "%.63s is at v%u here: v%u %s",
                   r->view.jobs[job].name, current, wanted,
                   wanted < current ? "was written over" : "has not arrived");
    api_error(a, x, ERR_NOT_FOUND, text);
}

/* What is also known of a job that is gone. */
static void get_versions(struct agent *a, struct uv_http_exchange *x, const char *ns,
                         const char *name, bool is_history)
{
    struct report r;
    struct err err = {0};
    json_t *data = NULL;
    if (report_open(&r, a->node, a->name, agent_now(a)) < 0) {
        api_error(a, x, -ENOMEM, "out of memory");
        return;
    }
    int status =
        is_history ? report_history(&r, ns, name, &data, &err)
                   : report_spec(&r, ns, name, uv_http_query(x, "version"), &data, &err);
    if (status < 0)
        api_error(a, x, status, err.text);
    else
        api_data(a, x, data);
    report_close(&r);
}

static void get_planned(struct agent *a, struct uv_http_exchange *x, const char *ns,
                        const char *name, const char *what)
{
    struct report r;
    char text[256];
    json_t *data = NULL;
    uint32_t index;
    if (param_index(uv_http_query(x, "index"), &index) < 0) {
        api_error(a, x, ERR_INVALID, "index wants the number of an instance");
        return;
    }
    if (report_open(&r, a->node, a->name, agent_now(a)) < 0) {
        api_error(a, x, -ENOMEM, "out of memory");
        return;
    }
    uint32_t job = view_find_job(&r.view, ns, name);
    if (job == VIEW_NONE) {
        (void)snprintf(text, sizeof(text), "no job '%.63s' in namespace '%.63s'", name,
                       ns);
        api_error(a, x, ERR_NOT_FOUND, text);
    } else {
        if (what && strcmp(what, "trace") == 0) {
            get_trace(a, x, &r, job);
            report_close(&r);
            return;
        }
        if (!what)
            data = report_status(&r, job);
        else if (strcmp(what, "why") == 0)
            data = report_why(&r, job, index);
        if (data)
            api_data(a, x, data);
        else
            api_no_such_route(a, x);
    }
    report_close(&r);
}

void api_job(struct agent *a, struct uv_http_exchange *x, const char *ns,
             const char *name, const char *what)
{
    bool is_history = what && strcmp(what, "history") == 0;
    if (is_history || (what && strcmp(what, "spec") == 0))
        get_versions(a, x, ns, name, is_history);
    else
        get_planned(a, x, ns, name, what);
}
