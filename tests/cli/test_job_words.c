/* `run NAME -- CMD...`: the job file that the words stand for, and what cannot be said in words. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/cli/fake_agent.h"

Test(job_words, the_file_is_what_one_would_have_written)
{
    static const struct {
        const char *line, *file;
    } rows[] = {
        {"run web --print -- /bin/sleep 100",
         "job: web\ntask:\n  command: [/bin/sleep, \"100\"]\n"},
        {"run web --count 3 --port http --env LEVEL=info --cpu 0.5 --memory 256M --print "
         "-- /opt/web --listen 0.0.0.0:${PORT_HTTP}",
         "job: web\ncount: 3\ntask:\n"
         "  command: [/opt/web, \"--listen\", \"0.0.0.0:${PORT_HTTP}\"]\n"
         "  env:\n    LEVEL: info\n  resources: {cpu: 0.5, memory: 256M}\n"
         "ports:\n  http: dynamic\n"},
        {"run shop/web --port http=8080 --port admin --env A=yes --env B=a=b --env C= "
         "--memory 64M --print -- sleep 9",
         "job: web\nnamespace: shop\ntask:\n  command: [sleep, \"9\"]\n"
         "  env:\n    A: \"yes\"\n    B: a=b\n    C: \"\"\n  resources: {memory: 64M}\n"
         "ports:\n  http: 8080\n  admin: dynamic\n"},
        {"run web -n shop --cpu 500m --print -- sleep 9",
         "job: web\nnamespace: shop\ntask:\n  command: [sleep, \"9\"]\n"
         "  resources: {cpu: 500m}\n"},
        {"run web --print -- /opt/program --count 3 --port http --json -n x -- "
         "and-many-more-words-behind-it",
         "job: web\ntask:\n  command:\n    - /opt/program\n    - \"--count\"\n    - "
         "\"3\"\n"
         "    - \"--port\"\n    - http\n    - \"--json\"\n    - \"-n\"\n    - x\n"
         "    - \"--\"\n    - and-many-more-words-behind-it\n"},
        {"run web --print --json -- sleep 9",
         "{\"api\":1,\"data\":{\"file\":\"job: web\\ntask:\\n  command: [sleep, "
         "\\\"9\\\"]\\n\"}}\n"},
    };
    static struct outcome o;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        run_stratos("/nonexistent/socket", rows[i].line, &o); /* no agent is asked */
        cr_expect_eq(o.code, 0, "%s: %d, %s", rows[i].line, o.code, o.err);
        cr_expect_str_eq(o.out, rows[i].file, "%s", rows[i].line);
        cr_expect_str_empty(o.err);
    }
}

Test(job_words, what_cannot_be_said_is_refused_with_what_can)
{
    static const struct {
        const char *line, *part;
    } rows[] = {
        {"run web --image nginx -- x", "--image is planned but not part of"},
        {"run web --every 1h -- x", "--every is planned but not part of"},
        {"run web --expose 80 -- x", "with --port NAME=N each instance listens on N"},
        {"run web --count per-node -- x", "a number is fine"},
        {"run web --count many -- x", "error: count"},
        {"run web --count 3\n: -- x", "--count wants a whole number"},
        {"run web --count -1 -- x", "--count wants a whole number"},
        {"run web --cpu a,b: -- x", "--cpu wants cores (0.5 or 500m), not 'a,b:'"},
        {"run web --memory {} -- x", "--memory wants a size"},
        {"run web --memory lots -- x", "error: "},
        {"run web --port 8080 -- x", "--port wants NAME or NAME=N, not '8080'"},
        {"run web --port =8080 -- x", "--port wants NAME or NAME=N"},
        {"run web --port http= -- x", "'' is no port"},
        {"run web --port http=x -- x", "'x' is no port"},
        {"run web --port http=99999 -- x", "error: "},
        {"run web --port http --port http -- x", "error: "},
        {"run web --env LEVEL -- x", "--env wants NAME=VALUE, not 'LEVEL'"},
        {"run web --env =x -- x", "--env wants NAME=VALUE"},
        {"run web -p a=b -- x", "params are of files"},
        {"run Web -- x", "Web"},
        {"run web db -- x", "one name comes before --, not 'db' too"},
        {"run -- sleep 9", "a name comes before the command: stratos run NAME -- sleep"},
        {"run web --", "a command comes after --: stratos run web -- CMD..."},
        {"run web -- ./web", "a task starts in a directory of its own"},
        {"run web -- bin/web", "a task starts in a directory of its own"},
        {"run web.yaml --count 3", "--count goes with a command: stratos run NAME"},
        {"run web.yaml --print",
         "--print goes with a command: stratos run NAME --print --"},
        {"run web", "a command without a file goes after --: stratos run web -- CMD..."},
    };
    static struct outcome o;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        run_stratos("/nonexistent/socket", rows[i].line, &o);
        cr_expect_eq(o.code, 2, "%s: %d", rows[i].line, o.code);
        cr_expect(strstr(o.err, rows[i].part), "%s: %s", rows[i].line, o.err);
        cr_expect_str_empty(o.out);
    }
}

Test(job_words, a_command_is_submitted_shown_followed_and_found)
{
    static const struct canned answers[] = {
        {"GET /v1/members", 200, "[]"},
        {"POST /v1/jobs", 200,
         "{\"jobs\":[{\"namespace\":\"shop\",\"job\":\"web\",\"version\":\"v1\","
         "\"action\":\"create\"}],\"known_by\":1,\"members\":1,\"took_ms\":10}"},
        {"GET /v1/jobs/shop/web", 200,
         "{\"namespace\":\"shop\",\"job\":\"web\",\"type\":\"service\",\"version\":"
         "\"v1\",\"count\":1,\"status\":\"running\",\"instances\":[{\"name\":\"web.0\","
         "\"node\":\"n1\",\"state\":\"running\",\"health\":\"none\",\"version\":\"v1\","
         "\"address\":\"10.0.0.1\",\"ports\":{\"http\":20011},\"pid\":7,\"restarts\":0,"
         "\"last_exit\":null,\"reason\":\"\",\"generation\":1}]}"},
    };
    static struct outcome o;
    struct fake_agent a;
    fake_agent_start(&a, answers, sizeof(answers) / sizeof(answers[0]));
    run_stratos(a.socket, "run web -n shop --port http -- sleep 9", &o);
    cr_expect_eq(o.code, 0, "%s", o.err);
    cr_expect_str_eq(o.out, "shop/web v1: 1 of 1 healthy\n"
                            "web.shop.service.stratos: http=10.0.0.1:20011\n");
    cr_expect(strncmp(o.err, "job: web\nnamespace: shop\n", 24) == 0, "%s", o.err);
    fake_agent_stop(&a);
}
