/* `members`, `gossip`, `join`, `leave`, `forget`: the nodes themselves. */
#include <string.h>

#include "cli/tables.h"
#include "cli/talk.h"
#include "cli/verbs.h"
#include "core/doc.h"

enum { NODES_SUGGEST_MAX = 512 };

int verb_members(const struct invocation *in)
{
    struct talk t;
    struct answer a;
    int code = talk_open(&t, in);
    if (code != EXIT_DONE)
        return code;
    code = talk_get(&t, &a, "/v1/members");
    if (code == EXIT_DONE) {
        if (!print_json(in, &a))
            members_print(a.data);
        say_view(in, &a);
        answer_close(&a);
    }
    talk_close(&t);
    return code;
}

/* ---- gossip ---- */

/* "in step", "late 14s", "dead": writes under way take a moment and make nobody late. */
static const char *knows_text(const json_t *peer, const char *own_digest, char *out,
                              size_t cap)
{
    char age[RENDER_TEXT];
    const char *state = json_text(peer, "state"), *digest = json_text(peer, "digest");
    const json_t *late = json_object_get(peer, "late_ms");
    bool is_gone = strcmp(state, "dead") == 0 || strcmp(state, "left") == 0;
    if (is_gone)
        (void)snprintf(out, cap, "%s", state);
    else if (json_is_number(late) && json_number(peer, "late_ms") > 0)
        (void)snprintf(out, cap, "late %s",
                       age_text((uint64_t)json_number(peer, "late_ms"), age));
    else if (json_is_number(late) || strcmp(digest, own_digest) == 0)
        (void)snprintf(out, cap, "%s", *digest ? "in step" : "not heard");
    else
        (void)snprintf(out, cap, "not heard");
    return out;
}

static void print_peers(const json_t *peers, const char *own_digest)
{
    static const char *const heads[] = {"NODE", "KNOWS", "LACKS", "HEARD",
                                        "RTT",  "IN",    "OUT",   NULL};
    struct grid grid;
    size_t i;
    json_t *peer;
    grid_init(&grid, heads);
    json_array_foreach(peers, i, peer)
    {
        char lacks[RENDER_TEXT] = "", heard[RENDER_TEXT] = "", rtt[RENDER_TEXT] = "";
        char in[RENDER_TEXT], out[RENDER_TEXT], knows[48];
        long long heard_ms = json_number(peer, "heard_ms");
        if (json_is_number(json_object_get(peer, "heard_ms")))
            (void)age_text(heard_ms < 0 ? 0 : (uint64_t)heard_ms, heard);
        if (json_is_number(json_object_get(peer, "behind")))
            (void)snprintf(lacks, sizeof(lacks), "%lld", json_number(peer, "behind"));
        if (json_is_number(json_object_get(peer, "rtt_ms")))
            (void)rtt_text(json_decimal(peer, "rtt_ms"), rtt);
        grid_row(&grid,
                 (const char *const[]){
                     json_text(peer, "node"),
                     knows_text(peer, own_digest, knows, sizeof(knows)), lacks, heard,
                     rtt, size_rounded((uint64_t)json_number(peer, "bytes_in"), in),
                     size_rounded((uint64_t)json_number(peer, "bytes_out"), out)});
    }
    grid_print(&grid, stdout, render_is_coloured(stdout));
    grid_fini(&grid);
}

static void print_seen(const json_t *seen)
{
    static const char *const heads[] = {"WRITER", "NUMBER", NULL};
    struct grid grid;
    size_t i;
    json_t *one;
    grid_init(&grid, heads);
    json_array_foreach(seen, i, one)
    {
        char number[RENDER_TEXT];
        (void)snprintf(number, sizeof(number), "%lld", json_number(one, "number"));
        grid_row(&grid, (const char *const[]){json_text(one, "node"), number});
    }
    grid_print(&grid, stdout, render_is_coloured(stdout));
    grid_fini(&grid);
}

int verb_gossip(const struct invocation *in)
{
    struct talk t;
    struct answer a;
    int code = talk_open(&t, in);
    if (code != EXIT_DONE)
        return code;
    code = talk_get(&t, &a, "/v1/gossip");
    if (code == EXIT_DONE) {
        if (!print_json(in, &a)) {
            const char *digest = json_text(a.data, "digest");
            printf("table %s, %lld entries, %lld rumors to tell\n\n", digest,
                   json_number(a.data, "entries"), json_number(a.data, "rumors"));
            print_peers(json_object_get(a.data, "peers"), digest);
            if (words_has(&in->words, "all")) {
                fputc('\n', stdout);
                print_seen(json_object_get(a.data, "seen"));
            }
        }
        say_view(in, &a);
        answer_close(&a);
    }
    talk_close(&t);
    return code;
}

/* ---- orders ---- */

/* `done`: what is said at the end; NULL: what the agent says. */
static int post(struct talk *t, const char *done, const char *subject, const char *url)
{
    struct answer a;
    int code = talk_order(t, "POST", (struct bytes){0}, &a, "%s", url);
    if (code != EXIT_DONE)
        return code;
    say_told(t->in, a.data);
    if (!print_json(t->in, &a))
        fprintf(stderr, "%s%s\n", done ? subject : json_text(a.data, "text"),
                done ? done : "");
    answer_close(&a);
    return EXIT_DONE;
}

int verb_join(const struct invocation *in)
{
    struct talk t;
    char address[ESCAPED_MAX], url[ESCAPED_MAX + 32];
    int code = talk_open(&t, in);
    if (code != EXIT_DONE)
        return code;
    (void)talk_escape(in->words.args[0], false, address, sizeof(address));
    (void)snprintf(url, sizeof(url), "/v1/join?address=%s", address);
    code = post(&t, NULL, "", url);
    talk_close(&t);
    return code;
}

int verb_leave(const struct invocation *in)
{
    struct talk t;
    int code = talk_open(&t, in);
    if (code != EXIT_DONE)
        return code;
    code = post(&t, "leaving: its work moves away, then the agent ends", "", "/v1/leave");
    talk_close(&t);
    return code;
}

/* A node that is not there is answered with one that is. */
static int check_node(struct talk *t, const char *word)
{
    struct answer a;
    int code = talk_get(t, &a, "/v1/members");
    if (code != EXIT_DONE)
        return code;
    const char *names[NODES_SUGGEST_MAX + 1];
    size_t n = 0, i;
    json_t *member;
    bool is_there = false;
    json_array_foreach(a.data, i, member)
    {
        const char *name = json_text(member, "name");
        is_there = is_there || strcmp(name, word) == 0 ||
                   strcmp(json_text(member, "id"), word) == 0;
        if (n < NODES_SUGGEST_MAX)
            names[n++] = name;
    }
    names[n] = NULL;
    if (!is_there) {
        const char *meant = did_you_mean(word, names);
        code =
            fail(t->in, EXIT_NO_SUCH, "not_found", "no node '%s'%s%s%s", word,
                 meant ? ": did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
    }
    answer_close(&a);
    return code;
}

int verb_forget(const struct invocation *in)
{
    struct talk t;
    char node[ESCAPED_MAX], url[ESCAPED_MAX + 32];
    const char *word = in->words.args[0];
    int code = talk_open(&t, in);
    if (code != EXIT_DONE)
        return code;
    (void)talk_escape(word, false, node, sizeof(node));
    (void)snprintf(url, sizeof(url), "/v1/nodes/%s/forget", node);
    code = check_node(&t, word);
    if (code == EXIT_DONE)
        code = post(&t, " is forgotten", word, url);
    talk_close(&t);
    return code;
}
