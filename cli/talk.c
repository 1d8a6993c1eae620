/* Talking to the agent for a verb, and saying what went wrong in one way everywhere. */
#include "cli/talk.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/interrupt.h"
#include "core/bounds.h"
#include "core/doc.h"
#include "core/ids.h"
#include "core/utf8.h"

enum {
    CALL_TIMEOUT_MS = 60000,
    SUGGEST_MAX = 256,
    URL_MAX = 4096,
    READY_MS = 5000,
    READY_POLL_MS = 50,
};

uint64_t now_unix_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t); /* cannot fail for this clock */
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

const char *json_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

long long json_number(const json_t *object, const char *key)
{
    return (long long)json_number_value(json_object_get(object, key));
}

double json_decimal(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* ---- saying failures ---- */

int fail(const struct invocation *in, int exit_code, const char *code, const char *format,
         ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)utf8_mend(text);

    if (in->is_json) {
        json_t *root =
            json_pack("{s:{s:s, s:s}}", "error", "code", code, "message", text);
        if (root) {
            (void)json_dumpf(root, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
            fputc('\n', stdout);
            json_decref(root);
            return exit_code;
        }
    }
    fputs("stratos: ", stderr);
    print_safe(stderr, text, true);
    fputc('\n', stderr);
    return exit_code;
}

static int exit_of_code(const char *code, int http_status)
{
    static const struct {
        const char *code;
        int exit_code;
    } codes[] = {
        {"not_found", EXIT_NO_SUCH},       {"invalid", EXIT_USAGE},
        {"malformed", EXIT_USAGE},         {"conflict", EXIT_CONFLICT},
        {"unplaceable", EXIT_UNPLACEABLE}, {"timeout", EXIT_TIMED_OUT},
        {"too_large", EXIT_USAGE},         {"unsupported", EXIT_USAGE},
        {"denied", EXIT_NO_AGENT},         {"unauthorized", EXIT_NO_AGENT},
        {"unsure", EXIT_FAILED},           {"no_answer", EXIT_FAILED},
        {"stopped", EXIT_FAILED},
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (strcmp(codes[i].code, code) == 0)
            return codes[i].exit_code;
    }
    switch (http_status) {
    case 404:
        return EXIT_NO_SUCH;
    case 409:
    case 412:
        return EXIT_CONFLICT;
    case 400:
    case 413:
    case 422:
        return EXIT_USAGE;
    case 504:
        return EXIT_TIMED_OUT;
    default:
        return EXIT_FAILED;
    }
}

static int say_transport(struct talk *t, const struct err *err)
{
    if (err->code == -EINTR)
        return EXIT_INTERRUPTED;
    if (err->code == ERR_UNSURE && !t->is_quiet)
        return fail(t->in, EXIT_FAILED, "unsure", "%s", err->text);
    if (t->is_quiet)
        return err->code == ERR_TIMEOUT ? EXIT_TIMED_OUT : EXIT_NO_AGENT;
    if (err->code == ERR_TIMEOUT)
        return fail(t->in, EXIT_TIMED_OUT, "timeout", "%s", err->text);
    const char *code = err->code == ERR_FORGED ? "secret_refused" : "no_agent";
    return fail(t->in, EXIT_NO_AGENT, code, "%s", err->text);
}

bool job_meant(const struct invocation *in, const json_t *jobs, const char *word,
               const char *const *names, char *out, size_t cap)
{
    struct target target = {0};
    size_t i;
    json_t *job;
    if (target_parse(in, word, &target) < 0)
        return false;
    const char *meant = did_you_mean(target.job, names);
    json_array_foreach(jobs, i, job)
    {
        const char *ns = json_text(job, "namespace"), *name = json_text(job, "job");
        bool is_same = strcmp(name, target.job) == 0;
        if (is_same && strcmp(ns, target.ns) == 0)
            return false; /* it is there, and something else is not */
        if (!is_same && (!meant || strcmp(name, meant) != 0))
            continue;
        if (strcmp(ns, target.ns) == 0)
            (void)snprintf(out, cap, "%s", name);
        else
            (void)snprintf(out, cap, "%s/%s", ns, name);
        return true;
    }
    if (meant && strcmp(meant, target.job) != 0) {
        (void)snprintf(out, cap, "%s", meant);
        return true;
    }
    return false;
}

/* The name of a job that is there and looks like `word`; false when none does. */
static bool suggest_job(struct talk *t, const char *word, char *out, size_t cap)
{
    struct talk quiet = {.in = t->in, .client = t->client, .is_quiet = true};
    struct answer jobs;
    if (talk_get(&quiet, &jobs, "/v1/jobs") != EXIT_DONE)
        return false;
    const char *names[SUGGEST_MAX + 1];
    size_t n = 0, i;
    json_t *job;
    json_array_foreach(jobs.data, i, job)
    {
        if (n < SUGGEST_MAX)
            names[n++] = json_text(job, "job");
    }
    names[n] = NULL;
    bool is_found = job_meant(t->in, jobs.data, word, names, out, cap);
    answer_close(&jobs);
    return is_found;
}

static int say_refusal(struct talk *t, const struct answer *a)
{
    const json_t *error = json_object_get(a->root, "error");
    const char *code = json_text(error, "code");
    int exit_code = exit_of_code(code, a->http_status);
    if (t->is_quiet)
        return exit_code;

    char meant[2 * NAME_LEN_MAX + 2];
    const char *message = json_text(error, "message");
    bool has_meant = exit_code == EXIT_NO_SUCH && t->job_word &&
                     !strstr(message, "did you mean") &&
                     suggest_job(t, t->job_word, meant, sizeof(meant));
    if (has_meant)
        return fail(t->in, exit_code, "not_found", "%s: did you mean '%s'?",
                    *message ? message : "no such job", meant);
    if (error && t->in->is_json) {
        (void)json_dumpf(a->root, stdout,
                         JSON_COMPACT); /* it may carry more than a message */
        fputc('\n', stdout);
        return exit_code;
    }
    if (*message)
        return fail(t->in, exit_code, *code ? code : "failed", "%s", message);
    if (t->is_order && a->http_status >= 500)
        return fail(t->in, EXIT_FAILED, "unsure",
                    "may stand: the agent took the order and answered with status %d",
                    a->http_status);
    return fail(t->in, exit_code, "failed", "the agent answered with status %d",
                a->http_status);
}

/* ---- calls ---- */

int talk_open(struct talk *t, const struct invocation *in)
{
    struct err err = {0};
    *t = (struct talk){.in = in};
    struct client_target target = {in->socket, in->host, in->secret_file};
    if (client_open(&target, &t->client, &err) < 0)
        return say_transport(t, &err);
    return EXIT_DONE;
}

int talk_open_or_none(struct talk *t, const struct invocation *in)
{
    struct err err = {0};
    *t = (struct talk){.in = in};
    struct client_target target = {in->socket, in->host, in->secret_file};
    int status = client_open(&target, &t->client, &err);
    if (status == 0)
        return EXIT_DONE;
    bool is_none = !in->host && (status == -ENOENT || status == -ECONNREFUSED);
    return is_none ? EXIT_NO_SUCH : say_transport(t, &err);
}

void talk_close(struct talk *t)
{
    client_close(t->client);
    t->client = NULL;
}

/* Take apart what came; EXIT_DONE when it is an answer, otherwise it is said and closed. */
static int read_answer(struct talk *t, const struct client_answer *raw,
                       struct answer *ret_answer)
{
    struct answer a = {.text = (char *)raw->body, .http_status = raw->status, .node = ""};
    a.root = json_loadb(a.text, raw->len, JSON_DECODE_ANY, NULL);
    a.view = json_object_get(a.root, "view");
    a.data = json_object_get(a.root, "data");
    a.node = json_text(a.root, "node");
    int exit_code = EXIT_DONE;
    if (a.http_status >= 400)
        exit_code = say_refusal(t, &a);
    else if (!json_is_object(a.root))
        exit_code = t->is_quiet
                        ? EXIT_FAILED
                        : fail(t->in, EXIT_FAILED, t->is_order ? "unsure" : "malformed",
                               "%sthe agent's answer is not what this version reads",
                               t->is_order ? "may stand: " : "");
    if (exit_code != EXIT_DONE)
        answer_close(&a);
    else
        *ret_answer = a;
    return exit_code;
}

__attribute__((format(printf, 3, 0))) static bool
print_url(char *url, size_t cap, const char *target, va_list args)
{
    int len = vsnprintf(url, cap, target, args);
    return len >= 0 && (size_t)len < cap;
}

int talk_call(struct talk *t, const char *method, struct bytes body,
              struct answer *ret_answer, const char *target, ...)
{
    char url[URL_MAX];
    va_list args;
    va_start(args, target);
    bool is_fitting = print_url(url, sizeof(url), target, args);
    va_end(args);
    if (!is_fitting)
        return fail(t->in, EXIT_USAGE, "invalid", "the names given are too long");

    struct err err = {0};
    struct client_answer raw;
    if (client_call(t->client, method, url, body, CALL_TIMEOUT_MS, &raw, &err) < 0)
        return say_transport(t, &err);
    return read_answer(t, &raw, ret_answer);
}

/* "ack=2" of --ack, with the character that joins it to the target; "" when it was not given. */
static int ack_query(const struct invocation *in, const char *target, char *out,
                     size_t cap)
{
    const char *ack = words_value(&in->words, "ack");
    uint64_t number = 0;
    out[0] = '\0';
    if (!ack)
        return EXIT_DONE;
    bool is_word = strcmp(ack, "majority") == 0 || strcmp(ack, "all") == 0;
    if (!is_word && (text_uint(ack, MEMBERS_MAX, &number) < 0 || number == 0))
        return fail(in, EXIT_USAGE, "usage",
                    "--ack wants a number, majority or all, not '%s'", ack);
    (void)snprintf(out, cap, "%cack=%s", strchr(target, '?') ? '&' : '?', ack);
    return EXIT_DONE;
}

/* An agent that has just started listens for others before it takes orders: whoever orders right after the start
 * need not know that.  Without an answer, or after a while, the order itself says what is wrong. */
static void wait_until_ready(struct talk *t)
{
    for (unsigned waited = 0; waited < READY_MS; waited += READY_POLL_MS) {
        struct client_answer raw;
        struct err err = {0};
        if (client_call(t->client, "GET", "/healthz", (struct bytes){0}, CALL_TIMEOUT_MS,
                        &raw, &err) < 0)
            return;
        bool is_starting = raw.status == 503 && raw.len > 0 &&
                           strstr((const char *)raw.body, "no sync with a peer") != NULL;
        free(raw.body);
        if (!is_starting)
            return;
        (void)usleep(READY_POLL_MS * 1000); /* a shorter sleep does no harm */
    }
}

int talk_order(struct talk *t, const char *method, struct bytes body,
               struct answer *ret_answer, const char *target, ...)
{
    char url[URL_MAX], ack[32];
    va_list args;
    va_start(args, target);
    bool is_fitting = print_url(url, sizeof(url), target, args);
    va_end(args);
    if (!is_fitting)
        return fail(t->in, EXIT_USAGE, "invalid", "the names given are too long");
    int code = ack_query(t->in, url, ack, sizeof(ack));
    if (code != EXIT_DONE)
        return code;
    interrupt_says("\ninterrupted: the order may stand: stratos status\n");
    t->is_order = true;
    wait_until_ready(t);
    code = talk_call(t, method, body, ret_answer, "%s%s", url, ack);
    t->is_order = false;
    interrupt_says("\n");
    return code;
}

int talk_stream(struct talk *t, int (*chunk)(void *ctx, struct bytes in), void *ctx,
                const char *target, ...)
{
    char url[URL_MAX];
    va_list args;
    va_start(args, target);
    bool is_fitting = print_url(url, sizeof(url), target, args);
    va_end(args);
    if (!is_fitting)
        return fail(t->in, EXIT_USAGE, "invalid", "the names given are too long");

    struct err err = {0};
    struct client_answer raw = {0};
    int stop = client_stream(t->client, "GET", url, chunk, ctx, &raw, &err);
    if (stop < 0)
        return say_transport(t, &err);
    if (stop > 0 || raw.status < 400)
        free(raw.body);
    if (stop > 0 && out_error() != 0)
        return EXIT_FAILED; /* it is said at the end */
    if (stop > 0)
        return fail(t->in, EXIT_FAILED, "failed", "what comes cannot be passed on: %s",
                    err_text(-stop));
    if (raw.status < 400)
        return EXIT_DONE;
    struct answer a;
    int exit_code = read_answer(t, &raw, &a);
    if (exit_code == EXIT_DONE)
        answer_close(&a);
    return exit_code;
}

void answer_close(struct answer *a)
{
    json_decref(a->root);
    free(a->text);
    *a = (struct answer){0};
}

char *talk_escape(const char *word, bool keep_slash, char *out, size_t cap)
{
    static const char plain[] = "-._~";
    size_t len = 0;
    for (; *word && len + 4 < cap; word++) {
        unsigned char c = (unsigned char)*word;
        bool is_plain = (c >= '0' && c <= '9') ||
                        ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || strchr(plain, c) ||
                        (keep_slash && c == '/');
        if (is_plain)
            out[len++] = (char)c;
        else
            len += (size_t)snprintf(out + len, cap - len, "%%%02X", c);
    }
    out[len] = '\0';
    return out;
}

/* ---- targets ---- */

int target_parse(const struct invocation *in, const char *word, struct target *ret_target)
{
    struct target t = {0};
    const char *slash = strchr(word, '/');
    const char *ns = in->namespace, *job = slash ? slash + 1 : word;
    size_t ns_len = slash ? (size_t)(slash - word) : strlen(ns);
    ns = slash ? word : ns;

    size_t job_len = strlen(job);
    int status = 0;
    const char *dot = strrchr(job, '.');
    if (dot) {
        status = index_parse(bytes_of_text(dot + 1), &t.index);
        if (status == ERR_MALFORMED)
            return ERR_INVALID;
        t.has_index = true;
        job_len = (size_t)(dot - job);
    }
    if (!name_is_valid((struct bytes){(const uint8_t *)ns, ns_len}) ||
        !name_is_valid((struct bytes){(const uint8_t *)job, job_len}))
        return ERR_INVALID;
    memcpy(t.ns, ns, ns_len);
    memcpy(t.job, job, job_len);
    if (status < 0)
        return ERR_NOT_FOUND; /* web.00: no instance is called so */
    *ret_target = t;
    return 0;
}

int target_fail(const struct invocation *in, const char *word, int status)
{
    uint32_t index = 0;
    const char *dot = strrchr(word, '.');
    if (status != ERR_NOT_FOUND || !dot)
        return fail(in, EXIT_USAGE, "invalid",
                    "'%s' cannot be a job's name: [NAMESPACE/]JOB[.N], of a-z, 0-9 and -",
                    word);
    (void)index_parse(bytes_of_text(dot + 1), &index);
    return fail(in, EXIT_NO_SUCH, "not_found", "no %s: %.*s.%u?", word, (int)(dot - word),
                word, (unsigned)index);
}

int target_need_job(const struct invocation *in, const char *word,
                    struct target *ret_target)
{
    int status = target_parse(in, word, ret_target);
    if (status == ERR_INVALID)
        return fail(in, EXIT_USAGE, "invalid",
                    "'%s' cannot be a job's name: [NAMESPACE/]JOB, of a-z, 0-9 and -",
                    word);
    if (status < 0 || ret_target->has_index)
        return fail(in, EXIT_USAGE, "invalid",
                    "'%s' names one instance: here a whole job is wanted", word);
    return EXIT_DONE;
}
