/* `var set`, `get`, `ls`, `rm`: small values that every node knows. */
#include <string.h>

#include "cli/follow.h"
#include "cli/input.h"
#include "cli/talk.h"
#include "cli/verbs.h"
#include "core/bounds.h"

/* One call on /v1/vars/NAME?namespace=NS. */
static int call(struct talk *t, const struct invocation *in, const char *method,
                struct bytes body, struct answer *ret_answer)
{
    char name[ESCAPED_MAX], ns[ESCAPED_MAX];
    (void)talk_escape(in->words.args[0], true, name, sizeof(name));
    (void)talk_escape(in->namespace, false, ns, sizeof(ns));
    int code = talk_open(t, in);
    if (code != EXIT_DONE)
        return code;
    bool is_order = strcmp(method, "GET") != 0;
    code = is_order ? talk_order(t, method, body, ret_answer, "/v1/vars/%s?namespace=%s",
                                 name, ns)
                    : talk_get(t, ret_answer, "/v1/vars/%s?namespace=%s", name, ns);
    if (code != EXIT_DONE)
        talk_close(t);
    return code;
}

static int finish(struct talk *t, struct answer *a)
{
    say_told(t->in, a->data);
    (void)print_json(t->in, a);
    answer_close(a);
    talk_close(t);
    return EXIT_DONE;
}

/* The words of a command line are seen by everybody on the host, what comes from a pipe is not.  Of
 * that every byte counts, but one line end at the very end, which `echo` and editors put there. */
static int read_value(const struct invocation *in, struct arena *arena,
                      struct bytes *ret_value)
{
    const char *word = in->words.args[1];
    struct bytes value = bytes_of_text(word);
    int code = strcmp(word, "-") == 0 ? input_read(in, word, arena, &value) : EXIT_DONE;
    bool is_read = code == EXIT_DONE && strcmp(word, "-") == 0;
    if (is_read && value.len > 0 && value.at[value.len - 1] == '\n')
        value.len--;
    if (code == EXIT_DONE && value.len > ENTRY_LEN_MAX)
        return fail(in, EXIT_USAGE, "invalid", "a value has at most %d bytes",
                    ENTRY_LEN_MAX);
    *ret_value = value;
    return code;
}

int verb_var_set(const struct invocation *in)
{
    struct talk t;
    struct answer a;
    struct arena arena;
    struct bytes value = {0};
    arena_init(&arena, 0);
    int code = read_value(in, &arena, &value);
    if (code == EXIT_DONE)
        code = call(&t, in, "PUT", value, &a);
    if (code == EXIT_DONE)
        code = finish(&t, &a);
    arena_fini(&arena);
    return code;
}

int verb_var_rm(const struct invocation *in)
{
    struct talk t;
    struct answer a;
    int code = call(&t, in, "DELETE", (struct bytes){0}, &a);
    return code == EXIT_DONE ? finish(&t, &a) : code;
}

int verb_var_get(const struct invocation *in)
{
    struct talk t;
    struct answer a;
    int code = call(&t, in, "GET", (struct bytes){0}, &a);
    if (code != EXIT_DONE)
        return code;
    if (!print_json(in, &a))
        puts(json_is_string(a.data) ? json_string_value(a.data)
                                    : json_text(a.data, "value"));
    say_view(in, &a);
    answer_close(&a);
    talk_close(&t);
    return EXIT_DONE;
}

static void print_vars(const json_t *vars)
{
    static const char *const heads[] = {"NAMESPACE", "NAME", "VALUE", NULL};
    struct grid grid;
    size_t i;
    json_t *var;
    grid_init(&grid, heads);
    json_array_foreach(vars, i, var) grid_row(
        &grid, (const char *const[]){json_text(var, "namespace"), json_text(var, "name"),
                                     json_text(var, "value")});
    grid_print(&grid, stdout, render_is_coloured(stdout));
    grid_fini(&grid);
}

static void print_vars_or_none(const struct invocation *in, const json_t *vars)
{
    if (json_array_size(vars) > 0)
        print_vars(vars);
    else if (words_has(&in->words, "namespace"))
        fprintf(stderr, "no variables in namespace '%s'\n", in->namespace);
    else
        fputs("no variables: `stratos var set NAME VALUE` makes one\n", stderr);
}

int verb_var_ls(const struct invocation *in)
{
    struct talk t;
    struct answer a;
    int code = talk_open(&t, in);
    if (code != EXIT_DONE)
        return code;
    code = talk_get(&t, &a, "/v1/vars");
    if (code == EXIT_DONE) {
        json_t *vars = json_object_get(a.root, "data");
        keep_namespace(in, vars);
        if (in->is_json)
            print_wrapped(&a, json_incref(vars));
        else
            print_vars_or_none(in, vars);
        say_view(in, &a);
        answer_close(&a);
    }
    talk_close(&t);
    return code;
}
