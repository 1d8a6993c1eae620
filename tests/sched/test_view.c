/* The view, from members and a table that are filled by hand. */
#include "sched/view.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "proto/record.h"
#include "tests/sched/fake_table.h"

enum { AT = 1000000 };

/* ---- a world to look at ---- */

struct world {
    struct members members;
    struct table table;
    struct spec_cache *cache;
    struct arena arena;
    struct view_options options;
};

static int compare_entries(const void *a, const void *b)
{
    const struct fake_entry *x = a, *y = b;
    return strcmp(x->key.text, y->key.text);
}

static void put(struct world *w, struct key key, struct bytes value)
{
    cr_assert_lt(w->table.n, FAKE_ENTRIES);
    cr_assert_leq(value.len, VALUE_MAX);
    struct fake_entry *e = &w->table.list[w->table.n++];
    *e = (struct fake_entry){.key = key, .len = value.len};
    memcpy(e->value, value.at, value.len);
    qsort(w->table.list, w->table.n, sizeof(*w->table.list), compare_entries);
}

static struct node_id id_of(uint8_t i)
{
    return (struct node_id){{i}};
}

static struct spec_hash hash_of(uint8_t i)
{
    return (struct spec_hash){{i}};
}

static void put_member(struct world *w, uint8_t i, enum member_state state)
{
    size_t n = w->members.n++;
    w->members.list[n] =
        (struct member){.id = id_of(i), .name = w->members.names[n], .state = state};
    snprintf(w->members.names[n], sizeof(w->members.names[n]), "m%u", i);
}

static void put_node(struct world *w, uint8_t i, enum agent_state state, uint64_t until)
{
    uint8_t buf[512];
    char name[8];
    struct writer out = writer_of(buf, sizeof(buf));
    snprintf(name, sizeof(name), "n%u", i);
    struct node_doc doc = {.name = name,
                           .version = "1",
                           .address = "127.0.0.1",
                           .cpu_milli = 4000,
                           .memory_bytes = 1 << 30,
                           .state = state,
                           .away_until_unix_ms = until};
    cr_assert_eq(record_encode_node(&doc, &out), 0);
    put(w, key_node(id_of(i)), writer_done(&out));
}

static void put_host(struct world *w, uint8_t i, enum disk_state disk, const char *tasks)
{
    uint8_t buf[512];
    struct writer out = writer_of(buf, sizeof(buf));
    struct pair runs = {ATTRIBUTE_TASKS, tasks};
    struct node_doc doc = {"n3", "1", "", .attributes = &runs, .n_attributes = 1, .disk = disk};
    cr_assert_eq(record_encode_node(&doc, &out), 0);
    put(w, key_node(id_of(i)), writer_done(&out));
}

static void put_job(struct world *w, const char *name, uint8_t hash, stamp_t stamp,
                    const char *body)
{
    uint8_t buf[256];
    struct writer out = writer_of(buf, sizeof(buf));
    struct job_doc doc = {.spec = hash_of(hash), .version = 1, .first_stamp = stamp, .by = "n1"};
    doc.note = "";
    cr_assert_eq(record_encode_job(&doc, &out), 0);
    put(w, key_job("default", name), writer_done(&out));
    if (body)
        put(w, key_spec("default", name, hash_of(hash)), bytes_of_text(body));
}

static void put_control(struct world *w, const char *name, struct control_doc doc)
{
    uint8_t buf[256];
    struct writer out = writer_of(buf, sizeof(buf));
    cr_assert_eq(record_encode_control(&doc, &out), 0);
    put(w, key_control("default", name), writer_done(&out));
}

static void put_claim(struct world *w, uint8_t node, const char *name, uint32_t index,
                      uint64_t generation)
{
    uint8_t buf[512];
    struct writer out = writer_of(buf, sizeof(buf));
    struct claim_doc doc = {.generation = generation,
                            .spec = hash_of(1),
                            .version = 1,
                            .state = INSTANCE_RUNNING,
                            .claimed_unix_ms = 5,
                            .reason = ""};
    cr_assert_eq(record_encode_claim(&doc, &out), 0);
    put(w, key_claim(id_of(node), "default", name, index), writer_done(&out));
}

static void put_refuse(struct world *w, uint8_t node, const char *name, uint32_t index)
{
    uint8_t buf[256];
    struct writer out = writer_of(buf, sizeof(buf));
    struct refuse_doc doc = {.until_unix_ms = AT + 1, .spec = hash_of(1), .reason = "crashed"};
    cr_assert_eq(record_encode_refuse(&doc, &out), 0);
    put(w, key_refuse(id_of(node), "default", name, index), writer_done(&out));
}

static void world_init(struct world *w)
{
    *w = (struct world){.cache = spec_cache_new()};
    w->options = (struct view_options){.self = id_of(1), .now_ms = AT};
    arena_init(&w->arena, 0);
}

static void world_fini(struct world *w)
{
    spec_cache_free(w->cache);
    arena_fini(&w->arena);
}

#define WEB "job: web\ncount: 3\ntask: {command: [./web]}\n"

/* Three nodes, a job, a claim of each node, a refusal, an orphan. */
static void world_usual(struct world *w)
{
    world_init(w);
    for (uint8_t i = 1; i <= 3; i++) {
        put_member(w, i, MEMBER_ALIVE);
        put_node(w, i, AGENT_UP, 0);
        put_claim(w, i, "web", i - 1u, i);
    }
    put_job(w, "web", 1, 100, WEB);
    put_refuse(w, 2, "web", 0);
    put_claim(w, 1, "gone", 7, 1);
}

/* ---- a view as text ---- */

static const char *view_text(struct world *w)
{
    struct view v;
    struct arena *a = &w->arena;
    cr_assert_eq(view_build(&w->members, &w->table, w->cache, &w->options, a, &v), 0);
    const char *text = v.self == VIEW_NONE ? "self=-" : arena_printf(a, "self=%u", v.self);
    for (size_t i = 0; i < v.n_nodes; i++)
        text = arena_printf(a, "%s; node %s%s%s", text, v.nodes[i].doc.name,
                            v.nodes[i].is_live ? " live" : "",
                            v.nodes[i].takes_work ? " works" : "");
    for (size_t i = 0; i < v.n_jobs; i++)
        text = arena_printf(a, "%s; job %s%s x%u claims %u+%u", text, v.jobs[i].name,
                            v.jobs[i].spec ? "" : " unknown", v.jobs[i].count,
                            v.jobs[i].first_claim, v.jobs[i].n_claims);
    for (size_t i = 0; i < v.n_claims; i++)
        text = arena_printf(a, "%s; claim %u.%u@%u g%u", text, v.claims[i].job, v.claims[i].index,
                            v.claims[i].node, (unsigned)v.claims[i].doc.generation);
    for (size_t i = 0; i < v.n_past; i++)
        text = arena_printf(a, "%s; past %u.%u@%d g%u", text, v.past[i].job, v.past[i].index,
                            (int)v.past[i].node, (unsigned)v.past[i].generation);
    for (size_t i = 0; i < v.n_refusals; i++)
        text = arena_printf(a, "%s; refuse %u.%u@%u", text, v.refusals[i].job, v.refusals[i].index,
                            v.refusals[i].node);
    for (size_t i = 0; i < v.n_orphans; i++)
        text = arena_printf(a, "%s; orphan %s.%u@%u", text, v.orphans[i].name, v.orphans[i].index,
                            v.orphans[i].node);
    if (v.next_change_ms)
        text = arena_printf(a, "%s; next %u", text, (unsigned)v.next_change_ms);
    return text;
}

Test(view, shows_nodes_jobs_claims_refusals_and_orphans_in_order)
{
    struct world w;
    world_usual(&w);
    put_job(&w, "urgent", 2, 900, "job: urgent\npriority: 90\ntask: {command: [./u]}\n");
    put_job(&w, "older", 3, 50, "job: older\ntask: {command: [./o]}\n");
    put_claim(&w, 3, "web", 0, 9);
    cr_assert_str_eq(view_text(&w),
                     "self=0; node n1 live works; node n2 live works; node n3 live works; "
                     "job urgent x1 claims 0+0; job older x1 claims 0+0; job web x3 claims 0+4; "
                     "claim 2.0@2 g9; claim 2.0@0 g1; claim 2.1@1 g2; claim 2.2@2 g3; "
                     "refuse 2.0@1; orphan gone.7@0");
    world_fini(&w);
}

Test(view, hides_the_dead_unless_they_are_away_or_held)
{
    enum { DEAD, LEFT, SUSPECT, AWAY, AWAY_OVER, HELD, LEFT_HELD, UNKNOWN, ROWS };
    static const char *const shown[ROWS] = {
        [DEAD] = "node n3; job web x3 claims 0+0; past 0.2@0 g3",
        [LEFT] = "node n3; job web x3 claims 0+0; past 0.2@0 g3",
        [SUSPECT] = "node n3 live works; job web x3 claims 0+1; claim 0.2@0 g3; refuse 0.1@0",
        [AWAY] = "node n3 live; job web x3 claims 0+1; claim 0.2@0 g3; refuse 0.1@0; next 1000001",
        [AWAY_OVER] = "node n3; job web x3 claims 0+0; past 0.2@0 g3",
        [HELD] = "node n3 live; job web x3 claims 0+1; claim 0.2@0 g3; refuse 0.1@0",
        [LEFT_HELD] = "node n3; job web x3 claims 0+0; past 0.2@0 g3",
        [UNKNOWN] = "job web x3 claims 0+0; past 0.2@-1 g3",
    };
    for (int row = 0; row < ROWS; row++) {
        struct world w;
        world_init(&w);
        if (row != UNKNOWN)
            put_member(&w, 3, row == SUSPECT ? MEMBER_SUSPECT
                              : row == LEFT || row == LEFT_HELD ? MEMBER_LEFT
                                                                : MEMBER_DEAD);
        bool is_away = row == AWAY || row == AWAY_OVER;
        put_node(&w, 3, is_away ? AGENT_AWAY : AGENT_UP, row == AWAY ? AT + 1 : AT);
        put_job(&w, "web", 1, 100, WEB);
        put_claim(&w, 3, "web", 2, 3);
        put_refuse(&w, 3, "web", 1);
        struct away away = {.id = id_of(3), .until_ms = row == AWAY ? AT + 1 : AT};
        struct aways aways = {&away, 1};
        w.options.aways = is_away ? &aways : NULL;
        w.options.is_takeover_held = row == HELD || row == LEFT_HELD;
        cr_assert_str_eq(view_text(&w) + strlen("self=-; "), shown[row], "row %d", row);
        world_fini(&w);
    }
}

Test(view, a_node_whose_disk_is_in_trouble_or_that_runs_no_tasks_is_live_and_takes_no_work)
{
    static const struct {
        enum disk_state disk;
        const char *tasks, *works;
    } rows[] = {{DISK_OK, "limited", " works"}, {DISK_FULL, "full", ""}, {DISK_BROKEN, "full", ""}, {DISK_OK, "none", ""}};
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        struct world w;
        world_init(&w);
        put_member(&w, 3, MEMBER_ALIVE);
        put_host(&w, 3, rows[row].disk, rows[row].tasks);
        put_job(&w, "web", 1, 100, WEB);
        put_claim(&w, 3, "web", 2, 3);
        const char *shown = arena_printf(&w.arena, "node n3 live%s; job web x3 claims 0+1; claim 0.2@0 g3", rows[row].works);
        cr_assert_str_eq(view_text(&w) + strlen("self=-; "), shown, "row %zu", row);
        world_fini(&w);
    }
}

Test(view, wants_what_control_says)
{
    static const struct {
        struct control_doc control;
        const char *shown;
    } rows[] = {
        {{.restart_at = 4}, "self=-; job web x3 claims 0+0"},
        {{.has_count = true, .count = 5}, "self=-; job web x5 claims 0+0"},
        {{.has_count = true, .count = 0}, "self=-; job web x0 claims 0+0"},
        {{.is_stopped = true, .has_count = true, .count = 5}, "self=-; job web x0 claims 0+0"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world w;
        world_init(&w);
        put_job(&w, "web", 1, 100, WEB);
        put_control(&w, "web", rows[i].control);
        cr_assert_str_eq(view_text(&w), rows[i].shown, "row %zu", i);
        world_fini(&w);
    }
}

Test(view, decides_nothing_about_a_job_it_cannot_read)
{
    static const char *const bodies[] = {NULL, "no: [job", "job: other\ntask: {command: [x]}\n",
                                         "job: web\ntask: {command: [x]}\nfrom_the_future: 1\n"};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]) + 2; i++) {
        bool has_body = i < sizeof(bodies) / sizeof(bodies[0]);
        struct world w;
        world_init(&w);
        put_member(&w, 1, MEMBER_ALIVE);
        put_claim(&w, 1, "web", 0, 1);
        if (has_body || i == sizeof(bodies) / sizeof(bodies[0]))
            put_job(&w, "web", 1, 100, has_body ? bodies[i] : WEB);
        else
            put(&w, key_job("default", "web"), bytes_of_text("?"));
        if (i == sizeof(bodies) / sizeof(bodies[0]))
            put(&w, key_control("default", "web"), bytes_of_text("?"));
        cr_assert_str_eq(view_text(&w),
                         "self=-; node m1 live; job web unknown x0 claims 0+1; claim 0.0@0 g1",
                         "row %zu", i);
        world_fini(&w);
    }
}

/* Each document in turn is cut short at every length, and its bytes are set to each extreme. */
Test(view, survives_every_damaged_document)
{
    struct world w;
    world_usual(&w);
    put_control(&w, "web", (struct control_doc){.has_count = true, .count = 2});
    for (size_t i = 0; i < w.table.n; i++) {
        struct fake_entry whole = w.table.list[i];
        for (size_t at = 0; at < whole.len; at++) {
            static const uint8_t extremes[] = {0x00, 0x7f, 0xc1, 0xdf, 0xff};
            w.table.list[i].len = at;
            arena_clear(&w.arena);
            (void)view_text(&w);
            for (size_t k = 0; k < sizeof(extremes); k++) {
                w.table.list[i] = whole;
                w.table.list[i].value[at] = extremes[k];
                arena_clear(&w.arena);
                (void)view_text(&w);
            }
        }
        w.table.list[i] = whole;
        spec_cache_trim(w.cache);
    }
    world_fini(&w);
}

Test(view, is_refused_by_a_full_arena_at_every_allocation)
{
    struct world w;
    int rc = -1;
    world_usual(&w);
    for (size_t limit = 16; rc < 0 && limit < 1 << 20; limit += 16) {
        struct arena small;
        struct view v;
        arena_init(&small, limit);
        rc = view_build(&w.members, &w.table, w.cache, &w.options, &small, &v);
        arena_fini(&small);
    }
    cr_assert_eq(rc, 0);
    world_fini(&w);
}

Test(view, finds_nodes_and_jobs_by_what_people_call_them)
{
    struct world w;
    struct view v;
    world_usual(&w);
    put_job(&w, "api", 2, 900, "job: api\ntask: {command: [./u]}\n");
    cr_assert_eq(view_build(&w.members, &w.table, w.cache, &w.options, &w.arena, &v), 0);
    cr_assert_eq(view_find_node(&v, id_of(2)), 1);
    cr_assert_eq(view_find_node(&v, id_of(9)), VIEW_NONE);
    cr_assert_str_eq(v.jobs[view_find_job(&v, "default", "api")].name, "api");
    cr_assert_str_eq(v.jobs[view_find_job(&v, "default", "web")].name, "web");
    cr_assert_eq(view_find_job(&v, "default", "ap"), VIEW_NONE);
    cr_assert_eq(view_find_job(&v, "shop", "web"), VIEW_NONE);
    v.jobs_by_name = NULL;
    cr_assert_str_eq(v.jobs[view_find_job(&v, "default", "api")].name, "api");
    world_fini(&w);
}

Test(spec_cache, parses_once_and_forgets_what_nobody_wants)
{
    struct spec_cache *c = spec_cache_new();
    struct bytes body = bytes_of_text(WEB);
    const struct job_spec *spec = spec_cache_get(c, hash_of(1), body);
    cr_assert_str_eq(spec->name, "web");
    cr_assert_eq(spec_cache_get(c, hash_of(1), (struct bytes){0}), spec);
    cr_assert_null(spec_cache_get(c, hash_of(2), bytes_of_text("nonsense")));
    cr_assert_null(spec_cache_get(c, hash_of(2), body), "the verdict is remembered");
    spec_cache_trim(c);
    spec_cache_trim(c); /* asked for before the first, not between the two */
    cr_assert_not_null(spec_cache_get(c, hash_of(2), body));
    for (unsigned i = 0; i < 1000; i++) {
        struct spec_hash hash = {{(uint8_t)i, (uint8_t)(i >> 8), 1}};
        cr_assert_not_null(spec_cache_get(c, hash, body));
    }
    cr_assert_not_null(spec_cache_get(c, hash_of(2), (struct bytes){0}));
    spec_cache_free(c);
    spec_cache_free(NULL);
}

/* ---- claims of another version ---- */

static void put_claim_of(struct world *w, uint8_t node, uint32_t index, uint8_t hash)
{
    uint8_t buf[512];
    struct writer out = writer_of(buf, sizeof(buf));
    struct claim_doc doc = {.generation = 1,
                            .spec = hash_of(hash),
                            .version = hash,
                            .state = INSTANCE_RUNNING,
                            .reason = ""};
    cr_assert_eq(record_encode_claim(&doc, &out), 0);
    put(w, key_claim(id_of(node), "default", "web", index), writer_done(&out));
}

static void put_body(struct world *w, uint8_t hash, const char *body)
{
    put(w, key_spec("default", "web", hash_of(hash)), bytes_of_text(body));
}

Test(view, knows_what_lies_between_a_claim_and_its_job)
{
    static const struct {
        uint8_t hash;
        const char *body; /* NULL: the table does not have it */
        enum edit edit;
    } rows[] = {
        {2, WEB "labels: {a: b}\n", EDIT_UNSEEN},
        {3, WEB "health: [{tcp: true}]\nports: {http: dynamic}\n", EDIT_RESTART},
        {4, "job: web\ncount: 3\ntask: {command: [./web], env: {A: b}}\n", EDIT_RESTART},
        {5, "a newer version's", EDIT_RESTART},
        {6, NULL, EDIT_RESTART},
        {7, "job: other\ntask: {command: [./web]}\n", EDIT_RESTART},
    };
    struct world w;
    struct view v;
    world_init(&w);
    put_member(&w, 1, MEMBER_ALIVE);
    put_node(&w, 1, AGENT_UP, 0);
    put_job(&w, "web", 1, 100, WEB);
    for (uint32_t i = 0; i < 6; i++) {
        put_claim_of(&w, 1, i, rows[i].hash);
        put_claim_of(&w, 1, i + 10, rows[i].hash); /* and once more, as it is remembered */
        if (rows[i].body)
            put_body(&w, rows[i].hash, rows[i].body);
    }
    put_claim_of(&w, 1, 6, 1);
    cr_assert_eq(view_build(&w.members, &w.table, w.cache, &w.options, &w.arena, &v), 0);
    cr_assert_eq(v.n_claims, 13);
    for (size_t i = 0; i < v.n_claims; i++) {
        const struct view_claim *c = &v.claims[i];
        enum claim_update update = view_update(&v.jobs[0], c);
        if (c->index == 6) {
            cr_expect_eq(update, UPDATE_NONE);
            continue;
        }
        enum edit edit = rows[c->index % 10].edit;
        cr_expect_eq(c->edit, edit, "claim %u", c->index);
        cr_expect_eq(update, edit == EDIT_RESTART ? UPDATE_RESTART : UPDATE_IN_PLACE);
    }
    world_fini(&w);
}

Test(view, a_restart_that_was_asked_for_is_one_whatever_the_edit)
{
    struct view_job j = {.doc.spec = hash_of(2), .control.restart_at = 5};
    struct view_claim c = {.edit = EDIT_UNSEEN, .doc = {.spec = hash_of(1), .restart_at = 4}};
    cr_assert_eq(view_update(&j, &c), UPDATE_RESTART);
    c.doc.restart_at = 5;
    cr_assert_eq(view_update(&j, &c), UPDATE_IN_PLACE);
    c.doc.spec = hash_of(2);
    cr_assert_eq(view_update(&j, &c), UPDATE_NONE);
    c.doc.restart_at = 4;
    cr_assert_eq(view_update(&j, &c), UPDATE_RESTART);
}

static void put_named(struct world *w, uint8_t i, enum member_state state, const char *name,
                      stamp_t named)
{
    uint8_t buf[512];
    struct writer out = writer_of(buf, sizeof(buf));
    struct node_doc doc = {.name = name, .version = "1", .address = "", .named = named};
    put_member(w, i, state);
    snprintf(w->members.names[w->members.n - 1], sizeof(w->members.names[0]), "%s", name);
    cr_assert_eq(record_encode_node(&doc, &out), 0);
    put(w, key_node(id_of(i)), writer_done(&out));
}

/* The newcomer has the smaller id, so that ids alone would decide otherwise. */
Test(view, of_two_nodes_of_one_name_the_first_keeps_it_and_the_other_is_called_by_its_id)
{
    struct world w;
    struct view v;
    world_init(&w);
    put_named(&w, 1, MEMBER_ALIVE, "db1", 500);
    put_named(&w, 2, MEMBER_SUSPECT, "db1", 400);
    put_named(&w, 3, MEMBER_DEAD, "db1", 0);
    put_member(&w, 4, MEMBER_ALIVE); /* no row yet */
    snprintf(w.members.names[3], sizeof(w.members.names[3]), "db1");
    cr_assert_eq(view_build(&w.members, &w.table, w.cache, &w.options, &w.arena, &v), 0);
    cr_expect_str_eq(v.nodes[0].doc.name, "01000000000000000000000000000000");
    cr_expect_str_eq(v.nodes[0].namesake, "db1");
    cr_expect_str_eq(v.nodes[1].doc.name, "db1");
    cr_expect_null(v.nodes[1].namesake);
    cr_expect_str_eq(v.nodes[2].namesake, "db1");
    cr_expect_str_eq(v.nodes[3].namesake, "db1");
    /* What is kept for a dead node may be bound to its name. */
    w.options.is_takeover_held = true;
    cr_assert_eq(view_build(&w.members, &w.table, w.cache, &w.options, &w.arena, &v), 0);
    cr_expect_str_eq(v.nodes[2].doc.name, "db1");
    cr_expect_str_eq(v.nodes[1].doc.name, "02000000000000000000000000000000");
    world_fini(&w);
}
