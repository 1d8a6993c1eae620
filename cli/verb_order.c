/* `scale`, `stop`, `start`, `restart`, `rm`: one order for a job, then following what
 * comes of it. */
#include <string.h>
#include <unistd.h>

#include "cli/follow.h"
#include "cli/verbs.h"
#include "core/bounds.h"
#include "core/doc.h"

/* After the order: print it, or follow the job to the goal. */
static int finish(struct talk *t, const struct answer *told, const struct target *target,
                  const json_t *before, uint64_t timeout_ms, enum rollout_goal goal,
                  const char *done)
{
    const struct invocation *in = t->in;
    say_told(in, told->data);
    if (words_has(&in->words, "detach")) {
        (void)print_json(in, told);
        return EXIT_DONE;
    }
    struct follow job = {.target = *target,
                         .goal = goal,
                         .before = before,
                         .may_be_stopped = strcmp(in->command->name, "scale") == 0};
    int code = follow_all(t, &job, 1, timeout_ms);
    if (code == EXIT_DONE && in->is_json) {
        json_t *data =
            json_is_object(told->data) ? json_deep_copy(told->data) : json_object();
        if (job.last.data)
            (void)json_object_set(data, "status", job.last.data);
        print_wrapped(job.last.root ? &job.last : told, data);
    } else if (code == EXIT_DONE && job.rollout.phase == ROLLOUT_STOPPED) {
        fprintf(stderr, "%s/%s: kept; it is stopped and will start with %s\n", target->ns,
                target->job, in->words.args[1]);
    } else if (code == EXIT_DONE && goal == GOAL_HEALTHY) {
        fprintf(stderr, "%s/%s: %lld of %lld %s\n", target->ns, target->job,
                job.rollout.ready, job.rollout.wanted, done);
    } else if (code == EXIT_DONE) {
        fprintf(stderr, "%s/%s: %s\n", target->ns, target->job, done);
    }
    follow_close(&job, 1);
    return code;
}

static int order(const struct invocation *in, const char *what, const char *query,
                 enum rollout_goal goal, const char *done)
{
    struct target target;
    struct talk t;
    struct answer told, before = {0};
    uint64_t timeout_ms;
    int code = target_need_job(in, in->words.args[0], &target);
    if (code ==
        EXIT_DONE) /* what is wrong with the words is said before anything is done */
        code = follow_timeout(in, &timeout_ms);
    if (code == EXIT_DONE)
        code = talk_open(&t, in);
    if (code != EXIT_DONE)
        return code;
    t.job_word = in->words.args[0];
    if (strcmp(what, "restart") == 0)
        code = talk_get(&t, &before, "/v1/jobs/%s/%s", target.ns, target.job);
    if (code == EXIT_DONE)
        code = talk_order(&t, "POST", (struct bytes){0}, &told, "/v1/jobs/%s/%s/%s%s",
                          target.ns, target.job, what, query);
    if (code == EXIT_DONE) {
        code = finish(&t, &told, &target, before.data, timeout_ms, goal, done);
        answer_close(&told);
    }
    answer_close(&before);
    talk_close(&t);
    return code;
}

int verb_scale(const struct invocation *in)
{
    uint64_t count;
    char query[32];
    if (text_uint(in->words.args[1], INSTANCES_PER_JOB_MAX, &count) < 0)
        return fail(in, EXIT_USAGE, "usage", "'%s' is no number of instances (0 to %d)",
                    in->words.args[1], INSTANCES_PER_JOB_MAX);
    (void)snprintf(query, sizeof(query), "?count=%llu", (unsigned long long)count);
    return order(in, "scale", query, GOAL_HEALTHY, "healthy");
}

int verb_stop(const struct invocation *in)
{
    return order(in, "stop", "", GOAL_STOPPED, "stopped");
}

int verb_start(const struct invocation *in)
{
    return order(in, "start", "", GOAL_HEALTHY, "healthy");
}

int verb_restart(const struct invocation *in)
{
    return order(in, "restart", "", GOAL_HEALTHY, "healthy");
}

/* What is removed is gone with its versions.  Only a person can be asked: at a terminal, in words. */
static int ask_first(struct talk *t, const struct target *target)
{
    const struct invocation *in = t->in;
    struct answer a;
    char answer[16] = "";
    if (in->is_json || words_has(&in->words, "yes") || !isatty(STDIN_FILENO) ||
        !isatty(STDOUT_FILENO))
        return EXIT_DONE;
    int code = talk_get(t, &a, "/v1/jobs/%s/%s", target->ns, target->job);
    if (code != EXIT_DONE)
        return code;
    fprintf(stderr, "remove %s/%s and its versions; %lld run%s: yes or no? ", target->ns,
            target->job, json_number(a.data, "running"),
            json_number(a.data, "running") == 1 ? "s" : "");
    fflush(stderr);
    answer_close(&a);
    if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
        return EXIT_DONE;
    return fail(in, EXIT_CONFLICT, "declined", "nothing was done: %s/%s stays",
                target->ns, target->job);
}

int verb_rm(const struct invocation *in)
{
    struct target target;
    struct talk t;
    struct answer told;
    int code = target_need_job(in, in->words.args[0], &target);
    if (code == EXIT_DONE)
        code = talk_open(&t, in);
    if (code != EXIT_DONE)
        return code;
    t.job_word = in->words.args[0];
    code = ask_first(&t, &target);
    if (code == EXIT_DONE)
        code = talk_order(&t, "DELETE", (struct bytes){0}, &told, "/v1/jobs/%s/%s",
                          target.ns, target.job);
    if (code == EXIT_DONE) {
        say_told(in, told.data);
        if (!print_json(in, &told))
            fprintf(stderr, "%s/%s: removed\n", target.ns, target.job);
        answer_close(&told);
    }
    talk_close(&t);
    return code;
}
