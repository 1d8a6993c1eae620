/* Versions of a job: what stands, what lost to a concurrent submission, and what is kept of
 * either. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "agent/report.h"
#include "agent/versions.h"
#include "core/err.h"
#include "host.h"
#include "proto/record.h"

#define JOB(label) "job: web\ncount: 0\ntask: {command: [./x]}\nlabels: {a: " label "}\n"

struct fixture {
    struct hosts *all;
    struct arena arena;
    struct version *list;
    size_t n;
};

static struct fixture with(unsigned n)
{
    struct fixture f = {.all = hosts_settled(n)};
    arena_init(&f.arena, 0);
    return f;
}

static void drop(struct fixture *f)
{
    arena_fini(&f->arena);
    hosts_free(f->all);
}

static const struct table *table_of(const struct fixture *f, unsigned host)
{
    return gossip_table(node_gossip(f->all->hosts[host].node));
}

static void submit(struct fixture *f, unsigned host, const char *label)
{
    char text[256];
    (void)snprintf(text, sizeof(text), JOB("'%s'"), label);
    (void)host_submit(&f->all->hosts[host], text, 0, 1);
    hosts_run(f->all, 50);
}

static void look(struct fixture *f, unsigned host)
{
    cr_assert_eq(
        versions_list(table_of(f, host), "default", "web", &f->arena, &f->list, &f->n),
        0);
}

/* "v3 n1 current, v2 n2 superseded!, v2 n1 lost!": '!' for a conflict, '?' without a body. */
static const char *text_of(struct fixture *f, unsigned host)
{
    static const char *const states[] = {"current", "superseded", "lost"};
    char *text = arena_text(&f->arena, "");
    look(f, host);
    for (size_t i = 0; i < f->n; i++) {
        const struct version *v = &f->list[i];
        text = arena_printf(&f->arena, "%s%sv%u %s %s%s%s", text, i ? ", " : "",
                            v->doc.version, v->doc.by, states[v->state],
                            v->has_conflict ? "!" : "", v->is_kept ? "" : "?");
    }
    return text;
}

static void cut(struct fixture *f, bool is_cut)
{
    f->all->hosts[1].is_cut = is_cut;
    hosts_run(f->all, is_cut ? 100 : 60000);
    if (!is_cut)
        cr_assert_eq(table_digest(table_of(f, 0)), table_digest(table_of(f, 1)));
}

static size_t count(const char *text, const char *word)
{
    size_t n = 0;
    for (; (text = strstr(text, word)); text++)
        n++;
    return n;
}

/* The body that `word` names at `host`; its label. */
static const char *label_of(struct fixture *f, unsigned host, const char *word)
{
    struct report r;
    struct err err = {0};
    json_t *data;
    cr_assert_eq(report_open(&r, f->all->hosts[host].node, "n", hosts_now(f->all)), 0);
    int status = report_spec(&r, "default", "web", word, NULL, &data, &err);
    const char *text = arena_text(&f->arena, err.text);
    if (status == 0) {
        json_t *labels = json_object_get(json_object_get(data, "spec"), "labels");
        text = arena_text(&f->arena, json_string_value(json_object_get(labels, "a")));
        json_decref(data);
    }
    report_close(&r);
    return text;
}

Test(versions, of_a_job_that_is_updated_stand_in_one_line)
{
    struct fixture f = with(1);
    cr_assert_str_eq(text_of(&f, 0), "");
    submit(&f, 0, "one");
    submit(&f, 0, "two");
    submit(&f, 0, "one");
    cr_assert_str_eq(text_of(&f, 0), "v3 n1 current, v2 n1 superseded, v1 n1 superseded");
    cr_assert_str_eq(label_of(&f, 0, "v2"), "two");
    cr_assert_str_eq(label_of(&f, 0, NULL), "one");
    cr_assert_str_eq(label_of(&f, 0, "v4"), "no version 'v4' of job 'web' is kept");
    cr_assert_str_eq(label_of(&f, 0, "vx"),
                     "'vx' names no one version: v7, or more of its hash");
    cr_assert_str_eq(label_of(&f, 0, "abc"),
                     "'abc' names no one version: v7, or more of its hash");
    cr_assert_str_eq(label_of(&f, 0, "abcd"), "no version 'abcd' of job 'web' is kept");
    drop(&f);
}

Test(versions, of_two_sides_are_told_alike_on_both_and_the_loser_can_be_read)
{
    struct fixture f = with(2);
    char hash[SPEC_HASH_TEXT], won[SPEC_HASH_TEXT];
    submit(&f, 0, "base");
    cut(&f, true);
    submit(&f, 0, "left");
    submit(&f, 1, "right");
    cut(&f, false);
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_str_eq(text_of(&f, i), "v2 n2 current!, v2 n1 lost!, v1 n1 superseded");
        cr_assert(f.list[1].has_rival);
        cr_assert(spec_hash_equal(f.list[1].rival, f.list[0].doc.spec));
        (void)spec_hash_text(f.list[1].doc.spec, hash);
        (void)spec_hash_text(f.list[0].doc.spec, won);
        hash[8] = '\0';
        cr_assert_str_eq(label_of(&f, i, hash), "left");
        cr_assert_str_eq(label_of(&f, i, won), "right");
        cr_assert_str_eq(label_of(&f, i, "v2"), "right");
        const char *log = f.all->hosts[i].log;
        cr_assert_eq(count(log, "conflict job/default/web"), 1, "n%u: %s", i + 1, log);
    }
    submit(&f, 0, "left");
    cr_assert_str_eq(text_of(&f, 1),
                     "v3 n1 current, v2 n2 superseded!, v2 n1 lost!, v1 n1 superseded");
    drop(&f);
}

/* Two submissions on one side, one on the other: generations say who wins, but what the other
 * side wrote lost all the same. */
Test(versions, of_the_longer_side_stand)
{
    struct fixture f = with(2);
    submit(&f, 0, "base");
    cut(&f, true);
    submit(&f, 0, "left");
    submit(&f, 0, "left again");
    submit(&f, 1, "right");
    cut(&f, false);
    for (unsigned i = 0; i < 2; i++)
        cr_assert_str_eq(
            text_of(&f, i),
            "v3 n1 current, v2 n1 superseded!, v2 n2 lost!, v1 n1 superseded");
    drop(&f);
}

Test(versions, of_one_text_submitted_on_both_sides_are_no_conflict)
{
    struct fixture f = with(2);
    submit(&f, 0, "base");
    cut(&f, true);
    submit(&f, 0, "same");
    submit(&f, 1, "same");
    cut(&f, false);
    cr_assert_str_eq(text_of(&f, 0), "v2 n2 current, v1 n1 superseded");
    cr_assert_str_eq(text_of(&f, 1), "v2 n2 current, v1 n1 superseded");
    drop(&f);
}

Test(versions, that_met_a_removal_can_be_read_after_it)
{
    struct fixture f = with(2);
    submit(&f, 0, "base");
    cut(&f, true);
    submit(&f, 1, "lost");
    (void)host_order(&f.all->hosts[0], ORDER_REMOVE, "web", 0);
    cut(&f, false);
    cr_assert_str_eq(text_of(&f, 0), "v2 n2 lost!");
    cr_assert_not(f.list[0].has_rival);
    cr_assert_str_eq(label_of(&f, 1, "v2"), "lost");
    submit(&f, 0, "anew");
    cr_assert_str_eq(text_of(&f, 1), "v2 n2 lost!, v1 n1 current");
    drop(&f);
}

/* A loser stays as long as the version of its number, with its body, and no longer. */
Test(versions, that_lost_go_with_those_of_their_number)
{
    struct fixture f = with(2);
    char label[16];
    submit(&f, 0, "base");
    cut(&f, true);
    submit(&f, 0, "left");
    submit(&f, 1, "right");
    cut(&f, false);
    for (int i = 3; i <= 11; i++) {
        (void)snprintf(label, sizeof(label), "l%d", i);
        submit(&f, 0, label);
    }
    hosts_run(f.all, 2000);
    look(&f, 1);
    cr_assert_eq(f.n, 11, "%s", text_of(&f, 1)); /* v11 to v2, and what lost to v2 */
    cr_assert_eq(f.list[10].state, VERSION_LOST);
    cr_assert(f.list[10].is_kept);
    submit(&f, 0, "l12");
    submit(&f, 0, "l13");
    hosts_run(f.all, 2000);
    look(&f, 1);
    cr_assert_eq(f.n, VERSIONS_KEPT, "%s", text_of(&f, 1));
    for (size_t i = 0; i < f.n; i++)
        cr_assert(f.list[i].is_kept && f.list[i].state != VERSION_LOST);
    drop(&f);
}

/* As a peer would have: `key` with the document of a version. */
static void write_version(struct fixture *f, struct key key, const struct job_doc *doc)
{
    tape_fini(&f->all->hosts[0].tape); /* it is not told */
    struct gossip *g = (struct gossip *)(uintptr_t)node_gossip(f->all->hosts[0].node);
    struct moment now = hosts_now(f->all);
    struct gossip_effects fx;
    uint8_t buf[512];
    struct writer w = writer_of(buf, sizeof(buf));
    gossip_effects_init(&fx);
    cr_assert_eq(record_encode_job(doc, &w), 0);
    cr_assert_eq(gossip_publish(g, now.now_ms, now.at_unix_ms, key_bytes(&key),
                                writer_done(&w), NULL, &fx),
                 0);
    gossip_effects_fini(&fx);
}

/* Every side but one loses; what is kept of them has a bound. */
Test(versions, that_lost_are_bounded)
{
    struct fixture f = with(1);
    submit(&f, 0, "base");
    for (uint8_t i = 0; i < 3 * VERSIONS_LOST_KEPT; i++) {
        const struct job_doc doc = {.spec = {{i, 1}},
                                    .version = 1,
                                    .at_unix_ms = UINT64_C(1000) + i,
                                    .by = "n9",
                                    .note = ""};
        write_version(&f, key_version("default", "web", 1, doc.spec), &doc);
    }
    cr_assert_eq(count(text_of(&f, 0), "lost"), 3 * VERSIONS_LOST_KEPT);
    submit(&f, 0, "next");
    cr_assert_eq(count(text_of(&f, 0), "lost"), VERSIONS_LOST_KEPT);
    cr_assert_eq(f.list[2].doc.at_unix_ms, 1000 + 3 * VERSIONS_LOST_KEPT - 1);
    drop(&f);
}

Test(versions, whose_record_says_something_else_than_its_key_do_not_count)
{
    struct fixture f = with(1);
    const struct job_doc doc = {.spec = {{1}}, .version = 7, .by = "n9", .note = ""};
    submit(&f, 0, "base");
    write_version(&f, key_version("default", "web", 8, doc.spec), &doc);
    write_version(&f, key_version("default", "web", 7, (struct spec_hash){{2}}), &doc);
    cr_assert_str_eq(text_of(&f, 0), "v1 n1 current");
    drop(&f);
}
