/* Talking to the agent for a verb: one call that returns the parsed answer, or says what
 * went wrong (on stderr, or as a JSON object with --json) and which exit code that is. */
#ifndef CLI_TALK_H
#define CLI_TALK_H

#include <jansson.h>
#include <stdint.h>

#include "agent/client.h"
#include "cli/command.h"
#include "cli/render.h"

struct talk {
    const struct invocation *in;
    struct client *client;
    bool is_quiet; /* failures are returned, not said */
    bool is_order; /* what is being asked changes something */
    /* what was typed as the job: a "did you mean" when it is not there */
    const char *job_word;
};

/* Returns an exit code; EXIT_NO_AGENT is already said. */
int talk_open(struct talk *t, const struct invocation *in);
/* The same, but that no agent runs here at all is EXIT_NO_SUCH, and not said. */
int talk_open_or_none(struct talk *t, const struct invocation *in);
void talk_close(struct talk *t);

struct answer {
    char *text;          /* the body, as it came */
    json_t *root;        /* NULL when it is no JSON object */
    json_t *view, *data; /* borrowed of root; NULL when absent */
    const char *node;    /* who answered; "" when unknown */
    int http_status;
};

/* The target is a printf format; user words in it go through talk_escape first.  With an
 * exit code other than EXIT_DONE the failure is said and the answer is already closed. */
int talk_call(struct talk *t, const char *method, struct bytes body,
              struct answer *ret_answer, const char *target, ...)
    __attribute__((format(printf, 5, 6)));
#define talk_get(t, ret_answer, ...)                                                     \
    talk_call(t, "GET", (struct bytes){0}, ret_answer, __VA_ARGS__)
/* The same for what changes something: with --ack, said as what may have happened when the answer does
 * not come.  Every verb that writes goes through here. */
int talk_order(struct talk *t, const char *method, struct bytes body,
               struct answer *ret_answer, const char *target, ...)
    __attribute__((format(printf, 5, 6)));
void answer_close(struct answer *a);
/* A streamed answer to GET: `chunk` sees the pieces until the end, or until it returns
 * non-zero. */
int talk_stream(struct talk *t, int (*chunk)(void *ctx, struct bytes in), void *ctx,
                const char *target, ...) __attribute__((format(printf, 4, 5)));

/* A word as a part of a URL; '/' stays when `keep_slash`.  Returns out. */
char *talk_escape(const char *word, bool keep_slash, char *out, size_t cap);
enum { ESCAPED_MAX = 800 };

/* Say a failure: {"error":{"code","message"}} on stdout with --json, a line on stderr
 * otherwise. */
int fail(const struct invocation *in, int exit_code, const char *code, const char *format,
         ...) __attribute__((format(printf, 4, 5)));

/* The job that `word` may have meant, among the data of `jobs`; `names` are the words it is
 * compared with.  With its namespace where that is another one; false when none is near. */
bool job_meant(const struct invocation *in, const json_t *jobs, const char *word,
               const char *const *names, char *out, size_t cap);

/* "[ns/]JOB[.N]" taken apart. */
struct target {
    char ns[64], job[64];
    bool has_index;
    uint32_t index;
};
/* ERR_INVALID when it cannot be the name of a job; ERR_NOT_FOUND when no instance is
 * called so (web.00). */
int target_parse(const struct invocation *in, const char *word,
                 struct target *ret_target);
/* What target_parse returned for `word`, in words; the exit code. */
int target_fail(const struct invocation *in, const char *word, int status);
/* As target_parse for a JOB without index, saying what is wrong. */
int target_need_job(const struct invocation *in, const char *word,
                    struct target *ret_target);

/* ---- members of JSON objects; missing or of another type: "" and 0 ---- */
const char *json_text(const json_t *object, const char *key);
long long json_number(const json_t *object, const char *key);
double json_decimal(const json_t *object, const char *key);

uint64_t now_unix_ms(void);

/* ---- say.c ---- */

/* `as seen by n1: 3 alive, ...`, and a warning when the node reaches less than the
 * cluster. */
void say_view(const struct invocation *in, const struct answer *a);
/* `told 3/3 members, 0.31s`, `told 1 of 3 (n2, n3 dead): on this disk only`: what the agent says of who
 * has the write. */
void say_told(const struct invocation *in, const json_t *data);
/* A reading verb's whole ending for --json: print the answer through.  Returns true if it
 * did. */
bool print_json(const struct invocation *in, const struct answer *a);
/* {"api":1,"node","view","data"} around `data` (stolen), as of the newest answer. */
void print_wrapped(const struct answer *a, json_t *data);
/* With --namespace only its own stay in a list of jobs or services; the answer is ours to change. */
void keep_namespace(const struct invocation *in, json_t *list);

#endif
