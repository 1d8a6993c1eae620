/* Inputs as fields.  See recording_inner.h. */
#include "agent/recording_inner.h"

#include <errno.h>

#include "core/bounds.h"
#include "core/err.h"
#include "sched/jobfile.h"
#include "sched/spec.h"

enum { SEEDS_RECORDED_MAX = 4096, JOBS_RECORDED_MAX = 65536 };

static void pass_join(struct pass *p, struct node_input *in)
{
    struct endpoint *seeds =
        pass_list(p, in->join.seeds, &in->join.n, SEEDS_RECORDED_MAX, sizeof(*seeds));
    for (size_t i = 0; i < in->join.n; i++) {
        struct endpoint seed = pass_is_reading(p) ? (struct endpoint){0} : seeds[i];
        pass_endpoint(p, &seed);
        if (pass_is_reading(p))
            seeds[i] = seed;
    }
    in->join.seeds = seeds;
    pass_bool(p, &in->join.is_expecting);
}

static void pass_ports(struct pass *p, struct recorded *r)
{
    struct node_input *in = &r->step.in;
    struct node_effect *e = &r->step.asked;
    if (!pass_is_reading(p))
        *e = *in->ports.asked;
    pass_text(p, &e->key);
    pass_bool(p, &e->is_watch);
    struct port_ask *asks =
        pass_list(p, e->asks, &e->n_asks, PORT_ASKS_MAX, sizeof(*asks));
    for (size_t i = 0; i < e->n_asks; i++) {
        struct port_ask ask = pass_is_reading(p) ? (struct port_ask){0} : asks[i];
        pass_u16(p, &ask.port);
        pass_u8(p, &ask.protocols);
        pass_bool(p, &ask.is_fixed);
        if (pass_is_reading(p))
            asks[i] = ask;
    }
    e->asks = asks;
    enum port_state *states =
        pass_list(p, in->ports.states, &in->ports.n, PORT_ASKS_MAX, sizeof(*states));
    for (size_t i = 0; i < in->ports.n; i++) {
        int state = pass_enum(p, pass_is_reading(p) ? 0 : (int)states[i], PORT_TAKEN);
        if (pass_is_reading(p))
            states[i] = (enum port_state)state;
    }
    in->ports.states = states;
    in->ports.asked = e;
    if (in->ports.n > e->n_asks || !(e->key || e->is_watch))
        pass_fail(p, ERR_MALFORMED);
}

static void pass_fact(struct pass *p, struct exit_fact *v)
{
    v->kind = (enum exit_kind)pass_enum(p, (int)v->kind, EXIT_NEVER);
    pass_i32(p, &v->number);
    pass_bool(p, &v->is_oom);
    pass_bool(p, &v->had_oom);
    pass_bool(p, &v->is_late);
    pass_bool(p, &v->is_host);
}

static void pass_task(struct pass *p, struct node_input *in)
{
    pass_text(p, &in->task.key);
    pass_u32(p, &in->task.pid);
    pass_text(p, &in->task.why);
    pass_fact(p, &in->task.fact);
    if (!in->task.key ||
        ((in->kind == INPUT_TASK_FAILED || in->kind == INPUT_TASK_REFUSED) &&
         !in->task.why))
        pass_fail(p, ERR_MALFORMED);
}

static void pass_addressed(struct pass *p, struct recorded *r)
{
    struct node_input *in = &r->step.in;
    struct address_facts *v = &r->step.addresses;
    if (!pass_is_reading(p))
        *v = *in->address.facts;
    pass_endpoint(p, &v->bind);
    pass_bool(p, &v->is_given);
    pass_bool(p, &v->is_given_there);
    struct host_address *list =
        pass_list(p, v->list, &v->n, OWN_ADDRESSES_MAX, sizeof(*list));
    for (size_t i = 0; i < v->n; i++) {
        struct host_address one = pass_is_reading(p) ? (struct host_address){0} : list[i];
        pass_endpoint(p, &one.at);
        pass_bool(p, &one.is_up);
        pass_bool(p, &one.is_on_loopback);
        if (pass_is_reading(p))
            list[i] = one;
    }
    v->list = list;
    pass_endpoint(p, &in->address.at);
    in->address.facts = v;
}

/* ---- orders ---- */

/* A spec goes as its canonical body, and is read back from it. */
static void pass_job(struct pass *p, const struct job_spec *given, struct job_spec *made,
                     struct bytes *body)
{
    if (!pass_is_reading(p) && !body->at) {
        struct arena scratch;
        arena_init(&scratch, 0);
        struct bytes canonical = spec_canonical(given, &scratch);
        pass_bytes(p, &canonical);
        arena_fini(&scratch);
        return;
    }
    pass_bytes(p, body);
    if (!pass_is_reading(p) || p->error < 0)
        return;
    struct complaints complaints = {.arena = p->arena};
    struct jobfile file;
    if (!body->at || body->len > SPEC_LEN_MAX ||
        jobfile_read_stored(*body, p->arena, &complaints, &file) < 0 ||
        file.n_jobs != 1) {
        pass_fail(p, ERR_MALFORMED);
        return;
    }
    *made = file.jobs[0];
}

static void pass_jobs(struct pass *p, struct order *v)
{
    size_t n = v->n_jobs;
    struct job_spec *jobs = pass_list(p, v->jobs, &n, JOBS_RECORDED_MAX, sizeof(*jobs));
    struct bytes *bodies = NULL;
    if (pass_is_reading(p) && n > 0)
        bodies = arena_array(p->arena, n, sizeof(*bodies));
    if (pass_is_reading(p) && n > 0 && !bodies)
        pass_fail(p, -ENOMEM);
    bool has_texts = v->texts != NULL;
    pass_bool(p, &has_texts);
    struct bytes *texts = NULL;
    if (pass_is_reading(p) && has_texts && n > 0) {
        texts = arena_array(p->arena, n, sizeof(*texts));
        if (!texts)
            pass_fail(p, -ENOMEM);
    }
    for (size_t i = 0; i < n && p->error == 0; i++) {
        struct bytes text =
            !pass_is_reading(p) && v->texts ? v->texts[i] : (struct bytes){0};
        if (has_texts)
            pass_bytes(p, &text);
        if (texts)
            texts[i] = text;
        struct bytes body =
            !pass_is_reading(p) && v->bodies ? v->bodies[i] : (struct bytes){0};
        pass_job(p, &jobs[i], &jobs[i], &body);
        if (bodies)
            bodies[i] = body;
    }
    if (pass_is_reading(p)) {
        v->jobs = jobs;
        v->bodies = bodies;
        v->texts = texts;
        v->n_jobs = p->error == 0 ? n : 0;
    }
}

static void pass_order(struct pass *p, struct recorded *r)
{
    struct order *v = &r->step.order;
    if (!pass_is_reading(p))
        *v = *r->step.in.order;
    v->kind = (enum order_kind)pass_enum(p, (int)v->kind, ORDER_LEAVE);
    pass_u64(p, &v->token);
    pass_text(p, &v->ns);
    pass_text(p, &v->name);
    pass_jobs(p, v);
    pass_u32(p, &v->count);
    pass_u32(p, &v->if_version);
    pass_bool(p, &v->if_new);
    pass_bytes(p, &v->value);
    pass_endpoint(p, &v->endpoint);
    pass_i32(p, &v->ack);
    pass_text(p, &v->note);
    pass_text(p, &v->by);
    pass_bool(p, &v->keep_scale);
    pass_bool(p, &v->is_forced);
    r->step.in.order = v;
}

static void pass_stream(struct pass *p, struct node_input *in)
{
    pass_u32(p, &in->stream.id);
    pass_id(p, &in->stream.peer);
    pass_bytes(p, &in->stream.frame);
    in->stream.how = (enum knock)pass_enum(p, (int)in->stream.how, KNOCK_MEMBER);
}

static void pass_probed(struct pass *p, struct node_input *in)
{
    pass_text(p, &in->probed.key);
    pass_u32(p, &in->probed.check);
    pass_bool(p, &in->probed.is_ok);
    pass_text(p, &in->probed.detail);
    if (!in->probed.key)
        pass_fail(p, ERR_MALFORMED);
}

void recording_pass_input(struct pass *p, struct recorded *r)
{
    struct node_input *in = &r->step.in;
    in->kind = (enum node_input_kind)pass_enum(p, (int)in->kind, INPUT_AWAY);
    switch (in->kind) {
    case INPUT_JOIN:
        pass_join(p, in);
        break;
    case INPUT_MEET:
    case INPUT_REFUSED:
    case INPUT_ADDRESSED_SECOND:
        pass_endpoint(p, &in->endpoint);
        break;
    case INPUT_TICK:
    case INPUT_STORE_MENDED:
        break;
    case INPUT_FORMER:
    case INPUT_DATAGRAM:
        pass_endpoint(p, &in->datagram.from);
        pass_bytes(p, &in->datagram.bytes);
        break;
    case INPUT_FORMER_BEACON:
        pass_id(p, &in->member);
        break;
    case INPUT_STREAM_OPENED:
    case INPUT_STREAM_FRAME:
    case INPUT_STREAM_CLOSED:
    case INPUT_STREAM_FAILED:
        pass_stream(p, in);
        break;
    case INPUT_PORTS:
        pass_ports(p, r);
        break;
    case INPUT_TASK_STARTED:
    case INPUT_TASK_FAILED:
    case INPUT_TASK_REFUSED:
    case INPUT_TASK_EXITED:
        pass_task(p, in);
        break;
    case INPUT_PROBED:
        pass_probed(p, in);
        break;
    case INPUT_STORE_FAILED:
        pass_text(p, &in->why);
        if (!in->why)
            pass_fail(p, ERR_MALFORMED);
        break;
    case INPUT_RESTOCK:
        pass_bool(p, &in->is_first);
        break;
    case INPUT_DISK:
        if (!pass_is_reading(p))
            r->step.disk = *in->disk;
        recording_pass_disk(p, &r->step.disk);
        in->disk = &r->step.disk;
        break;
    case INPUT_ADDRESSED:
        pass_addressed(p, r);
        break;
    case INPUT_ORDER:
        pass_order(p, r);
        break;
    case INPUT_COMMITTED:
        pass_i32(p, &in->committed.status);
        pass_text(p, &in->committed.why);
        break;
    case INPUT_AWAY:
        pass_u64(p, &in->away_ms);
        break;
    }
}
