/* `inspect`: the spec that is in force, as JSON or as a job file. */
#include "cli/talk.h"
#include "cli/verbs.h"
#include "cli/yaml.h"

int verb_inspect(const struct invocation *in)
{
    struct target target;
    struct talk t;
    struct answer a;
    int code = target_need_job(in, in->words.args[0], &target);
    if (code == EXIT_DONE)
        code = talk_open(&t, in);
    if (code != EXIT_DONE)
        return code;
    t.job_word = in->words.args[0];
    code = talk_get(&t, &a, "/v1/jobs/%s/%s/spec", target.ns, target.job);
    if (code == EXIT_DONE) {
        const json_t *spec = json_object_get(a.data, "spec");
        if (words_has(&in->words, "file")) {
            printf("# %s/%s %s\n", target.ns, target.job, json_text(a.data, "version"));
            yaml_print(spec, stdout);
        } else if (!print_json(in, &a)) {
            (void)json_dumpf(spec, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
            fputc('\n', stdout);
        }
        say_view(in, &a);
        answer_close(&a);
    }
    talk_close(&t);
    return code;
}
