/* See replay.h. */
#include "agent/replay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/metrics.h"

struct player {
    struct replay *said;
    struct node *node;
    struct node_effects fx;
    struct metrics metrics;
    struct arena arena; /* of the record that is being told */
    size_t first;       /* of the effects of the last step */
    bool has_joined;
};

static int wrong(struct err *err, const char *what)
{
    return err_set(err, ERR_MALFORMED, "%s", what);
}

static int begin(struct player *p, struct recorded *r, struct err *err)
{
    struct node_options options = r->begin.options;
    node_free(p->node);
    node_effects_clear(&p->fx);
    options.gossip.metrics = &p->metrics;
    p->first = 0;
    p->has_joined = false;
    p->node = node_new(&options, r->at);
    if (!p->node)
        return err_set(err, -ENOMEM, "out of memory");
    if (p->said->n_starts++ == 0)
        p->said->begun_ms = r->at.now_ms;
    (void)snprintf(p->said->name, sizeof(p->said->name), "%s", options.gossip.name);
    (void)snprintf(p->said->version, sizeof(p->said->version), "%s", r->begin.version);
    return 0;
}

/* What a host never does with a node is no recording of one. */
static int check(const struct player *p, const struct recorded *r, struct err *err)
{
    size_t n_staged;
    if (r->kind == RECORDED_BEGIN || r->kind == RECORDED_END)
        return 0;
    if (!p->node)
        return wrong(err, "something is told before a node begins");
    bool is_staged = node_staged(p->node, &n_staged) != NULL;
    bool is_start =
        r->kind == RECORDED_ENTRY || r->kind == RECORDED_LEAP || r->kind == RECORDED_TASK;
    if (is_start && p->has_joined)
        return wrong(err, "what belongs to the start comes after it");
    if (r->kind == RECORDED_CLEARED && is_staged)
        return wrong(err, "effects are cleared while an order waits for the store");
    if (r->kind == RECORDED_STEP && is_staged != (r->step.in.kind == INPUT_COMMITTED))
        return wrong(err,
                     is_staged
                         ? "something comes between an order and its answer by the store"
                         : "the store answers an order that nobody gave");
    if (r->kind == RECORDED_STEP && r->at.now_ms < p->said->at_ms)
        return wrong(err, "time goes backwards");
    return 0;
}

static void step(struct player *p, struct recorded *r)
{
    p->first = p->fx.n;
    p->has_joined |= r->step.in.kind == INPUT_JOIN;
    p->said->last = r->step.in.kind;
    p->said->n_steps++;
    node_step(p->node, r->at, &r->step.in, &p->fx);
}

static void compare(struct player *p, const struct recorded *r)
{
    p->said->n_asked = (uint32_t)(p->fx.n - p->first);
    p->said->n_recorded = r->effects.n;
    p->said->n_effects += p->said->n_asked;
    p->said->differs = p->said->n_asked != r->effects.n ||
                       effects_hash(p->node, &p->fx, p->first) != r->effects.hash;
}

static int tell(struct player *p, struct recorded *r, struct err *err)
{
    int status = check(p, r, err);
    if (status < 0)
        return status;
    if (r->kind == RECORDED_BEGIN || r->kind == RECORDED_TASK || r->kind == RECORDED_STEP)
        p->said->at_ms = r->at.now_ms;
    switch (r->kind) {
    case RECORDED_BEGIN:
        return begin(p, r, err);
    case RECORDED_ENTRY:
        p->said->n_entries++;
        (void)node_restore(p->node, r->entry.space, r->entry.key, r->entry.value);
        break;
    case RECORDED_LEAP:
        node_leap(p->node);
        break;
    case RECORDED_TASK:
        (void)node_adopt(p->node, r->at, r->task.key, r->task.pid,
                         r->task.started_unix_ms, r->task.note, r->task.doubt);
        break;
    case RECORDED_STEP:
        step(p, r);
        break;
    case RECORDED_EFFECTS:
        compare(p, r);
        break;
    case RECORDED_CLEARED:
        node_effects_clear(&p->fx);
        p->first = 0;
        break;
    case RECORDED_END:
        (void)snprintf(p->said->why, sizeof(p->said->why), "%s", r->why);
        break;
    case RECORDED_KINDS:
        break;
    }
    return 0;
}

int replay_run(struct bytes recording, struct replay *ret_replay, struct err *err)
{
    struct reader from = reader_of(recording);
    struct player p = {.said = ret_replay};
    struct recorded r;
    *ret_replay = (struct replay){0};
    int status = recording_open(&from);
    if (status == ERR_UNSUPPORTED)
        return err_set(
            err, status,
            "it is a recording of another version of Stratos: replay it with that one");
    if (status < 0)
        return err_set(err, status, "it is no recording of `stratos agent --record`");
    node_effects_init(&p.fx);
    arena_init(&p.arena, 0);
    do {
        arena_clear(&p.arena);
        status = recorded_read(&from, &p.arena, &r);
        if (status == 1 && (status = tell(&p, &r, err)) == 0)
            status = 1;
        else if (status < 0 && status != ERR_TRUNCATED && err->code == 0)
            (void)err_set(err, status, "it is damaged");
    } while (status == 1 && !ret_replay->differs && r.kind != RECORDED_END);
    if (status == ERR_TRUNCATED) {
        ret_replay->is_cut = true;
        status = 0;
    }
    if (status < 0) {
        char text[sizeof(err->text)];
        (void)snprintf(text, sizeof(text), "%s", err->text);
        (void)err_set(err, status, "byte %zu: %.400s", recording.len - from.left, text);
    }
    node_free(p.node);
    node_effects_fini(&p.fx);
    arena_fini(&p.arena);
    return status < 0 ? status : 0;
}
