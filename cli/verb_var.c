/* `var set`, `get`, `ls`, `rm`: small values that every node knows. */
#include "cli/talk.h"
#include "cli/verbs.h"
#include "core/bounds.h"

/* One call on /v1/vars/NAME. */
static int call(struct talk *t, const struct invocation *in, const char *method,
                struct bytes body, struct answer *ret_answer)
{
    char name[ESCAPED_MAX];
    (void)talk_escape(in->words.args[0], true, name, sizeof(name));
    int code = talk_open(t, in);
    if (code != EXIT_DONE)
        return code;
    code = talk_call(t, method, body, ret_answer, "/v1/vars/%s", name);
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

int verb_var_set(const struct invocation *in)
{
    struct talk t;
    struct answer a;
    struct bytes value = bytes_of_text(in->words.args[1]);
    if (value.len > ENTRY_LEN_MAX)
        return fail(in, EXIT_USAGE, "invalid", "a value has at most %d bytes",
                    ENTRY_LEN_MAX);
    int code = call(&t, in, "PUT", value, &a);
    return code == EXIT_DONE ? finish(&t, &a) : code;
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
    static const char *const heads[] = {"NAME", "VALUE", NULL};
    struct grid grid;
    size_t i;
    json_t *var;
    grid_init(&grid, heads);
    json_array_foreach(vars, i, var)
    {
        const char *name =
            json_is_string(var) ? json_string_value(var) : json_text(var, "name");
        grid_row(&grid, (const char *const[]){name, json_text(var, "value")});
    }
    grid_print(&grid, stdout, render_is_coloured(stdout));
    grid_fini(&grid);
}

static void print_vars_or_none(const json_t *vars)
{
    if (json_array_size(vars) > 0)
        print_vars(vars);
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
        if (!print_json(in, &a))
            print_vars_or_none(a.data);
        say_view(in, &a);
        answer_close(&a);
    }
    talk_close(&t);
    return code;
}
