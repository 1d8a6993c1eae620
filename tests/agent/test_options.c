/* stratos.yaml under the flags. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"

static int read_text(const char *text, struct agent_options *o, struct err *err)
{
    char path[] = "/tmp/stratos-yaml-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    *err = (struct err){0};
    int error = agent_options_read(o, path, err);
    (void)unlink(path);
    return error;
}

Test(options, a_file_fills_what_the_flags_left_open)
{
    struct agent_options o = {
        .name = "mine", .join = {"a"}, .n_join = 1, .attrs = {"x=1"}, .n_attrs = 1};
    struct err err;
    int error = read_text("name: other\n"
                          "data: /d\n"
                          "secret-file: /s\n"
                          "http: \"127.0.0.1:1\"\n"
                          "join: [b, c]\n"
                          "attr: {rack: r1, disk: ssd}\n"
                          "no-discover: true\n"
                          "cpu: 2\n"
                          "ack: majority\n",
                          &o, &err);
    cr_assert_eq(error, 0, "%s", err.text);
    cr_assert_str_eq(o.name, "mine");
    cr_assert_str_eq(o.data_dir, "/d");
    cr_assert_str_eq(o.secret_file, "/s");
    cr_assert_str_eq(o.http, "127.0.0.1:1");
    cr_assert_str_eq(o.cpu, "2");
    cr_assert_str_eq(o.ack, "majority");
    cr_assert_eq(o.n_join, 1);
    cr_assert_eq(o.n_attrs, 3);
    cr_assert_str_eq(o.attrs[1], "rack=r1");
    cr_assert(o.no_discover && !o.is_debug);
}

Test(options, peers_are_a_list_or_one_text)
{
    static const char *const texts[] = {"join: [a, \"b:1\"]\n", "join: \"a, b:1\"\n",
                                        "join:\n- a\n- b:1\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct agent_options o = {0};
        struct err err;
        cr_assert_eq(read_text(texts[i], &o, &err), 0, "%s", err.text);
        cr_assert_eq(o.n_join, 2);
        cr_assert_str_eq(o.join[0], "a");
        cr_assert_str_eq(o.join[1], "b:1");
    }
}

Test(options, what_is_wrong_is_said_with_its_place)
{
    static const struct {
        const char *text, *said;
    } rows[] = {
        {"nmae: x\n", ":1:1: unknown key 'nmae': did you mean 'name'?"},
        {"name: x\nno-discover: perhaps\n", ":2:14: wanted true or false"},
        {"data: [a]\n", ":1:7: wanted one value"},
        {"- a\n", ":1:1: wanted `key: value` lines"},
        {"attr: [rack]\n", ":1:8: wanted an attribute: key: value"},
        {"join: {a: b}\n", ":1:7: wanted addresses: a list, or a,b"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct agent_options o = {0};
        struct err err;
        cr_assert_lt(read_text(rows[i].text, &o, &err), 0, "%s", rows[i].text);
        cr_assert(strstr(err.text, rows[i].said), "%s", err.text);
    }
    struct agent_options o = {0};
    struct err err = {0};
    cr_assert_lt(agent_options_read(&o, "/nonexistent.yaml", &err), 0);
}

Test(options, places_follow_the_user)
{
    struct agent_options o = {.data_dir = "/mine"};
    agent_options_default(&o);
    cr_assert_str_eq(o.data_dir, "/mine");
    cr_assert(o.socket && o.secret_file);
    if (geteuid() == 0)
        cr_assert_str_eq(o.socket, "/run/stratos/stratos.sock");
    cr_assert(!o.name && !o.bind, "the agent reads those off the host");
}
