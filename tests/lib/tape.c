#include "tests/lib/tape.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/replay.h"
#include "core/err.h"

enum { TAPE_BEGIN = 1 << 20, TAPE_MAX = 256 << 20 };

void tape_on(struct tape *t)
{
    *t = (struct tape){.is_on = true};
    t->to = writer_of(malloc(TAPE_BEGIN), TAPE_BEGIN);
    recording_begin(&t->to);
}

void tape_fini(struct tape *t)
{
    free(t->to.at);
    *t = (struct tape){0};
}

void tape_put(struct tape *t, struct recorded *what)
{
    while (t->is_on && !t->is_full) {
        size_t begin = t->to.len;
        if (recorded_write(what, &t->to) == 0)
            return;
        t->to.len = begin;
        t->to.error = 0;
        uint8_t *wider = t->to.cap < TAPE_MAX ? realloc(t->to.at, 2 * t->to.cap) : NULL;
        t->is_full = !wider;
        if (wider) {
            t->to.at = wider;
            t->to.cap *= 2;
        }
    }
}

struct node *tape_new(struct tape *t, const struct node_options *options,
                      struct moment at)
{
    struct recorded what = {.kind = RECORDED_BEGIN,
                            .at = at,
                            .begin = {.version = "test", .options = *options}};
    if (t->is_on)
        tape_put(t, &what);
    return node_new(options, at);
}

int tape_restore(struct tape *t, struct node *n, enum store_space space, struct bytes key,
                 struct bytes value)
{
    struct recorded what = {.kind = RECORDED_ENTRY, .entry = {space, key, value}};
    tape_put(t, &what);
    return node_restore(n, space, key, value);
}

bool tape_adopt(struct tape *t, struct node *n, struct moment at, const char *key,
                uint32_t pid, uint64_t started_unix_ms, struct bytes note,
                const char *doubt)
{
    struct recorded what = {.kind = RECORDED_TASK,
                            .at = at,
                            .task = {key, doubt, pid, started_unix_ms, note}};
    tape_put(t, &what);
    return node_adopt(n, at, key, pid, started_unix_ms, note, doubt);
}

void tape_leap(struct tape *t, struct node *n)
{
    struct recorded what = {.kind = RECORDED_LEAP};
    tape_put(t, &what);
    node_leap(n);
}

void tape_step(struct tape *t, struct node *n, struct moment at,
               const struct node_input *in, struct node_effects *fx)
{
    size_t first = fx->n;
    if (!t->is_on) {
        node_step(n, at, in, fx);
        return;
    }
    struct recorded what = {.kind = RECORDED_STEP, .at = at, .step = {.in = *in}};
    tape_put(t, &what);
    node_step(n, at, in, fx);
    what = (struct recorded){
        .kind = RECORDED_EFFECTS,
        .effects = {(uint32_t)(fx->n - first), effects_hash(n, fx, first)}};
    tape_put(t, &what);
}

void tape_cleared(struct tape *t)
{
    struct recorded what = {.kind = RECORDED_CLEARED};
    tape_put(t, &what);
}

const char *tape_check(const struct tape *t)
{
    static char text[256];
    struct replay r;
    struct err err = {0};
    if (!t->is_on || t->is_full)
        return NULL;
    int status = replay_run(writer_done(&t->to), &r, &err);
    if (status == 0 && !r.differs && !r.is_cut)
        return NULL;
    if (status < 0)
        (void)snprintf(text, sizeof(text), "the recording cannot be told: %.200s",
                       err.text);
    else
        (void)snprintf(text, sizeof(text),
                       "told again, it asks for %u effects, not %u, after input %llu: %s",
                       r.n_asked, r.n_recorded, (unsigned long long)r.n_steps,
                       input_name(r.last));
    return text;
}
