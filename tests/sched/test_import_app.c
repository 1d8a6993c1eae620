/* One app of Marathon's, key by key: what is carried over, what is told, what is refused. */
#include "sched/import_app.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sched/importing.h"

/* An app with these keys on line 3, and no ports unless they say so. */
static void read_app(struct importing *m, const char *keys, bool without_image)
{
    char text[2048];
    bool has_ports = strstr(keys, "ort") != NULL;
    snprintf(text, sizeof(text), "{\"id\": \"/a\",\n\"cmd\": \"x\"%s,\n%s\n}",
             has_ports ? "" : ", \"ports\": []", keys);
    importing_read(m, text, without_image);
}

static const char *first_note(const struct importing *m)
{
    return m->report.n ? m->report.notes[0].text : "no note";
}

Test(import_app, an_app_becomes_this_file)
{
    struct importing m;
    importing_read(
        &m,
        "{\"id\": \"/prod/web\", \"cmd\": \"./web --port $PORT0\", \"cpus\": 0.5, "
        "\"mem\": 256, "
        "\"instances\": 3,\n"
        " \"env\": {\"MODE\": \"fast\", \"DEBUG\": \"no\", \"LIT\": \"${X}\"}, "
        "\"labels\": "
        "{\"tier\": \"front\"},\n"
        " \"portDefinitions\": [{\"port\": 0, \"name\": \"http\"}], \"user\": "
        "\"www-data\",\n"
        " \"constraints\": [[\"hostname\", \"UNIQUE\"], [\"rack\", \"CLUSTER\", \"r1\"], "
        "[\"os\", "
        "\"LIKE\", \"deb.*\"], [\"zone\", \"MAX_PER\", \"1\"]],\n"
        " \"healthChecks\": [{\"path\": \"/health\", \"gracePeriodSeconds\": 5, "
        "\"intervalSeconds\": 10,\n"
        "   \"timeoutSeconds\": 2, \"maxConsecutiveFailures\": 3}], \"disk\": 5,\n"
        " \"taskKillGracePeriodSeconds\": 20, \"backoffSeconds\": 2, \"backoffFactor\": "
        "1.5, "
        "\"maxLaunchDelaySeconds\": 300}",
        false);
    cr_assert_eq(m.error, 0);
    cr_expect_eq(m.report.n, 1, "%s", first_note(&m));
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
        "  - {attr: zone, op: unique}\n"
        "task:\n"
        "  command: ./web --port $PORT0\n"
        "  env:\n"
        "    MODE: fast\n"
        "    DEBUG: \"no\"\n"
        "    LIT: \"$${X}\"\n"
        "    HOST: \"${STRATOS_ADDRESS}\"  # from here on: Marathon sets these for every "
        "task\n"
        "    MESOS_SANDBOX: \"${STRATOS_DIR}\"\n"
        "    MARATHON_APP_ID: /prod/web\n"
        "    PORTS: \"${PORT0}\"\n"
        "  resources: {cpu: 0.5, memory: 256M}\n"
        "  stop: {timeout: 20s}\n"
        "  user: www-data\n"
        "ports:\n"
        "  http: dynamic\n"
        "health:  # what was left out there has Marathon's defaults\n"
        "  - {name: http, http: /health, port: http, interval: 10s, timeout: 2s, grace: "
        "5s, "
        "max_failures: 3}\n"
        "# dropped: disk is not carried over: disk space is not limited by this version\n"
        "restart: {delay: 2s, backoff: 1.5, max_delay: 5m}  # backoffSeconds, "
        "backoffFactor, "
        "maxLaunchDelaySeconds\n");
    importing_free(&m);
}

Test(import_app, a_value_that_is_none_of_its_key_is_an_error)
{
    static const struct {
        const char *keys, *said;
    } rows[] = {
        {"\"cpus\": \"abc\"", "cpus wants a number, not 'abc'"},
        {"\"mem\": \"512MB\"", "mem wants a number, not '512MB'"},
        {"\"instances\": \"two\"", "instances wants a number"},
        {"\"instances\": -3", "instances wants a number from 0 to 100000, not -3"},
        {"\"instances\": 1.5", "instances wants a whole number"},
        {"\"instances\": 200000", "from 0 to 100000"},
        {"\"cpus\": [1]", "cpus wants a single value"},
        {"\"backoffFactor\": 0.5", "backoffFactor wants a number from 1 to 100, not 0.5"},
        {"\"portDefinitions\": [{\"port\": 70000}]",
         "port wants a number from 0 to 65535"},
        {"\"ports\": [\"abc\"]", "port wants a number"},
        {"\"portDefinitions\": [{\"port\": 0, \"protocol\": \"sctp\"}]",
         "protocol wants tcp or udp"},
        {"\"requirePorts\": 1, \"ports\": [1]", "requirePorts wants true or false"},
        {"\"env\": {\"N\": null}", "env.N wants a text"},
        {"\"env\": {\"N\": [1]}", "env.N wants a text"},
        {"\"env\": {\"A B\": \"x\"}", "no name of a variable"},
        {"\"env\": {\"STRATOS_JOB\": \"x\"}", "are Stratos's own"},
        {"\"env\": [\"A=b\"]", "env wants an object"},
        {"\"labels\": {\"a\": {}}", "labels.a wants a text"},
        {"\"constraints\": [[\"a\"]]", "a constraint wants [field, operator]"},
        {"\"constraints\": [\"a\"]", "a constraint wants [field, operator]"},
        {"\"healthChecks\": [{\"protocol\": \"SSH\"}], \"ports\": [0]",
         "protocol of a check wants"},
        {"\"healthChecks\": [{\"portIndex\": 7}]",
         "wants the port of index 7, and the app has 1"},
        {"\"healthChecks\": [{\"intervalSeconds\": \"x\"}], \"ports\": [0]",
         "intervalSeconds wants a number"},
        {"\"healthChecks\": {\"path\": \"/\"}", "healthChecks wants a list"},
        {"\"upgradeStrategy\": {\"minimumHealthCapacity\": 2}", "from 0 to 1"},
        {"\"instances\": 2, \"labels\": {\"MARATHON_SINGLE_INSTANCE_APP\": \"true\"}",
         "MARATHON_SINGLE_INSTANCE_APP allows one"},
        {"\"user\": \"a b\"", "user: wants a user's name"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct importing m;
        read_app(&m, rows[i].keys, false);
        cr_expect_null(m.yaml, "%s", rows[i].keys);
        cr_expect(importing_note(&m, IMPORT_ERROR, 0, rows[i].said), "%s: %s",
                  rows[i].keys, first_note(&m));
        importing_free(&m);
    }
}

Test(import_app, what_is_changed_or_dropped_is_told_at_its_line)
{
    static const struct {
        enum import_kind kind;
        const char *keys, *said;
    } rows[] = {
        {IMPORT_DROPPED, "\"uris\": [\"http://x\"]", "uris is not carried over"},
        {IMPORT_DROPPED, "\"fetch\": [{\"uri\": \"x\"}]", "fetch is not carried over"},
        {IMPORT_DROPPED, "\"disk\": 100", "disk is not carried over"},
        {IMPORT_DROPPED, "\"args\": [\"x\"]", "args is not carried over"},
        {IMPORT_DROPPED, "\"dependencies\": [\"/b\"]",
         "dependencies is not carried over"},
        {IMPORT_DROPPED, "\"acceptedResourceRoles\": [\"x\"]",
         "acceptedResourceRoles is not"},
        {IMPORT_DROPPED, "\"secrets\": {\"x\": {\"source\": \"y\"}}",
         "secrets is not carried over"},
        {IMPORT_DROPPED, "\"networks\": [{\"mode\": \"container\"}]",
         "networks is not carried over"},
        {IMPORT_DROPPED, "\"somethingNew\": 1",
         "somethingNew is not carried over: there is nothing"},
        {IMPORT_DROPPED, "\"instnaces\": 2", "did you mean instances?"},
        {IMPORT_DROPPED, "\"instnaces\": 0", "did you mean instances?"},
        {IMPORT_DROPPED, "\"env\": {\"P\": {\"secret\": \"p\"}}",
         "env.P is not carried over"},
        {IMPORT_DROPPED, "\"constraints\": [[\"zone\", \"GROUP_BY\"]]",
         "constraint [zone, GROUP_BY, ]"},
        {IMPORT_DROPPED, "\"constraints\": [[\"zone\", \"UNLIKE\", \"a\"]]",
         "[zone, UNLIKE, a]"},
        {IMPORT_DROPPED, "\"constraints\": [[\"zone\", \"LIKE\", \"(?=x)\"]]",
         "[zone, LIKE, (?=x)]"},
        {IMPORT_CHANGED, "\"constraints\": [[\"hostname\", \"LIKE\", \"a.*\"]]",
         "hostname is the name of a Stratos node"},
        {IMPORT_DROPPED, "\"healthChecks\": [{\"protocol\": \"COMMAND\"}], \"ports\": []",
         "a COMMAND check is not carried over"},
        {IMPORT_CHANGED, "\"healthChecks\": [{\"protocol\": \"HTTPS\"}], \"ports\": [0]",
         "becomes a tcp check"},
        {IMPORT_CHANGED,
         "\"healthChecks\": [{\"maxConsecutiveFailures\": 5000}], \"ports\": [0]",
         "maxConsecutiveFailures 5000 becomes max_failures 1000"},
        {IMPORT_CHANGED, "\"healthChecks\": [{\"port\": 80}], \"ports\": [0]",
         "none of the app's ports is 80"},
        {IMPORT_DROPPED, "\"healthChecks\": [{\"intervalSecond\": 5}], \"ports\": [0]",
         "healthChecks.intervalSecond is not carried over: Marathon does not know it; "
         "did you mean "
         "intervalSeconds?"},
        {IMPORT_CHANGED,
         "\"healthChecks\": [{\"gracePeriodSeconds\": 86400000}], \"ports\": [0]",
         "gracePeriodSeconds: 86400000 seconds become 2073600"},
        {IMPORT_CHANGED, "\"healthChecks\": [{\"path\": \"/a b?x=1\"}], \"ports\": [0]",
         "path '/a b?x=1' becomes /a%20b?x=1"},
        {IMPORT_CHANGED, "\"readinessChecks\": [{\"path\": \"/r\"}], \"ports\": [0]",
         "a readiness check becomes a check of kind ready"},
        {IMPORT_CHANGED, "\"ports\": [8080]", "8080 is Marathon's service port"},
        {IMPORT_CHANGED,
         "\"container\": {\"docker\": {\"image\": \"nginx\"}}, \"ports\": []",
         "without its image 'nginx' the command runs on the host itself"},
        {IMPORT_DROPPED, "\"container\": {\"volumes\": [{\"x\": 1}]}",
         "volumes is not carried over"},
        {IMPORT_DROPPED, "\"container\": {\"docker\": {\"network\": \"BRIDGE\"}}",
         "container.docker.network is not"},
        {IMPORT_DROPPED, "\"container\": {\"docker\": {\"forcePullImage\": true}}",
         "forcePullImage is not"},
        {IMPORT_DROPPED, "\"container\": {\"docker\": {\"credential\": {\"a\": 1}}}",
         "credential is not"},
        {IMPORT_DROPPED, "\"container\": {\"linuxInfo\": {\"a\": 1}}",
         "container.linuxInfo is not"},
        {IMPORT_CHANGED,
         "\"container\": {\"portMappings\": [{\"containerPort\": 80, \"hostPort\": 81}]}",
         "hostPort 81 is not mapped"},
        {IMPORT_CHANGED,
         "\"container\": {\"portMappings\": [{\"containerPort\": 80, \"hostPort\": 0}]}",
         "the host port was one of Marathon's choice"},
        {IMPORT_DROPPED,
         "\"container\": {\"portMappings\": [{\"containerPort\": 0, \"labels\": "
         "{\"VIP_0\": \"x\"}}]}",
         "portMappings.labels is not carried over"},
        {IMPORT_CHANGED, "\"mem\": 0", "mem 0 becomes 128"},
        {IMPORT_CHANGED, "\"cpus\": 0", "cpus 0 becomes 0.1"},
        {IMPORT_CHANGED, "\"backoffSeconds\": 0",
         "backoffSeconds: 0 seconds become 0.01"},
        {IMPORT_CHANGED, "\"ports\": [0], \"instances\": 1, \"upgradeStrategy\": {}",
         "an update stops the one instance before its successor starts"},
        {IMPORT_DROPPED, "\"upgradeStrategy\": {\"maximumOverCapacity\": 0.5}",
         "maximumOverCapacity 0.5 is not carried over"},
        {IMPORT_CHANGED, "\"labels\": {\"MARATHON_SINGLE_INSTANCE_APP\": \"true\"}",
         "is a mere label here"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct importing m;
        read_app(&m, rows[i].keys, true);
        cr_expect_not_null(m.yaml, "%s: %s", rows[i].keys, first_note(&m));
        cr_expect(importing_note(&m, rows[i].kind, 3, rows[i].said), "%s: %s",
                  rows[i].keys, first_note(&m));
        importing_free(&m);
    }
}

Test(import_app, defaults_of_the_other_side_are_silent)
{
    struct importing m;
    read_app(&m,
             "\"disk\": 0, \"dependencies\": [], \"executor\": \"\", \"args\": null, "
             "\"requirePorts\": false, \"ports\": [0], \"instances\": 2, \"uris\": [], "
             "\"user\": "
             "null, \"labels\": {}, \"version\": \"2016-01-01T00:00:00Z\", "
             "\"acceptedResourceRoles\": [\"*\"], \"killSelection\": \"YOUNGEST_FIRST\", "
             "\"tasksRunning\": 3, \"deployments\": [{\"id\": \"x\"}], \"networks\": "
             "[{\"mode\": "
             "\"host\"}], \"upgradeStrategy\": {\"minimumHealthCapacity\": 1, "
             "\"maximumOverCapacity\": 1}, \"healthChecks\": [{\"ignoreHttp1xx\": false, "
             "\"delaySeconds\": 15, \"ipProtocol\": \"IPv4\"}]",
             false);
    cr_expect_not_null(m.yaml);
    cr_expect_eq(m.report.n, 0, "%s", first_note(&m));
    importing_free(&m);
}

Test(import_app, a_command_for_an_image_is_no_job_unless_it_is_asked_for)
{
    static const char keys[] = "\"container\": {\"docker\": {\"image\": \"nginx\"}}";
    struct importing m;
    read_app(&m, keys, false);
    cr_expect_null(m.yaml);
    cr_expect(
        importing_note(&m, IMPORT_ERROR, 3, "with --without-image it becomes a job"));
    importing_free(&m);
    read_app(&m, keys, true);
    cr_expect_not_null(m.yaml);
    importing_free(&m);
    importing_read(
        &m,
        "{\"id\": \"a\", \"args\": [\"-x\"], \"container\": {\"docker\": {\"image\": "
        "\"i\"}}}",
        true);
    cr_expect_null(m.yaml, "these are arguments of the image's own program");
    importing_free(&m);
}

Test(import_app, checks_do_what_marathon_did)
{
    static const struct {
        const char *check, *line;
    } rows[] = {
        {"\"maxConsecutiveFailures\": 0", ", unready_after: 1, max_failures: 0}\n"},
        {"\"protocol\": \"TCP\", \"maxConsecutiveFailures\": 0",
         ", unready_after: 1, max_failures: 0}\n"},
        {"\"protocol\": \"MESOS_HTTP\", \"maxConsecutiveFailures\": 0",
         "grace: 5m, max_failures: 1}\n"},
        {"\"protocol\": \"MESOS_TCP\", \"maxConsecutiveFailures\": 0",
         "grace: 5m, max_failures: 1}\n"},
        {"\"maxConsecutiveFailures\": 7", "grace: 5m, max_failures: 7}\n"},
        {"\"path\": \"health\"", "http: /health, port: port0"},
        {"\"path\": null", "http: /, port: port0"},
        {"\"port\": 8081", "  check-8081: 8081  # a health check names it\n"},
        {"\"port\": 8081", "port: check-8081, interval: 1m"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char keys[512];
        struct importing m;
        snprintf(keys, sizeof(keys), "\"ports\": [0], \"healthChecks\": [{%s}]",
                 rows[i].check);
        read_app(&m, keys, false);
        cr_assert_not_null(m.yaml, "%s", rows[i].check);
        cr_expect(strstr(m.yaml, rows[i].line), "%s:\n%s", rows[i].check, m.yaml);
        importing_free(&m);
    }
    struct importing m;
    read_app(&m,
             "\"ports\": [0], \"readinessChecks\": [{\"path\": \"/r\", "
             "\"httpStatusCodesForReady\": "
             "[200, 201]}]",
             false);
    cr_expect(
        strstr(m.yaml, "interval: 30s, timeout: 10s, kind: ready, status: 200-201}\n"),
        "%s", m.yaml);
    importing_free(&m);
}

Test(import_app, capacity_becomes_max_parallel)
{
    static const struct {
        const char *keys;
        unsigned parallel;
    } rows[] = {
        {"\"instances\": 10, \"upgradeStrategy\": {\"minimumHealthCapacity\": 0.5, "
         "\"maximumOverCapacity\": 0}",
         5},
        {"\"instances\": 3, \"upgradeStrategy\": {\"minimumHealthCapacity\": 0}", 3},
        {"\"instances\": 3, \"upgradeStrategy\": {\"minimumHealthCapacity\": 0.5}", 1},
        {"\"instances\": 3", 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct importing m;
        read_app(&m, rows[i].keys, false);
        cr_assert_not_null(m.yaml);
        cr_expect_eq(m.file.jobs[0].update.max_parallel, rows[i].parallel, "%s",
                     rows[i].keys);
        importing_free(&m);
    }
}

Test(import_app, ports_follow_marathons_rules)
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
         "\"hostPort\": 0, "
         "\"name\": \"http\"}]}}",
         1, 0, "http"},
        {"\"transport\": null", 1, 0, "port0"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct importing m;
        read_app(&m, rows[i].keys, false);
        cr_assert_not_null(m.yaml, "%s: %s", rows[i].keys, first_note(&m));
        cr_assert_eq(m.file.jobs[0].n_ports, rows[i].n, "%s", rows[i].keys);
        if (rows[i].n) {
            cr_expect_eq(m.file.jobs[0].ports[0].host_port, rows[i].first, "%s",
                         rows[i].keys);
            cr_expect_str_eq(m.file.jobs[0].ports[0].name, rows[i].name);
        }
        importing_free(&m);
    }
}

Test(import_app, the_variables_marathon_sets_are_set)
{
    struct importing m;
    read_app(&m, "\"ports\": [8080, 0], \"env\": {\"PORT0\": \"x\", \"HOST\": \"mine\"}",
             false);
    cr_assert_not_null(m.yaml);
    const struct task_spec *t = &m.file.jobs[0].task;
    static const struct pair wanted[] = {{"HOST", "mine"},
                                         {"MARATHON_APP_ID", "/a"},
                                         {"MESOS_SANDBOX", "${STRATOS_DIR}"},
                                         {"PORTS", "${PORT0},${PORT1}"},
                                         {"PORT_8080", "${PORT0}"}};
    cr_assert_eq(t->n_env, 5, "%s", m.yaml);
    for (size_t i = 0; i < 5; i++) {
        cr_expect_str_eq(t->env[i].key, wanted[i].key);
        cr_expect_str_eq(t->env[i].value, wanted[i].value);
    }
    cr_expect(importing_note(&m, IMPORT_DROPPED, 3, "env.PORT0 is not carried over"));
    importing_free(&m);
    importing_read(
        &m, "{\"id\": \"a\", \"args\": [\"x\", \"${HOST}\", \"MESOS_TASK_ID\"]}", false);
    cr_expect_str_eq(m.file.jobs[0].task.argv[1], "$${HOST}",
                     "Marathon expands nothing in args");
    cr_expect(importing_note(&m, IMPORT_DROPPED, 1, "MESOS_TASK_ID, of which"));
    importing_free(&m);
}

Test(import_app, python_2_servers_become_python_3_servers)
{
    static const struct {
        const char *cmd, *command;
    } rows[] = {
        {"python -m SimpleHTTPServer $PORT", "python3 -m http.server $PORT"},
        {"exec python2.7 -m SimpleHTTPServer 80", "exec python3 -m http.server 80"},
        {"/opt/mesosphere/bin/python -m http.server $PORT0",
         "python3 -m http.server $PORT0"},
        {"python3 -m http.server $PORT0", "python3 -m http.server $PORT0"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct importing m;
        char text[256];
        snprintf(text, sizeof(text), "{\"id\": \"a\", \"ports\": [], \"cmd\": \"%s\"}",
                 rows[i].cmd);
        importing_read(&m, text, false);
        cr_assert_not_null(m.yaml);
        cr_expect_str_eq(m.file.jobs[0].task.argv[2], rows[i].command);
        cr_expect_eq(import_report_count(&m.report, IMPORT_CHANGED), i < 3);
        importing_free(&m);
    }
    struct importing m;
    importing_read(
        &m,
        "{\"id\": \"a\", \"args\": [\"python\", \"-m\", \"SimpleHTTPServer\", \"80\"]}",
        false);
    cr_expect_str_eq(m.file.jobs[0].task.argv[0], "python3");
    cr_expect_str_eq(m.file.jobs[0].task.argv[2], "http.server");
    importing_free(&m);
}

Test(import_app, awkward_texts_come_through_unharmed)
{
    struct importing m;
    importing_read(
        &m,
        "{\"id\": \"a\\nb: c\", \"cmd\": \"echo \\\"it's\\\" # \\\\ "
        "\\n\\tx\\u2028\\u00e9: $X\", \"env\": "
        "{\"-a\": \"{b}\", \"1\": \"true\", \"x\": \"\"}, \"labels\": "
        "{\"k: v\": \"@x\", \"#\": \"a\\u007f\"}, \"disk\": \"\\n- x\\u2028\"}",
        false);
    cr_assert_not_null(m.yaml, "%s", first_note(&m));
    const struct job_spec *s = m.file.jobs;
    cr_expect_str_eq(s->name, "a-b-c");
    cr_expect_str_eq(s->task.argv[2], "echo \"it's\" # \\ \n\tx\xe2\x80\xa8\xc3\xa9: $X");
    cr_expect_str_eq(s->task.env[0].key, "-a");
    cr_expect_str_eq(s->task.env[0].value, "{b}");
    cr_expect_str_eq(s->task.env[1].value, "true");
    cr_assert_eq(s->n_labels, 2);
    cr_expect_str_eq(s->labels[0].value, "a\x7f");
    cr_expect_str_eq(s->labels[1].key, "k: v");
    importing_free(&m);
}

/* ---- nothing is lost without a word ---- */

/* A leaf is accounted for when its text is in the job, or a note stands at it or above it. */
static bool is_told(const struct importing *m, const struct doc *d)
{
    for (size_t i = 0; i < m->report.n; i++) {
        const struct import_note *note = &m->report.notes[i];
        if ((note->line == d->line && note->column == d->column) ||
            (d->key && note->line == d->key_line && note->column == d->key_column))
            return true;
    }
    return false;
}

/* Words that mean nothing here, or become another: told by their key. */
static bool is_mere_word(const struct doc *d)
{
    static const char *const keys[] = {"type", "portIndex", "minimumHealthCapacity",
                                       "id"};
    for (size_t i = 0; d->key && i < sizeof(keys) / sizeof(keys[0]); i++)
        if (strcmp(d->key, keys[i]) == 0)
            return true;
    return strcmp(d->text, "UNIQUE") == 0 || strcmp(d->text, "LIKE") == 0;
}

static size_t count_lost(const struct importing *m, const struct doc *d)
{
    size_t n = 0;
    if (is_told(m, d))
        return 0;
    if (d->kind == DOC_SCALAR && !strstr(m->yaml, d->text) && !is_mere_word(d)) {
        cr_log_error("%u:%u: %s: '%s' is lost", d->line, d->column,
                     d->key ? d->key : "item", d->text);
        return 1;
    }
    for (const struct doc *c = d->child; c; c = c->next)
        n += count_lost(m, c);
    return n;
}

/* Every key with a value that stands nowhere else. */
Test(import_app, each_leaf_of_an_app_is_in_the_job_or_in_the_report)
{
    static const char text[] =
        "{\"id\": \"/ns7/leaf8\", \"cmd\": \"run901\", \"args\": [\"arg902\"], \"cpus\": "
        "3.25, "
        "\"mem\": 517, \"disk\": 903, \"gpus\": 904, \"instances\": 17, \"user\": "
        "\"user905\",\n"
        "\"env\": {\"E1\": \"val906\", \"E2\": {\"secret\": \"sec907\"}}, \"labels\": "
        "{\"l908\": "
        "\"v909\"}, \"executor\": \"ex910\", \"uris\": [\"u911\"], \"fetch\": [{\"uri\": "
        "\"u912\", "
        "\"cache\": true}],\n"
        "\"constraints\": [[\"f913\", \"UNIQUE\"], [\"f914\", \"GROUP_BY\", \"915\"], "
        "[\"f916\", "
        "\"LIKE\", \"r917\"]], \"acceptedResourceRoles\": [\"role918\"],\n"
        "\"container\": {\"type\": \"t919\", \"docker\": {\"image\": \"i920\", "
        "\"network\": "
        "\"n921\", \"privileged\": true, \"parameters\": [{\"key\": \"k922\", \"value\": "
        "\"v923\"}], \"portMappings\": [{\"containerPort\": 9024, \"hostPort\": 9025, "
        "\"servicePort\": 9026, \"protocol\": \"udp\", \"name\": \"p927\", \"labels\": "
        "{\"a\": "
        "\"b928\"}, \"foo929\": 930}]}, \"volumes\": [{\"hostPath\": \"h931\"}], "
        "\"bar932\": 933},\n"
        "\"ports\": [9034], \"healthChecks\": [{\"protocol\": \"HTTPS\", \"path\": "
        "\"/p935\", "
        "\"portIndex\": 0, \"gracePeriodSeconds\": 936, \"intervalSeconds\": 937, "
        "\"timeoutSeconds\": 938, \"maxConsecutiveFailures\": 939, \"delaySeconds\": "
        "940, "
        "\"ignoreHttp1xx\": true}, {\"protocol\": \"COMMAND\", \"command\": {\"value\": "
        "\"c941\"}}],\n"
        "\"readinessChecks\": [{\"name\": \"r942\", \"path\": \"/p943\"}], "
        "\"dependencies\": "
        "[\"/d944\"], \"upgradeStrategy\": {\"minimumHealthCapacity\": 0.75, "
        "\"maximumOverCapacity\": 0.45, \"baz946\": 947}, \"backoffSeconds\": 948, "
        "\"backoffFactor\": 1.949, \"maxLaunchDelaySeconds\": 5950,\n"
        "\"taskKillGracePeriodSeconds\": 951, \"ipAddress\": {\"groups\": [\"g952\"]}, "
        "\"networks\": [{\"name\": \"n953\"}], \"secrets\": {\"s\": {\"source\": "
        "\"s954\"}}, "
        "\"residency\": {\"x\": 955}, \"unreachableStrategy\": {\"x\": 956}, "
        "\"killSelection\": "
        "\"OLDEST_FIRST\", \"resourceLimits\": {\"cpus\": 957}, \"tty\": true, "
        "\"quux958\": [959]}";
    struct importing m;
    struct complaints complaints;
    struct doc *docs;
    size_t n;
    importing_read(&m, text, true);
    cr_assert_not_null(m.yaml, "%s", first_note(&m));
    complaints = (struct complaints){.arena = &m.arena};
    cr_assert_eq(doc_read(bytes_of_text(text), &m.arena, &complaints, &docs, &n), 0);
    /* Values that are written in another unit or word. */
    static const struct {
        const char *text, *as;
    } known[] = {{"/ns7/leaf8", "job: leaf8"},
                 {"936", "grace: 936s"},
                 {"938", "timeout: 938s"},
                 {"5950", "max_delay: 5950s"},
                 {"0.75", "max_parallel: 4"}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        cr_expect(strstr(m.yaml, known[i].as), "%s: %s", known[i].text, m.yaml);
    size_t n_lost = 0;
    for (const struct doc *d = docs->child; d; d = d->next)
        n_lost += count_lost(&m, d);
    cr_expect_eq(n_lost, 0, "%s", m.yaml);
    importing_free(&m);
}
