/* Marathon's apps as job files. */
#include "sched/import_marathon.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "sched/jobfile.h"

struct importing {
    struct arena arena;
    struct complaints notes;
    char *yaml;
    int error;
    struct jobfile file;
};

static void import_text_of(struct importing *m, const char *text)
{
    *m = (struct importing){0};
    arena_init(&m->arena, 0);
    m->notes.arena = &m->arena;
    m->error = import_marathon(bytes_of_text(text), &m->arena, &m->notes, &m->yaml);
    cr_assert(m->error == 0 || m->notes.n > 0, "%s: an error without a note", text);
    cr_assert((m->error == 0) == (m->yaml != NULL));
    struct complaints complaints = {.arena = &m->arena};
    if (m->yaml)
        cr_assert_eq(
            jobfile_read(bytes_of_text(m->yaml), &m->arena, &complaints, &m->file), 0,
            "%s", m->yaml);
}

static bool is_noted(const struct importing *m, unsigned line, const char *words)
{
    for (size_t i = 0; i < m->notes.n; i++)
        if (m->notes.list[i].line == line && strstr(m->notes.list[i].text, words))
            return true;
    return false;
}

Test(import_marathon, an_app_becomes_this_file)
{
    struct importing m;
    import_text_of(&m, "{\"id\": \"/prod/web\", \"cmd\": \"./web --port $PORT0\", "
                       "\"cpus\": 0.5, \"mem\": 256, \"instances\": 3,\n"
                       " \"env\": {\"MODE\": \"fast\", \"DEBUG\": \"no\"}, \"labels\": "
                       "{\"tier\": \"front\"},\n"
                       " \"portDefinitions\": [{\"port\": 0, \"name\": \"http\"}], "
                       "\"user\": \"www-data\",\n"
                       " \"constraints\": [[\"hostname\", \"UNIQUE\"], [\"rack\", "
                       "\"CLUSTER\", \"r1\"], [\"os\", \"LIKE\", \"deb.*\"]],\n"
                       " \"healthChecks\": [{\"path\": \"/health\", "
                       "\"gracePeriodSeconds\": 5, \"intervalSeconds\": 10,\n"
                       "   \"timeoutSeconds\": 2, \"maxConsecutiveFailures\": 3}],\n"
                       " \"taskKillGracePeriodSeconds\": 20, \"backoffSeconds\": 2, "
                       "\"backoffFactor\": 1.5, \"maxLaunchDelaySeconds\": 300}");
    cr_assert_eq(m.error, 0);
    cr_expect_eq(m.notes.n, 0, "%s", m.notes.n ? m.notes.list[0].text : "");
    cr_expect_str_eq(
        m.yaml,
        "# Made from Marathon's app /prod/web\n"
        "job: web\n"
        "namespace: prod\n"
        "count: 3  # instances\n"
        "labels:\n"
        "  tier: front\n"
        "constraints:\n"
        "  - {attr: hostname, op: unique}\n"
        "  - {attr: rack, op: \"==\", value: r1}\n"
        "  - {attr: os, op: like, value: \"deb.*\"}\n"
        "task:\n"
        "  command: ./web --port $PORT0\n"
        "  env:\n"
        "    MODE: fast\n"
        "    DEBUG: \"no\"\n"
        "  resources: {cpu: 0.5, memory: 256M}\n"
        "  stop: {timeout: 20s}\n"
        "  user: www-data\n"
        "ports:\n"
        "  http: dynamic\n"
        "health:  # healthChecks; what was left out there has Marathon's defaults\n"
        "  - {name: http, http: /health, port: http, interval: 10s, timeout: 2s, grace: "
        "5s, max_failures: 3}\n"
        "restart: {delay: 2s, backoff: 1.5, max_delay: 5m}  # backoffSeconds, "
        "backoffFactor, maxLaunchDelaySeconds\n");
    arena_fini(&m.arena);
}

Test(import_marathon, python_2_servers_become_python_3_servers)
{
    static const struct {
        const char *app, *command;
    } rows[] = {
        {"{\"id\": \"a\", \"cmd\": \"python -m SimpleHTTPServer $PORT\"}",
         "python3 -m http.server $PORT"},
        {"{\"id\": \"a\", \"cmd\": \"exec python2.7 -m SimpleHTTPServer 80\"}",
         "exec python3 -m http.server 80"},
        {"{\"id\": \"a\", \"cmd\": \"/opt/mesosphere/bin/python -m http.server $PORT0\"}",
         "python3 -m http.server $PORT0"},
        {"{\"id\": \"a\", \"cmd\": \"python3 -m http.server $PORT0\"}",
         "python3 -m http.server $PORT0"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct importing m;
        import_text_of(&m, rows[i].app);
        cr_assert_eq(m.error, 0);
        cr_expect_str_eq(m.file.jobs[0].task.argv[2], rows[i].command);
        cr_expect_eq(m.notes.n, i < 3);
        cr_expect_str_eq(m.file.jobs[0].ports[0].name, "port0",
                         "Marathon gives every app a port");
        arena_fini(&m.arena);
    }
    struct importing m;
    import_text_of(
        &m,
        "{\"id\": \"a\", \"args\": [\"python\", \"-m\", \"SimpleHTTPServer\", \"80\"]}");
    cr_expect_str_eq(m.file.jobs[0].task.argv[0], "python3");
    cr_expect_str_eq(m.file.jobs[0].task.argv[2], "http.server");
    arena_fini(&m.arena);
}

Test(import_marathon, what_is_not_carried_over_is_said_at_its_line)
{
    static const struct {
        const char *line, *words;
    } rows[] = {
        {"\"uris\": [\"http://x\"]", "uris is not carried over"},
        {"\"fetch\": [{\"uri\": \"x\"}]", "fetch is not carried over"},
        {"\"disk\": 100", "disk is not carried over"},
        {"\"args\": [\"x\"]", "args is not carried over"},
        {"\"dependencies\": [\"/b\"]", "dependencies is not carried over"},
        {"\"upgradeStrategy\": {\"minimumHealthCapacity\": 1}",
         "upgradeStrategy is not carried over"},
        {"\"readinessChecks\": [{}]", "readinessChecks is not carried over"},
        {"\"acceptedResourceRoles\": [\"x\"]",
         "acceptedResourceRoles is not carried over"},
        {"\"secrets\": {\"x\": {}}", "secrets is not carried over"},
        {"\"networks\": [{\"mode\": \"host\"}]", "networks is not carried over"},
        {"\"somethingNew\": 1", "somethingNew is not carried over"},
        {"\"env\": {\"P\": {\"secret\": \"p\"}}", "variable P is left out"},
        {"\"env\": {\"A\": \"${B}\"}", "stood for itself in Marathon"},
        {"\"constraints\": [[\"zone\", \"GROUP_BY\"]]",
         "constraint GROUP_BY is left out"},
        {"\"constraints\": [[\"zone\", \"CLUSTER\"]]", "constraint CLUSTER is left out"},
        {"\"constraints\": [[\"zone\", \"LIKE\", \"(?=x)\"]]",
         "constraint LIKE is left out"},
        {"\"healthChecks\": [{\"protocol\": \"COMMAND\"}]",
         "a COMMAND check is not supported"},
        {"\"healthChecks\": [{\"protocol\": \"HTTPS\"}]", "becomes a tcp check"},
        {"\"healthChecks\": [{\"portIndex\": 7}]", "the app has no port of index 7"},
        {"\"healthChecks\": [{\"port\": 80}]", "none of the app's ports has that number"},
        {"\"ports\": [8080]", "8080 is Marathon's service port"},
        {"\"container\": {\"docker\": {\"image\": \"nginx\"}}",
         "image 'nginx' is not supported"},
        {"\"container\": {\"volumes\": [{}]}", "volumes is not carried over"},
        {"\"container\": {\"portMappings\": [{\"containerPort\": 80, \"hostPort\": 81}]}",
         "hostPort 81 is not mapped"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[512];
        struct importing m;
        snprintf(text, sizeof(text), "{\"id\": \"a\",\n\"cmd\": \"x\",\n%s\n}",
                 rows[i].line);
        import_text_of(&m, text);
        cr_expect_eq(m.error, 0, "%s", rows[i].line);
        cr_expect(is_noted(&m, 3, rows[i].words), "%s: %s", rows[i].line,
                  m.notes.n ? m.notes.list[0].text : "no note");
        arena_fini(&m.arena);
    }
}

Test(import_marathon, what_says_nothing_is_not_noted)
{
    struct importing m;
    import_text_of(&m, "{\"id\": \"a\", \"cmd\": \"x\", \"disk\": 0, \"dependencies\": "
                       "[], \"executor\": \"\", \"args\": null,\n"
                       "\"requirePorts\": false, \"uris\": [], \"user\": null, "
                       "\"version\": \"2016-01-01T00:00:00Z\"}");
    cr_expect_eq(m.error, 0);
    cr_expect_eq(m.notes.n, 0, "%s", m.notes.n ? m.notes.list[0].text : "");
    arena_fini(&m.arena);
}

Test(import_marathon, ports_follow_marathons_rules)
{
    static const struct {
        const char *keys;
        size_t n;
        uint16_t first;
        const char *name;
    } rows[] = {
        {"\"ports\": [0, 0]", 2, 0, "port0"},
        {"\"ports\": []", 0, 0, NULL},
        {"\"ports\": [8080]", 1, 0, "port0"},
        {"\"ports\": [8080], \"requirePorts\": true", 1, 8080, "port0"},
        {"\"portDefinitions\": [{\"port\": 0, \"name\": \"Admin_UI\"}]", 1, 0,
         "admin-ui"},
        {"\"container\": {\"portMappings\": [{\"containerPort\": 8080, \"hostPort\": "
         "0}]}",
         1, 8080, "port0"},
        {"\"container\": {\"docker\": {\"portMappings\": [{\"containerPort\": 0, "
         "\"hostPort\": 0, \"name\": \"http\"}]}}",
         1, 0, "http"},
        {"\"disk\": 0", 1, 0, "port0"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[512];
        struct importing m;
        snprintf(text, sizeof(text), "{\"id\": \"a\", \"cmd\": \"x\", %s}", rows[i].keys);
        import_text_of(&m, text);
        cr_assert_eq(m.error, 0);
        cr_assert_eq(m.file.jobs[0].n_ports, rows[i].n, "%s", rows[i].keys);
        if (rows[i].n) {
            cr_expect_eq(m.file.jobs[0].ports[0].host_port, rows[i].first, "%s",
                         rows[i].keys);
            cr_expect_str_eq(m.file.jobs[0].ports[0].name, rows[i].name);
        }
        arena_fini(&m.arena);
    }
}

Test(import_marathon, the_path_of_an_id_names_job_and_namespace)
{
    static const struct {
        const char *text, *ns, *name;
    } rows[] = {
        {"{\"id\": \"web\", \"cmd\": \"x\"}", "default", "web"},
        {"{\"id\": \"/web\", \"cmd\": \"x\"}", "default", "web"},
        {"{\"id\": \"/prod/shop/web\", \"cmd\": \"x\"}", "prod-shop", "web"},
        {"{\"id\": \"/Prod/My_Web\", \"cmd\": \"x\"}", "prod", "my-web"},
        {"{\"id\": \"/\", \"groups\": [{\"id\": \"a\", \"apps\": [{\"id\": \"b\", "
         "\"cmd\": \"x\"}]}]}",
         "a", "b"},
        {"{\"id\": \"/a\", \"groups\": [{\"id\": \"b\", \"apps\": [{\"id\": \"/c/d\", "
         "\"cmd\": \"x\"}]}]}",
         "c", "d"},
        {"[{\"id\": \"/a/b\", \"cmd\": \"x\"}]", "a", "b"},
        {"{\"id\": \"///\", \"cmd\": \"x\"}", "default", "app"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct importing m;
        import_text_of(&m, rows[i].text);
        cr_assert_eq(m.error, 0, "%s", rows[i].text);
        cr_expect_str_eq(m.file.jobs[0].ns, rows[i].ns, "%s", rows[i].text);
        cr_expect_str_eq(m.file.jobs[0].name, rows[i].name, "%s", rows[i].text);
        arena_fini(&m.arena);
    }
}

Test(import_marathon, several_apps_become_one_list)
{
    struct importing m;
    import_text_of(
        &m, "[{\"id\": \"/a/x\", \"cmd\": \"x\"}, {\"id\": \"/a/X\", \"cmd\": \"y\"},\n"
            " {\"id\": \"/i\", \"container\": {\"docker\": {\"image\": \"nginx\"}}}]");
    cr_assert_eq(m.error, 0);
    cr_assert_eq(m.file.n_jobs, 2);
    cr_expect_str_eq(m.file.jobs[1].name, "x-2");
    cr_expect(is_noted(&m, 1, "the job is called 'x-2'"));
    cr_expect(is_noted(
        &m, 2, "/i: no job was made: its program is in the container image 'nginx'"));
    arena_fini(&m.arena);
}

Test(import_marathon, files_that_make_no_job_say_why)
{
    static const struct {
        const char *text, *words;
        int error;
    } rows[] = {
        {"{\"id\": \"a\", \"container\": {\"docker\": {\"image\": \"i\"}}}",
         "no job was made", ERR_UNSUPPORTED},
        {"{\"id\": \"a\", \"args\": [\"-x\"], \"container\": {\"docker\": {\"image\": "
         "\"i\"}}}",
         "no job was made", ERR_UNSUPPORTED},
        {"{\"id\": \"a\"}", "neither cmd nor args", ERR_UNSUPPORTED},
        {"{\"id\": \"a\", \"cmd\": \" \"}", "neither cmd nor args", ERR_UNSUPPORTED},
        {"{\"id\": \"a\", \"run\": {\"cmd\": \"x\"}}", "a Metronome job", ERR_MALFORMED},
        {"{\"name\": \"a\", \"schedule\": \"R/x/y\", \"command\": \"x\"}",
         "a Chronos job", ERR_MALFORMED},
        {"{\"cmd\": \"a\"}", "it has no id", ERR_MALFORMED},
        {"{\"id\": \"a\", \"apps\": []}", "holds no app", ERR_MALFORMED},
        {"[]", "an empty list", ERR_MALFORMED},
        {"hello", "no Marathon app", ERR_MALFORMED},
        {"{\"id\": ", "", ERR_MALFORMED},
        {"{\"id\": \"a\", \"cmd\": \"x\", \"user\": \"a b\"}",
         "no job file was made: user: wants", ERR_INVALID},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct importing m;
        import_text_of(&m, rows[i].text);
        cr_expect_eq(m.error, rows[i].error, "%s: %s", rows[i].text, err_name(m.error));
        cr_expect(strstr(m.notes.list[0].text, rows[i].words), "%s: %s", rows[i].text,
                  m.notes.list[0].text);
        arena_fini(&m.arena);
    }
}

Test(import_marathon, awkward_texts_come_through_unharmed)
{
    struct importing m;
    import_text_of(&m, "{\"id\": \"a\\nb: c\", \"cmd\": \"echo \\\"it's\\\" # \\\\ "
                       "\\n\\tx\\u2028\\u00e9: $X\", \"env\": "
                       "{\"- a\": \"{b}\", \"1\": \"true\", \"x\": \"\"}, \"labels\": "
                       "{\"k: v\": \"@x\", \"#\": \"a\\u007f\"}}");
    cr_assert_eq(m.error, 0);
    const struct job_spec *s = m.file.jobs;
    cr_expect_str_eq(s->name, "a-b-c");
    cr_expect_str_eq(s->task.argv[2], "echo \"it's\" # \\ \n\tx\xe2\x80\xa8\xc3\xa9: $X");
    cr_assert_eq(s->task.n_env, 3);
    cr_expect_str_eq(s->task.env[0].key, "- a");
    cr_expect_str_eq(s->task.env[0].value, "{b}");
    cr_expect_str_eq(s->task.env[1].value, "true");
    cr_expect_str_eq(s->task.env[2].value, "");
    cr_assert_eq(s->n_labels, 2);
    cr_expect_str_eq(s->labels[0].value, "a\x7f");
    cr_expect_str_eq(s->labels[1].key, "k: v");
    arena_fini(&m.arena);
}

Test(import_marathon, variables_marathon_sets_are_given_when_the_command_uses_them)
{
    struct importing m;
    import_text_of(&m, "{\"id\": \"/x/a\", \"cmd\": \"run $HOSTNAME ${HOST} "
                       "$MESOS_SANDBOX/f $MARATHON_APP_ID\"}");
    cr_assert_eq(m.error, 0);
    const struct task_spec *t = &m.file.jobs[0].task;
    cr_assert_eq(t->n_env, 3);
    cr_expect_str_eq(t->env[0].value, "${STRATOS_ADDRESS}");
    cr_expect_str_eq(t->env[1].value, "/x/a");
    cr_expect_str_eq(t->env[2].value, "${STRATOS_DIR}");
    arena_fini(&m.arena);
}
