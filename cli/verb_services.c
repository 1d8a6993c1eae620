/* `services` and `resolve`: where everything is, as DNS and the balancer see it. */
#include "cli/follow.h"
#include "cli/talk.h"
#include "cli/verbs.h"

static void print_services(const json_t *services)
{
    static const char *const heads[] = {"SERVICE", "NAMESPACE", "INSTANCE", "NODE",
                                        "ADDRESS", "HEALTH",    NULL};
    struct grid grid;
    size_t i, j;
    json_t *service, *endpoint;
    grid_init(&grid, heads);
    json_array_foreach(services, i, service)
    {
        const json_t *endpoints = json_object_get(service, "endpoints");
        const char *name = json_text(service, "name"),
                   *ns = json_text(service, "namespace");
        if (json_array_size(endpoints) == 0)
            grid_row(&grid, (const char *const[]){name, ns, "", "", "", ""});
        json_array_foreach(endpoints, j, endpoint)
        {
            char address[160], health[320];
            const char *reason = json_text(endpoint, "reason");
            const json_t *served = json_object_get(endpoint, "served");
            if (json_is_false(served))
                (void)snprintf(health, sizeof(health), "not served: %s",
                               *reason ? reason : json_text(endpoint, "health"));
            else
                (void)snprintf(health, sizeof(health), "%s",
                               json_text(endpoint, "health"));
            (void)snprintf(address, sizeof(address), "%s:%lld",
                           json_text(endpoint, "address"), json_number(endpoint, "port"));
            grid_row(&grid,
                     (const char *const[]){name, ns, json_text(endpoint, "instance"),
                                           json_text(endpoint, "node"), address, health});
        }
    }
    grid_print(&grid, stdout, render_is_coloured(stdout));
    grid_fini(&grid);
}

static void print_services_or_none(const struct invocation *in, const json_t *services)
{
    if (json_array_size(services) > 0)
        print_services(services);
    else if (words_has(&in->words, "namespace"))
        fprintf(stderr, "no services in namespace '%s'\n", in->namespace);
    else
        fputs("no services: a job with `ports` has one of its name\n", stderr);
}

int verb_services(const struct invocation *in)
{
    struct talk t;
    struct answer a;
    char name[ESCAPED_MAX] = "";
    bool is_one = in->words.n_args > 0;
    if (is_one)
        (void)talk_escape(in->words.args[0], false, name, sizeof(name));
    int code = talk_open(&t, in);
    if (code != EXIT_DONE)
        return code;
    code = talk_get(&t, &a, "/v1/services%s%s", is_one ? "?name=" : "", name);
    if (code == EXIT_DONE) {
        json_t *services = json_object_get(a.root, "data");
        keep_namespace(in, services);
        if (is_one && json_array_size(services) == 0)
            code =
                fail(in, EXIT_NO_SUCH, "not_found", "no service '%s'", in->words.args[0]);
        else if (in->is_json)
            print_wrapped(&a, json_incref(services));
        else
            print_services_or_none(in, services);
        say_view(in, &a);
        answer_close(&a);
    }
    talk_close(&t);
    return code;
}

static void print_answers(const json_t *data)
{
    static const char *const heads[] = {"TYPE", "VALUE", "TTL", NULL};
    struct grid grid;
    size_t i;
    json_t *one;
    grid_init(&grid, heads);
    json_array_foreach(json_object_get(data, "answers"), i, one)
    {
        char ttl[RENDER_TEXT];
        (void)snprintf(ttl, sizeof(ttl), "%lld", json_number(one, "ttl"));
        grid_row(&grid, (const char *const[]){json_text(one, "type"),
                                              json_text(one, "value"), ttl});
    }
    grid_print(&grid, stdout, render_is_coloured(stdout));
    grid_fini(&grid);
    json_array_foreach(json_object_get(data, "left_out"), i, one)
    {
        fputs("left out: ", stderr);
        print_safe(stderr, json_text(one, "instance"), false);
        fputs(": ", stderr);
        print_safe(stderr, json_text(one, "reason"), false);
        fputc('\n', stderr);
    }
}

int verb_resolve(const struct invocation *in)
{
    struct talk t;
    struct answer a;
    char name[ESCAPED_MAX];
    (void)talk_escape(in->words.args[0], false, name, sizeof(name));
    int code = talk_open(&t, in);
    if (code != EXIT_DONE)
        return code;
    code = talk_get(&t, &a, "/v1/resolve?name=%s", name);
    if (code == EXIT_DONE) {
        if (!print_json(in, &a))
            print_answers(a.data);
        say_view(in, &a);
        answer_close(&a);
    }
    talk_close(&t);
    return code;
}
