/* Any bytes are a document or are refused with a complaint, and both can be shown. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "core/doc.h"
#include "core/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t walk(const struct doc *d, unsigned depth)
{
    static const char *const words[] = {"job", "count", "task", "constraints", NULL};
    uint64_t number;
    uint32_t milli;
    bool truth;
    assert(depth <= 64);
    if (d->kind == DOC_SCALAR) {
        (void)text_duration_ms(d->text, &number);
        (void)text_size_bytes(d->text, &number);
        (void)text_cpu_milli(d->text, &milli);
        (void)text_uint(d->text, UINT64_MAX, &number);
        (void)text_bool(d->text, &truth);
        (void)did_you_mean(d->text, words);
    }
    size_t n = 1, n_children = 0;
    for (const struct doc *c = d->child; c; c = c->next, n_children++) {
        assert((c->key != NULL) == (d->kind == DOC_MAP));
        n += walk(c, depth + 1);
    }
    assert(n_children == d->n);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct bytes text = {data, size};
    struct doc *docs = NULL;
    size_t n_docs = 0, n = 0;
    arena_init(&arena, 64 << 20);
    struct complaints complaints = {.arena = &arena};
    int result = doc_read(text, &arena, &complaints, &docs, &n_docs);
    assert((result == 0) == (complaints.n == 0));
    assert(result == 0 || result == ERR_MALFORMED || result == ERR_BOUND);
    for (size_t i = 0; i < n_docs; i++)
        n += walk(&docs[i], 1);
    assert(n <= 110000);
    const char *shown = complaints_text(&complaints, "f", text, &arena);
    assert(shown && strlen(shown) < 64 * 1024);
    arena_fini(&arena);
    return 0;
}
