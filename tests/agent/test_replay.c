/* Recordings: told again they give the same (every test with hosts shows that as it ends, see host.c);
 * here those that were cut, damaged, or are of something else. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "agent/replay.h"
#include "core/err.h"
#include "core/rng.h"
#include "host.h"

/* A node that was told something of each kind that its host knows, and restarted. */
static struct hosts *told(void)
{
    struct hosts *all = hosts_settled(2);
    struct host *h = &all->hosts[0];
    h->obeys = true;
    (void)host_submit(
        h,
        "job: web\ncount: 2\ntask: {command: [./web]}\nports: {http: dynamic}\n"
        "health:\n- {http: /, port: http, interval: 1s}\n",
        0, ACK_DEFAULT);
    hosts_run(all, 5000);
    host_stop(h);
    host_start(h);
    hosts_run(all, 2000);
    (void)host_order(h, ORDER_REMOVE, "web", 0);
    hosts_run(all, 3000);
    return all;
}

static struct bytes recorded_by(const struct hosts *all)
{
    return writer_done(&all->hosts[0].tape.to);
}

Test(replay, a_recording_that_was_cut_is_told_as_far_as_it_goes)
{
    struct hosts *all = told();
    struct bytes whole = recorded_by(all);
    struct replay r;
    struct err err = {0};
    cr_assert_eq(replay_run(whole, &r, &err), 0, "%s", err.text);
    cr_assert_not(r.differs || r.is_cut);
    cr_assert_eq(r.n_starts, 2);
    cr_assert_gt(r.n_entries, 2);
    cr_assert_gt(r.n_steps, 100);
    cr_assert_str_eq(r.name, "n1");
    for (size_t len = 10; len < whole.len; len += 97) {
        struct replay cut;
        cr_assert_eq(replay_run((struct bytes){whole.at, len}, &cut, &err), 0, "%zu: %s",
                     len, err.text);
        cr_assert_not(cut.differs);
        cr_assert_leq(cut.n_steps, r.n_steps);
    }
    hosts_free(all);
}

Test(replay, the_first_step_that_does_something_else_is_named)
{
    struct hosts *all = told();
    struct tape *tape = &all->hosts[0].tape;
    struct recorded what = {.kind = RECORDED_EFFECTS, .effects = {1, 7}};
    struct replay before, r;
    struct err err = {0};
    cr_assert_eq(replay_run(writer_done(&tape->to), &before, &err), 0);
    struct tape longer = {.is_on = true};
    tape_on(&longer);
    longer.to.len = 0;
    writer_bytes(&longer.to, writer_done(&tape->to));
    tape_put(&longer, &what);
    tape_put(&longer, &(struct recorded){.kind = RECORDED_CLEARED});
    cr_assert_eq(replay_run(writer_done(&longer.to), &r, &err), 0, "%s", err.text);
    cr_assert(r.differs);
    cr_assert_eq(r.n_recorded, 1);
    cr_assert_eq(r.n_steps, before.n_steps);
    tape_fini(&longer);
    hosts_free(all);
}

/* Whatever the bytes are: an answer, and neither a crash nor a node that does what no host asks for. */
Test(replay, damaged_recordings_are_refused_or_differ)
{
    struct hosts *all = told();
    struct bytes whole = recorded_by(all);
    uint8_t *copy = malloc(whole.len);
    unsigned n_refused = 0, n_other = 0;
    struct rng rng;
    rng_init(&rng, 5);
    for (unsigned i = 0; i < 400; i++) {
        struct replay r;
        struct err err = {0};
        memcpy(copy, whole.at, whole.len);
        for (unsigned k = 0; k < 1 + i % 3; k++)
            copy[rng_below(&rng, whole.len)] ^= (uint8_t)(1 + rng_below(&rng, 255));
        int status = replay_run((struct bytes){copy, whole.len}, &r, &err);
        n_refused += status < 0;
        n_other += status == 0 && (r.differs || r.is_cut);
        cr_assert(status == 0 || err.text[0]);
    }
    cr_assert_gt(n_refused, 20);
    cr_assert_gt(n_other, 100);
    free(copy);
    hosts_free(all);
}

Test(replay, what_no_host_tells_is_refused_with_its_place)
{
    struct hosts *all = hosts_settled(1);
    struct tape *tape = &all->hosts[0].tape;
    static const char join[] = "no seeds";
    struct {
        struct recorded what;
        const char *why;
    } rows[] = {
        {{.kind = RECORDED_TASK, .at = {.now_ms = 1 << 30}, .task = {.key = join}},
         "what belongs to the start comes after it"},
        {{.kind = RECORDED_STEP,
          .at = {.now_ms = 1 << 30},
          .step.in.kind = INPUT_COMMITTED},
         "the store answers an order that nobody gave"},
        {{.kind = RECORDED_STEP, .at = {.now_ms = 1}, .step.in.kind = INPUT_TICK},
         "time goes backwards"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct replay r;
        struct err err = {0};
        size_t len = tape->to.len;
        tape_put(tape, &rows[i].what);
        cr_assert_eq(replay_run(writer_done(&tape->to), &r, &err), ERR_MALFORMED);
        cr_assert_not_null(strstr(err.text, rows[i].why), "%s", err.text);
        cr_assert_not_null(strstr(err.text, "byte "), "%s", err.text);
        tape->to.len = len;
    }
    static const struct {
        const char *bytes;
        int code;
    } others[] = {{"", ERR_MALFORMED},
                  {"STRATRE", ERR_MALFORMED},
                  {"STRATREC\x7f\x01", ERR_UNSUPPORTED}};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct replay r;
        struct err err = {0};
        cr_assert_eq(replay_run(bytes_of_text(others[i].bytes), &r, &err),
                     others[i].code);
    }
    hosts_free(all);
}
