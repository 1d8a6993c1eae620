/* What is kept of the text that a version was submitted as. */
#include "agent/submitted.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/rng.h"
#include "core/squeeze.h"
#include "proto/record.h"

struct fixture {
    struct arena arena;
    struct complaints complaints;
    struct jobfile file;
    struct bytes *texts;
};

static void pack(struct fixture *f, struct bytes text)
{
    *f = (struct fixture){0};
    arena_init(&f->arena, 0);
    f->complaints.arena = &f->arena;
    cr_assert_eq(jobfile_read(text, &f->arena, &f->complaints, &f->file), 0, "%s",
                 f->complaints.n ? f->complaints.list[0].text : "");
    f->texts = submitted_pack(text, &f->file, &f->arena);
    cr_assert_not_null(f->texts);
}

static bool shows_default(const void *who, const char *ns)
{
    (void)who;
    return strcmp(ns, "default") == 0;
}

Test(submitted, comes_back_byte_for_byte)
{
    static const char *const rows[] = {
        "# mine\njob: a   # here\ntask: x\n",
        "\xef\xbb\xbfjob: a\r\ntask: 'x'\r\n",
        "{\"task\": \"x\",\n \"job\": \"a\"}",
        "params: {n: 2}\njob: a\ncount: ${{n}}\ntask: \xc3\xa4\n# end without a line end",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f;
        struct submitted s;
        pack(&f, bytes_of_text(rows[i]));
        cr_assert_eq(submitted_read(f.texts[0], shows_default, NULL, &f.arena, &s), 0, "%s", rows[i]);
        cr_expect(bytes_equal(s.text, bytes_of_text(rows[i])), "%s", rows[i]);
        cr_expect_str_eq(s.params, "");
        cr_expect_eq(s.n_jobs, 1);
        arena_fini(&f.arena);
    }
}

Test(submitted, each_job_has_the_file_that_it_came_from)
{
    struct fixture f;
    struct submitted s;
    pack(&f, bytes_of_text("{\"jobs\":[{\"job\":\"a\",\"task\":\"x\"},{\"job\":\"b\",\"task\":\"x\"},{\"job\":\"c\","
                           "\"task\":\"x\"}],\"x-submitted\":[{\"text\":\"# one\",\"jobs\":[\"default/b\","
                           "\"default/a\"],\"params\":\"k=v\"},{\"jobs\":[\"default/c\"]},[],{\"text\":{}}]}"));
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(submitted_read(f.texts[i], NULL, NULL, &f.arena, &s), 0);
        cr_expect(bytes_equal(s.text, bytes_of_text("# one")));
        cr_expect_str_eq(s.params, "k=v");
        cr_expect_eq(s.n_jobs, 2);
    }
    cr_expect_eq(submitted_read(f.texts[2], NULL, NULL, &f.arena, &s), ERR_NOT_FOUND, "none was told");
    arena_fini(&f.arena);
}

Test(submitted, what_has_jobs_of_other_namespaces_is_not_for_everybody)
{
    struct fixture f;
    struct submitted s;
    pack(&f, bytes_of_text("jobs: [{job: a, task: x}, {job: b, namespace: shop, task: x}]"));
    cr_expect_eq(submitted_read(f.texts[0], shows_default, NULL, &f.arena, &s), ERR_DENIED);
    cr_expect_eq(submitted_read(f.texts[1], shows_default, NULL, &f.arena, &s), 0,
                 "who may read its own namespace is known to");
    cr_expect_eq(submitted_read(f.texts[0], NULL, NULL, &f.arena, &s), 0);
    arena_fini(&f.arena);
}

/* The bounds: one entry, all of a submission, and namespaces. */
Test(submitted, what_takes_too_much_is_not_kept_and_its_jobs_are_taken)
{
    static char text[400000];
    struct rng rng;
    struct fixture f;
    rng_init(&rng, 7);
    size_t len = (size_t)snprintf(text, sizeof(text), "job: a\ntask: x\n");
    while (len < 200000) /* comments that cannot be squeezed */
        len += (size_t)snprintf(text + len, sizeof(text) - len, "# %016llx%016llx\n",
                                (unsigned long long)rng_next(&rng), (unsigned long long)rng_next(&rng));
    pack(&f, bytes_of_text(text));
    cr_expect_eq(f.texts[0].len, 0);
    arena_fini(&f.arena);
    len = (size_t)snprintf(text, sizeof(text), "jobs:\n");
    for (int i = 0; i < 40; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "- {job: j%d, task: x} # %0512llx\n", i,
                                (unsigned long long)rng_next(&rng));
    pack(&f, bytes_of_text(text));
    cr_expect_gt(f.texts[39].len, 0);
    arena_fini(&f.arena);
    while (len < 40000)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "# %016llx%016llx\n",
                                (unsigned long long)rng_next(&rng), (unsigned long long)rng_next(&rng));
    pack(&f, bytes_of_text(text));
    cr_expect_eq(f.texts[39].len, 0, "40 times as much is too much");
    arena_fini(&f.arena);
    len = (size_t)snprintf(text, sizeof(text), "jobs:\n");
    for (int i = 0; i < 17; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "- {job: j, namespace: n%d, task: x}\n", i);
    pack(&f, bytes_of_text(text));
    cr_expect_eq(f.texts[0].len, 0);
    arena_fini(&f.arena);
}

Test(submitted, what_is_damaged_or_newer_is_said_to_be)
{
    struct fixture f;
    struct submitted s;
    uint8_t buf[8192];
    pack(&f, bytes_of_text("job: a\ntask: x\n"));
    struct bytes good = f.texts[0];
    for (size_t i = 0; i < good.len; i++) { /* whatever a byte becomes, nothing is invented beyond a bound */
        memcpy(buf, good.at, good.len);
        buf[i] ^= 0x41;
        int status = submitted_read((struct bytes){buf, good.len}, NULL, NULL, &f.arena, &s);
        cr_expect(status != 0 || s.text.len <= JOBFILE_LEN_MAX);
        status = submitted_read((struct bytes){good.at, i}, NULL, NULL, &f.arena, &s);
        cr_expect_eq(status, i ? ERR_DAMAGED : ERR_NOT_FOUND);
    }
    struct text_doc doc = {.codec = 9, .len = 3, .packed = bytes_of_text("abc")};
    struct writer w = writer_of(buf, sizeof(buf));
    cr_assert_eq(record_encode_text(&doc, &w), 0);
    cr_expect_eq(submitted_read(writer_done(&w), NULL, NULL, &f.arena, &s), ERR_UNSUPPORTED);
    doc.codec = TEXT_ZSTD;
    w = writer_of(buf, sizeof(buf));
    cr_assert_eq(record_encode_text(&doc, &w), 0);
    cr_expect_eq(submitted_read(writer_done(&w), NULL, NULL, &f.arena, &s), ERR_DAMAGED);
    arena_fini(&f.arena);
}

Test(squeeze, gives_back_what_went_in_and_nothing_of_another_length)
{
    struct arena arena;
    struct bytes out;
    static uint8_t text[100000];
    arena_init(&arena, 0);
    struct bytes in = {text, sizeof(text)}, small = squeeze(in, &arena);
    cr_assert_lt(small.len, 1000);
    cr_assert_eq(unsqueeze(small, in.len, &arena, &out), 0);
    cr_expect(bytes_equal(in, out));
    cr_expect_eq(unsqueeze(small, in.len - 1, &arena, &out), ERR_MALFORMED);
    cr_expect_eq(unsqueeze(small, in.len + 1, &arena, &out), ERR_MALFORMED);
    cr_expect_eq(unsqueeze(bytes_of_text("no such thing"), 5, &arena, &out), ERR_MALFORMED);
    struct bytes none = squeeze((struct bytes){text, 0}, &arena);
    cr_assert_eq(unsqueeze(none, 0, &arena, &out), 0);
    arena_fini(&arena);
}
