/* Submissions.  A job file of a megabyte takes as long to read as a probe may wait, so files are read
 * in a worker, one at a time, beside the loop that answers the peers; what was read comes back here
 * and becomes an order.
 *
 * The usual path: copy the body -> queue -> worker -> order -> answer.  What can fail: the file
 * (every complaint is told), the client (it goes away: what was read is thrown away), the agent (it
 * ends: the worker is waited for). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "agent/api.h"
#include "agent/params.h"
#include "agent/submitted.h"
#include "agent/text_json.h"

enum {
    READ_ARENA_MAX = 64 << 20, /* for one file of 1 MiB with all that it expands to */
    READ_NICE = 10,            /* behind the loop, where both want the same processor */
};

struct submission {
    struct submission *next; /* in the queue */
    struct agent *agent;
    struct uv_http_exchange *x; /* NULL: the client went away */
    uv_work_t work;
    struct arena arena;
    struct complaints complaints;
    struct jobfile file;
    struct bytes *bodies; /* of its jobs, canonical */
    struct bytes *texts;  /* what is kept of what they were submitted as */
    int status;           /* of reading */
    struct bytes body;
    const char *ns, *name; /* the one job that the path names; NULL: any */
    const char *note;
    uint32_t if_version;
    bool if_new, keep_scale;
    struct caller who;
};

static void start_next(struct agent *a);

static void submission_free(struct submission *s)
{
    arena_fini(&s->arena);
    free(s);
}

/* ---- in the worker ---- */

static void read_file(uv_work_t *work)
{
    struct submission *s = work->data;
    /* On Linux this is the calling thread's own (setpriority(2)). */
    (void)setpriority(PRIO_PROCESS, 0, READ_NICE);
    s->status = jobfile_read(s->body, &s->arena, &s->complaints, &s->file);
    if (s->status < 0)
        return;
    s->bodies = arena_array(&s->arena, s->file.n_jobs, sizeof(*s->bodies));
    for (size_t i = 0; s->bodies && i < s->file.n_jobs; i++)
        s->bodies[i] = spec_canonical(&s->file.jobs[i], &s->arena);
    s->texts = submitted_pack(s->body, &s->file, &s->arena);
}

/* ---- answers ---- */

/* What each job of a submission will be, said before it is. */
static json_t *announce_jobs(struct agent *a, struct submission *s)
{
    struct report r;
    if (report_open(&r, a->node, a->name, agent_now(a)) < 0)
        return json_array();
    json_t *list =
        report_edits(&r, s->file.jobs, s->bodies, s->file.n_jobs, s->keep_scale);
    report_close(&r);
    for (size_t i = 0; i < s->file.n_jobs; i++)
        (void)json_object_set_new(json_array_get(list, i), "text_kept",
                                  json_boolean(s->texts[i].len > 0));
    return list;
}

static void answer_complaints(struct agent *a, struct submission *s)
{
    const struct complaints *complaints = &s->complaints;
    json_t *list = json_array();
    for (size_t i = 0; i < complaints->n; i++)
        (void)json_array_append_new(
            list, json_pack("{s:i,s:i,s:o}", "line", (int)complaints->list[i].line,
                            "column", (int)complaints->list[i].column, "text",
                            text_json(complaints->list[i].text)));
    const struct complaint *first = &complaints->list[0];
    json_t *body = complaints->n ? json_pack("{s:{s:s,s:o,s:i,s:i,s:o}}", "error", "code",
                                             "invalid", "message", text_json(first->text),
                                             "line", (int)first->line, "column",
                                             (int)first->column, "complaints", list)
                                 : report_error("invalid", "not a job file");
    if (!complaints->n)
        json_decref(list);
    api_answer(a, s->x, 422, body);
}

/* May the caller submit every job of the file? */
static bool is_allowed(struct agent *a, struct submission *s)
{
    struct err err = {0};
    int status = DOOR_OPEN;
    for (size_t i = 0; i < s->file.n_jobs && status == DOOR_OPEN; i++)
        status = door_allows(&s->who, NEED_WRITE, s->file.jobs[i].ns, &err);
    if (status != DOOR_OPEN)
        api_refuse(a, s->x, status, err.text);
    return status == DOOR_OPEN;
}

static void become_order(struct agent *a, struct submission *s)
{
    const struct jobfile *file = &s->file;
    if (s->status < 0) {
        answer_complaints(a, s);
        return;
    }
    if (!s->bodies || !s->texts) {
        api_error(a, s->x, -ENOMEM, "out of memory");
        return;
    }
    if (s->name && (file->n_jobs != 1 || strcmp(file->jobs[0].name, s->name) != 0 ||
                    strcmp(file->jobs[0].ns, s->ns) != 0)) {
        api_error(a, s->x, ERR_INVALID,
                  "the body must be the one job that the path names");
        return;
    }
    if (!is_allowed(a, s))
        return;
    char by[API_WHO_MAX];
    const struct api_call call = {.x = s->x, .who = s->who};
    struct order command = {
        .kind = ORDER_SUBMIT,
        .by = api_who(a, &call, by),
        .jobs = file->jobs,
        .bodies = s->bodies,
        .texts = s->texts,
        .n_jobs = file->n_jobs,
        .if_version = s->if_version,
        .if_new = s->if_new,
        .keep_scale = s->keep_scale,
        .note = s->note,
    };
    api_order(a, s->x, &command, announce_jobs(a, s));
}

/* ---- the queue ---- */

static void on_read(uv_work_t *work, int status)
{
    struct submission *s = work->data;
    struct agent *a = s->agent;
    a->submissions = s->next;
    if (s->x && !a->is_ending) {
        uv_http_on_gone(s->x, NULL, NULL);
        if (status < 0)
            api_error(a, s->x, status, "the job file was not read");
        else
            become_order(a, s);
    }
    submission_free(s);
    start_next(a);
}

/* The first of the queue is the one that is being read. */
static void start_next(struct agent *a)
{
    while (a->submissions) {
        struct submission *s = a->submissions;
        if (s->x && !a->is_ending &&
            uv_queue_work(&a->loop, &s->work, read_file, on_read) == 0)
            return;
        a->submissions = s->next;
        submission_free(s);
    }
}

static void on_gone(void *ctx)
{
    struct submission *s = ctx;
    s->x = NULL;
}

static void enqueue(struct agent *a, struct submission *s)
{
    bool is_idle = !a->submissions;
    struct submission **at = &a->submissions;
    while (*at)
        at = &(*at)->next;
    *at = s;
    uv_http_on_gone(s->x, on_gone, s);
    if (is_idle)
        start_next(a);
}

static struct submission *submission_new(struct agent *a, struct api_call *call)
{
    struct submission *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->agent = a;
    s->x = call->x;
    s->who = call->who;
    s->work.data = s;
    s->complaints.arena = &s->arena;
    arena_init(&s->arena, READ_ARENA_MAX);
    s->body = arena_bytes(&s->arena, uv_http_body(call->x));
    s->ns = arena_text(&s->arena, route_word(&call->match, "ns"));
    s->name = arena_text(&s->arena, route_word(&call->match, "job"));
    s->note = arena_text(&s->arena, uv_http_query(call->x, "note"));
    return s;
}

void route_submit(struct agent *a, struct api_call *call)
{
    uint32_t version;
    bool is_new;
    int ack;
    if (param_if_version(uv_http_query(call->x, "if_version"), &version, &is_new) < 0) {
        api_bad(a, call->x, "if_version wants a version, for example v3, or 'new'");
        return;
    }
    if (param_ack(uv_http_query(call->x, "ack"), &ack) < 0) {
        api_bad(a, call->x, "ack wants a number of members, 'majority' or 'all'");
        return;
    }
    bool keep_scale;
    if (param_switch(uv_http_query(call->x, "keep_scale"), &keep_scale) < 0) {
        api_bad(a, call->x, "keep_scale wants 1 or 0");
        return;
    }
    struct submission *s = submission_new(a, call);
    if (!s) {
        api_error(a, call->x, -ENOMEM, "out of memory");
        return;
    }
    s->if_version = version;
    s->if_new = is_new;
    s->keep_scale = keep_scale;
    enqueue(a, s);
}
