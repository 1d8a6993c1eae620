/* ${NAME} in a task: names that it will see, and those that it will not. */
#include "sched/jobfile_env.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "sched/jobfile.h"

#define HEAD "job: a\nports: {http: dynamic, web-ui: 8080}\ntask:\n  "

static const char *said(const char *task, struct arena *arena,
                        struct complaints *complaints, bool is_stored)
{
    struct jobfile file;
    char text[1024];
    snprintf(text, sizeof(text), HEAD "%s\n", task);
    *complaints = (struct complaints){.arena = arena};
    int error = is_stored
                    ? jobfile_read_stored(bytes_of_text(text), arena, complaints, &file)
                    : jobfile_read(bytes_of_text(text), arena, complaints, &file);
    cr_assert_eq(error<0, complaints->n> 0);
    return complaints->n ? complaints->list[0].text : "";
}

Test(jobfile_env, names_that_the_task_will_see_are_fine)
{
    static const char *const rows[] = {
        "command: [x, '${PORT}', '${PORT0}', '${PORT1}', '${PORT_HTTP}', "
        "'${ADDR_WEB_UI}']",
        "command: [x, '${STRATOS_JOB}${STRATOS_INSTANCE}', '${PATH}:${HOME}']",
        "command: x ${ANY:-thing} $y",
        "command: [/bin/sh, -c, 'for i in 1; do echo ${i:-x}; done']",
        "command: [x, '$${ANY}', '${', '$ANY', '${a b}', '${}']",
        "{command: [x, '${A}'], env: {A: '${B}', B: c}, dir: '${B}/x'}",
        "{command: x, env: {PATH: '/opt/bin:${PATH}'}}",
        "{command: x, env: ['PATH=/opt/bin:${PATH}']}",
        "{command: x, env: {PORT_8080: '${PORT1}', MY_PORT: '${PORT_HTTP}'}}",
        "{command: [x, '${STRATOS_API}'], isolation: {api: read}}",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena arena;
        struct complaints complaints;
        arena_init(&arena, 0);
        char text[512];
        bool is_flow = rows[i][0] == '{';
        snprintf(text, sizeof(text), "%s", rows[i]);
        cr_expect_str_eq(said(text, &arena, &complaints, false), "", "%s%s", rows[i],
                         is_flow ? "" : "");
        arena_fini(&arena);
    }
}

Test(jobfile_env, others_are_refused_where_they_stand)
{
    static const struct {
        const char *task, *said;
    } rows[] = {
        {"command: [sh, -c, 'echo ${PROT_HTTP}']", "did you mean ${PORT_HTTP}?"},
        {"command: [sh, -c, 'echo ${X:-d}']",
         "only ${NAME} is expanded here, without defaults"},
        {"command: [x, '${UNDEFINED_NAME}']",
         "nothing sets ${UNDEFINED_NAME}: add it to env, or write $${UNDEFINED_NAME}"},
        {"{command: x, env: {U: '${UNDEFINED}'}}", "nothing sets ${UNDEFINED}"},
        {"{command: x, env: {HOST: '${HOTS}', HOTSS: x}}", "did you mean ${HOTSS}?"},
        {"{command: x, dir: '${NO}/x'}", "nothing sets ${NO}"},
        {"{command: [x, '${STRATOS_API}']}", "nothing sets ${STRATOS_API}"},
        {"{command: x, env: {FOO: 'x${FOO}'}}", "lies below, and there nothing sets it"},
        {"{command: x, env: {A: '${B}', B: '${A}'}}",
         "A refers to itself by way of others"},
        {"{command: x, env: {STRATOS_JOB: me}}", "begin with STRATOS_ are Stratos's own"},
        {"{command: x, env: [STRATOS_JOB=me]}", "begin with STRATOS_ are Stratos's own"},
        {"{command: x, env: {PORT0: '1'}}",
         "env: PORT0 is set by Stratos, for a port of this job"},
        {"{command: x, env: {PORT: '1'}}", "env: PORT is set by Stratos"},
        {"{command: x, env: {ADDR_WEB_UI: x}}", "env: ADDR_WEB_UI is set by Stratos"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena arena;
        struct complaints complaints;
        arena_init(&arena, 0);
        const char *text = said(rows[i].task, &arena, &complaints, false);
        cr_expect(strstr(text, rows[i].said), "%s\n-> %s", rows[i].task, text);
        cr_expect_eq(complaints.list[0].line, 4);
        cr_expect_str_eq(said(rows[i].task, &arena, &complaints, true), "",
                         "a stored body is read: %s", rows[i].task);
        arena_fini(&arena);
    }
}

Test(jobfile_env, long_chains_end_where_a_start_would_give_up)
{
    for (int n = 2; n < 40; n++) {
        struct arena arena;
        struct complaints complaints;
        arena_init(&arena, 0);
        char task[1024] = "{command: x, env: {V0: x";
        for (int i = 1; i < n; i++)
            snprintf(task + strlen(task), sizeof(task) - strlen(task), ", V%d: '${V%d}'",
                     i, i - 1);
        strcat(task, "}}");
        const char *text = said(task, &arena, &complaints, false);
        cr_expect_eq(*text != '\0', n > 8, "%d: %s", n, text);
        arena_fini(&arena);
    }
}
