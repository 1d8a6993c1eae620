/* `secret new`: 32 random bytes that make a cluster.  `secret rotate`: others in their
 * place, while the cluster runs. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/text_json.h"
#include "cli/follow.h"
#include "cli/talk.h"
#include "cli/verbs.h"
#include "proto/seal.h"

/* Into the file, with what brings it to the other hosts. */
static int write_secret(const struct invocation *in)
{
    struct err err = {0};
    const char *path = in->secret_file, *slash = strrchr(path, '/');
    int dir = slash ? (int)(slash - path) : 0;
    int code = agent_secret_write(path, &err);
    if (code == -EEXIST)
        return fail(in, EXIT_FAILED, "exists", "%s is there already: it stays as it is",
                    path);
    if (code < 0)
        return fail(in, EXIT_FAILED, "failed", "%s", err.text);
    if (in->is_json) {
        json_t *root = json_pack("{s:i,s:{s:o}}", "api", 1, "data", "file", text_json(path));
        (void)json_dumpf(root, stdout, JSON_COMPACT);
        fputc('\n', stdout);
        json_decref(root);
        return EXIT_DONE;
    }
    fprintf(stderr, "%s is written.  Each other host of the cluster gets a copy of it:\n",
            path);
    fprintf(stderr, "  ssh root@HOST 'umask 077; mkdir -p %.*s; cat > %s' < %s\n",
            slash ? dir : 1, slash ? path : ".", path, path);
    return EXIT_DONE;
}

int verb_secret_new(const struct invocation *in)
{
    if (words_has(&in->words, "write"))
        return write_secret(in);
    struct secret secret;
    char text[45];
    if (seal_init() < 0)
        return fail(in, EXIT_FAILED, "failed", "this host has no randomness to offer");
    secret_new(&secret);
    secret_text(&secret, text);
    if (in->is_json)
        printf("{\"api\":1,\"data\":{\"secret\":\"%s\"}}\n", text);
    else
        puts(text);
    explicit_bzero(&secret, sizeof(secret));
    explicit_bzero(text, sizeof(text));
    return EXIT_DONE;
}

/* ---- rotate ---- */

enum { ROTATE_POLL_MS = 300 };

/* How far the live members are, by the epochs of their keys. */
struct progress {
    long long live, accept, send, replaced;
};

static bool is_live(const json_t *member)
{
    const char *state = json_text(member, "state");
    return strcmp(state, "alive") == 0 || strcmp(state, "suspect") == 0;
}

static long long epoch_of(const json_t *members, const char *name)
{
    size_t i;
    json_t *member;
    json_array_foreach(members, i, member)
    {
        if (strcmp(json_text(member, "name"), name) == 0)
            return json_number(member, "key_epoch");
    }
    return 0;
}

static struct progress measure(const json_t *members, long long old)
{
    struct progress p = {0};
    size_t i;
    json_t *member;
    json_array_foreach(members, i, member)
    {
        if (!is_live(member))
            continue;
        long long epoch = json_number(member, "key_epoch");
        long long other = json_number(member, "other_key_epoch");
        bool sends = epoch != 0 && epoch != old;
        p.live++;
        p.accept += sends || (epoch == old && other != 0);
        p.send += sends;
        p.replaced += sends && other == 0;
    }
    return p;
}

static bool differs(const struct progress *a, const struct progress *b)
{
    return a->live != b->live || a->accept != b->accept || a->send != b->send ||
           a->replaced != b->replaced;
}

static int follow_rotation(struct talk *t, long long old, uint64_t timeout_ms)
{
    struct progress last = {0};
    uint64_t deadline_ms = now_unix_ms() + timeout_ms;
    for (;;) {
        struct answer a;
        int code = talk_get(t, &a, "/v1/members");
        if (code != EXIT_DONE)
            return code;
        struct progress p = measure(a.data, old);
        if (!t->in->is_json && differs(&p, &last))
            (void)fprintf(stderr,
                          "new secret: %lld/%lld accept it, %lld/%lld use it, "
                          "%lld/%lld refuse the old one\n",
                          p.accept, p.live, p.send, p.live, p.replaced, p.live);
        last = p;
        bool is_done = p.live > 0 && p.replaced == p.live;
        if (is_done && t->in->is_json)
            print_wrapped(&a, json_pack("{s:I,s:I}", "key_epoch",
                                        (json_int_t)epoch_of(a.data, a.node), "members",
                                        (json_int_t)p.live));
        answer_close(&a);
        if (is_done)
            return EXIT_DONE;
        if (now_unix_ms() >= deadline_ms)
            return fail(t->in, EXIT_TIMED_OUT, "timeout",
                        "not all members have changed; it goes on without this command");
        (void)usleep(ROTATE_POLL_MS * 1000); /* a shorter sleep does no harm */
    }
}

int verb_secret_rotate(const struct invocation *in)
{
    struct talk t;
    struct answer a;
    uint64_t timeout_ms;
    int code = follow_timeout(in, &timeout_ms);
    if (code == EXIT_DONE)
        code = talk_open(&t, in);
    if (code != EXIT_DONE)
        return code;
    long long old = 0;
    code = talk_get(&t, &a, "/v1/members");
    if (code == EXIT_DONE) {
        old = epoch_of(a.data, a.node);
        answer_close(&a);
        code = talk_order(&t, "POST", (struct bytes){0}, &a, "/v1/secret/rotate%s",
                          words_has(&in->words, "force") ? "?force=1" : "");
    }
    if (code == EXIT_DONE) {
        bool is_detached = words_has(&in->words, "detach");
        say_told(in, a.data);
        if (is_detached)
            (void)print_json(in, &a);
        answer_close(&a);
        if (!is_detached)
            code = follow_rotation(&t, old, timeout_ms);
        if (code == EXIT_DONE && !is_detached && !in->is_json)
            fputs("the secret was changed: every node's secret file holds the new one\n",
                  stderr);
    }
    talk_close(&t);
    return code;
}
