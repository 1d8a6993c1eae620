/* `logs`: what the tasks of a job wrote, as it is or as it comes. */
#include <string.h>

#include "cli/talk.h"
#include "cli/verbs.h"
#include "core/doc.h"

enum { LINE_MAX_LEN = 64 * 1024 };

struct sink {
    bool is_json;
    char instance[80]; /* of all lines, when one was asked for */
    char line[LINE_MAX_LEN];
    size_t len;
    bool has_any;
};

/* {"instance","text"}: without an asked instance the line says itself, "web.0 | text". */
static void print_line(struct sink *s)
{
    s->line[s->len] = '\0';
    char *text = s->line;
    const char *instance = s->instance;
    char *bar = *instance ? NULL : strstr(s->line, " | ");
    if (bar) {
        *bar = '\0';
        instance = s->line;
        text = bar + 3;
    }
    json_t *object = json_pack("{s:s, s:o?}", "instance", instance, "text",
                               json_stringn(text, strlen(text)));
    if (object) {
        (void)json_dumpf(object, stdout, JSON_COMPACT);
        fputc('\n', stdout);
    }
    json_decref(object);
    s->len = 0;
}

static int on_chunk(void *ctx, struct bytes in)
{
    struct sink *s = ctx;
    s->has_any = s->has_any || in.len > 0;
    if (!s->is_json) {
        (void)fwrite(in.at, 1, in.len, stdout);
    } else {
        for (size_t i = 0; i < in.len; i++) {
            if (in.at[i] == '\n' || s->len + 1 == sizeof(s->line))
                print_line(s);
            if (in.at[i] != '\n')
                s->line[s->len++] = (char)in.at[i];
        }
    }
    return fflush(stdout) == 0 ? 0 : 1;
}

static int query_of(const struct invocation *in, const struct target *target, char *out,
                    size_t cap)
{
    const char *since = words_value(&in->words, "since");
    uint64_t since_ms = 0;
    if (since && text_duration_ms(since, &since_ms) < 0)
        return fail(in, EXIT_USAGE, "usage",
                    "--since: '%s' is no duration: 10s, 5m, 1h30m", since);
    int len = snprintf(out, cap, "?stream=%s",
                       words_has(&in->words, "stderr") ? "stderr" : "stdout");
    if (target->has_index)
        len +=
            snprintf(out + len, cap - (size_t)len, "&index=%u", (unsigned)target->index);
    if (words_has(&in->words, "follow"))
        len += snprintf(out + len, cap - (size_t)len, "&follow=1");
    uint64_t now = now_unix_ms();
    if (since && since_ms < now)
        (void)snprintf(out + len, cap - (size_t)len, "&since_ms=%llu",
                       (unsigned long long)(now - since_ms));
    return EXIT_DONE;
}

int verb_logs(const struct invocation *in)
{
    static struct sink sink;
    struct target target;
    struct talk t;
    char query[128];
    const char *word = in->words.args[0];
    if (target_parse(in, word, &target) < 0)
        return fail(in, EXIT_USAGE, "invalid",
                    "'%s' cannot be a job's name: [NAMESPACE/]JOB[.N]", word);
    int code = query_of(in, &target, query, sizeof(query));
    if (code == EXIT_DONE)
        code = talk_open(&t, in);
    if (code != EXIT_DONE)
        return code;
    t.job_word = word;
    sink.is_json = in->is_json;
    if (target.has_index)
        (void)snprintf(sink.instance, sizeof(sink.instance), "%s.%u", target.job,
                       (unsigned)target.index);
    code = talk_stream(&t, on_chunk, &sink, "/v1/jobs/%s/%s/logs%s", target.ns,
                       target.job, query);
    if (sink.len > 0)
        print_line(&sink);
    if (code == EXIT_DONE && !sink.has_any && !in->is_json)
        fprintf(stderr, "%s has written nothing to %s%s\n", word,
                words_has(&in->words, "stderr") ? "stderr" : "stdout",
                words_has(&in->words, "stderr") ? "" : "; try --stderr");
    talk_close(&t);
    return code;
}
