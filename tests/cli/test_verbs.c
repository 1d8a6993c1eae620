/* The whole program against an agent that answers from a table: exit codes, stdout,
 * stderr. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/cli/fake_agent.h"

#define SEEN "as seen by n1: 3 alive, 0 suspect; newest news 0.2s old\n"
#define TOLD "\"known_by\":3,\"members\":3,\"took_ms\":310"
#define WEB                                                                              \
    "{\"namespace\":\"default\",\"job\":\"web\",\"type\":\"service\",\"version\":"       \
    "\"v2\",\"count\":1,"                                                                \
    "\"status\":\"running\",\"instances\":[{\"name\":\"web.0\",\"node\":\"n1\","         \
    "\"state\":\"running\","                                                             \
    "\"health\":\"passing\",\"version\":\"v2\",\"address\":\"127.77.0.1\",\"ports\":{"   \
    "\"http\":20011},"                                                                   \
    "\"pid\":7,\"started_at\":null,\"restarts\":0,\"last_exit\":null,\"reason\":\"\","   \
    "\"generation\":1}]}"
#define STUCK                                                                            \
    "{\"namespace\":\"default\",\"job\":\"big\",\"type\":\"service\",\"version\":"       \
    "\"v1\",\"count\":1,"                                                                \
    "\"status\":\"pending\",\"instances\":[{\"name\":\"big.0\",\"node\":null,\"state\":" \
    "\"pending\","                                                                       \
    "\"health\":\"none\",\"version\":\"v1\",\"reason\":\"no node has 64 cores\"}]}"
#define BROKEN                                                                           \
    "{\"namespace\":\"default\",\"job\":\"bad\",\"type\":\"service\",\"version\":"       \
    "\"v1\",\"count\":1,"                                                                \
    "\"status\":\"failed\",\"instances\":[{\"name\":\"bad.0\",\"node\":\"n1\","          \
    "\"state\":\"failed\","                                                              \
    "\"health\":\"none\",\"version\":\"v1\",\"reason\":\"exit 3\"}]}"

#define SERVICES                                                                         \
    "[{\"name\":\"web\",\"namespace\":\"default\",\"port\":\"http\",\"endpoints\":[]},"  \
    "{\"name\":\"db\",\"namespace\":\"shop\",\"port\":\"db\",\"endpoints\":[]}]"

static const struct canned answers[] = {
    {"GET /v1/jobs", 200,
     "[{\"namespace\":\"default\",\"job\":\"web\",\"type\":\"service\",\"version\":"
     "\"v2\",\"count\":1,"
     "\"running\":1,\"healthy\":1,\"status\":\"running\"}]"},
    {"GET /v1/jobs/default/web", 200, WEB},
    {"GET /v1/jobs/default/big", 200, STUCK},
    {"GET /v1/jobs/default/bad", 200, BROKEN},
    {"GET /v1/jobs/default/wev", 404,
     "{\"error\":{\"code\":\"not_found\",\"message\":\"no job 'wev' in namespace "
     "'default'\"}}"},
    {"GET /v1/jobs/default/wev/history", 404,
     "{\"error\":{\"code\":\"not_found\",\"message\":\"no job 'wev' in namespace "
     "'default'\"}}"},
    {"GET /v1/jobs/default/web/history", 200,
     "[{\"version\":\"v2\",\"at\":\"\",\"by\":\"n1\",\"note\":\"\",\"outcome\":"
     "\"running\","
     "\"spec\":\"11112222333344\",\"kept\":true,\"conflict\":true,\"lost_to\":null},"
     "{\"version\":\"v2\",\"at\":\"\",\"by\":\"n2\",\"note\":\"mine\",\"outcome\":"
     "\"lost\","
     "\"spec\":\"aaaabbbbccccdd\",\"kept\":true,\"conflict\":true,"
     "\"lost_to\":\"11112222333344\"}]"},
    {"GET /v1/jobs/default/web/spec?version=aaaabbbb", 200,
     "{\"version\":\"v2\",\"spec\":{\"job\":\"web\"}}"},
    {"GET /v1/services", 200, SERVICES},
    {"GET /v1/services?name=db", 200,
     "[{\"name\":\"db\",\"namespace\":\"shop\",\"port\":\"db\",\"endpoints\":[]}]"},
    {"GET /v1/members", 200,
     "[{\"id\":\"00\",\"name\":\"n1\",\"address\":\"127.77.0.1\",\"state\":\"alive\","
     "\"rtt_ms\":null,"
     "\"version\":\"0.1.0\",\"capacity\":{\"cpu\":4.0,\"memory\":4294967296},"
     "\"reserved\":{\"cpu\":0.5,\"memory\":268435456},\"draining\":false,"
     "\"disk\":{\"state\":\"full\",\"since\":\"2026-01-01T00:00:00.000Z\","
     "\"cause\":\"0 KiB free under /d: make room there\"}},"
     "{\"id\":\"01\",\"name\":\"n2\",\"address\":\"127.77.0.2\",\"state\":\"alive\","
     "\"rtt_ms\":1.25,\"version\":\"0.1.0\",\"draining\":true,"
     "\"disk\":{\"state\":\"broken\",\"since\":\"2026-01-01T00:00:00.000Z\"}}]"},
    {"POST /v1/jobs/default/web/scale?count=1", 200, "{" TOLD "}"},
    {"POST /v1/jobs/default/big/scale?count=1", 200, "{" TOLD "}"},
    {"POST /v1/jobs/default/web/scale?count=2", 409,
     "{\"error\":{\"code\":\"conflict\",\"message\":\"somebody was faster\"}}"},
    {"POST /v1/jobs", 200,
     "{\"jobs\":[{\"namespace\":\"default\",\"job\":\"web\",\"version\":\"v2\","
     "\"action\":\"update\"}]," TOLD "}"},
    {"POST /v1/jobs/default/bad/start", 200, "{" TOLD "}"},
    {"GET /v1/jobs/default/gone", 200, WEB},
    {"POST /v1/jobs/default/gone/stop", 0, NULL},
    {"DELETE /v1/jobs/default/mute", 500, ""},
    {"GET /v1/jobs/default/mute", 500, ""},
    {"DELETE /v1/jobs/default/full", 507,
     "{\"error\":{\"code\":\"store\",\"message\":\"nothing was written: no space "
     "left\"}}"},
    {"POST /v1/jobs/default/web/stop?ack=3", 500,
     "{\"error\":{\"code\":\"unsure\",\"message\":\"may stand: written here; missing n2, "
     "n3 "
     "dead\",\"known_by\":1,\"has\":[\"n1\"]}}"},
    {"DELETE /v1/vars/v?namespace=default&ack=9", 422,
     "{\"error\":{\"code\":\"invalid\",\"message\":\"9 wanted: the cluster has 3 "
     "members\"}}"},
    {"PUT /v1/vars/v?namespace=default", 200,
     "{\"known_by\":1,\"members\":1,\"total\":3,\"told\":\"told 1 of 3 (n2, n3 dead): on "
     "this disk only\"}"},
    {"PUT /v1/vars/v?namespace=default&ack=majority", 503,
     "{\"error\":{\"code\":\"not_ready\",\"message\":\"2 wanted, 1 within reach: --ack 1 "
     "to "
     "write here alone\"}}"},
    {"POST /v1/join?address=10.9.9.9", 504,
     "{\"error\":{\"code\":\"no_answer\",\"message\":\"no answer from 10.9.9.9:7780\"}}"},
    {"POST /v1/join?address=10.9.9.8", 200, "{\"text\":\"joined: n2 at 10.9.9.8:7780\"}"},
    {"POST /v1/jobs/default/idle/scale?count=2", 200, "{" TOLD "}"},
    {"GET /v1/jobs/default/idle", 200,
     "{\"namespace\":\"default\",\"job\":\"idle\",\"type\":\"service\",\"version\":"
     "\"v1\","
     "\"count\":2,\"status\":\"stopped\",\"instances\":[]}"},
    {"PUT /v1/vars/shop/a%20b?namespace=default", 200, "{" TOLD "}"},
    {"GET /v1/vars/greeting?namespace=default", 200,
     "{\"name\":\"greeting\",\"value\":\"hello\"}"},
    {"GET /v1/vars/greeting?namespace=shop", 200,
     "{\"name\":\"greeting\",\"value\":\"welcome\"}"},
    {"GET /v1/vars", 200,
     "[{\"name\":\"greeting\",\"namespace\":\"default\",\"value\":\"hello\"},"
     "{\"name\":\"greeting\",\"namespace\":\"shop\",\"value\":\"welcome\"}]"},
    {"GET /v1/vars/none?namespace=default", 404,
     "{\"error\":{\"code\":\"not_found\",\"message\":\"no variable 'none'\"}}"},
    {"GET /v1/services?name=x", 200, "[]"},
    {"GET /v1/jobs/default/web/spec", 200,
     "{\"version\":\"v2\",\"spec\":{\"job\":\"web\",\"task\":{\"command\":[\"sh\",\"-c\","
     "\"a b\"],"
     "\"resources\":{\"cpu\":0.1}},\"health\":[{\"http\":\"/"
     "health\",\"name\":\"up\"}]},\"text\":\"# mine\\njob: web\\r\\n\",\"text_missing\":null,"
     "\"params\":\"tag=v2\\nn=1\",\"text_jobs\":2}"},
};

struct row {
    const char *line;
    int code;
    const char *out, *err; /* NULL: not looked at */
};

static void check(const struct row *rows, size_t n)
{
    static struct outcome o;
    struct fake_agent a;
    fake_agent_start(&a, answers, sizeof(answers) / sizeof(answers[0]));
    for (size_t i = 0; i < n; i++) {
        run_stratos(a.socket, rows[i].line, &o);
        cr_expect_eq(o.code, rows[i].code, "%s: %d: %s%s", rows[i].line, o.code, o.out,
                     o.err);
        cr_expect(!rows[i].out || strcmp(o.out, rows[i].out) == 0, "%s:\n%s",
                  rows[i].line, o.out);
        cr_expect(!rows[i].err || strcmp(o.err, rows[i].err) == 0, "%s:\n%s",
                  rows[i].line, o.err);
    }
    fake_agent_stop(&a);
}

Test(verbs, reading_shows_a_table_and_whose_view_it_is)
{
    static const struct row rows[] = {
        {"jobs", 0,
         "NAMESPACE  JOB  TYPE     VERSION  HEALTHY  STATUS\n"
         "default    web  service  v2       1/1      running\n",
         SEEN},
        {"members", 0,
         "NODE  STATE                        ADDRESS     RTT  CPU    MEMORY   VERSION\n"
         "n1    alive, disk full             127.77.0.1  -    0.5/4  256M/4G  0.1.0\n"
         "n2    alive draining, disk broken  127.77.0.2  1ms  -      -        0.1.0\n",
         "warning: n1's disk is full: it gets no new work, and may refuse orders: 0 KiB "
         "free under /d: make room there\n"
         "warning: n2's disk is broken: its work moves to other nodes\n" SEEN},
        {"status web", 0,
         "default/web v2: service, running, 1 wanted\n\n"
         "INSTANCE  NODE  STATE    HEALTH   VERSION  AGE  RESTARTS  ADDRESS\n"
         "web.0     n1    running  passing  v2       -    0         127.77.0.1:20011\n",
         SEEN},
        {"var get greeting", 0, "hello\n", SEEN},
        {"history web", 0,
         "VERSION  SPEC      AGE  BY  OUTCOME                     NOTE\n"
         "v2       11112222  -    n1  running                     -\n"
         "v2       aaaabbbb  -    n2  conflict: lost to 11112222  mine\n",
         "v2 was submitted without knowing of the one that stands; see what lost with\n"
         "stratos inspect default/web@aaaabbbb --file\n" SEEN},
        {"inspect web@aaaabbbb --file", 0, "# default/web v2\njob: web\n",
         "what it was submitted as is not known (the agent does not keep that); this is its canonical form\n" SEEN},
        {"services", 0,
         "SERVICE  NAMESPACE  INSTANCE  NODE  ADDRESS  HEALTH\n"
         "web      default    -         -     -        -\n"
         "db       shop       -         -     -        -\n",
         SEEN},
        {"services --namespace shop", 0,
         "SERVICE  NAMESPACE  INSTANCE  NODE  ADDRESS  HEALTH\n"
         "db       shop       -         -     -        -\n",
         SEEN},
        {"services --namespace none", 0, "", "no services in namespace 'none'\n" SEEN},
        {"var get greeting -n shop", 0, "welcome\n", SEEN},
        {"var ls", 0,
         "NAMESPACE  NAME      VALUE\n"
         "default    greeting  hello\n"
         "shop       greeting  welcome\n",
         SEEN},
        {"var ls -n shop", 0,
         "NAMESPACE  NAME      VALUE\n"
         "shop       greeting  welcome\n",
         SEEN},
        {"var ls -n none", 0, "", "no variables in namespace 'none'\n" SEEN},
        {"inspect web --file", 0, "# mine\njob: web\r\n",
         "it was submitted with: -p 'tag=v2' -p 'n=1'\n"
         "it is a file of 2 jobs, and `run` submits all of them; --canonical is of web alone\n" SEEN},
        {"inspect web --canonical", 0,
         "# default/web v2\njob: web\ntask:\n  command: [sh, \"-c\", a b]\n  "
         "resources:\n"
         "    cpu: 0.1\nhealth:\n  - name: up\n    http: /health\n",
         SEEN},
    };
    check(rows, sizeof(rows) / sizeof(rows[0]));
}

Test(verbs, json_is_one_object_on_stdout_and_nothing_else)
{
    static const struct row rows[] = {
        {"--json var get greeting", 0,
         "{\"api\":1,\"node\":\"n1\",\"view\":{\"alive\":3,\"suspect\":0,\"dead\":0,"
         "\"digest\":\"00\","
         "\"newest_ms\":200,\"reachable\":3},\"data\":{\"name\":\"greeting\",\"value\":"
         "\"hello\"}}\n",
         ""},
        {"var get none --json", 3,
         "{\"error\":{\"code\":\"not_found\",\"message\":\"no variable 'none'\"}}\n", ""},
        {"jobs --jsn --json", 2,
         "{\"error\":{\"code\":\"usage\",\"message\":\"unknown flag --jsn: did you mean "
         "--json?\"}}\n",
         ""},
        {"status wev --json", 3,
         "{\"error\":{\"code\":\"not_found\",\"message\":\"no job or node 'wev': did you "
         "mean "
         "'web'?\"}}\n",
         ""},
        {"scale big 1 --timeout 300ms --json", 4,
         "{\"error\":{\"code\":\"unplaceable\",\"message\":\"big cannot be placed: "
         "big.0: pending: no "
         "node has 64 cores\"}}\n",
         ""},
    };
    check(rows, sizeof(rows) / sizeof(rows[0]));
}

Test(verbs, orders_say_who_was_told_and_follow_to_the_end)
{
    static const struct row rows[] = {
        {"scale web 1", 0, "",
         "told 3/3 members, 0.31s\nweb: 1/1 healthy\ndefault/web: 1 of 1 healthy\n"},
        {"scale web 1 --detach", 0, "", "told 3/3 members, 0.31s\n"},
        {"scale web 2", 7, "", "stratos: somebody was faster\n"},
        {"scale big 1 --timeout 300ms", 4, "",
         "told 3/3 members, 0.31s\nbig: 0/1 healthy, 1 pending\nstratos: big cannot be "
         "placed: big.0: "
         "pending: no node has 64 cores\n"
         "see: stratos status big; stratos members; stratos events\n"},
        {"start bad --timeout 300ms", 5, "",
         "told 3/3 members, 0.31s\nbad: 0/1 healthy, 1 failed\nstratos: bad fails: "
         "bad.0: failed on n1: "
         "exit 3\n"
         "see: stratos logs bad --stderr; stratos status bad; stratos events\n"},
    };
    check(rows, sizeof(rows) / sizeof(rows[0]));
}

Test(verbs, what_was_not_done_and_what_may_stand_is_said_as_such)
{
    static const struct row rows[] = {
        {"rm full", 1, "", "stratos: nothing was written: no space left\n"},
        {"stop gone", 1, "",
         "stratos: may stand: the agent went away before it answered: `stratos status` "
         "and "
         "`stratos events` show what became of it\n"},
        {"stop gone --json", 1,
         "{\"error\":{\"code\":\"unsure\",\"message\":\"may stand: the agent went away "
         "before it answered: `stratos status` and `stratos events` show what became of "
         "it\"}}\n",
         ""},
        {"stop web --ack 3", 1, "",
         "stratos: may stand: written here; missing n2, n3 dead\n"},
        {"stop web --ack 3 --json", 1,
         "{\"error\":{\"code\":\"unsure\",\"message\":\"may stand: written here; missing "
         "n2, n3 dead\",\"known_by\":1,\"has\":[\"n1\"]}}\n",
         ""},
        {"rm mute", 1, "",
         "stratos: may stand: the agent took the order and answered with status 500\n"},
        {"stop web --timeout soon", 2, "",
         "stratos: --timeout: 'soon' is no duration: 10s, 5m, 1h30m\n"},
        {"var rm v --ack 9", 2, "", "stratos: 9 wanted: the cluster has 3 members\n"},
        {"var rm v --ack 0", 2, "",
         "stratos: --ack wants a number, majority or all, not '0'\n"},
        {"var set v x", 0, "", "told 1 of 3 (n2, n3 dead): on this disk only\n"},
        {"var set v x --ack majority", 1, "",
         "stratos: 2 wanted, 1 within reach: --ack 1 to write here alone\n"},
        {"join 10.9.9.9", 1, "", "stratos: no answer from 10.9.9.9:7780\n"},
        {"join 10.9.9.8", 0, "", "joined: n2 at 10.9.9.8:7780\n"},
        {"scale idle 2", 0, "",
         "told 3/3 members, 0.31s\nidle: stopped\ndefault/idle: kept; it is stopped and "
         "will start with 2\n"},
    };
    check(rows, sizeof(rows) / sizeof(rows[0]));
}

Test(verbs, failures_have_their_exit_codes)
{
    static const struct row rows[] = {
        {"status wev", 3, "", "stratos: no job or node 'wev': did you mean 'web'?\n"},
        {"services db --namespace default", 3, "", "stratos: no service 'db'\n" SEEN},
        {"inspect web@", 2, "",
         "stratos: 'web@': want JOB@vN or JOB@HASH, for example web@v7\n"},
        {"inspect web@../x", 2, "",
         "stratos: 'web@../x': want JOB@vN or JOB@HASH, for example web@v7\n"},
        {"history wev", 3, "",
         "stratos: no job 'wev' in namespace 'default': did you mean 'web'?\n"},
        {"status web.7", 3, "", "stratos: no web.7: web has 0 alone\n"},
        {"services x", 3, NULL, NULL},
        {"scale web lots", 2, "", NULL},
        {"scale Web 1", 2, "", NULL},
        {"scale web.0 1", 2, "", NULL},
        {"logs web --since yesterday", 2, "", NULL},
        {"forget n9", 3, "", "stratos: no node 'n9': did you mean 'n1'?\n"},
        {"run /nonexistent.yaml", 2, "", NULL},
        {"import chronos x", 2, "",
         "stratos: 'import chronos' is planned but not part of stratos " STRATOS_VERSION
         "\n"},
    };
    static struct outcome o;
    check(rows, sizeof(rows) / sizeof(rows[0]));
    run_stratos("/nonexistent/socket", "jobs", &o);
    cr_assert_eq(o.code, 6);
    run_stratos("/nonexistent/socket",
                "jobs --host 127.0.0.1:1 --secret-file /nonexistent", &o);
    cr_assert_eq(o.code, 6);
}

Test(verbs, run_submits_a_file_and_follows_it)
{
    char path[] = "/tmp/stratos-job-XXXXXX", line[128];
    static struct outcome o;
    struct fake_agent a;
    int fd = mkstemp(path);
    const char *text = "job: web\ntask: {command: [sleep, \"9\"]}\n",
               *bad = "job: web\ncuont: 3\n";
    fake_agent_start(&a, answers, sizeof(answers) / sizeof(answers[0]));
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)snprintf(line, sizeof(line), "run %s", path);
    run_stratos(a.socket, line, &o);
    cr_expect_eq(o.code, 0, "%s", o.err);
    cr_expect_str_eq(o.out, "default/web v2: 1 of 1 healthy\n");
    cr_expect_str_eq(
        o.err, "default/web v2 updated\ntold 3/3 members, 0.31s\nweb v2: 1/1 healthy\n");

    cr_assert(ftruncate(fd, 0) == 0 && pwrite(fd, bad, strlen(bad), 0) > 0);
    run_stratos(a.socket, line, &o);
    cr_expect_eq(o.code, 2);
    cr_expect(strstr(o.err, ":2:1: error: ") && strstr(o.err, "count"), "%s", o.err);
    (void)snprintf(line, sizeof(line), "validate %s --json", path);
    run_stratos(a.socket, line, &o);
    cr_expect_eq(o.code, 2);
    cr_expect(strstr(o.out, "\"line\":2,\"column\":1"), "%s", o.out);
    close(fd);
    (void)unlink(path);
    fake_agent_stop(&a);
}

Test(verbs, a_name_is_escaped_into_its_url)
{
    static struct outcome o;
    struct fake_agent a;
    fake_agent_start(&a, answers, sizeof(answers) / sizeof(answers[0]));
    run_stratos(a.socket, "var set shop/a%b x", &o);
    cr_expect_eq(o.code, 3); /* %25, not a hole in the path */
    fake_agent_stop(&a);
}
