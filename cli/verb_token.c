/* `token` and `ui`: rights for those who come over HTTP. */
#include <string.h>
#include <unistd.h>

#include "cli/talk.h"
#include "cli/verbs.h"

/* Ask the agent for a token; EXIT_DONE with an open talk and answer. */
static int ask(struct talk *t, const struct invocation *in, struct answer *ret_answer)
{
    char ns[ESCAPED_MAX], expires[ESCAPED_MAX];
    const char *word = words_value(&in->words, "expires");
    bool is_for_all = !words_has(&in->words, "namespace");
    (void)talk_escape(is_for_all ? "" : in->namespace, false, ns, sizeof(ns));
    (void)talk_escape(word ? word : "12h", false, expires, sizeof(expires));
    int code = talk_open(t, in);
    if (code != EXIT_DONE)
        return code;
    code = talk_call(t, "POST", (struct bytes){0}, ret_answer,
                     "/v1/tokens?scope=%s&expires=%s%s%s",
                     words_has(&in->words, "read") ? "read" : "write", expires,
                     is_for_all ? "" : "&namespace=", ns);
    if (code != EXIT_DONE)
        talk_close(t);
    return code;
}

int verb_token(const struct invocation *in)
{
    struct talk t;
    struct answer a;
    int code = ask(&t, in, &a);
    if (code != EXIT_DONE)
        return code;
    if (!print_json(in, &a))
        printf("%s%s\n", words_has(&in->words, "header") ? "Authorization: Bearer " : "",
               json_text(a.data, "token"));
    answer_close(&a);
    talk_close(&t);
    return EXIT_DONE;
}

int verb_ui(const struct invocation *in)
{
    struct talk t;
    struct answer a;
    int code = ask(&t, in, &a);
    if (code != EXIT_DONE)
        return code;
    const char *page = json_text(a.data, "page");
    if (!*page) {
        const char *wait =
            json_string_value(json_array_get(json_object_get(a.view, "waits_for"), 0));
        code = fail(in, EXIT_FAILED, "no_page", "this agent serves no page: %s",
                    wait ? wait : "it was started with --http off");
    } else if (!print_json(in, &a)) {
        puts(page);
        if (isatty(STDOUT_FILENO))
            fprintf(stderr,
                    "open it in a browser on %s; from elsewhere, forward its port: "
                    "ssh -L 7781:%.*s %s\n",
                    a.node, (int)strcspn(page + strlen("http://"), "/"),
                    page + strlen("http://"), a.node);
    }
    answer_close(&a);
    talk_close(&t);
    return code;
}
