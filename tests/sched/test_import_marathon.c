/* Marathon's files: which apps are in them, what they are called, what is made of each. */
#include "sched/import_marathon.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "tests/sched/importing.h"

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
        {"{\"id\": \"/a\", \"groups\": [{\"id\": \"b\", \"apps\": [{\"id\": \"../d\", "
         "\"cmd\": \"x\"}]}]}",
         "a", "d"},
        {"[{\"id\": \"/a/b\", \"cmd\": \"x\"}]", "a", "b"},
        {"{\"app\": {\"id\": \"/a/b\", \"cmd\": \"x\"}}", "a", "b"},
        {"{\"apps\": [{\"id\": \"/a/b\", \"cmd\": \"x\"}]}", "a", "b"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct importing m;
        importing_read(&m, rows[i].text, false);
        cr_assert_not_null(m.yaml, "%s", rows[i].text);
        cr_expect_str_eq(m.file.jobs[0].ns, rows[i].ns, "%s", rows[i].text);
        cr_expect_str_eq(m.file.jobs[0].name, rows[i].name, "%s", rows[i].text);
        importing_free(&m);
    }
}

Test(import_marathon, one_bad_app_never_stops_the_others)
{
    static const char *const bad[] = {
        "{\"id\": \"/b\", \"cmd\": \"x\", \"ports\": [80, 80], \"requirePorts\": true}",
        "{\"id\": \"/b\", \"cmd\": \"x\", \"container\": {\"portMappings\": "
        "[{\"containerPort\": "
        "80}, {\"containerPort\": 80, \"protocol\": \"sctp\"}]}}",
        "{\"id\": \"/b\", \"container\": {\"docker\": {\"image\": \"nginx\"}}}",
        "{\"id\": \"/b\", \"cmd\": \"x\", \"container\": {\"docker\": {\"image\": "
        "\"nginx\"}}}",
        "{\"id\": \"/b\", \"cmd\": \"x\", \"user\": \"a b\"}",
        "{\"id\": \"/b\", \"containers\": [{\"name\": \"c\"}]}",
        "{\"id\": \"/\xc3\xbcn\xc3\xaf\", \"cmd\": \"x\"}",
        "{\"id\": \"/a\", \"cmd\": \"x\"}",
        "{\"cmd\": \"x\"}",
        "{\"id\": \"///\", \"cmd\": \"x\"}",
        "7",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[512];
        struct importing m;
        snprintf(text, sizeof(text),
                 "[{\"id\": \"/a\", \"cmd\": \"x\", \"ports\": []},\n%s,\n"
                 "{\"id\": \"/c\", \"cmd\": \"y\"}]",
                 bad[i]);
        importing_read(&m, text, false);
        cr_assert_eq(m.error, 0, "%s", bad[i]);
        cr_expect_eq(m.file.n_jobs, 2, "%s", bad[i]);
        cr_expect(m.report.n_apps == 3 && m.report.n_made == 2, "%s", bad[i]);
        cr_expect(importing_note(&m, IMPORT_ERROR, 2, ""), "%s", bad[i]);
        importing_free(&m);
    }
}

Test(import_marathon, names_that_meet_are_told_with_the_true_reason)
{
    struct importing m;
    importing_read(
        &m,
        "[{\"id\": \"/prod/a/b\", \"cmd\": \"x\"},\n{\"id\": \"/prod-a/b\", \"cmd\": "
        "\"y\"},\n{\"id\": \"/prod/a/b\", \"cmd\": \"x\"}]",
        false);
    cr_assert_eq(m.file.n_jobs, 2);
    cr_expect_str_eq(m.file.jobs[1].name, "b-2");
    cr_expect(importing_note(&m, IMPORT_CHANGED, 2,
                             "the job is called 'b-2': prod-a/b is /prod/a/b already"));
    cr_expect(importing_note(&m, IMPORT_ERROR, 3, "an app of this id is here twice"));
    importing_free(&m);
}

Test(import_marathon, the_report_is_whole_and_counts)
{
    char text[8192] = "[";
    struct importing m;
    for (int i = 0; i < 30; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text),
                 "%s{\"id\": \"/a%d\", \"cmd\": \"x\", \"ports\": [],\n  \"container\": "
                 "{\"volumes\": [{\"x\": 1}]}}",
                 i ? ",\n" : "", i);
    strcat(text, ",\n{\"id\": \"/n\", \"ports\": []}]");
    importing_read(&m, text, false);
    cr_expect_eq(import_report_count(&m.report, IMPORT_DROPPED), 30);
    cr_expect_str_eq(import_report_sum(&m.report),
                     "31 apps: 30 made, 1 not; 30 things not carried over, 0 changed");
    const struct import_note *note = importing_note(&m, IMPORT_DROPPED, 60, "volumes");
    cr_assert_not_null(note);
    cr_expect_eq(note->column, 17);
    cr_expect_str_eq(note->app, "/a29");
    cr_expect(strstr(m.yaml, "# dropped: container.volumes is not carried over"));
    importing_free(&m);
}

Test(import_marathon, files_that_make_no_job_say_why)
{
    static const struct {
        const char *text, *words;
        int error;
    } rows[] = {
        {"{\"id\": \"a\"}", "neither cmd nor args", 0},
        {"{\"id\": \"a\", \"cmd\": \" \"}", "neither cmd nor args", 0},
        {"{\"id\": \"a\", \"containers\": []}", "a pod", 0},
        {"{\"id\": \"a\", \"run\": {\"cmd\": \"x\"}}", "a Metronome job", ERR_MALFORMED},
        {"{\"name\": \"a\", \"schedule\": \"R/x/y\", \"command\": \"x\"}",
         "a Chronos job", ERR_MALFORMED},
        {"{\"cmd\": \"a\"}", "it has no id", ERR_MALFORMED},
        {"{\"id\": \"a\", \"apps\": []}", "holds no app", ERR_MALFORMED},
        {"[]", "an empty list", ERR_MALFORMED},
        {"hello", "no app of Marathon's", ERR_MALFORMED},
        {"{\"id\": ", "the text ends here", ERR_MALFORMED},
        {"{\"id\": \"a\", // it\n\"cmd\": \"x\"}", "a comment: JSON has none",
         ERR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct importing m;
        importing_read(&m, rows[i].text, false);
        cr_expect_eq(m.error, rows[i].error, "%s: %s", rows[i].text, err_name(m.error));
        cr_expect_null(m.yaml);
        cr_expect(importing_note(&m, IMPORT_ERROR, 0, rows[i].words), "%s: %s",
                  rows[i].text, m.report.n ? m.report.notes[0].text : "");
        importing_free(&m);
    }
}
