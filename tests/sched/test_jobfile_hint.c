/* Unknown keys: whose word it is, where it belongs, what it may have meant; and files of other systems. */
#include "sched/jobfile_hint.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "sched/jobfile.h"

/* The only complaint about `text`, which must be wrong. */
static void expect_said(const char *text, unsigned line, unsigned column,
                        const char *said)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct complaints complaints = {.arena = &arena};
    struct jobfile file;
    cr_expect_lt(jobfile_read(bytes_of_text(text), &arena, &complaints, &file), 0, "%s",
                 text);
    cr_assert_eq(complaints.n, 1, "%s: %zu complaints, %s", text, complaints.n,
                 complaints.n ? complaints.list[0].text : "");
    const struct complaint *c = &complaints.list[0];
    cr_expect(strstr(c->text, said), "%s\n-> %s\nwants %s", text, c->text, said);
    cr_expect(c->line == line && c->column == column, "%s: at %u:%u", text, c->line,
              c->column);
    arena_fini(&arena);
}

Test(jobfile_hint, a_word_of_anothers_a_wrong_level_or_a_slip_gets_one_answer)
{
    static const struct {
        const char *at, *key, *said;
    } rows[] = {
        {"", "COUNT: 2", "did you mean 'count'?"},
        {"", "CPU: 1", "stratos calls this task.resources.cpu (Aurora"},
        {"", "memroy: 1", "did you mean 'task.resources.memory'?"},
        {"", "cron: x",
         "stratos calls this schedule (Chronos calls it cron); schedule is not "
         "supported by this version; start it from cron"},
        {"", "schedul: x", "did you mean 'schedule'?; schedule is not supported"},
        {"", "dependencies: [x]",
         "stratos calls this after (Marathon calls it dependencies); after is not "
         "supported by "
         "this version; leave it out"},
        {"", "image: x", "task.image (Compose calls it image); image is not supported"},
        {"", "command: y", "stratos calls this task.command"},
        {"", "interval: 3s", "unknown key 'interval'; it belongs to health"},
        {"", "use: [x]", "use: there are no files here: submit it with `stratos run FILE`"},
        {"", "gpu: 1", "GPUs are not counted"},
        {"", "numprocs: 2", "stratos calls this count (supervisord"},
        {"", "autorestart: true", "stratos calls this restart (supervisord"},
        {"", "health_check: x", "stratos calls this health (Nomad"},
        {"task", "cpu: 1",
         "unknown key 'cpu' in task; it belongs to task.resources (or to "
         "task.limits, task.rlimits)"},
        {"task", "memory: 64M", "it belongs to task.resources"},
        {"task", "ports: {a: dynamic}", "it belongs to the job itself, beside task"},
        {"task", "health: x", "it belongs to the job itself, beside task"},
        {"task", "restart: x", "it belongs to the job itself, beside task"},
        {"task", "count: 2", "it belongs to the job itself, beside task"},
        {"task", "timeout: 3s", "it belongs to task.stop (or to health)"},
        {"task", "nofile: 3", "it belongs to task.rlimits"},
        {"task", "Command2: x", "unknown key 'Command2' in task; did you mean"},
        {"task", "enviroment: {}", "stratos calls this env"},
        {"task", "cwd: /", "stratos calls this dir"},
        {"task", "workdir: /", "stratos calls this dir"},
        {"task", "directory: /", "stratos calls this dir"},
        {"task", "ExecStart: x",
         "stratos calls this command (systemd calls it ExecStart)"},
        {"task", "uris: [x]",
         "stratos calls this fetch (Marathon calls it uris); fetch is not "
         "supported by this version; have the command download it"},
        {"task", "ulimits: {}", "stratos calls this rlimits (Compose"},
        {"task.resources", "gpu: 1", "GPUs are not counted"},
        {"task.resources", "CPU: 1", "did you mean 'cpu'?"},
        {"task.logs", "timeout: 1s", "it belongs to task.stop"},
        {"health", "https: /", "a check speaks no TLS"},
        {"health", "expect: x", "a check looks at the status alone"},
        {"health", "url: /", "stratos calls this http (Consul"},
        {"health", "retries: 3", "stratos calls this max_failures"},
        {"health", "intervall: 3s", "did you mean 'interval'?"},
        {"ports", "proto: udp", "stratos calls this protocol"},
        {"ports", "containerPort: 80", "`to` is the one number"},
        {"restart", "policy: always", "a service is always restarted"},
        {"restart", "condition: any", "a service is always restarted"},
        {"update", "maxSurge: 1",
         "stratos calls this max_over (Kubernetes calls it maxSurge); "
         "max_over is not supported"},
        {"update", "zzz: 1", "unknown key 'zzz' in update"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *at = rows[i].at, *key = rows[i].key;
        char text[512], in[128] = "";
        bool is_task = strncmp(at, "task", 4) == 0;
        if (strcmp(at, "task") == 0)
            snprintf(in, sizeof(in), ", %s", key);
        else if (is_task)
            snprintf(in, sizeof(in), ", %s: {%s}", at + 5, key);
        int n = snprintf(text, sizeof(text),
                         "job: web\ntask: {command: x%s}\nports: {p: %s%s%s}\n", in,
                         strcmp(at, "ports") == 0 ? "{" : "",
                         strcmp(at, "ports") == 0 ? key : "dynamic",
                         strcmp(at, "ports") == 0 ? "}" : "");
        if (!*at)
            snprintf(text + n, sizeof(text) - (size_t)n, "%s\n", key);
        else if (strcmp(at, "health") == 0)
            snprintf(text + n, sizeof(text) - (size_t)n, "health: [{tcp: true, %s}]\n",
                     key);
        else if (!is_task && strcmp(at, "ports") != 0)
            snprintf(text + n, sizeof(text) - (size_t)n, "%s: {%s}\n", at, key);
        const char *place = strstr(text, key);
        unsigned line = 1, column = 1;
        for (const char *c = text; c < place; c++, column++)
            if (*c == '\n') {
                line++;
                column = 0;
            }
        expect_said(text, line, column, rows[i].said);
    }
}

Test(jobfile_hint, another_systems_file_gets_one_sentence)
{
    static const struct {
        const char *text, *said;
        unsigned line;
    } rows[] = {
        {"version: '3'\nname: x\nservices:\n  web: {image: nginx, ports: ['80:80']}\n",
         "this is a Compose file; this version has no importer", 1},
        {"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replicas: "
         "2}\n",
         "this is a Kubernetes Deployment; ", 1},
        {"{\"id\":\"/x\",\"cmd\":\"sleep 9\",\"cpus\":0.1,\"instances\":2}",
         "`stratos import marathon FILE`", 1},
        {"[{\"id\":\"/x\",\"cmd\":\"sleep 9\"}]", "`stratos import marathon FILE`", 1},
        {"{\"id\":\"/\",\"groups\":[]}", "`stratos import marathon FILE`", 1},
        {"{\"app\":{\"id\":\"/x\",\"cmd\":\"x\"}}", "`stratos import marathon FILE`", 1},
        {"{\"name\":\"x\",\"schedule\":\"R/2014/P1D\",\"command\":\"x\"}",
         "this is a Chronos job", 1},
        {"{\"id\":\"x\",\"run\":{\"cmd\":\"x\"}}", "this is a Metronome job", 1},
        {"{\"Job\":{\"ID\":\"x\",\"TaskGroups\":[]}}", "this is a Nomad job in JSON", 1},
        {"web: bundle exec puma\nworker: rake jobs:work\n", "this is a Procfile", 1},
        {"# a unit\n[Unit]\nDescription=x\n[Service]\nExecStart=/bin/x\n",
         "this is a systemd unit", 2},
        {"; ini\n[program:x]\ncommand=/bin/x\n", "this is a supervisord configuration",
         2},
        {"job \"web\" {\n  datacenters = [\"dc1\"]\n}\n", "this is HCL, a job of Nomad's",
         1},
        {"# m h dom mon dow\n*/5 * * * * root /usr/bin/x\n", "this is a crontab", 2},
        {"@daily /usr/bin/x\n", "this is a crontab", 1},
        {"#!/bin/sh\nexec x\n", "this is a script", 1},
        {"FROM debian\nRUN x\n", "this is a Dockerfile", 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect_said(rows[i].text, rows[i].line, 1, rows[i].said);
}
