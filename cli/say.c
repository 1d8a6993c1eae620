/* What every verb says beside its own: whose view it is, who has a write, the answer as JSON.  See talk.h. */
#include <string.h>

#include "cli/talk.h"

void say_view(const struct invocation *in, const struct answer *a)
{
    if (in->is_json || !a->view)
        return;
    (void)out_flush(); /* the table first, wherever both go */
    char age[RENDER_TEXT];
    long long alive = json_number(a->view, "alive"), dead = json_number(a->view, "dead");
    long long newest = json_number(a->view, "newest_ms");
    fprintf(stderr, "as seen by ");
    print_safe(stderr, a->node, false);
    fprintf(stderr, ": %lld alive, %lld suspect", alive, json_number(a->view, "suspect"));
    if (dead > 0)
        fprintf(stderr, ", %lld dead", dead);
    fprintf(stderr, "; newest news %s old\n",
            age_text(newest < 0 ? 0 : (uint64_t)newest, age));

    size_t i;
    json_t *wait;
    json_array_foreach(json_object_get(a->view, "waits_for"), i, wait)
    {
        fprintf(stderr, "warning: %s does not serve %s: it tries again each second\n",
                a->node, json_string_value(wait));
    }
    if (json_is_true(json_object_get(a->view, "http_open")))
        fprintf(stderr,
                "warning: %s runs with --http-open: every program on that host, tasks "
                "included, may give orders\n",
                a->node);
    const char *warning = json_text(a->view, "warning");
    if (*warning) {
        fputs(strncmp(warning, "SPLIT", 5) == 0 ? "" : "warning: ", stderr);
        print_safe(stderr, warning, false);
        fputc('\n', stderr);
    }
}

void say_told(const struct invocation *in, const json_t *data)
{
    const char *told = json_text(data, "told");
    if (in->is_json)
        return;
    (void)out_flush();
    if (*told) {
        print_safe(stderr, told, false);
        fputc('\n', stderr);
    } else if (json_number(data, "known_by") > 0) {
        /* Of an agent that counts and does not name. */
        fprintf(stderr, "told %lld/%lld members, %.2fs\n", json_number(data, "known_by"),
                json_number(data, "members"), json_decimal(data, "took_ms") / 1000);
    }
}

bool print_json(const struct invocation *in, const struct answer *a)
{
    if (!in->is_json)
        return false;
    /* Through as it came (no number is rounded), but on one line: a line end cannot stand
     * inside a JSON string, so dropping them changes nothing else. */
    for (const char *c = a->text; *c; c++) {
        if (*c != '\n' && *c != '\r')
            fputc(*c, stdout);
    }
    fputc('\n', stdout);
    return true;
}

void print_wrapped(const struct answer *a, json_t *data)
{
    json_t *root = json_pack("{s:i, s:s, s:O?, s:o}", "api", 1, "node",
                             a->node ? a->node : "", "view", a->view, "data", data);
    if (!root)
        return;
    (void)json_dumpf(root, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
    fputc('\n', stdout);
    json_decref(root);
}

void keep_namespace(const struct invocation *in, json_t *list)
{
    if (!words_has(&in->words, "namespace"))
        return;
    for (size_t i = json_array_size(list); i > 0; i--) {
        const char *ns = json_text(json_array_get(list, i - 1), "namespace");
        if (strcmp(ns, in->namespace) != 0)
            (void)json_array_remove(list, i - 1);
    }
}
