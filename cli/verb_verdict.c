/* `stratos` alone: how the cluster is and what to type next; where there is no agent, how to begin. */
#include "cli/help.h"
#include "cli/overview.h"
#include "cli/talk.h"
#include "cli/verbs.h"
#include "cli/verdict.h"

static int begin(const struct invocation *in)
{
    if (in->is_json) {
        puts("{\"api\":1,\"data\":{\"state\":\"none\"}}");
        return EXIT_DONE;
    }
    printf("There is no agent at %s.\n\n", in->socket);
    puts("To try it on this machine:    stratos dev\n"
         "To run it, on the first host: stratos secret new --write\n"
         "  then on every host, with a copy of that file, as root:\n"
         "                              stratos install\n"
         "Then from any of them:        stratos members\n"
         "  a job file to start from:   stratos init web\n"
         "  submit it:                  stratos run web.yaml\n");
    help_commands(stdout);
    return EXIT_DONE;
}

int verb_verdict(const struct invocation *in)
{
    struct talk t;
    struct answer a;
    int code = talk_open_or_none(&t, in);
    if (code == EXIT_NO_SUCH)
        return begin(in);
    if (code != EXIT_DONE)
        return code;
    code = talk_get(&t, &a, "/v1/verdict");
    if (code == EXIT_DONE) {
        if (!print_json(in, &a)) {
            const json_t *first = json_array_get(json_object_get(a.data, "needs"), 0);
            const char *see = json_text(first, "see");
            verdict_print(a.data);
            bool has_jobs = overview_lines(&t);
            fputc('\n', stdout);
            if (has_jobs)
                printf("Next: %s\n", *see ? see : "stratos status");
            else
                help_commands(stdout);
        }
        say_view(in, &a);
        answer_close(&a);
    }
    talk_close(&t);
    return code;
}
