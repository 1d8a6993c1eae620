/* What a submission does to a job, in words. */
#include <criterion/criterion.h>
#include <string.h>

#include "cli/announce.h"
#include "cli/talk.h"

#define JOB(more) "{\"namespace\":\"default\",\"job\":\"web\",\"version\":\"v7\"," more "}"
#define UPDATE(count, before, more)                                                      \
    JOB("\"action\":\"update\",\"count\":" count ",\"count_before\":" before                \
        ",\"count_in_file\":3," more)
#define NOTHING "\"changed\":[],\"restarts_for\":[],\"restarting\":0"
#define SCALE(count, kept)                                                               \
    "\"scale\":{\"count\":" count ",\"at\":\"2026-11-20T12:01:40.000Z\",\"by\":\"root@n1\","  \
    "\"kept\":" kept "}"

static const char *said(const char *json, const char *now)
{
    static char text[ANNOUNCE_MAX];
    json_t *job = json_loads(json, 0, NULL);
    cr_assert(job, "%s", json);
    announce_text(job, time_parse(now), text);
    json_decref(job);
    return text;
}

Test(announce, says_what_restarts_and_why_and_how_many_run)
{
    static const struct {
        const char *job, *text;
    } rows[] = {
        {JOB("\"action\":\"create\",\"count\":3"), "default/web v7 created\n"},
        {UPDATE("3", "3", NOTHING), "default/web v7 updated\n"},
        {JOB("\"action\":\"none\",\"count\":3,\"count_before\":3,\"count_in_file\":3," NOTHING),
         "default/web v7 unchanged\n"},
        {UPDATE("3", "3",
                "\"changed\":[\"env\"],\"restarts_for\":[\"env\"],\"restarting\":3"),
         "default/web v7: restarts 3 instances: env changed\n"},
        {UPDATE("3", "3",
                "\"changed\":[\"command\",\"env\",\"labels\"],"
                "\"restarts_for\":[\"command\",\"env\"],\"restarting\":1"),
         "default/web v7: restarts 1 instance: command and env changed; labels, too\n"},
        {UPDATE("3", "3",
                "\"changed\":[\"labels\"],\"restarts_for\":[],\"restarting\":0"),
         "default/web v7: nothing restarts: labels changed\n"},
        {UPDATE("3", "3",
                "\"changed\":[\"health\",\"labels\",\"priority\"],\"restarts_for\":[],"
                "\"restarting\":0"),
         "default/web v7: nothing restarts: health, labels and priority changed\n"},
        /* The way back before anything had left. */
        {UPDATE("3", "3",
                "\"changed\":[\"env\"],\"restarts_for\":[\"env\"],\"restarting\":0"),
         "default/web v7: env changed; nothing that runs has to restart\n"},
        /* A rollout goes on below an edit that restarts nothing itself. */
        {UPDATE("3", "3",
                "\"changed\":[\"labels\"],\"restarts_for\":[],\"restarting\":2"),
         "default/web v7: restarts 2 instances for an update that is still under way; "
         "labels changed\n"},
        {UPDATE("3", "3",
                "\"changed\":[\"constraints\"],\"restarts_for\":[],\"restarting\":0,\"moving\":1"),
         "default/web v7: moves 1 instance: constraints changed\n"},
        {UPDATE("3", "3",
                "\"changed\":[\"env\",\"constraints\"],\"restarts_for\":[\"env\"],"
                "\"restarting\":2,\"moving\":1"),
         "default/web v7: restarts 2 instances and moves 1: env and constraints changed\n"},
        {UPDATE("3", "3",
                "\"changed\":[\"constraints\"],\"restarts_for\":[],\"restarting\":0,"
                "\"moving\":0,\"fitting_nowhere\":3"),
         "default/web v7: 3 instances fit no node as constraints changed, and stay as "
         "before\n"},
        {UPDATE("3", "5",
                "\"changed\":[\"count\"],\"restarts_for\":[],\"restarting\":0"),
         "default/web v7: nothing restarts: count changed\n"
         "default/web v7: count 5 -> 3\n"},
        {UPDATE("3", "5", NOTHING "," SCALE("5", "false")),
         "default/web v7: count 5 -> 3 (the scale of 12:01 by root@n1 is dropped)\n"},
        {UPDATE("3", "5",
                "\"changed\":[\"env\"],\"restarts_for\":[\"env\"],\"restarting\":3,"
                SCALE("5", "false")),
         "default/web v7: restarts 3 instances: env changed\n"
         "default/web v7: count 5 -> 3 (the scale of 12:01 by root@n1 is dropped)\n"},
        {UPDATE("5", "5", NOTHING "," SCALE("5", "true")),
         "default/web v7: count 5 (the scale of 12:01 by root@n1 is kept; the file says "
         "3)\n"},
        {UPDATE("3", "3", NOTHING "," SCALE("3", "false")),
         "default/web v7: count 3 (the scale of 12:01 by root@n1 is dropped; the file says "
         "the same)\n"},
        {UPDATE("3", "5",
                NOTHING ",\"scale\":{\"count\":5,\"at\":null,\"by\":\"\",\"kept\":false}"),
         "default/web v7: count 5 -> 3 (the scale is dropped)\n"},
        {UPDATE("3", "0", NOTHING ",\"was_stopped\":true"),
         "default/web v7: count 0 -> 3 (it was stopped)\n"},
        {UPDATE("5", "0", NOTHING ",\"was_stopped\":true," SCALE("5", "true")),
         "default/web v7: count 0 -> 5 (it was stopped; the scale of 12:01 by root@n1 is "
         "kept; the file says 3)\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *text = said(rows[i].job, "2026-11-20T23:00:00.000Z");
        cr_expect_str_eq(text, rows[i].text, "row %zu: %s", i, text);
    }
}

Test(announce, a_scale_of_another_day_has_its_date)
{
    cr_assert_str_eq(said(UPDATE("3", "5", NOTHING "," SCALE("5", "false")),
                          "2026-11-21T00:00:00.000Z"),
                     "default/web v7: count 5 -> 3 (the scale of 2026-11-20 12:01 by root@n1 "
                     "is dropped)\n");
}

Test(announce, an_older_agent_says_less)
{
    cr_assert_str_eq(said(JOB("\"action\":\"update\",\"count\":3"), "2026-11-21T00:00:00.000Z"),
                     "default/web v7 updated\n");
    cr_assert_str_eq(said(JOB("\"action\":\"none\",\"count\":3"), "2026-11-21T00:00:00.000Z"),
                     "default/web v7 unchanged\n");
    cr_assert_str_eq(said("{\"namespace\":\"a\",\"job\":\"b\",\"version\":3,\"action\":\"none\"}",
                          "2026-11-21T00:00:00.000Z"),
                     "a/b v3 unchanged\n");
}

Test(announce, what_does_not_fit_is_left_out_whole)
{
    char json[8192] = "{\"namespace\":\"default\",\"job\":\"web\",\"version\":\"v7\","
                      "\"action\":\"update\",\"restarting\":0,\"restarts_for\":[],\"changed\":[\"a\"";
    for (unsigned i = 0; i < 100; i++)
        strcat(json, ",\"a-rather-long-key-of-a-newer-version\"");
    strcat(json, "]}");
    const char *text = said(json, "2026-11-21T00:00:00.000Z");
    cr_assert_lt(strlen(text), ANNOUNCE_MAX);
    cr_assert_eq(text[strlen(text) - 1], '\n');
}
