/* See shim_value.h. */
#include "isolate/shim_value.h"

#include <errno.h>
#include <string.h>

#include "core/err.h"

void value_put_text(struct writer *w, const char *text)
{
    struct bytes in = bytes_of_text(text);
    writer_u32(w, (uint32_t)in.len);
    writer_bytes(w, in);
}

void value_put_pairs(struct writer *w, const struct pair *pairs, size_t n)
{
    writer_u32(w, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        value_put_text(w, pairs[i].key);
        value_put_text(w, pairs[i].value);
    }
}

void value_put_texts(struct writer *w, const char *const *texts, size_t n)
{
    writer_u32(w, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        value_put_text(w, texts[i]);
}

const char *value_text_of(struct value_reader *d, struct bytes in)
{
    if (in.len && memchr(in.at, 0, in.len))
        reader_fail(&d->r, ERR_MALFORMED);
    const char *text = arena_text_of(d->arena, in);
    if (!text) {
        reader_fail(&d->r, -ENOMEM);
        return "";
    }
    return text;
}

const char *value_text(struct value_reader *d)
{
    struct bytes in = reader_take(&d->r, reader_u32(&d->r));
    return value_text_of(d, in);
}

static size_t take_count(struct value_reader *d, size_t max)
{
    uint32_t n = reader_u32(&d->r);
    if (n > max)
        reader_fail(&d->r, ERR_BOUND);
    return reader_error(&d->r) ? 0 : n;
}

static void *take_array(struct value_reader *d, size_t n, size_t size)
{
    void *array = arena_array(d->arena, n, size);
    if (!array)
        reader_fail(&d->r, -ENOMEM);
    return array;
}

const char *const *value_texts(struct value_reader *d, size_t max, size_t *ret_n)
{
    size_t n = take_count(d, max);
    const char **texts = take_array(d, n + 1, sizeof(*texts));
    for (size_t i = 0; texts && i < n; i++)
        texts[i] = value_text(d);
    *ret_n = texts ? n : 0;
    return texts;
}

const struct pair *value_pairs(struct value_reader *d, size_t max, size_t *ret_n)
{
    size_t n = take_count(d, max);
    struct pair *pairs = take_array(d, n + 1, sizeof(*pairs));
    for (size_t i = 0; pairs && i < n; i++) {
        pairs[i].key = value_text(d);
        pairs[i].value = value_text(d);
    }
    *ret_n = pairs ? n : 0;
    return pairs;
}

const uint16_t *value_ports(struct value_reader *d, size_t *ret_n)
{
    size_t n = take_count(d, PORTS_MAX);
    uint16_t *ports = take_array(d, n + 1, sizeof(*ports));
    for (size_t i = 0; ports && i < n; i++)
        ports[i] = reader_u16(&d->r);
    *ret_n = ports ? n : 0;
    return ports;
}
