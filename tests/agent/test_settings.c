/* The agent's options as text: what is read, and what is refused in words. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "agent/settings.h"

static int read_settings(const struct agent_options *o, struct agent **ret_agent,
                         struct settings *ret_settings, struct err *err)
{
    struct agent *a = calloc(1, sizeof(*a));
    cr_assert_not_null(a);
    a->options = o;
    arena_init(&a->arena, 0);
    *ret_agent = a;
    return settings_read(a, ret_settings, err);
}

static void agent_drop(struct agent *a)
{
    arena_fini(&a->arena);
    free(a);
}

struct row {
    struct agent_options options;
    const char *want; /* in the message */
};

static const struct row refused[] = {
    {{.profile = "moon"}, "--profile 'moon'"},
    {{.name = "Web 1"}, "--name 'Web 1'"},
    {{.name = ""}, "--name ''"},
    {{.name = "a234567890123456789012345678901234567890123456789012345678901234"},
     "at most 63"},
    {{.bind = "example.org"}, "--bind 'example.org'"},
    {{.bind = "127.0.0.1:99999"}, "--bind"},
    {{.bind = "off"}, "--bind"},
    {{.http = "127.0.0.1:x"}, "--http '127.0.0.1:x'"},
    {{.http = "0.0.0.0:7781", .http_open = true}, "--http-open"},
    {{.http = "192.0.2.1:7781", .http_open = true}, "--http-open"},
    {{.dns = "::::"}, "--dns '::::'"},
    {{.cpu = "many"}, "--cpu 'many'"},
    {{.memory = "2X"}, "--memory '2X'"},
    {{.ports = "5"}, "--ports '5'"},
    {{.ports = "0-10"}, "--ports"},
    {{.ports = "30-20"}, "--ports"},
    {{.ports = "1-65536"}, "--ports"},
    {{.ports = "1-2x"}, "--ports"},
    {{.attrs = {"rack"}, .n_attrs = 1}, "--attr 'rack'"},
    {{.reap = "soon"}, "--reap 'soon'"},
    {{.reap = "5m"}, "from 10m to 30d"},
    {{.reap = "31d"}, "from 10m to 30d"},
};

Test(settings, what_is_refused_names_the_flag)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct agent *a;
        struct settings s;
        struct err err = {0};
        cr_assert_eq(read_settings(&refused[i].options, &a, &s, &err), ERR_INVALID,
                     "row %zu", i);
        cr_assert_not_null(strstr(err.text, refused[i].want), "row %zu: %s", i, err.text);
        agent_drop(a);
    }
}

Test(settings, options_become_addresses_sizes_and_the_nodes_own_row)
{
    const struct agent_options o = {.name = "n1",
                                    .bind = "127.0.0.5:1",
                                    .http = "127.0.0.6",
                                    .dns = "off",
                                    .cpu = "1.5",
                                    .memory = "2G",
                                    .ports = "1-65535",
                                    .profile = "local",
                                    .attrs = {"rack=r1"},
                                    .n_attrs = 1};
    struct agent *a;
    struct settings s;
    struct err err = {0};
    char text[ADDRESS_TEXT_MAX];
    cr_assert_eq(read_settings(&o, &a, &s, &err), 0, "%s", err.text);
    cr_assert_str_eq(a->name, "n1");
    cr_assert_str_eq(endpoint_text(&a->wanted, text), "127.0.0.5:1");
    cr_assert_eq(a->bind.family, 0, "nothing is bound yet");
    cr_assert_str_eq(endpoint_text(&a->http, text), "127.0.0.6:7781");
    cr_assert_eq(a->dns.family, 0);
    cr_assert_eq(s.profile.probe_period_ms, gossip_profile_local.probe_period_ms);
    cr_assert_eq(s.self.cpu_milli, 1500);
    cr_assert_eq(s.self.memory_bytes, 2ull << 30);
    cr_assert_eq(s.port_min, 1);
    cr_assert_eq(s.port_max, 65535);
    cr_assert_eq(s.self.n_attributes, 6);
    cr_assert_str_eq(s.self.attributes[5].key, "rack");
    agent_drop(a);
}

Test(settings, nothing_given_is_enough)
{
    const struct agent_options o = {0};
    struct agent *a;
    struct settings s;
    struct err err = {0};
    char text[ADDRESS_TEXT_MAX];
    cr_assert_eq(read_settings(&o, &a, &s, &err), 0, "%s", err.text);
    cr_assert_eq(s.profile.probe_period_ms, gossip_profile_lan.probe_period_ms);
    cr_assert_eq(a->wanted.family, 0);
    cr_assert_eq(a->wanted.port, 7780);
    cr_assert_str_eq(endpoint_text(&a->http, text), "127.0.0.1:7781");
    cr_assert_str_eq(endpoint_text(&a->dns, text), "127.0.0.1:8600");
    cr_assert_eq(s.port_min, 20000);
    cr_assert_eq(s.port_max, 29999);
    agent_drop(a);
}
