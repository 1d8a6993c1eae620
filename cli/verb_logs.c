/* `logs`: what the tasks of a job wrote, as it is or as it comes.  The agent sends frames; here they
 * become text or JSON.  An agent of 0.1.0 sends lines of text. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/log_text.h"
#include "cli/talk.h"
#include "cli/verbs.h"
#include "core/doc.h"

enum {
    BUFFER_FIRST = 64 * 1024,
    TAIL_MAX = 1000 * 1000,
    TAIL_ON_TERMINAL = 100,
    QUERY_MAX = 192,
};

/* A frame that is kept, for --tail of a life that ends somewhere in between. */
struct kept {
    uint8_t *at;
    size_t len;
};

struct sink {
    const struct invocation *in;
    struct log_look look;
    uint32_t index; /* that was asked for */
    uint8_t *buf;
    size_t len, cap;
    bool keeps;        /* else lines are printed as they come */
    struct kept *kept; /* a ring */
    size_t n_kept, kept_cap;
    bool has_any, has_frames, is_old, is_missing, has_end;
};

static void write_out(void *ctx, struct bytes piece)
{
    (void)ctx;
    (void)fwrite(piece.at, 1, piece.len, stdout);
}

static void write_err(void *ctx, struct bytes piece)
{
    (void)ctx;
    (void)fwrite(piece.at, 1, piece.len, stderr);
}

static void print_frame(struct sink *s, const struct log_frame *f)
{
    const struct log_sink out = {write_out, NULL}, err = {write_err, NULL};
    struct log_look harmless = s->look;
    harmless.is_harmless = true;
    s->has_any = true;
    if (f->kind == LOG_MISSING) {
        (void)out_flush(); /* what came before it first, wherever both go */
        log_text_line(f, &harmless, &err);
        s->is_missing = true;
    }
    if (s->in->is_json)
        log_text_json(f, &s->look, &out);
    else if (f->kind != LOG_MISSING)
        log_text_line(f, &s->look, &out);
}

static void keep_frame(struct sink *s, struct bytes frame)
{
    if (s->kept_cap == 0)
        return;
    struct kept *k = &s->kept[s->n_kept++ % s->kept_cap];
    free(k->at);
    k->at = malloc(frame.len);
    k->len = k->at ? frame.len : 0;
    if (k->at)
        memcpy(k->at, frame.at, frame.len);
}

static void print_kept(struct sink *s)
{
    size_t first = s->n_kept > s->kept_cap ? s->n_kept - s->kept_cap : 0;
    for (size_t i = first; i < s->n_kept; i++) {
        struct kept *k = &s->kept[i % s->kept_cap];
        struct log_frame f;
        if (log_frame_read((struct bytes){k->at, k->len}, &f) > 0)
            print_frame(s, &f);
        free(k->at);
    }
    free(s->kept);
}

static void take_frame(struct sink *s, const struct log_frame *f, struct bytes frame)
{
    bool is_line = f->kind == LOG_LINE || f->kind == LOG_LOST;
    s->has_frames = true;
    s->has_end |= f->kind == LOG_END;
    if (is_line && s->keeps)
        keep_frame(s, frame);
    else if (is_line || f->kind == LOG_MISSING)
        print_frame(s, f);
}

/* Of an older agent: "web.0 | text", or the text alone where one instance was asked for. */
static size_t take_old_line(struct sink *s, struct bytes in)
{
    const uint8_t *end = in.len ? memchr(in.at, '\n', in.len) : NULL;
    if (!end && in.len < LOG_FRAME_TEXT_MAX)
        return 0;
    size_t len = end ? (size_t)(end - in.at) : LOG_FRAME_TEXT_MAX;
    struct log_frame f = {.kind = LOG_LINE, .index = s->index, .text = {in.at, len}};
    const uint8_t *bar = s->look.has_labels ? memmem(in.at, len, " | ", 3) : NULL;
    const uint8_t *dot = bar ? memrchr(in.at, '.', (size_t)(bar - in.at)) : NULL;
    if (dot) {
        f.index = (uint32_t)strtoul((const char *)dot + 1, NULL, 10);
        f.text = (struct bytes){bar + 3, len - (size_t)(bar + 3 - in.at)};
    }
    print_frame(s, &f);
    return len + (end != NULL);
}

/* Everything that is whole; negative: not what an agent says. */
static long take_all(struct sink *s)
{
    size_t at = 0;
    long used = 1;
    while (used > 0 && at < s->len) {
        struct bytes rest = {s->buf + at, s->len - at};
        struct log_frame f;
        s->is_old |= !s->has_frames && rest.at[0] != LOG_FRAME_MAGIC;
        used = s->is_old ? (long)take_old_line(s, rest) : log_frame_read(rest, &f);
        if (used > 0 && !s->is_old)
            take_frame(s, &f, (struct bytes){rest.at, (size_t)used});
        at += used > 0 ? (size_t)used : 0;
    }
    s->len -= at;
    memmove(s->buf, s->buf + at, s->len);
    return used;
}

static int on_chunk(void *ctx, struct bytes in)
{
    struct sink *s = ctx;
    size_t cap = s->cap ? s->cap : BUFFER_FIRST;
    while (cap <= s->len + in.len) /* one for an end that does not come */
        cap *= 2;
    uint8_t *grown = cap > s->cap ? realloc(s->buf, cap) : s->buf;
    if (!grown)
        return ENOMEM;
    s->buf = grown;
    s->cap = cap;
    memcpy(s->buf + s->len, in.at, in.len);
    s->len += in.len;
    if (take_all(s) < 0)
        return EBADMSG;
    return out_flush() ? 0 : EIO;
}

/* An older agent ends where its text ends, be it in the middle of a line. */
static void take_rest(struct sink *s)
{
    if (!s->is_old || s->len == 0)
        return;
    s->buf[s->len++] = '\n';
    (void)take_all(s);
}

/* "10m", or a time as JSON has it. */
static int since_of(const struct invocation *in, uint64_t *ret_since_ms)
{
    const char *since = words_value(&in->words, "since");
    uint64_t ago_ms, now = now_unix_ms();
    *ret_since_ms = 0;
    if (!since)
        return EXIT_DONE;
    if (text_duration_ms(since, &ago_ms) == 0)
        *ret_since_ms = ago_ms < now ? now - ago_ms : 0;
    else if ((*ret_since_ms = time_parse(since)) == 0)
        return fail(
            in, EXIT_USAGE, "usage",
            "--since: '%s' is neither a duration such as 5m or 1h30m nor a time such "
            "as 2026-11-30T18:00:00Z",
            since);
    return EXIT_DONE;
}

static int tail_of(const struct invocation *in, bool *ret_has_tail, uint64_t *ret_tail)
{
    const char *tail = words_value(&in->words, "tail");
    bool is_short = words_has(&in->words, "since") || words_has(&in->words, "previous");
    *ret_has_tail = tail || (!is_short && !in->is_json && isatty(STDOUT_FILENO));
    *ret_tail = TAIL_ON_TERMINAL;
    if (tail && text_uint(tail, TAIL_MAX, ret_tail) < 0)
        return fail(in, EXIT_USAGE, "usage",
                    "--tail wants a number of lines, at most a million, not '%s'", tail);
    return EXIT_DONE;
}

static int query_of(struct sink *s, const struct target *target, char *out)
{
    const struct invocation *in = s->in;
    uint64_t since_ms = 0, tail = 0;
    bool has_tail = false, is_previous = words_has(&in->words, "previous");
    bool is_follow = words_has(&in->words, "follow");
    int code = since_of(in, &since_ms);
    if (code == EXIT_DONE)
        code = tail_of(in, &has_tail, &tail);
    if (code == EXIT_DONE && is_previous && is_follow)
        return fail(in, EXIT_USAGE, "usage",
                    "--previous is over: it does not go with --follow");
    if (code != EXIT_DONE)
        return code;
    if (is_previous && has_tail) { /* only here it is known which lines those are */
        s->keeps = true;
        s->kept_cap = (size_t)tail;
        s->kept = calloc(s->kept_cap + 1, sizeof(*s->kept));
        if (!s->kept)
            return fail(in, EXIT_FAILED, "failed", "no memory for %llu lines",
                        (unsigned long long)tail);
    }
    size_t n = (size_t)snprintf(
        out, QUERY_MAX, "?as=frames&since_ms=%llu%s%s", (unsigned long long)since_ms,
        is_follow ? "&follow=1" : "", is_previous ? "&previous=1" : "");
    if (!s->look.has_both)
        n += (size_t)snprintf(out + n, QUERY_MAX - n, "&stream=%s",
                              words_has(&in->words, "stderr") ? "stderr" : "stdout");
    if (target->has_index)
        n += (size_t)snprintf(out + n, QUERY_MAX - n, "&index=%u", target->index);
    if (has_tail && !is_previous)
        (void)snprintf(out + n, QUERY_MAX - n, "&tail=%llu", (unsigned long long)tail);
    return EXIT_DONE;
}

static void say_nothing(const struct sink *s, const char *word)
{
    static const char *const parts[] = {"since", "stdout", "stderr", "tail"};
    const struct words *words = &s->in->words;
    bool is_part = false;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        is_part |= words_has(words, parts[i]);
    if (is_part)
        fprintf(stderr, "no such lines of %s\n", word);
    else
        fprintf(stderr, "%s has written nothing%s\n", word,
                words_has(words, "previous") ? " in a life before its last" : "");
}

/* What is missing was said where it would have been. */
static int verdict(struct sink *s, const char *word)
{
    if (!s->is_old && !s->has_end) {
        fprintf(stderr,
                "the agent's answer broke off: what would have followed is missing\n");
        return EXIT_FAILED;
    }
    if (!s->has_any && !s->in->is_json)
        say_nothing(s, word);
    return s->is_missing ? EXIT_FAILED : EXIT_DONE;
}

int verb_logs(const struct invocation *in)
{
    struct sink s = {.in = in};
    struct target target;
    struct talk t;
    char query[QUERY_MAX];
    const char *word = in->words.args[0];
    bool has_out = words_has(&in->words, "stdout"),
         has_err = words_has(&in->words, "stderr");
    int code = target_parse(in, word, &target);
    if (code < 0)
        return target_fail(in, word, code);
    s.index = target.has_index ? target.index : 0;
    s.look = (struct log_look){.job = target.job,
                               .has_labels = !target.has_index,
                               .has_details = words_has(&in->words, "time"),
                               .has_both = has_out == has_err,
                               .is_harmless = isatty(STDOUT_FILENO) != 0};
    code = query_of(&s, &target, query);
    if (code == EXIT_DONE)
        code = talk_open(&t, in);
    if (code != EXIT_DONE) {
        free(s.kept);
        return code;
    }
    t.job_word = word;
    code = talk_stream(&t, on_chunk, &s, "/v1/jobs/%s/%s/logs%s", target.ns, target.job,
                       query);
    take_rest(&s);
    print_kept(&s);
    if (code == EXIT_DONE)
        code = verdict(&s, word);
    free(s.buf);
    talk_close(&t);
    return code;
}
