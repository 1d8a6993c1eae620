/* Documents: what the tree looks like, where things stood, what is refused and with what
 * words. A tree is printed in one line, `{key: 'quoted', list: [plain]}`, and compared.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "core/doc.h"
#include "core/err.h"

struct fixture {
    struct arena arena;
    struct complaints complaints;
    struct doc *docs;
    size_t n;
    int result;
};

static void fixture_read(struct fixture *f, struct bytes text)
{
    *f = (struct fixture){0};
    arena_init(&f->arena, 64 << 20);
    f->complaints.arena = &f->arena;
    f->result = doc_read(text, &f->arena, &f->complaints, &f->docs, &f->n);
    cr_assert_eq(f->result != 0, f->complaints.n > 0, "every refusal says why");
}

static void print_tree(FILE *out, const struct doc *d)
{
    if (d->kind == DOC_SCALAR) {
        fprintf(out, d->is_quoted ? "'%s'" : "%s", d->text);
        return;
    }
    fputc(d->kind == DOC_MAP ? '{' : '[', out);
    size_t n = 0;
    for (const struct doc *c = d->child; c; c = c->next, n++) {
        fputs(n > 0 ? ", " : "", out);
        cr_assert_eq(c->key != NULL, d->kind == DOC_MAP);
        if (d->kind == DOC_MAP)
            fprintf(out, "%s: ", c->key);
        print_tree(out, c);
    }
    cr_assert_eq(n, d->n);
    fputc(d->kind == DOC_MAP ? '}' : ']', out);
}

/* All documents of `text` in one line, or its first complaint as `line:column: words`. */
static void show(const char *text, char *out, size_t cap)
{
    struct fixture f;
    fixture_read(&f, bytes_of_text(text));
    FILE *to = fmemopen(out, cap, "w");
    const struct complaint *c = &f.complaints.list[0];
    if (f.result != 0)
        fprintf(to, "%u:%u: %s", c->line, c->column, c->text);
    for (size_t i = 0; f.result == 0 && i < f.n; i++) {
        fputs(i > 0 ? " --- " : "", to);
        print_tree(to, &f.docs[i]);
        cr_assert_eq(f.docs[i].next, i + 1 < f.n ? &f.docs[i + 1] : NULL);
    }
    fputc('\0', to);
    fclose(to);
    arena_fini(&f.arena);
}

struct row {
    const char *text, *shown;
};

static void check(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char shown[4096];
        show(rows[i].text, shown, sizeof(shown));
        cr_assert_str_eq(shown, rows[i].shown, "%s\n->\n%s", rows[i].text, shown);
    }
}

Test(doc, every_scalar_is_text_and_order_is_kept)
{
    static const struct row rows[] = {
        {"job: web\ncount: 3\ndebug: no\n", "{job: web, count: 3, debug: no}"},
        {"a: [x, 'y', \"z\"]\nb: {c: ~, d: }", "{a: [x, 'y', 'z'], b: {c: ~, d: }}"},
        {"a: |\n  one\n  two\nb: >\n  x\n  y\n", "{a: 'one\ntwo\n', b: 'x y\n'}"},
        {"- 1\n- - 2\n  - 3\n", "[1, [2, 3]]"},
        {"z: 1\na: 2\nm: 3\n", "{z: 1, a: 2, m: 3}"},
        {"a: 1 # c\n# d\n", "{a: 1}"},
        {"", ""},
        {"# nothing\n", ""},
        {"---\n---\na: 1\n---\nb: 2\n...\n", "{a: 1} --- {b: 2}"},
        {"\xef\xbb\xbf"
         "a: 1",
         "{a: 1}"},
        {"a: ''", "{a: ''}"},
        {"text", "text"},
    };
    check(rows, sizeof(rows) / sizeof(rows[0]));
}

Test(doc, json_is_read_as_it_is)
{
    static const struct row rows[] = {
        {"{\"job\":\"web\",\"count\":3,\"ok\":true,\"l\":[1,{\"a\":null}],\"e\":{},\"f\":"
         "[]}",
         "{job: 'web', count: 3, ok: true, l: [1, {a: null}], e: {}, f: []}"},
        {"{\n\t\"a\": \"b\\/c\\u00e9\\n\",\n\t\"d\": -1.5e3\n}\n",
         "{a: 'b/c\xc3\xa9\n', d: -1.5e3}"},
        {"[]", "[]"},
        {"\"x\"", "'x'"},
    };
    check(rows, sizeof(rows) / sizeof(rows[0]));
}

/* What YAML would make otherwise of the same bytes. */
Test(doc, json_is_read_by_its_own_rules)
{
    static const struct row rows[] = {
        {"{\"job\"\n:\"a\"\n,\n\"n\" : 1}", "{job: 'a', n: 1}"},
        {"{\"a\":\"\\ud83d\\ude00\\b\\f\\r\"}", "{a: '\xf0\x9f\x98\x80\b\f\r'}"},
        {"{\"n\":123456789012345678901234567890,\"e\":1E+2,\"z\":-0.0}",
         "{n: 123456789012345678901234567890, e: 1E+2, z: -0.0}"},
        {"\xef\xbb\xbf{\"a\":[],\"b\":\"a: b # c\"}", "{a: [], b: 'a: b # c'}"},
        {"[{\"a\":\"\\u0041\"}]\r\n", "[{a: 'A'}]"},
        {"{\"<<\":{\"a\":1}}", "{<<: {a: 1}}"},
        {"{\"a\":1}\n---\n{\"b\":2}\n", "{a: 1} --- {b: 2}"},
    };
    check(rows, sizeof(rows) / sizeof(rows[0]));
}

Test(doc, what_is_no_json_is_said_where_it_is)
{
    static const struct row rows[] = {
        {"{\"a\":1,}", "1:7: a comma before '}': JSON allows none there"},
        {"{\"a\":[1,\n2,]}", "2:2: a comma before ']': JSON allows none there"},
        {"{\"a\":1,\n\"b\":2,\"a\":3}", "2:7: key 'a' is here twice, first on line 1"},
        {"{\"a\":1 // one\n}",
         "1:8: a comment: JSON has none; take it out, or write YAML"},
        {"{\"a\":1 \"b\":2}", "1:8: JSON wants ',' or '}' here, not '\"'"},
        {"{\"a\" 1}", "1:6: JSON wants ':' after a key here, not '1'"},
        {"{\"a\":x y}", "1:6: JSON wants a value here, and a text in quotes, not 'x'"},
        {"{\"a\":01}", "1:6: JSON wants a value here, and a text in quotes, not '01'"},
        {"{\"a\":1,b:2}", "1:8: JSON wants a key in quotes here, not 'b'"},
        {"{\"a\":'x'}", "1:6: JSON wants a value; its quotes are \""},
        {"{\"a\":\"x\n\"}", "1:6: this quote is not closed"},
        {"{\"a\":\"x", "1:6: this quote is not closed"},
        {"{\"a\":\"\t\"}",
         "1:7: a control character in a text: JSON wants \\t, \\n or \\u00XX"},
        {"{\"a\":\"\\x41\"}",
         "1:7: JSON has no such escape: for a backslash write two of them"},
        {"{\"a\":\"\\ud83dx\"}", "1:7: half a surrogate pair is no character"},
        {"{\"a\":\"\\ude00\"}", "1:7: half a surrogate pair is no character"},
        {"{\"a\":\"\\u0000\"}", "1:7: a NUL character in a text"},
        {"{\"a\":\"\xff\"}", "1:7: this is not UTF-8"},
        {"{\"a\":{\"b\":1", "1:6: this '{' is not closed"},
        {"{\"a\":\"\xc3\xa9\",\n \"\xc3\xa9\xc3\xa9\": ]}",
         "2:8: JSON wants a value here, not ']'"},
        {"{\"a\":", "1:6: the text ends here: JSON wants a value"},
    };
    check(rows, sizeof(rows) / sizeof(rows[0]));
}

Test(doc, a_byte_order_mark_is_no_part_of_a_document)
{
    struct fixture f;
    fixture_read(&f, bytes_of_text("\xef\xbb\xbfjob: a\ntask:\n  command: x\n"));
    cr_assert_eq(f.result, 0);
    cr_expect_eq(f.docs->child->key_column, 1);
    cr_expect_eq(f.docs->child->key_line, 1);
    arena_fini(&f.arena);
    fixture_read(&f, bytes_of_text("\xef\xbb\xbf{\"a\":1}"));
    cr_assert_eq(f.result, 0);
    cr_expect_eq(f.docs->child->key_column, 2);
    arena_fini(&f.arena);
}

Test(doc, a_fault_within_an_anchor_is_told_once)
{
    struct fixture f;
    fixture_read(&f, bytes_of_text("a: 1\n"));
    complain(&f.complaints, 1, 2, "wrong");
    complain(&f.complaints, 1, 2, "wrong");
    complain(&f.complaints, 1, 2, "wrong, too");
    cr_expect_eq(f.complaints.n, 2);
    arena_fini(&f.arena);
}

Test(doc, aliases_are_copies_and_merges_lose_to_what_is_there)
{
    static const struct row rows[] = {
        {"a: &x {k: 1}\nb: *x\nc: [*x, *x]",
         "{a: {k: 1}, b: {k: 1}, c: [{k: 1}, {k: 1}]}"},
        {"b: &b {k: 1, l: 2}\nw:\n  <<: *b\n  l: 3\n",
         "{b: {k: 1, l: 2}, w: {l: 3, k: 1}}"},
        {"w: {l: 3, <<: {l: 4, m: 5}}", "{w: {l: 3, m: 5}}"},
        {"w: {<<: [{a: 1}, {a: 2, b: 2}], c: 3}", "{w: {c: 3, a: 1, b: 2}}"},
        {"w: {<<: &x {a: 1}, b: 2}\nv: *x\nu: {<<: *x, a: 0}",
         "{w: {b: 2, a: 1}, v: {a: 1}, u: {a: 0}}"},
        {"w: {<<: &x {a: 1}, <<: {b: 1}}\nv: *x", "{w: {a: 1, b: 1}, v: {a: 1}}"},
        {"a: &x 1\nb: &x 2\nc: *x", "{a: 1, b: 2, c: 2}"},
        {"a: &x key\n*x : 1", "{a: key, key: 1}"},
        {"w: {\"<<\": 1}", "{w: {<<: 1}}"},
    };
    check(rows, sizeof(rows) / sizeof(rows[0]));
}

Test(doc, what_is_wrong_is_said_with_its_place)
{
    static const struct row rows[] = {
        {"a: 1\nb: 2\na: 3\n", "3:1: key 'a' is here twice, first on line 1"},
        {"x: {a: 1, \"a\": 2}", "1:11: key 'a' is here twice, first on line 1"},
        {"a: !!str 1",
         "1:4: tags (tag:yaml.org,2002:str) are not used here: a value's type comes "
         "from its key"},
        {"a: !x [1]",
         "1:4: tags (!x) are not used here: a value's type comes from its key"},
        {"!x {a: 1}",
         "1:1: tags (!x) are not used here: a value's type comes from its key"},
        {"a: *b", "1:4: nothing above is called &b"},
        {"a: &x [*x]", "1:8: nothing above is called &x"},
        {"a: &x 1\n---\nb: *x", "3:4: nothing above is called &x"},
        {"<<: 1", "1:5: << merges a map or a list of maps"},
        {"<<: [{a: 1}, 2]", "1:5: << merges a map or a list of maps"},
        {"[a]: 1", "1:1: a key must be a text"},
        {"? {a: 1}\n: 2", "1:3: a key must be a text"},
        {"a: \"x\\0y\"", "1:4: a NUL character in a text"},
        {"a: [1, 2", "1:4: this '[' is not closed"},
        {"a: {b: 1\nc: 2\n", "2:2: wants ',' or '}' here: the '{' of line 1 is open"},
        {"a: {b: 1,\n# c\n\n", "1:4: this '{' is not closed"},
        {"a: {k: #x}\n", "1:4: this '{' is not closed"},
        {"a: [x, \"9]\nb: 1\nc: 2\n", "1:8: this quote is not closed"},
        {"a: 'x\nb: 1\n", "1:4: this quote is not closed"},
        {"a: 1\n\tb: 2", "2:1: a tab: YAML wants spaces for indentation"},
        {"a:\n\tb: 2", "2:1: a tab: YAML wants spaces for indentation"},
        {"a: @x", "1:4: no text begins with '@' unless it is in quotes"},
        {"a: b: c", "1:5: a second ':' in this line: put the text in quotes, or the key "
                    "on a line of its "
                    "own"},
        {"a: 1\n  b: 2\n", "2:4: a second ':' in this line: put the text in quotes, or "
                           "the key on a line of its "
                           "own"},
        {"a: \"\\d\"",
         "1:5: no such escape: within \"...\" a backslash is written \\\\, or use '...'"},
        {"a: 1\nb: \xff\n", "2:4: this is not UTF-8"},
        {"a: 1\nb: x\x01\n",
         "2:5: a control character: write it as an escape within \"...\""},
    };
    check(rows, sizeof(rows) / sizeof(rows[0]));
}

Test(doc, several_mistakes_are_told_at_once)
{
    struct fixture f;
    fixture_read(&f, bytes_of_text("a: *x\nb: !t 1\nb: 2\n[c]: 1\nd: 1\n"));
    cr_assert_eq(f.result, ERR_MALFORMED);
    cr_assert_eq(f.complaints.n, 4);
    arena_fini(&f.arena);
}

Test(doc, places_count_from_one_in_characters)
{
    struct fixture f;
    fixture_read(&f, bytes_of_text("job: web\ntask:\n  \xc3\xa9nv: {A: b}\n"));
    cr_assert_eq(f.result, 0);
    const struct doc *task = doc_find(f.docs, "task");
    const struct doc *env = doc_find(task, "\xc3\xa9nv");
    const struct doc *a = doc_find(env, "A");
    cr_assert_eq(task->key_line * 100 + task->key_column, 201);
    cr_assert_eq(env->key_line * 100 + env->key_column, 303);
    cr_assert_eq(env->line * 100 + env->column, 308);
    cr_assert_eq(a->line * 100 + a->column, 312);
    cr_assert_null(doc_find(task, "nope"));
    cr_assert_null(doc_find(a, "scalar"));
    cr_assert_null(doc_find(NULL, "a"));
    arena_fini(&f.arena);
}

static int result_of(const char *text, size_t len)
{
    struct fixture f;
    fixture_read(&f, (struct bytes){(const uint8_t *)text, len});
    arena_fini(&f.arena);
    return f.result;
}

Test(doc, depth_ends_at_64_also_through_aliases)
{
    char text[256];
    for (int depth = 62; depth < 68; depth++) {
        int len = 0;
        for (int i = 1; i < depth; i++)
            text[len++] = '[';
        text[len++] = 'x';
        for (int i = 1; i < depth; i++)
            text[len++] = ']';
        cr_assert_eq(result_of(text, (size_t)len), depth <= 64 ? 0 : ERR_BOUND, "%d",
                     depth);
    }
    /* Each level holds the one before: 70 levels in a text that is never deeper than two.
     */
    char chain[4096] = "- &a0 [x]\n";
    for (int i = 1; i < 70; i++)
        (void)snprintf(chain + strlen(chain), sizeof(chain) - strlen(chain),
                       "- &a%d [*a%d]\n", i, i - 1);
    cr_assert_eq(result_of(chain, strlen(chain)), ERR_BOUND);
}

Test(doc, a_billion_laughs_end_early)
{
    char text[4096] = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 10; i++) {
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "a%d: &a%d [", i,
                       i);
        for (int j = 0; j < 10; j++)
            (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s*a%d",
                           j > 0 ? ", " : "", i - 1);
        strcat(text, "]\n");
    }
    cr_assert_eq(result_of(text, strlen(text)), ERR_BOUND);
}

/* `n` times `piece`, whose %d is the number, between `head` and `tail`. */
static char *repeated(const char *head, const char *piece, int n, const char *tail)
{
    char *text;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    fputs(head, to);
    for (int i = 0; i < n; i++)
        fprintf(to, "%.*s%d%s", (int)strcspn(piece, "%"), piece, i,
                strchr(piece, '%') + 1);
    fputs(tail, to);
    fclose(to);
    return text;
}

Test(doc, limits_of_size_nodes_and_anchors_hold)
{
    char *big = calloc(1, (1 << 20) + 1);
    memset(big, '#', (1 << 20) + 1);
    cr_assert_eq(result_of(big, 1 << 20), 0);
    cr_assert_eq(result_of(big, (1 << 20) + 1), ERR_BOUND);
    free(big);
    static const struct {
        const char *head, *piece, *tail;
        int n, result;
    } rows[] = {
        {"[", "%,", "]", 99999, 0},
        {"[", "%,", "]", 100000, ERR_BOUND},
        {"{", "%: 1,", "}", 80000, 0},
        {"{", "%: 1,", "}", 100000, ERR_BOUND},
        {"[", "&x% 1,", "]", 1000, 0},
        {"[", "&x% 1,", "]", 1001, ERR_BOUND},
        {"a: &x [1, 2]\nb: [", "*x,%,", "]", 24998, 0},
        {"a: &x [1, 2]\nb: [", "*x,%,", "]", 24999, ERR_BOUND},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *text = repeated(rows[i].head, rows[i].piece, rows[i].n, rows[i].tail);
        cr_assert_eq(result_of(text, strlen(text)), rows[i].result, "row %zu", i);
        free(text);
    }
}

Test(doc, a_small_arena_is_a_bound_and_not_a_crash)
{
    static const char text[] =
        "a: &x {b: [1, 2, 'three'], c: {d: e}}\nf: {<<: *x, b: 2}\n";
    for (size_t limit = 1; limit < 8000; limit += 16) {
        struct arena arena, words;
        arena_init(&arena, limit);
        arena_init(&words, 0);
        struct complaints c = {.arena = &words};
        struct doc *docs = NULL;
        size_t n = 0;
        int result = doc_read(bytes_of_text(text), &arena, &c, &docs, &n);
        cr_assert(result == 0 || result == ERR_BOUND);
        cr_assert_eq(result == 0, docs != NULL);
        arena_fini(&arena);
        arena_fini(&words);
    }
}

Test(doc, every_truncation_is_read_or_refused)
{
    static const char text[] =
        "job: \"web\"\ncount: &n 3\nm: {<<: {a: *n}, 'b': [x, |\n ]}\n"
        "t: |\n  line\n...\n---\n? x\n: y\n";
    for (size_t len = 0; len < sizeof(text); len++)
        (void)result_of(text, len);
}
